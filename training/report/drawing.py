"""What all figures share: canvas, fonts and colours; a figure as inline SVG for the page, and as PNG for papers.

A figure is drawn in the light colours. In the SVG each colour becomes the page's variable of its name, so that one
drawing fits light and dark. One unit is one CSS pixel. Nothing here touches matplotlib's global state for longer than
`style` lasts, and matplotlib is imported when the first figure is drawn.
"""

import io
import re
import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import numpy as np
from markupsafe import Markup

from training.report.derive import Array
from training.report.palette import LIGHT, colours
from training.report.words import plain_text

WIDE = 316.0  # pixels: a figure that fits a telephone
UNIT = 72.0  # pixels of an SVG in one inch of matplotlib
COLOURS = colours(LIGHT)
STYLE = {
    "font.family": ["DejaVu Sans"], "font.size": 9.5, "svg.fonttype": "none", "text.parse_math": False,
    "text.color": LIGHT["soft"], "axes.facecolor": "none", "figure.facecolor": "none", "axes.axisbelow": True,
    "axes.labelcolor": LIGHT["soft"], "xtick.color": LIGHT["soft"], "ytick.color": LIGHT["soft"],
    "xtick.labelsize": 9.5, "ytick.labelsize": 9.5, "axes.labelsize": 9.5, "xtick.major.size": 0.0,
    "ytick.major.size": 0.0, "grid.color": LIGHT["line"], "grid.linewidth": 1.0,
    **dict.fromkeys(("axes.spines.left", "axes.spines.right", "axes.spines.top", "axes.spines.bottom"), False),
}  # fmt: skip
_NAMES = {colour: name for name, colour in COLOURS.items()}
_ALONE = r"<g>\n(<(?:text|path)[^>]*>(?:[^<]*</text>)?)\n</g>"
_NEEDLESS = [  # what makes a drawing three times as large
    (r"<metadata>.*?</metadata>|<style type=.*?</style>|<defs>\s*</defs>|<g/>", ""),
    (r'<path d="[^"]*" style="fill: none"/>| transform="rotate\(-?0 [^)]*\)"', ""),
    (r"font-size: 9.5px; font-family: [^;]*; ", ""),  # the style sheet says so
    (r"\s*\n\s*", "\n"), (_ALONE, r"\1"), (r"<g>\n</g>\n", ""), (_ALONE, r"\1"),
]  # fmt: skip


@contextmanager
def style() -> Iterator[None]:
    """Matplotlib's own defaults and this room's style, whatever the user's settings are; no warnings of odd numbers."""
    import matplotlib

    known = {key: value for key, value in matplotlib.rcParamsDefault.items() if not key.startswith("backend")}
    with matplotlib.rc_context({**known, **STYLE}), warnings.catch_warnings(), np.errstate(all="ignore"):
        warnings.simplefilter("ignore")  # a glyph that DejaVu lacks, an empty slice
        yield


def canvas(
    high: float, wide: float = WIDE, left: float = 0, right: float = 0, top: float = 0, bottom: float = 0
) -> Any:
    """(figure, axes) of so many pixels, with room for labels on each side."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(wide / UNIT, high / UNIT))
    area = (left / wide, bottom / high, (wide - left - right) / wide, (high - top - bottom) / high)
    return figure, figure.add_axes(area)


def drawable(values: Any) -> Array:
    """The same numbers, float64; infinity becomes NaN, which is not drawn."""
    array = np.asarray(values, dtype=np.float64)
    return np.where(np.isfinite(array), array, np.nan)


def label(axes: Any, x: float, y: float, words: str, colour: str = "soft", **more: Any) -> None:
    """Words at a point of the axes, in their units; in the middle of their line. colour: by name."""
    axes.text(x, y, plain_text(words, 60), color=COLOURS[colour], **({"va": "center"} | more))


def apart(wished: Sequence[float], low: float, high: float, gap: float) -> list[float]:
    """Where labels stand so that none lies on another: near where they were wished (rising), from low to high."""
    places: list[float] = []
    for place in wished:
        places.append(max(place, low, places[-1] + gap if places else low))
    for at in range(len(places) - 1, -1, -1):
        places[at] = min(places[at], high if at == len(places) - 1 else places[at + 1] - gap)
    return places


def svg(figure: Any, name: str, spoken: str = "") -> Markup:
    """The figure as an <svg> element. name: differs for each of a page's figures; spoken: read before its texts."""
    import matplotlib

    matplotlib.rcParams["svg.hashsalt"] = name  # ids depend on it alone; two figures of a page share none
    stream = io.StringIO()
    figure.savefig(stream, format="svg")
    inside = stream.getvalue().partition("<svg")[2].partition(">")[2].rpartition("</svg>")[0]
    used = set(re.findall(r'#([\w.-]+)["\)]', inside))
    inside = re.sub(r' id="([^"]*)"', lambda hit: hit[0] if hit[1] in used else "", inside)
    inside = re.sub(r' ([dxy])="([^"]*)"', lambda hit: f' {hit[1]}="{_short(hit[2])}"', inside)
    inside = re.sub(r"#[0-9a-f]{6}\b", lambda hit: f"var(--{_NAMES[hit[0]]})" if hit[0] in _NAMES else hit[0], inside)
    for pattern, instead in _NEEDLESS:
        inside = re.sub(pattern, instead, inside, flags=re.DOTALL)
    wide, high = (f"{side * UNIT:.0f}" for side in figure.get_size_inches())
    start = Markup('<svg viewBox="0 0 {0} {1}" width="{0}" height="{1}" role="figure" aria-label="{2}">')
    return start.format(wide, high, plain_text(spoken)) + Markup(inside) + Markup("</svg>")


def _short(places: str) -> str:
    """Coordinates on one line, to a hundredth of a pixel."""
    return re.sub(r"(\.\d\d)\d+", r"\1", " ".join(places.split()))


def png(figure: Any, title: str) -> bytes:
    """The figure as a PNG file on white, under its title."""
    stream, top = io.BytesIO(), 1 + 6 / UNIT / figure.get_size_inches()[1]
    words = figure.text(0, top, plain_text(title, 120), va="bottom", color=COLOURS["ink"])
    shape = {"dpi": 2 * UNIT, "facecolor": "white", "bbox_inches": "tight", "pad_inches": 0.1}
    figure.savefig(stream, format="png", **shape)
    words.remove()
    return stream.getvalue()
