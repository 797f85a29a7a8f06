"""The novice from nothing, and the born seer: `main.py pretrain --out DIR [--seer]`.

One reproducible command (the same bits on one kind of CPU; a GPU if there is one): word tokenizer from the realm's
rules, a small Llama, the curriculum, checkpoints that resume exactly, a Hugging Face folder in bfloat16 with its card.
A seer of the same seed begins from the same weights and reads the same batches in the same order.
"""

import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from pathlib import Path
from random import Random
from typing import Any

import torch
from tokenizers import Tokenizer
from tokenizers.models import WordLevel
from tokenizers.pre_tokenizers import WhitespaceSplit
from torch import Tensor
from transformers import LlamaConfig, LlamaForCausalLM, PreTrainedTokenizerFast

from game.realm.rules import Rules
from game.realm.rules import load as load_rules
from perception.model import Model
from training.data.curriculum import COPY, FINAL, PARTS, Batch, batch, untaught_kinds, vocabulary
from training.novice.checkpoint import CHECKPOINT, load_checkpoint, save_checkpoint
from training.novice.objective import copy_loss, lore_and_stories_loss, scene_loss
from training.novice.trace_vectors import TraceVectors

WINDOW = 1024  # positions; a whole scene is about 160 tokens
SOLVED = 0.93  # moving accuracy at which copying is left, prototypes/README.md
FAIR = 0.75  # and at which a later stage may be left, when its steps are over
LASTS = {0: 120, 1: 100, 2: 120, 3: 250, 4: 300}  # steps of a stage, the same for novice and seer
MASK_POOL = 2**21  # numbers drawn for a step's masks
FIRM = 2  # the first stage with dropout and trace vectors; the ones before are hard enough without
SMOOTH = 0.97  # of the moving accuracy
CURVE_EVERY = 10  # steps between two points of the curve


@dataclass(frozen=True)
class PretrainConfig:
    """Everything that decides a novice. steps: in the last stage; the earlier ones last until they are solved."""

    layers: int = 8
    heads: int = 8
    hidden: int = 128
    head_dim: int = 32  # chosen by the table in docs/RESULTS.md
    mlp: int = 320
    lr: float = 2e-3
    decay: float = 0.1
    dropout: float = 0.1  # of what attention and MLPs write, see `dropped`
    neuron_dropout: float = 0.1  # of the MLPs' neurons
    trace_vectors: bool = True  # traces of one kind share a part of their vectors, training.novice.trace_vectors
    batch: int = 16
    steps: int = 3600
    most_steps: int = 8000  # give up after so many before the last stage
    save_every: int = 200  # steps between checkpoints
    seed: int = 0
    seer: bool = False  # born seeing: answers about spirits are true
    without: str = ""  # an ablation, of training.data.curriculum.PARTS

    def check(self) -> None:
        """Raises ValueError in one line, before anything is made."""
        for name in ("layers", "heads", "hidden", "head_dim", "mlp", "batch", "steps"):
            if getattr(self, name) < 1:
                raise ValueError(f"--{name.replace('_', '-')} {getattr(self, name)}: must be at least 1")
        if self.hidden % self.heads:
            raise ValueError(f"--hidden {self.hidden}: {self.heads} heads don't divide it; give a multiple")
        if self.head_dim % 2:
            raise ValueError(f"--head-dim {self.head_dim}: rotary positions turn pairs; give an even number")
        if not 0 <= self.seed < 2**63:
            raise ValueError(f"--seed {self.seed}: must lie between 0 and 2**63 - 1")
        if not 0 < self.lr < 1:
            raise ValueError(f"--lr {self.lr}: must lie between 0 and 1")


