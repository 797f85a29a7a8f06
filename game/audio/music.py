"""Music as data (assets/sound.toml) and what plays it: a pad, plucked strings, a flute, glass and a bell.

A layer is a line of tokens; it becomes a loop whose tails wrap round to its beginning.
"""

from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np

from game.audio.synth import RATE, add, band, clock, modes, room, silence, sine, stream, strike

MOST_TOKENS = 128
LONGEST = 40.0  # s of a layer
DEGREES = (-20, 40)
HALL = 2.6  # s of the hall's echo
KEYS = ("name", "instrument", "ring", "sees", "loud", "notes")


class Note(NamedTuple):
    """When (in steps), which degree of the scale."""

    at: int
    degree: int


class Layer(NamedTuple):
    """One line of a piece. low, whole: the `insight` (1: one spirit, surely) at which it begins, and at which
    it is loudest; pan: -1 left .. 1 right; length: s.
    """

    name: str
    instrument: str
    notes: tuple[Note, ...]
    length: float
    ring: float  # s
    step: float  # s
    low: float
    whole: float
    loud: float
    pan: float


class Piece(NamedTuple):
    """root: Hz of degree 0; scale: semitones."""

    root: float
    scale: tuple[int, ...]
    layers: tuple[Layer, ...]


def pitch(piece: Piece, degree: int) -> float:
    """Hz of a degree."""
    octave, place = divmod(degree, len(piece.scale))
    hertz: float = piece.root * 2.0 ** (octave + piece.scale[place] / 12)
    return hertz


def parse(text: object) -> tuple[tuple[Note, ...], int]:
    """(notes, number of steps) of a line of tokens. Raises ValueError with the token that isn't one."""
    if not isinstance(text, str):
        raise ValueError(f"notes must be text, are {type(text).__name__}")
    tokens = [token for token in text.split() if token != "|"]
    if not 1 <= len(tokens) <= MOST_TOKENS:
        raise ValueError(f"{len(tokens)} tokens; a line has 1 to {MOST_TOKENS}")
    notes = []
    for at, token in enumerate(tokens):
        for part in token.split("+") if token != "." else ():
            digits = part.removeprefix("-")
            if not (digits.isascii() and digits.isdigit() and len(digits) <= 3):
                raise ValueError(f"token {at + 1}, {token[:20]!r}: degrees joined by +, or a dot")
            if not DEGREES[0] <= int(part) <= DEGREES[1]:
                raise ValueError(f"token {at + 1}, {token!r}: degrees go from {DEGREES[0]} to {DEGREES[1]}")
            notes.append(Note(at, int(part)))
    return tuple(notes), len(tokens)


def pieces(data: dict[str, Any]) -> dict[str, Piece]:
    """The [music] table. Raises ValueError: where, what."""
    of_name = {}
    for name, table in data.items():
        layers = tuple(_layer(f"music.{name}", entry, float(table["step"])) for entry in table["layer"])
        of_name[name] = Piece(float(table["root"]), tuple(table["scale"]), layers)
    return of_name


def _layer(where: str, entry: dict[str, Any], step: float) -> Layer:
    missing = [key for key in KEYS if key not in entry]
    if missing:
        raise ValueError(f"{where}: a layer without {', '.join(missing)}")
    if entry["instrument"] not in INSTRUMENTS:
        raise ValueError(f"{where}.{entry['name']}: instrument {entry['instrument']!r}; {', '.join(INSTRUMENTS)}")
    try:
        notes, count = parse(entry["notes"])
    except ValueError as error:
        raise ValueError(f"{where}.{entry['name']}: {error}") from error
    longest = max(count, entry["ring"]) * step
    if longest > LONGEST:
        raise ValueError(f"{where}.{entry['name']}: {longest:g} s long; at most {LONGEST:g}")
    low, full, pan = entry.get("from", 0.0), entry["sees"], entry.get("pan", 0.0)
    sizes = (count * step, entry["ring"] * step, step, low, full, entry["loud"], pan)
    return Layer(entry["name"], entry["instrument"], notes, *(float(size) for size in sizes))


