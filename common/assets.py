"""Where the data that comes with the program lies: beside the source in a checkout, a package of its own in a wheel."""

from pathlib import Path

_HOME = Path(__file__).resolve().parents[1]
ASSETS = next(
    (folder for folder in (_HOME / "assets", _HOME / "second_sight_assets") if folder.is_dir()), _HOME / "assets"
)
NOVICE = ASSETS / "novice"
SEER = ASSETS / "seer"
