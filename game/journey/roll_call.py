"""The last roll call: how much each mind believes of each guest, asked scene by scene.

Each scene is the one around the player, with two traces of one species at one place. So what is shown at the end of a
journey is what the mind says at its end, and what it said on the day it came.
"""

from dataclasses import dataclass, field

from game.journey.mind_client import MindClient
from game.realm.scene import describe, header
from game.realm.tongues import LOOK, SENSE, question, tell, tongue_named
from game.realm.view import PlayerView
from perception.messages import Event, Eyes, Scene

EYES: tuple[Eyes, ...] = ("blind", "you", "seer")  # in the order of the last picture
PATIENCE = 20.0  # s that answers are waited for


def scene_of(world: PlayerView, tongue: str, species: str) -> Scene:
    """The scene around the player, with two traces of this species at its first place and no other traces."""
    view, speech, rules = describe(world, tongue), tongue_named(tongue), world.rules
    place = next(iter(view.places))
    own = rules.spirits[rules.species.index(species)].traces
    traces = tuple(Event(rules.senses[sense], place, own[sense]) for sense in (0, len(rules.senses) - 1))
    events = (*(event for event in view.scene.events if event.sense == LOOK), *traces)
    text = tell(speech, header(world), events)
    return Scene(world.tick, speech.name, text, events, (question(speech, rules, SENSE, place),))


@dataclass
class RollCall:
    """Asks every pair of eyes that the mind has about every species. beliefs: (eyes, species) -> 0..1."""

    world: PlayerView
    client: MindClient
    beliefs: dict[tuple[Eyes, str], float] = field(default_factory=dict)
    _tickets: dict[int, tuple[Eyes, str]] = field(default_factory=dict)
    _waited: float = 0.0

    def ask(self) -> None:
        """Asks all of it."""
        ready = self.client.ready
        for species in self.world.rules.species:
            scene = scene_of(self.world, self.client.tongue, species)
            for eyes in EYES:
                if ready is not None and eyes in ready.eyes and (ticket := self.client.inquire(scene, eyes)):
                    self._tickets[ticket] = eyes, species

    def hear(self, dt: float) -> None:
        """Takes what has been answered; dt s have passed."""
        self._waited += dt
        for ticket, (eyes, species) in list(self._tickets.items()):
            answer = self.client.answered(ticket)
            if answer is not None:
                believed = next(iter(answer.beliefs.values()), {})
                self.beliefs[eyes, species] = believed.get(species, 0.0)
            if answer is not None or not self.client.awaited(ticket) or self._waited > PATIENCE:
                del self._tickets[ticket]

    @property
    def over(self) -> bool:
        """True when nothing is waited for any more."""
        return not self._tickets

    def seen(self, eyes: Eyes) -> dict[str, float] | None:
        """Species -> belief through these eyes; None if the mind has none such."""
        beliefs = {species: p for (whose, species), p in self.beliefs.items() if whose == eyes}
        return beliefs or None
