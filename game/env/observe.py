"""What a player observes, as text or as numbers. It is made from what can be sensed and what was told, nothing else."""

from functools import lru_cache
from typing import Any

import numpy as np

from game.env.session import Session, words_told
from game.realm.rules import NOTHING, Rules
from game.realm.scene import GROUNDS, View, describe, header
from game.realm.senses import beside_seer, within_reach
from game.realm.tongues import LOOK, candidates

LONGEST = 4096  # characters of a text
OWN = {  # tongue -> what is within reach, who is near, what was told
    "terse": ("touch {} .", "seer near .", "person near .", "told {} {} ."),
    "plain": ("You can touch what stands to the {}.", "A seer is near.", "Somebody to talk to is near.", "{}: {}."),
}


def text(session: Session, number: int) -> str:
    """The scene around a player, and their own condition, as one line of text."""
    world, player = session.world, session.world.players[number]
    tongue = session.config.tongue
    view = describe(world, tongue, player, session.seen(number))
    touch, seer, person, answered = OWN[tongue]
    parts = [view.scene.text]
    direction, nearest = session.seen(number)[0]
    if within_reach(world, world.map.places[nearest], player):
        parts.append(touch.format(direction))
    if beside_seer(world, player):
        parts.append(seer)
    if world.quests_of[number].beside() is not None:
        parts.append(person)
    parts += [answered.format(word, answer) for word, answer in words_told(session, number, view.places).items()]
    return " ".join(parts)[:LONGEST]


def scene(session: Session, number: int) -> View:
    """The scene around a player, with the questions that a mind answers."""
    return describe(session.world, session.config.tongue, session.world.players[number], session.seen(number))


class Numbers:
    """The words of some rules as numbers. 0 always means: nothing there."""

    def __init__(self, rules: Rules) -> None:
        self.phases = [name for name, _ in rules.phases]
        self.weathers = [name for name, _ in rules.weather]
        self.octants = {word: octant for octant, word in enumerate(rules.directions)}
        self.kinds = {word: number for number, word in enumerate(candidates(rules, LOOK), 1)}
        self.things = [
            {word: number for number, word in enumerate(candidates(rules, sense), 1)} for sense in rules.senses
        ]
        self.answers = {word: number for number, word in enumerate((*rules.species, NOTHING), 1)}

    def sizes(self) -> dict[str, Any]:
        """How many values each number of an observation may take, by part: arrays of the part's shape."""
        place = [len(self.kinds) + 1, *(len(words) + 1 for words in self.things)]
        return {
            "sky": np.array([len(self.phases), len(self.weathers), len(GROUNDS)]),
            "places": np.array([place] * len(self.octants)),
            "you": np.array([len(self.octants) + 1, 2, 2]),
            "told": np.array([len(self.answers) + 1] * len(self.octants)),
        }


@lru_cache(maxsize=4)
def numbers(rules: Rules) -> Numbers:
    """The numbers of some rules, made once."""
    return Numbers(rules)


def structured(session: Session, number: int) -> dict[str, np.ndarray]:
    """What `text` says, as int64 arrays. sky (3,): time, weather, ground. places (8, 5), by direction, north first and
    clockwise: what stands there, then what each sense tells. you (3,): 1 + direction of what can be touched, whether a
    seer is near, whether somebody is there to talk to. told (8,): what was revealed in this step.
    """
    world, player = session.world, session.world.players[number]
    coded, seen = numbers(world.rules), session.seen(number)
    phase, weather, ground = header(world, player)
    places = [[0] * (1 + len(coded.things)) for _ in coded.octants]
    for direction, index in seen:
        row = places[coded.octants[direction]]
        row[0] = coded.kinds[world.map.places[index].kind]
        for sense, thing in world.traces.sensed[index]:
            row[1 + sense] = coded.things[sense][thing]
    answers = [0] * len(coded.octants)
    for direction, answer in words_told(session, number, dict(seen)).items():
        answers[coded.octants[direction]] = coded.answers[answer]
    direction, nearest = seen[0]
    touch = 1 + coded.octants[direction] if within_reach(world, world.map.places[nearest], player) else 0
    person = world.quests_of[number].beside() is not None
    return {
        "sky": np.array([coded.phases.index(phase), coded.weathers.index(weather), GROUNDS.index(ground)]),
        "places": np.array(places),
        "you": np.array([touch, beside_seer(world, player) is not None, person], dtype=np.int64),
        "told": np.array(answers),
    }
