"""Building blocks of sounds: tones, noise, plucks, vowels, a room. NumPy alone, deterministic.

A sound is a mono float64 array at RATE. Loops are made on a circle: noise is shaped in the frequency domain, tones turn
a whole number of times, tails wrap round to the beginning; so the end of a loop meets its start.
"""

import zlib

import numpy as np

RATE = 22050  # samples/s
CEILING = 0.9  # no sample is larger
TAU = 2 * np.pi
WINDOW = RATE // 20  # samples: loudness is measured in pieces of 50 ms
HEARD = 0.25  # pieces at least so loud beside the loudest one are counted: the silence between calls isn't


def stream(name: str) -> np.random.Generator:
    """The random stream of one sound."""
    return np.random.default_rng(zlib.crc32(name.encode()))


def silence(seconds: float) -> np.ndarray:
    """So many seconds of nothing."""
    return np.zeros(round(seconds * RATE))


def clock(seconds: float) -> np.ndarray:
    """The time of each sample, in s."""
    return np.arange(round(seconds * RATE)) / RATE


def noise(rng: np.random.Generator, count: int, low: float, high: float, tilt: float = 0.0) -> np.ndarray:
    """Circular noise between two frequencies (Hz), RMS 1. tilt: its amplitude goes with frequency to this power."""
    return unit(band(rng.standard_normal(count), low, high, tilt))


def band(sound: np.ndarray, low: float, high: float, tilt: float = 0.0) -> np.ndarray:
    """What of a sound, taken as a circle, lies between two frequencies (Hz); slopes of about 24 dB an octave."""
    spectrum = np.fft.rfft(sound)
    hertz = np.fft.rfftfreq(len(sound), 1 / RATE)
    hertz[0] = 1e-9
    shape = 1 / (1 + (np.minimum(1e3, low / hertz)) ** 8) / (1 + (hertz / high) ** 8)
    shape = np.sqrt(shape) * np.maximum(0.1, hertz / low) ** tilt
    return np.fft.irfft(spectrum * shape, len(sound))


def peak(sound: np.ndarray, hertz: float, width: float) -> np.ndarray:
    """What of a sound, taken as a circle, lies about one frequency, `width` Hz to either side."""
    away = (np.fft.rfftfreq(len(sound), 1 / RATE) - hertz) / width
    return np.fft.irfft(np.fft.rfft(sound) * np.exp(-np.minimum(50, away**2)), len(sound))


def unit(sound: np.ndarray) -> np.ndarray:
    """The sound at RMS 1; silence stays silent."""
    size = float(np.sqrt(np.mean(sound**2)))
    return sound / size if size > 0 else sound


def whole(hertz: float, seconds: float) -> float:
    """The frequency near `hertz` that turns a whole number of times in so many seconds."""
    return max(1, round(hertz * seconds)) / seconds


def sine(hertz: float | np.ndarray, seconds: float) -> np.ndarray:
    """A sine; hertz: one frequency, or one for each sample."""
    if isinstance(hertz, np.ndarray):
        return np.sin(TAU * np.cumsum(hertz) / RATE)
    return np.sin(TAU * hertz * clock(seconds))


def swell(seconds: float, turns: int, phase: float = 0.0, depth: float = 1.0) -> np.ndarray:
    """A slow circular rise and fall between 1 - depth and 1, so many turns in all."""
    return 1 - depth * (0.5 + 0.5 * np.cos(TAU * (turns * clock(seconds) / seconds + phase)))


def strike(seconds: float, attack: float, decay: float) -> np.ndarray:
    """An envelope: up within `attack` s, then down by e each `decay` s; its last hundredth of a second fades out."""
    t = clock(seconds)
    fade = np.minimum(1, (seconds - t) / min(0.01, seconds / 4))
    return np.minimum(1, t / attack) * np.exp(-np.maximum(0, t - attack) / decay) * fade


def arch(seconds: float, power: float = 1.0) -> np.ndarray:
    """An envelope that rises and falls once."""
    return np.sin(np.pi * clock(seconds) / seconds) ** power


