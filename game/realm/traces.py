"""What can be sensed at each place, and who is there.

This keeps the realm's invariant: a spirit (or a mundane presence) shows two or three sensed traces exactly while it is
present. Lingering, stray and ordinary things never form a pair of one kind.
"""

from collections.abc import Callable
from random import Random

from game.realm.rules import Rules

NOBODY = -1
Pair = tuple[int, int]  # two senses, by their indices


def _some(random: Callable[[], float], many: int, count: int) -> list[int]:
    """`count` different numbers below `many`, in random order. For a few it is quicker than Random.sample."""
    numbers: list[int] = []
    while len(numbers) < count:
        number = int(random() * many)
        if number not in numbers:
            numbers.append(number)
    return numbers


class Traces:
    """Per place: `here` (index into rules.kinds, or NOBODY) and `sensed`, a tuple of (sense index, thing)."""

    __slots__ = ("_ambient", "_kinds", "_ordinary", "_owned", "_rng", "_shown", "_strays", "here", "rules", "sensed")

    def __init__(self, rules: Rules, places: int, rng: Random) -> None:
        self.rules, self._rng, self._kinds = rules, rng, len(rules.kinds)
        self._owned = [kind.traces for kind in rules.kinds]
        self._ordinary = [(sense, things, len(things)) for sense, things in enumerate(rules.ordinary)]
        self.here = [NOBODY] * places
        self.sensed: list[tuple[tuple[int, str], ...]] = [()] * places
        self._shown: list[dict[int, str]] = [{} for _ in range(places)]
        self._strays: list[dict[int, int]] = [{} for _ in range(places)]  # sense -> whose trace (index into kinds)
        self._ambient: list[dict[int, str]] = [{} for _ in range(places)]
        for place in range(places):
            self._refill(place)

    def arrive(self, place: int, kind: int, withheld: Pair | None = None) -> None:
        """Somebody comes to an empty place and shows two or three of their traces, but not both of a withheld pair of
        senses."""
        rng = self._rng
        who = self.rules.kinds[kind]
        count, traces = 2 if rng.random() < who.two else 3, who.traces
        senses = _some(rng.random, len(traces), count)
        while withheld is not None and withheld[0] in senses and withheld[1] in senses:
            senses = _some(rng.random, len(traces), count)
        self.here[place] = kind
        self._shown[place] = {sense: traces[sense] for sense in senses}
        self._strays[place] = {sense: owner for sense, owner in self._strays[place].items() if owner != kind}
        self._update_sensed(place)

    def leave(self, place: int) -> None:
        """Whoever is at a place goes; one of their traces lingers."""
        kind, traces = self.here[place], self._shown[place]
        lingering = list(traces)[int(self._rng.random() * len(traces))]
        self._strays[place][lingering] = kind
        self.here[place] = NOBODY
        self._shown[place] = {}
        self._update_sensed(place)

    def refresh(self, place: int) -> None:
        """With the chance `rules.change`, gives a place other strays and ordinary things."""
        if self._rng.random() < self.rules.change:
            self._refill(place)

    def _refill(self, place: int) -> None:
        random, rules = self._rng.random, self.rules
        roll, count, share = random(), 0, rules.ambient
        while count < 3 and roll >= rules.strays[count]:
            roll -= rules.strays[count]
            count += 1
        if count:
            owners = [owner for owner in _some(random, self._kinds, count) if owner != self.here[place]]
            self._strays[place] = dict(zip(_some(random, 4, len(owners)), owners, strict=True))
        else:
            self._strays[place] = {}
        self._ambient[place] = {
            sense: things[int(random() * many)] for sense, things, many in self._ordinary if random() < share
        }
        if count or self._shown[place]:
            self._update_sensed(place)
        else:
            self.sensed[place] = tuple(self._ambient[place].items())  # by sense already

    def _update_sensed(self, place: int) -> None:
        """Sets the one thing per sense: a shown trace hides a stray, and a stray hides an ordinary thing."""
        things, strays, shown = self._ambient[place].copy(), self._strays[place], self._shown[place]
        for sense in strays:
            things[sense] = self._owned[strays[sense]][sense]
        if shown:
            things.update(shown)
        self.sensed[place] = tuple(sorted(things.items()))

    def state(self) -> tuple[object, ...]:
        """All of it, for the state hash."""
        return tuple(self.here), tuple(self.sensed), repr(self._strays), repr(self._ambient), repr(self._shown)
