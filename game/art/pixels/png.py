"""Pictures as PNG files that are there whole or not at all."""

from io import BytesIO
from pathlib import Path

import pygame as pg

from common.files import write_whole


def save_png(picture: pg.Surface, path: Path) -> None:
    """Writes a picture. Raises OSError (common.files.OutputError) in one line, pygame.error if it can't be encoded."""
    stream = BytesIO()
    pg.image.save(picture, stream, "png")
    write_whole(path, stream.getvalue())
