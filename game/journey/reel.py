"""The last seconds of a journey, so that they can be shown again: what frames showed, and what was sensed then."""

from collections import deque
from dataclasses import dataclass

from game.art.frame_state import FrameState
from game.realm.scene import View

LASTS = 8.0  # s
PER_SECOND = 10  # moments that are kept


@dataclass(frozen=True)
class Moment:
    """What a frame showed, and the scene that the player sensed there."""

    frame_state: FrameState
    view: View


class Reel:
    """Moments of the player's own sight, oldest first."""

    def __init__(self) -> None:
        self._moments: deque[Moment] = deque(maxlen=round(LASTS * PER_SECOND))

    def note(self, frame_state: FrameState, view: View | None, own: bool) -> None:
        """Keeps a frame if enough time has passed since the last one. own: False while other eyes are lent or the
        player sleeps; what was kept is forgotten then, because the film would jump."""
        if not own or view is None:
            self._moments.clear()
        elif not self._moments or frame_state.seconds - self._moments[-1].frame_state.seconds >= 1 / PER_SECOND - 1e-6:
            self._moments.append(Moment(frame_state, view))

    @property
    def moments(self) -> tuple[Moment, ...]:
        """What was kept."""
        return tuple(self._moments)
