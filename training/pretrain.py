"""The novice from nothing: `main.py pretrain --out DIR`.

One reproducible command on a CPU (a GPU if there is one): word tokenizer from the realm's rules, a small Llama, the
curriculum, checkpoints that resume exactly, a Hugging Face folder in bfloat16 with its card.
"""

import json
import os
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import load_file, save_file
from tokenizers import Tokenizer
from tokenizers.models import WordLevel
from tokenizers.pre_tokenizers import WhitespaceSplit
from torch import Tensor
from torch.nn.functional import cross_entropy
from transformers import LlamaConfig, LlamaForCausalLM, PreTrainedTokenizerFast

from game.realm.rules import Rules
from game.realm.rules import load as load_rules
from perception.model import Model
from perception.packing import Packed, pack
from training.curriculum import COPY, FINAL, Batch, batch, vocabulary

WINDOW = 1024  # positions; a whole scene is about 160 tokens
SOLVED = 0.93  # moving accuracy at which a stage is left, prototypes/README.md
CONTEXT_WEIGHT = 0.1  # of the loss on the context's own tokens


@dataclass(frozen=True)
class PretrainConfig:
    """Everything that decides a novice. steps: in the last stage; the earlier ones last until they are solved."""

    layers: int = 8
    heads: int = 8
    hidden: int = 128
    head_dim: int = 16  # chosen by the table in docs/RESULTS.md
    mlp: int = 320
    lr: float = 2e-3
    batch: int = 16
    steps: int = 1500
    most_steps: int = 8000  # give up after so many in all
    save_every: int = 200  # steps between checkpoints
    seed: int = 0


@dataclass
class State:
    """Where a pretraining stands; goes into every checkpoint."""

    step: int = 0
    stage: int = COPY
    accuracy: float = 0.0  # moving average over the answers
    stage_step: int = 0  # steps since the stage began
    seconds: float = 0.0


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
        )
    )


def whole_mask(packed: Packed) -> Tensor:
    """(B, 1, C + D, C + D) additive mask of contexts and decisions in one forward (nothing is frozen here)."""
    rows, width = packed.context_BC.shape
    length = width + packed.decision_BD.shape[1]
    mask = torch.full(
        (rows, 1, length, length), torch.finfo(packed.mask_B1DK.dtype).min, device=packed.mask_B1DK.device
    )
    mask[:, :, :width, :width].triu_(1)
    mask[:, :, width:] = packed.mask_B1DK
    return mask


def copy_loss(net: LlamaForCausalLM, data: Batch) -> tuple[Tensor, float]:
    """Loss and accuracy on the second half of repeated random sequences."""
    tokens_BT = torch.tensor(data.contexts, device=net.device)
    half = tokens_BT.shape[1] // 2
    logits = net(tokens_BT).logits[:, :-1]
    late, target = logits[:, half:].flatten(0, 1), tokens_BT[:, half + 1 :].flatten()
    loss = cross_entropy(late, target) + CONTEXT_WEIGHT * cross_entropy(
        logits.flatten(0, 1), tokens_BT[:, 1:].flatten()
    )
    return loss, float((late.argmax(-1) == target).float().mean())


def scene_loss(net: LlamaForCausalLM, data: Batch) -> tuple[Tensor, float]:
    """Loss and accuracy on the answers, plus a little of the loss on the contexts' own tokens."""
    packed = pack(data.contexts, data.decisions).to(net.device)
    width = packed.context_BC.shape[1]
    positions = torch.arange(width, device=net.device).expand_as(packed.context_BC)
    logits = net(
        input_ids=torch.cat([packed.context_BC, packed.decision_BD], 1),
        attention_mask=whole_mask(packed),
        position_ids=torch.cat([positions, packed.position_BD], 1),
        use_cache=False,
    ).logits
    answers = logits[packed.row_N, width + packed.column_N]
    told = packed.context_BC[:, 1:].masked_fill(positions[:, 1:] >= packed.lengths_B[:, None], -100)
    loss = cross_entropy(answers, packed.target_N) + CONTEXT_WEIGHT * cross_entropy(
        logits[:, : width - 1].flatten(0, 1), told.flatten()
    )
    return loss, float((answers.argmax(-1) == packed.target_N).float().mean())


