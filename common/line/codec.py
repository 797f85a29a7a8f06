"""Messages of the owner <-> the bytes of one frame: msgpack, checked against the owner's types.

Whatever arrives is checked before anybody sees it. Unknown fields are skipped, so that an older program can hear a
newer one.
"""

from collections.abc import Callable
from types import UnionType
from typing import Any, Generic, TypeVar, cast

import msgspec

from common.line.faults import BadMessage

M = TypeVar("M")


class Codec(Generic[M]):
    """receives: the type, or the union of tagged types, of what arrives here. check: raises BadMessage for a message
    whose fields are right one by one and wrong together.
    """

    def __init__(self, receives: type[M] | UnionType, check: Callable[[M], None] | None = None) -> None:
        self._decoder: msgspec.msgpack.Decoder[Any] = msgspec.msgpack.Decoder(cast(Any, receives))
        self._encoder = msgspec.msgpack.Encoder()
        self._check = check

    def encode(self, message: object) -> bytes:
        """The bytes of one message. Raises BadMessage."""
        try:
            return self._encoder.encode(message)
        except (TypeError, ValueError, OverflowError, RecursionError) as error:
            raise BadMessage(f"{type(message).__name__} cannot be sent: {error}") from None

    def decode(self, data: bytes) -> M:
        """The message that the bytes are. Raises BadMessage."""
        try:
            message: M = self._decoder.decode(data)
        except (ValueError, OverflowError, RecursionError) as error:  # msgspec's own is a ValueError; bad UTF-8, depth
            raise BadMessage(f"no message: {error}") from None
        if self._check is not None:
            self._check(message)
        return message
