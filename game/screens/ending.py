"""The end of the story: the register is read out, and the player may go on living there."""

from game.app.playing import Playing
from game.journey.chronicle import day_of
from game.journey.journey import Journey
from game.ui.font import DIM, GOLD, PAPER, SKYBLUE, Pen, wrap
from game.ui.overlays import HEIGHT, WIDTH
from game.ui.screen_stack import CLOSE, Close, Screen
from game.ui.words import article, date, number, percent

LETTERS_PER_S = 40.0
COLUMNS = 72
MARGIN = 30  # px beside the sheet


def register(journey: Journey) -> list[str]:
    """One line per species: how the player came to see it."""
    lines = []
    tally = journey.world.quests.tally
    for species in journey.world.rules.species:
        first = journey.narrator.chronicle.of(species)
        find = next((find for find in tally.finds if find.species == species), None)
        if first is not None:
            sight = "" if first.d_prime is None else f", d' {number(first.d_prime, 1)}"
            lines.append(f"{species}: seen {date(first.day, first.hour)} by the {first.kind}{sight}")
        elif find is not None:
            kind = journey.world.map.places[find.place].kind
            lines.append(f"{species}: named {date(day_of(journey.world, find.tick), find.hour)} by the {kind}")
        else:
            lines.append(f"{species}: {article('name')} in the register")
    return lines


def figures(journey: Journey) -> list[str]:
    """What the journey comes to, in numbers."""
    tally, progress = journey.world.quests.tally, journey.mind_client.progress
    lines = [f"shown {journey.known}, found unaided {len(tally.finds)}, most names right in a row {tally.best}"]
    if progress is not None:
        sight = f"d' {number(progress.d_prime)}, hits {percent(progress.hits)}, false {percent(progress.false_alarms)}"
        lines.append(f"{sight}, ordinary things {percent(progress.mundane)}")
    return lines


class Epilogue:
    """Page after page at the player's pace: each line of the epilogue, then the register, then free play."""

    pauses = True
    bare = True
    music = "ending"

    def __init__(self, game: Playing) -> None:
        self.game = game
        self.pages = [[line] for line in game.journey.world.quests.book.epilogue]
        self.pages.append([*register(game.journey), "", *figures(game.journey)])
        self.page, self.since = 0, 0.0

    def take(self, command: str) -> Screen | Close | None:
        """Enter shows the rest of a page, then turns it."""
        if command not in ("enter", "back", "next", "right", "down"):
            return None
        letters = self.since * LETTERS_PER_S
        if letters < self._letters():
            self.since = self._letters() / LETTERS_PER_S
            return None
        self.page, self.since = self.page + 1, 0.0
        return CLOSE if self.page >= len(self.pages) else None

    def _letters(self) -> int:
        return sum(len(line) for line in self.pages[min(self.page, len(self.pages) - 1)])

    def advance(self, dt: float) -> None:
        """Letters appear."""
        self.since += dt

    def paint(self, pen: Pen, seconds: float) -> None:
        """A quiet sheet at the lower half; the world stays above it."""
        page = self.pages[min(self.page, len(self.pages) - 1)]
        last = self.page == len(self.pages) - 1
        lines, large, row = self._set(page, pen)
        height = round(row * (len(lines) + 1 + last)) + (22 if last else 19)
        top = max(4, HEIGHT - 24 - height)
        pen.panel(MARGIN, top, WIDTH - 2 * MARGIN, height)
        y, left = top + 10.0, int(self.since * LETTERS_PER_S)
        if last:
            large.text_centre("The register of this year", WIDTH / 2, y, SKYBLUE)
            y += row + 3
        for line in lines:
            large.text_centre(line[: max(0, left)], WIDTH / 2, y, GOLD if last and ":" in line else PAPER)
            left -= len(line)
            y += row
        if left > 0:
            word = "go on living here" if last else "go on"
            large.text_centre(f"[{self.game.labels['enter']}] {word}", WIDTH / 2, top + height - row - 1, DIM)

    def _set(self, page: list[str], pen: Pen) -> tuple[list[str], Pen, float]:
        """(lines, pen, px from line to line) of a page in letters of the player's size, or in the next smaller one that
        lets all of it stand on the screen."""
        for zoom in (self.game.settings.zoom, 1.5, 1.0):
            large = pen.sized(min(zoom, self.game.settings.zoom))
            columns = min(COLUMNS, large.columns(WIDTH - 2 * MARGIN - 20))
            lines = [part for line in page for part in (wrap(line, columns) if line else [""])]
            row = large.line + 3
            if row * (len(lines) + 2) + 50 <= HEIGHT:
                break
        return lines, large, row
