"""Colours: OKLCH ramps whose shadows run cool and whose lights run warm, and the light of each hour."""

import math
from itertools import pairwise

import numpy as np

Colour = tuple[int, int, int]


def oklch(lightness: float, chroma: float, hue: float) -> Colour:
    """sRGB (0..255) of an OKLCH colour; lightness 0..1, chroma about 0..0.3, hue in degrees. Clipped to the gamut."""
    a = chroma * math.cos(math.radians(hue))
    b = chroma * math.sin(math.radians(hue))
    # Matrices: Ottosson, "A perceptual color space for image processing" (2020).
    long = (lightness + 0.3963377774 * a + 0.2158037573 * b) ** 3
    medium = (lightness - 0.1055613458 * a - 0.0638541728 * b) ** 3
    short = (lightness - 0.0894841775 * a - 1.2914855480 * b) ** 3
    linear = (
        4.0767416621 * long - 3.3077115913 * medium + 0.2309699292 * short,
        -1.2684380046 * long + 2.6097574011 * medium - 0.3413193965 * short,
        -0.0041960863 * long - 0.7034186147 * medium + 1.7076147010 * short,
    )
    red, green, blue = (int(min(1.0, _gamma(value)) * 255 + 0.5) for value in linear)
    return red, green, blue


def _gamma(value: float) -> float:
    if value <= 0:
        return 0.0
    return 12.92 * value if value <= 0.0031308 else 1.055 * value ** (1 / 2.4) - 0.055


def ramp(steps: int, lightness: tuple, chroma: tuple, hue: tuple) -> np.ndarray:
    """(steps, 3) uint8 from shadow to light; the hue takes the short way round the circle."""
    turn = (hue[1] - hue[0] + 180) % 360 - 180
    colours = []
    for t in np.linspace(0.0, 1.0, steps):
        light = lightness[0] + (lightness[1] - lightness[0]) * t
        strength = chroma[0] + (chroma[1] - chroma[0]) * t
        colours.append(oklch(float(light), float(strength), float(hue[0] + turn * t)))
    return np.array(colours, np.uint8)


RAMPS = {
    "grass": ramp(6, (0.36, 0.70), (0.070, 0.125), (165, 124)),
    "leaves": ramp(6, (0.29, 0.58), (0.045, 0.072), (100, 66)),
    "moss": ramp(6, (0.29, 0.60), (0.062, 0.112), (180, 136)),
    "gravel": ramp(6, (0.38, 0.76), (0.040, 0.070), (40, 82)),
    "mud": ramp(6, (0.31, 0.60), (0.040, 0.060), (30, 70)),
    "water": ramp(6, (0.32, 0.74), (0.070, 0.090), (262, 205)),
    "stone": ramp(6, (0.28, 0.80), (0.025, 0.020), (285, 230)),
    "leaf": ramp(6, (0.25, 0.68), (0.060, 0.130), (180, 125)),
    "willow": ramp(6, (0.27, 0.72), (0.060, 0.120), (172, 112)),
    "pine": ramp(6, (0.22, 0.58), (0.050, 0.090), (200, 155)),
    "bark": ramp(5, (0.24, 0.58), (0.040, 0.060), (20, 65)),
    "roof": ramp(6, (0.26, 0.62), (0.060, 0.100), (285, 262)),
    "thatch": ramp(6, (0.30, 0.72), (0.045, 0.085), (45, 85)),
    "red": ramp(6, (0.30, 0.68), (0.110, 0.190), (18, 38)),
    "wall": ramp(5, (0.50, 0.90), (0.030, 0.050), (50, 88)),
    "sakura": ramp(6, (0.42, 0.90), (0.100, 0.070), (340, 10)),
    "gold": ramp(5, (0.40, 0.88), (0.080, 0.120), (60, 92)),
    "marsh": ramp(6, (0.33, 0.67), (0.050, 0.100), (142, 106)),
    "boards": ramp(6, (0.32, 0.70), (0.050, 0.080), (35, 68)),
    "tatami": ramp(5, (0.50, 0.80), (0.045, 0.080), (125, 100)),
}

INK = (18, 14, 34)  # outlines: dark enough to separate shapes by lightness alone, for any eye


def tone(name: str, step: int) -> Colour:
    """One step of a named ramp as a plain colour."""
    colours = RAMPS[name]
    red, green, blue = (int(v) for v in colours[min(max(step, 0), len(colours) - 1)])
    return red, green, blue


def mix(first: Colour, second: Colour, t: float) -> Colour:
    """Linear blend; t = 0 is the first colour, 1 the second."""
    red, green, blue = (int(a + (b - a) * t + 0.5) for a, b in zip(first, second, strict=True))
    return red, green, blue


def scaled(colour: Colour, factor: float) -> Colour:
    """The colour times a factor, clipped to 0..255."""
    red, green, blue = colour
    if factor <= 1:  # the common case, thousands of times a second
        factor = max(0.0, factor)
        return int(red * factor), int(green * factor), int(blue * factor)
    return min(255, int(red * factor)), min(255, int(green * factor)), min(255, int(blue * factor))


# What the sky multiplies the scene with, by hour. Night stays blue and readable; dusk and dawn differ by warmth.
SKY: tuple[tuple[float, Colour], ...] = (
    (0.0, (86, 94, 162)),
    (4.2, (88, 96, 164)),
    (5.6, (146, 124, 168)),
    (6.8, (232, 190, 176)),
    (8.5, (246, 240, 228)),
    (15.5, (250, 243, 226)),
    (17.6, (240, 186, 140)),
    (18.8, (176, 122, 140)),
    (20.2, (104, 102, 164)),
    (21.5, (90, 98, 166)),
    (24.0, (86, 94, 162)),
)


def sky(hour: float) -> Colour:
    """The ambient colour at an hour in 0..24, interpolated between the keys of SKY."""
    hour %= 24.0
    for (start, first), (end, second) in pairwise(SKY):
        if hour <= end:
            return mix(first, second, (hour - start) / (end - start))
    return SKY[-1][1]


def darkness(ambient: Colour) -> float:
    """How much lamps matter under this ambient: 0 at full day, 1 at night."""
    luminance = 0.3 * ambient[0] + 0.6 * ambient[1] + 0.1 * ambient[2]
    return min(1.0, max(0.0, (225.0 - luminance) / 115.0))
