"""Whether a model's files are those of a chat model, and whole: looked at without torch, in a moment."""

from pathlib import Path
from typing import Any

from safetensors import SafetensorError, safe_open

from common.files import read_json, read_text
from perception.errors import ModelError
from perception.gguf_files import converted, file_of, is_gguf
from perception.gguf_header import check_file, text
from perception.model_folder import HUB, SETTINGS_LIMIT
from perception.template_bounds import fault_of, in_time

TEMPLATE, SETTINGS = "chat_template", "tokenizer_config.json"
TOKENIZER = "tokenizer.json"
WORDS = "what the player says"


def check_chat_source(source: str) -> None:
    """Raises ModelError in one line for files that are damaged, or hold no chat template, or one that fails. What lies
    on the hub, and which `model_folder.check_source` refuses, is not looked at.
    """
    if source.startswith(HUB):
        return
    folder = converted(source) if is_gguf(source) else Path(source)
    if folder is None:
        name = f"tokenizer.{TEMPLATE}"
        _check_template(source, text(check_file(source, file_of(source), name), name))
        return
    template = _template(folder)
    if not template:
        raise ModelError(f"--model {source}: has no chat template; give a chat model, smollm2 say")
    _check_template(source, template)
    _check_tokenizer(source, folder)
    for file in sorted(folder.glob("*.safetensors")):
        try:
            with safe_open(file, "numpy"):
                pass
        except (SafetensorError, OSError) as error:
            raise ModelError(f"--model {source}: {file.name} is cut short or damaged; fetch it again") from error


def _check_tokenizer(source: str, folder: Path) -> None:
    """Raises ModelError for a tokenizer.json that holds no tokenizer; other kinds of file are not looked at."""
    path = folder / TOKENIZER
    if not path.is_file():
        return
    try:
        content = read_json(path)
    except (ValueError, OSError) as error:
        raise ModelError(f"--model {source}: {TOKENIZER} is cut short or damaged; fetch it again") from error
    if not (isinstance(content, dict) and isinstance(content.get("model"), dict)):
        raise ModelError(f"--model {source}: {TOKENIZER} holds no tokenizer; fetch it again")


def _template(folder: Path) -> str:
    """A folder's chat template, the default one of several; empty if it has none."""
    for file in sorted(folder.glob(f"{TEMPLATE}*.jinja")):
        return read_text(file, SETTINGS_LIMIT)
    path = folder / SETTINGS
    settings = read_json(path, SETTINGS_LIMIT) if path.is_file() else None
    template: Any = settings.get(TEMPLATE) if isinstance(settings, dict) else None
    if isinstance(template, list):
        several = {one.get("name"): one.get("template") for one in template if isinstance(one, dict)}
        template = several.get("default", next(iter(several.values()), ""))
    return template if isinstance(template, str) else ""


def _check_template(source: str, template: str) -> None:
    """Raises ModelError for one that fails, or leaves out what is said. `perception.chat.frame` asks for more."""
    from transformers.utils.chat_template_utils import render_jinja_template  # half a second, but no torch

    turn = [[{"role": "user", "content": WORDS}]]
    try:
        with in_time():
            (said,), _ = render_jinja_template(conversations=turn, chat_template=template, add_generation_prompt=True)
    except Exception as error:  # a template is a program of somebody else's
        why = (str(error).strip().splitlines() or [type(error).__name__])[0][:200]
        raise ModelError(f"--model {source}: its chat template fails ({why}); give another chat model") from error
    fault = fault_of(said) or ("doesn't hold the user's words once" if said.count(WORDS) != 1 else "")
    if fault:
        raise ModelError(f"--model {source}: its chat template {fault}; give another chat model")
