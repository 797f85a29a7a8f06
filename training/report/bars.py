"""Small pictures of numbers: intervals against thresholds, the rule's plane, swaps against their nulls, shares."""

import math
from collections.abc import Callable, Iterable, Sequence

import numpy as np

from training.report.judged import Row, Triple
from training.report.markup import Markup, figure, label, number, percent, svg, tag
from training.verdict import verdict as rule

WIDE = 316.0


def interval(row: Row) -> Markup:
    """A number and its interval on its scale, thresholds as ticks."""
    if math.isnan(row.value[0]) or row.kind in ("p", "count"):
        return Markup("")
    wide, high = 130.0, 14.0
    low, top = row.scale

    def x_of(value: float) -> float:
        return 3 + (wide - 6) * (min(max(value, low), top) - low) / (top - low)

    parts = [tag("line", x1=3.0, x2=wide - 3, y1=7.0, y2=7.0, class_="axis")]
    parts += [tag("line", x1=x_of(mark), x2=x_of(mark), y1=1.0, y2=13.0, class_="tick") for mark in row.marks]
    value, lower, upper = row.value
    if not (math.isnan(lower) or math.isnan(upper)):
        parts.append(tag("line", x1=x_of(lower), x2=x_of(upper), y1=7.0, y2=7.0, class_="line", stroke_width=2.2))
    parts.append(tag("circle", cx=x_of(value), cy=7.0, r=3.0, class_="dot"))
    told = (
        f"{number(value)}, interval {number(lower)} to {number(upper)}, on a scale from {number(low)} to {number(top)}"
    )
    return tag("div", svg(wide, high, told, *parts), class_="pic")


def plane(share: Triple, width: Triple) -> Markup:
    """Where the interval lies among the regions that the rule names: T_K up, N_eff/H across."""
    left, top, side = 34.0, 8.0, 236.0

    def box(x0: float, x1: float, y0: float, y1: float) -> dict[str, float]:
        wide, high = side * (x1 - x0), side * (y1 - y0)
        return {"x": left + side * x0, "y": top + side * (1 - y1), "width": wide, "height": high}

    regions = (
        (rule.LOCALIZED, (0.0, rule.LOCAL_WIDTH, rule.LOCAL_CORE, 1.0)),
        (rule.HIERARCHICAL, (0.0, rule.TIER_WIDTH, *rule.TIER_CORE)),
        (rule.DISTRIBUTED, (rule.SPREAD_WIDTH, 1.0, 0.0, rule.SPREAD_CORE)),
    )
    parts = [tag("rect", **box(0, 1, 0, 1), class_="dim")]
    for name, region in regions:
        parts += [tag("rect", **box(*region), class_="zone"), tag("rect", **box(*region), class_="zone2")]
        where = box(*region)
        if name == rule.LOCALIZED:  # too narrow for its name
            parts.append(label(where["x"] + where["width"] + 5, where["y"] + 16, name, "s"))
        else:
            middle = where["x"] + where["width"] / 2, where["y"] + where["height"] / 2
            parts.append(label(*middle, name, "s", "middle"))
    for at in (0, 0.5, 1):
        parts.append(label(left - 5, top + side * (1 - at) + 3, number(float(at)), "s", "end"))
        parts.append(label(left + side * at, top + side + 13, number(float(at)), "s", "middle"))
    parts += [label(left + side / 2, top + side + 26, "N_eff/H: width", "", "middle"), label(0, top + 36, "T_K", "")]
    values = (*width, *share)
    clip = [min(max(v, 0.0), 1.0) for v in values]
    if not any(math.isnan(v) for v in values):
        x, x0, x1, y, y0, y1 = clip
        parts.append(tag("rect", **box(x0, max(x1, x0 + 0.01), y0, max(y1, y0 + 0.01)), class_="box"))
        parts.append(tag("circle", cx=left + side * x, cy=top + side * (1 - y), r=3.4, class_="dot"))
    told = f"T_K {number(share[0])}, interval {number(share[1])} to {number(share[2])};"
    told += f" N_eff/H {number(width[0])}, interval {number(width[1])} to {number(width[2])}"
    note = "the box is the 95 % interval; it must lie whole in a region"
    if any(v < 0 or v > 1 for v in values):
        note += "; what lies beyond the frame is drawn on its edge"
    return figure("Where the interval lies among the rule's regions", svg(WIDE, top + side + 32, told, *parts), note)


Set = tuple[str, list[float], list[float]]  # words, insert per seed, remove per seed


