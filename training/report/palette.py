"""Colours of a report: one diverging scale with zero in the middle, blue above and orange below, light and dark.

Blue and orange stay apart in every common colour blindness. Signs, dashes and numbers say the same without colour.
"""

from collections.abc import Mapping

STEPS = 10  # shades on each side of zero
Scheme = Mapping[str, str]  # name -> #rrggbb
LIGHT: Scheme = {
    "paper": "#fdfcf9", "ink": "#1d1d1f", "soft": "#6a6761", "line": "#d8d4ca", "wash": "#f4f1ea",
    "above": "#0b4f9c", "below": "#a84300", "third": "#00694f", "fault": "#9c1c1c",
}  # fmt: skip
DARK: Scheme = {
    "paper": "#16181c", "ink": "#e8e6e1", "soft": "#a09c94", "line": "#3a3d44", "wash": "#1f2227",
    "above": "#7db8ff", "below": "#ff9d5c", "third": "#5fd0ad", "fault": "#ff8f8f",
}  # fmt: skip


def shade(value: float, limit: float) -> str:
    """The name of a cell's colour: z at zero, a1 to a10 above it, b1 to b10 below, for values within ±limit."""
    if not limit > 0 or value != value:
        return "z"
    step = round(STEPS * min(1.0, abs(value) / limit))
    return "z" if step == 0 else f"{'a' if value > 0 else 'b'}{step}"


def luminance(colour: str) -> float:
    """Relative luminance of #rrggbb (WCAG 2.2)."""
    parts = (int(colour[at : at + 2], 16) / 255 for at in (1, 3, 5))
    red, green, blue = (x / 12.92 if x <= 0.04045 else ((x + 0.055) / 1.055) ** 2.4 for x in parts)
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


def contrast(one: str, other: str) -> float:
    """Contrast of two colours, 1 to 21 (WCAG 2.2)."""
    low, high = sorted((luminance(one), luminance(other)))
    return (high + 0.05) / (low + 0.05)


def colours(scheme: Scheme) -> dict[str, str]:
    """Every colour of a scheme by name: its own, the shades of the scale, and `on-SHADE`, which is read on a shade.

    All of them differ from one another, so that a drawing's colours can be traced back to their names.
    """
    shades = {"z": scheme["paper"]}
    for side, end in (("a", scheme["above"]), ("b", scheme["below"])):
        for step in range(1, STEPS + 1):
            shades[f"{side}{step}"] = _mixed(scheme["paper"], end, step / STEPS)
    named = dict(scheme)
    for at, (name, fill) in enumerate(shades.items(), start=1):
        dark = contrast("#000000", fill) >= contrast("#ffffff", fill)  # one of them always reaches 4.5
        named[name] = fill if name not in ("z", "a10", "b10") else f"{fill[:-2]}{int(fill[-2:], 16) ^ 1:02x}"
        named[f"on-{name}"] = f"#0000{at:02x}" if dark else f"#ffff{255 - at:02x}"
    return named


def _mixed(one: str, other: str, part: float) -> str:
    """`part` of `other` in `one`."""
    pairs = ((int(one[at : at + 2], 16), int(other[at : at + 2], 16)) for at in (1, 3, 5))
    return "#" + "".join(f"{round((1 - part) * a + part * b):02x}" for a, b in pairs)
