"""What a journey has met of every species: shown, touched, named, missed, and which of its traces are known.

It is counted from what the world revealed, so a replay gives the same tally. A spirit counts as found if it was named
right before a seer, a touch or an earlier guess gave it away on this visit.
"""

from dataclasses import dataclass, field

from game.realm.happenings import Action
from game.realm.population import Population
from game.realm.rules import NOTHING, Rules
from game.realm.traces import NOBODY


@dataclass
class Page:
    """One species. shown: by seers; touched; named: right guesses; missed: it was there and was called otherwise;
    traces: those of its traces that were sensed when it was revealed, in the order of the senses."""

    shown: int = 0
    touched: int = 0
    named: int = 0
    missed: int = 0
    traces: tuple[str, ...] = ()

    @property
    def known(self) -> bool:
        """True once it has been revealed."""
        return self.shown + self.touched + self.named + self.missed > 0


@dataclass(frozen=True)
class Find:
    """A spirit that was named right before anything gave it away. tick: when; hour: of the realm's day."""

    tick: int
    hour: float
    place: int
    species: str


@dataclass
class Tally:
    """streak: names right in a row, now; best: the longest such row; guesses, rights: all names."""

    rules: Rules
    pages: dict[str, Page] = field(init=False)
    finds: list[Find] = field(default_factory=list)
    streak: int = 0
    best: int = 0
    guesses: int = 0
    rights: int = 0
    _given: dict[tuple[int, int], int] = field(default_factory=dict)  # (spirit, visit) that was given away -> tick

    def __post_init__(self) -> None:
        self.pages = {name: Page() for name in self.rules.species}

    def state(self) -> tuple[object, ...]:
        """All of it, for the state hash."""
        pages = [(p.shown, p.touched, p.named, p.missed, p.traces) for p in self.pages.values()]
        finds = [(f.tick, f.place, f.species) for f in self.finds]
        return pages, finds, self.streak, self.best, self.guesses, self.rights, tuple(self._given.items())

    def note(self, world: Population, action: Action, truth: tuple[tuple[int, str], ...], source: str) -> None:
        """Counts what was revealed: (place, answer) by a seer, a touch, or the action ("name", place, guess)."""
        guess = action[2] if source == "name" else None
        if guess is not None:
            self.guesses += 1
            right = guess == truth[0][1]
            self.rights += right
            self.streak = self.streak + 1 if right else 0
            self.best = max(self.best, self.streak)
        for place, answer in truth:
            if answer == NOTHING:
                continue
            page = self.pages[answer]
            if source == "name":
                page.named += guess == answer
                page.missed += guess != answer
            elif source == "touch":
                page.touched += 1
            else:
                page.shown += 1
            self._learn(world, page, place, answer)
            visit = next(((n, s.visit) for n, s in enumerate(world.spirits) if s.place == place), (NOBODY, 0))
            if guess == answer and visit not in self._given:
                self.finds.append(Find(world.tick, world.hour, place, answer))
            self._given[visit] = world.tick

    def _learn(self, world: Population, page: Page, place: int, species: str) -> None:
        own = self.rules.spirits[self.rules.species.index(species)].traces
        sensed = [thing for _, thing in world.traces.sensed[place]]
        page.traces = tuple(trace for trace in own if trace in page.traces or trace in sensed)
