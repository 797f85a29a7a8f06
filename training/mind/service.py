"""A mind as a service: several players at once, each with weights, lessons and an optimizer of their own.

One thread does all of it, in rounds. In each round one scene is seen, of the player who waits and whose last one lies
furthest back; of their scenes the newest. Between scenes practice goes on, or a player's next lessons or order are
done, for a share of the time that scenes took. So a scene whose turn has come waits for one piece of work at most, and
practice never stands still. Practice goes round by steps. What never changes (the model as it came, the probes) is
there once.
"""

import sys
import time
from collections import deque
from collections.abc import Iterable
from dataclasses import dataclass, replace
from pathlib import Path
from threading import Event as Ended

from common.line.channel import Left
from common.line.faults import BadMessage
from common.line.server import Event, Joined, Server
from game.realm.rules import Rules
from perception.messages import FromMind, Percept, Quit, ToMind, Trouble
from perception.model import Model
from training.mind.mind import Mind, MindConfig, copy_of
from training.mind.player import Player
from training.mind.trouble import trouble, trouble_with

IDLE_S = 0.2  # at most so long it sleeps while nobody wants anything
AGAIN_S = 5.0  # from a save that failed to the next try
SHARE = 0.8  # s of practice, lessons and orders for each of scenes, while scenes wait
MANY = 4  # players who wait, from which on what heads did is told now and then alone
PIECES = 8  # of one player's work, at most, before it is another's turn
PLAYERS = "players"  # the folder of their folders


@dataclass(frozen=True)
class ServiceConfig:
    """folder: of all players, None for nowhere. mind: of each, but for its folder."""

    folder: Path | None
    mind: MindConfig