def causal(sets: Sequence[Set], nulls: Sequence[tuple[str, list[float]]], title: str, note: str) -> Markup:
    """Swaps of sets: a disc for insert, a ring for remove (means), a tick per seed; below, how random sets fare."""
    left, row, null_row = 118.0, 26.0, 46.0
    every = [v for _, a, b in sets for v in (*a, *b)] + [v for _, values in nulls for v in values]
    low, top = min(-0.1, *every, 0.0), max(1.1, *every, 1.1)
    low, top = max(low, -1.0), min(top, 2.0)

    def x_of(value: float) -> float:
        return left + (WIDE - left - 6) * (min(max(value, low), top) - low) / (top - low)

    bottom = row * len(sets) + null_row * sum(bool(values) for _, values in nulls)
    parts = [tag("line", x1=x_of(v), x2=x_of(v), y1=0, y2=bottom + 4, class_="axis") for v in (0.0, 0.5, 1.0)]
    parts += [label(x_of(v), bottom + 16, f"{100 * v:.0f} %", "s", "middle") for v in (0.0, 0.5, 1.0)]
    told = []
    for at, (words, inserted, removed) in enumerate(sets):
        y = row * at + 12
        parts.append(label(0, y + 4, words))
        parts.append(tag("line", x1=left, x2=WIDE - 6, y1=y, y2=y, class_="dim"))
        for values, shift, class_, way in ((removed, 3.0, "ring", "removed"), (inserted, -3.0, "dot", "inserted")):
            if not values:
                continue
            mean = float(np.mean(values))
            for v in values[:24] if len(values) > 1 else ():
                parts.append(tag("line", x1=x_of(v), x2=x_of(v), y1=y + shift - 3, y2=y + shift + 3, class_="seed"))
            title_ = tag("title", f"{words} {way}: {percent(mean)}")
            parts.append(tag("g", title_, tag("circle", cx=x_of(mean), cy=y + shift, r=4.0, class_=class_)))
            told.append(f"{words} {way} {percent(mean, 0)}")
    y = row * len(sets)
    for words, values in nulls:
        if values:
            parts += _null(words, values, y, null_row, x_of, (low, top))
            told.append(f"95th percentile of {words} {percent(float(np.percentile(values, 95)), 0)}")
            y += null_row
    return figure(title, svg(WIDE, bottom + 20, f"{title}: {', '.join(told)}", *parts), note)


def _null(
    words: str, values: list[float], y: float, high: float, x_of: Callable[[float], float], ends: tuple[float, float]
) -> list[Markup]:
    """A histogram of a null, its 95th percentile marked and named."""
    counts, edges = np.histogram(np.clip(values, *ends), bins=40, range=ends)
    base, tall = y + high - 8, high - 22
    parts = [label(0, base - 12, words), label(0, base, f"{len(values)} sets", "s")]
    for count, start, end in zip(counts, edges, edges[1:], strict=False):
        size = tall * float(count) / max(1, int(counts.max()))
        if count:
            wide = x_of(float(end)) - x_of(float(start)) - 0.5
            bar = {"x": x_of(float(start)), "y": base - size, "width": wide, "height": size}
            parts.append(
                tag("g", tag("title", f"{count} sets near {number(float(start))}"), tag("rect", **bar, class_="null"))
            )
    tail = float(np.percentile(values, 95))
    parts.append(tag("line", x1=x_of(tail), x2=x_of(tail), y1=y + 8, y2=base, class_="line"))
    right = x_of(tail) < WIDE - 110
    parts.append(
        label(
            x_of(tail) + (3 if right else -3), y + 13, f"95th pct. {percent(tail, 0)}", "s", "start" if right else "end"
        )
    )
    return parts


def shares(parts_: Iterable[tuple[str, float]], title: str) -> Markup:
    """Shares of one whole as bars with their numbers, one below the other."""
    found = [(words, share) for words, share in parts_ if math.isfinite(share)]
    parts, row = [], 18.0
    for at, (words, share) in enumerate(found):
        y = row * at
        parts += [label(0, y + 12, words), label(96, y + 12, percent(share), "s", "end")]
        wide = 210 * min(max(share, 0.0), 1.0)
        parts.append(tag("rect", x=102.0, y=y + 3, width=max(wide, 0.5), height=11.0, class_="bar"))
    told = ", ".join(f"{words} {percent(share)}" for words, share in found)
    return figure(title, svg(WIDE, row * len(found) + 2, f"{title}: {told}", *parts), "mean over runs")
