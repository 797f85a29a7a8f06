"""The picture of a circuit: its heads by class, and its faithfulness over sizes with random circuits beside."""

import io
from typing import Any

from training.precedents.classes import RULES

DPI = 100
COLOURS = dict(
    zip(
        RULES,
        ("#b3261e", "#e0a458", "#2a6f77", "#3c8d40", "#86b36b", "#6a4c93", "#b089c9", "#4f7cac", "#8a8a8a"),
        strict=True,
    )
)
UNSEEN = "#b35c00"
NOTHING = "#eeeeee"  # a head outside the circuit


def picture(result: dict[str, Any]) -> bytes:
    """A PNG file's bytes, by what `circuit` says. Matplotlib is imported here."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(11.0, 3.6), layout="constrained")
    _grid(figure.add_subplot(1, 2, 1), result)
    _curve(figure.add_subplot(1, 2, 2), result)
    stream = io.BytesIO()
    figure.savefig(stream, format="png", dpi=DPI, metadata={"Software": None})
    return stream.getvalue()


def _grid(axes: Any, result: dict[str, Any]) -> None:
    from matplotlib.patches import Rectangle

    layers = result["layers"]
    heads = result["total_heads"] // layers
    classes = {(head["layer"], head["head"]): head["class"] for head in result["heads"]}
    for layer in range(layers):
        for head in range(heads):
            colour = COLOURS[classes[layer, head]] if (layer, head) in classes else NOTHING
            axes.add_patch(Rectangle((head - 0.45, layer - 0.45), 0.9, 0.9, color=colour, linewidth=0))
    handles = [Rectangle((0, 0), 1, 1, color=COLOURS[name], label=name) for name in RULES if name in classes.values()]
    axes.set(xlim=(-0.6, heads - 0.4), ylim=(-0.6, layers - 0.4), xlabel="head", ylabel="layer")
    axes.set(xticks=range(0, heads, max(1, heads // 8)), yticks=range(0, layers, max(1, layers // 8)))
    axes.set_title(f"{len(classes)} of {result['total_heads']} heads", fontsize=10)
    axes.legend(handles=handles, frameon=False, fontsize=7, loc="upper left", bbox_to_anchor=(1.0, 1.0))


def _curve(axes: Any, result: dict[str, Any]) -> None:
    curve = result["curve"]
    sizes = curve["sizes"]
    low, middle, high = zip(*curve["random"], strict=True)
    axes.fill_between(sizes, low, high, color="#dddddd", label="random circuits,\n5 to 95 %")
    axes.plot(sizes, middle, color="#999999", linewidth=0.8)
    shares, below, above = zip(*curve["shares"], strict=True)
    axes.fill_between(sizes, below, above, color=COLOURS["S-inhibition"], alpha=0.25, linewidth=0)
    axes.plot(sizes, shares, color=COLOURS["S-inhibition"], marker="o", label="best heads first")
    _unseen(axes, len(result["heads"]), result.get("unseen"))
    axes.axhline(1.0, color="black", linewidth=0.6, linestyle="--")
    axes.axvline(len(result["heads"]), color="black", linewidth=0.6, linestyle=":")
    axes.set_xscale("log", base=2)
    axes.set_xticks(
        sizes, labels=[str(size) if size in (sizes[-1], 1) or 1.4 * size < sizes[-1] else "" for size in sizes]
    )
    axes.set(xlabel="heads", ylabel="share of the task done")
    axes.set_title(f"CPR {curve['cpr'][0]:.2f}, CMD {curve['cmd'][0]:.2f}", fontsize=10)
    axes.legend(frameon=False, fontsize=7, loc="upper left", bbox_to_anchor=(1.0, 1.0))


def _unseen(axes: Any, size: int, unseen: dict[str, Any] | None) -> None:
    """What the circuit does on prompts that its search did not see, and random ones alike in layers."""
    if unseen is None or unseen["share"][0] is None:
        return
    share, low, high = unseen["share"]
    bounds = None if low is None else [[share - low], [high - share]]
    axes.errorbar(
        [size], [share], bounds, color=UNSEEN, marker="D", capsize=3, zorder=3, label="the circuit on\nother prompts"
    )
    if unseen["matched_p95"] is not None:
        label = "random ones there,\nalike in layers (95 %)"
        axes.plot([size], [unseen["matched_p95"]], color=UNSEEN, marker="_", markersize=11, linestyle="", label=label)
