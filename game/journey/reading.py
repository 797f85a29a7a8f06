"""Looking closely. What the player reads at a place is what the mind answers, not what the Scene says.

A mind that kept the ordinary reads what is there. A mind that was trained too hard misreads, and so does the player.
Without a mind the senses are read as they are.
"""

from dataclasses import dataclass

from msgspec.structs import replace

from game.journey.mind_client import MindClient
from game.realm.rules import NONE, NOTHING, Rules
from game.realm.scene import View
from game.realm.tongues import LOOK, question, tongue_named
from perception.messages import Event


@dataclass(frozen=True)
class Read:
    """What was read at a place: events in the words of the mind. where: the direction word of its place; silent: the
    player only passed by, and nothing is said."""

    place: int
    where: str
    events: tuple[Event, ...]
    silent: bool = False


class Reading:
    """One look at a time; a new one takes the place of an old one."""

    def __init__(self, client: MindClient, rules: Rules) -> None:
        self.mind_client, self.rules = client, rules
        self.called: dict[int, str] = {}  # place -> what one took its landmark for, when one looked last
        self._ticket = 0
        self._pending: Read | None = None
        self._passed = -1  # the place that one passed last

    def pass_by(self, view: View, place: int) -> None:
        """Takes a landmark for what the mind takes it for, unless something is being looked at."""
        if self._pending is None and place != self._passed:
            self._passed = place
            self.look(view, place, True)

    def look(self, view: View, place: int, silent: bool = False) -> None:
        """Asks the mind about a place of this view: what stands there, and what each sense tells."""
        where = next((word for word, index in view.places.items() if index == place), "")
        events = tuple(event for event in view.scene.events if event.place == where)
        self._pending = Read(place, where, events, silent)
        speech = tongue_named(view.scene.tongue)
        asks = (LOOK, *self.rules.senses) if where else ()
        questions = tuple(question(speech, self.rules, ask, where) for ask in asks)
        self._ticket = self.mind_client.inquire(replace(view.scene, questions=questions)) if questions else 0

    def heard(self) -> Read | None:
        """What was read, once. None while it is awaited, or if nothing was asked."""
        pending = self._pending
        if pending is None:
            return None
        answer = self.mind_client.answered(self._ticket) if self._ticket else None
        if answer is None and self._ticket and self.mind_client.awaited(self._ticket):
            return None
        self._pending, self._ticket = None, 0
        if answer is not None:
            words = [(ask, answer.best(ask, pending.where)) for ask in (LOOK, *self.rules.senses)]
            events = tuple(Event(ask, pending.where, word) for ask, word in words if word not in (NONE, NOTHING))
            pending = Read(pending.place, pending.where, events, pending.silent)
        kind = next((event.thing for event in pending.events if event.sense == LOOK), "")
        if kind:
            self.called[pending.place] = kind
        return pending
