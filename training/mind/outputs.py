"""Where a mind may write what it is asked for: in its own folder, under a plain name. Nobody can name another place.

A game on another machine gives the plain name alone. One on this machine, at the other end of a pipe, may also give
the whole path of such a file in the mind's folder, which is its slot.
"""

import json
import re
from pathlib import Path

from common.files import write_whole
from perception.model import Model
from perception.model import save as save_model

ATTUNED = "attunement_config.json"  # in an export
LOG_SUFFIX = ".msgpack"
LONGEST = 100  # characters of a name
# Files of a Hugging Face folder: an export replaces one that holds nothing else.
EXPORTED = ("*config.json", "*token*", "vocab.*", "merges.txt", "chat_template.*", "model*.safetensors*")
OWN = re.compile(
    r"(?i)(attunement|charms|journal|practice|weights|journey|card|chronicle|rests|shots)(\..*)?"
)  # files of the mind and its slot
DEVICES = re.compile(r"(?i)(con|prn|aux|nul|com\d|lpt\d)(\..*)?")  # names that Windows keeps for devices


class OutputRefused(ValueError):
    """A place where this mind does not write: one line, the remedy first."""


def output_path(folder: Path | None, wanted: str, local: bool) -> Path:
    """The file or folder that `wanted` names. local: whoever asks is on this machine and may give a whole path.

    Raises OutputRefused.
    """
    if folder is None:
        raise OutputRefused("start the mind with --folder DIR: without a folder it writes nothing")
    name = wanted
    path = Path(wanted)
    if local and len(path.parts) > 1 and _same(path.parent, folder):
        name = path.name
    plain = name.isprintable() and not re.search(r'[/\\:*?"<>|]', name) and len(name) <= LONGEST
    if not plain or name.strip(" ") != name or name.strip(".") != name or not name or DEVICES.fullmatch(name):
        raise OutputRefused(f"give a plain name: this mind writes in its own folder alone, not to {wanted[:200]!r}")
    if OWN.fullmatch(name):
        raise OutputRefused(f"give another name: {name} is one of the mind's own files")
    target = folder / name
    if target.is_symlink():
        raise OutputRefused(f"give another name: {name} is a link")
    return target


def _same(one: Path, other: Path) -> bool:
    try:
        return one.resolve() == other.resolve()
    except (OSError, ValueError, RuntimeError):  # a zero byte, a link that leads to itself
        return False


def log_path(folder: Path | None, wanted: str, local: bool) -> Path:
    """Where a log is written: a new file, or one of the name of a log. Raises OutputRefused."""
    path = output_path(folder, wanted, local)
    if path.suffix != LOG_SUFFIX:
        raise OutputRefused(f"give a name that ends with {LOG_SUFFIX}, not {path.name}")
    if path.exists() and not path.is_file():
        raise OutputRefused(f"give another name: {path.name} is no file")
    return path


def export_mind(model: Model, folder: Path, attuned: str = "") -> None:
    """Write a Hugging Face folder of the mind as it is. Replaces an older export; raises OutputRefused where the path
    holds anything else, OSError where it can't be written. attuned: the heads that practise alone, as LAYER.HEAD with
    commas: they stand in attunement_config.json, if there are any.
    """
    if folder.exists():
        files = sorted(folder.iterdir()) if folder.is_dir() else [folder]
        ours = all(file.is_file() and any(file.match(known) for known in EXPORTED) for file in files)
        if not ours or (files and not (folder / "config.json").is_file()):
            raise OutputRefused(f"give a new name: {folder.name} is in the way and no exported mind")
    save_model(model, folder)
    if attuned:
        write_whole(folder / ATTUNED, json.dumps({"practises": attuned.split(",")}).encode())