def modes(seconds: float, hertz: float, table: tuple[tuple[float, float, float], ...]) -> np.ndarray:
    """Something struck: (ratio to hertz, loudness, decay in s) of each of its modes."""
    total = silence(seconds)
    for ratio, loudness, decay in table:
        if ratio * hertz < 0.45 * RATE:
            total += loudness * sine(ratio * hertz, seconds) * strike(seconds, 0.0015, decay)
    return total


def vowel(hertz: np.ndarray, formants: tuple[tuple[float, float, float], ...], most: int = 18) -> np.ndarray:
    """A sung vowel. hertz: pitch of each sample; formants: (Hz, width in Hz, loudness)."""
    phase = TAU * np.cumsum(hertz) / RATE
    middle = float(np.mean(hertz))
    total = np.zeros(len(hertz))
    for partial in range(1, most + 1):
        at = partial * middle
        if at > 0.42 * RATE:
            break
        loud = sum(size / (1 + ((at - centre) / width) ** 2) for centre, width, size in formants)
        total += (loud + 0.02) / partial**0.5 * np.sin(partial * phase)
    return total


def grains(
    rng: np.random.Generator, seconds: float, count: int, hertz: tuple[float, float], longest: float
) -> np.ndarray:
    """Many tiny crackles at random times within the sound; hertz: their range; longest: s."""
    total = silence(seconds)
    for _ in range(count):
        lasts = longest * rng.uniform(0.3, 1.0)
        piece = sine(rng.uniform(*hertz), lasts) * strike(lasts, 0.0006, lasts / 4) * rng.uniform(0.2, 1.0)
        add(total, piece, rng.uniform(0, seconds))
    return total


def add(onto: np.ndarray, sound: np.ndarray, at: float, gain: float = 1.0) -> None:
    """Adds a sound to a circle from a time on (s); what goes over the end comes round to the beginning."""
    start, size = round(at * RATE) % len(onto), len(onto)
    while len(sound):
        piece = sound[: size - start]
        onto[start : start + len(piece)] += gain * piece
        sound, start = sound[len(piece) :], 0


def room(sound: np.ndarray, rng: np.random.Generator, seconds: float, wet: float, bright: float = 5000) -> np.ndarray:
    """The sound in a room, on a circle. seconds: until the echo has fallen by 60 dB; wet: share of it."""
    count = min(len(sound), round(seconds * RATE))
    echo = np.zeros(len(sound))
    echo[:count] = rng.standard_normal(count) * np.exp(-6.9 * np.arange(count) / (seconds * RATE))
    echo[: RATE // 100] = 0  # the first echo comes from a wall three metres away
    reflected = np.fft.irfft(np.fft.rfft(sound) * np.fft.rfft(unit(band(echo, 150, bright))), len(sound))
    return (1 - wet) * unit(sound) + wet * unit(reflected)


def loudness(sound: np.ndarray) -> float:
    """RMS of the loud parts of a sound."""
    count = max(1, len(sound) // WINDOW)
    pieces = np.array_split(sound, count)
    sizes = np.array([np.sqrt(np.mean(piece**2)) for piece in pieces])
    audible = sizes[sizes >= HEARD * sizes.max()]
    return float(np.sqrt(np.mean(audible**2)))


def level(sound: np.ndarray, rms: float) -> np.ndarray:
    """The sound at an RMS loudness, its peaks bent so that none is above CEILING."""
    size = loudness(sound)
    if size <= 0:
        return sound
    result: np.ndarray = CEILING * np.tanh(sound * (rms / size) / CEILING)
    return result


def edged(sound: np.ndarray) -> np.ndarray:
    """One that is played once: it begins and ends in silence."""
    faded = sound.copy()
    for count, part in ((RATE // 1000, slice(None)), (RATE // 60, slice(None, None, -1))):
        view = faded[part]
        view[:count] *= np.arange(count) / count
    return faded


def samples(sound: np.ndarray) -> np.ndarray:
    """(n,) int16. Raises ValueError if a sample lies outside -1..1 or isn't a number."""
    if not np.all(np.abs(sound) <= 1):
        raise ValueError("a sound is louder than a sample can be; lower its level")
    return np.round(sound * 32767).astype("<i2")
