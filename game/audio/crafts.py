"""More sounds of places: tools, voices and animals. Each is a loop, as in voices.py."""

import numpy as np

from game.audio import voices
from game.audio.synth import (
    RATE,
    add,
    arch,
    band,
    clock,
    modes,
    noise,
    room,
    silence,
    sine,
    strike,
    swell,
    vowel,
    whole,
)
from game.audio.voices import AH, BOWL, OO, WOOD, Rng


def chop(rng: Rng) -> np.ndarray:
    """An axe, and the log that falls in two."""
    total = silence(4.2)
    for at, loud in ((0.0, 1.0), (1.4, 0.9), (2.8, 1.0)):
        t = clock(0.3)
        thump = sine(120 + 90 * np.exp(-t / 0.02), 0.3) * strike(0.3, 0.002, 0.06)
        crack = band(rng.standard_normal(len(t)), 700, 4200) * strike(0.3, 0.001, 0.014)
        add(total, thump + 0.8 * crack + 0.6 * modes(0.3, 330, WOOD), at, loud)
    for at in (3.05, 3.2):
        add(total, modes(0.2, 420, WOOD), at, 0.35)
    return room(total, rng, 0.6, 0.18)


def chant(rng: Rng) -> np.ndarray:
    """A low voice on one tone, its vowels turning."""
    lasts = 4.0
    t = clock(lasts)
    pitch = whole(98.0, lasts) * (1 + 0.006 * np.sin(2 * np.pi * 20 / lasts * t))
    pitch *= whole(98.0, lasts) / np.mean(pitch)
    turn = swell(lasts, 5)
    voice = vowel(pitch, OO) * turn + vowel(pitch, AH) * (1 - turn)
    return room(voice * swell(lasts, 10, 0.5, 0.55), rng, 1.8, 0.35, 2500)


def clatter(rng: Rng) -> np.ndarray:
    """Pots that are set down on one another."""
    total = silence(4.4)
    for start in (0.2, 2.0, 3.1):
        at = start
        for _ in range(int(rng.integers(3, 6))):
            add(total, modes(0.4, float(rng.uniform(1100, 2300)), BOWL), at, float(rng.uniform(0.4, 1.0)))
            at += float(rng.uniform(0.05, 0.16))
    return room(total, rng, 0.4, 0.12)


def buzz(rng: Rng) -> np.ndarray:
    """Bees that come and go."""
    lasts = 4.0
    total = silence(lasts)
    for index, hertz in enumerate((188, 203, 231, 247)):
        rate = whole(hertz, lasts) + 9 * np.sin(2 * np.pi * (clock(lasts) * (1 + index) / lasts + 0.2 * index))
        for partial in range(1, 9):
            total += sine(rate * partial, lasts) / partial**0.8 * swell(lasts, 1 + index, 0.3 * index, 0.85)
    return band(total, 180, 2600)


def hoot(rng: Rng) -> np.ndarray:
    """An owl: one, and after a while two and a long one."""
    total = silence(6.0)
    for at, lasts, loud in ((0.3, 0.45, 0.9), (1.7, 0.18, 0.6), (1.95, 0.2, 0.7), (2.25, 0.8, 1.0)):
        t = clock(lasts)
        pitch = 372 * (1 + 0.05 * np.sin(np.pi * t / lasts)) + 4 * np.sin(2 * np.pi * 5.5 * t)
        call = sine(pitch, lasts) + 0.16 * sine(2 * pitch, lasts) + 0.03 * rng.standard_normal(len(t))
        add(total, call * arch(lasts, 0.7), at, loud)
    return room(total, rng, 1.8, 0.3, 2500)


def croak(rng: Rng) -> np.ndarray:
    """A heron: hoarse, twice."""
    total = silence(5.5)
    for at, lasts in ((0.3, 0.5), (1.0, 0.65)):
        pitch = np.linspace(62, 48, round(lasts * RATE)) * (
            1 + 0.1 * band(rng.standard_normal(round(lasts * RATE)), 20, 60)
        )
        pulse = np.maximum(0, np.sin(2 * np.pi * np.cumsum(pitch) / RATE)) ** 8
        rasp = band(rng.standard_normal(len(pulse)), 500, 2600) * pulse
        add(total, (band(rasp, 650, 1300) + 0.4 * rasp) * arch(lasts, 0.6), at)
    return room(total, rng, 0.9, 0.2)


def snuffle(rng: Rng) -> np.ndarray:
    """A nose in dead leaves: short breaths in and out, by fits."""
    total = silence(4.4)
    for start in (0.2, 1.9, 3.0):
        for index in range(int(rng.integers(4, 7))):
            lasts = float(rng.uniform(0.07, 0.13))
            breath = noise(rng, round(lasts * RATE), 350, 1700 if index % 2 else 2600, -0.5)
            add(total, breath * arch(lasts), start + 0.15 * index, float(rng.uniform(0.5, 1.0)))
    return total


def purr(rng: Rng) -> np.ndarray:
    """A cat: a small motor, in and out."""
    lasts = 3.0
    t = clock(lasts)
    motor = np.maximum(0, np.sin(2 * np.pi * whole(25.0, lasts) * t)) ** 3
    body = noise(rng, len(t), 90, 480, -0.7) + 0.5 * sine(whole(75.0, lasts), lasts)
    return body * motor * (0.25 + 0.75 * swell(lasts, 2))


SPIRITS = (voices.hum, voices.chime, voices.whisper, voices.sob, voices.drum, voices.giggle)
OTHERS = (
    voices.crickets, voices.birdsong, voices.creak, voices.drip, voices.hammer, voices.splash, voices.loom,
    voices.sizzle, chop, chant, clatter, buzz, hoot, croak, snuffle, purr,
)  # fmt: skip
