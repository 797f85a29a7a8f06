"""What lies east of a picture's land: its edge once more, mirrored and dim. Seen where a picture moves aside."""

import pygame as pg

from game.art.pixels.palette import Colour, mix

DIM: Colour = (84, 86, 112)  # what the ground there is multiplied with
DARK: Colour = (7, 6, 14)  # where there is no more land to mirror
BANDS, BAND = 6, 8  # steps in which it gets dim, and px of each


def mirrored(frame: pg.Surface, width: int) -> None:
    """Fills the picture's right `width` px with the mirrored and dimmed ground beside them."""
    whole, high = frame.get_size()
    edge = whole - width
    near = min(width, edge)
    strip = pg.transform.flip(frame.subsurface((edge - near, 0, near, high)), True, False)
    for band in range(BANDS):
        shade = mix((255, 255, 255), DIM, (band + 1) / BANDS)
        wide = BAND if band < BANDS - 1 else near
        strip.fill(shade, (band * BAND, 0, wide, high), special_flags=pg.BLEND_RGB_MULT)
    frame.fill(DARK, (edge, 0, width, high))
    frame.blit(strip, (edge, 0))