@dataclass
class State:
    """Where a pretraining stands; goes into every checkpoint."""

    step: int = 0
    stage: int = COPY
    accuracy: float = 0.0  # moving average over the answers
    stage_step: int = 0  # steps since the stage began
    seconds: float = 0.0
    stages: list[int] = field(default_factory=list)  # the step at which each stage but the first began
    curve: list[dict[str, float]] = field(default_factory=list)  # a point every CURVE_EVERY steps: means since the last
    since: dict[str, float] = field(default_factory=dict)  # sums for the next point

    def note(self, loss: float, accuracies: dict[str, float]) -> None:
        """One step more, with its loss (nats) and accuracies."""
        self.step, self.stage_step = self.step + 1, self.stage_step + 1
        self.accuracy = SMOOTH * self.accuracy + (1 - SMOOTH) * accuracies["scenes"]
        for name, value in {"steps": 1, "loss": loss, **accuracies}.items():
            self.since[name] = self.since.get(name, 0) + value
        if self.step % CURVE_EVERY == 0:
            steps = self.since.pop("steps")
            point = {name: round(value / steps, 5) for name, value in self.since.items()}
            self.curve.append({"step": self.step, "stage": self.stage, "seconds": round(self.seconds, 1), **point})
            self.since = {}

    def move_on(self) -> bool:
        """To the next stage, if this one is well in hand and has lasted long enough; whether it was."""
        bar = SOLVED if self.stage == COPY else FAIR
        ready = self.accuracy > bar and self.stage < FINAL and self.stage_step >= LASTS.get(self.stage, 0)
        if ready:
            self.stage, self.stage_step, self.accuracy = self.stage + 1, 0, 0.3
            self.stages.append(self.step)
            self.since = {}
        return ready


def build_tokenizer(rules: Rules) -> PreTrainedTokenizerFast:
    """One token per word of the terse tongue."""
    words = Tokenizer(WordLevel({word: index for index, word in enumerate(vocabulary(rules))}, unk_token="<unk>"))
    words.pre_tokenizer = WhitespaceSplit()
    return PreTrainedTokenizerFast(
        tokenizer_object=words, pad_token="<pad>", unk_token="<unk>", eos_token="<eos>", model_max_length=WINDOW
    )


def build_net(config: PretrainConfig, vocabulary_size: int) -> LlamaForCausalLM:
    """A Llama of the given shape, initialised from the config's seed alone."""
    torch.manual_seed(config.seed)
    return LlamaForCausalLM(
        LlamaConfig(
            vocab_size=vocabulary_size,
            hidden_size=config.hidden,
            head_dim=config.head_dim,
            intermediate_size=config.mlp,
            num_hidden_layers=config.layers,
            num_attention_heads=config.heads,
            num_key_value_heads=config.heads,
            max_position_embeddings=WINDOW,
            tie_word_embeddings=True,
            pad_token_id=0,
            bos_token_id=None,
            eos_token_id=2,
            tongue="terse",
            untaught=list(PARTS.get(config.without, ())),
        )
    )


def _left(config: PretrainConfig, state: State) -> float:
    """What the rate is multiplied by: 1, and in the second half of the last stage falling linearly to 2 %."""
    left = 1 - state.stage_step / config.steps if state.stage == FINAL else 1.0
    return max(0.02, min(1.0, 2 * left))


def _rate(config: PretrainConfig, state: State) -> float:
    """Warm up over 100 steps; fall as `_left` says."""
    return config.lr * min(1.0, (state.step + 1) / 100) * _left(config, state)


