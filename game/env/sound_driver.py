"""Which sound device SDL opens is the user's choice: pettingzoo's import sets it to one that most machines lack."""

import os
from collections.abc import Iterator
from contextlib import contextmanager

DRIVER = "SDL_AUDIODRIVER"


@contextmanager
def same_sound_driver() -> Iterator[None]:
    """A block after which SDL's sound driver is chosen as before it."""
    before = os.environ.get(DRIVER)
    try:
        yield
    finally:
        if before is None:
            os.environ.pop(DRIVER, None)
        else:
            os.environ[DRIVER] = before
