"""A realm that is played in steps: what every environment is made of, whichever library it is for.

Nothing here knows gymnasium or pettingzoo. An observation is made from what a player may know: what can be sensed from
where they stand, and what the realm told them in this step. Rewards are made from what it revealed.
"""

from dataclasses import asdict
from typing import Any, NamedTuple

import msgpack

from game.env.choices import HEADINGS, Choices, Sight
from game.env.config import EnvConfig
from game.realm.actors import NEVER
from game.realm.happenings import Action, Happening, Revealed, Said, Turn
from game.realm.replay import state_hash
from game.realm.rules import NOTHING
from game.realm.senses import in_sight
from game.realm.snapshot import restored, snapshot
from game.realm.step import step_players
from game.realm.traces import NOBODY
from game.realm.world import new_world

FORMAT, VERSION = "second-sight-environment", 1
Visit = tuple[int, int]  # the number of a spirit, and of its visit


class SavedError(ValueError):
    """Bytes that no environment of these settings saved: one line."""


class Outcome(NamedTuple):
    """What a step brought one player. told: what was revealed, place -> answer; said: all words spoken, in order."""

    reward: float = 0.0
    told: dict[int, str] = {}  # noqa: RUF012  a named tuple's default; nobody writes to it
    said: tuple[str, ...] = ()


class Session:
    """One episode of one realm. outcomes: of the last step, by player."""

    def __init__(self, config: EnvConfig, seed: int) -> None:
        self.config = config
        self.world = new_world(seed, start_hour=config.start_hour, players=config.players)
        self._begin()

    def _begin(self) -> None:
        self.choices = Choices(self.world.rules)
        self.steps = 0
        self.outcomes = [Outcome() for _ in self.world.players]
        self._named: list[dict[Visit, None]] = [{} for _ in self.world.players]
        self._seen: list[Sight | None] = [None for _ in self.world.players]

    def seen(self, number: int) -> Sight:
        """What a player has in sight now."""
        sight = self._seen[number]
        if sight is None:
            sight = self._seen[number] = in_sight(self.world, self.world.players[number])
        return sight

    def step(self, numbers: list[int]) -> list[Outcome]:
        """Every player does the action of their number; the realm goes on for `ticks_per_step` ticks."""
        world, choices = self.world, self.choices
        first: list[tuple[Action, ...]] = []
        for player, number in enumerate(numbers):
            action = choices.action(world, world.quests_of[player], self.seen(player), number)
            first.append((action,) if action else ())
        going = [own if number < len(HEADINGS) else () for number, own in zip(numbers, first, strict=True)]
        finds = [len(quests.tally.finds) for quests in world.quests_of]
        visits = [self._visit(own[0][1]) if own and own[0][0] == "name" else None for own in first]
        happened = step_players(world, first)
        for _ in range(self.config.ticks_per_step - 1):
            for number, happenings in enumerate(step_players(world, going)):
                happened[number] += happenings
        self.steps += 1
        self._seen = [None] * len(numbers)
        self.outcomes = [
            self._outcome(player, happened[player], first[player], finds[player], visits[player])
            for player in range(len(numbers))
        ]
        return self.outcomes

    def ended(self, number: int) -> bool:
        """True once a player's last errand is done."""
        return self.world.quests_of[number].ended != NEVER

    @property
    def timed_out(self) -> bool:
        """True once the episode has had its `max_steps`."""
        return self.steps >= self.config.max_steps

    def _visit(self, place: int) -> Visit | None:
        """The visit that somebody at a place is on; None if no spirit is there."""
        if self.world.traces.here[place] == NOBODY:
            return None
        spirits = enumerate(self.world.spirits)
        return next(((number, spirit.visit) for number, spirit in spirits if spirit.place == place), None)

    def _outcome(
        self, player: int, happened: tuple[Happening, ...], own: tuple[Action, ...], finds: int, visit: Visit | None
    ) -> Outcome:
        reward, answers, said = 0.0, dict[int, str](), list[str]()
        for happening in happened:
            if isinstance(happening, Revealed):
                answers.update(happening.truth)
                if happening.source == "name":
                    reward += self._reward(player, happening.truth[0][1], own[0][2], finds, visit)
            elif isinstance(happening, Said):
                said.append(happening.text)
            elif isinstance(happening, Turn):
                said.extend(happening.lines)
        return Outcome(reward, answers, tuple(said))

    def _reward(self, player: int, truth: str, name: str, finds: int, visit: Visit | None) -> float:
        """For a name. "nothing" where nobody is earns nothing: it could be said all day."""
        if name != truth:
            return self.config.false_name
        if truth == NOTHING or visit is None or visit in self._named[player]:
            return 0.0
        self._named[player][visit] = None
        is_find = len(self.world.quests_of[player].tally.finds) > finds
        return self.config.find if is_find else self.config.true_name

    def hash(self) -> str:
        """16 hex digits over all that decides the realm's future."""
        return state_hash(self.world)

    def save(self, extra: Any = None) -> bytes:
        """All of it between two steps, with something of the environment's own."""
        outcomes = [[o.reward, list(o.told.items()), o.said] for o in self.outcomes]
        named = [list(visits) for visits in self._named]
        data = {"format": FORMAT, "version": VERSION, "settings": asdict(self.config), "world": snapshot(self.world)}
        return bytes(msgpack.packb(data | {"steps": self.steps, "outcomes": outcomes, "named": named, "extra": extra}))

    @classmethod
    def restored(cls, config: EnvConfig, raw: bytes) -> tuple["Session", Any]:
        """The session that `save` wrote, and the environment's own. Raises SavedError for other bytes or settings."""
        try:
            data = msgpack.unpackb(raw, use_list=False)
            known = isinstance(data, dict) and (data.get("format"), data.get("version")) == (FORMAT, VERSION)
            if not known:
                raise SavedError("not a saved environment of this version; give bytes that save() returned")
            for name, value in asdict(config).items():
                if data["settings"].get(name) != value:
                    raise SavedError(f"saved with {name} {data['settings'].get(name)!r}, and this has {value!r}")
            session = cls.__new__(cls)
            session.config, session.world = config, restored(data["world"])
            session._put_back(data)
        except SavedError:
            raise
        except (ValueError, KeyError, TypeError, AttributeError, msgpack.UnpackException) as error:
            raise SavedError(f"damaged: {str(error)[:200]}; save the environment again") from error
        return session, data["extra"]

    def _put_back(self, data: dict[str, Any]) -> None:
        self._begin()
        if not isinstance(data["steps"], int) or not 0 <= data["steps"] <= self.config.max_steps:
            raise ValueError("steps out of range")
        if len(self.world.players) != self.config.players:
            raise ValueError("another number of players")
        self.steps = data["steps"]
        places = range(len(self.world.map.places))
        for player, (reward, revealed, said) in zip(self.world.players, data["outcomes"], strict=True):
            answers = {places[place]: str(answer) for place, answer in revealed}
            self.outcomes[player.number] = Outcome(float(reward), answers, tuple(map(str, said)))
        for named, visits in zip(self._named, data["named"], strict=True):
            named.update(((int(spirit), int(visit)), None) for spirit, visit in visits)


def words_told(session: Session, number: int, places: dict[str, int]) -> dict[str, str]:
    """What was revealed to a player in the last step, by the direction in which it lies now."""
    answers = session.outcomes[number].told
    return {word: answers[place] for word, place in places.items() if place in answers} if answers else {}


def ready(session: Session | None) -> Session:
    """The session. Raises ValueError before the first reset."""
    if session is None:
        raise ValueError("no episode is under way; call reset() first")
    return session
