"""A replay lived through again: what could be sensed at some of its ticks, and the lessons that the realm gave."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field

from game.realm.happenings import Revealed
from game.realm.replay import ActionLog, state_hash
from game.realm.scene import View, describe, lesson
from game.realm.step import step
from game.realm.world import World
from perception.messages import Lesson

REPORT_EVERY = 2000  # ticks
Report = Callable[[str, int, int], None]  # what is going on, how far, of how many


@dataclass
class Relived:
    """views: by tick, those that were wanted. lessons: by the tick at whose scene they were given. state: the hash
    of the realm at the end of the log.
    """

    views: dict[int, View] = field(default_factory=dict)
    lessons: dict[int, list[Lesson]] = field(default_factory=dict)
    state: str = ""


def relive(
    log: ActionLog,
    ticks: Iterable[int] = (),
    tongue: str = "terse",
    report: Report = lambda what, done, of: None,
    look: Callable[[World, View], None] = lambda world, view: None,
) -> Relived:
    """Live through a log. ticks: of the views that are wanted; those beyond its end are left out. look: is handed the
    world and its view at each of them, in their order.

    Raises ReplayError for a log of other rules, ValueError (tongue).
    """
    world, wanted, relived = log.begin(), set(ticks), Relived()
    acted = dict(log.actions)
    for tick in range(log.ticks + 1):
        if tick in wanted:
            view = relived.views[tick] = describe(world, tongue)
            look(world, view)
        if tick == log.ticks:
            break
        actions = acted.get(tick, ())
        if any(action[0] != "move" for action in actions):
            view = describe(world, tongue)  # verbs are judged before anybody moves, as in play
            happenings = step(world, actions)
            lessons = [taught for one in happenings if isinstance(one, Revealed) and (taught := lesson(view, one))]
            if lessons:
                relived.lessons[tick] = lessons
        else:
            step(world, actions)
        if tick % REPORT_EVERY == 0:
            report("ticks", tick, log.ticks)
    relived.state = state_hash(world)
    return relived
