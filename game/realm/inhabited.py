"""What a realm and a player's view of it have in common: the seers, and the player through whom it is read."""

from random import Random

from game.realm.actors import Seer
from game.realm.familiar import Familiar
from game.realm.player import Player
from game.realm.state import Surroundings
from game.realm.terrain import TILE, Point


class Inhabited(Surroundings):
    """seers: the one who follows `player`, then those who stay at home."""

    seers: list[Seer]
    player: Player

    def settle(self, rng: Random, number: int = 0) -> None:
        """Puts the seers and the player where journeys begin. rng: of the seers' steps; number: the player's."""
        spots = [self.followers_spot, *(self.home(rule.home) for rule in self.rules.seers[1:])]
        self.seers = [Seer(rule, spot, rng) for rule, spot in zip(self.rules.seers, spots, strict=True)]
        self.player = Player(number, self.map.start, self.seers[0])

    @property
    def followers_spot(self) -> Point:
        """Where the seer who follows a player stands when a journey begins (px)."""
        x, y = self.map.start
        return x - 2 * TILE, y

    @property
    def familiar(self) -> Familiar:
        """The player's familiar."""
        return self.player.familiar

    @property
    def familiar_with(self) -> bool:
        """True once the familiar is theirs."""
        return self.player.familiar_with

    @property
    def resting(self) -> bool:
        """True while the player rests."""
        return self.player.resting

    def seers_for(self, player: Player) -> tuple[Seer, ...]:
        """The seers whom a player can ask: the one who follows them, and those who stay at home."""
        return (player.seer, *self.seers[1:])
