"""A server: an event loop in a thread of its own; its owner polls events and sends, and never waits.

Who comes says hello first (hello.py). Before that nothing of what they send reaches the owner.
"""

import asyncio
import hmac
import secrets
import socket
import ssl
from collections.abc import Callable, Hashable, Iterable
from contextlib import suppress
from dataclasses import dataclass
from typing import Any, Generic, NamedTuple, TypeVar

import msgspec

from common.line.address import Address, is_loopback
from common.line.channel import GOOD, REFUSED, Channel, Left
from common.line.codec import Codec
from common.line.faults import LineError
from common.line.hello import Greeting, Hello, Refused, SentOn, Terms, Welcome, fault_of
from common.line.limits import CLOSE_S, DEFAULT, HELLO_BYTES, Limits
from common.line.loop import LoopThread, Mailbox, need_websockets, quiet_logger
from common.line.pace import Pace
from common.line.token import NONCE

M = TypeVar("M")
ORIGINS = (None,)  # a browser names the page that a script came from; no page may speak with a server
SEND_BUFFER = 64 * 1024  # bytes of the system's: what waits there can't be replaced by what is newer
Admit = Callable[[str, bytes], str]
SendOn = Callable[[Hello], SentOn | Refused]


def anybody(name: str, key: bytes) -> str:
    """Admits whoever has passed all else."""
    return ""


def check_listening(address: Address, token: bytes | None) -> None:
    """Raises LineError where nothing may listen: beyond loopback without a token, or without the package."""
    need_websockets()
    if token is None and not is_loopback(address.host):
        raise LineError(
            f"{address}: reached from other machines, so a token is needed; give --token FILE, or listen on 127.0.0.1"
        )


class Joined(NamedTuple):
    """Somebody came in. key: as they gave it. address: where from, for a log."""

    name: str
    key: bytes
    address: str


class Event(NamedTuple, Generic[M]):
    """What happened on connection `number`. Numbers are never used again."""

    number: int
    what: Joined | Left | M


@dataclass
class _Place:
    """Somebody who is in."""

    number: int
    hello: Hello
    channel: Channel
    gone: bool = False


