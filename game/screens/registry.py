"""Every screen that a command of play or the pause menu opens: one line each."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from game.journey import companion
from game.realm.actors import NEVER
from game.screens import codex, ending, errands, heads_screen, naming, pause, photo, rewind
from game.ui.screen_stack import Screen

if TYPE_CHECKING:
    from game.app.game_loop import Game


@dataclass(frozen=True)
class Opener:
    """title: its entry in the pause menu, empty for none; open: makes the screen, or does something and gives None;
    there: whether the pause menu lists it now; later: it opens once that menu is shut, as the world goes on below it.
    """

    title: str
    open: Callable[["Game"], Screen | None]
    there: Callable[["Game"], bool] = lambda game: True
    later: bool = False


OPEN: dict[str, Opener] = {
    "menu": Opener("", pause.menu),
    "codex": Opener("Codex", codex.Codex),
    "quests": Opener("Errands", errands.Log),
    "name": Opener("", naming.Chooser),
    "send": Opener("Send the familiar", companion.chooser, lambda game: game.journey.world.familiar_with),
    "ending": Opener("The register", ending.Epilogue, lambda game: game.journey.world.quests.ended != NEVER),
    "photo": Opener("Photo", photo.Photo),
    "eyes": Opener("Borrow a born seer's eyes", photo.eyes, photo.lent),
    "rewind": Opener("Rewind the mind", rewind.menu),
    "point": Opener("Point at a head", heads_screen.Pointing, later=True),
    "log": Opener("Write the head diff", lambda game: game.ask_for_log()),
}


def entries(game: "Game") -> list[tuple[str, str]]:
    """(command, title) of what the pause menu lists."""
    return [(command, opener.title) for command, opener in OPEN.items() if opener.title and opener.there(game)]
