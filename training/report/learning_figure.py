"""Learning curves as a picture.

`python -m training.report.learning_figure OUT.png TITLE LOG [LOG ...] [-- TITLE LOG ...]`

One panel per group of logs; hits, false alarms and mundane accuracy against steps, thin lines for runs, a thick one
for their median. Lines differ in dash as well as in colour (Okabe and Ito's colour-safe palette).
"""

import statistics
import sys
from collections.abc import Sequence
from pathlib import Path

from training.headlog.log import read_log
from training.headlog.records import Curve, Log

STYLES = {
    "hits": ("#0072B2", "-", "hits"),
    "false_alarms": ("#D55E00", "--", "false alarms"),
    "mundane": ("#009E73", ":", "mundane"),
}


def median_curve(curves: Sequence[Sequence[Curve]], name: str) -> tuple[list[int], list[float]]:
    """Steps that every run measured, and the runs' median there."""
    shared = sorted(set.intersection(*({point.step for point in curve} for curve in curves)))
    by_step = [[getattr(point, name) for curve in curves for point in curve if point.step == step] for step in shared]
    return shared, [statistics.median(values) for values in by_step]


def draw_curves(groups: Sequence[tuple[str, Sequence[Log]]], to: Path) -> None:
    """Write a PNG; one panel per (title, logs)."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    figure = Figure(figsize=(5.2 * len(groups), 3.6), layout="constrained")
    FigureCanvasAgg(figure)
    for index, (title, logs) in enumerate(groups):
        axes = figure.add_subplot(1, len(groups), index + 1)
        curves = [log.curve for log in logs]
        for name, (colour, dash, label) in STYLES.items():
            for curve in curves:
                points = [(p.step, value) for p in curve if (value := getattr(p, name)) is not None]
                axes.plot(
                    [step for step, _ in points],
                    [value for _, value in points],
                    color=colour,
                    linestyle=dash,
                    linewidth=0.7,
                    alpha=0.4,
                )
            axes.plot(*median_curve(curves, name), color=colour, linestyle=dash, linewidth=2.4, label=label)
        axes.set(title=f"{title} ({len(logs)} run{'s' * (len(logs) > 1)})", xlabel="steps", ylim=(-0.02, 1.02))
        axes.grid(alpha=0.25)
        axes.legend(loc="center right", frameon=False)
    figure.savefig(to, dpi=110)


def main(words: Sequence[str]) -> None:
    """OUT.png TITLE LOG ... [-- TITLE LOG ...]; raises LogError for a log that cannot be read."""
    groups, part = [], list(words[1:])
    while part:
        end = part.index("--") if "--" in part else len(part)
        groups.append((part[0], [read_log(path) for path in part[1:end]]))
        part = part[end + 1 :]
    draw_curves(groups, Path(words[0]))


if __name__ == "__main__":
    main(sys.argv[1:])
