"""Any Hugging Face causal language model: load, check, save, choose the device.

A folder is loaded from disk; a name on the hub is written `hub:org/name`, so that a mistyped folder is refused at
once. An ordinary folder's config.json may say `"tongue": "terse"`; without it a model is spoken to in plain English.
"""

import hashlib
import re
from collections.abc import Collection, Iterable
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path

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

from common.files import read_json
from common.whole_folders import writing_folder
from perception.addresses import check_kind
from perception.errors import ModelError, disk_errors, reason_of
from perception.gguf_files import is_gguf, with_folder
from perception.head_map import addresses
from perception.load_check import check_packing
from perception.model_folder import check_source
from perception.quiet import quietly

CHECKED = 24  # tokens that a model is tried on when it is loaded
ORDINARY = "The old man walked down to the river every morning, and his dog went with him because it liked the water."
CONTEXT = "context"  # in a model's folder: the folder of the net that reads its contexts
NOVICE = Path(__file__).resolve().parents[1] / "assets" / "novice"


@dataclass
class Model:
    """A causal language model, its tokenizer, and the tongue it is spoken to in.

    context: the net that reads contexts, of one shape with `net`, which then decides against its keys and values; None
    where `net` reads them itself.

    source: what it was loaded from, as the user typed it; empty for one that was never a file.
    """

    net: PreTrainedModel
    tokenizer: PreTrainedTokenizerBase
    tongue: str
    name: str
    context: PreTrainedModel | None = None
    source: str = ""

    @property
    def place(self) -> str:
        """What the user knows it by: its source, or its name where it has none."""
        return self.source or self.name

    @property
    def reader(self) -> PreTrainedModel:
        """The net that reads contexts."""
        return self.net if self.context is None else self.context

    def read_by(self, base_cache: bool) -> PreTrainedModel | None:
        """The net that reads contexts whoever decides: another one, or with base_cache this one as it is; else None."""
        return self.net if base_cache and self.context is None else self.context

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
    """Load a model for inference (eval mode), its weights cast to dtype. Raises ModelError in one line.

    source: a folder, hub:org/name, a FILE.gguf, or smollm2 (`perception.gguf_files`).
    """
    if is_gguf(str(source)):
        converted = with_folder(str(source), lambda folder: load(folder, device, dtype))
        return replace(converted, source=str(source))
    try:
        where = check_source(str(source))
        with quietly():
            config = AutoConfig.from_pretrained(where, trust_remote_code=False)
            check_kind(config, str(source))
            tokenizer = _tokenizer(where, str(source))
            net, loading = AutoModelForCausalLM.from_pretrained(
                where, dtype=dtype, use_safetensors=True, output_loading_info=True, trust_remote_code=False,
                ignore_mismatched_sizes=True,
            )  # fmt: skip
            addresses(net)
    except ModelError:
        raise
    except Exception as error:  # any fault of a foreign folder ends in one line
        raise ModelError(
            f"--model {source}: cannot be loaded ({reason_of(error)}); check its config, weights and tokenizer"
        ) from error
    if odd := sorted(loading["mismatched_keys"]):
        name, there, wanted = odd[0]
        raise ModelError(f"--model {source}: {name} is {tuple(there)}, its config wants {tuple(wanted)}; restore it")
    if missing := sorted(loading["missing_keys"]):  # transformers would fill them with random numbers
        raise ModelError(f"--model {source}: {missing[0]} is not in its weights; the folder is damaged, restore it")
    if over := _left_over(net, loading["unexpected_keys"]):
        raise ModelError(f"--model {source}: its weights hold {over}, its config builds no such part; restore it")
    _check_finite(net, str(source))
    _check_tokenizer(tokenizer, str(source))
    net.to(device)
    net.eval()
    check_packing(net, _ordinary_tokens(net, tokenizer), str(source))
    context = _context(Path(source), net, device, dtype)
    return Model(net, tokenizer, getattr(config, "tongue", "plain"), Path(where).name, context, str(source))


def load_alone(source: str | Path, device: torch.device | str = "cpu") -> Model:
    """`load`, for what looks into one net. Raises ModelError for a model whose contexts another net reads, too."""
    model = load(source, device)
    if model.context is not None:
        raise ModelError(
            f"--model {source}: decides on contexts that another net has read, and this looks into one net; give one "
            "that was trained without --base-cache"
        )
    return model


def _left_over(net: PreTrainedModel, names: Collection[str]) -> str | None:
    """The first of these names of tensors that belongs to what the net has: to a module of it, or among its layers.

    transformers would leave them out, and the model would be another one. Names of other parts (a picture's encoder)
    and those that transformers knows to be idle do no harm.
    """
    if not names:
        return None
    modules, first = dict(net.named_modules()), addresses(net).blocks[0]
    layers = next(name for name, module in modules.items() if module is first).rpartition(".")[0]
    for name in sorted(names):
        for whole in (name, f"{net.base_model_prefix}.{name}"):
            owner = whole.rpartition(".")[0]
            if (owner and owner in modules) or re.match(rf"{re.escape(layers)}\.\d+\.", whole):
                return name
    return None


