"""A mind's small files carry a hash of themselves: damage is seen before anything in them is believed.

A sealed file is a msgspec Struct with the fields `version` and `digest`, as MessagePack.
"""

import hashlib
from pathlib import Path
from typing import Any, TypeVar

import msgspec
from msgspec import Struct

from common.files import read_bytes

FAULT_MOST = 120  # characters of a decoder's own words

File = TypeVar("File", bound=Struct)


def digest_of(file: Struct) -> str:
    """16 hex digits over all fields but the hash itself."""
    plain = msgspec.msgpack.encode(msgspec.structs.replace(file, digest=""))
    return hashlib.blake2b(plain, digest_size=8).hexdigest()


def sealed(file: Struct) -> bytes:
    """The file as bytes, with its hash."""
    return msgspec.msgpack.encode(msgspec.structs.replace(file, digest=digest_of(file)))


def read_sealed(path: Path, kind: type[File], largest: int, version: int, error: type[ValueError]) -> File:
    """A file of this kind and version, at most `largest` bytes. Raises `error` in one line, OSError."""
    try:
        file: Any = msgspec.msgpack.decode(read_bytes(path, largest), type=kind)
    except (msgspec.MsgspecError, RecursionError, ValueError) as fault:
        raise error(f"{path.name} can't be read ({' '.join(str(fault).split())[:FAULT_MOST]})") from fault
    if file.version != version:
        raise error(f"{path.name} is of version {file.version}, this program knows {version}")
    if file.digest != digest_of(file):
        raise error(f"{path.name} doesn't match its hash")
    return file
