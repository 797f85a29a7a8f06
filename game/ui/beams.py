"""Beams on the map: from you to the places that one head attends to while the mind decides.

A beam's width is attention, the mean over all places asked about; the ring at its end grows with what the head gives
a place when that very place is asked about. Numbers stand beside, so that nothing rests on colour.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import pygame as pg

from game.art.pixels.palette import Colour, mix
from game.realm.land import Place
from game.realm.tongues import SENSE
from game.ui.font import INK_SHADOW, PAPER, Pen
from perception.messages import Gaze

FAINT = 0.004  # mean attention below which no beam is drawn
TOLD = 4  # beams with a number beside them
DARK: Colour = (60, 72, 110)
BRIGHT: Colour = (150, 240, 255)
CHEST = 14  # px above the feet from which beams go out


@dataclass(frozen=True)
class Beam:
    """place: the scene's word. mass: mean attention on it over the places asked about; own: when it is asked about."""

    place: str
    mass: float
    own: float


def beams(gaze: Gaze | None) -> list[Beam]:
    """What a head attends to, the strongest first; nothing without questions about spirits."""
    glances = [glance for glance in gaze.glances if glance.ask == SENSE] if gaze is not None else []
    if gaze is None or not glances:
        return []
    rays = []
    for index, place in enumerate(gaze.places):
        mass = sum(glance.mass[index] for glance in glances) / len(glances)
        own = next((glance.mass[index] for glance in glances if glance.place == place), 0.0)
        rays.append(Beam(place, mass, own))
    return sorted(rays, key=lambda beam: (-beam.mass, beam.place))


def end(rays: Sequence[Beam], where: Mapping[str, int], places: Sequence[Place]) -> tuple[int, int] | None:
    """px of the world where the widest beam that is drawn ends; None if none is."""
    drawn = [places[where[beam.place]] for beam in rays if beam.mass >= FAINT and beam.place in where]
    return (drawn[0].x, drawn[0].y) if drawn else None


def width(mass: float) -> float:
    """Layout px of a beam: 1 for nothing, 7 for all attention; never falls as the mass grows."""
    return 1 + 6 * math.sqrt(min(1.0, max(0.0, mass)))


def draw(
    pen: Pen,
    rays: Sequence[Beam],
    where: Mapping[str, int],
    places: Sequence[Place],
    player: tuple[int, int],
    camera: tuple[int, int],
    seconds: float,
) -> None:
    """where: the scene's words -> place index; player, places: px of the world; camera: of the picture's corner."""
    start = (player[0] - camera[0], player[1] - camera[1] - CHEST)
    for rank, beam in enumerate(rays):
        if beam.mass < FAINT or beam.place not in where:
            continue
        spot = places[where[beam.place]]
        end = (spot.x - camera[0], spot.y - camera[1] - 8)
        colour = mix(DARK, BRIGHT, min(1.0, 3 * math.sqrt(beam.mass)))
        wide = width(beam.mass)
        pg.draw.line(pen.target, INK_SHADOW, pen.at(*start), pen.at(*end), round((wide + 1) * pen.scale))
        pg.draw.line(pen.target, colour, pen.at(*start), pen.at(*end), max(1, round(wide * pen.scale)))
        part = (seconds * 0.6 + rank * 0.37) % 1
        pen.fill(PAPER, start[0] + (end[0] - start[0]) * part - 1, start[1] + (end[1] - start[1]) * part - 1, 2, 2)
        reach = 4 + 12 * math.sqrt(min(1.0, beam.own))
        pg.draw.circle(pen.target, colour, pen.at(*end), round(reach * pen.scale), max(1, pen.scale))
        if rank < TOLD:
            pen.text(f"{beam.mass:.0%}", *_beside(start, end), PAPER)


def _beside(start: tuple[int, int], end: tuple[int, int]) -> tuple[float, float]:
    """Where a beam's number stands: near its end, but on the picture."""
    x = start[0] + (end[0] - start[0]) * 0.75
    y = start[1] + (end[1] - start[1]) * 0.75
    return min(610.0, max(4.0, x + 4)), min(340.0, max(4.0, y - 10))
