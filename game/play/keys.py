"""Keys to intentions. Pressed keys are tracked from events alone, so that posted events work like real ones."""

from collections.abc import Iterable
from dataclasses import dataclass, field

import pygame as pg

WALK = {
    "left": (pg.K_LEFT, pg.K_a),
    "right": (pg.K_RIGHT, pg.K_d),
    "up": (pg.K_UP, pg.K_w),
    "down": (pg.K_DOWN, pg.K_s),
}
COMMANDS = {
    "act": (pg.K_e,),
    "look": (pg.K_q, pg.K_l),
    "rest": (pg.K_r,),
    "heads": (pg.K_TAB,),
    "mode": (pg.K_m,),
    "log": (pg.K_F2,),
    "full": (pg.K_F11,),
    "shot": (pg.K_F12,),
    "menu": (pg.K_ESCAPE,),
    "enter": (pg.K_RETURN, pg.K_KP_ENTER),
}
ATTEND = pg.K_SPACE
LABELS = {
    "walk": "Arrows",
    "act": "E",
    "look": "Q",
    "attend": "Space",
    "rest": "R",
    "heads": "Tab",
    "mode": "M",
    "menu": "Esc",
}


@dataclass
class Keys:
    """Which keys are down, and what was asked for since the last frame."""

    down: set[int] = field(default_factory=set)
    quit: bool = False

    def take(self, events: Iterable[pg.Event]) -> list[str]:
        """Reads the events of a frame; returns the commands in the order they came ("up" and "down" too)."""
        commands = []
        for event in events:
            if event.type == pg.QUIT:
                self.quit = True
            elif event.type == pg.WINDOWFOCUSLOST:
                self.down.clear()
            elif event.type == pg.KEYUP:
                self.down.discard(event.key)
            elif event.type == pg.KEYDOWN and event.key not in self.down:
                self.down.add(event.key)
                commands += [name for name, keys in (*COMMANDS.items(), *WALK.items()) if event.key in keys]
        return commands

    def walking(self) -> tuple[int, int]:
        """(dx, dy), each -1, 0 or 1."""
        held = {name: any(key in self.down for key in keys) for name, keys in WALK.items()}
        return held["right"] - held["left"], held["down"] - held["up"]

    @property
    def attending(self) -> bool:
        """True while the key for attending is held."""
        return ATTEND in self.down
