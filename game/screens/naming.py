"""Naming: a small chooser of a place in sight and of who is there. A guess is a lesson, right or wrong."""

from game.app.playing import Playing
from game.realm.rules import NOTHING
from game.realm.senses import in_sight
from game.ui.font import DIM, GOLD, PAPER, SKYBLUE, Pen
from game.ui.menus import BAR, FAINT, marker
from game.ui.overlays import HEIGHT, WIDTH
from game.ui.screen_stack import CLOSE, Close, Screen

SHEET_WIDTH = 178


class Chooser:
    """left, right: which place; up, down: who; enter: say it. Species that the player hasn't met can't be said."""

    pauses = True
    title = "Who is there?"

    def __init__(self, game: Playing) -> None:
        self.game = game
        journey = game.journey
        self.places = in_sight(journey.world)  # nearest first
        self.place = self._first()
        believed = journey.mind_client.belief(self.places[self.place][1])[0]
        self.words = (*self.known(), NOTHING)
        self.unknown = len(journey.world.rules.species) - len(self.words) + 1
        self.chosen = self.words.index(believed) if believed in self.words else len(self.words) - 1
        self._mark()

    def known(self) -> tuple[str, ...]:
        """The species that can be said."""
        return self.game.journey.nameable()

    def _first(self) -> int:
        """The place that somebody has just seen something at, else the nearest."""
        seen = self.game.journey.narrator.firsts.now
        indices = [index for _, index in self.places]
        return indices.index(seen.place) if seen is not None and seen.place in indices else 0

    def _mark(self) -> None:
        self.game.journey.choosing = self.places[self.place][1]

    def closed(self) -> None:
        """The ring around the place goes."""
        self.game.journey.choosing = None

    def take(self, command: str) -> Screen | Close | None:
        """A step, a guess, or nothing said."""
        if command in ("up", "down"):
            self.chosen = (self.chosen + (1 if command == "down" else -1)) % len(self.words)
        elif command in ("left", "right", "previous", "next"):
            self.place = (self.place + (1 if command in ("right", "next") else -1)) % len(self.places)
            self._mark()
        elif command == "enter":
            self.said(self.places[self.place][1], self.words[self.chosen])
            return CLOSE
        return CLOSE if command in ("back", "name") else None

    def said(self, place: int, word: str) -> None:
        """Names who is there."""
        self.game.journey.name(place, word)

    def advance(self, dt: float) -> None:
        """Nothing moves by itself."""

    def _right(self) -> bool:
        """True if the place lies in the right half of the picture."""
        game, spot = self.game, self.game.journey.world.map.places[self.places[self.place][1]]
        state = game.frame_state
        at = (state.view or (state.player.x, state.player.y)) if state is not None else (spot.x, spot.y)
        free = state.free if state is not None else WIDTH
        return spot.x - game.painter.camera(*at, free)[0] > WIDTH / 2

    def paint(self, pen: Pen, seconds: float) -> None:
        """A sheet at the edge that is farther from the place, so that the place stays in view."""
        large, labels = pen.sized(self.game.settings.zoom), self.game.labels
        row = large.line + 3
        width = min(WIDTH - 24, round(SHEET_WIDTH * large.letter / 6))
        height = 3 * large.line + (len(self.words) + (self.unknown > 0)) * row + 30
        left, top = (12 if self._right() else WIDTH - width - 12), max(8.0, HEIGHT / 2 - height / 2)
        pen.panel(left, top, width, round(height))
        middle, y = left + width / 2, top + 7
        direction, index = self.places[self.place]
        large.text_centre(self.title, middle, y, SKYBLUE)
        kind = self.game.journey.world.map.places[index].kind
        large.text_centre(f"< {direction}, {kind} >"[: large.columns(width - 8)], middle, y + large.line + 3, PAPER)
        y += 2 * large.line + 10
        for number, word in enumerate(self.words):
            if number == self.chosen:
                pen.fill(BAR, left + 6, y - 1, width - 12, row - 1)
                marker(pen, left + 14, y + row / 2 - 2, seconds)
            said = "nobody" if word == NOTHING else word
            large.text(said, left + 26, y, GOLD if number == self.chosen else PAPER)
            y += row
        if self.unknown:
            large.text(f"{self.unknown} you haven't met", left + 26, y, FAINT)
            y += row
        large.text_centre(f"[{labels['enter']}] say it"[: large.columns(width - 8)], middle, y + 4, DIM)
