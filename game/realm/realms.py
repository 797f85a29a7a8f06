"""Where a journey's realm is: in this process, or elsewhere. A journey reads its view, and acts in it by ticks."""

from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from game.realm.happenings import Action, Happening
from game.realm.replay import ActionLog, realm_mark
from game.realm.scene import View, describe
from game.realm.seen import observe
from game.realm.step import step
from game.realm.view import PlayerView
from game.realm.world import World


@dataclass(frozen=True)
class Heard:
    """What came of some actions. view: the scene in which they were done; None if nothing but walking was done."""

    happenings: Sequence[Happening]
    view: View | None
    actions: Sequence[Action]


class Realm(Protocol):
    """A realm as a journey needs it. shared: others play in it, too, so its time can't be skipped; lost: why it is
    out of reach now, empty while it isn't; notes: lines for the player."""

    view: PlayerView
    shared: bool
    lost: str
    notes: deque[str]

    @property
    def log(self) -> ActionLog | None:
        """What was done in it; None if that is kept elsewhere."""
        ...

    def refresh(self) -> None:
        """Brings the view up to date."""
        ...

    def tick(self, actions: tuple[Action, ...], verbs: bool, tongue: str) -> Sequence[Heard]:
        """One tick in which the player does this. verbs: something else than walking is among it; tongue: of scenes.
        Returns what is heard now, of these actions or of earlier ones."""
        ...

    def awaits(self, action: Action) -> bool:
        """True while an action is on its way, and nobody knows yet what comes of it."""
        ...

    def close(self) -> None:
        """Leaves the realm. It may take a moment."""
        ...


class LocalRealm:
    """A realm of one's own. past: what led to it, if the journey goes on."""

    shared = False
    lost = ""

    def __init__(self, world: World, past: ActionLog | None = None) -> None:
        self.world = world
        self.notes: deque[str] = deque()
        self.log: ActionLog = past or ActionLog(world.seed, realm_mark(world.rules))
        self.view = PlayerView(world.seed, world.rules, world.start_hour, world.map)
        self.view.spatial_index = world.spatial_index
        self.refresh()

    def refresh(self) -> None:
        """Brings the view up to date."""
        self.view.show(observe(self.world, self.world.player))

    def tick(self, actions: tuple[Action, ...], verbs: bool, tongue: str) -> Sequence[Heard]:
        """One tick. Verbs are judged before anybody moves, so a lesson's scene is what stood there before the step."""
        view = describe(self.view, tongue) if verbs else None
        happenings = step(self.world, actions)
        self.log.append(actions)
        self.refresh()
        return (Heard(happenings, view, actions),)

    def awaits(self, action: Action) -> bool:
        """False: what is done is done at once."""
        return False

    def close(self) -> None:
        """Nothing has to be left."""
