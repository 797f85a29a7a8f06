"""Smooth motion: where everybody is between two ticks of the realm."""

from dataclasses import dataclass, field
from typing import NamedTuple

from game.art.frame_state import LEAP, Body
from game.realm.view import PlayerView


class Glide(NamedTuple):
    """Somebody on the way from one spot to another (px); ticks: for how long already."""

    start: tuple[int, int]
    goal: tuple[int, int]
    ticks: int


@dataclass
class Motion:
    """Where everybody was a tick ago and is now (px), by number, so that frames between ticks move smoothly.

    Where a view is told of others every other tick, they glide to where they are in as many ticks.
    """

    before: dict[int, tuple[int, int]] = field(default_factory=dict)
    now: dict[int, tuple[int, int]] = field(default_factory=dict)
    _glides: dict[int, Glide] = field(default_factory=dict)

    def note(self, world: PlayerView) -> None:
        """Call once before the first frame and after every tick."""
        self.before = self.now
        spots = {number: (who.x, who.y) for number, who in world.figures.items()}
        if world.ahead is not None:
            spots[0] = world.ahead[:2]
        self.now = self._glided(spots, world.span) if world.span > 1 else spots

    def _glided(self, spots: dict[int, tuple[int, int]], span: int) -> dict[int, tuple[int, int]]:
        """Where everybody but the player is on the way to these spots, which takes `span` ticks."""
        glides, self._glides = self._glides, {}
        for number, (x, y) in spots.items():
            glide = glides.get(number)
            start = self.before.get(number, (x, y))
            if number == 0 or glide is None or abs(x - start[0]) + abs(y - start[1]) > LEAP * span:
                self._glides[number] = Glide((x, y), (x, y), span)
                continue
            begun = glide if glide.goal == (x, y) else Glide(start, (x, y), 0)
            part = min(begun.ticks + 1, span)
            self._glides[number] = Glide(begun.start, begun.goal, part)
            (from_x, from_y), (to_x, to_y) = begun.start, begun.goal
            spots[number] = from_x + (to_x - from_x) * part // span, from_y + (to_y - from_y) * part // span
        return spots

    def bodies(self, world: PlayerView, part: float) -> tuple[Body, ...]:
        """Player, seers, familiar and folk at `part` (0..1) of the way from the last tick to this one."""
        bodies = []
        for number, who in world.figures.items():
            x, y = self.now.get(number, (who.x, who.y))
            old_x, old_y = self.before.get(number, (x, y))
            if abs(x - old_x) + abs(y - old_y) > LEAP:
                old_x, old_y = x, y
            between = round(old_x + (x - old_x) * part), round(old_y + (y - old_y) * part)
            own = world.ahead if number == 0 else None
            looks = own[2:] if own is not None else (who.facing, who.moving)
            bodies.append(Body(who.kind, *between, *looks, world.name_of(number)))
        return tuple(bodies)
