"""What a GGUF file says of itself, looked at without torch: what can't come out right is refused before it is read.

transformers fills a tensor that isn't there with random numbers, and passes over one that it doesn't know. So the names
have to be those that an architecture has, all of them and no other.
"""

import math
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from perception.errors import ModelError

if TYPE_CHECKING:
    from gguf import GGUFReader


class Names(NamedTuple):
    """The tensors of an architecture: those beside the layers, those that may be missing, those of each layer."""

    beside: tuple[str, ...]
    perhaps: tuple[str, ...]
    layer: tuple[str, ...]


_LAYER = ("attn_norm", "attn_q", "attn_k", "attn_v", "attn_output", "ffn_norm", "ffn_gate", "ffn_up", "ffn_down")
ARCHITECTURES = {  # whose tensors are known to come out right: SmolLM2, Llama 2 and 3, Mistral, TinyLlama
    "llama": Names(("token_embd", "output_norm"), ("output",), _LAYER),
}
NUMBERS = {  # of the header, after the architecture's name: least, most, and whether it has to be there
    "block_count": (1, 1_024, True),
    "context_length": (1, 2**27, True),
    "embedding_length": (1, 2**17, True),
    "feed_forward_length": (1, 2**20, True),
    "vocab_size": (1, 2**22, False),
    "attention.head_count": (1, 4_096, True),
    "attention.head_count_kv": (1, 4_096, False),
    "attention.layer_norm_rms_epsilon": (1e-12, 1.0, True),
    "rope.freq_base": (1.0, 1e12, False),
}
SHAPES = {  # of the tensors of any architecture here, as the file orders their sides: from these of its numbers
    "token_embd": ("hidden", "rows"),
    "output": ("hidden", "rows"),
    "output_norm": ("hidden",),
    "attn_norm": ("hidden",),
    "attn_q": ("hidden", "hidden"),
    "attn_k": ("hidden", "keys"),
    "attn_v": ("hidden", "keys"),
    "attn_output": ("hidden", "hidden"),
    "ffn_norm": ("hidden",),
    "ffn_gate": ("hidden", "inner"),
    "ffn_up": ("hidden", "inner"),
    "ffn_down": ("inner", "hidden"),
}
WIDTHS = ("rope.dimension_count", "attention.key_length", "attention.value_length")  # each is a head's width here
WORDS = "tokenizer.ggml.tokens"
READER = "pip install '.[real]'"
AGAIN = "fetch it again"
FOLDER = "give a Hugging Face folder of it"


def check_file(source: str, path: Path, needs: str = "") -> "GGUFReader":
    """The file's reader. needs: a field that must be in it. Raises ModelError: without the packages that read it, for
    one that is cut short or damaged, for one without that field, and for what isn't known here: an architecture, a
    tensor, scaled positions.
    """
    missing = [name for name in ("gguf", "accelerate") if find_spec(name) is None]
    if missing:
        raise ModelError(f"--model {source}: reading it needs {' and '.join(missing)}; {READER}")
    from gguf import GGUFReader

    try:
        reader = GGUFReader(path)
        fields = {str(name): field.contents() for name, field in reader.fields.items() if _short(field)}
        ends = [int(tensor.data_offset) + int(tensor.n_bytes) for tensor in reader.tensors]
        tensors = [str(tensor.name) for tensor in reader.tensors]
        shapes = {str(tensor.name): tuple(map(int, tensor.shape)) for tensor in reader.tensors}
        words = len(reader.fields[WORDS].data) if WORDS in reader.fields else 0
    except Exception as error:  # the reader trusts what the file says
        raise ModelError(f"--model {source}: is cut short or damaged; {AGAIN}") from error
    if not ends or max(ends) > path.stat().st_size:
        raise ModelError(f"--model {source}: is cut short or damaged; {AGAIN}")
    architecture = str(fields.get("general.architecture", ""))
    if architecture not in ARCHITECTURES:
        raise ModelError(
            f"--model {source}: architecture {architecture[:40]!r}; known of GGUF files: {', '.join(ARCHITECTURES)};"
            f" {FOLDER}"
        )
    fault = (
        _of_numbers(fields, architecture)
        or _of_heads(fields, architecture)
        or _of_tensors(tensors, architecture, fields)
        or _of_shapes(shapes, architecture, fields, words)
    )
    if fault:
        raise ModelError(f"--model {source}: {fault}")
    if needs and reader.get_field(needs) is None:
        raise ModelError(f"--model {source}: {needs} is not in it; give a file of a chat model")
    return reader


def weights(reader: "GGUFReader") -> int:
    """How many weights a file holds."""
    return sum(int(tensor.n_elements) for tensor in reader.tensors)


