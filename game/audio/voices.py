"""The voices of the realm, each a loop: what is heard at places (the words for hearing in assets/realm.toml)."""

import numpy as np

from game.audio.synth import (
    RATE,
    add,
    arch,
    band,
    clock,
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
    vowel,
    whole,
)

Rng = np.random.Generator
AH = ((760, 160, 1.0), (1180, 200, 0.5), (2700, 300, 0.15))
OO = ((340, 90, 1.0), (820, 150, 0.35), (2400, 300, 0.06))
EE = ((320, 90, 0.8), (2300, 300, 0.7), (3000, 400, 0.4))
TUBE = ((1.0, 1.0, 1.1), (2.76, 0.5, 0.5), (5.4, 0.22, 0.22))  # a free bar: Fletcher and Rossing
ANVIL = ((1.0, 1.0, 0.35), (1.71, 0.7, 0.28), (2.63, 0.6, 0.2), (3.9, 0.4, 0.12), (5.2, 0.3, 0.07))
WOOD = ((1.0, 1.0, 0.05), (2.3, 0.4, 0.03), (3.9, 0.2, 0.015))
BOWL = ((1.0, 1.0, 0.09), (1.58, 0.7, 0.07), (2.46, 0.5, 0.05), (3.3, 0.3, 0.03))


def hum(rng: Rng) -> np.ndarray:
    """Kitsune: two low throats a little apart, swelling and ebbing."""
    lasts = 4.0
    total = silence(lasts)
    for index, hertz in enumerate((146.8, 147.6, 220.2)):
        for partial, loud in ((1, 1.0), (2, 0.55), (3, 0.3), (4, 0.14), (5, 0.08)):
            tone = sine(whole(hertz * partial, lasts), lasts)
            total += loud * (1, 1, 0.5)[index] * tone * swell(lasts, 1 + index, 0.1 * partial, 0.6)
    return room(total, rng, 1.0, 0.3, 2500)


def chime(rng: Rng) -> np.ndarray:
    """Tengu: a wind chime of five tubes, stirred now and then."""
    total = silence(5.0)
    tubes = (1174.7, 1318.5, 1568.0, 1760.0, 2093.0)
    for at in np.sort(rng.uniform(0, 3.4, 11)):
        add(total, modes(2.0, tubes[rng.integers(5)], TUBE), float(at), float(rng.uniform(0.3, 1.0)))
    return room(total, rng, 1.6, 0.35)


def whisper(rng: Rng) -> np.ndarray:
    """Kodama: breath shaped into syllables that are almost words."""
    total = silence(5.0)
    at = 0.2
    for _ in range(15):
        lasts = float(rng.uniform(0.11, 0.26))
        first, second = rng.uniform(450, 1100), rng.uniform(1500, 3300)
        breath = rng.standard_normal(round(lasts * RATE))
        syllable = 0.7 * unit(peak(breath, first, 130)) + unit(peak(breath, second, 230)) + 0.08 * breath
        if rng.random() < 0.4:
            syllable += unit(peak(breath, 6200, 900)) * strike(lasts, 0.01, 0.05)
        add(total, syllable * arch(lasts, 0.8), at, float(rng.uniform(0.4, 1.0)))
        at += lasts * float(rng.uniform(0.8, 1.3)) + (0.32 if rng.random() < 0.25 else 0)
    return room(total, rng, 0.9, 0.3)


def sob(rng: Rng) -> np.ndarray:
    """Yurei: three breaths that fall and tremble, and a long silence."""
    total = silence(6.0)
    for at, lasts, top in ((0.3, 0.7, 520.0), (1.15, 0.75, 495.0), (2.1, 1.5, 470.0)):
        t = clock(lasts)
        pitch = top * (1 - 0.24 * (t / lasts) ** 1.4) * (1 + 0.022 * np.sin(2 * np.pi * 6.5 * t))
        catch = 1 - 0.6 * np.exp(-(((t % 0.19) - 0.02) ** 2) / 0.0004) * (t < 0.5)
        breath = band(rng.standard_normal(len(t)), 700, 2600) * 0.05
        add(total, (vowel(pitch, OO) + breath) * arch(lasts, 0.7) * catch, at, 1.0)
    return room(total, rng, 2.0, 0.4, 3500)


def drum(rng: Rng) -> np.ndarray:
    """Oni: a great drum far in, slow, with an answer."""
    total = silence(4.8)
    for at, loud in ((0.0, 1.0), (1.2, 0.45), (2.4, 0.85), (3.0, 0.5), (3.3, 0.62)):
        t = clock(1.1)
        skin = sine(62 + 46 * np.exp(-t / 0.045), 1.1) * strike(1.1, 0.003, 0.26)
        slap = band(rng.standard_normal(len(t)), 150, 900) * strike(1.1, 0.002, 0.03)
        over = sine(172 + 30 * np.exp(-t / 0.03), 1.1) * strike(1.1, 0.002, 0.11)
        add(total, skin + 0.5 * slap + 0.35 * over, at, loud)
    return room(total, rng, 1.4, 0.2, 1500)


def giggle(rng: Rng) -> np.ndarray:
    """Zashiki: a child who laughs behind a screen, and is quiet again."""
    total = silence(5.0)
    for start, pitch, count in ((0.2, 640.0, 6), (2.1, 720.0, 4)):
        for index in range(count):
            lasts = 0.11 + 0.01 * index
            t = clock(lasts)
            bend = pitch * (1 - 0.035 * index) * (1 + 0.12 * np.sin(np.pi * t / lasts))
            breath = band(rng.standard_normal(len(t)), 1500, 6000) * strike(lasts, 0.004, 0.02)
            add(total, vowel(bend, EE, 10) * arch(lasts) + 0.4 * breath, start + 0.155 * index, 1 - 0.1 * index)
    return room(total, rng, 0.7, 0.25)


