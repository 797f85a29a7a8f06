"""What perception refuses, each in one line that says what is wrong and how to mend it."""

import errno
import os
import re
from collections.abc import Iterator
from contextlib import contextmanager

from safetensors import SafetensorError


class LanguageError(ValueError):
    """A text that this model cannot read."""


class ModelError(ValueError):
    """A model that cannot be used."""


@contextmanager
def disk_errors() -> Iterator[None]:
    """A block in which safetensors and tokenizers write: what they say of a full disk, in classes of their own, is
    raised as the system says it.
    """
    try:
        yield
    except OSError:
        raise
    except Exception as error:
        number = re.search(r"os error (\d+)", str(error))
        if number is None and not isinstance(error, SafetensorError):
            raise
        code = int(number[1]) if number else errno.EIO
        raise OSError(code, os.strerror(code)) from error


def reason_of(error: Exception) -> str:
    """One line of what a library says of somebody's file, 200 characters at most."""
    if isinstance(error, KeyError):
        return f"{error} is not in it"
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    return " ".join(lines[:2])[:200] or type(error).__name__
