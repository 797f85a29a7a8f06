"""The three slots side by side: picture, hour, how far the journey has come, and what is wrong with it."""

from collections.abc import Callable, Sequence

import pygame as pg

from game.app.app_context import AppContext
from game.journey.save_slots import Slot
from game.journey.slot_card import THUMB, read_picture
from game.ui.font import DIM, GOLD, PAPER, SKYBLUE, Pen, wrap
from game.ui.menus import Answer, marker
from game.ui.overlays import HEIGHT, WIDTH
from game.ui.screen_stack import CLOSE, Close, Screen

CARD_WIDTH, CARD_HEIGHT, CARD_TOP = 196, 236, 62  # layout px
AMBER = (240, 170, 120)


class SlotPick:
    """A screen of slots. chosen: what Enter does with one."""

    pauses = True

    def __init__(
        self, context: AppContext, slots: Sequence[Slot], title: str, chosen: Callable[[Slot], Answer]
    ) -> None:
        self.context, self.slots, self.title = context, slots, title
        self._chosen = chosen
        newest = max(slots, key=lambda slot: slot.saved)
        self.place = list(slots).index(newest)
        self._pictures = [read_picture(slot.folder) if slot.playable else None for slot in slots]
        self._scaled: dict[tuple[int, int], pg.Surface] = {}

    def take(self, command: str) -> Screen | Close | None:
        """Left and right choose, Enter takes."""
        if command == "back":
            self.context.cue("back")
            return CLOSE
        if command == "enter":
            self.context.cue("take")
            return self._chosen(self.slots[self.place])
        if command in ("left", "up", "previous", "right", "down", "next"):
            step = -1 if command in ("left", "up", "previous") else 1
            self.place = (self.place + step) % len(self.slots)
            self.context.cue("move")
        return None

    def advance(self, dt: float) -> None:
        """Nothing moves by itself."""

    def _corner(self, index: int) -> tuple[float, float]:
        gap = (WIDTH - CARD_WIDTH * len(self.slots)) / (len(self.slots) + 1)
        return gap + index * (CARD_WIDTH + gap), CARD_TOP

    def point(self, x: float, y: float) -> bool:
        """The mouse is at a point (layout px): chooses the slot there; True if there is one."""
        for index in range(len(self.slots)):
            left, top = self._corner(index)
            if left <= x < left + CARD_WIDTH and top <= y < top + CARD_HEIGHT:
                self.place = index
                return True
        return False

    def paint(self, pen: Pen, seconds: float) -> None:
        """Three cards and a heading."""
        big = pen.sized(self.context.zoom())
        width = round((len(self.title) + 4) * big.letter)
        pen.panel(WIDTH / 2 - width / 2, 14, width, round(big.line) + 10)
        big.text_centre(self.title, WIDTH / 2, 19, SKYBLUE)
        for index, slot in enumerate(self.slots):
            self._card(pen, big, index, slot, seconds)
        top, text = CARD_TOP + CARD_HEIGHT + 8, fault(self.slots[self.place])
        letters = next((p for p in (big, pen.sized(1.5)) if top + p.line * _rows(p, text) <= HEIGHT), pen.sized(1.0))
        for row, line in enumerate(wrap(text, letters.columns(WIDTH - 40))):
            letters.rimmed().text_centre(line, WIDTH / 2, top + letters.line * row, AMBER)

    def _card(self, pen: Pen, big: Pen, index: int, slot: Slot, seconds: float) -> None:
        x, y = self._corner(index)
        chosen = index == self.place
        pen.panel(x, y, CARD_WIDTH, CARD_HEIGHT)
        if chosen:
            pen.frame(GOLD, x + 3, y + 3, CARD_WIDTH - 6, CARD_HEIGHT - 6)
            marker(pen, x + 14, y + 8 + big.line / 2, seconds)
        big.text_centre(f"Slot {slot.number}", x + CARD_WIDTH / 2, y + 8, GOLD if chosen else PAPER)
        top = y + 12 + big.line
        left = x + (CARD_WIDTH - THUMB[0]) / 2
        self._picture(pen, index, left, top)
        top += THUMB[1] + 8
        rows = int((y + CARD_HEIGHT - 6 - top) // big.line)
        texts = [(part, colour) for line, colour in lines(slot) for part in wrap(line, big.columns(CARD_WIDTH - 20))]
        for row, (line, colour) in enumerate(texts[:rows]):
            big.text(line, x + 12, top + row * big.line, colour)

    def _picture(self, pen: Pen, index: int, x: float, y: float) -> None:
        picture = self._pictures[index]
        if picture is None:
            pen.fill((22, 22, 48), x, y, *THUMB)
            for dot in range(9):
                pen.fill((52, 56, 96), x + 40 + dot * 10, y + THUMB[1] / 2, 3, 1)
        else:
            key = (index, pen.scale)
            if key not in self._scaled:
                self._scaled[key] = pg.transform.scale_by(picture, pen.scale)
            pen.target.blit(self._scaled[key], pen.at(x, y))
        pen.frame((110, 116, 170), x - 1, y - 1, THUMB[0] + 2, THUMB[1] + 2)


def _rows(pen: Pen, text: str) -> int:
    return len(wrap(text, pen.columns(WIDTH - 40)))


def lines(slot: Slot) -> list[tuple[str, tuple[int, int, int]]]:
    """What a card says of its slot: lines and their colours."""
    if slot.state == "empty":
        return [("Nobody has walked here yet", DIM)]
    word = {"backup": "from a backup", "older": "of an older game", "broken": "can't be read"}.get(slot.state)
    texts: list[tuple[str, tuple[int, int, int]]] = [(word, AMBER)] if word else []
    if slot.card is not None:
        card = slot.card
        hour = f", {int(card.hour):02d}:{int(card.hour % 1 * 60):02d}" if card.day > 1 or card.hour else ""
        texts.append((f"day {card.day}{hour}", PAPER))
        texts.append((f"{card.seconds / 60:.0f} min of play", PAPER))
        texts.append((f"shown {card.shown}", PAPER))
        texts.append((f"found {card.found}", GOLD if card.found else PAPER))
        texts.append((f"realm {card.seed}", DIM))
    return texts


def fault(slot: Slot) -> str:
    """What is wrong with a slot and what follows from it; empty if nothing is."""
    if slot.state == "backup":
        return f"{slot.fault}. Its backup goes on."
    if slot.state == "older":
        return f"{slot.fault[0].upper()}{slot.fault[1:]}."
    if slot.state == "broken":
        return f"The walk can't be read: {slot.fault}. The mind stays; nothing is overwritten."
    return ""
