"""Pictures of traces and benches, as the bytes of PNG files. Matplotlib is imported when one is drawn."""

import io
from collections.abc import Sequence
from typing import Any

from training.precedents.rome import LAST, SUBJECT
from training.precedents.tracing import KINDS

DPI = 100
COLOURS = {"state": "#5b5b5b", "mlp": "#b3541e", "attention": "#2a6f77"}
LABELS = {SUBJECT: "the subject's last token", LAST: "the prompt's last token"}


def _png(figure: Any) -> bytes:
    stream = io.BytesIO()
    figure.savefig(stream, format="png", dpi=DPI, metadata={"Software": None})
    return stream.getvalue()


def heat_maps(trace: dict[str, Any]) -> bytes:
    """Three grids, tokens down and layers across: the answer's probability with that place put back."""
    from matplotlib.figure import Figure

    tokens, layers = trace["tokens"], len(trace["restored"][KINDS[0]])
    figure = Figure(figsize=(9.5, 1.6 + 0.28 * len(tokens)), layout="constrained")
    low, high = min(0.0, trace["corrupted"]), max(trace["clean"], trace["corrupted"])
    first, last = trace["subject"]
    image: Any = None
    for number, kind in enumerate(KINDS):
        axes = figure.add_subplot(1, len(KINDS), number + 1)
        grid = list(zip(*trace["restored"][kind], strict=True))
        image = axes.imshow(grid, aspect="auto", cmap="Oranges", vmin=low, vmax=high)
        marked = [f"{token}*" if first <= at <= last else token for at, token in enumerate(tokens)]
        axes.set_yticks(range(len(tokens)), labels=marked if number == 0 else [""] * len(tokens), parse_math=False)
        axes.set_xticks(range(0, layers, max(1, layers // 8)))
        window = "" if kind == "state" else f", {trace['window']} layers"
        axes.set(title=f"{kind}{window}", xlabel="layer")
    figure.colorbar(image, ax=figure.axes, label=f"p({trace['answer']})".replace("$", r"\$"))
    return _png(figure)


def layer_curves(rows: Sequence[dict[str, Any]]) -> bytes:
    """Where tracing peaks against where editing works: effects and the edits' scores, layer by layer, two tokens."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(9.5, 3.6), layout="constrained")
    numbers = [row["layer"] for row in rows]
    for place, token in enumerate((SUBJECT, LAST)):
        axes = figure.add_subplot(1, 2, place + 1)
        for kind in KINDS:
            axes.plot(numbers, [row[f"effect {kind} {token}"] for row in rows], color=COLOURS[kind], label=kind)
        scores = [(row[token]["score"] or 0.0) / 100 if row[token] else 0.0 for row in rows]
        axes.plot(numbers, scores, color="black", marker="o", linestyle="--", label="edit's score")
        axes.set(title=LABELS[token], xlabel="layer", ylim=(-0.1, 1.05), xticks=numbers[:: max(1, len(numbers) // 8)])
        if place == 0:
            axes.set_ylabel("effect on p(answer); score / 100")
            axes.legend(frameon=False, fontsize=8)
    return _png(figure)
