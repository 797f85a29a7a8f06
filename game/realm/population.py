"""The realm with everybody who lives in it: the seers, the folk, the spirits, and the players with their parties."""

import heapq

from game.realm.actors import STEPS, Folk, Seer, Spirit
from game.realm.inhabited import Inhabited
from game.realm.land import OUTSIDE, Map
from game.realm.player import Player
from game.realm.rules import Rules
from game.realm.shelter import cell, settle
from game.realm.state import Actor, RealmState
from game.realm.terrain import TILE
from game.realm.traces import NOBODY

LEISURE = 8  # ticks between two people who leave for home
WELCOME = 3  # places nearest to the start, at one of which somebody is when a journey of play begins


class Population(RealmState, Inhabited):
    """A realm and its people, but no errands yet. player: the first of its players; seer: who follows that one."""

    players: list[Player]

    def __init__(
        self,
        seed: int,
        rules: Rules,
        start_hour: float | None = None,
        land: Map | None = None,
        secret: str = "",
    ) -> None:
        super().__init__(seed, rules, start_hour, land, secret)
        self._walking: list[Folk | Seer] = []
        self.bystanders: list[Actor] = []  # who stands where they are, for good
        self._populate()

    def _populate(self) -> None:
        """Puts seers, folk and spirits where they are; each kind has a random stream of its own."""
        rules = self.rules
        self.settle(self.stream("seers"))
        self.seer = self.seers[0]
        self.players = [self.player]
        rng = self.stream("folk")
        self.folk = [
            Folk(kind, index, self, rng)
            for kind, index in self._owners(rules.folk, rules.folk_each, len(rules.spirits))
        ]
        settle(self, list(self.folk))
        rng = self.stream("spirits")
        self.spirits = [
            Spirit(kind, index, self, rng) for kind, index in self._owners(rules.spirits, rules.spirits_each, 0)
        ]
        if rules.living:
            self._welcome()
        self._movers: list[Folk | Seer | Spirit] = [*self.folk, *self.seers[1:], *self.spirits]
        for number, who in enumerate(self._movers):
            who.number = number
            self.schedule(who)

    def taken(self, who: Actor, x: int | None = None, y: int | None = None) -> bool:
        """True in play, if somebody else stands on the tile of a point: (x, y), or where this one is."""
        if self.rules.living is None:
            return False
        here = cell(who.x if x is None else x, who.y if y is None else y)
        others = (*self.seers[1:], *self.folk, *self.bystanders)
        return any(other is not who and not other.moving and cell(other.x, other.y) == here for other in others)

    def part(self) -> None:
        """In play, folk who would begin on somebody else's tile begin beside it."""
        for who in self.folk:
            if self.taken(who) or cell(who.x, who.y) == cell(self.player.x, self.player.y):
                beside = [(who.x + dx * TILE, who.y + dy * TILE) for dx, dy, _ in STEPS]
                free = [spot for spot in beside if self.open(*spot) and not self.taken(who, *spot)]
                who.x, who.y = free[0] if free else (who.x, who.y)

    def tick_clock(self) -> None:
        """The clock goes on. When hour or weather change, who has a house thinks of where to be."""
        before = self.phase, self.weather
        super().tick_clock()
        if self.rules.living is None or (self.phase, self.weather) == before:
            return
        for number, who in enumerate(self.folk):
            if who.home != OUTSIDE and not who.moving:
                who.until = min(who.until, self.tick + LEISURE * (number + 1))
                self.schedule(who)

    def _welcome(self) -> None:
        """Somebody of the plainest species haunts a place beside the start, so that there is somebody to be shown."""
        start_x, start_y = self.map.start
        near = sorted(
            (p for p in self.map.places if p.room < 0), key=lambda p: (p.x - start_x) ** 2 + (p.y - start_y) ** 2
        )
        near = near[:WELCOME]
        if not any(self.spirits[0].index == self.traces.here[place.index] for place in near):
            free = [place.index for place in near if self.traces.here[place.index] == NOBODY]
            if free:
                self.spirits[0].be_at(self, free[0])

    @staticmethod
    def _owners(kinds: tuple, each: int, first: int) -> list[tuple]:
        return [(kind, first + i) for _ in range(each) for i, kind in enumerate(kinds)]

    @property
    def actors(self) -> tuple[Actor, ...]:
        """Everybody whom one can see: the player, the seer who follows, the other seers, the familiar, the folk, the
        other players with their parties."""
        familiar = (self.familiar,) if self.familiar_with else ()
        others = [who for player in self.players[1:] for who in player.party]
        return (self.player, *self.seers, *familiar, *self.folk, *others)

    def familiar_joins(self, player: Player | None = None) -> None:
        """The familiar goes with a player (None: the first) from now on."""
        player = player or self.player
        player.familiar_with = True
        player.familiar.join()

    def move_everybody(self) -> None:
        """Who is on the way takes a step; whose time is up chooses where to go."""
        for walker in self._walking:
            if walker._left > 1:  # between two tiles: what their `step` does there, without a call
                walker._left -= 1
                walker.x += walker._dx
                walker.y += walker._dy
            else:
                walker.step(self)
        if self.arrived:
            self._walking = [walker for walker in self._walking if walker.moving]
            self.arrived = False
        agenda, tick = self.agenda, self.tick
        while agenda and agenda[0][0] <= tick:
            due, number = heapq.heappop(agenda)
            who = self._movers[number]
            if who.until != due or who.moving:
                continue
            if who.move_on(self) and not isinstance(who, Spirit):
                self._walking.append(who)
            else:
                self.schedule(who)

    def hold(self, spirit: Spirit, place: int) -> None:
        """Keeps a spirit at a place; whoever else is there leaves first."""
        if spirit.place != place:
            self._vacate(place)
        spirit.hold(self, place)

    def _vacate(self, place: int) -> None:
        """Whoever is at a place leaves it."""
        for spirit in self.spirits:
            if spirit.place == place:
                spirit.yield_place(self)
        for worker in self.folk:
            if worker.place == place:
                worker.yield_place(self)
