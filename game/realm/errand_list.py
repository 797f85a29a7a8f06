"""The errands of a player as they may be read: who gives them, how far each is, and the tally of every species.

Quests are such a list that moves on. What a player knows of their errands is one that is filled in from outside.
"""

from collections.abc import Sequence

from game.realm.actors import BESIDE, NEVER
from game.realm.borrowing import Borrowing
from game.realm.errand import Errand
from game.realm.player import Player
from game.realm.quest_places import Settled, standing_place
from game.realm.questbook import Person, load
from game.realm.state import Actor
from game.realm.tally import Tally


class ErrandList:
    """All errands of a player, the people who give them, and the tally of what was shown, touched and named.

    people: where they stand, if that is known already. ended: the tick at which the last errand was done. waits:
    somebody speaks, and errands stand still.
    """

    def __init__(self, world: Settled, player: Player, people: Sequence[Actor] = ()) -> None:
        self.book = load(world.rules)
        self._player = player
        self.people: list[Actor] = list(people)
        for person in () if people else self.book.people.values():
            self.people.append(standing_place(world, person, self.people))
        seers = world.seers_for(player)
        self.standing = [who for who in self.people if who not in seers]  # who isn't drawn as somebody else
        self.errands = {key: Errand(key, plan) for key, plan in self.book.quest.items()}
        self.tally = Tally(world.rules)
        self.ended = NEVER
        self.borrowing = Borrowing(player)
        self.waits = False

    def person(self, index: int) -> Person:
        """Who somebody in `people` is."""
        return tuple(self.book.people.values())[index]

    def beside(self) -> int | None:
        """Index of the nearest of those people whom the player stands beside; None: nobody. A seer who has nothing to
        ask is left to be asked."""
        x, y = self._player.x, self._player.y
        near = [((who.x - x) ** 2 + (who.y - y) ** 2, index) for index, who in enumerate(self.people)]
        near = [
            spot for spot in near if spot[0] <= BESIDE**2 and (self._stands(spot[1]) or self.current_errand(spot[1]))
        ]
        return min(near)[1] if near else None

    def _stands(self, index: int) -> bool:
        return self.people[index] in self.standing

    def current_errand(self, index: int) -> Errand | None:
        """The errand that somebody would talk about: to be reported, under way, or to be taken."""
        key = tuple(self.book.people)[index]
        mine = [e for e in self.errands.values() if e.plan.giver == key and e.stage != "done" and self.offered(e)]
        return min(mine, key=lambda e: ("ready", "taken", "open").index(e.stage), default=None)

    def offered(self, errand: Errand) -> bool:
        """True once everything that it needs is done."""
        return all(self.errands[key].stage == "done" for key in errand.plan.needs)

    def keeps_secret(self, place: int) -> bool:
        """True of a place of an errand under way. The player has to find out who is there, so no seer says it."""
        return any(errand.asks and place in errand.area for errand in self.errands.values())

    @property
    def under_way(self) -> bool:
        """True while time passes for an errand."""
        return any(e.stage == "taken" and (e.asks or e.plan.task != "all") for e in self.errands.values())
