"""What is kept beside a journey's log and tells of it: a card of numbers, a picture, papers. Any may be broken."""

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path

import pygame as pg

CARD, PICTURE = "card.json", "card.png"
THUMB = (160, 90)  # px of a card's picture
LARGEST_CARD, LARGEST_PICTURE, LARGEST_PAPER = 4096, 2**20, 2**20  # bytes


@dataclass(frozen=True)
class Card:
    """What a slot tells of its journey. hour: 0..24; seconds: of play; shown, found: spirits."""

    seed: int = 0
    day: int = 1
    hour: float = 0.0
    seconds: float = 0.0
    shown: int = 0
    found: int = 0


@dataclass(frozen=True)
class Beside:
    """What is kept beside a log: its card, a picture of THUMB px, and small files by name."""

    card: Card
    picture: pg.Surface
    papers: Mapping[str, bytes] = field(default_factory=dict)


def read_card(folder: Path) -> Card | None:
    """A slot's card; None if there is none or it isn't as it should be."""
    try:
        path = folder / CARD
        if path.stat().st_size > LARGEST_CARD:
            return None
        data = json.loads(path.read_bytes())
        card = Card(**{name: type(value)(data[name]) for name, value in asdict(Card()).items()})
    except (OSError, ValueError, TypeError, KeyError, OverflowError, RecursionError):
        return None
    sane = 0 <= card.hour <= 24 and 0 <= card.seconds < 1e8 and 0 < card.day < 10**6
    return card if sane and 0 <= card.found < 10**6 and 0 <= card.shown < 10**6 and abs(card.seed) < 2**63 else None


def read_picture(folder: Path) -> pg.Surface | None:
    """A slot's picture, THUMB px; None if there is none that can be read."""
    try:
        path = folder / PICTURE
        if path.stat().st_size > LARGEST_PICTURE:
            return None
        picture = pg.image.load(path)
    except (OSError, pg.error):
        return None
    return picture.convert() if picture.get_size() == THUMB else None


def read_paper(folder: Path, name: str) -> bytes | None:
    """A small file beside a log; None if there is none, or one too large."""
    try:
        path = folder / name
        return path.read_bytes() if path.stat().st_size <= LARGEST_PAPER else None
    except OSError:
        return None
