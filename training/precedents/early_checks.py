"""What the flags of `edit` and `circuit` name is tried before the work begins; folders are written at its end."""

import errno
import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from common.files import PART, OutputError, output_error
from common.json_lines import half_surrogate
from common.whole_folders import writing_folder


class _Tried(Exception):
    """The folder could be written; that was all we wanted to know."""


def check_words(flag: str, text: str) -> None:
    """Refuse what a shell handed over in another encoding: no tokenizer reads it. Raises ValueError."""
    if half_surrogate(text):
        raise ValueError(f"{flag}: holds bytes that are not UTF-8; write it in UTF-8")


def check_input(flag: str, path: Path, remedy: str) -> None:
    """Refuse a file that can't be read. A pipe is not touched: it can be read only once. Raises ValueError."""
    try:
        if path.is_dir():
            fault = "a folder"
        elif not path.exists():
            fault = "no such file"
        elif not os.access(path, os.R_OK):
            fault = "no permission to read it"
        else:
            return
    except OSError as error:  # as for a name that is too long
        fault = error.strerror or "cannot be read"
    raise ValueError(f"{flag} {path}: {fault}; {remedy}")


def check_new_folder(out: Path) -> None:
    """Refuse a folder that is there already or can't be made; what is made for that goes again.

    Raises ValueError or OutputError.
    """
    try:
        if out.exists() and (not out.is_dir() or any(out.iterdir())):
            raise ValueError(f"--out {out}: is there already; give a new folder")
        missing = [folder for folder in (out, *out.parents) if not folder.exists()]
    except OSError as error:
        raise output_error(out, error) from error
    try:
        with suppress(_Tried), writing_folder(out):
            raise _Tried
    finally:
        for folder in missing:
            with suppress(OSError):  # what holds anything stays
                folder.rmdir()


def check_folder(out: Path) -> None:
    """Refuse a folder in which nothing can be written, whether it is there or not. Raises ValueError or OutputError."""
    try:
        if not out.exists():
            check_new_folder(out)
        elif not out.is_dir():
            raise ValueError(f"--out {out}: is no folder; give a folder")
        else:
            with tempfile.TemporaryDirectory(PART, dir=out):
                pass
    except FileNotFoundError as error:  # a folder of the system, which takes no files
        raise output_error(out, OSError(errno.EACCES, "")) from error
    except OSError as error:
        raise output_error(out, error) from error


@contextmanager
def new_folder(out: Path) -> Iterator[Path]:
    """`writing_folder`, whose faults name the folder that was asked for, also those of files in it."""
    with writing_folder(out) as folder:
        try:
            yield folder
        except OutputError as error:
            raise OutputError(str(error).replace(str(folder), str(out)), error.errno) from error
