"""A realm that somebody else's process runs, as a journey needs it: what the player may know, kept by differences.

The player's own steps are shown at once, and put right when the realm's word comes. Whatever else they do waits for it.
When the line breaks, the view stands still, a thread tries to come back, and what was told meanwhile comes then.
"""

from collections import deque
from collections.abc import Callable, Sequence
from threading import Thread
from time import monotonic, sleep
from typing import Protocol

from common.line.channel import Left
from common.line.faults import LineError
from game.realm.actions import walk
from game.realm.differences import apply, digest
from game.realm.happenings import Action
from game.realm.player import Player
from game.realm.realms import Heard
from game.realm.replay import rules_marked
from game.realm.rules import Rules
from game.realm.scene import View, describe
from game.realm.seen import Seen
from game.realm.state import Actor
from game.realm.view import PlayerView
from game.shared.fellows import Fellows
from game.shared.messages import (
    STAND,
    UPDATE_EVERY,
    Deeds,
    Enter,
    FromPlayer,
    FromRealm,
    Leave,
    Moment,
    Notice,
    Told,
    Update,
    Welcome,
    walk_code,
    walk_of,
)  # fmt: skip

SEND_EVERY = 2  # ticks of walking in one message; deeds go at once
UNCONFIRMED_MAX = 64  # ticks that the realm hasn't confirmed: more than that isn't walked ahead
DEEDS_MAX = 32  # deeds that wait while the line is down
ANSWERS = 5.0  # s within which a realm has to welcome
AGAIN = 2.0  # s between two tries to come back
LOST = "The realm is out of reach ({reason}). Your mind is safe, and so is your place; trying to come back"
BACK = "The realm is there again"
GONE = "The realm can't be reached any more: {reason}. Leave, and join it again"


class Wire(Protocol):
    """One line to a realm (common.line.client.Client). Nothing here waits, but `close`."""

    def send(self, message: object) -> bool:
        """Leaves a message to be sent; False if it isn't taken."""
        ...

    def poll(self, wait: float = 0.0) -> "Sequence[FromRealm | Left]":
        """What has come."""
        ...

    def close(self) -> None:
        """Leaves."""
        ...


