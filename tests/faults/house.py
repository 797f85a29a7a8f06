"""A realm in this process for strangers to come to, with short bounds of time."""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from threading import Thread
from unittest.mock import patch

from common.line.address import Address
from common.line.client import Client
from common.line.codec import Codec
from common.line.faults import LineError
from common.line.hello import KEY, Terms, Visitor, Welcome, hello_for
from game.shared import server as realm_server
from game.shared.messages import Enter, FromRealm, encode
from game.shared.realm_folder import RealmFolder
from game.shared.server import RealmServer
from game.shared.terms import terms
from tests.kits.raw_line import RawLine

SHORT = {"hello_s": 0.5, "heartbeat_s": 0.2, "silence_s": 0.6, "flood_s": 0.5, "burst_s": 1.0}  # s
PLAYERS, SOON = 6, 10.0
HEARD: Codec[FromRealm] = Codec(FromRealm)


class House:
    """A realm with short bounds, ticking in a thread of its own. token: b"" for none."""

    def __init__(self, folder: Path, token: bytes = b"") -> None:
        self.folder, self.token, self.terms = folder, token or None, terms()
        limits = replace(realm_server.limits(PLAYERS), **SHORT)
        with patch.object(realm_server, "limits", lambda players: limits):
            self.server = RealmServer(RealmFolder(folder, 1), Address("127.0.0.1", 0), token=self.token)
        self.port = self.server.line.port
        self._ended = False
        self._thread = Thread(target=self._run, daemon=True)
        self._thread.start()

    def _run(self) -> None:
        self.server.run(lambda: not self._ended)

    def raw(self, name: str, enter: bool = True) -> RawLine:
        """A bare line whose player has come in."""
        line = RawLine(self.port)
        visitor = Visitor(name, name.encode().ljust(KEY, b"k"))
        line.send(encode(hello_for(line.said(), self.terms, visitor, self.token)))
        if not isinstance(line.said(), Welcome):
            raise LineError(f"{name} was not let in")
        if enter:
            line.send(encode(Enter()))
            self.soon(lambda: name in self.here())
        return line

    def client(
        self, name: str, key: bytes = b"", own: Terms | None = None, token: bytes | None = None
    ) -> Client[FromRealm]:
        """An honest client, or one with another key, other terms or another token."""
        visitor = Visitor(name, key or name.encode().ljust(KEY, b"k"))
        return Client(Address("127.0.0.1", self.port), own or self.terms, HEARD, visitor, token=token)

    def here(self) -> list[str]:
        """Who is in the realm."""
        return [guest.place.name for guest in list(self.server.host.guests.values())]

    def soon(self, done: Callable[[], bool]) -> bool:
        """Waits until something is so; False if it doesn't come to that."""
        until = time.monotonic() + SOON
        while not done():
            if time.monotonic() > until or not self._thread.is_alive():
                return False
            time.sleep(0.01)
        return True

    def refuses(self, said: str, name: str, **how: object) -> str:
        """A client is refused, at once, in one line that says this."""
        began = time.monotonic()
        try:
            self.client(name, **how).close()  # type: ignore[arg-type]
        except LineError as error:
            text = str(error)
            if said not in text or "\n" in text:
                return f"refused with: {text}"
            return "" if time.monotonic() - began < SOON else "refused late"
        return "let in"

    def close(self) -> None:
        """Ends it; raises what its thread died of."""
        alive = self._thread.is_alive()
        self._ended = True
        self._thread.join(10)
        self.server.close()
        if not alive:
            raise RuntimeError("the realm died")


@contextmanager
def served(folder: Path, token: bytes = b"") -> Iterator[House]:
    """A realm that is closed at the end."""
    house = House(folder, token)
    try:
        yield house
    finally:
        house.close()
