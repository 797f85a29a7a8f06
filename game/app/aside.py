"""The picture moves aside while the heads are open, so that they cover neither the player nor what a beam points at."""

from dataclasses import replace

from game.art.frame_state import WIDE, FrameState

MOVES = 0.35  # s that moving aside takes
PACE = 240.0  # px a second, at which the picture turns to another place
EDGE = 28  # px that the player and the place stay inside of what is free


class Aside:
    """How far the picture has moved. target: px of the world that a beam points at, None if none does."""

    def __init__(self) -> None:
        self.target: tuple[int, int] | None = None
        self._part = 0.0  # 0..1, of moving aside
        self._wanted = self._lean = 0.0  # px from the player to the middle of what is free

    def advance(self, dt: float, opened: bool) -> None:
        """dt: s. opened: the heads are open."""
        self._part += max(-dt / MOVES, min(dt / MOVES, opened - self._part))
        self._lean += max(-dt * PACE, min(dt * PACE, self._wanted - self._lean))

    def moved(self, state: FrameState, free: int, inside: bool) -> FrameState:
        """The frame state, seen from aside. free: px from the left that the heads leave free; inside: in a room, which
        lies in the middle of what is free.
        """
        if not self._part:
            self._wanted = 0.0
            return state
        half = max(0, free // 2 - EDGE)
        ahead = self.target[0] - state.player.x if self.target is not None and not inside else 0
        ahead = max(-2 * half, min(2 * half, ahead))  # the player stays inside, however far away the place is
        self._wanted = float(max(0, ahead - half) + min(0, ahead + half))
        view = (state.player.x + round(self._lean * self._part), state.player.y)
        return replace(state, view=view, free=round(WIDE - (WIDE - free) * self._part))
