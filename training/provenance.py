"""What a run rests on, known by content: its data, its base model, the realm's rules, the code that measures.

A name says where something lies. It does not say what lies there now. So every result notes the hashes of what it was
made from, and a resumed experiment compares them with what is there today. It adds to old results only if all agree.
"""

import hashlib
from collections.abc import Iterable, Mapping
from fnmatch import fnmatch
from pathlib import Path

from common.assets import ASSETS
from common.files import read_text
from perception.gguf_files import folder_of
from perception.model import CONTEXT, load, weights_hash
from perception.model_folder import HUB
from training.config import LearnConfig

# Raise it by hand whenever the same data, model and settings give other numbers than before.
MEASURE_VERSION = 2  # 2: --train all leaves position embeddings and the output's bias alone
REALM = ("realm.toml", "talk.toml", "lore.toml", "stories.toml", "quests.toml")  # scenes and talks are drawn from them
MODEL = {  # what a Hugging Face folder is loaded from, part by part
    "weights": ("*.safetensors", "*.safetensors.index.json"),
    "config": ("config.json",),
    "tokenizer": (
        "tokenizer*", "*.model", "vocab*", "merges.txt", "special_tokens_map.json", "added_tokens.json",
        "chat_template*",
    ),
}  # fmt: skip
BLOCK = 2**20  # bytes hashed at a time
RestsOn = dict[str, str]  # what: its hash, 16 hex digits


def rests_on(config: LearnConfig) -> RestsOn:
    """The hashes of all that decides the numbers of a run, but its settings. Raises ValueError or OSError.

    Keys: "measure" (MEASURE_VERSION), "weights", "config", "tokenizer"; "context" and "context config" where another
    net reads them; then "lessons" and "probes" of a behaviour from files, or "realm" of one that the realm's rules
    produce.
    """
    hashes = {"measure": str(MEASURE_VERSION)} | of_model(config.model)
    if config.probe_file is None:
        return hashes | {"realm": _of_files(ASSETS / name for name in REALM)}
    return hashes | {"lessons": _of_text(Path(config.behaviour)), "probes": _of_text(config.probe_file)}


def of_model(source: str) -> RestsOn:
    """The hashes of a base model's parts. A folder is hashed by its files, a model of the hub as it is loaded."""
    if source.startswith(HUB):
        model = load(source)
        parts = (model.net.config.to_json_string(), model.tokenizer.chat_template, sorted(model.tokenizer.get_vocab()))
        return {"weights": weights_hash(model.net), "config": _of(parts[0]), "tokenizer": _of(repr(parts[1:]))}
    folder = Path(folder_of(source))
    hashes = {part: _of_files(_matching(folder, patterns)) for part, patterns in MODEL.items()}
    reader = folder / CONTEXT
    if not reader.is_dir():
        return hashes
    own = {"context": "weights", "context config": "config"}  # its tokenizer is not looked at
    return hashes | {what: _of_files(_matching(reader, MODEL[part])) for what, part in own.items()}


def _matching(folder: Path, patterns: Iterable[str]) -> list[Path]:
    """The files of a folder whose names match a pattern, in order."""
    files = sorted(path for path in folder.iterdir() if path.is_file())
    return [path for path in files if any(fnmatch(path.name, pattern) for pattern in patterns)]


def difference(noted: Mapping[str, str], present: Mapping[str, str]) -> str:
    """What is not as it was, in words, with the hashes of then and now; empty where all agree."""
    return ", ".join(
        f"{what} ({noted.get(what, 'none')} then, {present.get(what, 'none')} now)"
        for what in dict.fromkeys((*noted, *present))
        if noted.get(what) != present.get(what)
    )


def of_file(path: Path) -> str:
    """16 hex digits of a file's bytes. Raises OSError."""
    return _of_files([path], named=False)


def _of_files(paths: Iterable[Path], named: bool = True) -> str:
    digest = hashlib.blake2b(digest_size=8)
    for path in paths:
        if named:
            digest.update(f"{path.name}\0{path.stat().st_size}\0".encode())
        with open(path, "rb") as stream:
            while block := stream.read(BLOCK):
                digest.update(block)
    return digest.hexdigest()


def _of_text(path: Path) -> str:
    """Of what a text file says, in whatever encoding and with whatever line ends it is saved."""
    return _of(read_text(path))


def _of(text: str) -> str:
    return hashlib.blake2b(text.encode(), digest_size=8).hexdigest()
