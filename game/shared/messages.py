"""What a player's game and a shared realm say to each other: msgpack maps with their kind in `type`, sizes bounded.

Nothing that a realm sends holds its secret, its random streams, or who is at a place. Players are named by their
numbers among the world's players.
"""

from typing import Annotated, Any

import msgspec
from msgspec import Meta, Struct

from common.line.names import NAME_MAX
from game.realm.differences import Difference
from game.realm.happenings import Action, Happening
from game.realm.replay import is_action
from game.realm.seen import Seen, Sensed, Whole, Word

LINE_MAX = 120  # letters of what somebody says
WALKS_MAX, DEEDS_MAX = 64, 16  # ticks, and deeds other than walking, of one message
STAND = 4  # the code of standing still
UPDATE_EVERY = 2  # ticks from one update to the next
SHARED_MAX = 16  # beliefs of one message

Name = Annotated[str, Meta(max_length=NAME_MAX, pattern=r"^\w([\w '.-]*\w)?$")]
Line = Annotated[str, Meta(min_length=1, max_length=LINE_MAX, pattern=r"^[^\x00-\x1f\x7f]*$")]
Text = Annotated[str, Meta(max_length=2048)]
Number = Annotated[int, Meta(ge=0, le=2**40)]
Value = bool | Annotated[int, Meta(ge=-(2**40), le=2**40)] | Annotated[str, Meta(max_length=64)]
Deed = Annotated[list[Value], Meta(min_length=1, max_length=4)]
Belief = tuple[Number, Word, Annotated[int, Meta(ge=0, le=100)]]  # place, species, per cent


class Enter(Struct, frozen=True, tag="enter"):
    """A player's first message; their name and their key came with the line's hello. told: the number of the last Told
    that they have."""

    told: Number = 0


class Deeds(Struct, frozen=True, tag="deeds", omit_defaults=True):
    """What a player does in some ticks of theirs, one after the other. last: the number of the last of them; walks: a
    code for each; deeds: (which of these ticks, from 0, and what); told: the last Told that arrived."""

    last: Number
    walks: Annotated[bytes, Meta(min_length=1, max_length=WALKS_MAX)]
    deeds: Annotated[list[tuple[Number, Deed]], Meta(max_length=DEEDS_MAX)] = []
    told: Number = 0


class Say(Struct, frozen=True, tag="say"):
    """Says something to those around."""

    text: Line


class Point(Struct, frozen=True, tag="point"):
    """Points at a place and says what one sees there: a species, or "nothing". It may be wrong."""

    place: Number
    species: Word


class Compare(Struct, frozen=True, tag="compare"):
    """Wants to see what another player believes, and lets them see the same; or wants it no more."""

    player: Number
    on: bool


class Pair(Struct, frozen=True, tag="pair"):
    """Asks for an errand for oneself and another player, or agrees to one."""

    player: Number


class Share(Struct, frozen=True, tag="share"):
    """What one believes now. It goes to those who agreed to compare, and to nobody else."""

    beliefs: Annotated[list[Belief], Meta(max_length=SHARED_MAX)]


class Block(Struct, frozen=True, tag="block"):
    """Nothing that this player says reaches one any more, and nothing of one's own reaches them; or it does again."""

    player: Number
    on: bool


class Leave(Struct, frozen=True, tag="leave"):
    """The player goes. Their place is kept."""


class Welcome(Struct, frozen=True, tag="welcome"):
    """A place in the realm. player: its number; seed: of the map; seen: all that the player may know; realm: the mark
    of its rules (empty: those of play)."""

    player: Number
    seed: Number
    start_hour: float
    seen: Seen
    realm: Word = ""


class Update(Struct, frozen=True, tag="update", omit_defaults=True):
    """What changed. last: the number of the last tick of the player's that the realm has lived; digest: of all that the
    player knows then, now and then."""

    change: Difference
    last: Number = 0
    digest: bytes = b""


class Moment(Struct, frozen=True):
    """Where and when something was revealed, as far as a scene needs it. x, y: px."""

    tick: Whole
    x: Whole
    y: Whole
    phase: Word
    weather: Word
    sensed: dict[int, Sensed]


class Told(Struct, frozen=True, tag="told", omit_defaults=True):
    """What came of a player's deeds, in order, each once. It is sent again until its number is acknowledged. moment: of
    what was revealed, before anybody moved."""

    number: Number
    deeds: list[Deed]
    happenings: list[Happening]
    moment: Moment | None = None


class Spoke(Struct, frozen=True, tag="spoke"):
    """Another player said something."""

    player: Number
    name: Name
    text: Line


class Pointed(Struct, frozen=True, tag="pointed"):
    """Another player points at a place and says what they see there. It is hearsay."""

    player: Number
    name: Name
    place: Number
    species: Word


class Compared(Struct, frozen=True, tag="compared"):
    """Another player wants to compare (on), or no more. agreed: both want it."""

    player: Number
    name: Name
    on: bool
    agreed: bool


class Shared(Struct, frozen=True, tag="shared"):
    """What another player who agreed to compare believes now."""

    player: Number
    beliefs: Annotated[list[Belief], Meta(max_length=SHARED_MAX)]


class Notice(Struct, frozen=True, tag="notice"):
    """A line for the player, such as who came and who left."""

    text: Text


FromPlayer = Enter | Deeds | Say | Point | Compare | Pair | Share | Block | Leave
FromRealm = Welcome | Update | Told | Spoke | Pointed | Compared | Shared | Notice

encode = msgspec.msgpack.Encoder().encode


def walk_code(walk: tuple[int, int]) -> int:
    """(dx, dy), each -1, 0 or 1, as one number from 0 to 8."""
    return (walk[0] + 1) * 3 + walk[1] + 1


def walk_of(code: int) -> tuple[int, int]:
    """The walk of a code; standing still for a number that is none."""
    return (code // 3 - 1, code % 3 - 1) if 0 <= code < 9 else (0, 0)


def action_of(deed: list[Any]) -> Action | None:
    """A deed as an action, None if it is none that a player may do."""
    action = tuple(deed)
    return action if is_action(action) and action[0] != "move" else None
