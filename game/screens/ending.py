"""The end of the story: the lanterns go out, six guests climb, three minds side by side, the heads through the journey.

Last the register is read out, and the player may go on living there.
"""

from collections.abc import Sequence

import pygame as pg

from game.app.playing import Playing
from game.art.painter import SIZE
from game.journey.chronicle import day_of
from game.journey.journey import Journey
from game.journey.roll_call import EYES, RollCall
from game.screens.ending_scene import APART, CLIMB, FAINTEST, OUT, Stairs
from game.screens.photo import TITLES
from game.ui import heads_grid
from game.ui.font import DIM, GOLD, PAPER, SKYBLUE, Pen, wrap
from game.ui.overlays import HEIGHT, WIDTH
from game.ui.screen_stack import CLOSE, Close, Screen
from game.ui.words import article, count, counts, date
from perception.messages import Eyes, Progress

LETTERS_PER_S = 40.0
COLUMNS = 72
MARGIN = 30  # px beside the sheet
CLIMBED = OUT + CLIMB + 6 * APART  # s after which all guests have come as high as they come
GRIDS = 8  # pictures of the heads in the strip
PANEL = 196  # layout px: width of one pair of eyes
MIDDLE = (80, 10, 480, 270)  # px of the picture that is shown of each
INK = (10, 9, 22)


def register(journey: Journey) -> list[str]:
    """One line per species: how the player came to see it."""
    lines = []
    tally = journey.world.quests.tally
    for species in journey.world.rules.species:
        first = journey.narrator.chronicle.of(species)
        find = next((find for find in tally.finds if find.species == species), None)
        if first is not None:
            lines.append(f"{species}: seen {date(first.day, first.hour)} by the {first.kind}")
        elif find is not None:
            kind = journey.world.map.places[find.place].kind
            lines.append(f"{species}: named {date(day_of(journey.world, find.tick), find.hour)} by the {kind}")
        else:
            lines.append(f"{species}: {article('name')} in the register")
    return lines


def figures(journey: Journey) -> list[str]:
    """What the journey comes to, in numbers: the same ones that the screen showed on the way."""
    tally, progress, firsts = journey.world.quests.tally, journey.mind_client.progress, journey.narrator.firsts
    lines = [f"shown {journey.known}, found unaided {firsts.found}, most names right in a row {tally.best}"]
    if progress is not None:
        lines.append(", ".join(counts(progress)))
    return lines


def strip(history: Sequence[Progress], most: int = GRIDS) -> list[Progress]:
    """At most so many points of the learning at which the heads were measured, evenly spread, first and last among
    them."""
    measured = [point for point in history if point.change]
    if len(measured) <= most:
        return measured
    return [measured[round(index * (len(measured) - 1) / (most - 1))] for index in range(most)]


