"""What one player may know of a realm: the map, whoever is in sight, the traces that can be sensed, the hour, the
weather, what was revealed to them, their errands.

World -> Seen (seen.py) -> PlayerView, which is read like a World. The painter, scenes and the interface are made from a
PlayerView alone, in one's own realm and in a shared one.
"""

from collections.abc import Mapping
from random import Random

from msgspec.structs import astuple

from game.realm.errand import Errand, KnownErrand
from game.realm.errand_list import ErrandList
from game.realm.inhabited import Inhabited
from game.realm.land import Map
from game.realm.rules import Rules
from game.realm.seen import EACH, FAMILIAR, OTHERS, SEER, Seen, SeenBody, SeenErrand, Sensed
from game.realm.state import Actor
from game.realm.tally import Find, Page


class PlayerView(Inhabited):
    """What one player may know, to be read like a World. `show` fills it in.

    others: bodies by number, in order; names: of other players in sight, by number; ahead: how to draw the player (x, y
    px, facing, moving) while the realm hasn't confirmed their last steps; span: ticks from one `show` to the next.
    """

    def __init__(
        self, seed: int, rules: Rules, start_hour: float | None = None, land: Map | None = None, number: int = 0
    ) -> None:
        super().__init__(seed, rules, start_hour, land)
        self.settle(Random(0), number)
        self.others: dict[int, Actor] = {}
        self.names: Mapping[int, str] = {}
        self.ahead: tuple[int, int, str, bool] | None = None
        self.span = 1
        self._sensed: Mapping[int, Sensed] = {}
        self.quests = ErrandList(self, self.player)
        self.quests.errands = {key: KnownErrand(key, plan) for key, plan in self.quests.book.quest.items()}

    def sensed_at(self, place: int) -> Sensed:
        """What can be sensed at a place in sight: (number of the sense, thing)."""
        return self._sensed.get(place, ())

    @property
    def figures(self) -> dict[int, Actor]:
        """Everybody who can be seen, by number, the player first."""
        own: dict[int, Actor] = {0: self.player}
        own |= {SEER + number: seer for number, seer in enumerate(self.seers)}
        if self.familiar_with:
            own[FAMILIAR] = self.familiar
        return own | self.others

    def name_of(self, number: int) -> str:
        """The name of the player whose body has this number; empty for everybody else."""
        return self.names.get((number - OTHERS) // EACH, "") if number >= OTHERS and number % EACH == 0 else ""

    def fellow_spots(self) -> dict[int, tuple[int, int]]:
        """Where the other players in sight stand (px), by their numbers."""
        return {
            (number - OTHERS) // EACH: (who.x, who.y)
            for number, who in self.others.items()
            if number >= OTHERS and (number - OTHERS) % EACH == 0 and (number - OTHERS) // EACH in self.names
        }

    def show(self, seen: Seen) -> None:
        """Takes all of what a player may know from plain data. Raises ValueError for what can't be in this realm; then
        some of it may have been taken."""
        self.tick, self.hour = seen.tick, self.hour_at(seen.tick)
        sky, you, player, quests = seen.sky, seen.you, self.player, self.quests
        self.phase, self.weather = sky.phase, sky.weather
        self.flooded, self._water, self._turned = sky.flooded, sky.water, sky.turned
        player.x, player.y, player.facing, player.moving = you.x, you.y, you.facing, you.moving
        player.resting, player.familiar_with, player.familiar.away = you.resting, you.familiar, you.away
        quests.borrowing.until, quests.borrowing.spent = you.lent, you.spent
        quests.waits, quests.ended = you.waits, you.ended
        self._show_bodies(seen.bodies)
        self._sensed, self.names = seen.sensed, seen.names
        for key, known in seen.errands.items():
            self._show_errand(quests.errands[key], known)
        tally = quests.tally
        tally.streak, tally.best, tally.guesses, tally.rights = seen.counts
        for name, page in seen.pages.items():
            tally.pages[name] = Page(*astuple(page))
        tally.finds = [Find(*astuple(seen.finds[number])) for number in sorted(seen.finds)]

    def _show_bodies(self, bodies: Mapping[int, SeenBody]) -> None:
        known, self.others = self.others, {}
        for number in sorted(bodies):
            looks = bodies[number]
            if number < FAMILIAR:
                who: Actor = self.seers[number - SEER]
            elif number == FAMILIAR:
                who = self.familiar
            else:
                who = self.others[number] = known.get(number) or Actor(looks.kind, looks.x, looks.y)
            who.x, who.y, who.facing, who.moving = looks.x, looks.y, looks.facing, looks.moving

    @staticmethod
    def _show_errand(errand: Errand, known: SeenErrand) -> None:
        errand.stage, errand.count, errand.area, errand.due = known.stage, known.count, known.area, known.due
        errand.still, errand.beside, errand.began, errand.ended = known.still, known.beside, known.began, known.ended
        if isinstance(errand, KnownErrand):
            errand.asked = known.asks
