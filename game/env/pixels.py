"""What a player sees as a picture: the game's own painter, unseen. It needs pygame; nothing else in this room does.

Nobody perceives here, so no spirit is painted unless beliefs are handed in: a picture shows the land, whoever can be
seen, and the traces that are sensed from where the player stands. It follows from the realm alone, so that a restored
one is painted alike.
"""

import os
from dataclasses import replace

import numpy as np
import pygame as pg

from game.art.frame_state import Body, FrameState, Ghost, Hint
from game.art.painter import SIZE, Painter
from game.realm.player import Player
from game.realm.seen import SeenBody, bodies_of, sensed_of
from game.realm.state import Actor
from game.realm.step import TICKS_PER_SECOND
from game.realm.world import World


class Pictures:
    """Paints the realms of one environment. size: (width, height) of its pictures in px."""

    def __init__(self, size: tuple[int, int]) -> None:
        self.size = size
        self._painter: Painter | None = None
        self._frame: pg.Surface | None = None

    def picture(self, world: World, player: Player, ghosts: tuple[Ghost, ...] = ()) -> np.ndarray:
        """(height, width, 3) uint8. ghosts: beliefs to paint, of somebody who perceived."""
        if self._frame is None:
            _open_display()
            self._frame = pg.Surface(SIZE).convert()
        if self._painter is None or self._painter.land != world.map:
            self._painter = Painter(world.map)
        self._painter.forget_outside()
        self._painter.paint(self._frame, replace(frame_state(world, player), ghosts=ghosts))
        scaled = pg.transform.smoothscale(self._frame, self.size) if self.size != SIZE else self._frame
        return np.ascontiguousarray(pg.surfarray.array3d(scaled).swapaxes(0, 1))


def frame_state(world: World, player: Player) -> FrameState:
    """What a player may know (game.realm.seen), without a mind: no beliefs, so no spirits."""
    places, senses = world.map.places, world.rules.senses
    others = tuple(_body(looks) for looks in bodies_of(world, player).values())
    others += tuple(Body(who.kind, who.x, who.y, who.facing, False) for who in world.quests_of[player.number].standing)
    hints = tuple(
        Hint(places[place].x, places[place].y, senses[sense], thing)
        for place, things in sensed_of(world, player).items()
        for sense, thing in things
    )
    seconds = world.tick / TICKS_PER_SECOND
    return FrameState(world.hour, world.weather, seconds, _body(player), others, (), hints, 0.0, world.flood)


def _body(who: Actor | SeenBody) -> Body:
    return Body(who.kind, who.x, who.y, who.facing, who.moving)


def _open_display() -> None:
    """The dummy driver, unless a display is open already."""
    if not pg.display.get_surface():
        os.environ["SDL_VIDEODRIVER"] = "dummy"
        pg.display.init()
        pg.display.set_mode(SIZE)
