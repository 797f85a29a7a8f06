"""The pause menu: go on, whatever screens there are, settings, the mind, and leaving."""

from collections.abc import Callable
from typing import TYPE_CHECKING

from game.screens import registry
from game.screens.settings_menu import settings_menu
from game.ui.menus import Answer, Entry, Menu
from game.ui.screen_stack import CLOSE, Close

if TYPE_CHECKING:
    from game.app.game_loop import Game


def menu(game: "Game") -> Menu:
    """The menu over a game."""

    def leave(where: str) -> Close:
        game.leave(where)
        return CLOSE

    def opens(command: str) -> Callable[[], Answer]:
        if registry.OPEN[command].later:
            return lambda: later(command)
        return lambda: registry.OPEN[command].open(game) or CLOSE  # what opens nothing is seen, or said, in the world

    def later(command: str) -> Close:
        game.journey.wants = command
        return CLOSE

    entries = [Entry("Go on", Close)]
    entries += [Entry(title, opens(command)) for command, title in registry.entries(game)]
    entries += [
        Entry("Settings", lambda: settings_menu(game.context)),
        Entry("Save and leave to the title", lambda: leave("title")),
        Entry("Save and leave the game", lambda: leave("quit")),
    ]
    journey = game.journey
    lines = (f"journey {game.options.seed}, {journey.world.phase}",)
    return Menu("Second Sight", entries, game.context.zoom, 250, lines, cue=game.context.cue)
