"""Beliefs as they are drawn. They follow the mind's beliefs, quickly up and slowly down, so that nothing flickers."""

import math
from collections.abc import Mapping

RISE = 0.3  # s: how fast what is shown follows what is believed
FADE = 0.9  # s: how fast a place that is out of the scene fades


class BeliefFader:
    """Beliefs by place, smoothed."""

    def __init__(self) -> None:
        self._levels: dict[int, dict[str, float]] = {}

    def settle(self, aim: Mapping[int, Mapping[str, float]], dt: float) -> None:
        """Lets what is shown follow what is believed (place -> species -> 0..1); dt in s."""
        for place in sorted(set(aim) - set(self._levels)):
            self._levels[place] = {}
        for place in sorted(self._levels):
            levels, goals = self._levels[place], aim.get(place)
            share = 1 - math.exp(-dt / (FADE if goals is None else RISE))
            for word in [*levels, *(w for w in goals or () if w not in levels)]:
                goal = (goals or {}).get(word, 0.0)
                levels[word] = levels.get(word, 0.0) + (goal - levels.get(word, 0.0)) * share
            if goals is None and max(levels.values(), default=0.0) < 0.01:
                del self._levels[place]

    def belief(self, place: int) -> tuple[str, float]:
        """The species most believed to be at a place and how much (0..1), as it is shown; ("", 0) if none."""
        levels = self._levels.get(place)
        if not levels:
            return "", 0.0
        species = max(levels, key=lambda word: levels[word])
        return species, levels[species]

    def places(self) -> list[int]:
        """Places about which something is believed."""
        return sorted(self._levels)
