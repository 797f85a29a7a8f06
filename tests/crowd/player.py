"""One player of the army: a light client that walks, asks, talks, leaves and comes back, and checks what it is sent.

Its view is kept by differences, as a game keeps it. Each digest that the realm sends is held against that of the own
view. Things told are numbered; a number that is left out is a thing lost.
"""

import asyncio
import hashlib
import socket
from dataclasses import dataclass, field
from random import Random
from time import monotonic
from typing import Any

import msgspec
from websockets.asyncio.client import connect
from websockets.exceptions import ConnectionClosed, WebSocketException

from common.line.hello import Greeting, Refused, SentOn, Terms, Visitor, Welcome, hello_for
from game.realm.differences import apply, digest
from game.realm.seen import Seen
from game.shared import messages
from game.shared.messages import STAND, Deeds, Enter, FromPlayer, FromRealm, Leave, Say, Told, Update, encode

RATE = 15  # messages a second
WALKS = 2  # ticks in each
RECEIVE = 4096  # bytes of a slow reader's own buffer
_words = msgspec.msgpack.Decoder(Greeting | Welcome | Refused | SentOn)
_heard = msgspec.msgpack.Decoder(FromRealm)


@dataclass
class Habits:
    """What a player does beside walking. churn: leaves so often (1/s); away: s until coming back, at most; delay: s
    that what is sent may be held back, each message by another time, so that they overtake each other; slow: share of
    the players who now and then read nothing for `stops` s."""

    churn: float = 0.0
    away: float = 2.0
    delay: float = 0.0
    slow: float = 0.0
    stops: float = 20.0


@dataclass
class Counts:
    """What one player, or all of them together, met. late: s, how late messages were sent; strange: what was not
    expected, in one line each."""

    down: int = 0  # bytes of frames
    updates: int = 0
    sent: int = 0
    digests: int = 0
    desyncs: int = 0
    told: int = 0
    lost: int = 0
    joins: int = 0
    stops: int = 0
    hung_up: int = 0
    strange: list[str] = field(default_factory=list)
    late: list[float] = field(default_factory=list)

    def take(self, other: "Counts") -> None:
        """Adds another's, and empties it."""
        for key, value in vars(other).items():
            setattr(self, key, getattr(self, key) + value)
            setattr(other, key, type(value)())