class Server(Generic[M]):
    """Listens from its making on. codec: of the owner's messages, as they arrive here. tls: of `tls.server_tls`.

    admit: asked with name and key of who has passed all else; gives "" or why not, in one line. send_on: of a server
    that lets nobody in: asked the same of a whole hello; gives where they are sent, or why not. Both are called in the
    loop's thread, so they must be quick. Raises LineError where it can't listen, or mustn't: beyond loopback without a
    token.
    """

    def __init__(
        self,
        address: Address,
        terms: Terms,
        codec: Codec[M],
        *,
        limits: Limits = DEFAULT,
        token: bytes | None = None,
        tls: ssl.SSLContext | None = None,
        admit: Admit = anybody,
        send_on: SendOn | None = None,
        thread: LoopThread | None = None,
    ) -> None:
        check_listening(address, token)
        self.limits, self._terms, self._codec = limits, terms, codec
        self._token, self._tls, self._admit = token, tls, admit
        self._send_on = send_on
        self._own_thread = thread is None
        self._thread = thread or LoopThread("line server")
        self._mailbox: Mailbox[Any] = Mailbox(self._thread, limits.heard_messages)
        self._places: dict[int, _Place] = {}  # changed in the loop's thread alone
        self._count = 0  # numbers given
        self._transports = 0  # connections, of strangers too
        self._closed = False
        try:
            self._server, self.port = self._thread.run(self._listen(address))
        except (OSError, UnicodeError) as error:
            self._end_thread()
            why = getattr(error, "strerror", None) or str(error)
            raise LineError(f"{address}: can't listen there ({why}); choose another address or port") from None

    def poll(self, wait: float = 0.0) -> list[Event[M]]:
        """What has happened since the last poll, in order; if that is nothing, after at most `wait` s."""
        return [Event(number, what) for number, what in self._mailbox.poll(wait)]

    def send(self, number: int, message: object, newest: Hashable | None = None) -> bool:
        """Leave a message for a connection; instead of the waiting one with the same `newest` key, if it has one.

        Everything without a key is kept in order. False if they are gone. Who reads so slowly that too much waits is
        hung up on. Raises BadMessage for what is none.
        """
        return self.send_all((number,), message, newest)

    def send_all(self, numbers: Iterable[int], message: object, newest: Hashable | None = None) -> bool:
        """The same to many, as bytes that are made once. False if one of them is gone."""
        data = self._codec.encode(message)
        sent = True
        for number in numbers:
            place = self._places.get(number)
            if place is None or not place.channel.put(data, newest):
                sent = False
                if place is not None:
                    place.channel.end(Left("reads too slowly; try again on a faster line"))
        return sent

    def waiting(self, number: int) -> int:
        """Bytes that wait for a connection; 0 for one that is gone."""
        place = self._places.get(number)
        return 0 if place is None else place.channel.waiting

    def hang_up(self, number: int, reason: str, again: bool = False) -> None:
        """End a connection with a reason for who is there (120 bytes of it); after what waits, if they take it in
        time. A Left comes. again: whether they may come back."""
        place = self._places.get(number)
        if place is not None:
            place.channel.end(Left(reason, again), GOOD if again else REFUSED)

    def close(self, reason: str = "the server ends") -> None:
        """Hang up on everybody and listen no more. What was said until then can still be polled."""
        if self._closed:
            return
        self._closed = True
        self._thread.run(self._goodbye(reason))
        self._end_thread()

    def __enter__(self) -> "Server[M]":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _end_thread(self) -> None:
        if self._own_thread:
            self._thread.close()

    async def _listen(self, address: Address) -> tuple[Any, int]:
        from websockets.asyncio.server import serve

        limits = self.limits
        server = await serve(
            self._handle, address.host, address.port, ssl=self._tls, origins=ORIGINS, compression=None,
            server_header=None, open_timeout=limits.hello_s, ping_interval=limits.heartbeat_s,
            ping_timeout=limits.silence_s, close_timeout=CLOSE_S, max_size=HELLO_BYTES, max_queue=4,
            create_connection=self._guarded(), logger=quiet_logger(),
        )  # fmt: skip
        return server, next(iter(server.sockets)).getsockname()[1]

    def _guarded(self) -> Any:
        """websockets' connection, counted from its first byte, and ended when its answers to pings pile up."""
        from websockets.asyncio.server import ServerConnection

        owner = self

        class Guarded(ServerConnection):
            _closing = False

            def connection_made(self, transport: Any) -> None:
                super().connection_made(transport)
                owner._transports += 1
                with suppress(OSError, AttributeError):
                    transport.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, SEND_BUFFER)
                if owner._transports > owner.limits.connections + owner.limits.strangers:
                    transport.abort()

            def connection_lost(self, exc: Exception | None) -> None:
                owner._transports -= 1
                super().connection_lost(exc)

            def data_received(self, data: bytes) -> None:
                super().data_received(data)
                if self.protocol.close_expected() and not self._closing:
                    self._closing = True
                    self.loop.call_later(CLOSE_S, self.transport.abort)
                if self.transport.get_write_buffer_size() > owner.limits.waiting_bytes + SEND_BUFFER:
                    self.transport.abort()

        return Guarded

    async def _handle(self, line: Any) -> None:
        """One connection, from its greeting to its end."""
        from websockets.exceptions import ConnectionClosed

        with suppress(ConnectionClosed, TimeoutError):
            hello = await self._meet(line)
            if hello is None:
                return
            place = self._enter(line, hello)
            limits = self.limits
            place.channel.put(
                msgspec.msgpack.encode(
                    Welcome(limits.frame_bytes, float(limits.messages_per_s), float(limits.bytes_per_s))
                )
            )
            line.protocol.max_message_size = limits.frame_bytes
            left = await place.channel.converse(lambda data: self._mailbox.put(place.number, self._codec.decode(data)))
            self._leave(place, left)
            await place.channel.finish()

    async def _meet(self, line: Any) -> Hello | None:
        """Greet; the hello of who may come in. None, and the connection is closed, if they may not."""
        nonce = secrets.token_bytes(NONCE)
        terms = self._terms
        greeting = Greeting(terms.protocol, terms.version, dict(terms.rules), self._token is not None, nonce)
        await line.send(msgspec.msgpack.encode(greeting))
        again = False
        try:
            async with asyncio.timeout(self.limits.hello_s):
                data = await line.recv()
            hello = msgspec.msgpack.decode(data if isinstance(data, bytes) else b"", type=Hello)
        except TimeoutError:
            fault = f"no hello came within {self.limits.hello_s:g} s; give the address of a server of this kind"
        except (ValueError, RecursionError):
            fault = "that was no hello; update your program, or give the address of a server of this kind"
        else:
            fault = fault_of(hello, terms, nonce, self._token)
            if not fault and self._send_on is not None:
                await line.send(msgspec.msgpack.encode(self._send_on(hello)))
                await line.close(GOOD, "sent on")
                return None
            fault = fault or self._admit(hello.name, hello.key)
            if not fault:
                fault, again = self._full(hello), True
            if not fault:
                return hello
        await line.send(msgspec.msgpack.encode(Refused(fault[:500], again)))
        await line.close(REFUSED, "refused")
        return None

    def _full(self, hello: Hello) -> str:
        """Why there is no room now; "" if there is. Who comes back on a new line takes the place of the old one."""
        name = hello.name.casefold()
        there = next((place for place in self._places.values() if place.hello.name.casefold() == name), None)
        if there is not None:
            same = hmac.compare_digest(there.hello.visit + there.hello.key, hello.visit + hello.key)
            if not hello.visit or not same:
                return f"somebody called {there.hello.name} is here already; choose another name"
            self._leave(there, Left("came back on another line"))
            there.channel.end(Left("came back on another line", again=False))
        if len(self._places) >= self.limits.connections:
            return f"the server is full, with {len(self._places)} players; try again later"
        return ""

    def _enter(self, line: Any, hello: Hello) -> _Place:
        limits = self.limits
        self._count += 1
        hears = Pace(limits.messages_per_s, limits.bytes_per_s, limits.burst_s)
        place = _Place(self._count, hello, Channel(line, self._thread, limits, hears=hears))
        self._places[place.number] = place
        host, port = (line.remote_address or ("?", 0))[:2]
        self._mailbox.put(place.number, Joined(hello.name, hello.key, str(Address(host, port))))
        return place

    def _leave(self, place: _Place, left: Left) -> None:
        if not place.gone:
            place.gone = True
            del self._places[place.number]
            self._mailbox.put(place.number, left)

    async def _goodbye(self, reason: str) -> None:
        for place in list(self._places.values()):
            place.channel.end(Left(reason), GOOD)
        self._server.close(close_connections=False)
        for _ in range(int(2 * CLOSE_S / 0.02)):
            if not self._transports:
                break
            await asyncio.sleep(0.02)
        self._server.close(close_connections=True)
