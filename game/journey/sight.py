"""What the player sees: beliefs as they are drawn, first sights, and eyes that are borrowed.

The truth about spirits isn't known here. What other eyes show is never a sight of the player's own, and around an
errand they show nobody.
"""

from collections import OrderedDict
from collections.abc import Sequence

from game.art.frame_state import Ghost, Hint, haunt
from game.journey.debut import Debut
from game.journey.mind_client import MindClient
from game.journey.narrator import Narrator
from game.realm.borrowing import LASTS
from game.realm.happenings import Action
from game.realm.land import Place
from game.realm.scene import View
from game.realm.view import PlayerView

FAINTEST = 0.05  # beliefs below this are not drawn
MEMORIES = 24
WAVERS, BURSTS = 0.7, 0.25  # s that a phantom wavers once it was touched, and that it takes to burst
SCATTERS = 1.1  # s that what is left of it flies apart
PICTURE = (290, 140)  # px: places so near in x and y are on the screen
LENT = "For a while you see with a born seer's eyes. You can only look: your own hand and voice have to wait."
BACK = "Your own eyes again."
NOT_NOW = "No born seer's eyes can be borrowed now."


def hints(view: View | None, places: Sequence[Place]) -> tuple[Hint, ...]:
    """What is sensed in a view, where it is drawn."""
    shapes = []
    for event in view.scene.events if view is not None else ():
        if view is not None and event.sense in ("glimpse", "track", "hear", "feel"):
            spot = places[view.places[event.place]]
            shapes.append(Hint(spot.x, spot.y, event.sense, event.thing))
    return tuple(shapes)


class Sight:
    """lent: the player looks through other eyes now; memories: place -> what was believed there last, newest last;
    debut: how the first sight of all is shown."""

    def __init__(self, world: PlayerView, client: MindClient, narrator: Narrator) -> None:
        self.world, self.mind_client, self.narrator = world, client, narrator
        self.debut = Debut()
        self.lent = False
        self.memories: OrderedDict[int, tuple[str, float]] = OrderedDict()
        client.hides = world.quests.keeps_secret
        narrator.drawn = self.drawn

    def borrow(self, now: float) -> tuple[Action | None, str]:
        """Borrows a born seer's eyes, or gives them back: what the world is told, and a line for the player. now: s on
        the clock minds are asked by."""
        if self.lent:
            self.mind_client.give_back()
            return ("borrow", False), BACK
        refusal = self.world.quests.borrowing.refusal(self.world)
        if refusal:
            return None, refusal
        if not self.mind_client.borrow("seer", now, LASTS + 1.0):
            return None, NOT_NOW
        self.lent = True
        return ("borrow", True), LENT

    def watch(self, dt: float, asleep: bool, now: float, borrowing: bool) -> Action | None:
        """Follows what is believed for dt s. borrowing: the world hasn't heard yet that eyes are borrowed. Returns what
        the world is to be told, if anything."""
        action = None
        lent, borrowed = self.world.quests.borrowing.lent(self.world), self.mind_client.borrowed(now) is not None
        if lent and not borrowed:
            action = ("borrow", False)
        elif borrowed and not lent and not borrowing:
            self.mind_client.give_back()
            borrowed = False
        self.lent = borrowed
        if self.lent:
            self.narrator.firsts.lend(self.in_picture(), self.narrator.seconds)
        elif not asleep:  # asleep nobody sees: it is announced on waking
            self._first(dt)
        elif self.debut.going_on:
            self.narrator.note_sight()
            self.debut.finish()
        return action

    def _first(self, dt: float) -> None:
        """Watches for first sights. Of the very first one the debut decides when it is told."""
        firsts, seconds, debut = self.narrator.firsts, self.narrator.seconds, self.debut
        beliefs = self.in_picture()
        if firsts.any and not debut.going_on and not debut.over:
            debut.finish()
        if not debut.over:
            unaided = {place: (species, p) for place, species, p in beliefs if not firsts.pointed(place, species)}
            debut.choose(unaided)
            beliefs = [entry for entry in beliefs if entry[0] == debut.place]
        if not debut.going_on:
            firsts.watch(beliefs, seconds)
            if firsts.now is not None and firsts.now.first and not debut.over:
                debut.begin(firsts.now.place, firsts.now.species, seconds)
        elif debut.advance(self.mind_client.belief(debut.place or 0)[1], dt, seconds):
            firsts.forget()
        if debut.whole(seconds):
            self.narrator.note_sight()

    def in_picture(self) -> list[tuple[int, str, float]]:
        """(place, species, belief) of what is believed about places on the screen, a little way from its edge."""
        player, places = self.world.player, self.world.map.places
        return [
            (place, *self.mind_client.belief(place))
            for place in self.mind_client.places()
            if abs(places[place].x - player.x) < PICTURE[0] and abs(places[place].y - player.y) < PICTURE[1]
        ]

    def remember(self, view: View) -> None:
        """Keeps what is believed of the places of a view, for dreams."""
        for place in () if self.lent else view.places.values():
            self.memories[place] = self.mind_client.belief(place)
            self.memories.move_to_end(place)
        while len(self.memories) > MEMORIES:
            self.memories.popitem(last=False)

    def drawn(self, place: int) -> tuple[str, float]:
        """(species, 0..1) of what is drawn at a place: before the first sight of all it is less than is believed."""
        species, belief = self.mind_client.belief(place)
        pointed = self.narrator.firsts.pointed(place, species)
        if self.lent:
            return species, belief
        return species, self.debut.drawn(place, belief, pointed, self.narrator.seconds)

    def ghosts(self) -> tuple[Ghost, ...]:
        """What is drawn of beliefs now."""
        seconds, places, shapes = self.narrator.seconds, self.world.map.places, []
        for place in self.mind_client.places():
            species, belief = self.drawn(place)
            touched = self.mind_client.wavers(place, seconds)
            if touched is not None:  # it wavers, bursts, and is gone for a while, whatever the mind still says
                belief *= max(0.0, 1 - max(0.0, touched - WAVERS) / BURSTS)
            if belief >= FAINTEST:
                shapes.append(Ghost(place, *haunt(places[place]), species, belief, touched is not None))
        return tuple(shapes)

    def bursts(self) -> list[tuple[int, str, float]]:
        """(place, species, how far 0..1) of phantoms that fly apart now."""
        flying = []
        for place in self.mind_client.places():
            species, belief = self.mind_client.belief(place)
            touched = self.mind_client.wavers(place, self.narrator.seconds)
            part = (touched - WAVERS) / SCATTERS if touched is not None else -1.0
            if belief >= FAINTEST and 0 <= part < 1:
                flying.append((place, species, part))
        return flying
