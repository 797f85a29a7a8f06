"""How much one end of a line takes from the other. Everything that a stranger could make large has its bound here."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Limits:
    """Bounds of a server, connection by connection; a client keeps within those that its server tells it.

    Who sends faster than messages_per_s or bytes_per_s is read more slowly. Who stays ahead of that for flood_s is
    hung up on.
    """

    frame_bytes: int = 256 * 1024  # of one message
    messages_per_s: float = 60.0
    bytes_per_s: float = 64 * 1024
    burst_s: float = 4.0  # what comes in so many seconds may come at once
    flood_s: float = 10.0
    hello_s: float = 5.0  # from the first byte to the whole hello
    heartbeat_s: float = 5.0  # from one ping to the next
    silence_s: float = 15.0  # without an answer to a ping: the other end is gone
    waiting_bytes: int = 1024 * 1024  # that may wait for a slow reader
    heard_messages: int = 64  # that may wait for the owner; then the other end is not read
    connections: int = 256  # that have said hello
    strangers: int = 64  # that have not yet


DEFAULT = Limits()
HELLO_BYTES = 8 * 1024  # of a message before the hello is accepted
CLOSE_S = 1.0  # for saying goodbye
MESSAGE_COST = 128  # bytes that holding a message costs beside its own
