"""Serves a shared realm to whoever comes: a line in, ticks at the realm's own pace, a line out.

The realm is saved every minute and at the end. Without a network the same is done by `Host`.
"""

import ssl
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from threading import Thread
from time import monotonic, sleep

from common.line.address import Address
from common.line.channel import Left
from common.line.codec import Codec
from common.line.limits import DEFAULT, Limits
from common.line.server import Event, Joined, Server
from game.realm.step import TICKS_PER_SECOND
from game.shared.guest import Guest
from game.shared.homes import Residents
from game.shared.host import Host
from game.shared.messages import Enter, FromPlayer
from game.shared.realm_folder import RealmFolder
from game.shared.shared_world import RealmError
from game.shared.terms import terms

SAVE_EVERY = 60.0  # s
BEHIND_MAX = 1.0  # s: a realm that is later than this lets the time go
READY = 4096  # bytes that may wait for a player before updates are left out: the newest wins
PLAYERS = 256  # at once
TICK = 1 / TICKS_PER_SECOND


def limits(players: int = PLAYERS) -> Limits:
    """Bounds of the line to a realm: a player's game sends fifteen times a second."""
    return replace(DEFAULT, connections=players, heard_messages=4096)


@dataclass
class Pace:
    """How late ticks were (s): of the last ones; a realm that keeps up is late by less than a tick."""

    late: list[float]

    def note(self, late: float, most: int = 10_000) -> None:
        """Notes one tick."""
        if len(self.late) >= most:
            del self.late[: most // 2]
        self.late.append(late)


class RealmServer:
    """Listens from its making on. folder: of the realm; residents: who lives here, if it is one of several regions.
    Raises LineError where it can't listen."""

    def __init__(
        self,
        folder: RealmFolder,
        address: Address,
        *,
        token: bytes | None = None,
        tls: ssl.SSLContext | None = None,
        players: int = PLAYERS,
        residents: Residents | None = None,
    ) -> None:
        self._residents = residents
        self.folder, self.host, self.pace = folder, Host(folder.shared), Pace([])
        self.log: list[str] = []  # lines for whoever runs it
        self._guests: dict[int, Guest] = {}  # by connection
        self._came: dict[int, Joined] = {}  # those who said hello and didn't enter yet
        self._saving: Thread | None = None
        self._fault = ""
        codec: Codec[FromPlayer] = Codec(FromPlayer)
        self.line = Server(address, terms(), codec, limits=limits(players), token=token, tls=tls, admit=self._refusal)

    def _refusal(self, name: str, key: bytes) -> str:
        elsewhere = "" if self._residents is None else self._residents.refusal(name, key)
        return elsewhere or self.folder.shared.refusal(name, key)

    def tick(self) -> None:
        """What has come in, one tick, what goes out."""
        for event in self.line.poll():
            self._take(event)
        for number, guest in self._guests.items():
            guest.ready = self.line.waiting(number) < READY
        self.host.tick()
        for number, guest in self._guests.items():
            while guest.out:
                self.line.send(number, guest.out.popleft())
        fault = self.folder.shared.journal.fault if self.folder.shared.journal is not None else ""
        if fault != self._fault:
            self._fault = fault
            self.log.append(
                f"{fault}; the realm goes on, and writes it as soon as it can" if fault else "written again"
            )

    def _take(self, event: Event[FromPlayer]) -> None:
        number, what = event
        if isinstance(what, Joined):
            self._came[number] = what
        elif isinstance(what, Left):
            self._came.pop(number, None)
            guest = self._guests.pop(number, None)
            if guest is not None and not guest.gone:
                self.host.leave(guest)
                self.log.append(f"{guest.place.name} left: {what.reason}")
        elif isinstance(what, Enter):
            self._enter(number, what)
        elif number in self._guests:
            self.host.take(self._guests[number], what)
            if self._guests[number].gone:
                self.line.hang_up(number, "you left")

    def _enter(self, number: int, message: Enter) -> None:
        joined = self._came.pop(number, None)
        if joined is None:
            return
        try:
            self._guests[number] = self.host.enter(joined.name, joined.key, message.told)
            self.log.append(f"{joined.name} came from {joined.address}")
        except RealmError as error:
            self.line.hang_up(number, str(error))

    def run(self, going_on: Callable[[], bool], report: Callable[[str], None] = lambda line: None) -> None:
        """Ticks at the realm's pace until `going_on` is false. report: gets lines for whoever runs it."""
        due, saved = monotonic(), monotonic()
        while going_on():
            now = monotonic()
            if now < due:
                sleep(due - now)
            self.pace.note(max(0.0, monotonic() - due))
            self.tick()
            due += TICK
            if monotonic() - due > BEHIND_MAX:
                due = monotonic()
            if monotonic() - saved > SAVE_EVERY:
                saved = monotonic()
                self.save()
            for line in self._lines():
                report(line)

    def _lines(self) -> Iterator[str]:
        while self.log:
            yield self.log.pop(0)

    def save(self) -> None:
        """Saves in a thread, unless the last saving is still under way."""
        if self._saving is None or not self._saving.is_alive():
            self._saving = Thread(target=self._save, args=(self.folder.saved(),), name="saves the realm", daemon=True)
            self._saving.start()

    def _save(self, saved: bytes) -> None:
        try:
            self.folder.save(saved)
        except OSError as error:
            self.log.append(f"The realm can't be saved: {error}; its journal goes on")

    def close(self) -> None:
        """Sends everybody away, saves, and lets go of the folder. Raises OSError if it could not be saved."""
        self.line.close("the realm closes; your place is kept")
        if self._saving is not None:
            self._saving.join()
        if self._residents is not None:
            self._residents.close()
        self.folder.close()
