"""Questions to a mind whose answers somebody waits for. Each has a ticket. An answer changes nothing on the screen.

Other questions (MindClient.ask) may be dropped for newer ones. What is inquired here is answered, or known to be lost.
"""

from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass

from perception.messages import Eyes, Perceive, Percept, Scene, ToMind

PATIENCE = 20.0  # s of play: an answer that takes longer is lost
OPEN_MOST = 32  # tickets at once
KEPT_MOST = 64  # answers that nobody has fetched


@dataclass(frozen=True)
class Answer:
    """What a mind said to a scene."""

    scene: Scene
    percept: Percept

    @property
    def beliefs(self) -> dict[tuple[str, str], dict[str, float]]:
        """(ask, place) -> candidate -> probability."""
        answered = zip(self.scene.questions, self.percept.beliefs, strict=False)
        return {(q.ask, q.place): dict(zip(q.candidates, belief, strict=False)) for q, belief in answered}

    def best(self, ask: str, place: str) -> str:
        """The most believed answer to a question; "" if it wasn't asked. Of equals, the first candidate."""
        believed = self.beliefs.get((ask, place), {})
        return max(believed, key=lambda word: believed[word]) if believed else ""


class Inquiries:
    """Open tickets and answers that wait to be fetched. send: the mind's; it returns False for what it refuses.
    patience: s of play after which an answer is lost.
    """

    def __init__(self, send: Callable[[ToMind], object], patience: float = PATIENCE) -> None:
        self._send, self._patience = send, patience
        self._number = 0
        self._open: dict[int, tuple[Scene, float]] = {}  # ticket -> what was asked, s it has waited
        self._answers: OrderedDict[int, Answer] = OrderedDict()

    def ask(self, scene: Scene, eyes: Eyes) -> int:
        """A ticket, or 0 if it can't be asked."""
        if len(self._open) >= OPEN_MOST or self._send(Perceive(scene, eyes, self._number + 1)) is False:
            return 0
        self._number += 1
        self._open[self._number] = (scene, 0.0)
        return self._number

    def take(self, percept: Percept) -> None:
        """An answer came; one that nobody waits for any more is dropped."""
        scene, _ = self._open.pop(percept.ticket, (None, 0.0))
        if scene is not None:
            self._answers[percept.ticket] = Answer(scene, percept)
            while len(self._answers) > KEPT_MOST:
                self._answers.popitem(last=False)

    def lose(self, ticket: int | None = None) -> None:
        """There will be no answer to this ticket, or to any that is open."""
        for lost in [ticket] if ticket is not None else list(self._open):
            self._open.pop(lost, None)

    def settle(self, dt: float) -> None:
        """dt s pass; what has waited too long is lost."""
        aged = {ticket: (scene, waited + dt) for ticket, (scene, waited) in self._open.items()}
        self._open = {ticket: entry for ticket, entry in aged.items() if entry[1] <= self._patience}

    def awaited(self, ticket: int) -> bool:
        """Whether an answer may still come."""
        return ticket in self._open

    def answered(self, ticket: int) -> Answer | None:
        """The answer, once."""
        return self._answers.pop(ticket, None)
