"""The list of errands: what the player was asked for, and what there is to do about it."""

from game.app.playing import Playing
from game.journey.journey import Journey
from game.journey.tracking import outdoors
from game.realm.errand import Errand
from game.realm.errand_list import ErrandList
from game.ui.font import DIM, GOLD, PAPER, SKYBLUE, Pen, wrap
from game.ui.marks import pips
from game.ui.overlays import WIDTH, Box
from game.ui.screen_stack import CLOSE, Close, Screen
from game.ui.words import bearing

TOP, SHEET_WIDTH, SHEET_HEIGHT = 30, 520, 300
FAINT = (92, 96, 138)


def listed(quests: ErrandList) -> list[Errand]:
    """Errands that can be had or were: those under way first, those done last."""
    known = [errand for errand in quests.errands.values() if quests.offered(errand)]
    return sorted(known, key=lambda errand: ("ready", "taken", "open", "done").index(errand.stage))


def what_to_do(journey: Journey, errand: Errand) -> str:
    """What there is to do about an errand, in one line or two."""
    quests, world = journey.world.quests, journey.world
    index = list(quests.book.people).index(errand.plan.giver)
    who, giver = quests.person(index).name, quests.people[index]
    here, there = outdoors(world, world.player.x, world.player.y), outdoors(world, giver.x, giver.y)
    where = bearing(there[0] - here[0], there[1] - here[1], world.rules.directions)
    if errand.stage == "ready":
        return f"Done. Tell {who}, {where}."
    if errand.stage == "open":
        return f"{who} has something to ask, {where}."
    if errand.stage == "done":
        return errand.plan.done[0]
    return errand.plan.todo if errand.asks or errand.plan.task != "all" else f"{errand.plan.todo} {who} is {where}."


class Log:
    """The list of errands, one of them in full."""

    pauses = True

    def __init__(self, game: Playing) -> None:
        self.game, self.chosen = game, 0

    def take(self, command: str) -> Screen | Close | None:
        """Up and down choose; back, enter and its own key shut it."""
        count = len(listed(self.game.journey.world.quests))
        if command in ("up", "down", "previous", "next"):
            self.chosen = (self.chosen + (1 if command in ("down", "next") else -1)) % max(1, count)
            return None
        return CLOSE if command in ("back", "enter", "quests") else None

    def advance(self, dt: float) -> None:
        """Nothing moves by itself."""

    def paint(self, pen: Pen, seconds: float) -> None:
        """Titles at the left, the chosen one at the right."""
        journey, large = self.game.journey, pen.sized(self.game.settings.zoom)
        width = min(WIDTH - 16, round(SHEET_WIDTH * large.letter / 6))
        left, middle = WIDTH / 2 - width / 2, round(width * 0.4)
        pen.panel(left, TOP, width, SHEET_HEIGHT)
        large.text_centre("What you were asked", WIDTH / 2, TOP + 8, SKYBLUE)
        errands = listed(journey.world.quests)
        row = large.line + 4
        for number, errand in enumerate(errands):
            done, y = errand.stage == "done", TOP + 36 + number * row
            if number == self.chosen:
                pen.fill((40, 44, 92), left + 8, y - 2, middle - 14, row - 1)
            mark = {"ready": "!", "taken": ">", "open": "?", "done": "+"}[errand.stage]
            colour = FAINT if done else GOLD if number == self.chosen else PAPER
            title = errand.plan.title if errand.stage != "open" else "Somebody waits"
            large.text(_fitted(f"{mark} {title}", large.columns(middle - 22)), left + 14, y, colour)
        if errands:
            box = (left + middle + 4, TOP + 36.0, width - middle - 14, SHEET_HEIGHT - 10 - large.line)
            self._chosen(large, journey, errands[min(self.chosen, len(errands) - 1)], box)
        large.text_centre(f"[{self.game.labels['back']}] back", WIDTH / 2, TOP + SHEET_HEIGHT - 4 - large.line, DIM)

    def _chosen(self, pen: Pen, journey: Journey, errand: Errand, box: Box) -> None:
        """One errand in full, in letters of the player's size, or the next smaller ones in which all of it fits."""
        x, y, width, height = box
        plan, bottom = errand.plan, TOP + height
        steps = errand.stage in ("taken", "ready") and plan.count > 1
        for letters in (pen, pen.sized(1.5), pen.sized(1.0)):
            does, words = sentences(journey, errand, letters.columns(width))
            high = letters.line * (len(does) + len(words)) + 6 + 14 * steps
            if letters.dot <= pen.dot and y + high <= bottom:
                break
        for line in does:
            letters.text(line, x, y, PAPER)
            y += letters.line
        y += 6
        if steps:
            pips(pen, x, y, min(errand.count, plan.count), plan.count)
            y += 14
        for line in words:
            letters.text(line, x, y, DIM)
            y += letters.line


def sentences(journey: Journey, errand: Errand, columns: int) -> tuple[list[str], list[str]]:
    """(what there is to do, what was said when it was asked for), in lines of at most so many letters."""
    offer = errand.plan.offer if errand.stage in ("taken", "ready") else ()
    return wrap(what_to_do(journey, errand), columns), [part for line in offer for part in wrap(f"'{line}'", columns)]


def _fitted(text: str, columns: int) -> str:
    """A text of at most so many letters; dots stand for what is left out."""
    return text if len(text) <= columns else f"{text[: columns - 2].rstrip()}.."
