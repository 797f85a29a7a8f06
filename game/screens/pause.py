"""The pause menu: go on, whatever screens there are, settings, the mind, and leaving."""

from collections.abc import Callable

from game.app.playing import Playing
from game.screens.how_to_play import how_to_play
from game.screens.settings_menu import settings_menu
from game.ui.menus import Answer, Entry, Menu
from game.ui.screen_stack import CLOSE, Close


def openable(game: Playing) -> list[tuple[str, str]]:
    """(command, title) of the screens that the menu lists now."""
    return [(command, opener.title) for command, opener in game.openers.items() if opener.title and opener.there(game)]


def menu(game: Playing) -> Menu:
    """The menu over a game."""

    def leave(where: str) -> Close:
        game.leave(where)
        return CLOSE

    def opens(command: str) -> Callable[[], Answer]:
        if game.openers[command].later:
            return lambda: later(command)
        return lambda: game.openers[command].open(game) or CLOSE  # what opens nothing is seen, or said, in the world

    def later(command: str) -> Close:
        game.journey.narrator.wants = command
        return CLOSE

    entries = [Entry("Go on", Close)]
    entries += [Entry(title, opens(command)) for command, title in openable(game)]
    entries += [
        Entry("How to play", lambda: how_to_play(game)),
        Entry("Settings", lambda: settings_menu(game.context)),
        Entry("Save and leave to the title", lambda: leave("title")),
        Entry("Save and leave the game", lambda: leave("quit")),
    ]
    journey = game.journey
    lines = (f"journey {game.options.seed}, {journey.world.phase}",)
    return Menu("Second Sight", entries, game.context.zoom, 250, lines, cue=game.context.cue)
