"""A client: comes to a server at once or says in one line why not; then its owner polls and sends, and never waits."""

import asyncio
import socket
import ssl
from collections.abc import Hashable
from time import sleep
from typing import Any, Generic, TypeVar

import msgspec

from common.line.address import Address
from common.line.channel import GOOD, Channel, Left
from common.line.codec import Codec
from common.line.faults import BadMessage, LineError
from common.line.hello import Greeting, Refused, SentOn, Terms, Visitor, Welcome, hello_for
from common.line.limits import CLOSE_S, HELLO_BYTES, Limits
from common.line.loop import LoopThread, Mailbox, need_websockets, quiet_logger
from common.line.pace import Pace

M = TypeVar("M")
SHARE = 0.5  # of what the server takes: after a pause of the network it still keeps up
TAKES = Limits(frame_bytes=4 * 2**20, waiting_bytes=16 * 2**20)
SHORT_S = 0.01
WAIT_S = 5.0  # for an answer; the hello takes as long at most


class Client(Generic[M]):
    """One connection, made when the object is. codec: of the owner's messages, as they arrive here. thread: shared
    with other clients. limits: of what this end takes.

    Raises LineError, within 2 x WAIT_S, and as long again where it is sent on: nobody answers, another kind of server,
    a token that is wrong, a name that is taken ...
    """

    def __init__(
        self,
        address: Address,
        terms: Terms,
        codec: Codec[M],
        visitor: Visitor,
        *,
        token: bytes | None = None,
        tls: ssl.SSLContext | None = None,
        limits: Limits = TAKES,
        thread: LoopThread | None = None,
    ) -> None:
        need_websockets()
        self._codec, self._limits = codec, limits
        self._own_thread = thread is None
        self._thread = thread or LoopThread("line client")
        self._mailbox: Mailbox[M | Left] = Mailbox(self._thread, limits.heard_messages)
        self._gone = False
        try:
            self._line, welcome = self._thread.run(_come_in(address, terms, visitor, token, tls, limits))
            self._channel: Channel = self._thread.run(self._open(welcome))
        except LineError:
            self._end_thread()
            raise

    def poll(self, wait: float = 0.0) -> list[M | Left]:
        """What has come since the last poll, in order, at last a Left; if that is nothing, after at most `wait` s."""
        return [what for _, what in self._mailbox.poll(wait)]

    def send(self, message: object, newest: Hashable | None = None) -> bool:
        """Leave a message for the server; instead of the waiting one with the same `newest` key, if it has one.

        False if it is not taken: the server is gone, or too much waits. Raises BadMessage for what is none.
        """
        data = self._codec.encode(message)
        if len(data) > self.frame_bytes:
            raise BadMessage(f"{type(message).__name__} is {len(data)} bytes long; the server takes {self.frame_bytes}")
        return self._channel.put(data, newest)

    def send_bytes(self, data: bytes, most: int) -> bool:
        """A message that is encoded already, once at most `most` bytes wait. Waits for that; False if the server is
        gone. Not for an owner who mustn't wait."""
        while self._channel.waiting > most:
            if self._task.done():
                return False
            sleep(SHORT_S)
        return self._channel.put(data)

    @property
    def waiting(self) -> int:
        """Bytes that wait to be sent."""
        return self._channel.waiting

    def close(self) -> None:
        """Send what waits, as far as it goes in time, and leave. Safe at any time, any number of times."""
        if self._gone:
            return
        self._gone = True
        self._channel.end(Left("left"), GOOD)
        self._thread.run(self._ended())
        self._end_thread()

    def __enter__(self) -> "Client[M]":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    async def _open(self, welcome: Welcome) -> Channel:
        self.frame_bytes = welcome.frame_bytes
        rates = (welcome.messages_per_s * SHARE, welcome.bytes_per_s * SHARE)
        self._line.protocol.max_message_size = self._limits.frame_bytes
        channel = Channel(self._line, self._thread, self._limits, sends=Pace(*rates, self._limits.burst_s))
        self._task = asyncio.create_task(self._converse(channel))
        return channel

    async def _converse(self, channel: Channel) -> None:
        left = await channel.converse(lambda data: self._mailbox.put(0, self._codec.decode(data)))
        self._mailbox.put(0, left)
        await channel.finish()

    async def _ended(self) -> None:
        await asyncio.wait([self._task], timeout=2 * CLOSE_S)

    def _end_thread(self) -> None:
        if self._own_thread:
            self._thread.close()


