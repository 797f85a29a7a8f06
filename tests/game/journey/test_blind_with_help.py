"""A mind that believes nothing gets every help but learning: borrowed eyes, seers who point, answers, touches, stares.

It plays through a Journey and reads the same shapes that a screen would show. It must not get through the arc.
"""

from collections.abc import Callable

import pytest

from game.journey.journey import Journey
from game.realm.borrowing import SHRINES, SLEEP
from game.realm.realms import LocalRealm
from game.realm.rules import load
from game.realm.senses import in_sight
from game.realm.world import new_world
from tests.kits.stub_mind import StubMind, blind, by_traces

ROUNDS = 5


class Helped:
    """Plays an errand by what the screen shows, most of all while eyes are borrowed."""

    def __init__(self, journey: Journey) -> None:
        self.journey, self.world = journey, journey.realm.world
        self.seen: dict[int, str] = {}
        self.shapes = 0

    def wait(self, seconds: float) -> None:
        for _ in range(round(seconds * 30)):
            self.journey.advance(1 / 30, (0, 0), False, self.journey.seconds)
            if self.journey.lent:
                shapes = [ghost for ghost in self.journey.frame_state().ghosts if ghost.belief > 0.4]
                self.seen.update({ghost.place: ghost.species for ghost in shapes})
                self.shapes += len(shapes)

    def stand(self, x: int, y: int) -> None:
        self.world.player.x, self.world.player.y = x, y
        self.world.player.trail.clear()

    def quiet(self) -> None:
        self.journey.narrator.speech = None
        self.journey.narrator._lines.clear()

    def talk(self, key: str) -> None:
        people = self.world.quests.book.people
        who = self.world.quests.people[list(people).index(self.world.quests.errands[key].plan.giver)]
        self.stand(who.x, who.y)
        self.journey.act()
        self.wait(0.2)
        self.quiet()

    def borrow(self) -> None:
        shrine = next(place for place in self.world.map.places if place.kind in SHRINES and place.room < 0)
        self.stand(shrine.x, shrine.y + 12)
        self.journey.rest(True)
        self.wait(SLEEP + 1)
        self.journey.rest(False)
        self.wait(0.2)
        self.journey.borrow(self.journey.seconds)
        self.wait(0.2)
        assert self.journey.lent

    def play(self, key: str) -> bool:
        """Rounds of an errand; True if it came to its end."""
        errand, places = self.world.quests.errands[key], self.world.map.places
        for _ in range(ROUNDS):
            if errand.stage == "open" or (errand.stage == "taken" and not errand.at and errand.plan.task == "all"):
                self.talk(key)
            if errand.stage not in ("open", "taken"):
                return True
            self.borrow()
            self.seen.clear()
            for place in errand.area:
                self.stand(places[place].x, places[place].y + 20)
                self.wait(0.7)
            self.wait(9.0)  # until the eyes are given back
            self.answer(errand.area, errand.plan.task)
        return errand.stage not in ("open", "taken")

    def answer(self, area: tuple[int, ...], task: str) -> None:
        """Names, touches or stares at whatever was seen in the area."""
        for place, species in [item for item in self.seen.items() if item[0] in area]:
            spot = self.world.map.places[place]
            self.stand(spot.x, spot.y + 16)
            self.wait(0.2)
            self.quiet()
            if task == "stay":
                self.world.player.moving = True
                self.wait(6.0)
            elif task == "track":
                self.journey.act()
            elif place in dict(in_sight(self.world)).values():
                self.journey.name(place, species)
            self.wait(0.2)


def helped(key: str, hides: Callable[[int], bool] | None = None) -> tuple[bool, Helped]:
    world = new_world(3)
    for errand in world.quests.errands.values():
        if errand.key == key:
            break
        errand.stage = "done"
    journey = Journey(LocalRealm(world), StubMind(blind, seer=by_traces(load())))
    if hides is not None:
        journey.mind_client.hides = hides
    player = Helped(journey)
    player.wait(0.3)
    player.quiet()
    return player.play(key), player


@pytest.mark.parametrize("key", ["lantern", "axe", "child"])
def test_a_blind_mind_with_every_help_but_learning_never_ends_the_arc(key: str) -> None:
    through, player = helped(key)
    assert not through and player.world.quests.ended > player.world.tick
    assert player.journey.narrator.firsts.found == 0
    assert not set(player.world.quests.errands[key].area) & set(player.seen), "a guest was seen through other eyes"


def test_without_hiding_guests_the_same_help_would_end_an_errand() -> None:
    through, player = helped("lantern", hides=lambda place: False)
    assert player.shapes and through, "the test above could not fail"
