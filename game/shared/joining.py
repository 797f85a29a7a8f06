"""From an address and a name to a place in a shared realm."""

import getpass
import os
import secrets
from pathlib import Path

from common.files import make_folder, output_error, read_bytes
from common.line.address import Address
from common.line.client import Client
from common.line.codec import Codec
from common.line.faults import LineError
from common.line.hello import KEY, Visitor
from common.line.names import check_player_name
from common.line.tls import client_tls
from game.realm.play_rules import load
from game.shared.joined import JoinedRealm, Wire
from game.shared.messages import FromRealm
from game.shared.terms import terms

STRANGER = "Traveller"
PLACE = "place.key"
FOLDER = "joined"


def own_name() -> str:
    """The player's name on this machine, if it will do as a name in a realm."""
    try:
        name = getpass.getuser()
        check_player_name(name)
        return name
    except (ValueError, OSError, KeyError, ImportError):
        return STRANGER


def place_folder(address: Address, name: str) -> Path:
    """Where the mind and the pages of a place lie, below the slots. Raises ValueError for a name that is none."""
    check_player_name(name)
    host = "".join(mark if mark.isalnum() or mark in "-." else "-" for mark in address.host)
    return Path(FOLDER) / f"{host}-{address.port}" / name.casefold()


def place_key(folder: Path) -> bytes:
    """What claims the place under one's name: random, made when one first comes, and nobody else's to read. Raises
    ValueError, OSError."""
    make_folder(folder)
    path = folder / PLACE
    if path.exists() and path.stat().st_size:
        key = read_bytes(path, KEY)
    else:
        key, part = secrets.token_bytes(KEY), path.with_suffix(".part")
        try:
            with os.fdopen(os.open(part, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "wb") as stream:
                stream.write(key)
                stream.flush()
                os.fsync(stream.fileno())
            part.replace(path)
        except OSError as error:
            raise output_error(path, error) from error
    if len(key) != KEY:
        raise ValueError(f"{path}: not the key of a place; take it from a backup, or choose another --name")
    return key


def joined(
    name: str,
    address: Address,
    folder: Path,
    token: bytes | None = None,
    authority: Path | None = None,
    region: int = -1,
) -> JoinedRealm:
    """A place in the realm at an address. folder: where the key of the place lies; authority: who vouches for the
    realm's certificate; region: where a new name would live, -1 for any. Raises LineError, ValueError or OSError with
    one line."""
    tls = client_tls(authority) if address.tls else None
    if authority is not None and tls is None:
        raise LineError(f"--ca {authority}: {address} speaks no TLS; give --join tls://{address}")
    visitor = Visitor(name, place_key(folder), region=region)
    codec: Codec[FromRealm] = Codec(FromRealm)

    def connect() -> Wire:
        return Client(address, terms(), codec, visitor, token=token, tls=tls)

    return JoinedRealm(connect, load())
