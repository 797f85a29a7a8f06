"""What a frame shows. The painter is handed nothing else.

A FrameState holds what anybody in the realm could see, and what the mind believes. It doesn't hold the truth about
spirits, so a picture can't show it. All x, y are px of the world, at the foot of a thing.
"""

from dataclasses import dataclass

from game.realm.houses import SLOT
from game.realm.land import Place
from game.realm.terrain import TILE

BESIDE = 20  # px: how far beside a landmark a spirit is drawn
WIDE = 640  # px: how wide a picture is
MIDDLE = 6 * TILE  # px from the left edge of a room's share of the map: about its middle
UNDER = ("torii", "gate", "bridge")  # landmarks that one can stand under or on


def haunt(place: Place) -> tuple[int, int]:
    """Where a spirit at a place is drawn: under a gate, in a room on the side away from the wall, else beside the
    landmark, right of it if its number is odd."""
    if place.kind in UNDER:
        return place.x, place.y + 4
    right = place.index % 2 == 1 if place.room < 0 else place.x - place.room * SLOT * TILE < MIDDLE
    return place.x + (BESIDE if right else -BESIDE), place.y + 5


@dataclass(frozen=True)
class Body:
    """Somebody visible: interpolated between two ticks. name: of another player."""

    kind: str
    x: int
    y: int
    facing: str
    moving: bool
    name: str = ""


@dataclass(frozen=True)
class Ghost:
    """A belief to be drawn: a species at a place, and how strong the belief is (0..1). wavering: the place was touched,
    and nobody was there."""

    place: int
    x: int
    y: int
    species: str
    belief: float
    wavering: bool = False


@dataclass(frozen=True)
class Hint:
    """Something that was heard, glimpsed or tracked at a place, as the Scene told it."""

    x: int
    y: int
    sense: str
    thing: str


@dataclass(frozen=True)
class FrameState:
    """One frame. seconds: the clock of animations; attend: 0..1, how far the player concentrates; flood: 0..1, how high
    the river stands; view: px of the world to look at instead of the player; free: px of the picture, from the left, in
    whose middle that lies, because something covers the rest; hidden: nobody plays, a title is shown.
    """

    hour: float
    weather: str
    seconds: float
    player: Body
    bodies: tuple[Body, ...] = ()
    ghosts: tuple[Ghost, ...] = ()
    hints: tuple[Hint, ...] = ()
    attend: float = 0.0
    flood: float = 0.0
    view: tuple[int, int] | None = None
    free: int = WIDE
    hidden: bool = False


LEAP = 3 * TILE  # px: whoever moves farther than this in one tick went through a door
