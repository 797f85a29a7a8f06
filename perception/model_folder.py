"""A model folder from elsewhere, looked at before transformers sees it.

Nothing of a model's own code ever runs, no pickle is opened, and numbers that no folder could fill are refused before
anything is built from them.
"""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from common.files import read_json
from perception.errors import ModelError
from perception.gguf_files import file_of, is_gguf

HUB = "hub:"
SETTINGS = (
    "config.json", "generation_config.json", "tokenizer_config.json", "processor_config.json",
    "preprocessor_config.json", "video_preprocessor_config.json", "adapter_config.json",
)  # fmt: skip
SETTINGS_LIMIT = 16 * 2**20  # bytes of one of these files
CODE_KEYS = ("auto_map", "custom_generate", "custom_pipelines")  # under which they name code
LEAST_BYTES = 0.5  # that a weight takes on disk: four bits
# What a count or size is called in one family or another -> what it is, and the most of it that is believed.
LIMITS = {
    **dict.fromkeys(("num_hidden_layers", "n_layer", "n_layers", "num_layers"), ("layers", 1_024)),
    **dict.fromkeys(("num_attention_heads", "n_head", "n_heads", "num_key_value_heads", "num_kv_heads"),
                    ("heads", 4_096)),
    **dict.fromkeys(("hidden_size", "n_embd", "d_model", "head_dim", "word_embed_proj_dim"), ("size", 2**17)),
    **dict.fromkeys(("intermediate_size", "ffn_dim", "n_inner", "ffn_hidden_size", "moe_intermediate_size"),
                    ("size", 2**20)),
    **dict.fromkeys(("num_experts", "num_local_experts", "n_routed_experts"), ("experts", 4_096)),
    "vocab_size": ("vocabulary", 2**22),
    **dict.fromkeys(("max_position_embeddings", "n_positions", "n_ctx"), ("positions", 2**27)),
}  # fmt: skip
MUST_BE_THERE = ("layers", "heads", "vocabulary")  # of these, 0 is refused, too
SQUARE_MASKS = ("gpt2", "gpt_bigcode", "gpt_neo", "gptj", "codegen")  # hold a mask of positions x positions
SQUARE_LIMIT = 2**15  # positions


def check_source(source: str) -> str:
    """What transformers may load for `--model source`: a folder, or a name on the hub. Of a GGUF file it says only that
    it is one.

    Raises ModelError in one line for what is no model folder, or one that can't or mustn't be loaded.
    """
    if is_gguf(source):
        file_of(source)
        return source
    if source.startswith(HUB):
        from transformers.utils import cached_file  # slow to import, and a folder needs nothing of it

        name = source.removeprefix(HUB)
        paths = [cached_file(name, file, _raise_exceptions_for_missing_entries=False) for file in SETTINGS]
        _check_settings(source, [Path(path) for path in paths if path])
        return name
    folder = Path(source)
    if not folder.is_dir():
        raise ModelError(f"--model {source}: no such folder; give a Hugging Face folder, or {HUB}org/name for the hub")
    if not (folder / "config.json").is_file():
        raise ModelError(f"--model {source}: no config.json in it; give a Hugging Face model folder")
    config = _check_settings(source, [folder / file for file in SETTINGS if (folder / file).is_file()])
    _check_weights(source, folder, config)
    return source


def _check_settings(source: str, paths: list[Path]) -> dict[str, Any]:
    """The model's config, after all settings were looked through."""
    config: dict[str, Any] = {}
    for path in paths:
        try:
            settings = read_json(path, SETTINGS_LIMIT)
        except (ValueError, OSError) as error:
            first = str(error).splitlines()[0]
            raise ModelError(f"--model {source}: cannot be loaded ({first}); restore {path.name}") from error
        if not isinstance(settings, dict):
            raise ModelError(f"--model {source}: cannot be loaded ({path.name} holds no JSON object); restore it")
        for key, value in _entries(settings):
            if key in CODE_KEYS and value:
                raise ModelError(
                    f"--model {source}: {path.name} names code of its own ({key}), which is never run here; take a"
                    f" model that transformers knows, or remove {key} from a copy if it is one"
                )
        if path.name == "config.json":
            config = settings
    _check_sizes(source, config)
    return config


def _entries(value: Any) -> Iterator[tuple[str, Any]]:
    """Every key with its value, at any depth."""
    if isinstance(value, dict):
        for key, inner in value.items():
            yield key, inner
            yield from _entries(inner)
    elif isinstance(value, list):
        for inner in value:
            yield from _entries(inner)


def _check_sizes(source: str, config: dict[str, Any]) -> None:
    for key, value in _entries(config):
        if key not in LIMITS or isinstance(value, bool) or not isinstance(value, int | float):
            continue
        what, most = LIMITS[key]
        if what == "positions" and config.get("model_type") in SQUARE_MASKS:
            most = SQUARE_LIMIT
        least = 1 if what in MUST_BE_THERE else -1
        if not least <= value <= most:
            raise ModelError(
                f"--model {source}: config.json says {key} = {value:g}, which must be from {max(0, least)} to {most};"
                " restore it"
            )


def _check_weights(source: str, folder: Path, config: dict[str, Any]) -> None:
    """Raises ModelError without safetensors, and for less of them than the config's layers and words need."""
    files = sorted(folder.glob("*.safetensors"))
    if not files:
        pickles = sorted(file.name for pattern in ("*.bin", "*.pt", "*.pth", "*.ckpt") for file in folder.glob(pattern))
        if pickles:
            raise ModelError(
                f"--model {source}: cannot be loaded: {pickles[0]} is a pickle, which may run code and is never opened"
                ' here; convert it where you trust it: python -c "from transformers import AutoModelForCausalLM as M;'
                f" M.from_pretrained('{source}').save_pretrained('{source}')\""
            )
        raise ModelError(f"--model {source}: cannot be loaded: no *.safetensors in it; restore its weights")
    least = _least_weights(config)
    there = sum(file.stat().st_size for file in files)
    if least * LEAST_BYTES > there:
        raise ModelError(
            f"--model {source}: cannot be loaded: its config needs {least:,} weights at least, which don't fit the"
            f" {there:,} bytes of its safetensors; restore it"
        )


def _least_weights(config: dict[str, Any]) -> int:
    """How many weights the layers and the words of a config take at least: a square matrix a layer, a row a word."""
    inner = config.get("text_config")
    text = inner if isinstance(inner, dict) else config
    sizes = {
        what: next((text[key] for key in keys if isinstance(text.get(key), int)), 0)
        for what, keys in {
            "layers": ("num_hidden_layers", "n_layer", "n_layers", "num_layers"),
            "hidden": ("hidden_size", "n_embd", "d_model"),
            "words": ("vocab_size",),
            "row": ("word_embed_proj_dim", "hidden_size", "n_embd", "d_model"),
        }.items()
    }
    return int(sizes["layers"] * sizes["hidden"] ** 2 + sizes["words"] * sizes["row"])
