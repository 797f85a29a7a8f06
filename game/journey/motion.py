"""Smooth motion: where everybody is between two ticks of the realm."""

from dataclasses import dataclass, field

from game.art.frame_state import LEAP, Body
from game.realm.view import PlayerView


@dataclass
class Motion:
    """Where everybody was a tick ago and is now (px), by number, so that frames between ticks move smoothly."""

    before: dict[int, tuple[int, int]] = field(default_factory=dict)
    now: dict[int, tuple[int, int]] = field(default_factory=dict)

    def note(self, world: PlayerView) -> None:
        """Call once before the first frame and after every tick."""
        self.before = self.now
        self.now = {number: (who.x, who.y) for number, who in world.figures.items()}
        if world.ahead is not None:
            self.now[0] = world.ahead[:2]

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
