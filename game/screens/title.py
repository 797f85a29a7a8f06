"""The title: a realm at dusk, the game's name, and where to go from here. It waits for no mind."""

import math
import random
from collections.abc import Callable, Sequence
from pathlib import Path

import pygame as pg

from game.app.app_context import AppContext
from game.journey.old_saves import OldSaves
from game.journey.save_slots import Slot, Slots
from game.screens import logo
from game.screens.pages import Page, SeedBox
from game.screens.settings_menu import settings_menu
from game.screens.slot_picker import SlotPick
from game.screens.title_scene import Vista
from game.ui.font import DIM, GOLD, INK_SHADOW, PAPER, SKYBLUE, Pen, wrap
from game.ui.menus import Answer, Entry, Menu, marker
from game.ui.overlays import HEIGHT, WIDTH, banner, keyed
from game.ui.screen_stack import CLOSE, Close, Screen, ScreenStack

Begin = Callable[[Path, int], None]  # a slot's folder and a seed
CREDITS = (
    "Made by the Second Sight maintainers",
    "World, letters, pictures and words are this game's own",
    "",
    "It stands on",
    "Python, NumPy, pygame-ce and SDL",
    "PyTorch, transformers, tokenizers, safetensors",
    "msgspec, msgpack",
    "",
    "Ideas that others published",
    "APOLLO, the optimizer: Zhu and others",
    "OKLCH, the colours: Ottosson",
    "ordered dither: Bayer",
    "",
    "What you see is what a model believes.",
)
STILL = (158, 156, 200)  # what the scene is multiplied with behind a menu
RISES = 2.4  # s until the second word is whole for the first time


def any_seed() -> int:
    """A random seed."""
    return random.SystemRandom().randrange(10**6)


class TitleMenu(Menu):
    """The entries of the title at the lower left, without a sheet: the scene shows through."""

    def paint(self, pen: Pen, seconds: float) -> None:
        """Rows above the lower edge."""
        big = pen.sized(max(1.5, self.zoom()))
        row = big.line + 2
        top = HEIGHT - 18 - row * len(self.entries)
        self._rows = []
        for index, entry in enumerate(self.entries):
            y, chosen = top + index * row, index == self.chosen
            self._rows.append((index, 30, y, 150 * big.letter / 6, row))
            if chosen:
                marker(pen, 38, y + row / 2 + 1, seconds)
            x = 50 + (3 if chosen else 0)
            big.text(entry.label, x, y + 2, GOLD if chosen else PAPER)
            if entry.note and chosen:
                note = entry.note() if callable(entry.note) else entry.note
                big.text(note, x + (len(entry.label) + 2) * big.letter, y + 2, DIM)


