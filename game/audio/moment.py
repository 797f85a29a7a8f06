"""What sound is told of a frame and of the settings, as plain data. It needs neither the game nor its screens."""

from dataclasses import dataclass
from typing import Protocol

from game.art.frame_state import FrameState
from game.realm.land import Map
from game.realm.rules import Rules


class Volumes(Protocol):
    """Settings that sound follows. effects, music, interface: loudness 0..10; away: "pause" or "play on", what happens
    while the window has no focus."""

    @property
    def effects(self) -> int: ...
    @property
    def music(self) -> int: ...
    @property
    def interface(self) -> int: ...
    @property
    def away(self) -> str: ...


@dataclass(frozen=True)
class Moment:
    """One frame of a journey. land: another Map is another journey; lessons, sights: counts of what was shown and found
    so far; sighting: the first sight that the screen announces now, or None; resting: the player dreams; piece: the
    music that the top screen asks for, empty for none; menu: a menu is open that stops the world; away: the window has
    no focus; hush: 0..1, how far everything steps back before the first sight of all.
    """

    land: Map
    rules: Rules
    frame_state: FrameState
    lessons: int = 0
    sights: int = 0
    sighting: object = None
    resting: bool = False
    piece: str = ""
    menu: bool = False
    away: bool = False
    hush: float = 0.0
