"""The other players of a shared realm, on a journey: what they say is heard, what they point at may be believed, and
two who agreed compare what they see. What they say may be wrong.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from game.art.frame_state import haunt
from game.journey.mind_client import MindClient
from game.journey.narrator import Narrator
from game.realm.happenings import Revealed
from game.realm.land import Place
from game.realm.rules import NOTHING
from game.realm.scene import View, lesson
from game.realm.telling import called
from game.realm.view import PlayerView
from game.shared.fellows import Fellows
from game.shared.messages import Belief, Compared, Pointed, Spoke
from game.ui import announcements, words

SOURCE = "hearsay"  # of lessons that rest on another player's word
OFFERED = 20.0  # s that one may believe what somebody pointed at
SHARE_EVERY = 0.5  # s between two messages of what one believes
SURE = 0.5  # belief (0..1) from which one says that somebody is there


@dataclass(frozen=True)
class Hearsay:
    """What somebody pointed at. view: the scene then; until: s, till when it may be believed."""

    name: str
    place: int
    species: str
    view: View
    until: float


class Fellowship:
    """fellows: the other players; offer: what was pointed at last, while one may believe it."""

    def __init__(self, fellows: Fellows, world: PlayerView, client: MindClient, narrator: Narrator) -> None:
        self.fellows, self.world, self.mind_client, self.narrator = fellows, world, client, narrator
        self.offer: Hearsay | None = None
        self._shared = -1e9

    def advance(self, view: View | None) -> None:
        """Takes in what others said, and tells those who agreed what one believes. view: the scene now."""
        seconds = self.narrator.seconds
        for news in self.fellows.news():
            if isinstance(news, Spoke):
                self.narrator.say(news.name, news.text)
            elif isinstance(news, Pointed):
                self._pointed(news, view)
            else:
                self.narrator.say("", self._compared(news))
        if self.offer is not None and seconds > self.offer.until:
            self.offer = None
        if self.fellows.agreed and view is not None and seconds - self._shared >= SHARE_EVERY:
            self._shared = seconds
            self.fellows.share({place: self.mind_client.belief(place) for place in view.places.values()})

    def _pointed(self, news: Pointed, view: View | None) -> None:
        """Somebody pointed: a mark, a line, and for a while the choice to believe it."""
        if not 0 <= news.place < len(self.world.map.places) or view is None:
            return
        place, seconds = self.world.map.places[news.place], self.narrator.seconds
        until = seconds + announcements.POINTING
        self.narrator.pointed.append(announcements.Pointed(*haunt(place), news.species, until, SOURCE))
        self.narrator.say(news.name, self._claim(place, news.species))
        if news.place in view.places.values():
            self.offer = Hearsay(news.name, news.place, news.species, view, seconds + OFFERED)

    @staticmethod
    def _claim(place: Place, species: str) -> str:
        if species == NOTHING:
            return f"I see nobody by the {place.kind}."
        return f"By the {place.kind}: {called(species)}. That is what I see."

    @staticmethod
    def _compared(news: Compared) -> str:
        if not news.on:
            return f"{news.name} compares no more."
        if news.agreed:
            return f"You and {news.name} compare what you see."
        return f"{news.name} wants to compare what you both see."

    def point(self, place: int, species: str) -> str:
        """Points at a place in sight and says who is there; a line for the player."""
        self.fellows.point(place, species)
        return f"You point at the {self.world.map.places[place].kind}: {called(species)}."

    def trust(self) -> str:
        """Takes somebody's word for what they pointed at: a lesson for the mind. A line for the player."""
        offer, self.offer = self.offer, None
        if offer is None:
            return "Nobody has pointed at anything lately."
        taught = lesson(offer.view, Revealed(SOURCE, ((offer.place, offer.species),)))
        if taught is not None:
            self.mind_client.teach(taught)
        return f"You take {offer.name}'s word: {called(offer.species)}. It may be wrong."

    def nearest(self) -> tuple[int, str] | None:
        """(number, name) of the player who stands nearest; None if nobody is in sight."""
        player, near = self.world.player, []
        for number, (x, y) in self.world.fellow_spots().items():
            near.append(((x - player.x) ** 2 + (y - player.y) ** 2, number))
        return (min(near)[1], self.world.names[min(near)[1]]) if near else None

    def compare(self) -> str:
        """Offers to compare to the nearest player, agrees to it, or ends it. A line for the player."""
        near = self.nearest()
        if near is None:
            return "Nobody is near to compare with."
        number, name = near
        on = number not in self.fellows.agreed
        agreed = number in self.fellows.asks
        self.fellows.compare(number, on)
        if not on:
            return f"You compare with {name} no more."
        return f"You and {name} compare what you see." if agreed else f"You ask {name} to compare what you both see."

    def beside(self, place: int) -> list[tuple[str, str, int]]:
        """(who, what they see there, per cent) of a place: the player first, then those who agreed to compare. Empty
        if nobody's belief is known."""
        others = [
            (name, *_belief(self.fellows.beliefs.get(number, ()), place))
            for number, name in self.fellows.agreed.items()
            if number in self.fellows.beliefs
        ]
        species, belief = self.mind_client.belief(place)
        return [("you", species, round(100 * belief)), *others] if others else []


def _belief(beliefs: Sequence[Belief], place: int) -> tuple[str, int]:
    """(species, per cent) of a place among what another player told."""
    for where, species, percent in beliefs:
        if where == place:
            return species, percent
    return "", 0


def seen_as(species: str, percent: int) -> str:
    """What somebody sees, in words: "a kitsune 83%", "nobody"."""
    return f"{words.article(species)} {percent}%" if species and percent >= 100 * SURE else "nobody"
