"""The bed at the inn: until when one sleeps."""

from functools import partial

from game.app.playing import Playing
from game.journey.sleep import PHASES
from game.ui.menus import Entry, Menu
from game.ui.screen_stack import Close

HOUR = {"dusk": "Before the lanterns are lit.", "dawn": "Until the first birds."}


def menu(game: Playing) -> Menu:
    """Sleeps until dusk or dawn, or rests as anywhere else."""

    def sleep(phase: str) -> Close:
        game.journey.rest(True)
        game.journey.sleep.begin(game.journey.world, phase)
        return Close()

    def rest() -> Close:
        game.journey.rest(True)
        return Close()

    entries = [Entry(f"Sleep until {phase}", partial(sleep, phase), note=HOUR[phase]) for phase in PHASES]
    entries += [Entry("Lie down and dream", rest, note="As long as you like."), Entry("Not now", Close)]
    return Menu("A bed at the inn", entries, game.context.zoom, 260, cue=game.context.cue)
