"""World -> Scene: the events that can be sensed from where a player stands, as text, with a question per place. It is
the first player, unless another is named.

A Scene never holds the truth about spirits. `lesson` adds it once the world has revealed it. Describing a scene draws
nothing from the world's random streams: seed and tick alone decide the order of events.
"""

from dataclasses import dataclass
from functools import lru_cache
from random import Random
from typing import Protocol

from game.realm.happenings import Revealed
from game.realm.player import Player
from game.realm.rules import NOTHING
from game.realm.senses import Around, in_sight
from game.realm.terrain import TILE, Ground
from game.realm.tongues import LOOK, SENSE, question, tell, tongue_named
from game.realm.world import World
from perception.messages import Event, Lesson, Scene

GROUNDS = tuple(ground.name.lower() for ground in Ground)


@dataclass(frozen=True)
class View:
    """A scene, and which place each of its direction words means: word -> place index of the world."""

    scene: Scene
    places: dict[str, int]


class Sensible(Around, Protocol):
    """A realm, or what one player may know of it, with what can be sensed there."""

    seed: int
    tick: int
    phase: str
    weather: str

    def sensed_at(self, place: int) -> tuple[tuple[int, str], ...]:
        """What can be sensed at a place: (number of the sense, thing)."""
        ...


def header(world: Sensible, player: Player | None = None) -> tuple[str, str, str]:
    """(time, weather, ground underfoot), one word each."""
    player = player or world.player
    column, row = player.x // TILE, player.y // TILE
    return world.phase, world.weather, GROUNDS[world.map.ground[row * world.map.width + column]]


def sense(world: Sensible, seen: tuple[tuple[str, int], ...]) -> tuple[Event, ...]:
    """The events at the places in sight, shuffled by a stream of their own."""
    senses, places, sensed = world.rules.senses, world.map.places, world.sensed_at
    events = []
    for direction, place in seen:
        events.append(_event(LOOK, direction, places[place].kind))
        events += [_event(senses[number], direction, thing) for number, thing in sensed(place)]
    return tuple(shuffled(events, Random(world.seed * 1_000_003 + world.tick)))


@lru_cache(maxsize=16_384)
def _event(sense: str, place: str, thing: str) -> Event:
    return Event(sense, place, thing)


def shuffled(events: list[Event], rng: Random) -> list[Event]:
    """The list itself, in the order that rng.shuffle gives it. It takes half of its time, and every scene needs it."""
    bits = rng.getrandbits
    for last in range(len(events) - 1, 0, -1):
        width = (last + 1).bit_length()
        other = bits(width)
        while other > last:
            other = bits(width)
        events[last], events[other] = events[other], events[last]
    return events


def describe(
    world: Sensible,
    tongue: str = "terse",
    player: Player | None = None,
    seen: tuple[tuple[str, int], ...] | None = None,
) -> View:
    """The scene around a player: 3 to 8 places, one question `sense` for each. seen: what is in sight, if it is known
    already. Raises ValueError (tongue)."""
    speech = tongue_named(tongue)
    seen = in_sight(world, player) if seen is None else seen
    events = sense(world, seen)
    questions = tuple(question(speech, world.rules, SENSE, direction) for direction, _ in seen)
    scene = Scene(world.tick, speech.name, tell(speech, header(world, player), events), events, questions)
    return View(scene, dict(seen))


def lesson(view: View, revealed: Revealed) -> Lesson | None:
    """The lesson in a revelation: answers for the places of the view that it names; None if it names none."""
    truth = dict(revealed.truth)
    answers = tuple(truth.get(view.places[question.place]) for question in view.scene.questions)
    return Lesson(view.scene, answers, revealed.source) if any(answers) else None


def truth(world: World, view: View) -> tuple[str, ...]:
    """The true answer to each question of a view: for measurement and for lessons made headless."""
    here, species = world.traces.here, world.rules.species
    return tuple(
        species[here[view.places[q.place]]] if 0 <= here[view.places[q.place]] < len(species) else NOTHING
        for q in view.scene.questions
    )