class Player:
    """habits may be changed while it plays. here: it is in the realm; came: it was, at least once; stands: it does
    nothing yet."""

    def __init__(self, number: int, port: int, terms: Terms, habits: Habits, seed: int) -> None:
        self.number, self.port, self.terms, self.habits = number, port, terms, habits
        self.counts = Counts()
        self.here = self.came = self.ended = self.stands = False
        self._random = Random(f"army/{seed}/{number}")
        key = hashlib.blake2b(f"{seed}/{number}".encode(), digest_size=32).digest()
        self._visitor = Visitor(f"Bot{number}", key)
        self._place: int | None = None  # its number in the realm, once it is known
        self._seen: Seen | None = None
        self._told = self._last = 0
        self._code, self._until = STAND, 0.0
        self._late: set[asyncio.Task] = set()  # what is held back

    async def live(self) -> None:
        """Plays until `ended`; comes back whenever the line ends."""
        while not self.ended:
            try:
                await self._visit()
            except (OSError, WebSocketException, TimeoutError) as error:
                self._strange(f"{type(error).__name__}: {str(error)[:80]}")
            self.here = False
            if not self.ended:
                await asyncio.sleep(self._random.uniform(0.1, self.habits.away))

    def _strange(self, line: str) -> None:
        if len(self.counts.strange) < 4:
            self.counts.strange.append(f"{self._visitor.name}: {line}")

    async def _visit(self) -> None:
        line = await self._line(self.port)
        try:
            answer = await self._hello(line)
            if isinstance(answer, SentOn):
                line.transport.abort()
                line = await self._line(answer.port)
                answer = await self._hello(line)
            if isinstance(answer, Refused):
                if "is here already" not in answer.text:  # the realm hasn't noticed yet that the last line broke
                    self._strange(answer.text)
                return
            await line.send(encode(Enter(self._told)))
            self._last, self._seen = 0, None
            reader = asyncio.create_task(self._read(line))
            writer = asyncio.create_task(self._write(line))
            await asyncio.wait((reader, writer), return_when=asyncio.FIRST_COMPLETED)
            for task in (reader, writer):
                task.cancel()
            for result in await asyncio.gather(reader, writer, return_exceptions=True):
                if isinstance(result, ConnectionClosed):
                    self._closed(result)
                elif isinstance(result, Exception):
                    self._strange(f"{type(result).__name__}: {str(result)[:80]}")
        finally:
            late = list(self._late)
            for task in late:
                task.cancel()
            await asyncio.gather(*late, return_exceptions=True)
            line.transport.abort()

    async def _hello(self, line: Any) -> Any:
        greeting = _words.decode(await line.recv(decode=False))
        await line.send(encode(hello_for(greeting, self.terms, self._visitor, None)))
        return _words.decode(await line.recv(decode=False))

    async def _line(self, port: int) -> Any:
        sock = socket.socket()
        sock.setblocking(False)
        if self.habits.slow:
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, RECEIVE)
        await asyncio.get_running_loop().sock_connect(sock, ("127.0.0.1", port))
        return await connect(
            f"ws://127.0.0.1:{port}/", sock=sock, compression=None, proxy=None, open_timeout=30,
            ping_interval=None, max_queue=4, close_timeout=1,
        )  # fmt: skip

    def _closed(self, error: ConnectionClosed) -> None:
        reason = error.rcvd.reason if error.rcvd is not None else "no word"
        self.counts.hung_up += 1
        if not self.ended and "too slowly" not in reason:
            self._strange(f"hung up on: {reason}")

    async def _read(self, line: Any) -> None:
        counts, random = self.counts, self._random
        while True:
            raw = await line.recv(decode=False)
            counts.down += len(raw) + (2 if len(raw) < 126 else 4)
            self._take(_heard.decode(raw))
            if self.habits.slow and random.random() < self.habits.slow / (RATE * self.habits.stops):
                counts.stops += 1
                await asyncio.sleep(self.habits.stops)

    def _take(self, message: FromRealm) -> None:
        counts = self.counts
        if isinstance(message, messages.Welcome):
            if self._place not in (None, message.player):
                self._strange(f"came back as player {message.player}, was {self._place}")
            self._place, self._seen, self.here = message.player, message.seen, True
            self.came = True
            counts.joins += 1
        elif isinstance(message, Update) and self._seen is not None:
            counts.updates += 1
            apply(self._seen, message.change)
            if message.digest:
                counts.digests += 1
                counts.desyncs += message.digest != digest(self._seen)
        elif isinstance(message, Told) and message.number > self._told:
            counts.told += 1
            counts.lost += message.number - self._told - 1
            self._told = message.number

    async def _write(self, line: Any) -> None:
        due = monotonic() + self._random.uniform(0, 1 / RATE)
        while not self.ended:
            wait = due - monotonic()
            if wait > 0:
                await asyncio.sleep(wait)
            self.counts.late.append(max(0.0, monotonic() - due))
            due = max(due + 1 / RATE, monotonic() - 0.2)
            if not self.here or self.stands:
                continue
            if self.habits.churn and self._random.random() < self.habits.churn / RATE:
                if self._random.random() < 0.5:
                    await line.send(encode(Leave()))
                return
            await self._send(line, self._deeds())
            if self._random.random() < 0.01:
                await self._send(line, Say(f"{self._visitor.name} was here"))
        await line.send(encode(Leave()))

    async def _send(self, line: Any, message: FromPlayer) -> None:
        self.counts.sent += 1
        if not self.habits.delay:
            await line.send(encode(message))
            return
        wait = self._random.uniform(0, self.habits.delay)
        task = asyncio.create_task(_send_late(line, encode(message), wait))
        self._late.add(task)
        task.add_done_callback(self._late.discard)

    def _deeds(self) -> Deeds:
        random, now = self._random, monotonic()
        if now > self._until:
            self._code, self._until = random.randrange(9), now + random.uniform(0.5, 3.0)
        self._last += WALKS
        deeds = [(0, ["ask"])] if random.random() < 0.01 else []
        return Deeds(self._last, bytes([self._code] * WALKS), deeds, self._told)  # type: ignore[arg-type]


async def _send_late(line: Any, data: bytes, wait: float) -> None:
    await asyncio.sleep(wait)
    try:
        await line.send(data)
    except ConnectionClosed:
        return