def _rate(config: PretrainConfig, state: State) -> float:
    """Warm up over 100 steps; in the last stage fall linearly to 2 % over its second half."""
    rate = config.lr * min(1.0, (state.step + 1) / 100)
    if state.stage == FINAL:
        left = 1 - state.stage_step / config.steps
        rate *= max(0.02, min(1.0, 2 * left))
    return rate


def _save_checkpoint(
    folder: Path, net: LlamaForCausalLM, optimizer: torch.optim.Optimizer, state: State, config: PretrainConfig
) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    tensors = {f"net.{name}": tensor for name, tensor in net.state_dict().items() if name != "lm_head.weight"}
    for index, moments in optimizer.state_dict()["state"].items():
        tensors |= {f"adam.{index}.{name}": value for name, value in moments.items()}
    temporary = folder / "checkpoint.part"
    save_file(tensors, temporary, {"state": json.dumps(asdict(state)), "config": json.dumps(asdict(config))})
    with open(temporary, "rb+") as file:
        os.fsync(file.fileno())
    temporary.replace(folder / "checkpoint.safetensors")


def _load_checkpoint(
    file: Path, net: LlamaForCausalLM, optimizer: torch.optim.Optimizer, config: PretrainConfig
) -> State:
    try:
        with safe_open(file, "pt") as handle:
            notes = handle.metadata()
        tensors = load_file(file)
    except SafetensorError as error:
        raise ValueError(f"{file}: cannot be read ({error}); remove it to start anew") from error
    if json.loads(notes["config"]) != asdict(config):
        raise ValueError(f"{file}: made with other settings; give the same settings or another --out")
    net.load_state_dict({k[4:]: v for k, v in tensors.items() if k.startswith("net.")}, strict=False)
    whole = optimizer.state_dict()
    for name, tensor in tensors.items():
        if name.startswith("adam."):
            _, index, key = name.split(".")
            whole["state"].setdefault(int(index), {})[key] = tensor
    optimizer.load_state_dict(whole)
    return State(**json.loads(notes["state"]))


def _step(net: LlamaForCausalLM, optimizer: torch.optim.Optimizer, data: Batch, stage: int) -> tuple[float, float]:
    """One step of AdamW; loss (nats) and accuracy before it."""
    loss, accuracy = copy_loss(net, data) if stage == COPY else scene_loss(net, data)
    optimizer.zero_grad()
    loss.backward()
    torch.nn.utils.clip_grad_norm_(net.parameters(), 1.0)
    optimizer.step()
    return float(loss.detach()), accuracy


def pretrain(
    config: PretrainConfig,
    work: Path,
    device: torch.device,
    report: Callable[[State, float], None],
    rules: Rules | None = None,
) -> Model:
    """Train (or resume) in `work`; report(state, loss) after every step.

    Raises ValueError if a stage is not solved within most_steps.
    """
    rules = rules or load_rules()
    tokenizer = build_tokenizer(rules)
    net = build_net(config, len(tokenizer)).to(device).train()
    optimizer = torch.optim.AdamW(net.parameters(), lr=config.lr, betas=(0.9, 0.98), weight_decay=0.05)
    state = State()
    if (work / "checkpoint.safetensors").exists():
        state = _load_checkpoint(work / "checkpoint.safetensors", net, optimizer, config)
    began = time.monotonic() - state.seconds
    while not (state.stage == FINAL and state.stage_step >= config.steps):
        if state.step >= config.most_steps:
            raise ValueError(
                f"pretrain: stage {state.stage} unsolved after {state.step} steps; try another --lr or --seed"
            )
        for group in optimizer.param_groups:
            group["lr"] = _rate(config, state)
        size = config.batch * (2 if state.stage < 3 else 1)
        data = batch(config.seed, state.step, state.stage, size, rules, tokenizer)
        loss, accuracy = _step(net, optimizer, data, state.stage)
        state.step, state.stage_step = state.step + 1, state.stage_step + 1
        state.accuracy = 0.97 * state.accuracy + 0.03 * accuracy
        state.seconds = time.monotonic() - began
        report(state, loss)
        if state.accuracy > SOLVED and state.stage < FINAL:
            state.stage, state.stage_step, state.accuracy = state.stage + 1, 0, 0.3
        if state.step % config.save_every == 0:
            _save_checkpoint(work, net, optimizer, state, config)
    net.eval()
    return Model(net, tokenizer, "terse", "novice")