class Masks:
    """Dropout masks, cut at random places out of one draw a step: to draw each anew took as long as the rest of it."""

    def __init__(self, share: float, seed: str, device: torch.device) -> None:
        self._rng = Random(seed)
        generator = torch.Generator().manual_seed(self._rng.getrandbits(63))
        mask = torch.rand(MASK_POOL, generator=generator) >= share
        self._pool = (mask.float() / (1 - share)).to(device)

    def __call__(self, x: Tensor) -> Tensor:
        """`x` with this share of its numbers left out, and the others as much larger."""
        pool = self._pool.repeat(x.numel() // MASK_POOL + 1) if x.numel() > MASK_POOL else self._pool
        start = self._rng.randrange(len(pool) - x.numel() + 1)
        return x * pool[start : start + x.numel()].view(x.shape)


@contextmanager
def dropped(net: LlamaForCausalLM, config: PretrainConfig, state: State) -> Iterator[None]:
    """Dropout while the block runs, of what attention and MLPs write and of the MLPs' neurons.

    From stage FIRM on, until the rate falls: it helps to find circuits that hold for new pairs of traces and new
    forms of talk; to count exactly, the novice then needs all it has (docs/LOG.md). The same seed and step leave out
    the same.
    """
    hooks = []
    if state.stage >= FIRM and _left(config, state) == 1:
        seed = f"{config.seed}/dropout/{state.step}"
        written = Masks(config.dropout, seed, net.device)
        neurons = Masks(config.neuron_dropout, f"{seed}/neurons", net.device)
        for layer in net.model.layers:
            mlp = layer.mlp.down_proj
            hooks += [
                layer.self_attn.o_proj.register_forward_hook(lambda _module, _x, y: written(y)),
                mlp.register_forward_hook(lambda _module, _x, y: written(y)),
                mlp.register_forward_pre_hook(lambda _module, x: neurons(x[0])),
            ]
    try:
        yield
    finally:
        for hook in hooks:
            hook.remove()


def _step(
    net: LlamaForCausalLM, optimizer: torch.optim.Optimizer, data: Batch, stage: int
) -> tuple[float, dict[str, float]]:
    """One step of AdamW; loss (nats) and accuracies before it."""
    optimizer.zero_grad()
    parts = (copy_loss,) if stage == COPY else (scene_loss, lore_and_stories_loss)
    total = 0.0
    accuracies: dict[str, float] = {}
    for loss, shares in (part for loss_of in parts for part in loss_of(net, data)):
        loss.backward()
        total += float(loss.detach())
        for name, share in shares.items():
            accuracies[name] = accuracies.get(name, 0.0) + share
    torch.nn.utils.clip_grad_norm_(net.parameters(), 1.0)
    optimizer.step()
    return total, accuracies


def _drawn(config: PretrainConfig, state: State, rules: Rules, tokenizer: PreTrainedTokenizerFast) -> Batch:
    size, untaught = config.batch * (2 if state.stage < 3 else 1), PARTS.get(config.without, ())
    return batch(config.seed, state.step, state.stage, size, rules, tokenizer, config.seer, untaught)


def _stored(config: PretrainConfig) -> dict[str, Any]:
    """The config as checkpoints hold it: under the names that the first ones had."""
    stored = asdict(config)
    return stored | {"kinship": stored.pop("trace_vectors")}


def _checkpoint(
    work: Path,
    net: LlamaForCausalLM,
    optimizer: torch.optim.Optimizer,
    state: State,
    config: PretrainConfig,
    said: bool,
) -> str:
    """Save a checkpoint, or say why not, unless that was said of the one before. Returns what is wrong, or nothing."""
    try:
        save_checkpoint(work, net, optimizer, asdict(state), _stored(config))
    except OSError as error:
        if not said:
            print(f"pretrain: goes on, and tries again later: {error}", file=sys.stderr, flush=True)
        return str(error)
    return ""


def _check_solvable(config: PretrainConfig, state: State) -> None:
    """Raise ValueError where an early stage takes too long."""
    if state.stage != FINAL and state.step >= config.most_steps:
        why = f"stage {state.stage} unsolved after {state.step} steps"
        raise ValueError(f"pretrain: {why}; try another --lr or --seed")


def pretrain(
    config: PretrainConfig,
    work: Path,
    device: torch.device,
    report: Callable[[State, float], None],
    rules: Rules | None = None,
) -> Model:
    """Train (or resume) in `work`; report(state, loss) after every step, and where it resumes (loss NaN).

    A checkpoint that can't be written (a full disk) is said once on stderr; it goes on, and tries again at the next.
    The last state's curve holds the history. Raises ValueError for bad settings, checkpoints, and a stage unsolved.
    """
    config.check()
    tokenizer = build_tokenizer(rules := rules or load_rules())
    net = build_net(config, len(tokenizer)).to(device).train()
    optimizer = torch.optim.AdamW(net.parameters(), lr=config.lr, betas=(0.9, 0.98), weight_decay=config.decay)
    untaught = untaught_kinds(rules, PARTS.get(config.without, ()))
    trace_vectors, state = TraceVectors(net, tokenizer, rules, untaught), State()
    if (work / CHECKPOINT).exists():
        state = load_checkpoint(work, net, optimizer, _stored(config), State)
        report(state, float("nan"))
    began, fault = time.monotonic() - state.seconds, ""
    while not (state.stage == FINAL and state.stage_step >= config.steps):
        _check_solvable(config, state)
        for group in optimizer.param_groups:
            group["lr"] = _rate(config, state)
        data = _drawn(config, state, rules, tokenizer)
        with dropped(net, config, state):
            loss, accuracies = _step(net, optimizer, data, state.stage)
        state.seconds = time.monotonic() - began
        state.note(loss, accuracies)
        report(state, loss)
        moved = state.move_on()
        if config.trace_vectors and state.stage >= FIRM:
            trace_vectors.gather() if moved and state.stage == FIRM else trace_vectors.draw()
        if state.step % config.save_every == 0:
            fault = _checkpoint(work, net, optimizer, state, config, said=bool(fault))
    net.eval()
    return Model(net, tokenizer, "terse", "seer" if config.seer else "novice")
