"""One player of a mind that serves several: their own mind, what waits for it, and which lessons it owes a word."""

from collections.abc import Iterator

from perception.messages import FromMind, Lesson, Ping, Pong, Taught, Teach
from perception.wire import lesson_digest
from training.mind.inbox import Inbox
from training.mind.mind import Mind

RECORD_EVERY = 2.0  # s from one percept with what the heads did to the next, where many wait


class Player:
    """number: of the connection; None while they are away. looked, acted: which look and which order of all players'
    was their last.
    """

    def __init__(self, name: str, mind: Mind) -> None:
        self.name, self.mind = name, mind
        self.number: int | None = None
        self.looked = self.acted = 0
        self._recorded = -RECORD_EVERY
        self.inbox = Inbox()
        self._known = {lesson_digest(lesson) for lesson in mind.teacher.journal.lessons}
        self._owed: list[str] = []  # digests of lessons that are learned from and not yet on disk

    def look(self, busy: bool, now: float) -> list[FromMind]:
        """The answer to one scene, if one waits. busy: many wait, so what the heads did is told now and then alone.
        now: s, on any clock."""
        message = self.inbox.take_look()
        if message is None:
            return []
        self.mind.records = not busy or now - self._recorded >= RECORD_EVERY
        if self.mind.records:
            self._recorded = now
        return list(self.mind.answers([message]))

    def act(self) -> Iterator[FromMind]:
        """The answers to what came first, or to the lessons that came first."""
        messages = self.inbox.take_next()
        lessons = [message.lesson for message in messages if isinstance(message, Teach)]
        if lessons:
            yield from self._learn(lessons)
            return
        for message in messages:
            yield from [Pong(0.0)] if isinstance(message, Ping) else self.mind.answers([message])
        yield from self.acknowledge()

    def work(self) -> Iterator[FromMind]:
        """A piece of practice or measurement."""
        yield from self.mind.work()
        yield from self.acknowledge()

    def save(self) -> Iterator[FromMind]:
        """Save, and acknowledge what is on disk then."""
        yield from self.mind.save(again=True)
        yield from self.acknowledge()

    def acknowledge(self) -> list[FromMind]:
        """Taught of all lessons that are on disk by now."""
        if self.mind.unsaved:
            return []
        owed, self._owed = self._owed, []
        return [Taught(digest) for digest in owed]

    def _learn(self, lessons: list[Lesson]) -> Iterator[FromMind]:
        """Learn from those that are new. A lesson that came before is acknowledged again: its game heard nothing."""
        new: dict[str, Lesson] = {}
        for lesson in lessons:
            digest = lesson_digest(lesson)
            if digest in self._known:
                self._owed += [digest] if digest not in self._owed else []
            else:
                new[digest] = lesson
        held = self.mind.teacher.journal.lessons
        count = len(held)
        yield from self.mind.answers([Teach(lesson) for lesson in new.values()])
        learned = {lesson_digest(lesson) for lesson in held[count:]}
        self._known |= learned
        self._owed += [digest for digest in new if digest in learned]
        yield from (Taught(digest, kept=False) for digest in new if digest not in learned)
        yield from self.acknowledge()
