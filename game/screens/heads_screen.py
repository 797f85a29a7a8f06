"""The screen in which arrows or a pad point at a head, as the mouse does without it."""

from game.app.playing import Playing
from game.ui import heads_grid
from game.ui.font import Pen
from game.ui.heads_panel import DETAIL
from game.ui.overlays import keyed
from game.ui.screen_stack import CLOSE, Close, Screen


class Pointing:
    """Arrows and pad move over the heads. The world goes on."""

    pauses = False

    def __init__(self, game: Playing) -> None:
        self._game = game
        game.heads = game.head_held = True
        if game.mode not in heads_grid.MODES:  # one head is pointed at among terms and numbers
            game.mode = heads_grid.MODES[0]
        client = game.journey.mind_client
        client.head = client.head or 0

    def take(self, command: str) -> "Screen | Close | None":
        """Arrows move, previous and next change the mode, enter measures causal weight anew."""
        client = self._game.journey.mind_client
        if command in ("back", "heads", "point"):
            return CLOSE
        if command in ("previous", "next"):
            step = 1 if command == "next" else -1
            mode = (heads_grid.MODES.index(self._game.mode) + step) % len(heads_grid.MODES)
            self._game.mode = heads_grid.MODES[mode]
        elif command == "enter" and self._game.mode == "causal":
            client.weigh()
        elif client.ready is not None:
            client.head = moved(client.head or 0, command, client.ready.layers, client.ready.heads)
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
        self._game.journey.mind_client.head, self._game.head_held = None, False


def moved(head: int, command: str, layers: int, heads: int) -> int:
    """The head next to this one; at an edge it stays."""
    layer, number = divmod(min(head, layers * heads - 1), heads)
    across = {"left": -1, "right": 1}.get(command, 0)
    down = {"up": -1, "down": 1}.get(command, 0)
    return min(layers - 1, max(0, layer + down)) * heads + min(heads - 1, max(0, number + across))
