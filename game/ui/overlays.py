"""The interface over the world: speech, hints, banners, pointing. All in layout px (640 x 360).

Each function measures with its pen's letters, so that a pen of larger text gets larger boxes and more lines.
"""

import math
import re
from collections.abc import Sequence

from game.art.pixels.palette import Colour, mix
from game.realm.view import PlayerView
from game.ui.announcements import Pointed, Sighting, Speech
from game.ui.font import DIM, GOLD, PAPER, SKYBLUE, Pen, wrap
from game.ui.words import article

Box = tuple[float, float, float, float]  # x, y, width, height, layout px
WIDTH, HEIGHT = 640, 360
NOTE: Colour = (196, 200, 228)
NOTE_ROWS = 6  # of all notes together, unless one alone is longer
ASTRAY = 110  # px: words farther than this below or above their place would belong to another
BOTTOM = 10  # px below the lowest box


def speech_box(pen: Pen, said: Speech, free: int = WIDTH) -> tuple[int, int, int, int]:
    """(x, y, width, height) of a speech's box at the lower left; wider for larger letters, as far as it is free."""
    width = min(free - 24, round(49 * pen.letter) + 14)
    lines = len(wrap(said.text, pen.columns(width - 14))) + bool(said.who)
    height = round(lines * (pen.line + 1)) + 9
    return 12, HEIGHT - BOTTOM - height, width, height


def speech(pen: Pen, said: Speech, now: float, hint: str = "", free: int = WIDTH) -> None:
    """The speech at the lower left; hint: what lets it go, shown once it is told; free: layout px that it may take."""
    x, top, width, height = speech_box(pen, said, free)
    pen.panel(x, top, width, height)
    letters, y = len(said.so_far(now)), top + 4.0
    if said.who:
        pen.text(said.who, x + 8, y, GOLD)
        y += pen.line + 1
    if hint and said.whole(now):
        pen.text_right(hint, x + width - 8, top + 4, DIM)
    for line in wrap(said.text, pen.columns(width - 14)):
        pen.text(line[: max(0, letters)], x + 8, y)
        letters -= len(line) + 1
        y += pen.line + 1


def hints(pen: Pen, placed: Sequence[tuple[str, Box]]) -> None:
    """What keys do just now, where `hint_boxes` puts it."""
    for label, (x, y, _, _) in placed:
        keyed(pen, label, x, y)


def hint_boxes(pen: Pen, entries: Sequence[tuple[str, str]], beside: Box | None = None) -> list[tuple[str, Box]]:
    """Labels of (key, what it does) and their boxes. They stand at the lower right. Where the box `beside` takes the
    room, they go on in rows above.
    """
    boxes: list[tuple[str, Box]] = []
    x, y = WIDTH - 12.0, HEIGHT - 8 - pen.line
    left = beside[0] + beside[2] + 6 if beside else 6
    if left > WIDTH - 30 * pen.letter and beside:  # the box is as good as the whole width: above it
        left, y = 6, beside[1] - pen.line - 4
    for key, does in reversed(entries):
        label = f"[{key}] {does}"
        x -= len(label) * pen.letter
        if x < left:
            x, y = WIDTH - 12 - len(label) * pen.letter, y - pen.line
        boxes.append((label, (x, y, len(label) * pen.letter, pen.line)))
        x -= 2 * pen.letter
    return boxes


def keyed(pen: Pen, text: str, x: float, y: float) -> None:
    """A line whose [keys] are golden."""
    for index, part in enumerate(re.split(r"(\[[^]]*])", text)):
        pen.text(part, x, y, GOLD if index % 2 else PAPER)
        x += len(part) * pen.letter


def _top(pen: Pen) -> float:
    """Where lines below the clock begin."""
    return 10 + 2 * pen.line


def _sheet(pen: Pen, lines: list[str], top: float, heading: str = "", beside: Box | None = None) -> None:
    """A centred sheet of lines whose keys are golden; below the box `beside`, if it would cover that."""
    rows = len(lines) + bool(heading)
    width = max(len(line) for line in [heading, *lines]) * pen.letter + 16
    left = WIDTH / 2 - width / 2
    if beside is not None and left < beside[0] + beside[2] + pen.letter:
        top = max(top, beside[1] + beside[3] + 4)
    pen.panel(left, top, round(width), round(rows * (pen.line + 1)) + 7)
    if heading:
        pen.text_centre(heading, WIDTH / 2, top + 4, GOLD)
        top += pen.line + 1
    for index, line in enumerate(lines):
        keyed(pen, line, WIDTH / 2 - len(line) * pen.letter / 2, top + 4 + (pen.line + 1) * index)


