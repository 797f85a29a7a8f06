"""What the player does in a tick, and what a tick tells the player: plain data."""

from msgspec import Struct

# ("move", dx, dy) ("look",) ("ask",) ("touch", place) ("name", place, species) ("rest", on) ("talk", person).
# ("borrow", on): a born seer's eyes; ("wait", on): errands stand still while somebody speaks.
# Of the familiar: ("send", direction) says where it should go; ("heed", goes) says whether it goes; ("call",) brings
# it back.
Action = tuple


class Said(Struct, frozen=True, tag="said"):
    """Somebody says something. who: a name; empty: the realm itself."""

    who: str
    text: str


class Revealed(Struct, frozen=True, tag="revealed"):
    """The world told the truth about these places: (place index, a species or "nothing").

    source: "seer", "touch" or "name".
    """

    source: str
    truth: tuple[tuple[int, str], ...]


class Came(Struct, frozen=True, tag="came"):
    """The familiar has come to a place that it was sent to. swept: the river in flood took it along."""

    place: int
    swept: bool


class Turn(Struct, frozen=True, tag="turn"):
    """An errand has moved, or somebody talks. stage: given, told, early, right, wrong, ready, done, ended or idle."""

    quest: str
    stage: str
    who: str
    lines: tuple[str, ...]


Happening = Said | Revealed | Came | Turn