async def _come_in(
    address: Address, terms: Terms, visitor: Visitor, token: bytes | None, tls: ssl.SSLContext | None, limits: Limits
) -> tuple[Any, Welcome]:
    """The connection, once the server has said welcome; if it sends on, that to the other port. Raises LineError."""
    line, answer = await _say_hello(address, terms, visitor, token, tls, limits)
    if isinstance(answer, SentOn):
        await line.close()
        address = address._replace(port=answer.port)
        line, answer = await _say_hello(address, terms, visitor, token, tls, limits)
    if isinstance(answer, Welcome):
        return line, answer
    line.transport.abort()
    if isinstance(answer, SentOn):
        raise LineError(f"{address}: sends from port to port; ask who runs the server", again=True)
    raise LineError(f"{address}: {answer.text}", answer.again)


async def _say_hello(
    address: Address, terms: Terms, visitor: Visitor, token: bytes | None, tls: ssl.SSLContext | None, limits: Limits
) -> tuple[Any, Welcome | Refused | SentOn]:
    """A connection, and what the server says to our hello. Raises LineError."""
    from websockets.exceptions import ConnectionClosed

    line = await _connection(address, tls, limits)
    try:
        async with asyncio.timeout(WAIT_S):
            greeting = msgspec.msgpack.decode(await line.recv(decode=False), type=Greeting)
            await line.send(msgspec.msgpack.encode(hello_for(greeting, terms, visitor, token)))
            return line, msgspec.msgpack.decode(await line.recv(decode=False), type=Welcome | Refused | SentOn)
    except LineError as error:
        line.transport.abort()
        raise LineError(f"{address}: {error}", error.again) from None
    except TimeoutError:
        line.transport.abort()
        raise LineError(f"{address}: what answers says nothing for {WAIT_S:g} s; check the port") from None
    except (ValueError, RecursionError):
        line.transport.abort()
        raise LineError(f"{address}: what answers is no server of this kind; check the port") from None
    except ConnectionClosed:
        raise LineError(f"{address}: hung up before a word; it may be full, try again later", again=True) from None


async def _connection(address: Address, tls: ssl.SSLContext | None, limits: Limits) -> Any:
    """Raises LineError where nobody answers, or somebody else."""
    from websockets.asyncio.client import connect
    from websockets.exceptions import WebSocketException

    scheme = "wss" if address.tls else "ws"
    where = Address(address.host, address.port)
    try:
        return await connect(
            f"{scheme}://{where}/", ssl=(tls or ssl.create_default_context()) if address.tls else None, proxy=None,
            compression=None, user_agent_header=None, open_timeout=WAIT_S, ping_interval=limits.heartbeat_s,
            ping_timeout=limits.silence_s, close_timeout=CLOSE_S, max_size=HELLO_BYTES, max_queue=4,
            logger=quiet_logger(),
        )  # fmt: skip
    except ssl.SSLCertVerificationError as error:
        raise LineError(
            f"{address}: its certificate is not trusted ({error.verify_message}); give --ca FILE (of a mind: --mind-ca)"
        ) from None
    except (ssl.SSLError, EOFError, ConnectionResetError) as error:
        if not address.tls:
            raise LineError(f"{address}: hung up before a word; give tls://{where} if it speaks TLS") from error
        raise LineError(f"{address}: speaks no TLS; give {where}, or check the port") from None
    except WebSocketException:
        other = f"{where}" if address.tls else f"tls://{where} if it speaks TLS"
        raise LineError(f"{address}: what answers is no server of this kind; give {other}, or check the port") from None
    except TimeoutError:
        raise LineError(f"{address}: nobody answers within {WAIT_S:g} s; check the address", again=True) from None
    except (socket.gaierror, UnicodeError):
        raise LineError(f"{address}: no machine of that name; check the address", again=True) from None
    except OSError:
        raise LineError(f"{address}: nobody answers; start it there, or check the address", again=True) from None
