"""Photo mode: one moment of the realm as three minds see it, side by side: blind, the player's, one born seeing.

Each is asked about the scene of the moment. What each believes is drawn over the same frame. A panel whose mind can't
answer says so. Enter saves the panels as one picture, and the last seconds as a film.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field

import pygame as pg

from game.app.playing import Playing
from game.app.window import free_path
from game.art.painter import SIZE, Painter
from game.art.pixels.png import save_png
from game.realm.land import Place
from game.realm.scene import describe
from game.screens.film import Film, begun
from game.screens.panels import haunted, seen
from game.ui.font import DIM, GOLD, PAPER, SKYBLUE, Pen, wrap
from game.ui.overlays import keyed
from game.ui.screen_stack import CLOSE, Close, Screen
from game.ui.words import article
from perception.messages import Eyes

TITLES: dict[Eyes, str] = {"blind": "As you came", "you": "You", "seer": "Born seer"}
TELLING, HALF = 0.5, 0.15  # beliefs from which the caption says that they are seen, and half seen
GAP, CAPTION = 8, 34  # px between and below the panels of a saved picture
WAIT = 30.0  # s until a mind that doesn't answer is given up; it is silent for some while it writes its log
HEADING_ROWS = 4  # as many as fit above the panels
LOWEST = 352  # layout px: nothing is written below
INK = (14, 12, 30)


@dataclass
class Panel:
    """One pair of eyes. beliefs: place index -> (species, 0..1); fault: why there is nothing to show."""

    eyes: Eyes
    ticket: int
    beliefs: dict[int, tuple[str, float]] = field(default_factory=dict)
    fault: str = ""
    picture: pg.Surface | None = None

    @property
    def done(self) -> bool:
        """Answered, or known to stay unanswered."""
        return self.picture is not None or bool(self.fault)


def caption(panel: Panel, places: Sequence[Place]) -> str:
    """What these eyes see, in words."""
    if panel.fault:
        return panel.fault
    if panel.picture is None:
        return "looking..."
    named = sorted(panel.beliefs.items(), key=lambda item: -item[1][1])
    clear = [f"{article(species)} by the {places[place].kind}" for place, (species, p) in named if p >= TELLING]
    faint = [f"{article(species)} by the {places[place].kind}" for place, (species, p) in named if HALF <= p < TELLING]
    sights = ["sees " + ", ".join(clear)] * bool(clear) + ["half sees " + ", ".join(faint)] * bool(faint)
    return "; ".join(sights) or "sees nobody"


def triptych(panels: Sequence[Panel], places: Sequence[Place]) -> pg.Surface:
    """All pictures in one row with captions; (3 * 640 + gaps) x (360 + caption) px for three."""
    painted = [panel for panel in panels if panel.picture is not None]
    sheet = pg.Surface((GAP + max(1, len(painted)) * (SIZE[0] + GAP), GAP + SIZE[1] + CAPTION))
    sheet.fill(INK)
    pen = Pen(sheet)
    for index, panel in enumerate(painted):
        assert panel.picture is not None
        x = GAP + index * (SIZE[0] + GAP)
        sheet.blit(panel.picture, (x, GAP))
        pen.text(TITLES[panel.eyes], x, GAP + SIZE[1] + 4, SKYBLUE)
        pen.text(caption(panel, places)[:104], x, GAP + SIZE[1] + 17, PAPER)
    return sheet


class Photo:
    """The screen. The world stands still; the minds answer one after the other."""

    pauses = True
    bare = True

    def __init__(self, game: Playing) -> None:
        self._game = game
        journey = game.journey
        self._places = journey.world.map.places
        self._frame_state = journey.frame_state()
        self._view = describe(journey.world, journey.mind_client.tongue)
        ready = journey.mind_client.ready
        there = [eyes for eyes in TITLES if ready is not None and eyes in ready.eyes]
        self.panels = [Panel(eyes, journey.mind_client.inquire(self._view.scene, eyes)) for eyes in there]
        self._moments = game.reel.moments
        self._film: Film | None = None
        self.chosen = there.index("you") if "you" in there else 0
        self.large = False
        self._waited = 0.0

    @property
    def ready(self) -> bool:
        """Whether every panel has its picture or its fault."""
        return all(panel.done for panel in self.panels)

    def advance(self, dt: float) -> None:
        """Takes what has been answered; paints at most one picture a frame."""
        self._waited += dt
        client = self._game.journey.mind_client
        if self._film is not None and (line := self._film.advance(dt)):
            self._game.note(line)
            self._film = None
        for panel in (panel for panel in self.panels if not panel.done):
            answer = client.answered(panel.ticket)
            if answer is not None:
                panel.beliefs = seen(answer, self._view)
                if panel.eyes == "seer":  # guests of errands hide from eyes that are not the player's
                    secret = self._game.journey.world.quests.keeps_secret
                    panel.beliefs = {place: sight for place, sight in panel.beliefs.items() if not secret(place)}
                panel.picture = self._painted(self._game.painter, panel)
                return
            if not client.awaited(panel.ticket) or self._waited > WAIT:
                panel.fault = "can't be asked now"

    def _painted(self, painter: Painter, panel: Panel) -> pg.Surface:
        picture = pg.Surface(SIZE)
        settings = self._game.settings
        painter.paint(picture, haunted(self._frame_state, panel.beliefs, self._places), settings.calm, settings.safe)
        return picture

    def take(self, command: str) -> "Screen | Close | None":
        """Left and right choose, up and down show one large or all, enter saves."""
        if command in ("back", "photo"):
            return CLOSE
        if command in ("left", "right") and self.panels:
            self.chosen = (self.chosen + (1 if command == "right" else -1)) % len(self.panels)
        elif command in ("up", "down"):
            self.large = command == "up" and bool(self.panels)
        elif command in ("enter", "act"):
            self._game.note(self.save())
        return None

    def save(self) -> str:
        """Writes the picture; the line that says where, or why not."""
        if not any(panel.picture is not None for panel in self.panels):
            return "No picture yet: the mind hasn't answered"
        folder = self._game.options.shot_dir
        try:
            path = free_path(folder, "eyes")
            save_png(triptych(self.panels, self._places), path)
        except (OSError, pg.error) as error:
            return f"No picture: {error}"
        if self._film is None and (film := begun(self._game, self._moments, folder)) is not None:
            self._film = film
            return f"Picture: {path}. The film of the last seconds is being made"
        return f"Picture: {path}"

    def paint(self, pen: Pen, seconds: float) -> None:
        """All panels in a row, or the chosen one large."""
        pen.fill(INK, 0, 0, 640, 360)
        large = pen.sized(self._game.settings.zoom)
        noted = self._game.context.notes()[-1:]
        title = noted[0] if noted else "One moment, other eyes"
        heading = large if len(title) <= large.columns(620) else pen
        for row, line in enumerate(wrap(title, heading.columns(620))[:HEADING_ROWS]):
            heading.text_centre(line, 320, 10 + heading.line * row, PAPER if noted else SKYBLUE)
        if not self.panels:
            large.text_centre("Nobody is awake to look", 320, 170, DIM)
        elif self.large:
            self._framed(pen, large, self.panels[self.chosen], 100, 14 + large.line, 440)
        else:
            width = min(300, (640 - 8 * (len(self.panels) + 1)) // len(self.panels))
            left = (640 - len(self.panels) * (width + 8) + 8) / 2
            for index, panel in enumerate(self.panels):
                self._framed(pen, large, panel, left + index * (width + 8), 62, width)
                if index == self.chosen:
                    pen.frame(GOLD, left + index * (width + 8) - 2, 60, width + 4, width * 9 / 16 + 4, 1)
        if not self.large:
            labels = self._game.labels
            does = ((labels["arrows"], "choose, larger"), (labels["enter"], "save"), (labels["back"], "leave"))
            foot = "   ".join(f"[{key}] {what}" for key, what in does)
            keyed(large, foot, 320 - len(foot) * large.letter / 2, 350 - large.line)

    def _framed(self, pen: Pen, large: Pen, panel: Panel, x: float, y: float, width: int) -> None:
        high = width * 9 / 16
        box = pen.box(x, y, width, high)
        if panel.picture is not None:
            pen.target.blit(pg.transform.smoothscale(panel.picture, box.size), box)
        else:
            pen.fill((20, 18, 40), x, y, width, high)
        large.text(TITLES[panel.eyes], x, y + high + 4, SKYBLUE)
        rows = int((LOWEST - y - high) / large.line) - (1 if self.large else 2)
        for line, text in enumerate(wrap(caption(panel, self._places), large.columns(width))[:rows]):
            large.text(text, x, y + high + 5 + large.line * (line + 1), PAPER)


def eyes(game: Playing) -> None:
    """Borrows the born seer's eyes for some seconds, or gives them back."""
    game.note(game.journey.borrow(game.now()))


def lent(game: Playing) -> bool:
    """True if there is a born seer whose eyes can be borrowed."""
    ready = game.journey.mind_client.ready
    return ready is not None and "seer" in ready.eyes
