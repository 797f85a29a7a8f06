"""The screen on which the player chooses heads that practise alone, once the mind has dreamt. The world goes on."""

from game.app import heads_hud
from game.app.playing import Playing
from game.screens.heads_screen import moved
from game.ui import attune_sheet, heads_plain
from game.ui.attune_sheet import ADVICE, Choice, Measured, attuned
from game.ui.font import Pen
from game.ui.screen_stack import CLOSE, Close, Screen
from perception.messages import Attune

FIRST = "Dream once. After it you may choose which of your heads practise."
NEVER = "This mind practises with all its heads."
ALL = "All your heads practise."
SOME = "From now on {count} heads practise. The others rest, and stay as they are."
ONE = "From now on one head practises. The others rest, and stay as they are."


def refusal(game: Playing) -> str:
    """Why nothing can be chosen now; empty if it can."""
    client = game.journey.mind_client
    if client.ready is None or not client.ready.attunes:
        return NEVER
    return "" if attune_sheet.chooses(client.ready, client.restore_points, attuned(client.progress)) else FIRST


def there(game: Playing) -> bool:
    """Whether heads can be chosen now."""
    return not refusal(game)


def attune(game: Playing) -> "Attuning | None":
    """The screen, or a line that says why not."""
    line = refusal(game)
    if line:
        game.note(line)
        return None
    return Attuning(game)


class Attuning:
    """Arrows point at a head, enter chooses it or lets it rest. What is chosen counts when the screen is left."""

    pauses = False
    covers = True

    def __init__(self, game: Playing) -> None:
        self._game, self._chosen = game, attuned(game.journey.mind_client.progress)
        client = game.journey.mind_client
        self.choice = Choice(self._chosen, self._chosen[0] if self._chosen else client.head or 0)
        self._was = game.heads, game.mode
        game.heads = game.head_held = True
        game.mode, client.head = heads_plain.PLAIN, self.choice.at
        if client.weights is None or (client.progress and client.weights.step != client.progress.step):
            client.weigh()
        if game.settings.zoom > 1:  # the sheet may have no room for it
            game.note(ADVICE)

    def take(self, command: str) -> Screen | Close | None:
        """Arrows move, enter chooses, next lets all practise."""
        client = self._game.journey.mind_client
        if command in ("back", "heads", "attune"):
            return CLOSE
        if command == "enter":
            self.choice = self.choice.toggled()
        elif command == "next":
            self.choice = Choice((), self.choice.at)
        elif client.ready is not None:
            at = moved(self.choice.at, command, client.ready.layers, client.ready.heads)
            self.choice = Choice(self.choice.heads, at)
            client.head = at
        return None

    def advance(self, dt: float) -> None:
        """Nothing moves by itself."""

    def paint(self, pen: Pen, seconds: float) -> None:
        """The sheet, over the heads in plain words."""
        game, labels = self._game, self._game.labels
        client = game.journey.mind_client
        keys = (f"[{labels['enter']}] practise or rest", f"[{labels['next']}] all  [{labels['back']}] done")
        large = pen.sized(game.settings.zoom)
        told_by = Measured(client.ready, heads_hud.look(game), client.weights, client.weighing)
        attune_sheet.panel(large, self.choice, told_by, keys)

    def closed(self) -> None:
        """The choice is told to the mind, and no head is held any more."""
        game, client = self._game, self._game.journey.mind_client
        game.heads, game.mode = self._was
        client.head, game.head_held = None, False
        heads = self.choice.heads
        if heads != self._chosen:
            client.mind.send(Attune(heads))
            some = ONE if len(heads) == 1 else SOME.format(count=len(heads))
            game.journey.narrator.say("", some if heads else ALL)
            game.journey.narrator.moments.append("attuned")
