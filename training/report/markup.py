"""HTML and SVG as strings that escape themselves: whatever is not Markup is text, and text never becomes markup.

So a hostile name in a log can't reach a page: only this module and the style make Markup out of constants.
"""

import html
import math
from collections.abc import Iterable, Sequence

from training.headlog.records import one_line

TEXT_MAX = 600  # characters of one text from a log
VOID = {"meta", "br", "hr", "col"}
DRAWN = {"rect", "line", "path", "circle", "polyline"}  # SVG elements without children
MISSING = "–"


class Markup(str):
    """A string that is HTML already."""

    __slots__ = ()


def text(value: object, most: int = TEXT_MAX) -> Markup:
    """Any text, on one line, cut to so many characters, escaped."""
    plain = one_line(str(value)[: most + 1])
    return Markup(html.escape(plain if len(plain) <= most else plain[: most - 1] + "…"))


def join(parts: Iterable[object], between: str = "") -> Markup:
    """Parts one after the other; those that aren't Markup are escaped."""
    return Markup(between.join(part if isinstance(part, Markup) else text(part) for part in parts))


def tag(name: str, /, *children: object, **attributes: object) -> Markup:
    """One element. class_ and for_ lose their underscore, others turn it into a dash; None and False are left out."""
    words = [name]
    for key, value in attributes.items():
        if value is None or value is False:
            continue
        key = key.rstrip("_").replace("_", "-") if key != "viewBox" else key
        plain = coordinate(value) if isinstance(value, float) else value if isinstance(value, Markup) else text(value)
        words.append(f'{key}="{plain}"')
    start = " ".join(words)
    if name in VOID:
        return Markup(f"<{start}>")
    if name in DRAWN and not children:
        return Markup(f"<{start}/>")
    return Markup(f"<{start}>{join(children)}</{name}>")


def coordinate(value: float) -> str:
    """A length in a drawing, to a tenth of a unit."""
    return f"{value:.1f}".rstrip("0").rstrip(".") if math.isfinite(value) else "0"


def number(value: object, digits: int = 3) -> str:
    """A number for people: three significant digits, a true minus sign; a dash for what isn't there."""
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, int):
        return f"{value:,}".replace("-", "−")
    if not isinstance(value, float) or not math.isfinite(value):
        return MISSING
    size = abs(value)
    plain = f"{value:.{digits}g}" if size >= 1e-4 or size == 0 else f"{value:.1e}"
    if size >= 10**digits:
        plain = f"{value:,.0f}"
    return plain.replace("e-0", "e-").replace("-", "−")


def percent(value: object, digits: int = 1) -> str:
    """A fraction as percent; a dash for what isn't there."""
    if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value):
        return MISSING
    return f"{100 * value:.{digits}f} %".replace("-", "−")


def svg(width: float, height: float, label: str, *children: object) -> Markup:
    """A drawing of its natural size in CSS pixels, which shrinks where there is less room; `label` is read aloud."""
    box = f"0 0 {coordinate(width)} {coordinate(height)}"
    return tag("svg", *children, viewBox=box, width=width, height=height, role="img", aria_label=label)


def line(points: Iterable[tuple[float, float]], class_: str) -> Markup:
    """A line through points."""
    places = Markup(" ".join(f"{coordinate(x)},{coordinate(y)}" for x, y in points))
    return tag("polyline", points=places, class_=class_)


def label(x: float, y: float, what: object, class_: str = "", anchor: str = "start") -> Markup:
    """Words in a drawing."""
    return tag("text", what, x=x, y=y, class_=class_ or None, text_anchor=None if anchor == "start" else anchor)


def figure(caption: object, drawing: object, note: object = "", class_: str = "panel") -> Markup:
    """A drawing under its title, with a note below."""
    head = tag("figcaption", tag("b", caption), *([" ", tag("span", note, class_="note")] if note else []))
    return tag("figure", head, drawing, class_=class_)


def table(head: Iterable[object], rows: Iterable[Sequence[object]], caption: str, class_: str = "") -> Markup:
    """A table with a caption, column headers, and the first cell of each row as its header; numbers to the right."""
    titles, lines = list(head), list(rows)
    right = [at > 0 and all(_numeric(row[at]) for row in lines) for at in range(len(titles))]
    sides = ["n" if aligned else None for aligned in right]
    top = tag("tr", *(tag("th", cell, scope="col", class_=side) for cell, side in zip(titles, sides, strict=True)))
    body = []
    for first, *others in lines:
        cells = [tag("td", cell, class_=side) for cell, side in zip(others, sides[1:], strict=True)]
        body.append(tag("tr", tag("th", first, scope="row"), *cells))
    parts = (tag("caption", tag("span", caption)), tag("thead", top), tag("tbody", *body))
    made = tag("table", *parts, class_=class_ or None)
    return tag("div", made, class_="scroll", tabindex="0", role="region", aria_label=caption)


def _numeric(cell: object) -> bool:
    """Does a cell begin as a number does, or say that there is none?"""
    return isinstance(cell, int | float) or (not isinstance(cell, Markup) and str(cell)[:1] in "0123456789−–")
