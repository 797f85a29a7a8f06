"""Pictures of moments of a replay: what the player could see then, and what the mind believed. It needs pygame."""

from collections.abc import Callable, Mapping, Sequence
from io import BytesIO
from pathlib import Path

import pygame as pg

from common.files import make_folder, write_whole
from game.art.frame_state import Ghost, haunt
from game.env.pixels import Pictures
from game.realm.relive import relive
from game.realm.replay import ActionLog
from game.realm.scene import View
from game.realm.world import World

SIZE = (320, 180)  # px: half of the game's own picture
FAINTEST = 0.05  # beliefs below this are not painted
PICTURES_MAX = 1000
Beliefs = Sequence[tuple[str, str, float]]  # (direction, species, 0..1)
Report = Callable[[str, int, int], None]  # what is going on, how far, of how many


def paint_moments(
    path: Path, wanted: Mapping[int, Beliefs], report: Report = lambda what, done, of: None
) -> dict[int, bytes]:
    """Tick -> PNG, of the ticks of a replay. wanted: what was believed at each tick, which is painted as in the game.

    Raises ReplayError for a file that is no replay of this realm, ValueError for a tick beyond its end.
    """
    log = ActionLog.load(path)
    late = [tick for tick in wanted if not 0 <= tick <= log.ticks]
    if late:
        raise ValueError(f"{path}: tick {late[0]}: it goes from 0 to {log.ticks}; give ticks of its own")
    if len(wanted) > PICTURES_MAX:
        raise ValueError(f"{path}: {len(wanted)} pictures; {PICTURES_MAX} are the most, give fewer ticks")
    pictures, painter = {}, Pictures(SIZE)

    def look(world: World, view: View) -> None:
        pixels = painter.picture(world, world.player, ghosts(world, view, wanted[world.tick]))
        stream = BytesIO()
        pg.image.save(pg.surfarray.make_surface(pixels.swapaxes(0, 1)), stream, "png")
        pictures[world.tick] = stream.getvalue()

    relive(log, wanted, report=report, look=look)
    return pictures


def ghosts(world: World, view: View, beliefs: Beliefs) -> tuple[Ghost, ...]:
    """What is painted of beliefs about a view. Directions that it hasn't got, and what no species is called, are left
    out."""
    known = [(view.places[direction], species, p) for direction, species, p in beliefs if direction in view.places]
    places = world.map.places
    return tuple(
        Ghost(place, *haunt(places[place]), species, min(1.0, p))
        for place, species, p in known
        if species in world.rules.species and p >= FAINTEST
    )


def write_moments(
    path: Path, folder: Path, ticks: Sequence[int], report: Report = lambda what, done, of: None
) -> list[Path]:
    """Pictures without beliefs, as folder/tick-N.png; returns their paths. Raises as paint_moments, and OSError."""
    pictures = paint_moments(path, dict.fromkeys(ticks, ()), report)
    make_folder(folder)
    paths = []
    for tick, data in sorted(pictures.items()):
        paths.append(folder / f"tick-{tick}.png")
        write_whole(paths[-1], data)
    return paths
