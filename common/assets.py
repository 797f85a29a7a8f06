"""Where the data that comes with the program lies: the folder assets beside the code, in a checkout and a wheel."""

from pathlib import Path

ASSETS = Path(__file__).resolve().parents[1] / "assets"
NOVICE = ASSETS / "novice"
SEER = ASSETS / "seer"
EARLIER = ASSETS / "earlier"  # minds that were shipped before, for the journeys that began with them
