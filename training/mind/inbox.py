"""What waits for a mind: bounded, so that a game can neither fill its memory nor keep it busy long after it has gone.

Of passing glances, and of orders that only the last one of counts for, the newest alone waits. Of tickets and of long
orders only so many wait, and of everything together so many bytes; what comes above that is refused aloud.
"""

from collections.abc import Callable, Sequence
from threading import Condition

import msgspec

from perception.messages import (
    Attune,
    Burn,
    Export,
    Keep,
    Mark,
    Perceive,
    Practise,
    Quit,
    Rewind,
    TakeOff,
    Teach,
    ToMind,
    Trouble,
    Weigh,
    WriteLog,
)
from training.mind.trouble import trouble_with

TICKETS_MAX = 64  # scenes with a ticket: a second or two of work
ORDERS_MAX = 16  # of each kind that takes long
BYTES_MAX = 16 * 2**20  # of all, as they came: some three thousand lessons
COST = 256  # bytes that holding a message costs beside its own
LAST_COUNTS = (Practise, Keep, Weigh, Attune)
CHANGING = (Rewind, Burn, TakeOff)  # of weights: a scene behind one is seen with the new ones
LONG = (WriteLog, Export, Mark, Rewind, Burn, TakeOff)
FULL = "Ask more slowly: too much waits for the mind, this was refused"


class Inbox:
    """Messages from one game, in order. One thread puts, another takes."""

    def __init__(self) -> None:
        self._changed = Condition()
        self._messages: list[tuple[ToMind, int]] = []  # with their weight in bytes
        self._weight = 0

    def put(self, messages: Sequence[ToMind]) -> list[Trouble]:
        """Let these wait, to be taken together; what is to be said about those that are refused."""
        refused = []
        with self._changed:
            for message in messages:
                self._supersede(message)
                weight = len(msgspec.msgpack.encode(message)) + COST
                if self._full(message, weight):
                    refused.append(trouble_with(message, FULL))
                    continue
                self._messages.append((message, weight))
                self._weight += weight
            self._changed.notify_all()
        return refused

    def take(self, wait: bool) -> list[ToMind]:
        """All that waits; with `wait`, not before there is something."""
        with self._changed:
            if wait:
                self._changed.wait_for(lambda: self._messages)
            messages = [message for message, _ in self._messages]
            self._messages, self._weight = [], 0
            return messages

    @property
    def waiting(self) -> int:
        """How many messages wait."""
        return len(self._messages)

    @property
    def orders(self) -> bool:
        """Whether something else than scenes waits."""
        return any(not isinstance(message, Perceive) for message, _ in list(self._messages))

    def take_look(self) -> Perceive | None:
        """The first scene to look at, if nothing before it changes the weights; it overtakes lessons and orders."""
        with self._changed:
            for index, (message, weight) in enumerate(self._messages):
                if isinstance(message, CHANGING):
                    return None
                if isinstance(message, Perceive):
                    del self._messages[index]
                    self._weight -= weight
                    return message
            return None

    def take_next(self) -> list[ToMind]:
        """The message that came first, or the lessons that came first: those are saved together."""
        with self._changed:
            count = 0
            while count < len(self._messages) and isinstance(self._messages[count][0], Teach):
                count += 1
            count = max(count, 1)
            taken, self._messages = self._messages[:count], self._messages[count:]
            self._weight -= sum(weight for _, weight in taken)
            return [message for message, _ in taken]

    def _supersede(self, message: ToMind) -> None:
        """Drop what waits and is of no use any more once this message has come."""
        if _glance(message):
            self._keep_if(lambda other: not _glance(other))
        elif isinstance(message, LAST_COUNTS):
            self._keep_if(lambda other: type(other) is not type(message))

    def _keep_if(self, useful: Callable[[ToMind], bool]) -> None:
        self._messages = [(message, weight) for message, weight in self._messages if useful(message)]
        self._weight = sum(weight for _, weight in self._messages)

    def _full(self, message: ToMind, weight: int) -> bool:
        if isinstance(message, Quit):
            return False
        if self._weight + weight > BYTES_MAX:
            return True
        if isinstance(message, Perceive):
            waiting = (isinstance(other, Perceive) and other.ticket for other, _ in self._messages)
            return bool(message.ticket) and sum(map(bool, waiting)) >= TICKETS_MAX
        return (
            isinstance(message, LONG) and sum(type(other) is type(message) for other, _ in self._messages) >= ORDERS_MAX
        )


def _glance(message: ToMind) -> bool:
    """Whether this is a passing look: an old one is not worth an answer."""
    return isinstance(message, Perceive) and not message.ticket
