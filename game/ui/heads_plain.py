"""The heads in plain words: three counts, one head that is lit, and what it looks at. Terms and numbers are elsewhere.

The head is the one whose attention lies most on the asked place. Whatever is said about it was measured of it.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import pygame as pg

from game.art.pixels.palette import mix
from game.realm.land import Place
from game.realm.tongues import SENSE
from game.ui import heads_grid
from game.ui.beams import BRIGHT, CHEST, DARK
from game.ui.burns import NONE, Burns
from game.ui.burns import draw as draw_burns
from game.ui.font import DIM, GOLD, INK_SHADOW, PAPER, SKYBLUE, Pen, wrap
from game.ui.overlays import Box, label
from game.ui.words import UNSURE, article, counts
from perception.messages import Event, Gaze, HeadActivity, Progress, Ready

PLAIN = "plain"  # the view that opens first
VIEWS = (PLAIN, *heads_grid.MODES)
CORNER = (436, 8)  # layout px
WIDE, WIDEST = 196, 330.0  # of small letters, of any: places that one senses lie up to 208 px from the player
GRID = 64  # layout px: side of the grid
UNLIT = (52, 52, 92)
LEAST = 0.02  # attention on the asked place from which a head is said to look there
KEEPS = 1.3  # another head is lit only if it looks so much more


@dataclass(frozen=True)
class Look:
    """What the lit head does now. place: the scene's word; kind: of its landmark; species: who is believed there, or
    nothing; trace: the word that it reads there, or nothing; mass: its attention on that place, 0..1."""

    place: str
    kind: str
    species: str
    trace: str
    mass: float


def lit(activity: HeadActivity | None, before: int | None) -> int | None:
    """The head that looks most at the asked place; the one of before as long as no other looks much more."""
    cue = activity.cue if activity is not None else ()
    if not cue or max(cue) < LEAST:
        return None
    best = max(range(len(cue)), key=lambda head: cue[head])
    return before if before is not None and before < len(cue) and cue[best] < KEEPS * cue[before] else best


def look(
    gaze: Gaze | None, events: Sequence[Event], where: Mapping[str, int], places: Sequence[Place],
    beliefs: Mapping[int, tuple[str, float]],
) -> Look | None:  # fmt: skip
    """Where the head looks most when that very place is asked about; None if it hasn't told or looks nowhere.

    events: of the scene; where: the scene's words -> place index; beliefs: place index -> (species, 0..1).
    """
    best: tuple[float, str] = (0.0, "")
    for glance in gaze.glances if gaze is not None else ():
        if glance.ask == SENSE and gaze is not None and glance.place in gaze.places and glance.place in where:
            species, belief = beliefs.get(where[glance.place], ("", 0.0))
            mass = glance.mass[gaze.places.index(glance.place)]
            best = max(best, (mass + belief * (mass > LEAST), glance.place))
    if gaze is None or not best[1]:
        return None
    place = best[1]
    own = next(g.mass[gaze.places.index(place)] for g in gaze.glances if g.ask == SENSE and g.place == place)
    species, belief = beliefs.get(where[place], ("", 0.0))
    there = [event.thing for event in events if event.place == place and event.sense != "look"]
    trace = next((word for word, _ in gaze.words if word in there), there[0] if there else "")
    return Look(place, places[where[place]].kind, species if belief >= UNSURE else "", trace, own)


def remark(seen: Look | None, seer: str) -> str:
    """What the seer says about the head that is lit."""
    if seen is None:
        return f"{seer}: None of them looks at the place you ask about. Not yet."
    when = f"when you say {seen.species}" if seen.species else "when you ask who is there"
    return f"{seer}: This one looks at the {seen.kind} {when}."


def left(pen: Pen) -> float:
    """Layout px from the left at which the sheet begins."""
    return 632 - min(WIDEST, WIDE * pen.letter / 6)


def sheet(pen: Pen, seen: Look | None, progress: Progress | None, seer: str, practise: str = "") -> Box:
    """x, y, width, height of the sheet, as its words need it. practise: a line on who practises, if there is one."""
    wide = 632 - left(pen)
    rows = len(wrap(remark(seen, seer), pen.columns(wide - 16))) + bool(practise)
    words = (len(counts(progress)) + 1) * pen.line
    return 632 - wide, CORNER[1], wide, 8 + words + GRID + 8 + (rows + 1) * pen.line + 6


def panel(
    pen: Pen, ready: Ready | None, head: int | None, seen: Look | None, progress: Progress | None, seer: str, key: str,
    burned: Burns = NONE, attuned: Sequence[int] = (), practise: str = "",
) -> None:  # fmt: skip
    """The sheet at the upper right. pen: letters of the player's size; key: what shows terms and numbers;
    attuned: heads that practise alone; practise: a line on that.
    """
    x, y, wide, high = sheet(pen, seen, progress, seer, practise)
    pen.panel(x, y, round(wide), round(high))
    pen.text("Your heads", x + 8, y + 4, SKYBLUE)
    y += 4 + pen.line
    for line in counts(progress):
        pen.text(line, x + 8, y, PAPER)
        y += pen.line
    y += 4
    layers, heads = (ready.layers, ready.heads) if ready is not None else (0, 0)
    grid = heads_grid.cells(layers, heads, (), (), "cue", round(x + 8), round(y), GRID)
    for cell in grid:
        chosen = cell.layer * heads + cell.head == head and seen is not None
        pen.fill(GOLD if chosen else UNLIT, cell.x, cell.y, cell.side, cell.side)
        if chosen:
            pen.frame(PAPER, cell.x - 1, cell.y - 1, cell.side + 2, cell.side + 2, 1)
        if cell.layer * heads + cell.head in attuned:
            pen.fill(PAPER if chosen else GOLD, cell.x + cell.side / 2 - 1, cell.y + cell.side / 2 - 1, 2, 2)
    draw_burns(pen, grid, burned)
    if seen is not None and seen.trace:
        pen.text("reads", x + 84, y + 8, DIM)
        pen.text(seen.trace, x + 84, y + 8 + pen.line, GOLD)
    y += GRID + 4
    for line in wrap(remark(seen, seer), pen.columns(wide - 16)):
        pen.text(line, x + 8, y, PAPER)
        y += pen.line
    hint = f"[{key}] terms and numbers"
    pen.text(hint[: pen.columns(wide - 12)], x + 8, y + 1, DIM)
    pen.text(practise[: pen.columns(wide - 12)], x + 8, y + 1 + pen.line, DIM)


def beam(
    pen: Pen,
    seen: Look,
    at: tuple[float, float],
    player: tuple[float, float],
    seconds: float,
    taken: list[Box],
) -> None:
    """One beam from the question, which stands over the player, to the asked place, where the trace word glows. at,
    player: layout px of their feet; taken: what covers the world, to which the words are added."""
    start, end = (player[0], player[1] - CHEST - 16), (at[0], at[1] - 12)
    colour = mix(DARK, BRIGHT, min(1.0, 0.35 + math.sqrt(seen.mass)))
    wide = 1 + 4 * math.sqrt(min(1.0, seen.mass))
    pg.draw.line(pen.target, INK_SHADOW, pen.at(*start), pen.at(*end), round((wide + 1) * pen.scale))
    pg.draw.line(pen.target, colour, pen.at(*start), pen.at(*end), max(1, round(wide * pen.scale)))
    for spark in range(3):
        part = (seconds * 0.5 + spark / 3) % 1
        pen.fill(PAPER, start[0] + (end[0] - start[0]) * part - 1, start[1] + (end[1] - start[1]) * part - 1, 2, 2)
    question = f"{article(seen.species)}?" if seen.species else "who is there?"
    label(pen, question, (start[0], start[1] - pen.line, start[1] - 2 * pen.line), PAPER, taken)
    if seen.trace:
        glow = mix((120, 96, 60), (255, 236, 170), 0.6 + 0.4 * math.sin(seconds * 3))
        label(pen, seen.trace, (end[0], end[1] - pen.line - 2, end[1] + 16), glow, taken)
