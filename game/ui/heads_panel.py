"""Everything that is drawn of the heads in play: the grid, one head in detail, and the heads of borrowed eyes."""

from collections.abc import Mapping, Sequence
from math import sqrt
from typing import Protocol

from game.ui import burns, heads_grid
from game.ui.font import DIM, GOLD, PAPER, SKYBLUE, Pen
from game.ui.overlays import Box
from perception.messages import Gaze, HeadActivity, Progress, Ready, Weights

DETAIL = (396, 204, 236, 104)  # layout px: x, y, width, height
BESIDE = (284, 8, 108, 132)
LENDERS = {"seer": "Born seer", "blind": "As you came"}


class HeadsSource(Protocol):
    """What the panel needs of a mind (journey.mind_client.MindClient). ready: its shape; heads: the newest numbers of
    your own heads; others: those of borrowed eyes; head: the index of the head that is looked into, None for none;
    gaze: what that head attends to; weights: what each head is worth, weighing: how far the next measurement is.
    """

    ready: Ready | None
    heads: HeadActivity | None
    others: dict[str, HeadActivity]
    head: int | None
    gaze: Gaze | None
    weights: Weights | None
    weighing: Weights | None

    @property
    def history(self) -> Sequence[Progress]:
        """The learning so far, oldest first."""
        ...


def gaze_of(client: HeadsSource) -> Gaze | None:
    """What the head that is looked into attends to; None until the mind has told it of this head."""
    return client.gaze if client.gaze is not None and client.gaze.head == client.head else None


def panel(
    pen: Pen,
    client: HeadsSource,
    mode: str,
    mouse: tuple[float, float] | None,
    lender: str | None,
    labels: Mapping[str, str],
    burned: burns.Burns = burns.NONE,
) -> None:
    """The grid with its numbers and burned layers, the head that is pointed at, the heads of borrowed eyes."""
    learnt = (client.ready, client.heads, client.history, mouse)
    key = labels.get("mode", "M")
    said = burns.legend(burned)
    heads_grid.panel(pen, mode, *learnt, client.weights, client.weighing, client.head, key, said)
    burns.draw(pen, heads_grid.laid(mode, client.ready, client.heads, None), burned)
    if client.head is not None:
        detail(pen, client)
    beside = _beside(client, lender)
    if beside is not None:
        compare(pen, mode, client.heads, client.others[beside], beside)


def _beside(client: HeadsSource, lender: str | None) -> str | None:
    """Whose heads stand beside the player's own; None if nobody's do."""
    return next((eyes for eyes in LENDERS if eyes in client.others and (lender == eyes or eyes == "seer")), None)


def boxes(client: HeadsSource, lender: str | None) -> list[Box]:
    """What `panel` covers."""
    covered: list[Box] = [heads_grid.SHEET]
    return covered + [DETAIL] * (client.head is not None) + [BESIDE] * (_beside(client, lender) is not None)


def detail(pen: Pen, client: HeadsSource) -> None:
    """One head: its own change over the training, and what it reads."""
    x, y, width, height = DETAIL
    head, ready = client.head or 0, client.ready
    pen.panel(x, y, width, height)
    layer, number = divmod(head, ready.heads if ready else 1)
    pen.text(f"Layer {layer}, head {number}", x + 8, y + 4, SKYBLUE)
    grown(pen, client.history, head, x + 8, y + 20, 96, 56)
    gaze = gaze_of(client)
    pen.text("reads", x + 116, y + 4, DIM)
    for line, (word, mass) in enumerate(gaze.words if gaze is not None else ()):
        pen.text(word[:12], x + 116, y + 18 + 13 * line, PAPER)
        pen.text_right(f"{mass:.0%}", x + width - 8, y + 18 + 13 * line, GOLD)
        pen.fill(heads_grid.LIT["activity"], x + 116, y + 28 + 13 * line, max(1.0, 112 * mass), 1)
    weights = client.weights
    if weights is not None and head < len(weights.insert):
        worth = f"{weights.insert[head]:+.0%} alone at {weights.step}"
        pen.text(worth, x + 8, y + height - 16, heads_grid.LIT["causal"])


def grown(pen: Pen, history: Sequence[Progress], head: int, x: int, y: int, width: int, height: int) -> None:
    """How far this head has changed, over the steps; the scale is the largest value of any head at the end."""
    pen.frame((60, 64, 110), x, y, width, height, 0.5)
    points = growth(history, head)
    if len(points) < 2:
        pen.text_centre("no change yet", x + width // 2, y + height // 2 - 6, DIM)
        return
    first, last = points[0][0], max(points[-1][0], points[0][0] + 1)
    top = max(1e-9, *history[-1].change, *(value for _, value in points))
    spots = [
        (x + 2 + (step - first) / (last - first) * (width - 5), y + height - 2 - value / top * (height - 5))
        for step, value in points
    ]
    pen.lines(heads_grid.LIT["change"], spots)
    pen.text(f"{points[-1][1]:.2f}", x + 3, y + 1, heads_grid.LIT["change"])


def growth(history: Sequence[Progress], head: int, most: int = 120) -> list[tuple[int, float]]:
    """(step, own change) of one head over the training, thinned to about `most` points; the newest always there."""
    known = [(point.step, point.change[head]) for point in history if head < len(point.change)]
    return [*known[: -1 : max(1, len(known) // most)], *known[-1:]]


def likeness(one: Sequence[float], other: Sequence[float], mode: str) -> float | None:
    """How alike two grids look: correlation of their brightness, in [-1, 1]; None if it isn't defined."""
    if len(one) != len(other) or len(one) < 2:
        return None
    a, b = ([heads_grid.level(value, mode) for value in values] for values in (one, other))
    mean_a, mean_b = sum(a) / len(a), sum(b) / len(b)
    spread = sqrt(sum((v - mean_a) ** 2 for v in a) * sum((v - mean_b) ** 2 for v in b))
    return sum((v - mean_a) * (w - mean_b) for v, w in zip(a, b, strict=True)) / spread if spread > 0 else None


def compare(pen: Pen, mode: str, yours: HeadActivity | None, theirs: HeadActivity, eyes: str) -> None:
    """The heads of other eyes, and how alike they are to yours in activity or cue mass."""
    x, y, width, height = BESIDE
    measure = "cue" if mode == "cue" else "activity"
    pen.panel(x, y, width, height)
    pen.text(LENDERS.get(eyes, eyes), x + 6, y + 4, SKYBLUE)
    values = heads_grid.values(measure, theirs, None)[0]
    grid = heads_grid.cells(theirs.layers, theirs.heads, values, (), measure, x + 6, y + 20)
    heads_grid.draw_cells(pen, grid)
    alike = likeness(heads_grid.values(measure, yours, None)[0], values, measure)
    pen.text("alike", x + 6, y + height - 15, DIM)
    pen.text_right("-" if alike is None else f"{alike:.2f}", x + width - 6, y + height - 15, PAPER)
