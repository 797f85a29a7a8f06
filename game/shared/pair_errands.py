"""Errands for two players of a shared realm: each finds and names what only they know, with the other beside them.

What a player knows is what was revealed to them. Two who know the same have nothing to show each other. Everything here
follows from the realm's journal, so it comes back with it.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

from game.realm.happenings import Action, Happening, Revealed, Said
from game.realm.telling import articled
from game.realm.terrain import TILE
from game.realm.world import World

BESIDE = 12 * TILE  # px along either axis: so near the other has to be
LASTS = 600  # s
SAME = "You two know the same spirits, {name} and you. Learn something apart, then come again."
BEGUN = (
    "{name} has never met a {mine}, and you have. {name} knows the {theirs}, and you don't. Each of you: find yours "
    "and name it, with the other beside you. You have ten minutes."
)
HALF = "{who} has named the {species}, and you both stood by. Now the {other}."
DONE = "Four eyes see more than two. What one of you knew, you both have met."
LATE = "The two of you took too long. Ask for it again when you like."
ENDED = "{name} has gone. An errand for two needs two."


class Word(NamedTuple):
    """What a player is told."""

    number: int
    happenings: tuple[Happening, ...]


@dataclass
class PairErrand:
    """wants: the two players' numbers, and the species that each has to name; until: tick; done: who has."""

    wants: dict[int, str]
    until: int
    done: list[int] = field(default_factory=list)

    def other(self, number: int) -> int:
        """The partner."""
        return next(one for one in self.wants if one != number)


class PairErrands:
    """open: those under way, at most one for each player; finished: number -> how many they have done."""

    def __init__(self, world: World) -> None:
        self.world = world
        self.open: list[PairErrand] = []
        self.finished: dict[int, int] = {}

    def of(self, number: int) -> PairErrand | None:
        """The errand of a player."""
        return next((errand for errand in self.open if number in errand.wants), None)

    def wants(self, one: int, other: int) -> dict[int, str]:
        """What each of two would have to name: a species that the other has never met. Empty if they know the same."""
        known = [self._known(number) for number in (one, other)]
        mine, theirs = ([s for s in self.world.rules.species if s in a and s not in b] for a, b in (known, known[::-1]))
        turn = self.world.tick
        return {one: mine[turn % len(mine)], other: theirs[turn % len(theirs)]} if mine and theirs else {}

    def _known(self, number: int) -> set[str]:
        pages = self.world.quests_of[number].tally.pages
        return {species for species, page in pages.items() if page.known}

    def begin(self, wants: dict[int, str], names: Sequence[str]) -> Iterator[Word]:
        """Two are given an errand."""
        errand = PairErrand(wants, self.world.tick + LASTS * self.world.rules.ticks_per_second)
        self.open.append(errand)
        for number in wants:
            other = errand.other(number)
            words = BEGUN.format(name=names[other], mine=wants[number], theirs=wants[other])
            yield Word(number, (self._says(words),))

    def lived(
        self, number: int, deeds: Sequence[Action], happenings: Sequence[Happening], names: Sequence[str]
    ) -> Iterator[Word]:
        """A player did something, and this came of it."""
        errand = self.of(number)
        if errand is None or number in errand.done:
            return
        named = {(deed[1], deed[2]) for deed in deeds if deed[0] == "name"}
        for one in [one for one in happenings if isinstance(one, Revealed) and one.source == "name"]:
            right = one.truth[0] in named and one.truth[0][1] == errand.wants[number]
            if right and self._together(errand):
                yield from self._named(errand, number, one, names)
                return

    def _together(self, errand: PairErrand) -> bool:
        one, other = (self.world.players[number] for number in errand.wants)
        return abs(one.x - other.x) <= BESIDE and abs(one.y - other.y) <= BESIDE

    def _named(self, errand: PairErrand, number: int, revealed: Revealed, names: Sequence[str]) -> Iterator[Word]:
        errand.done.append(number)
        other = errand.other(number)
        shown = Revealed("seer", revealed.truth)
        if len(errand.done) < len(errand.wants):
            words = self._says(HALF.format(who=names[number], species=errand.wants[number], other=errand.wants[other]))
        else:
            words = self._says(DONE)
            self.open.remove(errand)
            for one in errand.wants:
                self.finished[one] = self.finished.get(one, 0) + 1
        yield Word(number, (words,))
        yield Word(other, (words, shown))

    def pass_time(self) -> Iterator[Word]:
        """A tick has passed: what took too long is over."""
        for errand in [errand for errand in self.open if self.world.tick >= errand.until]:
            self.open.remove(errand)
            for number in errand.wants:
                yield Word(number, (self._says(LATE),))

    def leave(self, number: int, names: Sequence[str]) -> Iterator[Word]:
        """A player has gone."""
        errand = self.of(number)
        if errand is not None:
            self.open.remove(errand)
            yield Word(errand.other(number), (self._says(ENDED.format(name=names[number])),))

    def _says(self, words: str) -> Said:
        return Said(self.world.rules.seer_name, articled(words))

    def state(self) -> list[object]:
        """All of it, for a snapshot."""
        return [[(errand.wants, errand.until, errand.done) for errand in self.open], self.finished]

    def put(self, state: Sequence[object]) -> None:
        """What `state` gave. Raises ValueError, TypeError or AttributeError for something else."""
        entries, finished = state
        self.open = [
            PairErrand({int(n): str(s) for n, s in wants.items()}, int(until), [int(n) for n in done])
            for wants, until, done in entries  # type: ignore[attr-defined]
        ]
        self.finished = {int(n): int(count) for n, count in finished.items()}  # type: ignore[attr-defined]
