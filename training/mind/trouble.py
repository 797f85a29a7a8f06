"""A fault as a message that always gets through: one printable line of bounded length."""

from perception.messages import FromMind, Perceive, Percept, ToMind, Trouble

TEXT_MAX = 500  # characters


def trouble(error: Exception | str, ticket: int = 0) -> Trouble:
    """What went wrong, for the game. ticket: of the Perceive that it cost."""
    known = isinstance(error, str | ValueError | OSError)  # these say what is wrong by themselves
    text = str(error) if known else f"{type(error).__name__}: {error}"
    line = " ".join("".join(c if c.isprintable() else " " for c in text).split())
    return Trouble(line[:TEXT_MAX] or type(error).__name__, ticket)


def trouble_with(message: ToMind | FromMind, error: Exception | str) -> Trouble:
    """What went wrong with a message, under its ticket if it has one."""
    return trouble(error, message.ticket if isinstance(message, Perceive | Percept | Trouble) else 0)
