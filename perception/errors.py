"""What perception refuses, each in one line that says what is wrong and how to mend it."""

import errno
import os
import re

from safetensors import SafetensorError


class LanguageError(ValueError):
    """A text that this model cannot read."""


class ModelError(ValueError):
    """A model that cannot be used."""


def disk_error(error: Exception) -> OSError | None:
    """What safetensors and tokenizers say of a full disk, in classes of their own, as the system says it; None for any
    other error.
    """
    number = re.search(r"os error (\d+)", str(error))
    if number is None and not isinstance(error, SafetensorError):
        return None
    code = int(number[1]) if number else errno.EIO
    return OSError(code, os.strerror(code))


def reason_of(error: Exception) -> str:
    """One line of what a library says of somebody's file, 200 characters at most."""
    if isinstance(error, KeyError):
        return f"{error} is not in it"
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    return " ".join(lines[:2])[:200] or type(error).__name__
