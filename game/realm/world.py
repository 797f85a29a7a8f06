"""A whole realm at one moment: the land, its people, its players and their errands. `step` moves it on.

A World is its seed and the actions it was given: `step` is the only way in, and nothing but the world's own
random streams (one per purpose) decides. Percepts never enter. All x, y are pixels, durations ticks.
"""

from common.numbers import SEED_MAX
from game.realm.actors import Seer
from game.realm.land import Map
from game.realm.player import Player
from game.realm.population import Population
from game.realm.quests import Quests
from game.realm.rules import Rules
from game.realm.rules import load as load_rules

PLAYERS_MAX = 1024  # in one realm


class World(Population):
    """One realm. Read its attributes; change it through `step` alone, and let others join.

    quests_of: the errands of each player, by the player's number; quests: those of the first.
    """

    def __init__(
        self,
        seed: int,
        rules: Rules,
        start_hour: float | None = None,
        land: Map | None = None,
        secret: str = "",
    ) -> None:
        super().__init__(seed, rules, start_hour, land, secret)
        self.quests_of: list[Quests] = []
        self.quests = Quests(self, self.player, self.quests_of)
        self.bystanders = self.quests.standing
        self.part()

    def add_player(self) -> Player:
        """Another player comes to where journeys begin, with a seer, a familiar and errands of their own. Raises
        ValueError if the realm is full."""
        number = len(self.players)
        if number >= PLAYERS_MAX:
            raise ValueError(f"this realm is full; it holds {PLAYERS_MAX} players")
        seer = Seer(self.rules.seers[0], self.followers_spot, self.stream(f"seers/{number}"))
        player = Player(number, self.map.start, seer)
        self.players.append(player)
        Quests(self, player, self.quests_of)
        return player


def check_seed(seed: int) -> None:
    """Raises ValueError for a seed that a log or a mind could not hold."""
    if not 0 <= seed <= SEED_MAX:
        raise ValueError(f"seed {seed}: must lie between 0 and {SEED_MAX}")


def new_world(
    seed: int, rules: Rules | None = None, start_hour: float | None = None, players: int = 1, secret: str = ""
) -> World:
    """A realm from a seed (0 to SEED_MAX); rules default to assets/realm.toml, the hour (0 to 24) to the rules'.
    secret: seeds the random streams instead, so that the seed tells the map and no more.

    With one player it is the same realm as ever; others (up to PLAYERS_MAX) come to the same start. Raises ValueError
    for other numbers."""
    check_seed(seed)
    if start_hour is not None and not 0 <= start_hour <= 24:
        raise ValueError(f"start_hour {start_hour}: must lie between 0 and 24")
    if not 1 <= players <= PLAYERS_MAX:
        raise ValueError(f"players {players}: must lie between 1 and {PLAYERS_MAX}")
    world = World(seed, rules or load_rules(), start_hour, secret=secret)
    for _ in range(players - 1):
        world.add_player()
    return world