def crickets(rng: Rng) -> np.ndarray:
    """Three of them, each with its own beat."""
    lasts = 4.0
    total = silence(lasts)
    for hertz, chirps, loud in ((4150, 9, 1.0), (4480, 7, 0.6), (3920, 11, 0.45)):
        for chirp in range(chirps):
            for pulse in range(3):
                piece = sine(hertz, 0.022) * arch(0.022)
                add(total, piece, (chirp + 0.1 * hertz / 1000) * lasts / chirps + 0.031 * pulse, loud)
    return total


def birdsong(rng: Rng) -> np.ndarray:
    """A bush warbler: a long whistle that breaks into a flourish; and a second bird that ticks."""
    total = silence(6.0)
    whistle = sine(1900 + 0 * clock(0.9), 0.9) * arch(0.9, 1.5)
    for start in (0.2, 3.2):
        add(total, whistle, start, 0.8)
        at = start + 0.92
        for low, high, lasts in ((2300, 4100, 0.09), (4300, 2500, 0.12), (2500, 3300, 0.22)):
            glide = np.linspace(low, high, round(lasts * RATE))
            add(total, sine(glide, lasts) * arch(lasts), at)
            at += lasts * 0.9
    for at in np.sort(rng.uniform(0, 6, 9)):
        glide = np.linspace(5200, 3800, round(0.05 * RATE))
        add(total, sine(glide, 0.05) * arch(0.05), float(at), 0.25)
    return room(total, rng, 0.8, 0.2)


def creak(rng: Rng) -> np.ndarray:
    """Wood that sticks and slips under a slow weight."""
    total = silence(5.0)
    for start, lasts, low, high in ((0.3, 0.9, 38, 82), (2.4, 0.6, 90, 55)):
        pitch = np.linspace(low, high, round(lasts * RATE)) * (1 + 0.06 * rng.standard_normal())
        phase = np.cumsum(pitch) / RATE
        ticks = np.diff(np.floor(phase), prepend=0.0)
        body = sum(
            loud * peak(ticks, hertz, 60.0) for hertz, loud in ((410, 0.6), (640, 1.0), (1310, 0.7), (2550, 0.3))
        )
        add(total, body * arch(lasts, 0.6), start)
    return room(total, rng, 0.4, 0.15)


def drip(rng: Rng) -> np.ndarray:
    """Drops into a vessel: each rings upwards."""
    total = silence(4.0)
    for at, hertz, loud in ((0.3, 760, 1.0), (1.5, 690, 0.7), (1.72, 980, 0.35), (3.0, 730, 0.9)):
        t = clock(0.16)
        drop = sine(hertz * (1 + 1.1 * (t / 0.16) ** 1.6), 0.16) * strike(0.16, 0.002, 0.035)
        add(total, drop, at, loud)
    return room(total, rng, 1.3, 0.3)


def hammer(rng: Rng) -> np.ndarray:
    """An anvil: one blow, and a small one after it."""
    total = silence(3.6)
    for at, loud in ((0.0, 1.0), (0.42, 0.3), (1.8, 0.9), (2.22, 0.25)):
        click = band(rng.standard_normal(RATE // 20), 1500, 7000) * strike(0.05, 0.001, 0.006)
        add(total, modes(1.2, 880, ANVIL), at, loud)
        add(total, click, at, loud * 0.6)
    return room(total, rng, 0.8, 0.15)


def splash(rng: Rng) -> np.ndarray:
    """A line or a fish that breaks the water."""
    total = silence(5.0)
    for at, loud in ((0.4, 1.0), (2.9, 0.6)):
        burst = noise(rng, round(0.7 * RATE), 400, 4200, -0.6) * strike(0.7, 0.012, 0.13)
        add(total, burst, at, loud)
        for _ in range(9):
            lasts = float(rng.uniform(0.03, 0.08))
            rise = np.linspace(1, 1.6, round(lasts * RATE)) * rng.uniform(380, 1100)
            add(total, sine(rise, lasts) * arch(lasts), at + float(rng.uniform(0.08, 0.8)), 0.7 * loud)
    return room(total, rng, 0.5, 0.12)


def loom(rng: Rng) -> np.ndarray:
    """Treadle, shuttle, beater, and again."""
    total = silence(3.2)
    for beat in range(2):
        at = 1.6 * beat
        add(total, modes(0.2, 210, WOOD), at, 0.8)
        glide = noise(rng, round(0.4 * RATE), 900, 3200) * arch(0.4, 1.6)
        add(total, glide, at + 0.22, 0.14)
        add(total, modes(0.2, 480, WOOD), at + 0.62, 0.5)
        for knock in (0.95, 1.13):
            add(total, modes(0.2, 160, WOOD), at + knock, 1.0)
    return room(total, rng, 0.4, 0.12)


def sizzle(rng: Rng) -> np.ndarray:
    """Fat in a pan."""
    lasts = 3.0
    hiss = noise(rng, round(lasts * RATE), 2600, 9000) * (0.35 + 0.3 * swell(lasts, 3) * swell(lasts, 2, 0.3))
    return hiss * 0.3 + grains(rng, lasts, 120, (1800, 6500), 0.016)
