"""The settings, as menus. Every change is applied at once, and kept when its menu is left."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from game.app.app_context import AppContext
from game.app.settings import CHOICES, RANGES
from game.screens.controls import Controls
from game.ui.menus import Entry, Menu

NOTES = {
    "text_speed": "How fast speech appears.",
    "speech_waits": "A speech stays until you go on.",
    "calm": "Fewer flashes, no shaking, slow things slower.",
    "safe": "Spirits in hues and with marks that any eye tells apart.",
    "pads": "Off: a pad that walks by itself is not heard.",
    "dead_zone": "How far a worn stick may lean and still count as at rest.",
    "whole": "Scale by whole numbers: sharp, with bars at the sides.",
    "away": "What happens when the window is not in front.",
}


class Chosen(Menu):
    """A menu of settings. They are written to disk when it closes."""

    def __init__(self, context: AppContext, title: str, entries: Sequence[Entry], width: int) -> None:
        super().__init__(title, entries, context.zoom, width, cue=context.cue)
        self.context = context

    def closed(self) -> None:
        """Writes them to disk."""
        self.context.keep()


def settings_menu(context: AppContext) -> Menu:
    """The menu of the pages of settings."""

    def page(title: str, *rows: tuple[str, str]) -> Entry:
        return Entry(title, lambda: Chosen(context, title, [row(context, *item) for item in rows], 330))

    entries = [
        page(
            "Text",
            ("Size", "text_size"),
            ("Speed", "text_speed"),
            ("Speech waits", "speech_waits"),
        ),
        page("Sound", ("Music", "music"), ("Effects", "effects"), ("Interface", "interface")),
        page(
            "Picture",
            ("Full screen", "fullscreen"),
            ("Window size", "scale"),
            ("Whole scaling", "whole"),
            ("When away", "away"),
        ),
        page(
            "Comfort",
            ("Calm", "calm"),
            ("Clear hues and shapes", "safe"),
            ("Gamepads", "pads"),
            ("Stick at rest", "dead_zone"),
        ),
        Entry("Keys and pad", lambda: Controls(context)),
    ]
    return Chosen(context, "Settings", entries, 220)


def row(context: AppContext, label: str, name: str) -> Entry:
    """One setting: a switch, a choice of words, or a level."""

    def now() -> Any:
        return getattr(context.settings, name)

    def turn(options: Sequence[Any], step: int) -> None:
        place = options.index(now()) + step
        context.choose(replace(context.settings, **{name: options[place % len(options)]}))

    note = NOTES.get(name, "")
    if name in CHOICES:
        return Entry(label, None, lambda step: turn(CHOICES[name], step), now, note=note)
    if name == "scale":
        low, high = RANGES[name]
        return Entry(
            label, None, lambda step: turn(range(low, high + 1), step), lambda: f"{640 * now()} x {360 * now()}"
        )
    if name in RANGES:
        low, high = RANGES[name]

        def louder(step: int) -> None:
            context.choose(replace(context.settings, **{name: min(high, max(low, now() + step))}))

        return Entry(label, None, louder, level=lambda: (now(), high), note=note)
    return Entry(label, None, lambda step: turn((False, True), step), lambda: "on" if now() else "off", note=note)
