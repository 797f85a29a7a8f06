"""Which scenes are held out, so that a training never sees what it is tested on: by pair of traces, landmark, region or
hour.

A scene is held out if it shows any of what is held out; so a training on the others has never seen it. Rules and name
of the split alone decide.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import lru_cache
from random import Random

from game.realm.rulecheck import REGIONS
from game.realm.rules import Rules
from game.realm.scene import View, header
from game.realm.tongues import LOOK, candidates
from game.realm.world import World
from perception.messages import Event

TRAIN, HELD = "train", "held"
KINDS = ("pair", "place", "region", "hour")
DEFAULTS = {"place": ("well",), "region": ("shrine",), "hour": ("night",)}


@lru_cache(maxsize=64)
def held_pairs(rules: Rules) -> dict[str, tuple[str, str]]:
    """For each spirit and presence the two traces of which no pretraining asks who shows them (`work`, `sense`)."""
    rng = Random("pretraining/held-out pairs")
    return {kind.name: tuple(rng.sample(kind.traces, 2)) for kind in rules.kinds}  # type: ignore[misc]


def shows_held_pair(rules: Rules, events: Sequence[Event]) -> bool:
    """Whether both traces of a held-out pair are sensed at one place, whoever left them."""
    sensed: dict[str, list[str]] = {}
    for event in events:
        sensed.setdefault(event.place, []).append(event.thing)
    pairs = held_pairs(rules).values()
    return any(one in things and other in things for things in sensed.values() for one, other in pairs)


@dataclass(frozen=True)
class Split:
    """What is held out. kind: of KINDS; words: the landmarks, regions or hours; none for pairs, which the rules say."""

    kind: str
    words: tuple[str, ...]

    def side(self, world: World, view: View) -> str:
        """`held` or `train`, for a scene of a world."""
        return HELD if CHECKS[self.kind](self, world, view) else TRAIN


CHECKS: dict[str, Callable[[Split, World, View], bool]] = {
    "pair": lambda split, world, view: shows_held_pair(world.rules, view.scene.events),
    "place": lambda split, world, view: any(e.sense == LOOK and e.thing in split.words for e in view.scene.events),
    "region": lambda split, world, view: any(world.map.places[p].region in split.words for p in view.places.values()),
    "hour": lambda split, world, view: header(world)[0] in split.words,
}


def split_named(text: str, rules: Rules) -> Split:
    """`pair`, `place`, `region` or `hour`, the last three with words if one likes: `region=shrine,river`. Raises
    ValueError with what is known."""
    kind, equals, listed = text.partition("=")
    if kind not in KINDS or (kind == "pair" and equals):
        raise ValueError(f"--split {text[:60]}: unknown; choose pair, place, region or hour, or as in region=river")
    known = {"place": candidates(rules, LOOK)[:-1], "region": REGIONS, "hour": [name for name, _ in rules.phases]}
    words = tuple(listed.split(",")) if equals else DEFAULTS.get(kind, ())
    for word in words:
        if word not in known[kind]:
            raise ValueError(f"--split {text[:60]}: unknown {kind} {word[:30]!r}; known: {', '.join(known[kind])}")
    return Split(kind, words)
