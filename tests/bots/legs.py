"""Legs, voice and eyes of a bot that plays a Journey without a window, by what the player may know and nothing else."""

from collections.abc import Callable
from random import Random

from game.journey.journey import TICK, Journey
from game.journey.sleep import INN, at_the_inn
from game.realm.senses import in_sight
from game.realm.view import PlayerView
from game.ui.words import SURE, UNSURE
from tests.kits.questkit import Hand, towards

SPOT = 48  # px below a landmark: in sight of it and out of its reach
READS = 12.0  # s: at most so long one waits for somebody to have spoken
LOOKS = 1.6  # s at a place until one has seen what there is
AGAIN = 45.0  # s after which one may name the same place again


class Legs:
    """Walks, waits, asks, names. watch: called after every tick."""

    def __init__(self, journey: Journey, watch: Callable[[], None], seed: int) -> None:
        self.journey, self.watch, self.rng = journey, watch, Random(f"{seed}/arc")
        self.now = 0.0
        self.named: dict[int, float] = {}
        self.right = self.wrong = 0

    @property
    def view(self) -> PlayerView:
        return self.journey.world

    def frame(self, walk: tuple[int, int] = (0, 0)) -> None:
        """One tick."""
        self.now += TICK
        self.journey.advance(TICK, walk, False, self.now)
        self.watch()

    def wait(self, seconds: float) -> None:
        for _ in range(round(seconds / TICK)):
            self.frame()

    def until(self, done: Callable[[], bool], seconds: float) -> bool:
        """Ticks until something holds; False if it doesn't in so many seconds."""
        for _ in range(round(seconds / TICK)):
            if done():
                return True
            self.frame()
        return done()

    def hear_out(self) -> None:
        """Reads what is said to the end."""
        self.until(lambda: self.journey.narrator.speech is None, READS)

    def walk(self, x: int, y: int, reach: int = 12) -> bool:
        """To within `reach` px of a point, through doors too; False if there is no way."""
        path = Hand(self.view).route((x, y), reach)  # type: ignore[arg-type]
        for column, row in path[1:]:
            for _ in range(40):
                step_to = towards(self.view.player, column, row)
                if step_to == (0, 0):
                    break
                self.frame(step_to)
        self.frame()
        return bool(path)

    def go(self, place: int) -> bool:
        """To a spot in sight of a landmark, out of its reach if there is one."""
        spot = self.view.map.places[place]
        if spot.room < 0 and self.view.open(spot.x, spot.y + SPOT) and self.walk(spot.x, spot.y + SPOT):
            return True
        return self.walk(spot.x, spot.y, 60)

    def beside(self, place: int) -> bool:
        """So near a landmark that one can touch it."""
        spot = self.view.map.places[place]
        return any(self.walk(spot.x, spot.y, reach) for reach in (12, 18, 24))

    def look(self) -> None:
        """Stands until the mind has answered for this spot, and a first sight has had its time."""
        client, tick = self.journey.mind_client, self.view.tick
        self.until(lambda: client.view is not None and client.view.scene.id >= tick, 8.0)
        self.wait(LOOKS)
        self.until(lambda: not self.journey.sight.debut.going_on, 12.0)

    def ask(self) -> bool:
        """Asks a seer here; True if that showed somebody."""
        before = self.journey.narrator.shown
        if self.journey.context() == "ask":
            self.journey.act()
            self.wait(0.3)
            self.hear_out()
        return self.journey.narrator.shown > before

    def believed(self, least: float = SURE) -> dict[int, str]:
        """Place -> species, of what is believed about the places in sight."""
        beliefs = {place: self.journey.mind_client.belief(place) for _, place in in_sight(self.view)}
        return {place: species for place, (species, belief) in beliefs.items() if species and belief >= least}

    def unseen(self, place: int) -> bool:
        """True of a place in sight where nobody is believed."""
        return self.journey.mind_client.belief(place)[1] < UNSURE

    def name(self, place: int, species: str) -> bool:
        """Says who is at a place; True if that was right."""
        rights = self.view.quests.tally.rights
        self.named[place] = self.journey.seconds
        self.journey.name(place, species)
        self.wait(0.3)
        self.hear_out()
        right = self.view.quests.tally.rights > rights
        self.right, self.wrong = self.right + right, self.wrong + (not right)
        return right

    def names_somebody(self) -> bool:
        """Names one of those that are seen here and weren't named lately."""
        for place, species in self.believed().items():
            fresh = self.journey.seconds - self.named.get(place, -AGAIN) >= AGAIN
            pointed = self.journey.narrator.firsts.pointed(place, species)
            if (
                fresh
                and not pointed
                and not self.view.quests.keeps_secret(place)
                and species in self.journey.nameable()
            ):
                self.name(place, species)
                return True
        return False

    def touch(self, place: int) -> None:
        """Lays a hand on a landmark."""
        if self.beside(place):
            self.journey._queue.append(("touch", place))
            self.wait(0.3)
            self.hear_out()

    def talk(self, key: str) -> bool:
        """Goes to one of the people of the errands and speaks with them."""
        quests = self.view.quests
        index = list(quests.book.people).index(key)
        for _ in range(8):  # a seer may stroll away meanwhile
            who = quests.people[index]
            self.walk(who.x, who.y, 22)
            if quests.beside() == index:
                self.journey._queue.append(("talk", index))
                self.wait(0.3)
                self.until(lambda: self.journey.narrator.speech is None and not self.journey.narrator._lines, 60.0)
                return True
        return False

    def dream(self, longest: float = 150.0) -> None:
        """Rests until the dream runs out."""
        journey = self.journey
        journey.rest(True)
        self.wait(2.0)
        self.until(lambda: not journey.mind_client._practising, longest)
        journey.rest(False)
        self.wait(2.0)

    def sleep(self, phase: str) -> None:
        """Goes to the inn, and sleeps until dusk or dawn."""
        inn = next(room for room in self.view.map.rooms if room.kind == INN)
        self.walk(*inn.inside, 20)
        if at_the_inn(self.view):
            self.journey.rest(True)
            self.journey.sleep.begin(self.view, phase)
            self.until(lambda: not self.journey.resting, 60.0)
        else:
            self.until(lambda: self.view.phase == phase, 800.0)
