"""The map: a sheet drawn by hand, with the player, people who have something to say, and the errand's ring."""

import math

from game.app.playing import Playing
from game.journey.tracking import Trail, outdoors, trail
from game.ui import sketch
from game.ui.font import SKYBLUE, Pen
from game.ui.marks import mark_of
from game.ui.overlays import HEIGHT, WIDTH, keyed
from game.ui.screen_stack import CLOSE, Close, Screen

LEFT, TOP = (WIDTH - sketch.SIZE[0]) / 2, 28
YOU = (38, 60, 140)


class MapSheet:
    """The open map. Any key that closes pages shuts it, and its own."""

    pauses = True

    def __init__(self, game: Playing) -> None:
        self.game = game

    def take(self, command: str) -> Screen | Close | None:
        """Back, enter and its own key shut it."""
        return CLOSE if command in ("back", "enter", "map") else None

    def advance(self, dt: float) -> None:
        """Nothing moves by itself."""

    def paint(self, pen: Pen, seconds: float) -> None:
        """The sheet, and on it whoever matters."""
        world = self.game.journey.world
        large = pen.sized(self.game.settings.zoom)
        pen.target.blit(sketch.drawn(world.map, pen.scale), pen.at(LEFT, TOP))
        leads = trail(world)
        if leads is not None:
            self._ring(pen, leads)
        for index, who in enumerate(world.quests.people):
            mark = mark_of(world.quests, index)
            if mark:
                x, y = self._at(*outdoors(world, who.x, who.y))
                pen.fill(sketch.PAPER_TONE, x - 3, y - 7, 7, 10)
                pen.text(mark, x - 2, y - 8, sketch.RED)
        x, y = self._at(*outdoors(world, world.player.x, world.player.y))
        beat = 1.5 * math.sin(seconds * 4)
        pen.fill(YOU, x - 1.5, y - 1.5, 3, 3)
        for dot in range(10):
            angle = math.tau * dot / 10
            pen.fill(YOU, x + (6 + beat) * math.cos(angle), y + (6 + beat) * math.sin(angle), 1, 1)
        title = leads.title + f": {leads.where}" if leads is not None else "The valley"
        large.rimmed().text_centre(title[: large.columns(WIDTH - 20)], WIDTH / 2, TOP - 4 - large.line, SKYBLUE)
        foot = f"[{self.game.labels['back']}] back   blue: you   red: where you were asked to go"
        foot = foot if len(foot) <= large.columns(WIDTH - 20) else f"[{self.game.labels['back']}] back"
        keyed(large.rimmed(), foot, WIDTH / 2 - len(foot) * large.letter / 2, HEIGHT - 4 - large.line)

    def _at(self, x: float, y: float) -> tuple[float, float]:
        """Layout px of a point of the world on the sheet."""
        left, top = sketch.spot(self.game.journey.world.map, x, y)
        return LEFT + left, TOP + top

    def _ring(self, pen: Pen, leads: Trail) -> None:
        """A ring by an unsteady hand around where the errand leads."""
        x, y = self._at(leads.x, leads.y)
        reach = max(9.0, self._at(leads.x + leads.reach, 0)[0] - x)
        for turn in range(2):
            points = []
            for dot in range(33):
                angle = math.tau * dot / 32
                wide = reach + 1.2 * math.sin(3 * angle + turn * 2)
                points.append((x + wide * math.cos(angle), y + wide * math.sin(angle)))
            pen.lines(sketch.RED, points)
