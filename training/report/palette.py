"""Colours of a report: one diverging scale, zero in the middle, blue above and orange below, in light and in dark.

Blue and orange stay apart in every common colour blindness; signs and numbers say the same without colour.
"""

STEPS = 10  # shades on each side of zero
LIGHT = {"paper": "#fdfcf9", "ink": "#1d1d1f", "above": "#0b4f9c", "below": "#a84300"}
DARK = {"paper": "#16181c", "ink": "#e8e6e1", "above": "#7db8ff", "below": "#ff9d5c"}

Colour = tuple[float, float, float]


def shade(value: float, limit: float) -> str:
    """The class of a cell: "z" at zero, "a1" to "a10" above it, "b1" to "b10" below, for values within ±limit."""
    if not (limit > 0) or value != value:
        return "z"
    step = min(STEPS, round(STEPS * abs(value) / limit))
    return "z" if step == 0 else f"{'a' if value > 0 else 'b'}{step}"


def _parse(colour: str) -> Colour:
    """sRGB hex -> linear light."""
    parts = (int(colour[at : at + 2], 16) / 255 for at in (1, 3, 5))
    r, g, b = (x / 12.92 if x <= 0.04045 else ((x + 0.055) / 1.055) ** 2.4 for x in parts)
    return r, g, b


def _hex(linear: Colour) -> str:
    parts = (12.92 * x if x <= 0.0031308 else 1.055 * x ** (1 / 2.4) - 0.055 for x in linear)
    return "#" + "".join(f"{round(255 * min(1, max(0, x))):02x}" for x in parts)


def _luminance(colour: str) -> float:
    """Relative luminance (WCAG 2.2)."""
    r, g, b = _parse(colour)
    return 0.2126 * r + 0.7152 * g + 0.0722 * b


def contrast(one: str, other: str) -> float:
    """Contrast of two colours, 1 to 21 (WCAG 2.2)."""
    high, low = sorted((_luminance(one), _luminance(other)), reverse=True)
    return (high + 0.05) / (low + 0.05)


def mixed(one: str, other: str, part: float) -> str:
    """`part` of `other` in `one`, in the cube root of linear light, which is nearly even to the eye."""
    pairs = zip(_parse(one), _parse(other), strict=True)
    r, g, b = (((1 - part) * x ** (1 / 3) + part * y ** (1 / 3)) ** 3 for x, y in pairs)
    return _hex((r, g, b))


def scale(colours: dict[str, str]) -> dict[str, tuple[str, str]]:
    """Class -> (fill, ink that reads on it), for one scheme."""
    found = {"z": (colours["paper"], colours["ink"])}
    for side, end in (("a", colours["above"]), ("b", colours["below"])):
        for step in range(1, STEPS + 1):
            fill = mixed(colours["paper"], end, step / STEPS)
            dark = contrast("#000000", fill) >= contrast("#ffffff", fill)  # one of them always reaches 4.5
            found[f"{side}{step}"] = (fill, "#000000" if dark else "#ffffff")
    return found


def rules(colours: dict[str, str]) -> str:
    """The scale as CSS."""
    return "".join(
        f".{name} rect{{fill:{fill}}}.{name} text{{fill:{ink}}}" for name, (fill, ink) in scale(colours).items()
    )