class Epilogue:
    """Page after page at the player's pace: the lines over the stairs, three minds and the heads, the register."""

    pauses = True
    bare = True
    music = "ending"

    def __init__(self, game: Playing) -> None:
        self.game = game
        self.lines = list(game.journey.world.quests.book.epilogue)
        self.page, self.since, self.seconds = 0, 0.0, 0.0
        self.roll = RollCall(game.journey.world, game.journey.mind_client)
        self.roll.ask()
        self._stairs = Stairs(game.painter, game.settings.calm, game.settings.safe)
        self._frame = pg.Surface(SIZE).convert()
        self._last: dict[Eyes, pg.Surface] = {}  # the end of the climb through each pair of eyes

    @property
    def _of(self) -> int:
        return len(self.lines) + 2

    def take(self, command: str) -> Screen | Close | None:
        """Enter shows the rest of a page, then turns it."""
        if command not in ("enter", "back", "next", "right", "down"):
            return None
        if self.since * LETTERS_PER_S < self._letters():
            self.since = self._letters() / LETTERS_PER_S
            return None
        self.page, self.since = self.page + 1, 0.0
        return CLOSE if self.page >= self._of else None

    def _letters(self) -> int:
        if self.page < len(self.lines):
            return len(self.lines[self.page])
        return sum(map(len, self._register())) if self.page == self._of - 1 else 0

    def _register(self) -> list[str]:
        return [*register(self.game.journey), "", *figures(self.game.journey)]

    def advance(self, dt: float) -> None:
        """Letters appear, guests climb, answers come."""
        self.since += dt
        self.seconds += dt
        self.roll.hear(dt)

    def paint(self, pen: Pen, seconds: float) -> None:
        """The page that is open."""
        if self.page == len(self.lines):
            self._minds(pen)
            return
        beliefs = self.roll.seen("you") or {}
        self._stairs.paint(self._frame, beliefs, self.seconds)
        self._onto(pen, self._frame, 0, 0, WIDTH)
        self._sheet(pen)

    @staticmethod
    def _onto(pen: Pen, picture: pg.Surface, x: float, y: float, width: float) -> None:
        box = pen.box(x, y, width, width * SIZE[1] / SIZE[0])
        pen.target.blit(pg.transform.scale(picture, box.size), box)

    def _minds(self, pen: Pen) -> None:
        """Three pairs of eyes at the top of the stairs, and the heads through the journey."""
        pen.fill(INK, 0, 0, WIDTH, HEIGHT)
        large = pen.sized(min(1.5, self.game.settings.zoom))
        for index, eyes in enumerate(EYES):
            x = 12 + index * (PANEL + 14)
            beliefs = self.roll.seen(eyes)
            if eyes not in self._last and self.roll.over:
                self._last[eyes] = pg.Surface(SIZE).convert()
                self._stairs.paint(self._last[eyes], beliefs or {}, CLIMBED)
            if eyes in self._last:
                self._onto(pen, self._last[eyes].subsurface(MIDDLE), x, 16, PANEL)
            top = 20 + PANEL * SIZE[1] / SIZE[0]
            large.text(TITLES[eyes], x, top, SKYBLUE)
            for row, line in enumerate(wrap(self._says(beliefs), large.columns(PANEL))):
                large.text(line, x, top + large.line * (row + 1), PAPER)
        self._strip(pen, large, 182 + 2 * (large.line - 12))
        self._key(large, HEIGHT - 6 - large.line)

    @staticmethod
    def _says(beliefs: dict[str, float] | None) -> str:
        """What a pair of eyes sees of the six, in words."""
        if beliefs is None:
            return "Nobody answers."
        clear = sum(belief >= 0.5 for belief in beliefs.values())
        faint = sum(FAINTEST <= belief < 0.5 for belief in beliefs.values())
        half = f", {count(faint)} half" if faint else ""
        return f"sees {count(clear)} of {count(len(beliefs))}{half}" if clear or faint else "sees nobody"

    def _strip(self, pen: Pen, large: Pen, top: float) -> None:
        """The heads as they changed, from left to right."""
        client = self.game.journey.mind_client
        points, ready = strip(client.history), client.ready
        large.text("Your heads through the journey: brighter is more changed", 12, top, SKYBLUE)
        if not points or ready is None:
            large.text("They were never measured.", 12, top + large.line + 4, DIM)
            return
        side = 66
        for index, point in enumerate(points):
            x, y = 12 + index * (side + 12), round(top + large.line + 6)
            pen.fill((22, 22, 48), x - 3, y - 3, side + 4, side + 4)
            cells = heads_grid.cells(ready.layers, ready.heads, point.change, (), "change", x, y, side)
            heads_grid.draw_cells(pen, cells)
            seen = "-" if point.hits is None else f"{round(100 * point.hits)} in 100"
            pen.text(f"step {point.step}", x - 2, y + side + 2, DIM)
            pen.text(seen, x - 2, y + side + 2 + pen.line, PAPER)

    def _key(self, large: Pen, y: float) -> None:
        last = self.page == self._of - 1
        word = "go on living here" if last else "go on"
        large.rimmed().text_centre(f"[{self.game.labels['enter']}] {word}", WIDTH / 2, y, DIM)

    def _sheet(self, pen: Pen) -> None:
        """A line of the epilogue, or the register, on a quiet sheet at the lower half."""
        last = self.page == self._of - 1
        lines, large, row = self._set(self._register() if last else [self.lines[self.page]], pen)
        height = round(row * (len(lines) + 1 + last)) + (22 if last else 19)
        top = max(4, HEIGHT - (24 if last else 10) - height)
        pen.panel(MARGIN, top, WIDTH - 2 * MARGIN, height)
        y, left = top + 10.0, int(self.since * LETTERS_PER_S)
        if last:
            large.text_centre("The register of this year", WIDTH / 2, y, SKYBLUE)
            y += row + 3
        for line in lines:
            large.text_centre(line[: max(0, left)], WIDTH / 2, y, GOLD if last and ":" in line else PAPER)
            left -= len(line)
            y += row
        if left > 0:
            self._key(large, top + height - row - 1)

    def _set(self, page: list[str], pen: Pen) -> tuple[list[str], Pen, float]:
        """(lines, pen, px from line to line) of a page in letters of the player's size, or in the next smaller one that
        lets all of it stand on the screen."""
        for zoom in (self.game.settings.zoom, 1.5, 1.0):
            large = pen.sized(min(zoom, self.game.settings.zoom))
            columns = min(COLUMNS, large.columns(WIDTH - 2 * MARGIN - 20))
            lines = [part for line in page for part in (wrap(line, columns) if line else [""])]
            row = large.line + 3
            if row * (len(lines) + 2) + 50 <= HEIGHT:
                break
        return lines, large, row