def _context(
    folder: Path, net: PreTrainedModel, device: torch.device | str, dtype: torch.dtype
) -> PreTrainedModel | None:
    """The net that reads the contexts of a folder's model, if another one does. Raises ModelError if it can't."""
    if not (folder / CONTEXT).is_dir():
        return None
    if (folder / CONTEXT / CONTEXT).exists():
        raise ModelError(f"--model {folder}: its {CONTEXT} folder holds one more; restore the folder")
    context = load(folder / CONTEXT, device, dtype).net
    shapes = ({name: p.shape for name, p in one.named_parameters()} for one in (net, context))
    if next(shapes) != next(shapes):
        raise ModelError(f"--model {folder}: the model in its {CONTEXT} folder has another shape; restore the folder")
    return context


def _check_finite(net: PreTrainedModel, source: str) -> None:
    for name, parameter in net.named_parameters():
        if not torch.isfinite(parameter).all():
            raise ModelError(f"--model {source}: {name} holds NaN or infinity; the folder is damaged, restore it")


def _tokenizer(where: str, source: str) -> PreTrainedTokenizerBase:
    """Raises ModelError."""
    try:
        tokenizer = _own_tokenizer(where)
        # transformers would say once, in words for programmers, that a text is long; we refuse what is too long
        tokenizer.deprecation_warnings["sequence-length-is-longer-than-the-specified-maximum"] = True
        return tokenizer
    except Exception as error:  # any fault of a foreign file ends in one line
        raise ModelError(
            f"--model {source}: its tokenizer cannot be loaded ({reason_of(error)}); restore its tokenizer.json"
        ) from error


def _own_tokenizer(where: str) -> PreTrainedTokenizerBase:
    """As its own files say: of some model types AutoTokenizer takes the type's usual one instead, with other tokens."""
    own = Path(where) / "tokenizer_config.json"
    if own.is_file() and (Path(where) / "tokenizer.json").is_file():
        settings = read_json(own)
        if isinstance(settings, dict) and settings.get("tokenizer_class") in (
            "TokenizersBackend",
            "PreTrainedTokenizerFast",
        ):
            return PreTrainedTokenizerFast.from_pretrained(where, trust_remote_code=False)
    return AutoTokenizer.from_pretrained(where, trust_remote_code=False)


def _check_tokenizer(tokenizer: PreTrainedTokenizerBase, source: str) -> None:
    """Raises ModelError for one that doesn't say where tokens stand, or that has no words."""
    if not tokenizer.is_fast:
        kind = type(tokenizer).__name__
        raise ModelError(f"--model {source}: {kind} doesn't say where tokens stand; give it a tokenizer.json")
    if not tokenizer.get_vocab().keys() - set(tokenizer.all_special_tokens):
        raise ModelError(f"--model {source}: its tokenizer has no words; restore its tokenizer.json")


def _ordinary_tokens(net: PreTrainedModel, tokenizer: PreTrainedTokenizerBase) -> list[int]:
    """Different tokens that both the tokenizer and the weights have: those of plain English, filled up from all."""
    rows = net.get_input_embeddings().weight.shape[0]
    ids: list[int] = []
    with suppress(Exception):  # a tokenizer without a token for what it doesn't know ends there
        ids = [token for token in tokenizer(ORDINARY, add_special_tokens=False)["input_ids"] if token < rows]
    spread = [rows * number // (CHECKED + 1) for number in range(1, CHECKED + 1)]
    return list(dict.fromkeys([*ids, *spread, *range(rows)]))[:CHECKED]


def save(model: Model, folder: Path, dtype: torch.dtype | None = None) -> None:
    """Write a Hugging Face folder whole or not at all, in place of what is there. dtype casts the weights.

    A net of its own that reads the contexts is written into it as a folder. Raises OutputError.
    """
    with writing_folder(folder, replace=True) as temporary, disk_errors(), quietly():
        _write(model.net, model, temporary, dtype)
        if model.context is not None:
            _write(model.context, model, temporary / CONTEXT, dtype)


def _write(net: PreTrainedModel, model: Model, folder: Path, dtype: torch.dtype | None) -> None:
    weights = net.state_dict()
    net.config.tongue = model.tongue
    if dtype is not None:
        weights = {name: tensor.to(dtype) for name, tensor in weights.items()}
        net.config.dtype = dtype
    net.save_pretrained(folder, state_dict=weights)
    model.tokenizer.save_pretrained(folder)


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
