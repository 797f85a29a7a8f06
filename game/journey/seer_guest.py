"""A player who was born seeing, and walks a shared realm by themselves: they point at whoever they see.

What they say is what their mind believes, so it may be wrong like anybody's word. No pygame.
"""

from random import Random
from typing import Protocol

from game.journey.mind_client import MindClient
from game.journey.mind_line import Mind
from game.realm.realms import Realm
from game.realm.scene import describe
from game.shared.fellows import Fellows
from perception.messages import Eyes

SURE = 0.8  # belief (0..1) from which they point
POINTS_EVERY = 8.0  # s between two places that they point at
AGAIN = 60.0  # s after which they point at the same place again
STANDS = 3.0  # s that they stand beside what they pointed at
STRIDE = (1.0, 3.0)  # s of one heading
LOOKS_EVERY = 1 / 8  # s
EYES: Eyes = "seer"
EYES_LAST = 1e12  # s that the eyes are theirs: for good
HEADINGS = tuple((dx, dy) for dx in (-1, 0, 1) for dy in (-1, 0, 1) if dx or dy)


class Joined(Realm, Protocol):
    """A shared realm, with its other players (game.shared.joined.JoinedRealm)."""

    fellows: Fellows


class SeerGuest:
    """mind: one with the eyes of a born seer. seed: of where they walk."""

    def __init__(self, realm: Joined, mind: Mind, seed: int = 0) -> None:
        self.realm, self.world = realm, realm.view
        self.mind_client = MindClient(mind)
        self._rng = Random(f"{seed}/seer guest")
        self._heading, self._turns, self._looked, self._pointed = (0, 0), 0.0, -1e9, 0.0
        self._shown: dict[int, float] = {}  # place -> s at which they pointed at it

    def tick(self, now: float, dt: float) -> None:
        """One tick of the realm. now: s on any clock; dt: s since the last tick."""
        client = self.mind_client
        client.hear()
        if client.ready is not None and client.borrowed(now) is None:
            client.borrow(EYES, now, EYES_LAST)
        if now - self._looked >= LOOKS_EVERY and client.wants_scene(now) and client.borrowed(now):
            self._looked = now
            client.ask(describe(self.world, client.tongue), now)
        client.settle(dt)
        self._point(now)
        heading = self._walk(now)
        self.realm.tick((("move", *heading),) if heading != (0, 0) else (), False, client.tongue)

    def _point(self, now: float) -> None:
        """Points at the one they are surest of, if it is time to."""
        if now - self._pointed < POINTS_EVERY:
            return
        client = self.mind_client
        fresh = [place for place in client.places() if now - self._shown.get(place, -AGAIN) >= AGAIN]
        in_sight = set(client.view.places.values()) if client.view is not None else set()
        best = max((p for p in fresh if p in in_sight), key=lambda place: client.belief(place)[1], default=None)
        if best is None or client.belief(best)[1] < SURE:
            return
        self._pointed = self._shown[best] = now
        self._heading, self._turns = (0, 0), now + STANDS
        self.realm.fellows.point(best, client.belief(best)[0])

    def _walk(self, now: float) -> tuple[int, int]:
        """A heading that they keep for a while."""
        if now >= self._turns:
            self._heading, self._turns = self._rng.choice(HEADINGS), now + self._rng.uniform(*STRIDE)
        return self._heading
