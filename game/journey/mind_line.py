"""What the game needs of a mind, whatever it runs on."""

from collections.abc import Sequence
from typing import Protocol

from perception.messages import FromMind, ToMind


class Mind(Protocol):
    """What the game needs of a mind (perception.link.Link, or a stand-in). Nothing here may block."""

    @property
    def state(self) -> str:
        """waking, awake, restarting or dead."""
        ...

    @property
    def keeps_lessons(self) -> bool:
        """Whether every lesson that is sent reaches a mind one day, whatever its state is."""
        ...

    def send(self, message: ToMind) -> object:
        """Leaves a message for the mind."""
        ...

    def poll(self) -> Sequence[FromMind]:
        """What has come since the last poll."""
        ...
