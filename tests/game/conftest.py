"""What tests of the game ask for."""

from collections.abc import Iterator

import pygame as pg
import pytest


@pytest.fixture
def clean_queue() -> Iterator[None]:
    """A display of the dummy driver, and none of pygame's events that another test has posted."""
    for wait in (True, False):
        pg.display.init()
        pg.event.clear()
        if wait:
            yield
