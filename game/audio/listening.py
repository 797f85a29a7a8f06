"""Sounds that are played once, from what changed between two frames: steps, doors, the bell, and cues for lessons."""

import math
from collections.abc import Iterator

from game.art.frame_state import LEAP, FrameState
from game.audio.mix import Listener, Wish, ears
from game.audio.moment import Moment
from game.audio.sound_bank import VARIANTS

STRIDE = 26.0  # px from step to step: the feet of a figure touch the ground as often
TOLLS = (5.0, 17.0, 20.0)  # hours at which the bell is struck: dawn, dusk, night
ASIDE = 0.14  # pan of a foot
ORDER = (0, 2, 1, 0, 1, 2, 1, 0, 2)  # of the variants of a step: never twice the same
ORDER_LOUD = (1.0, 0.85, 0.95, 0.8, 0.9, 1.0, 0.82)


class Footsteps:
    """Steps, doors and the bell, from one frame after the other."""

    def __init__(self) -> None:
        self._at: tuple[int, int] | None = None
        self._hour: float | None = None
        self._gone = STRIDE / 2  # px since the last step; the first one comes soon
        self._steps = 0

    def heard(self, state: FrameState, listener: Listener) -> Iterator[Wish]:
        """What begins to sound in this frame."""
        player, at, hour = state.player, self._at, self._hour
        self._at, self._hour = (player.x, player.y), state.hour
        if at is not None:
            gone = math.hypot(player.x - at[0], player.y - at[1])
            if gone > LEAP:
                yield Wish("door", *ears(0.0, 0.8))
                gone = 0.0
            yield from self._step(gone, player.moving, listener)
        if hour is not None and any(hour < toll <= state.hour for toll in TOLLS):
            yield listener.bell(state)

    def _step(self, gone: float, moving: bool, listener: Listener) -> Iterator[Wish]:
        self._gone = self._gone + gone if moving or gone else STRIDE / 2
        if self._gone >= STRIDE and self._at is not None:
            self._gone %= STRIDE
            self._steps += 1
            ground = listener.underfoot(*self._at)
            name = f"step.{ground}.{ORDER[self._steps % len(ORDER)] % VARIANTS}"
            loud = 0.55 * ORDER_LOUD[self._steps % len(ORDER_LOUD)]
            yield Wish(name, *ears(ASIDE if self._steps % 2 else -ASIDE, loud))


class LearningCues:
    """Cues for what a journey teaches: a lesson, a first sight, one that was proven."""

    def __init__(self, moment: Moment) -> None:
        self._before = moment

    def heard(self, moment: Moment) -> str:
        """The cue of this frame, or nothing."""
        before, self._before = self._before, moment
        if moment.sights > before.sights:
            return "found"
        if moment.sighting is not None and moment.sighting is not before.sighting:
            return "sight"
        return "lesson" if moment.lessons > before.lessons else ""
