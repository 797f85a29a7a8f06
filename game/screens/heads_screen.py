"""The heads while one plays: the grid, one head in detail, its beams on the map, and a born seer's heads beside.

Heads are pointed at with the mouse, or with arrows and pad in the screen `Pointing`.
"""

from collections.abc import Mapping, Sequence
from math import sqrt
from typing import TYPE_CHECKING

from game.journey.mind_client import MindClient
from game.ui import beams, heads_grid
from game.ui.font import DIM, GOLD, PAPER, SKYBLUE, Pen
from game.ui.overlays import Box, keyed
from game.ui.screen_stack import CLOSE, Close, Screen
from perception.messages import Gaze, HeadActivity, Progress

if TYPE_CHECKING:
    from game.app.game_loop import Game

DETAIL = (396, 204, 236, 104)  # layout px: x, y, width, height
BESIDE = (284, 8, 108, 132)
LENDERS = {"seer": "Born seer", "blind": "As you came"}


def paint(game: "Game", pen: Pen, camera: tuple[int, int]) -> None:
    """Everything of the heads, over the world; what is pointed at is asked of the mind."""
    journey, sight = game.journey, game.journey.sight
    mouse = game.window.to_layout(game.mouse) if game.mouse else None
    point(sight, game.mode, mouse, any(isinstance(screen, Pointing) for screen in game.screens.open))
    if sight.head is not None and sight.view is not None:
        land, player = journey.world.map, journey.world.player
        found = beams.beams(gaze_of(sight))
        beams.draw(pen, found, sight.view.places, land.places, (player.x, player.y), camera, journey.seconds)
    panel(pen, sight, game.mode, mouse, sight.borrowed(game.now()), game.labels)


def point(sight: MindClient, mode: str, mouse: tuple[float, float] | None, held: bool) -> None:
    """Which head one looks into: that under the mouse, else the one that Pointing holds. Causal weights are asked for
    when somebody looks at them for the first time.
    """
    under = heads_grid.pointed(heads_grid.laid(mode, sight.ready, sight.heads, None), mouse)
    if under is not None and sight.ready is not None:
        sight.head = under.layer * sight.ready.heads + under.head
    elif not held:
        sight.head = None
    if mode == "causal" and sight.weights is None:
        sight.weigh()


def gaze_of(sight: MindClient) -> Gaze | None:
    """What the head one looks into attends to, if the mind has said it of this head."""
    return sight.gaze if sight.gaze is not None and sight.gaze.head == sight.head else None


def panel(
    pen: Pen,
    sight: MindClient,
    mode: str,
    mouse: tuple[float, float] | None,
    lender: str | None,
    labels: Mapping[str, str],
) -> None:
    """Grid and numbers, then what is known of the head that is pointed at, then other eyes' heads."""
    told = (sight.ready, sight.heads, sight.history, mouse)
    key = labels.get("mode", "M")
    heads_grid.panel(pen, mode, *told, sight.weights, sight.weighing, sight.head, key)
    if sight.head is not None:
        detail(pen, sight)
    beside = _beside(sight, lender)
    if beside is not None:
        compare(pen, mode, sight.heads, sight.others[beside], beside)


def _beside(sight: MindClient, lender: str | None) -> str | None:
    """Whose heads stand beside one's own, if anybody's do."""
    return next((eyes for eyes in LENDERS if eyes in sight.others and (lender == eyes or eyes == "seer")), None)


def boxes(sight: MindClient, lender: str | None) -> list[Box]:
    """What `panel` covers."""
    found: list[Box] = [heads_grid.SHEET]
    return found + [DETAIL] * (sight.head is not None) + [BESIDE] * (_beside(sight, lender) is not None)


def detail(pen: Pen, sight: MindClient) -> None:
    """One head: its own change over the training, and what it reads."""
    x, y, width, height = DETAIL
    head, ready = sight.head or 0, sight.ready
    pen.panel(x, y, width, height)
    layer, number = divmod(head, ready.heads if ready else 1)
    pen.text(f"Layer {layer}, head {number}", x + 8, y + 4, SKYBLUE)
    grown(pen, sight.history, head, x + 8, y + 20, 96, 56)
    gaze = gaze_of(sight)
    pen.text("reads", x + 116, y + 4, DIM)
    for line, (word, mass) in enumerate(gaze.words if gaze is not None else ()):
        pen.text(word[:12], x + 116, y + 18 + 13 * line, PAPER)
        pen.text_right(f"{mass:.0%}", x + width - 8, y + 18 + 13 * line, GOLD)
        pen.fill(heads_grid.LIT["activity"], x + 116, y + 28 + 13 * line, max(1.0, 112 * mass), 1)
    weights = sight.weights
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
    known = [(told.step, told.change[head]) for told in history if head < len(told.change)]
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
    shown = "cue" if mode == "cue" else "activity"
    pen.panel(x, y, width, height)
    pen.text(LENDERS.get(eyes, eyes), x + 6, y + 4, SKYBLUE)
    values = heads_grid.values(shown, theirs, None)[0]
    grid = heads_grid.cells(theirs.layers, theirs.heads, values, (), shown, x + 6, y + 20)
    heads_grid.draw_cells(pen, grid)
    alike = likeness(heads_grid.values(shown, yours, None)[0], values, shown)
    pen.text("alike", x + 6, y + height - 15, DIM)
    pen.text_right("-" if alike is None else f"{alike:.2f}", x + width - 6, y + height - 15, PAPER)


class Pointing:
    """A screen in which arrows and pad move over the heads. The world goes on."""

    pauses = False

    def __init__(self, game: "Game") -> None:
        self._game = game
        game.heads = True
        sight = game.journey.sight
        sight.head = sight.head or 0

    def take(self, command: str) -> "Screen | Close | None":
        """Arrows move, previous and next change the mode, enter measures causal weight anew."""
        sight = self._game.journey.sight
        if command in ("back", "heads", "point"):
            return CLOSE
        if command in ("previous", "next"):
            step = 1 if command == "next" else -1
            mode = (heads_grid.MODES.index(self._game.mode) + step) % len(heads_grid.MODES)
            self._game.mode = heads_grid.MODES[mode]
        elif command == "enter" and self._game.mode == "causal":
            sight.weigh()
        elif sight.ready is not None:
            sight.head = moved(sight.head or 0, command, sight.ready.layers, sight.ready.heads)
        return None

    def advance(self, dt: float) -> None:
        """Nothing moves by itself."""

    def paint(self, pen: Pen, seconds: float) -> None:
        """What the keys do."""
        game, labels = self._game, self._game.labels
        foot = [f"[{labels['arrows']}] head  [{labels['next']}] view  [{labels['back']}] back"]
        if game.mode == "causal":
            foot.append(f"[{labels['enter']}] measure")
        for row, line in enumerate(foot):
            y = DETAIL[1] + DETAIL[3] + 4 + row * pen.line
            keyed(pen.rimmed(), line, DETAIL[0] + DETAIL[2] - len(line) * pen.letter, y)

    def closed(self) -> None:
        """No head is held any more."""
        self._game.journey.sight.head = None


def moved(head: int, command: str, layers: int, heads: int) -> int:
    """The head next to this one; at an edge it stays."""
    layer, number = divmod(min(head, layers * heads - 1), heads)
    across = {"left": -1, "right": 1}.get(command, 0)
    down = {"up": -1, "down": 1}.get(command, 0)
    return min(layers - 1, max(0, layer + down)) * heads + min(heads - 1, max(0, number + across))
