"""An animated picture of the last seconds: what the mind as it came saw of them, beside what the player saw.

The first mind is asked about a scene of each second. When it has answered, one moment is painted a frame, and a thread
writes the file, so that the game never waits.
"""

from collections.abc import Sequence
from io import BytesIO
from pathlib import Path
from threading import Thread

import pygame as pg

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
    """One film under way. advance it each frame; `line` says how it ended, once it has."""

    def __init__(self, game: Playing, moments: Sequence[Moment]) -> None:
        self._game, self._moments = game, list(moments)
        every = max(1, -(-len(self._moments) // SCENES))
        client = game.journey.mind_client
        self._asked: list[tuple[int, View]] = []  # tickets
        ready = client.ready
        if ready is not None and "blind" in ready.eyes and len(self._moments) >= LEAST:
            views = [moment.view for moment in self._moments[::every]]
            self._asked = [(client.inquire(view.scene, "blind"), view) for view in views]
        self._blind: dict[int, dict[int, tuple[str, float]]] = {}  # number of the view -> beliefs by place
        self._every = every
        self._frames: list[pg.Surface] = []
        self._waited = 0.0
        self._path: Path | None = None
        self._writer: Thread | None = None
        self._end = ""

    @property
    def line(self) -> str:
        """Where the film is, or why there is none; empty while it is made."""
        if self._writer is not None and self._writer.is_alive():
            return ""
        return self._end

    def begin(self, folder: Path) -> bool:
        """The film is wanted in this folder; False where there is none to make. Raises OSError."""
        if not self._asked or self._path is not None:
            return False
        self._path = free_path(folder, "film", ".webp")
        return True

    def advance(self, dt: float) -> None:
        """Takes answers; paints a moment; writes the file when all are painted."""
        if self._end or self._writer is not None or not self._asked:
            return
        self._waited += dt
        if not self._listen():
            self._end = "No film: the mind as it came can't be asked now"
        elif len(self._blind) < len(self._asked):
            if self._waited > WAIT:
                self._end = "No film: the mind as it came doesn't answer"
        elif len(self._frames) < len(self._moments):
            self._frames.append(self._painted(len(self._frames)))
        elif self._path is not None:
            self._writer = Thread(target=self._write, args=(self._path,), name="writes a film", daemon=True)
            self._writer.start()

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

    def _write(self, path: Path) -> None:
        try:
            write_whole(path, animated(self._frames, 1000 // PER_SECOND))
            self._end = f"Film: {path}"
        except (OSError, ValueError) as error:  # full disk; a Pillow without WebP
            self._end = f"No film: {error}"


def animated(frames: Sequence[pg.Surface], milliseconds: int) -> bytes:
    """An animated WebP that repeats. Raises OSError or ValueError where Pillow can't write one."""
    from PIL import Image

    pictures = [Image.frombytes("RGB", frame.get_size(), pg.image.tobytes(frame, "RGB")) for frame in frames]
    stream = BytesIO()
    pictures[0].save(
        stream, "WEBP", save_all=True, append_images=pictures[1:], duration=milliseconds, loop=0, quality=QUALITY,
        method=EFFORT,
    )  # fmt: skip
    return stream.getvalue()
