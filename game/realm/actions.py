"""What each action of a player does to the world. Only `step` calls `act` and `follow`."""

from game.realm.actors import Seer
from game.realm.happenings import Action, Came, Happening, Revealed, Said
from game.realm.player import TAIL, Player
from game.realm.rules import NOTHING
from game.realm.senses import beside_seer, in_sight, who_is_at, within_reach
from game.realm.state import Actor, Surroundings
from game.realm.telling import articled, called, verdict
from game.realm.terrain import TILE, Point
from game.realm.traces import NOBODY
from game.realm.world import World

DIAGONAL = {1: 3, 2: 2}  # px per tick and axis, by the number of axes moved along
TRAIL = 12  # ticks that the seer walks behind the player
FACING = {(0, -1): "n", (0, 1): "s", (1, 0): "e", (-1, 0): "w"}


def walk(around: Surroundings, who: Actor, dx: int, dy: int) -> tuple[Point, str] | None:
    """One tick of somebody's walk; dx, dy: -1, 0 or 1. Returns where a door under their feet leads, and how one faces
    there. It needs no more than the map, so that whoever waits for a realm's word can walk ahead of it."""
    if dx not in (-1, 0, 1) or dy not in (-1, 0, 1) or not (dx or dy):
        return None
    pace = DIAGONAL[abs(dx) + abs(dy)]
    who.facing = FACING[(dx, 0) if dx else (0, dy)]
    for step_x, step_y in ((dx * pace, 0), (0, dy * pace)):
        if (step_x or step_y) and around.open(who.x + step_x, who.y + step_y):
            who.x += step_x
            who.y += step_y
            who.moving = True
    return around.doors.get((who.x // TILE, who.y // TILE))


def _move(world: World, player: Player, dx: int, dy: int) -> None:
    leads = walk(world, player, dx, dy)
    if leads:
        _pass(player, *leads)


def _pass(player: Player, spot: Point, facing: str) -> None:
    """Takes a player and those who follow through a door."""
    player.trail.clear()
    player.moving = False
    followers: list[Actor] = [player.seer]
    if player.familiar_with and not player.familiar.away:
        followers.append(player.familiar)
    for who in (player, *followers):
        (who.x, who.y), who.facing = spot, facing


def follow(world: World, player: Player) -> tuple[Happening, ...]:
    """Seer and familiar walk in the player's footsteps and stop a little way off."""
    trail, seer, familiar = player.trail, player.seer, player.familiar
    if player.moving:
        trail.append((player.x, player.y, player.facing))
    steps = len(trail) if player.moving else 0
    seer.moving = steps >= TRAIL
    if steps >= TRAIL:
        seer.x, seer.y, seer.facing = trail[-TRAIL]
    if not player.familiar_with:
        return ()
    if familiar.away:
        what = familiar.step(world)
        return (Came(familiar.goal, what == "swept"),) if what else ()
    familiar.moving = steps == TAIL
    if familiar.moving:
        familiar.x, familiar.y, familiar.facing = trail[0]
    return ()


def _ask(world: World, player: Player, seer: Seer) -> tuple[Happening, ...]:
    """The seer points at the nearest spirit that was not shown on this visit, and names the empty places around it.

    A seer who stays at home points first at the species that they know best."""
    rules, quests = world.rules, world.quests_of[player.number]
    seen = tuple(spot for spot in in_sight(world, player) if not quests.keeps_secret(spot[1]))
    if not seen:
        return (Said(seer.name, "You were asked to find out who is here. So I don't point."),)
    empties = tuple((place, NOTHING) for _, place in seen if who_is_at(world, place) == NOTHING)
    at = {spirit.place: (number, spirit.visit) for number, spirit in enumerate(world.spirits) if spirit.place != NOBODY}
    order = seen if seer is player.seer else sorted(seen, key=lambda item: who_is_at(world, item[1]) not in seer.knows)
    for direction, place in order:
        species = who_is_at(world, place)
        if species == NOTHING or at[place] in player.shown:
            continue
        if len(empties) < rules.seer_empties:
            return (Said(seer.name, "There are too many of them here to tell apart. Let us stand elsewhere."),)
        player.shown[at[place]] = world.tick
        words = articled(seer.points.format(direction=direction, place=world.map.places[place].kind, species=species))
        return (Said(seer.name, words[0].upper() + words[1:]), Revealed("seer", ((place, species), *empties)))
    stays = "Walk on, I follow." if seer is player.seer else "Walk on, and come back."
    anybody = len(empties) < len(seen)
    here = "I have shown you everybody who is here." if anybody else "Nobody is here but us."
    return (Said(seer.name, f"{here} {stays}"),)


def _touch(world: World, player: Player, index: int) -> tuple[Happening, ...]:
    if not 0 <= index < len(world.map.places) or not within_reach(world, world.map.places[index], player):
        return ()
    species, kind = who_is_at(world, index), world.map.places[index].kind
    words = (
        f"Your hand meets something by the {kind}: {called(species)}."
        if species != NOTHING
        else f"Only the {kind}. Nobody is there."
    )
    return (Said("", words), Revealed("touch", ((index, species),)))


def _name(world: World, player: Player, index: int, species: str) -> tuple[Happening, ...]:
    """The player says who is at a place in sight, and is proven right or wrong."""
    if index not in [place for _, place in in_sight(world, player)] or species not in (*world.rules.species, NOTHING):
        return ()
    truth = who_is_at(world, index)
    return (Said(world.rules.seer_name, verdict(world, index, species, truth)), Revealed("name", ((index, truth),)))


def _familiar(world: World, player: Player, action: Action) -> None:
    """Sends the familiar somewhere, lets it go or stay, or calls it back."""
    familiar = player.familiar
    if action[0] == "send" and not familiar.away:
        familiar.asked = dict(in_sight(world, player)).get(action[1], NOBODY)
    elif action[0] == "heed" and familiar.asked != NOBODY:
        if action[1]:
            familiar.set_out(world)
        familiar.asked = NOBODY
    elif action[0] == "call" and familiar.away and not familiar.swept:
        familiar.call(world)


def act(world: World, player: Player, action: Action) -> tuple[Happening, ...]:
    """Does one action. Returns what happens at once, and what that means to the errands."""
    happened = _do(world, player, action)
    for happening in happened:
        if isinstance(happening, Revealed):
            happened += world.quests_of[player.number].on_revealed(world, action, happening.truth, happening.source)
    return happened


def _do(world: World, player: Player, action: Action) -> tuple[Happening, ...]:
    verb, quests = action[0], world.quests_of[player.number]
    if verb == "move":
        _move(world, player, action[1], action[2])
    elif verb == "rest":
        if player.resting != bool(action[1]):
            quests.borrowing.rest(world, bool(action[1]))
        player.resting = bool(action[1])
    elif verb == "borrow":
        quests.borrowing.borrow(world, bool(action[1]))
    elif verb == "wait":
        quests.wait(world, bool(action[1]))
    elif verb in ("touch", "name") and quests.borrowing.lent(world):
        return ()  # other eyes lend no hand and no voice
    elif verb == "ask":
        seer = beside_seer(world, player)
        return _ask(world, player, seer) if seer else ()
    elif verb == "touch":
        return _touch(world, player, action[1])
    elif verb == "name":
        return _name(world, player, action[1], action[2])
    elif verb == "talk":
        return quests.talk(world, action[1])
    elif player.familiar_with:
        _familiar(world, player, action)
    return ()
