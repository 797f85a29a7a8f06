"""Sounds that belong to no place: loops of weather and water; footsteps, the bell, doors and the interface."""

from typing import Any

import numpy as np

from game.audio.synth import (
    RATE,
    add,
    arch,
    band,
    clock,
    edged,
    grains,
    modes,
    noise,
    peak,
    room,
    silence,
    sine,
    strike,
    swell,
    unit,
)
from game.audio.voices import WOOD, Rng

BELL = (  # a large hanging bell: hum, strike note and partials that beat a little
    (0.5, 0.8, 3.2), (0.503, 0.5, 3.0), (1.0, 1.0, 1.9), (1.19, 0.5, 1.4), (1.51, 0.45, 1.1), (2.02, 0.5, 0.8),
    (2.66, 0.3, 0.5), (3.4, 0.2, 0.3), (4.4, 0.15, 0.18),
)  # fmt: skip
GLASS = ((1.0, 1.0, 0.35), (2.0, 0.25, 0.2), (3.01, 0.1, 0.12))
STEP = 0.24  # s


def wind(rng: Rng) -> np.ndarray:
    """Gusts through trees, with a voice in them."""
    lasts = 9.0
    count = round(lasts * RATE)
    low = noise(rng, count, 90, 420, -0.6) * (0.4 + 0.6 * swell(lasts, 2))
    leaves = noise(rng, count, 900, 4200, -0.4) * (0.06 + 0.3 * swell(lasts, 3, 0.2) * swell(lasts, 2, 0.1))
    howl = unit(peak(rng.standard_normal(count), 540, 22)) * 0.16 * swell(lasts, 3, 0.4) ** 2
    return low + leaves + howl


def rain(rng: Rng) -> np.ndarray:
    """A steady fall, and single drops near by."""
    lasts = 5.0
    fall = noise(rng, round(lasts * RATE), 700, 8000, -0.5) * (0.8 + 0.2 * swell(lasts, 2))
    return 0.5 * fall + 0.9 * grains(rng, lasts, 180, (1500, 5500), 0.014)


def roof(rng: Rng) -> np.ndarray:
    """The same rain from inside."""
    lasts = 5.0
    fall = noise(rng, round(lasts * RATE), 120, 850, -0.7) * (0.85 + 0.15 * swell(lasts, 2))
    return fall + 1.2 * grains(rng, lasts, 90, (300, 900), 0.02)


def water(rng: Rng) -> np.ndarray:
    """A slow river: a murmur full of small bubbles."""
    lasts = 6.0
    total = noise(rng, round(lasts * RATE), 220, 1500, -0.8) * (
        0.6 + 0.25 * swell(lasts, 5) + 0.15 * swell(lasts, 7, 0.4)
    )
    for _ in range(150):
        small = float(rng.uniform(0.02, 0.07))
        rise = rng.uniform(350, 1300) * np.linspace(1, rng.uniform(1.2, 1.8), round(small * RATE))
        add(total, sine(rise, small) * arch(small), float(rng.uniform(0, lasts)), float(rng.uniform(0.1, 0.7)))
    return total


def flood(rng: Rng) -> np.ndarray:
    """The river when it rises: a rush that leaves no gaps."""
    lasts = 5.0
    count = round(lasts * RATE)
    return noise(rng, count, 60, 500, -0.7) + 0.6 * noise(rng, count, 500, 3500, -0.6) * (0.6 + 0.4 * swell(lasts, 4))


def night(rng: Rng) -> np.ndarray:
    """Insects far off, all round: a shimmer without a place."""
    lasts = 5.0
    total = silence(lasts)
    for index, hertz in enumerate((3650, 3900, 4700, 5100)):
        tone = unit(peak(rng.standard_normal(len(total)), hertz, 35))
        total += (
            tone
            * swell(lasts, 31 + 9 * index, 0.1 * index) ** 3
            * (0.4 + 0.6 * swell(lasts, 1 + index % 3, 0.3 * index))
        )
    return total + 0.12 * noise(rng, len(total), 150, 600, -0.6)


def day(rng: Rng) -> np.ndarray:
    """Small birds far off, and air."""
    lasts = 8.0
    total = 0.02 * noise(rng, round(lasts * RATE), 250, 1800, -0.8)
    for _ in range(9):
        at, hertz, notes = float(rng.uniform(0, lasts)), float(rng.uniform(2700, 4300)), int(rng.integers(2, 5))
        for index in range(notes):
            glide = hertz * np.linspace(1, rng.uniform(0.82, 1.2), round(0.07 * RATE))
            add(total, sine(glide, 0.07) * arch(0.07), at + 0.12 * index, float(rng.uniform(0.1, 0.5)))
    return room(total, rng, 1.8, 0.6, 4500)