class Service:
    """server: of messages ToMind, from its making on. model: as it came; every player begins with it."""

    def __init__(self, server: Server[ToMind], model: Model, config: ServiceConfig, rules: Rules) -> None:
        self._server, self._config, self._rules = server, config, rules
        self._first = Mind(model, config.mind, rules)  # what is shared; nobody plays with it
        self._players: dict[str, Player] = {}  # by name, in small letters; those too who left and can't be saved
        self._numbers: dict[int, Player] = {}
        self._turns: deque[Player] = deque()  # whose work is next
        self._pieces = 0
        self._looks = self._orders = 0  # scenes that were seen, and orders that were done
        self._owed = 0.0  # s of practice, lessons and orders that scenes which wait have to let go first
        self._acts = False  # whose turn it was last: orders or practice
        self._tried = 0.0  # when what couldn't be saved was tried last
        self.steps = self.percepts = 0  # of all players, since the start

    def run(self, ended: Ended) -> None:
        """Serve until `ended` is set; then save. Raises OSError for what can't be saved."""
        try:
            while not ended.is_set():
                self.round(IDLE_S)
        finally:
            faults = [fault for player in list(self._players.values()) for fault in self._saved(player)]
            self._server.close("the mind's machine ends it; it is saved")
        if faults:
            raise OSError(faults[0])

    def round(self, wait: float = 0.0) -> None:
        """Hear what has come, and do a round of work. wait: s, if there is nothing to do."""
        here = list(self._numbers.values())
        idle = not any(player.inbox.waiting or player.mind.busy for player in here)
        for event in self._server.poll(wait if idle else 0.0):
            self._hear(event)
        began = time.perf_counter()
        looked = self._look()
        now = time.perf_counter()
        self._owed = self._owed + SHARE * (now - began) if looked else 0.0
        if not looked or self._owed > 0.0:
            self._acts = not self._acts
            if not (self._acts and self._act()) and not self._work():
                self._act()
            self._owed -= time.perf_counter() - now
        self._save_again()

    def _look(self) -> bool:
        """One scene is seen. False if none waits."""
        waiting = sorted((p for p in self._numbers.values() if p.inbox.waiting), key=lambda player: player.looked)
        for player in waiting:
            answers = player.look(len(waiting) >= MANY, time.monotonic())
            if answers:
                self._looks += 1
                player.looked = self._looks
                self._say(player, answers)
                return True
        return False

    def _act(self) -> bool:
        """The next lessons or order of the player whose last ones lie furthest back. False if nobody has any."""
        acting = [player for player in self._numbers.values() if player.inbox.orders]
        if not acting:
            return False
        player = min(acting, key=lambda player: player.acted)
        self._orders += 1
        player.acted = self._orders
        self._say(player, player.act())
        return True

    def _work(self) -> bool:
        """A piece of the work of whose turn it is. False if nobody has any."""
        for _ in range(len(self._turns)):
            player = self._turns[0]
            if player.mind.busy:
                steps = player.mind.teacher.steps
                self._say(player, player.work())
                self._pieces += 1
                done = player.mind.teacher.steps - steps
                self.steps += max(0, done)
                if done or self._pieces >= PIECES:
                    self._next_turn()
                return True
            self._next_turn()
        return False

    def _next_turn(self) -> None:
        self._turns.rotate(-1)
        self._pieces = 0

    def _hear(self, event: Event[ToMind]) -> None:
        if isinstance(event.what, Joined):
            self._join(event.number, event.what.name)
            return
        player = self._numbers.get(event.number)
        if player is None:
            return
        if isinstance(event.what, Left):
            self._leave(player)
        elif isinstance(event.what, Quit):
            self._say(player, player.save())
            self._server.hang_up(event.number, "saved", again=True)
        else:
            self._say(player, player.inbox.put([event.what]))

    def _join(self, number: int, name: str) -> None:
        """Wake this player's mind, as it was saved."""
        player = self._players.get(name.casefold())
        try:
            player = player or Player(name, self._mind_of(name.casefold()))
        except (ValueError, OSError) as error:  # MindStoreError
            print(f"main.py mind: {name}: {error}", file=sys.stderr, flush=True)
            self._server.send(number, trouble(f"Your mind can't be woken: {error}"))
            self._server.hang_up(number, "your mind can't be woken")
            return
        player.number = number
        self._players[name.casefold()] = self._numbers[number] = player
        self._turns.append(player)
        self._say(player, player.mind.opening(pulse=False))  # the line has a heartbeat of its own

    def _mind_of(self, name: str) -> Mind:
        first, folder = self._first, self._config.folder
        own = None if folder is None else folder / PLAYERS / name
        return Mind(copy_of(first.before), replace(self._config.mind, folder=own), self._rules, like=first)

    def _leave(self, player: Player) -> None:
        """Save. The mind of one who can't be saved stays, and is tried again."""
        if player.number is not None:
            del self._numbers[player.number]
        player.number, player.mind.practising = None, False
        player.mind.head_effects = None
        self._turns.remove(player)
        if not self._saved(player) and self._config.folder is not None:
            del self._players[player.name.casefold()]

    def _saved(self, player: Player) -> list[str]:
        """Save; what is wrong with that, once more on stderr."""
        faults = [said.text for said in player.save() if isinstance(said, Trouble)]
        for fault in faults:
            print(f"main.py mind: {player.name}: {fault}", file=sys.stderr, flush=True)
        return faults

    def _save_again(self) -> None:
        """What could not be saved is tried again now and then."""
        if time.monotonic() - self._tried < AGAIN_S:
            return
        self._tried = time.monotonic()
        for player in list(self._players.values()):
            if player.mind.unsaved:
                self._say(player, player.save())
            if player.number is None and not player.mind.unsaved and self._config.folder is not None:
                del self._players[player.name.casefold()]

    def _say(self, player: Player, messages: Iterable[FromMind]) -> None:
        """Send as it comes; in place of what is no message (NaN, say), what is wrong with it."""
        for message in messages:
            if player.number is None:
                continue
            glance = isinstance(message, Percept) and not message.ticket
            self.percepts += isinstance(message, Percept)
            try:
                self._server.send(player.number, message, "percept" if glance else None)
            except BadMessage as error:
                self._server.send(player.number, trouble_with(message, error))
