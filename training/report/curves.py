"""Curves of a report: learning over steps, the concentration of the gain over heads, the gain over layers."""

from collections.abc import Sequence

import numpy as np

from training.report import derive
from training.report.derive import Array
from training.report.gather import Run
from training.report.markup import Markup, figure, label, line, number, percent, svg, tag

RATES = {"hits": "hits", "false_alarms": "false alarms", "mundane": "mundane"}
LINES_MAX = 24  # seeds drawn in one panel
WIDE, LEFT, RIGHT = 316.0, 30.0, 92.0
Point = tuple[float, float]


def learning(title: str, runs: Sequence[Run], last: int, top: float) -> Markup:
    """An arm's curves: rates above, d' below; thin lines for seeds, a thick one for their median. top: d' axis."""
    rate_top, rate_high, d_top, d_high = 8.0, 128.0, 158.0, 52.0
    across = WIDE - LEFT - RIGHT

    def place(points: Sequence[tuple[int, float]], y0: float, high: float, most: float) -> list[Point]:
        return [(LEFT + across * s / last, y0 + high * (1 - min(max(v / most, -0.05), 1.02))) for s, v in points]

    parts = [
        *_frame(rate_top, rate_high, across, ("0", "50", "100 %")),
        *_frame(d_top, d_high, across, ("0", number(top))),
    ]
    parts += [
        label(LEFT + across * part, d_top + d_high + 13, round(last * part), "s", "middle") for part in (0, 0.5, 1)
    ]
    parts.append(label(WIDE - RIGHT + 14, d_top + d_high + 13, "steps", "s"))
    ends = []
    for name, words in (*RATES.items(), ("d_prime", "d′")):
        where = (d_top, d_high, top) if name == "d_prime" else (rate_top, rate_high, 1.0)
        thin = [place(derive.curve(run.log, name), *where) for run in runs[:LINES_MAX]]
        parts += [line(points, f"thin {name}") for points in thin if len(runs) > 1 and points]
        middle = derive.median_curve(runs, name)
        if middle:
            points = place(middle, *where)
            parts.append(line(points, f"bold {name}"))
            shown = number(round(middle[-1][1], 2)) if name == "d_prime" else percent(middle[-1][1], 0)
            ends.append((points[-1][1], f"{words} {shown}", name))
    parts += _ends(ends, WIDE - RIGHT + 5, d_top + d_high + 3)
    told = "; ".join(words for _, words, _ in ends) or "nothing measured"
    drawing = svg(WIDE, d_top + d_high + 18, f"Learning curves of {title}, after {last} steps: {told}", *parts)
    return figure(title, drawing, f"{len(runs)} run{'s' * (len(runs) > 1)}")


def _frame(top: float, high: float, across: float, ticks: Sequence[str]) -> list[Markup]:
    parts = []
    for at, words in enumerate(ticks):
        y = top + high * (1 - at / (len(ticks) - 1))
        parts.append(tag("line", x1=LEFT, x2=LEFT + across, y1=y, y2=y, class_="axis"))
        parts.append(label(LEFT - 4, y + 3.5, words, "s", "end"))
    return parts


def _ends(ends: Sequence[tuple[float, str, str]], x: float, bottom: float) -> list[Markup]:
    """Words at the lines' ends, moved apart where they would lie on each other."""
    order = sorted(ends)
    places = apart([y for y, _, _ in order], bottom)
    return [label(x, y, words, name) for y, (_, words, name) in zip(places, order, strict=True)]


def apart(wished: Sequence[float], bottom: float, gap: float = 11.5) -> list[float]:
    """Where lines of text stand so that none lies on another: near where they were wished (rising), above `bottom`."""
    placed: list[float] = []
    for y in wished:
        placed.append(max(y + 3.5, placed[-1] + gap if placed else y))
    for at in range(len(placed) - 1, -1, -1):
        placed[at] = min(placed[at], bottom if at == len(placed) - 1 else placed[at + 1] - gap)
    return placed


