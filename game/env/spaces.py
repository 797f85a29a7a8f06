"""The spaces of observations and actions, for gymnasium and pettingzoo alike."""

import string
from typing import TYPE_CHECKING, Any

import numpy as np

from game.env.choices import Choices
from game.env.config import EnvConfig
from game.env.observe import LONGEST, numbers, structured, text
from game.env.session import Session, words_told
from game.realm.rules import load

try:
    from gymnasium import spaces
except ImportError as error:
    raise ImportError("game.env needs gymnasium; install second-sight[env]") from error

if TYPE_CHECKING:
    from game.env.pixels import Pictures

CHARACTERS = string.ascii_letters + string.digits + " .,:;?!'-()"


def action_space() -> spaces.Discrete:
    """A number for every action (game.env.choices)."""
    return spaces.Discrete(Choices(load()).count)


def observation_space(config: EnvConfig) -> spaces.Space:
    """Of one player's observations."""
    if config.observation == "text":
        return spaces.Text(LONGEST, min_length=1, charset=CHARACTERS)
    if config.observation == "pixels":
        width, height = config.pixels
        return spaces.Box(0, 255, (height, width, 3), np.uint8)
    return spaces.Dict({part: spaces.MultiDiscrete(sizes) for part, sizes in numbers(load()).sizes().items()})


class Eyes:
    """Makes the observations and pictures of an environment; what paints is loaded when a picture is asked for."""

    def __init__(self, config: EnvConfig) -> None:
        self.config = config
        self._pictures: Pictures | None = None

    def observation(self, session: Session, number: int) -> Any:
        """What a player observes now."""
        if self.config.observation == "text":
            return text(session, number)
        return self.picture(session, number) if self.config.observation == "pixels" else structured(session, number)

    def info(self, session: Session, number: int) -> dict[str, Any]:
        """said: the words spoken in this step; told: direction -> what was revealed there."""
        said = session.outcomes[number].said
        return {"said": list(said), "told": words_told(session, number, dict(session.seen(number)))}

    def render(self, session: Session, number: int, mode: str | None) -> Any:
        """The text (ansi) or the picture (rgb_array) of this moment; None without a mode."""
        if mode is None:
            return None
        return text(session, number) if mode == "ansi" else self.picture(session, number)

    def picture(self, session: Session, number: int) -> np.ndarray:
        """(height, width, 3) uint8."""
        if self._pictures is None:
            from game.env.pixels import Pictures

            self._pictures = Pictures(self.config.pixels)
        return self._pictures.picture(session.world, session.world.players[number])


RENDER_MODES = ("ansi", "rgb_array")


def metadata(config: EnvConfig | None = None) -> dict[str, Any]:
    """What gymnasium wants to know of an environment."""
    frames = 30 / (config or EnvConfig()).ticks_per_step
    return {"name": "spirit_realm_v0", "render_modes": list(RENDER_MODES), "render_fps": max(1, round(frames))}


def check_render_mode(mode: str | None) -> str | None:
    """Raises ValueError for an unknown mode."""
    if mode is not None and mode not in RENDER_MODES:
        raise ValueError(f"render_mode {mode!r}: unknown; choose {', '.join(RENDER_MODES)}")
    return mode


def check_action(action: Any, count: int) -> int:
    """An action's number. Raises ValueError for what is none."""
    try:
        number = int(action)
    except (TypeError, ValueError) as error:
        raise ValueError(f"action {str(action)[:40]}: must be a whole number from 0 to {count - 1}") from error
    if not 0 <= number < count or number != action:
        raise ValueError(f"action {number}: must be a whole number from 0 to {count - 1}")
    return number