class JoinedRealm:
    """connect: makes a line, or raises LineError; rules: of the realm, which the line has compared. notes: lines for
    the player; fellows: the other players; lost: why the line is broken, empty while it holds.

    Raises LineError if the realm doesn't welcome.
    """

    shared = True
    log = None

    def __init__(self, connect: Callable[[], Wire], rules: Rules) -> None:
        self.notes: deque[str] = deque(maxlen=8)
        self.lost = ""
        self.fellows = Fellows(self._send)
        self._connect = connect
        self._heard: list[Heard] = []
        self._told = self._number = 0
        self._given = self._acknowledged = 0  # of what was told: handed out by `tick`; handed out before the last one
        self._tongue = "terse"
        self._codes = bytearray()  # walks that weren't sent yet
        self._deeds: list[tuple[int, list[object]]] = []  # (which of those ticks, what)
        self._unconfirmed: deque[tuple[int, int]] = deque(maxlen=UNCONFIRMED_MAX)  # (number, code)
        self._sent: deque[tuple[int, Action]] = deque(maxlen=DEEDS_MAX)  # deeds that the realm hasn't confirmed
        self._coming: Thread | None = None
        self._arrived: tuple[Wire, Welcome, list[FromRealm | Left]] | None = None
        self._ended = False
        self._wire, welcome, rest = self._come()
        own = rules_marked(welcome.realm) or rules  # a realm that was begun under earlier rules keeps them
        self.view = PlayerView(welcome.seed, own, welcome.start_hour, number=welcome.player)
        self.view.span = UPDATE_EVERY
        self._begin(welcome, rest)

    def _come(self) -> tuple[Wire, Welcome, list[FromRealm | Left]]:
        """A new line, the welcome, and what came right after it. Raises LineError."""
        wire = self._connect()
        wire.send(Enter(self._acknowledged))
        until = monotonic() + ANSWERS
        while monotonic() < until:
            messages = list(wire.poll(0.05))
            for number, message in enumerate(messages):
                if isinstance(message, Left):
                    raise LineError(f"the realm closed the line: {message.reason}", message.again)
                if isinstance(message, Welcome):
                    return wire, message, messages[number + 1 :]
        wire.close()
        raise LineError(f"what answers gives no place within {ANSWERS:g} s; check that a realm is served there", True)

    def _begin(self, welcome: Welcome, rest: Sequence[FromRealm | Left]) -> None:
        self.seen: Seen = welcome.seen
        self._codes.clear()
        self._deeds.clear()
        self._unconfirmed.clear()
        self._sent.clear()
        self._confirmed = self._number
        self.view.show(self.seen)
        self.view.ahead = None
        for message in rest:
            self._take(message)

    def refresh(self) -> None:
        """Takes in what the realm has said."""
        if self.lost:
            self._come_back()
            return
        try:
            for message in self._wire.poll():
                self._take(message)
        except ValueError as error:  # what no realm of these rules says
            self._lose(f"it says what can't be: {str(error)[:80]}", True)

    def _take(self, message: FromRealm | Left) -> None:
        if isinstance(message, Update):
            self._update(message)
        elif isinstance(message, Told):
            self._hear(message)
        elif isinstance(message, Notice):
            self.notes.append(message.text)
        elif isinstance(message, Left):
            self._lose(message.reason, message.again)
        elif not isinstance(message, Welcome):
            self.fellows.take(message)

    def _update(self, message: Update) -> None:
        apply(self.seen, message.change)
        if message.digest and message.digest != digest(self.seen):
            raise ValueError("its view and yours differ")
        self.view.show(self.seen)
        self._confirmed = max(self._confirmed, message.last)
        while self._unconfirmed and self._unconfirmed[0][0] <= self._confirmed:
            self._unconfirmed.popleft()
        while self._sent and self._sent[0][0] <= self._confirmed:
            self._sent.popleft()
        self._look_ahead()

    def _look_ahead(self) -> None:
        """Where the player will be once the realm has lived their last steps."""
        player, view = self.view.player, self.view
        if not self._unconfirmed:
            view.ahead = None
            return
        walker = Actor("player", player.x, player.y)
        walker.facing, walker.moving = player.facing, player.moving
        for _, code in self._unconfirmed:
            walker.moving = False
            leads = walk(view, walker, *walk_of(code))
            if leads:
                (walker.x, walker.y), walker.facing = leads
        view.ahead = walker.x, walker.y, walker.facing, walker.moving

    def _hear(self, message: Told) -> None:
        if message.number <= self._told:
            return
        self._told = message.number
        actions = tuple(tuple(deed) for deed in message.deeds)
        self._heard.append(Heard(message.happenings, self._scene(message.moment), actions))

    def _scene(self, moment: Moment | None) -> View | None:
        return describe(Standpoint(self.view, moment), self._tongue) if moment is not None else None

    def tick(self, actions: tuple[Action, ...], verbs: bool, tongue: str) -> Sequence[Heard]:
        """One tick of the player's. Returns what came of this or of earlier ones. Calling it again says that what it
        returned is safe: only then does the realm hear that it has arrived."""
        self._tongue = tongue
        self._acknowledged = self._given
        self._number += 1
        code = STAND
        for action in actions:
            if action[0] == "move":
                code = walk_code((action[1], action[2]))
            elif len(self._deeds) < DEEDS_MAX:
                self._deeds.append((len(self._codes), list(action)))
                self._sent.append((self._number, action))
        if not self.lost:
            self._codes.append(code)
            self._unconfirmed.append((self._number, code))
            if verbs or len(self._codes) >= SEND_EVERY:
                message = Deeds(self._number, bytes(self._codes), self._deeds, self._acknowledged)  # type: ignore[arg-type]
                if self._send(message):
                    self._codes.clear()
                    self._deeds = []
        self.refresh()
        self._look_ahead()
        heard, self._heard = self._heard, []
        self._given = self._told
        return heard

    def awaits(self, action: Action) -> bool:
        """True while an action is on its way, and nobody knows yet what comes of it."""
        return any(sent == action for _, sent in self._sent)

    def _send(self, message: FromPlayer) -> bool:
        return not self.lost and self._wire.send(message)

    def _lose(self, reason: str, again: bool) -> None:
        self.lost = reason
        self.fellows.forget()
        self.view.ahead = None
        self._unconfirmed.clear()
        Thread(target=self._wire.close, name="closes a line", daemon=True).start()
        if again and not self._ended:
            self.notes.append(LOST.format(reason=reason))
            self._coming = Thread(target=self._try, name="comes back to a realm", daemon=True)
            self._coming.start()
        else:
            self.notes.append(GONE.format(reason=reason))

    def _try(self) -> None:
        while not self._ended:
            try:
                self._arrived = self._come()
                return
            except LineError as error:
                if not error.again:
                    self.notes.append(GONE.format(reason=error))
                    return
            sleep(AGAIN)

    def _come_back(self) -> None:
        if self._arrived is None:
            return
        (self._wire, welcome, rest), self._arrived = self._arrived, None
        if welcome.seed != self.view.seed or welcome.player != self.view.player.number:
            self._ended = True
            self._lose("another realm is served there now", False)
            return
        self.lost = ""
        self.notes.append(BACK)
        self._begin(welcome, rest)

    def close(self) -> None:
        """Leaves the realm. It may take a moment."""
        self._ended = True
        if not self.lost:
            self._wire.send(Leave())
            self._wire.close()


class Standpoint:
    """Where and when something was revealed, as scenes need it."""

    def __init__(self, view: PlayerView, moment: Moment) -> None:
        self.rules, self.map, self.spatial_index, self.seed = view.rules, view.map, view.spatial_index, view.seed
        self.tick, self.phase, self.weather = moment.tick, moment.phase, moment.weather
        self.player = Player(view.player.number, (moment.x, moment.y), view.player.seer)
        self._sensed = moment.sensed
        self.seers_for = view.seers_for

    def sensed_at(self, place: int) -> tuple[tuple[int, str], ...]:
        """What could be sensed at a place."""
        return self._sensed.get(place, ())
