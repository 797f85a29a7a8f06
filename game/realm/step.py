"""One tick of a realm: the only way to change a World."""

from collections.abc import Sequence

from game.realm.actions import act, follow
from game.realm.happenings import Action, Happening
from game.realm.world import World

TICKS_PER_SECOND = 30  # of play; the shipped rules count durations by it


def step(world: World, actions: tuple[Action, ...] = ()) -> tuple[Happening, ...]:
    """One tick: the first player acts, everybody moves, one place breathes. Returns what happened to that player."""
    return step_players(world, (actions,))[0]


def step_players(world: World, actions: Sequence[tuple[Action, ...]]) -> list[tuple[Happening, ...]]:
    """One tick in which the players act one after the other, by number: actions[number], none for those beyond its end.

    Returns what happened to each. Raises ValueError for more actions than players."""
    players, count = world.players, len(actions)
    if count > len(players):
        raise ValueError(f"actions of {count} players, and there are {len(players)}")
    happenings: list[tuple[Happening, ...]] = []
    for player in players:
        player.moving = False
    for number, player in enumerate(players):
        happened: tuple[Happening, ...] = ()
        if number < count:
            for action in actions[number]:
                happened += act(world, player, action)
        if player.moving or player.familiar_with or player.seer.moving:
            happened += follow(world, player)
        happenings.append(happened)
    world.tick_clock()
    world.move_everybody()
    for number, quests in enumerate(world.quests_of):
        if quests._busy:
            happenings[number] += quests.pass_time(world)
    world.traces.refresh(world.tick % len(world.map.places))
    return happenings
