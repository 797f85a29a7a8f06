"""An animated picture of the last seconds: what the mind as it came saw of them, beside what the player saw.

The first mind is asked about a scene of each second. When it has answered, one moment is painted a frame, and a thread
writes the file, so that the game never waits.
"""

from collections.abc import Sequence
from io import BytesIO
from pathlib import Path
from threading import Thread

import pygame as pg
from PIL import Image

from common.files import write_whole
from game.app.playing import Playing
from game.app.window import free_path
from game.art.painter import SIZE
from game.journey.reel import PER_SECOND, Moment
from game.realm.scene import View
from game.screens.panels import haunted, seen
from game.ui.font import PAPER, SKYBLUE, Pen

SCENES = 8  # about which the first mind is asked
LEAST = 10  # moments of a film
PANEL = (480, 270)  # px of each half
GAP, CAPTION = 8, 30  # px
QUALITY, EFFORT = 75, 2  # of WebP: 0 to 100, and 0 (fast) to 6 (small)
WAIT = 30.0  # s until a mind that doesn't answer is given up
INK = (14, 12, 30)


class Film:
    """One film under way, of moments that were kept before. advance it each frame."""

    def __init__(self, game: Playing, moments: Sequence[Moment], path: Path) -> None:
        self._game, self._moments, self._path = game, list(moments), path
        self._every = max(1, -(-len(self._moments) // SCENES))
        views = [moment.view for moment in self._moments[:: self._every]]
        inquire = game.journey.mind_client.inquire
        self._asked: list[tuple[int, View]] = [(inquire(view.scene, "blind"), view) for view in views]  # tickets
        self._blind: dict[int, dict[int, tuple[str, float]]] = {}  # number of the view -> beliefs by place
        self._frames: list[pg.Surface] = []
        self._waited = 0.0
        self._writer: Thread | None = None
        self._end = ""  # said by the writer, when it has ended

    def advance(self, dt: float) -> str:
        """Takes answers; paints a moment; lets the file be written when all are painted. Where the film is, or why
        there is none; empty while it is made."""
        self._waited += dt
        if self._writer is not None:
            return "" if self._writer.is_alive() else self._end
        if not self._listen():
            return "No film: the mind as it came can't be asked now"
        if len(self._blind) < len(self._asked):
            return "No film: the mind as it came doesn't answer" if self._waited > WAIT else ""
        if len(self._frames) < len(self._moments):
            self._frames.append(self._painted(len(self._frames)))
        else:
            self._writer = Thread(target=self._write, name="writes a film", daemon=True)
            self._writer.start()
        return ""

    def _listen(self) -> bool:
        """Takes the answers that have come; False if one never will."""
        client = self._game.journey.mind_client
        for number, (ticket, view) in enumerate(self._asked):
            if number in self._blind:
                continue
            if (answer := client.answered(ticket)) is not None:
                self._blind[number] = seen(answer, view)
            elif not client.awaited(ticket):
                return False
        return True

    def _painted(self, number: int) -> pg.Surface:
        """Both halves of a moment, with what they are under them."""
        game, moment = self._game, self._moments[number]
        first = haunted(moment.frame_state, self._blind[number // self._every], game.journey.world.map.places)
        sheet = pg.Surface((3 * GAP + 2 * PANEL[0], 2 * GAP + PANEL[1] + CAPTION))
        sheet.fill(INK)
        pen = Pen(sheet)
        picture = pg.Surface(SIZE).convert()
        for column, (title, frame_state) in enumerate((("As you came", first), ("You", moment.frame_state))):
            game.painter.paint(picture, frame_state, game.settings.calm, game.settings.safe)
            left = GAP + column * (PANEL[0] + GAP)
            sheet.blit(pg.transform.smoothscale(picture, PANEL), (left, GAP))
            pen.text(title, left, PANEL[1] + GAP + 4, SKYBLUE)
        pen.text(self._caption(), GAP, PANEL[1] + GAP + 17, PAPER)
        return sheet

    def _caption(self) -> str:
        progress, journey = self._game.journey.mind_client.progress, self._game.journey
        parts = [f"Second Sight, realm {self._game.options.seed}"]
        if progress is not None and progress.hits is not None:
            parts.append(f"seen right {round(100 * progress.hits)} in 100")
        return "   ".join([*parts, f"found unaided {journey.narrator.firsts.found}"])

    def _write(self) -> None:
        try:
            write_whole(self._path, animated(self._frames, 1000 // PER_SECOND))
            self._end = f"Film: {self._path}"
        except (OSError, ValueError) as error:  # full disk; a Pillow without WebP
            self._end = f"No film: {error}"


def begun(game: Playing, moments: Sequence[Moment], folder: Path) -> Film | None:
    """A film in a new file of this folder; None where the first mind can't be asked, or there is too little to show.

    Raises OSError.
    """
    ready = game.journey.mind_client.ready
    if ready is None or "blind" not in ready.eyes or len(moments) < LEAST:
        return None
    return Film(game, moments, free_path(folder, "film", ".webp"))


def animated(frames: Sequence[pg.Surface], milliseconds: int) -> bytes:
    """An animated WebP that repeats. Raises OSError or ValueError where Pillow can't write one."""
    pictures = [Image.frombytes("RGB", frame.get_size(), pg.image.tobytes(frame, "RGB")) for frame in frames]
    stream = BytesIO()
    pictures[0].save(
        stream, "WEBP", save_all=True, append_images=pictures[1:], duration=milliseconds, loop=0, quality=QUALITY,
        method=EFFORT,
    )  # fmt: skip
    return stream.getvalue()
