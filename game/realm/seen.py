"""What one player may know of a realm at one moment, as plain data that can cross a wire.

World -> Seen (`observe`) -> PlayerView (view.py). Who is at a place never enters a Seen, and neither does what an
errand has planned.
"""

from typing import Annotated

from msgspec import Meta, Struct

from game.realm.actors import NEVER
from game.realm.errand import Errand
from game.realm.player import Player
from game.realm.senses import in_sight
from game.realm.state import Actor
from game.realm.world import World

SEER, FAMILIAR, FOLK, OTHERS = 1, 90, 100, 10_000  # the first number of each sort of body
EACH = 2  # numbers of each other player: their own, and their familiar's

Whole = Annotated[int, Meta(ge=-(2**40), le=2**40)]
Word = Annotated[str, Meta(max_length=64)]
Facing = Annotated[str, Meta(pattern="^[nesw]$")]
Sensed = tuple[tuple[Annotated[int, Meta(ge=0, le=15)], Word], ...]


class SeenSky(Struct, frozen=True, array_like=True):
    """The phase of the day, the weather, and how the river rises or falls: in flood or not, since when (tick), from
    what height (0 to 1)."""

    phase: Word
    weather: Word
    flooded: bool
    water: float
    turned: Whole


class SeenSelf(Struct, frozen=True, array_like=True):
    """A player's own body and condition. lent: until when eyes are borrowed (tick); spent: they were; ended: when the
    last errand was done (tick); familiar: theirs; away: it isn't at their side."""

    x: Whole
    y: Whole
    facing: Facing
    moving: bool
    resting: bool
    lent: Whole
    spent: bool
    waits: bool
    ended: Whole
    familiar: bool
    away: bool


class SeenBody(Struct, frozen=True, array_like=True):
    """Somebody in sight. x, y: px."""

    kind: Word
    x: Whole
    y: Whole
    facing: Facing
    moving: bool


class SeenErrand(Struct, frozen=True, array_like=True):
    """How far an errand is, as errand.Errand. due: only while it runs out; asks: a guest is there to be told."""

    stage: Word
    count: Whole
    area: tuple[Whole, ...]
    asks: bool
    due: Whole
    still: Whole
    beside: Whole
    began: Whole
    ended: Whole


class SeenPage(Struct, frozen=True, array_like=True):
    """A page of the codex, as tally.Page."""

    shown: Whole
    touched: Whole
    named: Whole
    missed: Whole
    traces: tuple[Word, ...]


class SeenFind(Struct, frozen=True, array_like=True):
    """A spirit that was named before anything gave it away, as tally.Find."""

    tick: Whole
    hour: float
    place: Whole
    species: Word


class Seen(Struct):
    """All that a player may know at a tick, as plain data. bodies: by number; sensed: by place, of those in sight;
    counts: of names (a row now, the longest row, guesses, right ones); names: of other players in sight, by number."""

    tick: Whole
    sky: SeenSky
    you: SeenSelf
    counts: tuple[Whole, Whole, Whole, Whole]
    bodies: dict[int, SeenBody]
    sensed: dict[int, Sensed]
    errands: dict[str, SeenErrand]
    pages: dict[str, SeenPage]
    finds: dict[int, SeenFind]
    names: dict[int, Word]


class SeenProgress(Struct, frozen=True):
    """What a player has done so far: fields of Seen. It changes seldom."""

    counts: tuple[int, int, int, int]
    errands: dict[str, SeenErrand]
    pages: dict[str, SeenPage]
    finds: dict[int, SeenFind]


def observe(world: World, player: Player) -> Seen:
    """What a player may know now. Nothing here draws from the world's random streams."""
    return seen_of(world, player, progress_of(world, player), bodies_of(world, player), {})


def seen_of(
    world: World, player: Player, progress: SeenProgress, bodies: dict[int, SeenBody], names: dict[int, str]
) -> Seen:
    """What a player may know now, where some of it is at hand."""
    sky, own, sensed = sky_of(world), self_of(world, player), sensed_of(world, player)
    done = progress.errands, progress.pages, progress.finds
    return Seen(world.tick, sky, own, progress.counts, bodies, sensed, *done, names)


def progress_of(world: World, player: Player) -> SeenProgress:
    """What a player has done so far."""
    quests = world.quests_of[player.number]
    tally = quests.tally
    return SeenProgress(
        (tally.streak, tally.best, tally.guesses, tally.rights),
        {key: _errand(errand) for key, errand in quests.errands.items()},
        {name: SeenPage(p.shown, p.touched, p.named, p.missed, p.traces) for name, p in tally.pages.items()},
        {number: SeenFind(f.tick, f.hour, f.place, f.species) for number, f in enumerate(tally.finds)},
    )


def sky_of(world: World) -> SeenSky:
    """The sky of a realm."""
    return SeenSky(world.phase, world.weather, world.flooded, world._water, world._turned)


def self_of(world: World, player: Player) -> SeenSelf:
    """A player's own body and condition."""
    quests, familiar = world.quests_of[player.number], player.familiar
    lent, spent = quests.borrowing.until, quests.borrowing.spent
    own = player.x, player.y, player.facing, player.moving, player.resting
    return SeenSelf(*own, lent, spent, quests.waits, quests.ended, player.familiar_with, familiar.away)


def sensed_of(world: World, player: Player) -> dict[int, Sensed]:
    """What can be sensed at each place in sight."""
    sensed = world.traces.sensed
    return {place: sensed[place] for _, place in in_sight(world, player)}


def bodies_of(world: World, player: Player) -> dict[int, SeenBody]:
    """Everybody who can be seen, wherever they are, but the player and the seers who walk with others."""
    bodies = {SEER: body(player.seer)}
    bodies |= {SEER + number: body(seer) for number, seer in enumerate(world.seers) if number}
    if player.familiar_with:
        bodies[FAMILIAR] = body(player.familiar)
    bodies |= {FOLK + number: body(worker) for number, worker in enumerate(world.folk)}
    for other in world.players:
        if other is not player:
            number = OTHERS + EACH * other.number
            bodies[number] = body(other)
            if other.familiar_with:
                bodies[number + 1] = body(other.familiar)
    return bodies


def body(who: Actor) -> SeenBody:
    """How somebody looks."""
    return SeenBody(who.kind, who.x, who.y, who.facing, who.moving)


def _errand(errand: Errand) -> SeenErrand:
    due = errand.due if errand.asks else NEVER
    own = errand.asks, due, errand.still, errand.beside, errand.began, errand.ended
    return SeenErrand(errand.stage, errand.count, errand.area, *own)