def guide(pen: Pen, text: str, free: int = WIDTH, below: float = 0.0, beside: Box | None = None) -> None:
    """What to do next, at the top, in as many layout px of the middle as are free; below: layout px that are taken
    above it; beside: a box that it must not cover."""
    if text:
        _sheet(pen, wrap(text, pen.columns(free - 40)), _top(pen) + below, beside=beside)


def one_line(pen: Pen, text: str) -> None:
    """Words alone near the lower edge, without a sheet, while all else has stepped back."""
    lines = wrap(text, pen.columns(WIDTH - 60))
    for index, line in enumerate(lines):
        pen.text_centre(line, WIDTH / 2, HEIGHT - 44 + pen.line * (index - len(lines)), PAPER)


def first_sight(pen: Pen, species: str, kind: str, key: str, beside: Box | None = None) -> None:
    """The sheet for the very first spirit that nobody pointed out; beside: a box that it must not cover."""
    line = f"{article(species).capitalize()} by the {kind}. Walk up and [{key}] touch it to be sure."
    _sheet(pen, wrap(line, pen.columns(WIDTH - 40)), _top(pen), "You see it. Nobody pointed.", beside)


def sighted(pen: Pen, x: float, y: float, seen: Sighting, now: float, taken: list[Box]) -> None:
    """A ring around a spirit that nobody pointed out, and its name; x, y: its foot; taken: as for `label`."""
    fresh = min(1.0, max(0.0, seen.until - now))
    colour = mix((30, 32, 60), SKYBLUE, fresh)
    reach = 20 + (14 if seen.first else 5) * (0.5 + 0.5 * math.sin(now * 4))
    for dot in range(24):
        angle = math.tau * dot / 24 - now * 0.6
        pen.fill(colour, x + reach * math.cos(angle), y - 12 + 0.7 * reach * math.sin(angle), 1.5, 1)
    if fresh > 0.5:
        label(pen, article(seen.species), (x, y + 8, y - 46), SKYBLUE, taken)


def face(x: float, y: float) -> Box:
    """The box that words keep off of somebody; x, y: layout px of their feet."""
    return x - 9, y - 27, 18, 20


def shape(x: float, y: float) -> Box:
    """The box that words keep off of a spirit that is seen; x, y: layout px of its foot."""
    return x - 15, y - 38, 30, 34


def whisper(pen: Pen, x: float, y: float, text: str, taken: list[Box], level: float = 1.0) -> None:
    """What the senses tell, in small words below a place; x, y: its foot; taken: as for `label`; level: 0..1, how clear
    the words are. A dotted stem ties them to the place."""
    colour = mix((62, 62, 84), PAPER, level)
    covers = list(taken)
    if label(pen, text, (x, y + 10, y - 44), colour, taken):
        top = taken[-1][1]
        first, last = (y + 2, top) if top > y else (top + pen.line, y - 22)
        for dot in range(max(0, int((last - first) / 3))):
            stem = (x - 0.5, first + 3 * dot, 1.0, 1.0)
            if last - first < ASTRAY / 2 and not any(_meet(stem, box) for box in covers):
                pen.fill(colour, *stem)