def text(reader: "GGUFReader", name: str) -> str:
    """A field's text; empty where there is none."""
    field = reader.get_field(name)
    return "" if field is None else str(field.contents())


def _short(field: Any) -> bool:
    """Whether it is one number or one text; lists of words are long."""
    return len(field.data) == 1


def _of_numbers(fields: dict[str, Any], architecture: str) -> str:
    """What is wrong with the header's numbers; empty if nothing."""
    for key, (least, most, needed) in NUMBERS.items():
        name = f"{architecture}.{key}"
        if name not in fields:
            if needed:
                return f"{name} is not in it; {AGAIN}"
            continue
        value = fields[name]
        if not isinstance(value, int | float) or not (math.isfinite(value) and least <= value <= most):
            return f"says {name} = {str(value)[:40]}, which must be from {least:g} to {most:g}; {AGAIN}"
        if isinstance(least, int) and value != int(value):
            return f"says {name} = {str(value)[:40]}, which must be a whole number; {AGAIN}"
    scaling = str(fields.get(f"{architecture}.rope.scaling.type", "none"))
    if scaling != "none" or f"{architecture}.rope.scale_linear" in fields:
        return f"scales its positions ({scaling[:40]}), which GGUF files lose here; {FOLDER}"
    return ""


def _of_heads(fields: dict[str, Any], architecture: str) -> str:
    """What the header says of attention that isn't so here; empty if nothing."""
    if not fields.get(f"{architecture}.attention.causal", True):
        return f"says {architecture}.attention.causal = false: it looks ahead; give a causal language model"
    hidden, heads, pairs = _heads(fields, architecture)
    if hidden % heads or heads % pairs:
        return f"says {heads} heads, {pairs} of them with keys, and a width of {hidden}, which don't divide; {AGAIN}"
    for name in (f"{architecture}.{key}" for key in WIDTHS):
        if (width := fields.get(name, hidden // heads)) != hidden // heads:
            return f"says {name} = {str(width)[:40]}, its heads have {hidden // heads}; {FOLDER}"
    return ""


def _heads(fields: dict[str, Any], architecture: str) -> tuple[int, int, int]:
    """The width of the residual stream, heads, heads with keys and values of their own."""
    heads = fields[f"{architecture}.attention.head_count"]
    pairs = fields.get(f"{architecture}.attention.head_count_kv", heads)
    return int(fields[f"{architecture}.embedding_length"]), int(heads), int(pairs)


def _of_tensors(tensors: list[str], architecture: str, fields: dict[str, Any]) -> str:
    """The first tensor that is not there, or not known; empty if there is none."""
    beside, perhaps, layer = ARCHITECTURES[architecture]
    layers = int(fields[f"{architecture}.block_count"])
    if len(set(tensors)) != len(tensors):
        return f"holds a tensor twice; {AGAIN}"
    if layers * len(layer) > len(tensors):
        return f"says {layers} layers, of which it hasn't all tensors; {AGAIN}"
    needed = {f"{name}.weight" for name in beside}
    needed |= {f"blk.{number}.{name}.weight" for number in range(layers) for name in layer}
    if absent := sorted(needed - set(tensors)):
        return f"{absent[0]} is not in it; {AGAIN}"
    if unknown := sorted(set(tensors) - needed - {f"{name}.weight" for name in perhaps}):
        return f"{unknown[0][:60]!r} is in it, which an ordinary {architecture} of {layers} layers has not; {FOLDER}"
    return ""


def _of_shapes(shapes: dict[str, tuple[int, ...]], architecture: str, fields: dict[str, Any], words: int) -> str:
    """The first tensor that hasn't the shape that the header's numbers give it; empty if there is none.

    transformers makes room for what the numbers say before it looks at a tensor. words: how many tokens have a name.
    """
    if not words:
        return f"{WORDS} is not in it; {AGAIN}"
    hidden, heads, pairs = _heads(fields, architecture)
    rows = int(fields.get(f"{architecture}.vocab_size", words))
    inner = int(fields[f"{architecture}.feed_forward_length"])
    sides = {"hidden": hidden, "rows": rows, "keys": pairs * (hidden // heads), "inner": inner}
    for name, shape in shapes.items():
        wanted = tuple(sides[side] for side in SHAPES[name.removesuffix(".weight").rpartition(".")[2]])
        if shape != wanted:
            return f"{name} is {_by(shape)}, its header's numbers want {_by(wanted)}; {AGAIN}"
    if words > rows:
        return f"{WORDS} names {words}, token_embd.weight has {rows} rows; {AGAIN}"
    return ""


def _by(shape: tuple[int, ...]) -> str:
    return " x ".join(map(str, shape))
