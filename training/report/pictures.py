"""The same figures as PNG files, for papers and slides: heads, concentration, learning, depth, swaps, history.

Colours are the page's, zero in the middle; every cell of a grid with room for it holds its number.
"""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from training.report import closing, derive, figures, grids, judged
from training.report.derive import Array
from training.report.gather import Material
from training.report.learning_figure import draw_curves
from training.report.palette import LIGHT
from training.verdict.verdict import core_size

DPI = 120
CELLS_MAX = 1024
ARMS_MAX = 6


def draw(material: Material, folder: Path) -> list[Path]:
    """Write what can be drawn into the folder; the paths. Raises OSError if the folder can't be written."""
    folder.mkdir(parents=True, exist_ok=True)
    made = []
    makers: dict[str, Callable[[Material], Any]] = {
        "heads": _heads, "lorenz": _lorenz, "depth": _depth, "causal": _causal, "history": _history,
    }  # fmt: skip
    for name, maker in makers.items():
        figure = maker(material)
        if figure is not None:
            figure.savefig(folder / f"{name}.png", dpi=DPI)
            made.append(folder / f"{name}.png")
    arms = [(_plain(name), [run.log for run in runs]) for name, runs in list(material.parts.items())[:ARMS_MAX]]
    curved = [(name, logs) for name, logs in arms if all(_measured(log) for log in logs)]
    if curved:
        draw_curves(curved, folder / "learning.png")
        made.append(folder / "learning.png")
    return made


def _measured(log: Any) -> bool:
    return bool(log.curve) and all(None not in (p.hits, p.mundane) for p in log.curve)


def _plain(words: str) -> str:
    """Words that matplotlib takes as they are, not as a formula."""
    return "".join(c for c in words if c.isprintable() and c != "$")[:60]


def _figure(wide: float, high: float) -> Any:
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    figure = Figure(figsize=(wide, high), layout="constrained")
    FigureCanvasAgg(figure)
    return figure


def _diverging() -> Any:
    from matplotlib.colors import LinearSegmentedColormap

    ends = [LIGHT["below"], LIGHT["paper"], LIGHT["above"]]
    return LinearSegmentedColormap.from_list("sight", ends)


