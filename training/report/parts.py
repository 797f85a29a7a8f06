"""What a page's sections are made of: plain text and figures. The templates clean and escape whatever they write."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar

if TYPE_CHECKING:
    from matplotlib.figure import Figure

ROWS_MAX, COLUMNS_MAX = 200, 25


@dataclass(frozen=True)
class Words:
    """A paragraph. style: "" or "word", "small", "missing", "caveat", "code", "title" (of a part of the section)."""

    kind: ClassVar[str] = "words"
    text: str
    style: str = ""


@dataclass(frozen=True)
class Table:
    """A caption, column titles and rows; the first cell of a row is its title. sum: the last row is set off."""

    kind: ClassVar[str] = "table"
    caption: str
    head: Sequence[str]
    rows: Sequence[Sequence[object]]
    sum: bool = False

    @property
    def lines(self) -> list[list[str]]:
        """The cells as text."""
        return [[str(cell) for cell in row[:COLUMNS_MAX]] for row in self.rows[:ROWS_MAX]]

    @property
    def numeric(self) -> list[bool]:
        """Of each column whether all its cells begin as numbers do, or are empty."""
        cells = [[line[at] for line in self.lines] for at in range(min(len(self.head), COLUMNS_MAX))]
        return [at > 0 and all(cell[:1] in "0123456789−–" for cell in column) for at, column in enumerate(cells)]


@dataclass(frozen=True)
class Facts:
    """Names and what they are."""

    kind: ClassVar[str] = "facts"
    pairs: Sequence[tuple[str, object]]


@dataclass
class Picture:
    """A figure under its title, with a note. name: of its PNG file; svg, png: its drawing, once the page is made."""

    title: str
    draw: Callable[[], "Figure"]
    note: str = ""
    name: str = ""
    svg: Any = ""
    png: bytes = b""


@dataclass(frozen=True)
class Panels:
    """What stands side by side where there is room: pictures and tables."""

    kind: ClassVar[str] = "panels"
    items: Sequence[Picture | Table]


Block = Words | Table | Facts | Panels


@dataclass(frozen=True)
class Section:
    """One section of the page; missing: what it would show if it had been measured."""

    id: str
    title: str
    blocks: Sequence[Block]
    missing: tuple[str, ...] = ()

    @property
    def pictures(self) -> list[Picture]:
        """All its pictures, in order."""
        panels = [block for block in self.blocks if isinstance(block, Panels)]
        return [item for panel in panels for item in panel.items if isinstance(item, Picture)]


def absent(section_id: str, title: str, text: str, what: str) -> Section:
    """A section that says what is missing and how to get it."""
    return Section(section_id, title, [Words(text, "missing")], (what,))
