"""A whole realm at one moment: the land, its people, its errands, and what was shown. `step` moves it on.

A World is its seed and the actions it was given: `step` is the only way in, and nothing but the world's own
random streams (one per purpose) decides. Percepts never enter. All x, y are pixels, durations ticks.
"""

from collections import deque

from common.numbers import SEED_MAX
from game.realm.population import Population
from game.realm.quests import Quests
from game.realm.rules import Rules
from game.realm.rules import load as load_rules

TAIL = 20  # ticks that the familiar walks behind the player


class World(Population):
    """One realm. Read its attributes; change it through `step` alone."""

    def __init__(self, seed: int, rules: Rules, start_hour: float | None = None) -> None:
        super().__init__(seed, rules, start_hour)
        self.trail: deque[tuple[int, int, str]] = deque(maxlen=TAIL)  # where the player walked: x, y, facing
        self.shown: dict[tuple[int, int], int] = {}  # (spirit, visit) that a seer has pointed at -> tick
        self.quests = Quests(self)


def check_seed(seed: int) -> None:
    """Raises ValueError for a seed that a log or a mind could not hold."""
    if not 0 <= seed <= SEED_MAX:
        raise ValueError(f"seed {seed}: must lie between 0 and {SEED_MAX}")


def new_world(seed: int, rules: Rules | None = None, start_hour: float | None = None) -> World:
    """A realm from a seed (0 to SEED_MAX); rules default to assets/realm.toml, the hour (0 to 24) to the rules'. Raises
    ValueError for other numbers."""
    check_seed(seed)
    if start_hour is not None and not 0 <= start_hour <= 24:
        raise ValueError(f"start_hour {start_hour}: must lie between 0 and 24")
    return World(seed, rules or load_rules(), start_hour)
