"""Whether a model's files are those of a chat model, and whole: looked at without torch, in a moment.

Files are chosen as transformers chooses them, so that the mind, which loads them later, says the same.
"""

from contextlib import suppress
from pathlib import Path
from types import SimpleNamespace
from typing import Any

from safetensors import SafetensorError, safe_open

from common.files import read_bytes, read_json
from perception.addresses import check_kind
from perception.chat_template import dated, parted, turn, variables
from perception.errors import ModelError
from perception.gguf_files import converted, file_of, is_gguf
from perception.gguf_header import check_file, text
from perception.model_folder import HUB, SETTINGS_LIMIT
from perception.template_bounds import TemplateError

TEMPLATE, SETTINGS = "chat_template", "tokenizer_config.json"
MORE_TEMPLATES = "additional_chat_templates"  # a folder of them
TOKENIZER = "tokenizer.json"
# Of what transformers makes a tokenizer where there is no tokenizer.json.
VOCABULARIES = (
    "vocab.json", "vocab.txt", "tokenizer.model", "spiece.model", "sentencepiece.bpe.model", "tekken.json",
    "tiktoken.model",
)  # fmt: skip
SPECIAL_TOKENS = ("bos_token", "eos_token", "unk_token", "sep_token", "pad_token", "cls_token", "mask_token")
WINDOW_LEAST = 256  # tokens that a model must read at once: a dialogue of the game takes some 100 of SmolLM2
PLAIN = "plain"  # the tongue of talk, and of a config that names none


def check_chat_source(source: str) -> None:
    """Raises ModelError in one line for files that are damaged, or hold no chat template, or one that fails. What lies
    on the hub, and which `model_folder.check_source` refuses, is not looked at.
    """
    if source.startswith(HUB):
        return
    folder = converted(source) if is_gguf(source) else Path(source)
    if folder is None:
        name = f"tokenizer.{TEMPLATE}"
        _check_template(source, text(check_file(source, file_of(source), name), name), {})
        return
    _check_config(source, _settings(source, folder / "config.json"))
    settings = _settings(source, folder / SETTINGS)
    template = _template(source, folder, settings)
    if not template:
        raise ModelError(f"--model {source}: has no chat template; give a chat model, smollm2 say")
    _check_template(source, template, settings)
    _check_tokenizer(source, folder)
    for file in sorted(folder.glob("*.safetensors")):
        try:
            with safe_open(file, "numpy"):
                pass
        except (SafetensorError, OSError) as error:
            raise ModelError(f"--model {source}: {file.name} is cut short or damaged; fetch it again") from error


def _settings(source: str, path: Path) -> dict[str, Any]:
    """A file of settings; none where there is no file. Raises ModelError."""
    if not path.is_file():
        return {}
    try:
        settings = read_json(path, SETTINGS_LIMIT)
    except (ValueError, OSError) as error:
        raise ModelError(f"--model {source}: {path.name} can't be read ({_reason(error)}); restore it") from error
    return settings if isinstance(settings, dict) else {}


def _reason(error: ValueError | OSError) -> str:
    return (error.strerror if isinstance(error, OSError) else None) or str(error).splitlines()[0]


def _check_config(source: str, config: dict[str, Any]) -> None:
    """Raises ModelError for a model that is loaded by nobody here, or spoken to in another tongue."""
    if not isinstance(config.get("model_type"), str):
        raise ModelError(f"--model {source}: config.json names no model_type; restore it")
    check_kind(SimpleNamespace(**config), source)
    if (tongue := config.get("tongue", PLAIN)) != PLAIN:
        raise ModelError(
            f"--model {source}: is spoken to in the tongue {str(tongue)[:32]!r}; give a chat model in plain English,"
            " smollm2 say"
        )
    window = config.get("max_position_embeddings", config.get("n_positions"))
    if isinstance(window, int):
        check_window(window, source)


def check_window(window: int, source: str) -> None:
    """Raises ModelError for a model that reads too few tokens at once to be talked to."""
    if window < WINDOW_LEAST:
        raise ModelError(
            f"--model {source}: reads {window} tokens at once, talk takes up to {WINDOW_LEAST}; give a chat model with"
            " a longer window, smollm2 say"
        )


def _check_tokenizer(source: str, folder: Path) -> None:
    """Raises ModelError for a folder without a tokenizer, and for a tokenizer.json that holds none; other kinds of file
    are not looked at.
    """
    path = folder / TOKENIZER
    if not path.is_file():
        if any((folder / name).is_file() for name in VOCABULARIES):
            return
        raise ModelError(f"--model {source}: has no {TOKENIZER}; fetch it again")
    try:
        content = read_json(path)
    except (ValueError, OSError) as error:
        raise ModelError(f"--model {source}: {TOKENIZER} is cut short or damaged; fetch it again") from error
    if not (isinstance(content, dict) and isinstance(content.get("model"), dict)):
        raise ModelError(f"--model {source}: {TOKENIZER} holds no tokenizer; fetch it again")


def _template(source: str, folder: Path, settings: dict[str, Any]) -> str:
    """A folder's chat template, the default one of several; empty if it has none. Raises ModelError."""
    more = folder / MORE_TEMPLATES
    for file in (more / "default.jinja", folder / f"{TEMPLATE}.jinja"):
        if file.is_file():
            return _template_file(source, file)
    if any(more.glob("*.jinja")):
        return ""  # they stand in the place of those in the settings, and none of them is the default one
    template = settings.get(TEMPLATE)
    if isinstance(template, list):
        with suppress(KeyError, TypeError):
            template = {one["name"]: one["template"] for one in template}
    if isinstance(template, dict):
        template = template.get("default")
    return template if isinstance(template, str) else ""


def _template_file(source: str, file: Path) -> str:
    try:
        return read_bytes(file, SETTINGS_LIMIT).decode("utf-8")  # as transformers reads it: in no other encoding
    except UnicodeDecodeError as error:
        where = f"{file.name}: byte {error.start + 1} is not UTF-8"
        raise ModelError(f"--model {source}: {where}; save the file as UTF-8") from error
    except (ValueError, OSError) as error:
        raise ModelError(f"--model {source}: {file.name} can't be read ({_reason(error)}); fetch it again") from error


def _check_template(source: str, template: str, settings: dict[str, Any]) -> None:
    """Raises ModelError for one that `perception.chat.frame` will refuse. settings: of the tokenizer."""
    from transformers.utils.chat_template_utils import render_jinja_template  # half a second, but no torch

    words = dict.fromkeys(SPECIAL_TOKENS, "")  # one that only the tokenizer's class knows does a template no harm
    for name in words:
        token = settings.get(name)
        content = token.get("content") if isinstance(token, dict) else token
        words[name] = content if isinstance(content, str) else ""

    def render() -> object:
        chat = {"conversations": [turn()], "chat_template": dated(template)}
        return render_jinja_template(**chat, **words, **variables())[0][0]

    try:
        parted(render)
    except TemplateError as error:
        raise ModelError(f"--model {source}: its chat template {error}; give another chat model") from error
