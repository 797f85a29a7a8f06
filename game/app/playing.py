"""What screens and the interface need of a game in play, and how a command opens a screen."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from game.app.app_context import AppContext
from game.app.settings import Settings
from game.app.window import Window
from game.art.frame_state import FrameState
from game.art.painter import Painter
from game.journey.journey import Journey
from game.journey.reel import Reel
from game.ui.dream_view import Dream
from game.ui.screen_stack import Screen, ScreenStack


@dataclass(frozen=True)
class Options:
    """Where a game writes. seed: the realm's, as the pause menu names it; slot: the folder in which the journey is
    saved, None for nowhere.
    """

    seed: int = 0
    log_path: Path = Path("runs/journey.headlog")
    shot_dir: Path = Path("runs/shots")
    slot: Path | None = None


class Playing(Protocol):
    """A game in play (game_loop.Game). heads: the heads are shown, in the view `mode`; head_held: a screen holds one
    of them, so that the mouse needn't; now: the clock by which minds are asked (s).
    """

    context: AppContext
    window: Window
    options: Options
    journey: Journey
    painter: Painter
    screens: ScreenStack
    openers: "Mapping[str, Opener]"
    dream: Dream | None
    frame_state: FrameState | None
    reel: Reel
    heads: bool
    mode: str
    head_held: bool
    now: Callable[[], float]

    @property
    def settings(self) -> Settings:
        """What the player chose."""
        ...

    @property
    def labels(self) -> dict[str, str]:
        """What hints name for each command."""
        ...

    @property
    def mouse(self) -> tuple[int, int] | None:
        """Where the mouse is, in px of the window; None until it moved."""
        ...

    def note(self, line: str) -> None:
        """Shows a line for a while."""
        ...

    def leave(self, where: str = "quit") -> None:
        """Ends the game; where: title or quit."""
        ...

    def ask_for_log(self) -> None:
        """Lets the mind write its head-diff log."""
        ...


@dataclass(frozen=True)
class Opener:
    """What a command opens. title: its entry in the pause menu, empty for none; open: makes the screen, or does
    something and gives None; there: whether the pause menu lists it now; later: it opens once that menu is shut, as the
    world goes on below it.
    """

    title: str
    open: Callable[[Playing], Screen | None]
    there: Callable[[Playing], bool] = lambda game: True
    later: bool = False
