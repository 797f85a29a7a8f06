"""What a page's sections are made of: plain text and figures. The templates clean and escape whatever they write."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from markupsafe import Markup

ROWS_MAX, COLUMNS_MAX = 200, 25


@dataclass(frozen=True)
class Words:
    """A paragraph. style: "" or "word", "small", "missing", "caveat", "code", "title" (of a part of the section)."""

    text: str
    style: str = ""


@dataclass(frozen=True)
class Table:
    """A caption, column titles and rows; the first cell of a row is its title. sum: the last row is set off."""

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
        """Of each column whether all its cells begin as numbers do, or are empty; a list of numbers is a text."""
        cells = [[line[at] for line in self.lines] for at in range(min(len(self.head), COLUMNS_MAX))]
        return [
            at > 0 and all(cell[:1] in "0123456789−–" and ", " not in cell for cell in column)
            for at, column in enumerate(cells)
        ]


@dataclass(frozen=True)
class Facts:
    """Names and what they are."""

    pairs: Sequence[tuple[str, object]]


@dataclass(frozen=True)
class Folded:
    """A long text under a title, folded away until it is wanted."""

    title: str
    folded: str


@dataclass(frozen=True)
class Moment:
    """Something that was seen. id: to link to; facts: names and what they are; image: a picture as a data: address, or
    nothing; alt: it in words.
    """

    id: str
    moment: str  # its title
    facts: Sequence[tuple[str, object]]
    image: Markup | None = None
    alt: str = ""


@dataclass
class Picture:
    """A figure under its title, with a note. name: of its PNG file; svg, png: its drawing, once the page is made."""

    title: str
    draw: Callable[[], Any]  # a matplotlib Figure
    note: str = ""
    name: str = ""
    svg: Any = ""
    png: bytes = b""


@dataclass(frozen=True)
class Section:
    """One section. blocks: a list of pictures and tables stands side by side. missing: what was not measured."""

    id: str
    title: str
    blocks: Sequence["Block"]
    missing: tuple[str, ...] = ()

    @property
    def pictures(self) -> list[Picture]:
        """All its pictures, in order."""
        return [item for block in self.blocks if isinstance(block, list) for item in block if isinstance(item, Picture)]


Block = Words | Table | Facts | Folded | Moment | list[Picture | Table]


def absent(section_id: str, title: str, text: str, what: str) -> Section:
    """A section that says what is missing and how to get it."""
    return Section(section_id, title, [Words(text, "missing")], (what,))