def _heads(material: Material) -> Any:
    """Gain, own and inherited change, pattern shift, cue mass and direct effect (changes) of the main arm."""
    main = material.main
    change = lambda name: lambda row: getattr(row, f"{name}_after") - getattr(row, f"{name}_before")  # noqa: E731
    found = {
        "gain, nats": derive.middle(main, derive.gain_grid),
        "own change": derive.rows_middle(main, lambda row: row.own),
        "inherited change": derive.rows_middle(main, lambda row: row.inherited),
        "pattern shift, bits": derive.rows_middle(main, lambda row: row.pattern),
        "cue mass, change": derive.rows_middle(main, change("cue_mass")),
        "direct effect, change": derive.rows_middle(main, change("direct")),
    }
    panels = [(name, grid) for name, grid in found.items() if grid is not None and grid.size <= CELLS_MAX]
    if not panels:
        return None
    marks, columns = figures.marks(material), min(3, len(panels))
    rows = -(-len(panels) // columns)
    figure = _figure(4.4 * columns, 0.7 + rows * (0.8 + 0.26 * panels[0][1].shape[0]))
    for at, (name, grid) in enumerate(panels):
        _grid(figure.add_subplot(rows, columns, at + 1), name, grid, marks)
    return figure


def _grid(axes: Any, name: str, grid: Array, marks: grids.Marks) -> None:
    limit = grids.largest(grid) or 1.0
    unit = grids.unit_of(limit)
    axes.imshow(grid, cmap=_diverging(), vmin=-limit, vmax=limit, aspect="auto")
    if grid.shape[1] <= 16:
        for (layer, head), value in np.ndenumerate(grid):
            ink = "white" if abs(value) > 0.6 * limit else "black"
            axes.text(head, layer, grids.cell_text(float(value), unit), ha="center", va="center", fontsize=7, color=ink)
    for layer, head in marks.core:
        if layer < grid.shape[0] and head < grid.shape[1]:
            axes.plot(*zip(*[(head + x, layer + y) for x, y in _BOX], strict=True), color="black", linewidth=1.4)
    named = "" if unit == 1 else f" (cells: {unit:g})"
    axes.set(
        title=f"{name}{named}", xlabel="head", ylabel="layer", xticks=range(grid.shape[1]), yticks=range(grid.shape[0])
    )
    axes.title.set_fontsize(10)


_BOX = ((-0.5, -0.5), (0.5, -0.5), (0.5, 0.5), (-0.5, 0.5), (-0.5, -0.5))


def _lorenz(material: Material) -> Any:
    gain = derive.seeds_gain(material.main)
    if gain is None or not gain.sum() > 0:
        return None
    total, heads = float(gain.sum(1).mean()), gain.shape[1]
    figure = _figure(4.6, 4.2)
    axes, across = figure.add_subplot(), np.arange(heads + 1) / heads
    for row in gain if len(gain) > 1 else ():
        axes.plot(across, derive.concentration_curve(row, row, total), color=LIGHT["above"], linewidth=0.7, alpha=0.4)
    mean = gain.mean(0)
    axes.plot(
        across, derive.concentration_curve(mean, mean, total), color=LIGHT["above"], linewidth=2.2, label="in sample"
    )
    split = derive.seeds_chunks(material.main)
    crossed = None if split is None else derive.cross_curve(split, derive.seeds_chunks(material.control("shuffled")))
    if crossed is not None:
        axes.plot(across, crossed, color="black", linewidth=2.0, label="cross-fitted")
    for role in ("shuffled", "rehearsal"):
        other = derive.seeds_gain(material.control(role)) if material.main[0].role == "" else None
        if other is not None and other.shape[1] == heads:
            curve = derive.concentration_curve(other.mean(0), other.mean(0), total)
            axes.plot(across, curve, color=LIGHT["below"], linestyle="--", label=role)
    axes.plot([0, 1], [0, 1], color="gray", linestyle=":", linewidth=1)
    axes.axvline(core_size(heads) / heads, color="gray", linestyle=":", linewidth=1)
    axes.set(xlabel="heads, largest first", ylabel="share of the trained heads' gain")
    axes.legend(frameon=False, fontsize=8)
    return figure


def _depth(material: Material) -> Any:
    found = derive.by_layer(material.main)
    if found is None:
        return None
    figure = _figure(4.6, 3.4)
    axes, places = figure.add_subplot(), np.arange(found.shape[1])
    axes.bar(places, found.mean(0), color=LIGHT["above"], alpha=0.85)
    for row in found if len(found) > 1 else ():
        axes.plot(places, row, linestyle="", marker="_", color="black", alpha=0.6)
    axes.set(xlabel="layer", ylabel="gain, nats", xticks=places)
    return figure


def _causal(material: Material) -> Any:
    swaps = closing.swaps(material)
    sets = judged.causal(material.verdict.verdict if material.verdict is not None else None, swaps)
    rows = closing.named_sets(swaps, sets)
    if not rows and not sets["random"]:
        return None
    figure = _figure(6.0, 1.4 + 0.34 * len(rows))
    axes = figure.add_subplot()
    for at, (_, inserted, removed) in enumerate(rows):
        for values, marker, fill in ((inserted, "o", "black"), (removed, "o", "white")):
            if values:
                axes.plot(values, [at] * len(values), linestyle="", marker="|", color="gray", markersize=8)
                axes.plot([np.mean(values)], [at], marker=marker, markerfacecolor=fill, markeredgecolor="black")
    if sets["random"]:
        tail = float(np.percentile(sets["random"], 95))
        axes.plot(sets["random"], [len(rows)] * len(sets["random"]), linestyle="", marker="|", color="gray", alpha=0.4)
        axes.axvline(tail, color=LIGHT["below"], linestyle="--", linewidth=1)
    names = [_plain(name) for name, _, _ in rows] + (["random insert"] if sets["random"] else [])
    axes.set(yticks=range(len(names)), yticklabels=names, xlabel="share of the gain: filled insert, open remove")
    axes.invert_yaxis()
    axes.grid(axis="x", alpha=0.3)
    return figure


def _history(material: Material) -> Any:
    """Own change over the steps, a strip per head."""
    found = derive.history(material.main[0].log, "own")
    if len(found) < 3 or found[0][1].size > 256:
        return None
    strip = np.stack([grid.ravel() for _, grid in found], axis=1)
    layers, heads = found[0][1].shape
    figure = _figure(6.0, 0.9 + 0.11 * len(strip))
    axes, limit = figure.add_subplot(), grids.largest(np.sqrt(np.abs(strip))) or 1.0
    axes.imshow(np.sign(strip) * np.sqrt(np.abs(strip)), cmap=_diverging(), vmin=-limit, vmax=limit, aspect="auto")
    axes.set(
        xticks=range(0, len(found), max(1, len(found) // 6)), yticks=[heads * layer for layer in range(layers)],
        yticklabels=[f"layer {layer}" for layer in range(layers)], xlabel="step", title="own change, square-root shade",
    )  # fmt: skip
    axes.set_xticklabels([found[at][0] for at in axes.get_xticks()])
    return figure
