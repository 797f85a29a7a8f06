"""One tick of a realm: the only way to change a World."""

from game.realm.actions import act, follow
from game.realm.happenings import Action, Happening
from game.realm.world import World

TICKS_PER_SECOND = 30  # of play; the shipped rules count durations by it


def step(world: World, actions: tuple[Action, ...] = ()) -> tuple[Happening, ...]:
    """One tick: the player acts, everybody moves, one place breathes. Returns what happened."""
    happenings: tuple[Happening, ...] = ()
    world.player.moving = False
    for action in actions:
        happenings += act(world, action)
    happenings += follow(world)
    world.tick_clock()
    world.move_everybody()
    happenings += world.quests.pass_time(world)
    world.traces.refresh(world.tick % len(world.map.places))
    return happenings
