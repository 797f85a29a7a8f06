"""Smooth motion: where everybody is between two ticks of the realm."""

from dataclasses import dataclass, field

from game.art.frame_state import LEAP, Body
from game.realm.population import Population


@dataclass
class Motion:
    """Where everybody was a tick ago and is now (px), so that frames between ticks move smoothly."""

    before: list[tuple[int, int]] = field(default_factory=list)
    now: list[tuple[int, int]] = field(default_factory=list)

    def note(self, world: Population) -> None:
        """Call once before the first frame and after every tick."""
        self.before = self.now
        self.now = [(actor.x, actor.y) for actor in world.actors]

    def bodies(self, world: Population, part: float) -> tuple[Body, ...]:
        """Player, seers, familiar and folk at `part` (0..1) of the way from the last tick to this one."""
        before = self.before if len(self.before) == len(self.now) else self.now
        bodies = []
        for actor, (old_x, old_y), (x, y) in zip(world.actors, before, self.now, strict=True):
            if abs(x - old_x) + abs(y - old_y) > LEAP:
                old_x, old_y = x, y
            between = round(old_x + (x - old_x) * part), round(old_y + (y - old_y) * part)
            bodies.append(Body(actor.kind, *between, actor.facing, actor.moving))
        return tuple(bodies)
