"""What perception refuses, each in one line that says what is wrong and how to mend it."""


class LanguageError(ValueError):
    """A text that this model cannot read."""


class ModelError(ValueError):
    """A model that cannot be used."""


def reason_of(error: Exception) -> str:
    """One line of what a library says of somebody's file, 200 characters at most."""
    if isinstance(error, KeyError):
        return f"{error} is not in it"
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    return " ".join(lines[:2])[:200] or type(error).__name__