def pad(hertz: float, lasts: float, rng: np.random.Generator) -> np.ndarray:
    """Three soft strings of each tone, a little apart; it comes and goes slowly."""
    total = silence(lasts)
    for detune in (-0.0023, 0.0, 0.0027):
        for partial in range(1, 7):
            phase = rng.uniform(0, 2 * np.pi)
            at = hertz * (1 + detune) * partial
            total += np.sin(2 * np.pi * at * clock(lasts) + phase) / partial ** (1.3 + hertz / 400)
    t = clock(lasts)
    return (
        total * np.sin(np.pi * np.minimum(1, t / (0.55 * lasts)) / 2) ** 2 * np.minimum(1, (lasts - t) / (0.4 * lasts))
    )


def koto(hertz: float, lasts: float, rng: np.random.Generator) -> np.ndarray:
    """A plucked string: partials a little sharp, the higher the sooner gone; plucked near one end."""
    total = silence(lasts)
    for partial in range(1, 13):
        at = hertz * partial * (1 + 0.00016 * partial**2)
        if at > 0.42 * RATE:
            break
        loud = abs(np.sin(np.pi * partial * 0.13)) / partial**0.9
        total += loud * sine(at, lasts) * strike(lasts, 0.002, 1.5 / (1 + 0.45 * partial) * (220 / hertz) ** 0.3)
    nail = band(rng.standard_normal(round(0.03 * RATE)), 1200, 5000) * strike(0.03, 0.001, 0.006)
    add(total, nail, 0.0, 0.35)
    return total


def flute(hertz: float, lasts: float, rng: np.random.Generator) -> np.ndarray:
    """Bamboo: breath first, then a tone that bends up to its pitch and begins to tremble."""
    t = clock(lasts)
    tremble = 0.007 * np.minimum(1, t / 1.2) * np.sin(2 * np.pi * 4.7 * t + rng.uniform(0, 6))
    bend = hertz * (1 - 0.03 * np.exp(-t / 0.09) + tremble)
    tone = sine(bend, lasts) + 0.22 * sine(2 * bend, lasts) + 0.07 * sine(3 * bend, lasts)
    breath = band(rng.standard_normal(len(t)), hertz * 0.9, hertz * 3.2) * 0.12
    body = np.minimum(1, t / 0.12) * np.minimum(1, (lasts - t) / (0.5 * lasts))
    return (tone + breath * (1 + 2 * np.exp(-t / 0.1))) * body


def glass(hertz: float, lasts: float, rng: np.random.Generator) -> np.ndarray:
    """A rim that is touched."""
    table = ((1.0, 1.0, 0.8), (1.003, 0.5, 0.9), (2.02, 0.2, 0.4), (4.1, 0.06, 0.15))
    return modes(lasts, hertz, table)


def bell(hertz: float, lasts: float, rng: np.random.Generator) -> np.ndarray:
    """A small bowl that is struck softly."""
    table = ((1.0, 1.0, 1.6), (1.005, 0.7, 1.7), (2.71, 0.35, 0.7), (5.2, 0.12, 0.3))
    return modes(lasts, hertz, table)


INSTRUMENTS: dict[str, Callable[[float, float, np.random.Generator], np.ndarray]] = {
    "pad": pad, "koto": koto, "flute": flute, "glass": glass, "bell": bell,
}  # fmt: skip


def play(piece: Piece, layer: Layer, name: str) -> np.ndarray:
    """The loop of one layer; name: of its random stream."""
    rng = stream(name)
    total = silence(layer.length)
    known: dict[int, np.ndarray] = {}
    for note in layer.notes:
        if note.degree not in known:
            known[note.degree] = INSTRUMENTS[layer.instrument](pitch(piece, note.degree), layer.ring, rng)
        touch = float(rng.uniform(0.8, 1.0))
        add(total, known[note.degree], note.at * layer.step + float(rng.uniform(0, 0.012)), touch)
    return room(total, rng, HALL, 0.35, 4000)
