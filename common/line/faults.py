"""What goes wrong on a line, in one line of text each."""


class LineError(ValueError):
    """A line that can't be had: where, what is wrong, how to mend it.

    again: whether the same may work later, as when a server is full or not there.
    """

    def __init__(self, text: str, again: bool = False) -> None:
        super().__init__(" ".join(text.split())[:500])
        self.again = again


class BadMessage(ValueError):
    """Bytes that are no message, or a message that can't be sent: one line that names the place in it."""

    def __init__(self, text: str) -> None:
        super().__init__(" ".join(text.split())[:500])