def embers(rng: Rng) -> np.ndarray:
    """A house that is warm: a low fire that ticks."""
    lasts = 5.0
    return 0.05 * noise(rng, round(lasts * RATE), 80, 400, -0.5) + grains(rng, lasts, 26, (700, 3200), 0.012)


BEDS = (wind, rain, roof, water, flood, night, day, embers)


def footstep(rng: Rng, plan: dict[str, Any]) -> np.ndarray:
    """One step; plan: a [step] table of assets/sound.toml."""
    touch = silence(STEP - plan.get("again", 0.0) - 0.02)
    lasts = len(touch) / RATE
    burst = noise(rng, len(touch), *plan["noise"]) * strike(lasts, 0.003, plan["decay"] * rng.uniform(0.85, 1.15))
    touch += burst
    if "thud" in plan:
        hertz, loud = plan["thud"]
        fall = hertz * rng.uniform(0.94, 1.06) * (1 + 0.5 * np.exp(-clock(lasts) / 0.012))
        touch += 1.6 * loud * sine(fall, lasts) * strike(lasts, 0.002, 0.035)
    if "drop" in plan:
        hertz, loud = plan["drop"]
        fall = hertz * rng.uniform(0.9, 1.1) * np.exp(-clock(lasts) / 0.16)
        touch += loud * sine(fall, lasts) * strike(lasts, 0.02, 0.05)
    if "grains" in plan:
        touch += 1.2 * grains(rng, lasts, plan["grains"], plan["grain"], 0.012) * strike(lasts, 0.004, 0.05)
    total = silence(STEP)
    add(total, touch, 0.0)
    if "again" in plan:
        add(total, touch, plan["again"], 0.5)
    return edged(total)


def bell(rng: Rng) -> np.ndarray:
    """The shrine's bell, struck once with a log."""
    total = modes(6.0, 196.0, BELL)
    total += 0.5 * np.pad(
        band(rng.standard_normal(RATE // 5), 80, 500) * strike(0.2, 0.004, 0.04), (0, 6 * RATE - RATE // 5)
    )
    return edged(total * np.minimum(1, (6.0 - clock(6.0)) / 1.5))


def door(rng: Rng) -> np.ndarray:
    """A sliding door, and the wood it meets."""
    total = silence(0.6)
    add(total, noise(rng, round(0.32 * RATE), 500, 2600, -0.4) * arch(0.32, 1.4), 0.0, 0.5)
    add(total, modes(0.2, 190, WOOD), 0.3, 1.6)
    return edged(total)


def _notes(notes: tuple[tuple[float, float, float], ...], lasts: float) -> np.ndarray:
    """Glass notes: (when in s, Hz, loudness)."""
    total = silence(lasts)
    for at, hertz, loud in notes:
        add(total, modes(lasts - at, hertz, GLASS), at, loud)
    return edged(total)


def move(rng: Rng) -> np.ndarray:
    """A menu's mark steps on."""
    return edged(modes(0.12, 620, WOOD) + 0.15 * sine(1240, 0.12) * strike(0.12, 0.002, 0.02))


def take(rng: Rng) -> np.ndarray:
    """Something was chosen."""
    return _notes(((0.0, 587.3, 0.7), (0.05, 880.0, 1.0)), 0.5)


def back(rng: Rng) -> np.ndarray:
    """Back."""
    return _notes(((0.0, 587.3, 0.8), (0.06, 440.0, 1.0)), 0.4)


def sight(rng: Rng) -> np.ndarray:
    """The player sees something that nobody pointed at: a chord opens."""
    chord = _notes(((0.0, 587.3, 0.6), (0.12, 880.0, 0.7), (0.26, 1174.7, 0.8), (0.42, 1567.98, 0.6)), 2.2)
    return edged(room(chord * np.minimum(1, (2.2 - clock(2.2)) / 0.8), rng, 1.2, 0.3))


def found(rng: Rng) -> np.ndarray:
    """A sight was proven right."""
    notes = ((0.0, 587.3, 0.8), (0.14, 783.99, 0.8), (0.28, 880.0, 0.9), (0.42, 1174.7, 1.0), (0.44, 587.3, 0.5))
    return edged(room(_notes(notes, 2.2) * np.minimum(1, (2.2 - clock(2.2)) / 0.8), rng, 1.0, 0.25))


def lesson(rng: Rng) -> np.ndarray:
    """Something was shown or learnt: two soft plucks."""
    return _notes(((0.0, 440.0, 0.9), (0.13, 466.2, 0.7)), 0.9)


CUES = (move, take, back, sight, found, lesson)
