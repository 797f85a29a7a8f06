"""Any Hugging Face causal language model: load, check, save, choose the device.

A folder is loaded from disk; a name on the hub is written `hub:org/name`, so that a mistyped folder is refused at
once. An ordinary folder's config.json may say `"tongue": "terse"`; without it a model is spoken to in plain English.
"""

import hashlib
import json
import os
import shutil
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor
from transformers import (
    AutoConfig,
    AutoModelForCausalLM,
    AutoTokenizer,
    PreTrainedModel,
    PreTrainedTokenizerBase,
    PreTrainedTokenizerFast,
)
from transformers.utils import logging

from perception.packing import Decision, decide, decide_at_once, encode_contexts, pack

NOVICE = Path(__file__).resolve().parents[1] / "assets" / "novice"
HUB = "hub:"
# Nats that packed log-probabilities may be off plain ones: rounding is far below, other positions far above.
PACKED = {torch.float64: 1e-4, torch.float32: 1e-3, torch.bfloat16: 0.25, torch.float16: 0.05}


class ModelError(ValueError):
    """A model that cannot be used: one line, which, why, how to mend it."""


@dataclass
class Model:
    """A causal language model, its tokenizer, and the tongue it is spoken to in."""

    net: PreTrainedModel
    tokenizer: PreTrainedTokenizerBase
    tongue: str
    name: str

    @property
    def device(self) -> torch.device:
        return self.net.device

    @property
    def layers(self) -> int:
        return int(self.net.config.get_text_config().num_hidden_layers)

    @property
    def heads(self) -> int:
        return int(self.net.config.get_text_config().num_attention_heads)

    @property
    def untaught(self) -> tuple[str, ...]:
        """Kinds of question that its pretraining left out, an ablation; no lesson or score asks them either."""
        return tuple(getattr(self.net.config, "untaught", ()))


def choose_device(name: str) -> torch.device:
    """auto | cpu | cuda | mps -> a device that is there. Raises ModelError."""
    available = {"cpu": True, "cuda": torch.cuda.is_available(), "mps": torch.backends.mps.is_available()}
    if name == "auto":
        return torch.device(next(kind for kind in ("cuda", "mps", "cpu") if available[kind]))
    if name not in available:
        raise ModelError(f"--device {name}: unknown; choose auto, cpu, cuda or mps")
    if not available[name]:
        raise ModelError(f"--device {name}: not available on this machine; choose --device auto or cpu")
    return torch.device(name)


def load(source: str | Path = NOVICE, device: torch.device | str = "cpu", dtype: torch.dtype = torch.float32) -> Model:
    """Load a model for inference (eval mode), its weights cast to dtype. Raises ModelError in one line."""
    where = str(source)
    if where.startswith(HUB):
        where = where.removeprefix(HUB)
    elif not Path(where).is_dir():
        raise ModelError(f"--model {where}: no such folder; give a Hugging Face folder, or {HUB}org/name for the hub")
    elif not (Path(where) / "config.json").is_file():
        raise ModelError(f"--model {where}: no config.json in it; give a Hugging Face model folder")
    try:
        with _quietly():
            config = AutoConfig.from_pretrained(where)
            _check_kind(config, str(source))
            tokenizer = _tokenizer(where)
            net, found = AutoModelForCausalLM.from_pretrained(
                where, dtype=dtype, use_safetensors=True, output_loading_info=True
            )
    except ModelError:
        raise
    except Exception as error:  # any fault of a foreign folder ends in one line
        first = (str(error).strip().splitlines() or [type(error).__name__])[0]
        raise ModelError(
            f"--model {source}: cannot be loaded ({first}); check its config, weights and tokenizer"
        ) from error
    if missing := sorted(found["missing_keys"]):  # transformers would fill them with random numbers
        raise ModelError(f"--model {source}: {missing[0]} is not in its weights; the folder is damaged, restore it")
    _check_finite(net, str(source))
    if not tokenizer.is_fast:
        kind = type(tokenizer).__name__
        raise ModelError(f"--model {source}: {kind} doesn't say where tokens stand; give it a tokenizer.json")
    net.to(device)
    net.eval()
    _check_packing(net, str(source))
    return Model(net, tokenizer, getattr(config, "tongue", "plain"), Path(where).name)


def _check_finite(net: PreTrainedModel, source: str) -> None:
    for name, parameter in net.named_parameters():
        if not torch.isfinite(parameter).all():
            raise ModelError(f"--model {source}: {name} holds NaN or infinity; the folder is damaged, restore it")


