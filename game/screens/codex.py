"""The codex: one page per species, filled by what was revealed. Before that it shows only an outline."""

import pygame as pg

from game.app.playing import Playing
from game.realm.tally import Page
from game.ui.font import DIM, GOLD, PAPER, SKYBLUE, Pen, wrap
from game.ui.marks import pips
from game.ui.overlays import WIDTH, Box
from game.ui.screen_stack import CLOSE, Close, Screen
from game.ui.words import date

TOP, SHEET_WIDTH, SHEET_HEIGHT = 24, 540, 312
FRAME = (144, 116)  # layout px of a picture
SHADE = (38, 38, 74)
FAINT = (92, 96, 138)
LORE_AT = (1, 3, 6)  # meetings (shown, touched, named) after which each line of lore is known


def meetings(page: Page) -> int:
    """How often a species was met: shown, touched, named right."""
    return page.shown + page.touched + page.named


def lore(page: Page, lines: tuple[str, ...]) -> list[str]:
    """The lines that the player knows by now."""
    return [line for line, at in zip(lines, LORE_AT, strict=False) if meetings(page) >= at]


class Codex:
    """One page at a time; left and right turn it."""

    pauses = True

    def __init__(self, game: Playing) -> None:
        self.game = game
        pages = game.journey.world.quests.tally.pages
        known = [number for number, page in enumerate(pages.values()) if page.known]
        self.page = known[-1] if known else 0

    def take(self, command: str) -> Screen | Close | None:
        """Turns the page, or shuts the book."""
        count = len(self.game.journey.world.rules.species)
        if command in ("left", "up", "previous"):
            self.page = (self.page - 1) % count
        elif command in ("right", "down", "next"):
            self.page = (self.page + 1) % count
        return CLOSE if command in ("back", "enter", "codex") else None

    def advance(self, dt: float) -> None:
        """Nothing moves by itself."""

    def paint(self, pen: Pen, seconds: float) -> None:
        """The open book: the picture at the left, what is known at the right."""
        journey, large = self.game.journey, pen.sized(self.game.settings.zoom)
        species = journey.world.rules.species[self.page]
        page = journey.world.quests.tally.pages[species]
        width = min(WIDTH - 16, round(SHEET_WIDTH * large.letter / 6))
        left = WIDTH / 2 - width / 2
        pen.panel(left, TOP, width, SHEET_HEIGHT)
        title = species if page.known else "somebody you haven't met"
        large.text_centre(title, WIDTH / 2, TOP + 8, SKYBLUE if page.known else FAINT)
        self._picture(pen, left + 20, species, page.known)
        self._counts(large, left + 20, page)
        tally = journey.world.quests.tally
        foot = [
            f"names right {tally.rights} of {tally.guesses}, most in a row {tally.best}",
            f"< {self.page + 1} of {len(journey.world.rules.species)} >   [{self.game.labels['back']}] back",
        ]
        bottom = TOP + SHEET_HEIGHT - 6 - large.line * len(foot)
        self._known(large, (left + 186, TOP + 10 + large.line, width - 194, bottom), species, page)
        for line, text in enumerate(foot):
            large.text_centre(text, WIDTH / 2, bottom + large.line * line, DIM)

    def _picture(self, pen: Pen, left: float, species: str, known: bool) -> None:
        """The spirit as the player sees it, or its outline, as large as the frame allows."""
        spirit = self.game.painter.spirit(species)
        image = spirit.picture(1.0).copy()
        if not known:
            image = pg.mask.from_surface(image).to_surface(setcolor=SHADE, unsetcolor=(0, 0, 0, 0))
        image = image.subsurface(image.get_bounding_rect())
        image.set_alpha(255)
        width, height = FRAME[0] - 12, FRAME[1] - 12
        factor = max(1, min(width // image.get_width(), height // image.get_height())) * pen.scale
        image = pg.transform.scale_by(image, factor)
        x, y = pen.at(left + FRAME[0] / 2, TOP + 34 + FRAME[1] - 6)
        pen.fill((24, 24, 54), left, TOP + 34, *FRAME)
        pen.target.blit(image, (x - image.get_width() // 2, y - image.get_height()))

    def _counts(self, pen: Pen, left: float, page: Page) -> None:
        """How often it was met, below its picture."""
        y = TOP + 42.0 + FRAME[1]
        counts = (("shown", page.shown), ("touched", page.touched), ("named", page.named), ("misnamed", page.missed))
        for name, count in counts:
            pen.text(name, left, y, DIM)
            pen.text_right(str(count), left + FRAME[0], y, PAPER)
            y += pen.line

    def _known(self, pen: Pen, box: Box, species: str, page: Page) -> None:
        """Traces that were met, lore that was earned, and the first sight of the player's own. box: x, y, width, and
        the y below which nothing may stand.
        """
        journey = self.game.journey
        x, y, width, bottom = box
        rules = journey.world.rules
        for sense, trace in zip(rules.senses, rules.spirits[rules.species.index(species)].traces, strict=True):
            pen.text(sense, x, y, DIM)
            pen.text(trace if trace in page.traces else "-", x + 8 * pen.letter + 8, y, GOLD if page.known else FAINT)
            y += pen.line
        y += 3
        pips(pen, x, y, min(meetings(page), LORE_AT[-1]), LORE_AT[-1])
        y += 11
        texts = [(line, PAPER) for line in lore(page, journey.world.quests.book.lore[species])]
        first = journey.narrator.chronicle.of(species)
        if first is not None:
            by = f"First seen by yourself {date(first.day, first.hour)}, by the {first.kind}."
            texts.append((by if first.proven else f"{by} Never proven.", SKYBLUE))
        for lines in (pen, pen.sized(1.5), pen.sized(1.0)):  # what doesn't fit in large letters stands in smaller ones
            rows = [(part, colour) for line, colour in texts for part in wrap(line, lines.columns(width))]
            if lines.dot <= pen.dot and y + lines.line * len(rows) <= bottom:
                break
        for row, (part, colour) in enumerate(rows):
            lines.text(part, x, y + lines.line * row, colour)