def lorenz(curves: Sequence[tuple[str, Array, str]], cut: int, title: str, note: str) -> Markup:
    """Cumulative shares over the heads, largest first. curves: (words, shares (H + 1,), class); cut: K, marked."""
    left, top, side = 30.0, 8.0, 232.0
    most = max(1.0, *(float(shares.max()) for _, shares, _ in curves))
    least = min(0.0, *(float(shares.min()) for _, shares, _ in curves))

    def y_of(share: float) -> float:
        return top + side * (most - share) / (most - least)

    heads = len(curves[0][1]) - 1
    parts = [label(left - 4, y_of(v) + 3.5, f"{100 * v:.0f}", "s", "end") for v in (0, 0.5, 1)]
    parts += [tag("line", x1=left, x2=left + side, y1=y_of(v), y2=y_of(v), class_="axis") for v in (0, 1)]
    parts.append(tag("line", x1=left, y1=y_of(0), x2=left + side, y2=y_of(1), class_="tick"))
    parts += [label(left + side * v, top + side + 14, f"{100 * v:.0f} %", "s", "middle") for v in (0, 0.5, 1)]
    x = left + side * cut / heads
    parts += [tag("line", x1=x, x2=x, y1=top, y2=top + side, class_="tick")]
    parts.append(label(x + 3, top + side - 5, f"K = {cut}", "s"))
    ends = []
    for words, shares, class_ in curves:
        points = [(left + side * h / heads, y_of(float(share))) for h, share in enumerate(shares)]
        parts.append(line(derive.thinned(points), class_))
        if words:
            parts.append(tag("circle", cx=x, cy=y_of(float(shares[cut])), r=3.0, class_="dot"))
            ends.append((y_of(float(shares[-1])), words, "s"))
    parts += _ends(ends, left + side + 5, top + side + 2)
    held = ", ".join(f"{words} {percent(float(shares[cut]))}" for words, shares, _ in curves if words)
    drawing = svg(WIDE, top + side + 20, f"{title}: the first {cut} of {heads} heads hold: {held}", *parts)
    return figure(title, drawing, note)


def layers(arms: Sequence[tuple[str, Array]], title: str, note: str) -> Markup:
    """Gain per layer, nats: a bar for the first arm's mean with a tick per seed, a ring for each other arm's mean."""
    left, row, high = 22.0, 22.0, 12.0
    trained = arms[0][1]
    low = min(0.0, *(float(found.min()) for _, found in arms))
    high_end = max(1e-12, *(float(found.max()) for _, found in arms))
    across = WIDE - left - 44

    def x_of(value: float) -> float:
        return left + across * (value - low) / (high_end - low)

    parts = []
    for layer in range(trained.shape[1]):
        y, mean = row * layer + 4, float(trained[:, layer].mean())
        start, end = sorted((x_of(0), x_of(mean)))
        bar = tag("rect", x=start, y=y, width=max(end - start, 0.5), height=high, class_="bar" if mean >= 0 else "bar2")
        ticks = [
            tag("line", x1=x_of(float(v)), x2=x_of(float(v)), y1=y - 2, y2=y + high + 2, class_="seed")
            for v in trained[:LINES_MAX, layer]
        ]
        rings = [tag("circle", cx=x_of(float(x[:, layer].mean())), cy=y + 6, r=3.2, class_="ring") for _, x in arms[1:]]
        title_ = tag("title", f"layer {layer}: {number(mean)}")
        parts.append(tag("g", title_, bar, *(ticks if len(trained) > 1 else []), *rings))
        parts += [label(left - 6, y + 10, layer, "s", "end"), label(WIDE, y + 10, number(mean), "s", "end")]
    bottom = row * trained.shape[1] + 2
    parts.append(tag("line", x1=x_of(0), x2=x_of(0), y1=0, y2=bottom, class_="axis"))
    told = ", ".join(f"layer {i} {number(float(v))}" for i, v in enumerate(np.mean(trained, axis=0)))
    return figure(title, svg(WIDE, bottom + 2, f"{title}: {told}", *parts), note)