@contextmanager
def _quietly() -> Iterator[None]:
    """Without the bars and reports of transformers: what is wrong is told in one line, ours."""
    level, bars = logging.get_verbosity(), logging.is_progress_bar_enabled()
    logging.set_verbosity(logging.CRITICAL)
    logging.disable_progress_bar()
    try:
        yield
    finally:
        logging.set_verbosity(level)
        if bars:
            logging.enable_progress_bar()


def _tokenizer(where: str) -> PreTrainedTokenizerBase:
    """As its own files say: of some model types AutoTokenizer takes the type's usual one instead, with other tokens."""
    own = Path(where) / "tokenizer_config.json"
    if own.is_file() and (Path(where) / "tokenizer.json").is_file():
        told = json.loads(own.read_text(encoding="utf-8"))
        if isinstance(told, dict) and told.get("tokenizer_class") in ("TokenizersBackend", "PreTrainedTokenizerFast"):
            return PreTrainedTokenizerFast.from_pretrained(where)
    return AutoTokenizer.from_pretrained(where)


def _check_kind(config: Any, source: str) -> None:
    """Raises ModelError for what is no causal language model with attention heads."""
    made = [str(name) for name in getattr(config, "architectures", None) or ()]
    if made and not any(name.endswith(("ForCausalLM", "LMHeadModel", "ForConditionalGeneration")) for name in made):
        raise ModelError(f"--model {source}: {made[0]} is no causal language model; give a folder of one")
    text = config.get_text_config()
    if not all(isinstance(getattr(text, name, None), int) for name in ("num_hidden_layers", "num_attention_heads")):
        raise ModelError(f"--model {source}: model type {text.model_type!r} has no attention heads; give another")


@torch.no_grad()
def _check_packing(net: PreTrainedModel, source: str) -> None:
    """Raises ModelError unless decisions packed against a context are what plain forwards say.

    A model that looks ahead, or that knows of positions by other means than position_ids, would be answered wrongly.
    """
    words = [3 + number % max(1, net.get_input_embeddings().weight.shape[0] - 3) for number in range(16)]
    contexts, questions = [words[:7], words[2:6]], (tuple(words[7:9]), tuple(words[9:12]))
    decisions = [Decision(row, question, (words[12],)) for row in (0, 1) for question in questions]
    try:
        packed = pack(contexts, decisions, net.dtype).to(net.device)
        ways = torch.stack((decide(net, packed, encode_contexts(net, packed)), decide_at_once(net, packed)))
        fast = ways.float().log_softmax(-1)
        rows = [torch.tensor([[*contexts[d.context], *d.question]], device=net.device) for d in decisions]
        slow = torch.stack([net(input_ids=row).logits[0, -1] for row in rows]).float().log_softmax(-1)
    except Exception as error:  # any fault of a foreign model ends in one line
        first = (str(error).strip().splitlines() or [type(error).__name__])[0]
        raise ModelError(f"--model {source}: can't decide against a cached context ({first}); give another") from error
    off = float((fast - slow).abs().max())
    if not off <= PACKED.get(net.dtype, PACKED[torch.float16]):
        told = f"decides otherwise against a cached context than in one text (by {off:.2g} nats)"
        raise ModelError(f"--model {source}: {told}; it looks ahead, or has other positions: give another")


def save(model: Model, folder: Path, dtype: torch.dtype | None = None) -> None:
    """Write a Hugging Face folder whole: into a temporary one beside it, then rename. dtype casts the weights."""
    temporary = folder.with_name(folder.name + ".part")
    shutil.rmtree(temporary, ignore_errors=True)
    temporary.mkdir(parents=True)
    weights = model.net.state_dict()
    model.net.config.tongue = model.tongue
    if dtype is not None:
        weights = {name: tensor.to(dtype) for name, tensor in weights.items()}
        model.net.config.dtype = dtype
    with _quietly():
        model.net.save_pretrained(temporary, state_dict=weights)
        model.tokenizer.save_pretrained(temporary)
    for file in sorted(temporary.iterdir()):
        with open(file, "rb+") as handle:
            os.fsync(handle.fileno())
    old = folder.with_name(folder.name + ".old")
    shutil.rmtree(old, ignore_errors=True)
    if folder.exists():
        folder.rename(old)
    temporary.rename(folder)
    shutil.rmtree(old, ignore_errors=True)


def weights_hash(net: PreTrainedModel) -> str:
    """16 hex digits over names and values of all parameters."""
    return tensors_hash(net.named_parameters())


def tensors_hash(named: Iterable[tuple[str, Tensor]]) -> str:
    """16 hex digits over names and values, in the order given."""
    digest = hashlib.blake2b(digest_size=8)
    for name, tensor in named:
        digest.update(name.encode())
        digest.update(tensor.detach().cpu().contiguous().view(-1).view(torch.uint8).numpy().tobytes())
    return digest.hexdigest()
