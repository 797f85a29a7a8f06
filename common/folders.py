"""Where this platform keeps what the program writes for its user (platformdirs).

SECOND_SIGHT_HOME puts all of it below one folder of the user's choice.
"""

import os
from pathlib import Path

import platformdirs

NAME = "second-sight"


def _folder(kind: str, platform: str) -> Path:
    home = os.environ.get("SECOND_SIGHT_HOME")
    return Path(home) / kind if home else Path(platform)


def settings() -> Path:
    """The folder of the settings file."""
    return _folder("settings", platformdirs.user_config_dir(NAME, appauthor=False, roaming=True))


def cache() -> Path:
    """The folder of what can be made again: sounds, converted models."""
    return _folder("cache", platformdirs.user_cache_dir(NAME, appauthor=False))


def saves() -> Path:
    """The folder of journeys, one folder a slot."""
    return _folder("saves", os.path.join(platformdirs.user_data_dir(NAME, appauthor=False), "saves"))


def minds() -> Path:
    """The folder in which a mind that listens keeps those of its players, one folder a player."""
    return _folder("minds", os.path.join(platformdirs.user_data_dir(NAME, appauthor=False), "minds"))