def label(
    pen: Pen,
    text: str,
    at: tuple[float, float, float],
    colour: Colour,
    taken: list[Box],
    off: Sequence[Box] = (),
) -> bool:
    """Words centred on x, kept inside the picture. They stand at the first y of a place. Where something covers that,
    they stand at the second, or beside or above what covers it; False where there is no room at all. at: x, and the two
    y; taken: what covers the world, other words too, a letter apart; these are added; off: what only these keep off.
    """
    width, lowest, covers = len(text) * pen.letter, HEIGHT - 22 - pen.line, (*taken, *off)
    x = min(max(4, at[0] - width // 2), WIDTH - width - 4)
    spots: list[tuple[float, float]] = [(x, min(max(4, y), lowest)) for y in at[1:]]
    spots += [(box[0] - width - pen.letter, spots[0][1]) for box in covers if box[0] > width + pen.letter + 4]
    spots += [(x, box[1] - pen.line - 2) for box in covers if box[1] > pen.line + 6]
    for left, top in spots:
        room = left - pen.letter, top, width + 2 * pen.letter, pen.line
        if abs(top - at[1]) <= ASTRAY and not any(_meet(room, box) for box in covers):
            pen.text(text, left, top, colour)
            taken.append((left, top, width, pen.line))
            return True
    return False


def _meet(one: Box, other: Box) -> bool:
    """True if two boxes share a point."""
    apart = one[0] >= other[0] + other[2] or other[0] >= one[0] + one[2]
    return not apart and one[1] < other[1] + other[3] and other[1] < one[1] + one[3]


def banner(pen: Pen, text: str, seconds: float, colour: Colour = SKYBLUE, wide: bool = True) -> None:
    """A line at the top, with three dots that come and go; wide: nothing is open on the right."""
    dots = "." * (1 + int(seconds * 2) % 3)
    width = (len(text) + 3) * pen.letter + 16
    left, top = (WIDTH / 2 - width / 2, 8 if pen.line < 15 else _top(pen)) if wide else (12, 84)
    pen.panel(left, top, round(width), round(pen.line) + 8)
    pen.text(text + dots, left + 8, top + 4, colour)


def notes(pen: Pen, lines: list[str], width: float = 612, below: float = 0.0) -> Box:
    """Notes at the upper left. The newest note is shown whole, older ones as far as there is room. width: layout px
    that are free; below: layout px below the clock that are taken. Returns the box that they fill.
    """
    top = _top(pen) + 2 + below
    rows: list[str] = []
    for line in reversed(lines):
        more = wrap(line, pen.columns(width))
        if rows and len(rows) + len(more) > NOTE_ROWS:
            break
        rows = more + rows
    for index, row in enumerate(rows):
        pen.text(row, 12, top + pen.line * index, NOTE)
    return 12, top, max(map(len, rows), default=0) * pen.letter, pen.line * len(rows)


def notice(pen: Pen, line: str) -> None:
    """A note on a plate at the upper edge, over whatever page is open."""
    _sheet(pen, wrap(line, pen.columns(WIDTH - 40)), 2)


def clock(pen: Pen, world: PlayerView, spirits_shown: int, spirits_found: int) -> None:
    """Hour and weather at the upper left, how many spirits were shown, and found unaided (proven by a touch)."""
    text = f"{int(world.hour):02d}:{int(world.hour % 1 * 60):02d} {world.phase}, {world.weather}"
    pen.text(text, 12, 8, PAPER)
    if spirits_shown or spirits_found:
        pen.text(
            f"shown {spirits_shown}" + f"   found {spirits_found}" * bool(spirits_found),
            12,
            8 + pen.line,
            GOLD if spirits_found else DIM,
        )


def pointed(
    pen: Pen,
    spot: Pointed,
    camera: tuple[int, int],
    now: float,
    taken: list[Box],
    shapes: Sequence[Box] = (),
) -> None:
    """A ring and a label where somebody points; an arrow at the edge when it lies outside. taken: as for `label`;
    shapes: of spirits that are seen, which a "nobody" must not cover."""
    x, y = spot.x - camera[0], spot.y - camera[1]
    fresh = min(1.0, max(0.0, spot.until - now))
    empty = spot.answer == "nothing"
    colour = mix((30, 32, 60), DIM if empty else GOLD, fresh)
    inside = 8 < x < WIDTH - 8 and 20 < y < HEIGHT - 8
    if not inside:
        _edge_arrow(pen, x, y, colour)
        return
    reach = (10 if empty else 19) + 1.5 * math.sin(now * 5)
    count = 14 if empty else 28
    for dot in range(count):
        angle = math.tau * dot / count + (0 if empty else now * 0.8)
        pen.fill(colour, x + reach * math.cos(angle), y - 2 + 0.5 * reach * math.sin(angle), 1 if empty else 1.5, 1)
    if fresh < 0.5:
        return
    if empty:
        label(pen, "nobody", (x, y - 6 - pen.line, y + 8), DIM, taken, shapes)
        return
    label(pen, article(spot.answer), (x, y - 32 - pen.line, y + 12), GOLD, taken)
    tip = y - 30 + 2 * math.sin(now * 5)
    for row in range(4):
        pen.fill(colour, x - 3 + row, tip + row, 7 - 2 * row, 1)


def _edge_arrow(pen: Pen, x: float, y: float, colour: Colour) -> None:
    edge_x, edge_y = min(max(10, x), WIDTH - 10), min(max(24, y), HEIGHT - 30)
    angle = math.atan2(y - edge_y, x - edge_x)
    for back in range(5):
        for side in (-1, 1):
            px = edge_x - back * math.cos(angle) - side * back * 0.7 * math.sin(angle)
            py = edge_y - back * math.sin(angle) + side * back * 0.7 * math.cos(angle)
            pen.fill(colour, px, py, 1.5, 1.5)
