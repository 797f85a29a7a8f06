"""A mind on another machine (main.py mind --listen), at the end of a line (common.line).

Its messages are those of messages.py, checked as wire.py checks them; a frame of the line is a message without the
length that it has on a pipe.
"""

import getpass
import hashlib
import ssl
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from types import UnionType
from typing import TypeVar

from common.folders import settings
from common.line.address import Address
from common.line.channel import Left
from common.line.client import Client
from common.line.codec import Codec
from common.line.hello import Terms, Visitor
from common.line.limits import Limits
from common.line.names import NAME_MAX, check_player_name
from common.line.places import place_key
from perception.messages import FromMind
from perception.wire import FRAME_MAX, HEADER, Message, check_lengths, encode

M = TypeVar("M")
TERMS = Terms("second-sight/mind", 1)
# A game asks eight times a second. After a long time without a mind it brings all its lessons at once.
LIMITS = Limits(
    frame_bytes=FRAME_MAX, messages_per_s=200.0, bytes_per_s=4 * 2**20, waiting_bytes=16 * 2**20, heard_messages=256,
    connections=16, strangers=16,
)  # fmt: skip
SECRET = "places.key"  # in the folder of settings
OUTBOX = "untaught.msgpack"  # in a slot
AHEAD = 64 * 1024  # bytes that may wait in the line; what waits longer waits where the newest scene replaces the older
WAIT_S = 1.0
BAD_INPUT = 2  # the exit status of a mind that can't be used: it is not tried again


class MindCodec(Codec[M]):
    """kind: ToMind at the mind's end, FromMind at the game's."""

    def __init__(self, kind: type[M] | UnionType) -> None:
        super().__init__(kind, check_lengths)

    def encode(self, message: Message) -> bytes:  # type: ignore[override]
        """As wire.encode, without the length. Raises WireError."""
        return encode(message)[HEADER:]


@dataclass(frozen=True)
class Elsewhere:
    """A mind of ours on another machine. visitor: under whose name it is kept there. outbox: the file that holds what
    it has not acknowledged; None: memory."""

    address: Address
    visitor: Visitor
    token: bytes | None = field(default=None, repr=False)
    tls: ssl.SSLContext | None = None
    outbox: Path | None = None


def elsewhere(
    address: Address, name: str | None, token: bytes | None, tls: ssl.SSLContext | None, saves: Path, slot: Path
) -> Elsewhere:
    """The mind of the journey in a slot's folder, as it is kept on another machine. name: of the player; None: of the
    login; saves: the folder that the slot is in. Each slot has a name of its own there, made of both. Raises LineError,
    ValueError.
    """
    name = name_there(login_name() if name is None else name, slot.relative_to(saves).as_posix())
    visitor = Visitor(name, place_key(settings() / SECRET, TERMS.protocol, address, name))
    return Elsewhere(address, visitor, token, tls, slot / OUTBOX)


def login_name() -> str:
    """Who is logged in, as far as that makes a name for a player; else "player"."""
    with suppress(OSError, KeyError, ImportError, ValueError):
        name = getpass.getuser()[:NAME_MAX]
        check_player_name(name)
        return name
    return "player"


def name_there(player: str, slot: str) -> str:
    """The name of one journey of a player: anna-first; with a hash where the slot's name is not plain, or too long."""
    name = f"{player}-{slot}"
    try:
        check_player_name(name)
    except ValueError:
        digest = hashlib.blake2b(slot.encode("utf-8", "surrogateescape"), digest_size=4).hexdigest()
        name = f"{player[: NAME_MAX - len(digest) - 1]}-{digest}"
        check_player_name(name)
    return name


class _Words:
    """What Line reads and writes: frames of wire.py."""

    def __init__(self, client: Client[FromMind]) -> None:
        self._client = client
        self.left: Left | None = None

    def receive(self) -> list[FromMind] | None:
        if self.left is not None:
            return None
        heard: list[FromMind] = []
        for what in self._client.poll(WAIT_S):
            if isinstance(what, Left):
                self.left = what
            else:
                heard.append(what)
        return heard if heard or self.left is None else None

    def write(self, frame: bytes) -> None:
        if not self._client.send_bytes(frame[HEADER:], AHEAD):
            raise OSError("the mind is gone")


class Remote:
    """One connection to it. Raises LineError where it can't be had."""

    def __init__(self, mind: Elsewhere) -> None:
        codec: MindCodec[FromMind] = MindCodec(FromMind)
        self._client = Client(mind.address, TERMS, codec, mind.visitor, token=mind.token, tls=mind.tls)
        self.stream = _Words(self._client)

    def no_more(self) -> None:
        """The last word was Quit: the mind hangs up."""

    def stop(self, hard: bool) -> None:
        self._client.close()

    def reap(self) -> tuple[str, list[str], int | None]:
        left = self.stream.left or Left("the line broke")
        return f"hung up ({left.reason})", [], None if left.again else BAD_INPUT

    def close(self) -> None:
        self._client.close()
