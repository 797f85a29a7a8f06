"""What can be set about an environment of the realm. Standard library and game.realm alone."""

from dataclasses import dataclass

from game.realm.tongues import TONGUES
from game.realm.world import PLAYERS_MAX

OBSERVATIONS = ("text", "structured", "pixels")
TICKS_MAX, STEPS_MAX = 3000, 10**7


@dataclass(frozen=True)
class EnvConfig:
    """observation: text, structured or pixels; tongue: of the text; ticks_per_step: of the realm, 30 make a second; one
    walks about a tile in 5. max_steps: after so many the episode is truncated. start_hour: 0 to 24, or the
    rules'. find: reward for naming a spirit before anything gave it away on this visit; true_name: for naming one that
    was given away, once a visit; false_name: for a wrong name. pixels: width and height of pictures.
    """

    observation: str = "text"
    tongue: str = "terse"
    ticks_per_step: int = 5
    max_steps: int = 1000
    start_hour: float | None = None
    find: float = 1.0
    true_name: float = 0.1
    false_name: float = -0.1
    pixels: tuple[int, int] = (160, 90)
    players: int = 1

    def __post_init__(self) -> None:
        """Raises ValueError for what can't be used."""
        if self.observation not in OBSERVATIONS:
            raise ValueError(f"observation {self.observation!r}: unknown; choose {', '.join(OBSERVATIONS)}")
        if self.tongue not in TONGUES:
            raise ValueError(f"tongue {self.tongue!r}: unknown; choose {', '.join(TONGUES)}")
        bounds = {"ticks_per_step": TICKS_MAX, "max_steps": STEPS_MAX, "players": PLAYERS_MAX}
        for name, most in bounds.items():
            value = getattr(self, name)
            if isinstance(value, bool) or not isinstance(value, int) or not 1 <= value <= most:
                raise ValueError(f"{name} {value!r}: must be a whole number from 1 to {most}")
        if self.start_hour is not None and not 0 <= self.start_hour <= 24:
            raise ValueError(f"start_hour {self.start_hour}: must lie between 0 and 24")
        for name in ("find", "true_name", "false_name"):
            if not abs(getattr(self, name)) <= 1e6:
                raise ValueError(f"{name} {getattr(self, name)}: must lie between -1e6 and 1e6")
        size = self.pixels
        if len(size) != 2 or not all(isinstance(side, int) and 8 <= side <= 640 for side in size):
            raise ValueError(f"pixels {size!r}: must be (width, height), each from 8 to 640")
