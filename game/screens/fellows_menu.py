"""Screens of a shared realm: saying something, pointing at a place, and the other players."""

from functools import partial

import pygame as pg

from game.app.playing import Playing
from game.screens.naming import Chooser
from game.shared.messages import LINE_MAX
from game.ui.font import DIM, GOLD, SKYBLUE, Pen, wrap
from game.ui.menus import Entry, Menu
from game.ui.overlays import HEIGHT, WIDTH
from game.ui.screen_stack import CLOSE, Close, Screen

PHRASES = (
    "Hello.",
    "Follow me.",
    "Wait here.",
    "Do you see anybody there?",
    "I see somebody here.",
    "I see nobody here.",
    "I don't believe it.",
    "Thank you.",
)
ALONE = "That is for realms that you share."


def shared(game: Playing) -> bool:
    """True in a shared realm."""
    return game.journey.fellowship is not None


def say(game: Playing) -> Screen | None:
    """A menu of short phrases; the first entry writes one's own."""
    fellowship = game.journey.fellowship
    if fellowship is None:
        game.note(ALONE)
        return None

    def speak(text: str) -> Close:
        fellowship.fellows.say(text)
        game.note(f"You say: {text}")
        return Close()

    entries = [Entry("Write...", lambda: Writing(game))]
    entries += [Entry(phrase, partial(speak, phrase)) for phrase in PHRASES]
    return Lasting("Say", entries, game.context.zoom, 220, cue=game.context.cue)


class Lasting(Menu):
    """A menu below which the world goes on: a shared realm waits for nobody."""

    pauses = False


class Writing:
    """A line of one's own. Enter says it."""

    pauses = False

    def __init__(self, game: Playing) -> None:
        self.game, self.text = game, ""
        pg.key.start_text_input()

    def grab(self, event: pg.Event) -> bool:
        """Letters belong to the text; keys that only move or end it go on as commands."""
        if event.type == pg.TEXTINPUT:
            self.text = (self.text + "".join(mark for mark in event.text if mark.isprintable()))[:LINE_MAX]
            return True
        if event.type == pg.KEYDOWN and event.key == pg.K_BACKSPACE:
            self.text = self.text[:-1]
            return True
        return event.type in (pg.KEYDOWN, pg.KEYUP) and event.key not in (pg.K_RETURN, pg.K_KP_ENTER, pg.K_ESCAPE)

    def take(self, command: str) -> Screen | Close | None:
        """Enter says it, Esc doesn't."""
        fellowship = self.game.journey.fellowship
        if command == "enter" and fellowship is not None:
            if self.text.strip():
                fellowship.fellows.say(self.text)
                self.game.note(f"You say: {self.text}")
            self.game.screens.clear()
            return CLOSE
        return CLOSE if command == "back" else None

    def advance(self, dt: float) -> None:
        """Nothing moves by itself."""

    def paint(self, pen: Pen, seconds: float) -> None:
        """A sheet at the foot of the picture."""
        big, labels = pen.sized(self.game.settings.zoom), self.game.labels
        width = WIDTH - 80
        lines = wrap(self.text + ("_" if seconds % 1 < 0.6 else " "), big.columns(width - 24)) or [""]
        height = (len(lines) + 2) * big.line + 22
        top = HEIGHT - height - 12
        pen.panel(40, top, width, round(height))
        big.text_centre("Say", WIDTH / 2, top + 6, SKYBLUE)
        for number, line in enumerate(lines):
            big.text(line, 52, top + 9 + (number + 1) * big.line, GOLD)
        foot = f"[{labels['enter']}] say it   [{labels['back']}] back"
        big.text_centre(foot, WIDTH / 2, top + 13 + (len(lines) + 1) * big.line, DIM)


class Showing(Chooser):
    """Pointing: a place in sight, and who one sees there. It may be wrong."""

    pauses = False
    title = "Who do you see?"

    def known(self) -> tuple[str, ...]:
        """Those that the player has met, and those that they see now: to point proves nothing."""
        journey = self.game.journey
        seen = {journey.mind_client.belief(place)[0] for place in journey.mind_client.places()}
        met = journey.nameable()
        return tuple(name for name in journey.world.rules.species if name in met or name in seen)

    def said(self, place: int, word: str) -> None:
        """Points."""
        if self.game.journey.fellowship is not None:
            self.game.note(self.game.journey.fellowship.point(place, word))


def show(game: Playing) -> Screen | None:
    """The chooser of what one points at."""
    if game.journey.fellowship is None:
        game.note(ALONE)
        return None
    return Showing(game)


def trust(game: Playing) -> None:
    """Takes somebody's word."""
    fellowship = game.journey.fellowship
    game.note(fellowship.trust() if fellowship is not None else ALONE)


def compare(game: Playing) -> None:
    """Compares with the nearest player, or ends that."""
    fellowship = game.journey.fellowship
    game.note(fellowship.compare() if fellowship is not None else ALONE)


def others(game: Playing) -> Screen | None:
    """The players in sight: mute or block them."""
    fellowship = game.journey.fellowship
    if fellowship is None:
        game.note(ALONE)
        return None
    fellows = fellowship.fellows

    def of(number: int, name: str) -> Menu:
        muted, blocked = number in fellows.muted, number in fellows.blocked

        def turn(what: str, on: bool) -> Close:
            getattr(fellows, what)(number, on)
            game.note(f"{name}: {what if on else 'no more ' + what}d")
            return Close()

        def pair() -> Close:
            fellows.pair(number)
            return Close()

        entries = [
            Entry("An errand for two", pair, note="Each names what the other has never met."),
            Entry("Hear again" if muted else "Mute", partial(turn, "mute", not muted), note="They aren't told."),
            Entry(
                "Unblock" if blocked else "Block",
                partial(turn, "block", not blocked),
                note="You don't hear them, and they don't hear you.",
            ),
        ]
        return Lasting(name, entries, game.context.zoom, 220, cue=game.context.cue)

    near = sorted(game.journey.world.names.items())
    if not near:
        game.note("Nobody is in sight.")
        return None
    entries = [Entry(name, partial(of, number, name)) for number, name in near]
    return Lasting("Others", entries, game.context.zoom, 220, cue=game.context.cue)
