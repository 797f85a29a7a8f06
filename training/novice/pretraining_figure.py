"""Pretraining as a picture.

`python -m training.novice.pretraining_figure OUT.png TITLE curve.jsonl [TITLE curve.jsonl ...]`

One column per mind: accuracy before each step, for questions about scenes, talk and lore asked beside them, lore and
stories by themselves; the loss above; a line where a stage began. Lines differ in dash as well as in colour.
"""

import json
import sys
from collections.abc import Sequence
from itertools import pairwise
from pathlib import Path

STYLES = {
    "scenes": ("#0072B2", "-", "scenes"),
    "beside": ("#D55E00", "--", "talk and lore in scenes"),
    "hearsay": ("#009E73", ":", "lore and stories"),
}
LARGEST_FILE = 16_000_000  # bytes
Point = dict[str, float]


def read_curve(path: Path) -> list[Point]:
    """The points of a curve.jsonl. Raises ValueError with the file, the line and what is wrong."""
    if not path.is_file():
        raise ValueError(f"{path}: no such file; a model made by `main.py pretrain` has a curve.jsonl in its folder")
    if path.stat().st_size > LARGEST_FILE:
        raise ValueError(f"{path}: larger than {LARGEST_FILE} bytes; a curve is a few kB")
    points = []
    for number, line in enumerate(path.read_text(encoding="utf-8", errors="replace").splitlines(), 1):
        try:
            point = json.loads(line)
            points.append({str(name): float(value) for name, value in point.items()})
        except (ValueError, AttributeError, TypeError) as error:
            raise ValueError(f"{path} line {number}: not a point of a curve ({error}); make it anew") from error
        if not {"step", "stage", "loss"} <= points[-1].keys():
            raise ValueError(f"{path} line {number}: needs step, stage and loss")
    if not points:
        raise ValueError(f"{path}: holds no points; the pretraining was too short for a curve")
    return points


def draw_pretraining(minds: Sequence[tuple[str, Sequence[Point]]], to: Path) -> None:
    """Write a PNG; one column per (title, points), loss (nats) above accuracy."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    figure = Figure(figsize=(5.6 * len(minds), 5.2), layout="constrained")
    FigureCanvasAgg(figure)
    for index, (title, points) in enumerate(minds):
        above = figure.add_subplot(2, len(minds), index + 1)
        below = figure.add_subplot(2, len(minds), len(minds) + index + 1)
        above.plot([p["step"] for p in points], [p["loss"] for p in points], color="#333333", linewidth=1.2)
        above.set(title=title, ylabel="loss (nats)", ylim=(0, None))
        for name, (colour, dash, label) in STYLES.items():
            there = [(p["step"], p[name]) for p in points if name in p]
            if there:
                below.plot(*zip(*there, strict=True), color=colour, linestyle=dash, linewidth=1.4, label=label)
        below.set(xlabel="steps", ylabel="accuracy", ylim=(-0.02, 1.02))
        below.legend(loc="lower right", frameon=False)
        begins = [p["step"] for before, p in pairwise(points) if p["stage"] > before["stage"]]
        for axes in (above, below):
            axes.grid(alpha=0.25)
            for step in begins:
                axes.axvline(step, color="#999999", linewidth=0.7, linestyle=(0, (1, 2)))
    figure.savefig(to, dpi=110)


def main(words: Sequence[str]) -> None:
    """OUT.png TITLE FILE [TITLE FILE ...]; raises ValueError for a curve that cannot be read."""
    if len(words) < 3 or len(words) % 2 == 0:
        raise ValueError("give OUT.png TITLE curve.jsonl [TITLE curve.jsonl ...]")
    minds = [(title, read_curve(Path(path))) for title, path in zip(words[1::2], words[2::2], strict=True)]
    draw_pretraining(minds, Path(words[0]))


if __name__ == "__main__":
    main(sys.argv[1:])
