"""Whether a model's files are those of a chat model, and whole: looked at without torch, in a moment."""

from pathlib import Path

from safetensors import SafetensorError, safe_open

from common.files import read_json
from perception.errors import ModelError
from perception.gguf_files import check_file, converted, file_of, is_gguf
from perception.model_folder import HUB, SETTINGS_LIMIT

TEMPLATE, SETTINGS = "chat_template", "tokenizer_config.json"


def check_chat_source(source: str) -> None:
    """Raises ModelError in one line for files that are damaged, or hold no chat template. What lies on the hub, and
    which `model_folder.check_source` refuses, is not looked at.
    """
    if source.startswith(HUB):
        return
    folder = converted(source) if is_gguf(source) else Path(source)
    if folder is None:
        check_file(source, file_of(source), f"tokenizer.{TEMPLATE}")
        return
    if not _has_template(folder):
        raise ModelError(f"--model {source}: has no chat template; give a chat model, smollm2 say")
    for file in sorted(folder.glob("*.safetensors")):
        try:
            with safe_open(file, "numpy"):
                pass
        except (SafetensorError, OSError) as error:
            raise ModelError(f"--model {source}: {file.name} is cut short or damaged; fetch it again") from error


def _has_template(folder: Path) -> bool:
    if any(folder.glob(f"{TEMPLATE}*.jinja")):
        return True
    path = folder / SETTINGS
    settings = read_json(path, SETTINGS_LIMIT) if path.is_file() else None
    return isinstance(settings, dict) and bool(settings.get(TEMPLATE))
