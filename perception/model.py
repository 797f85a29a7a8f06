"""Any Hugging Face causal language model: load, check, save, choose the device.

A folder is loaded from disk; a name on the hub is written `hub:org/name`, so that a mistyped folder is refused at
once. An ordinary folder's config.json may say `"tongue": "terse"`; without it a model is spoken to in plain English.
"""

import hashlib
import os
import shutil
from dataclasses import dataclass
from pathlib import Path

import torch
from transformers import AutoConfig, AutoModelForCausalLM, AutoTokenizer, PreTrainedModel, PreTrainedTokenizerBase

NOVICE = Path(__file__).resolve().parents[1] / "assets" / "novice"
HUB = "hub:"


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
        config = AutoConfig.from_pretrained(where)
        tokenizer = AutoTokenizer.from_pretrained(where)
        net, found = AutoModelForCausalLM.from_pretrained(
            where, dtype=dtype, use_safetensors=True, output_loading_info=True
        )
    except Exception as error:  # any fault of a foreign folder ends in one line
        first = (str(error).strip().splitlines() or [type(error).__name__])[0]
        raise ModelError(
            f"--model {source}: cannot be loaded ({first}); check its config, weights and tokenizer"
        ) from error
    if missing := sorted(found["missing_keys"]):  # transformers would fill them with random numbers
        raise ModelError(f"--model {source}: {missing[0]} is not in its weights; the folder is damaged, restore it")
    _check_finite(net, str(source))
    _check_tokenizer(net, tokenizer, str(source))
    net.to(device)
    net.eval()
    return Model(net, tokenizer, getattr(config, "tongue", "plain"), Path(where).name)


def _check_finite(net: PreTrainedModel, source: str) -> None:
    for name, parameter in net.named_parameters():
        if not torch.isfinite(parameter).all():
            raise ModelError(f"--model {source}: {name} holds NaN or infinity; the folder is damaged, restore it")


def _check_tokenizer(net: PreTrainedModel, tokenizer: PreTrainedTokenizerBase, source: str) -> None:
    """Raises ModelError for a tokenizer that can't say where its tokens stand, or has some that the model lacks."""
    if not tokenizer.is_fast:
        kind = type(tokenizer).__name__
        raise ModelError(f"--model {source}: {kind} doesn't say where tokens stand; give it a tokenizer.json")
    rows = net.get_input_embeddings().weight.shape[0]
    if len(tokenizer) > rows:
        mend = "give the tokenizer of this model, or resize_token_embeddings"
        raise ModelError(f"--model {source}: its tokenizer has {len(tokenizer)} tokens, its weights {rows}; {mend}")


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
    digest = hashlib.blake2b(digest_size=8)
    for name, parameter in net.named_parameters():
        digest.update(name.encode())
        digest.update(parameter.detach().cpu().contiguous().view(torch.uint8).numpy().tobytes())
    return digest.hexdigest()
