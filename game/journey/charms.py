"""Charms: what the miko of the shrine can burn into a player's mind, what they wear, and what it cost.

She is the seer who lives at the shrine. A charm changes a mind and never the world: no action is logged, so a realm and
its saves are what they are without charms. A charm holds what a player was shown, or guesses, and no truth.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from game.journey.mind_client import MindClient
from game.realm.borrowing import SHRINES
from game.realm.happenings import Revealed
from game.realm.rules import NOTHING
from game.realm.scene import View
from game.realm.senses import beside_seer, nearest_place, within_reach
from game.realm.view import PlayerView
from game.ui.words import article
from perception.messages import Burn, Charm, Scene, TakeOff, ToMind

MIKO = "miko"  # the figure of the seer who burns charms
SHOWN_MOST = 6  # spirits that were shown lately, which she can burn in
PATIENCE = 20.0  # s until a charm that nobody answers is given up
SETTLES = 6.0  # s in which what a charm costs is measured
NOWHERE = "Charms are burned by the miko of the shrine, and laid down at a torii or an altar."
NOBODY = "No mind is awake to take a charm."
NEVER = "This mind takes no charms: it has no matrix that one could burn."
BUSY = "The ink on your brow is still hot."
BURNS = "She writes on your brow, and breathes on it. It burns."
LAID = "You wash your brow. What was written over comes back."
LOST = "The charm did not take: the mind stumbled over it. You are as you were."


@dataclass(frozen=True)
class Offer:
    """Somebody to burn in: a species at a place, in a scene. word: what the scene calls the place."""

    at: int
    species: str
    scene: Scene
    word: str


class CharmBook:
    """known: spirits that were shown lately, the newest first; pending: what the mind was told to do and hasn't yet."""

    def __init__(self, world: PlayerView, client: MindClient) -> None:
        self._world, self._client = world, client
        self.known: list[Offer] = []
        self.pending: Offer | Charm | None = None
        self._since = 0.0  # when it was told, or when it was done
        self._troubles = 0
        self._cost: tuple[str, float | None] | None = None  # what was done, and the mundane before it

    @property
    def worn(self) -> tuple[Charm, ...]:
        """The charms that the mind wears."""
        return self._client.progress.charms if self._client.progress else ()

    @property
    def burning(self) -> int | None:
        """The layer that is being burned now."""
        ready = self._client.ready
        return ready.burns if isinstance(self.pending, Offer) and ready is not None else None

    def pairs(self) -> list[tuple[int, str]]:
        """(place, species) of what is worn: none of these is a sight of the player's own."""
        return [(charm.at, charm.species) for charm in self.worn]

    def called(self, at: int, species: str) -> str:
        """A kitsune, by the lantern."""
        places = self._world.map.places
        words = article(species)
        return f"{words[:1].upper()}{words[1:]}, by the {places[at].kind if at < len(places) else 'road'}"

    def remember(self, view: View, revealed: Revealed) -> None:
        """Notes whom the world has just shown: she can burn them in."""
        words = {place: word for word, place in view.places.items()}
        offers = [
            Offer(at, species, view.scene, words[at])
            for at, species in revealed.truth
            if species != NOTHING and at in words
        ]
        new = {offer.at for offer in offers}
        self.known = [*offers, *(offer for offer in self.known if offer.at not in new)][:SHOWN_MOST]

    def dealer(self) -> str:
        """Who deals in charms here: the miko, a shrine (which only takes them back), or nobody."""
        seer, place = beside_seer(self._world), nearest_place(self._world)
        if seer is not None and seer.kind == MIKO:
            return MIKO
        return "shrine" if place.kind in SHRINES and within_reach(self._world, place) else ""

    def refusal(self) -> str:
        """Why nothing can be burned or laid down now, for the player; empty if something can."""
        ready = self._client.ready
        if ready is None or self._client.mind.state != "awake":
            return NOBODY
        if self.pending is not None:
            return BUSY
        return NEVER if ready.burns is None and not self.worn else ""

    def burn(self, offer: Offer, seconds: float) -> str:
        """Has a charm burned; a line for the player. seconds: the game's clock."""
        order = Burn(offer.scene, offer.word, offer.at, offer.species)
        return self.refusal() or self._tell(offer, order, seconds, BURNS)

    def lay_down(self, charm: Charm, seconds: float) -> str:
        """Has a charm taken off; a line for the player."""
        return self.refusal() or self._tell(charm, TakeOff(charm.number), seconds, LAID)

    def _tell(self, what: Offer | Charm, order: ToMind, seconds: float, line: str) -> str:
        self.pending, self._since, self._troubles = what, seconds, self._client.troubles
        self._client.mind.send(order)
        return line

    def advance(self, seconds: float) -> str:
        """A line for the player when a charm took, when it failed, and when its cost is known; else empty."""
        pending, client = self.pending, self._client
        if pending is None:
            return self._costs(seconds)
        if self._done(pending):
            what = self.called(pending.at, pending.species)
            self.pending, self._since = None, seconds
            self._cost = (what, client.grounded)
            return f"{what}: you see it." if isinstance(pending, Offer) else ""
        if client.mind.state != "awake" or seconds - self._since > PATIENCE:
            self.pending = None
            return LOST
        if client.troubles > self._troubles:  # the mind's own line tells why
            self.pending = None
        return ""

    def _done(self, pending: Offer | Charm) -> bool:
        if isinstance(pending, Offer):
            return (pending.at, pending.species) in self.pairs()
        return pending.number not in [charm.number for charm in self.worn]

    def _costs(self, seconds: float) -> str:
        if self._cost is None:
            return ""
        (what, before), now = self._cost, self._client.grounded
        if seconds - self._since <= SETTLES and (before == now or now is None):
            return ""
        self._cost = None
        if before is None or now is None or before == now:
            return ""
        verb = "clouds" if now < before else "clears"
        return f"{what}: that {verb} the ordinary. You read {now:.0%} of it right, before {before:.0%}."


def in_sight_offers(view: View | None, species: Sequence[str]) -> dict[int, list[Offer]]:
    """Place -> what could be burned in there: a guess is the player's own."""
    if view is None:
        return {}
    return {at: [Offer(at, name, view.scene, word) for name in species] for word, at in view.places.items()}