class Title:
    """The title and its menus. begin: starts a journey; leave: ends the game. waits: what is waited for, or nothing."""

    def __init__(
        self, context: AppContext, slots: Slots, begin: Begin, leave: Callable[[], None], old: OldSaves | None = None
    ) -> None:
        self.context, self.slots = context, slots
        self._begin, self._leave = begin, leave
        self.vista = Vista()
        self.screens = ScreenStack()
        self.waits = ""  # a line over everything, while something has to be waited for
        self._since = context.seconds
        self._newest: Slot | None = None
        self.refresh()
        if old is not None and (journeys := old.waiting()):
            self.screens.push(self._offer(old, len(journeys)))

    def refresh(self) -> None:
        """Looks at the slots again, and shows the menu."""
        self._newest = self.slots.newest()
        self.screens.clear()
        self.screens.push(TitleMenu("", self._entries, self.context.zoom, back=lambda: None, cue=self.context.cue))

    def _entries(self) -> Sequence[Entry]:
        context, newest = self.context, self._newest
        entries = []
        if newest is not None:
            entries.append(Entry("Continue", lambda: self._go_on(newest), note=f"slot {newest.number}"))
        entries.append(Entry("New journey", self._new))
        if newest is not None:
            entries.append(Entry("Journeys", lambda: self._pick("Go on with", self._go_on)))
        entries += [
            Entry("Settings", lambda: settings_menu(context)),
            Entry("Credits", lambda: Page(context, "Second Sight", CREDITS)),
            Entry("Leave", self._go),
        ]
        return entries

    def _offer(self, old: OldSaves, count: int) -> Menu:
        """Asks once whether the journeys of an earlier version should be brought here."""

        def bring() -> Answer:
            try:
                self.context.note(f"Earlier journeys: {old.bring()}")
            except OSError as error:
                self.context.note(f"The earlier journeys can't be copied: {error}")
            self.refresh()
            return None

        def leave() -> Answer:
            old.answer()
            return CLOSE

        entries = [Entry("Bring them here", bring), Entry("Leave them there", leave)]
        lines = (
            f"An earlier version kept {count} of your journeys",
            f"in {old.source}.",
            "They can be copied to here.",
        )
        return Menu("Earlier journeys", entries, self.context.zoom, 330, lines, cue=self.context.cue)

    def _go(self) -> Answer:
        self._leave()
        return None

    def _pick(self, title: str, chosen: Callable[[Slot], Answer]) -> Screen:
        return SlotPick(self.context, self.slots.all(), title, chosen)

    def _go_on(self, slot: Slot) -> Answer:
        if not slot.playable:
            return self._seed(slot)
        self._begin(slot.folder, slot.card.seed if slot.card else any_seed())
        return None

    def _new(self) -> Answer:
        free = [slot for slot in self.slots.all() if not slot.playable]
        return self._seed(free[0]) if free else self._pick("Begin anew in", self._replace)

    def _replace(self, slot: Slot) -> Answer:
        """A slot in use asks first; what lies there is moved aside, not thrown away."""
        if not slot.playable:
            return self._seed(slot)
        entries = [Entry("Leave it as it is", Close), Entry("Put it aside and begin anew", lambda: self._seed(slot))]
        lines = (f"Slot {slot.number} holds a journey.", "It will be put aside, not lost.")
        return Menu("Begin anew?", entries, self.context.zoom, 270, lines, cue=self.context.cue)

    def _seed(self, slot: Slot) -> Screen:
        def take(seed: int) -> Close:
            try:
                note = self.slots.clear(slot.number)
            except OSError as error:
                self.context.note(f"Slot {slot.number} can't be cleared: {error}")
                return CLOSE
            if note:
                self.context.note(note)
            self._begin(slot.folder if not slot.playable else self.slots.folder(slot.number), seed)
            return CLOSE

        return SeedBox(self.context, slot.number, any_seed, take)

    def command(self, name: str) -> None:
        """A command from keys or pad."""
        if name == "full":
            self.context.toggle_fullscreen()
        elif not self.waits:
            self.screens.take(name)

    def paint(self, dt: float) -> None:
        """One picture; dt s have passed."""
        context, frame = self.context, self.context.window.frame
        now = context.seconds - self._since
        self.screens.advance(dt)
        self.vista.paint(frame, now, context.settings.calm, context.settings.safe)
        alone = len(self.screens.open) < 2
        if alone:
            self._name(frame, now)
        else:
            frame.fill(STILL, special_flags=pg.BLEND_RGB_MULT)
        context.window.put()
        pen = context.window.pen()
        large = pen.sized(context.settings.zoom)
        self.screens.paint(pen, now)
        if alone:
            labels = context.labels
            hint = f"[{labels['enter']}] take"
            keyed(large, hint, WIDTH - 14 - len(hint) * large.letter, HEIGHT - 10 - large.line)
        rows = [row for line in context.notes() for row in wrap(line, large.columns(WIDTH - 24))]
        for index, row in enumerate(rows):
            large.rimmed().text(row, 12, 8 + large.line * index, PAPER)
        if self.waits:
            banner(large, self.waits, now, SKYBLUE)

    def _name(self, frame: pg.Surface, now: float) -> None:
        """Paints the game's name. Its second word comes and goes, and an eye opens over it."""
        calm = self.context.settings.calm
        breath = 1.0 if calm else 0.86 + 0.14 * math.sin(now * 0.7)
        level = round(logo.STEPS * min(1.0, now / RISES) * breath)
        second, sight = logo.second(), logo.sight(level)
        x, y = 30, 28
        frame.blit(second, (x, y))
        frame.blit(sight, (x + second.get_width() + 6, y))
        eye_x, eye_y = logo.eye()
        _eye(frame, x + second.get_width() + 6 + eye_x, y + eye_y, min(1.0, max(0.0, now - RISES)), now, calm)


def _eye(frame: pg.Surface, x: float, y: float, opened: float, now: float, calm: bool) -> None:
    """A small eye that blinks now and then. opened: 0..1."""
    blink = 0.0 if calm else max(0.0, 1 - abs((now % 7.0) - 6.8) / 0.12)
    tall = max(1, round(9 * opened * (1 - blink)))
    box = pg.Rect(round(x) - 7, round(y) - tall // 2, 15, tall)
    pg.draw.ellipse(frame, INK_SHADOW, box.inflate(3, 3))
    pg.draw.ellipse(frame, (226, 246, 255), box)
    if tall >= 5:
        look = round(2 * math.sin(now * 0.5))
        pg.draw.circle(frame, (60, 120, 190), (round(x) + look, round(y)), 3)
        frame.fill(INK_SHADOW, (round(x) + look - 1, round(y) - 1, 2, 2))
        frame.fill((255, 255, 255), (round(x) + look + 1, round(y) - 2, 1, 1))
