"""Whose place a name is: of who came under it first. Others who know the token can't take it.

A client has a secret in a file of its own. It sends a key made of it, another one for each server and name, so that a
server learns nothing that opens a place elsewhere. A server keeps a hash of each key.
"""

import hashlib
import hmac
import json
import os
import secrets
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path

from common.files import OutputError, make_folder, read_bytes, read_json, write_whole
from common.line.address import Address
from common.line.faults import LineError

SECRET = 32  # bytes
LARGEST = 2**20  # bytes of the file


def place_key(path: Path, protocol: str, address: Address, name: str) -> bytes:
    """The key to one's place under this name at this address: 32 bytes. path: the secret; made where there is none.

    Raises LineError.
    """
    what = f"{protocol} {address.host.casefold()}:{address.port} {name.casefold()}".encode()
    return hmac.new(_secret(path), what, hashlib.sha256).digest()


def _secret(path: Path) -> bytes:
    with suppress(FileExistsError):
        try:
            make_folder(path.parent)
            descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        except FileExistsError:
            raise
        except OSError as error:
            raise LineError(f"{path}: can't be written ({error.strerror or error}); it keeps your places") from None
        with open(descriptor, "wb") as file:
            file.write(secrets.token_bytes(SECRET))
    try:
        secret = read_bytes(path, SECRET)
    except (OSError, ValueError) as error:
        raise LineError(f"{path}: can't be read ({error}); it keeps your places") from None
    if len(secret) != SECRET:
        raise LineError(f"{path}: damaged, and it keeps your places; restore it, or remove it to begin with new ones")
    return secret


class Places:
    """A server's file of names and hashes of keys. most: names that it takes; the first ones stay.

    Raises LineError for a file that can't be used.
    """

    def __init__(self, path: Path, most: int) -> None:
        self._path, self._most = path, most
        self._hashes: dict[str, str] = {}
        try:
            content = read_json(path, LARGEST)
        except FileNotFoundError:
            return
        except (OSError, ValueError) as error:
            raise LineError(
                f"{path}: whose names are whose can't be read ({error}); restore it, or remove it"
            ) from None
        if not isinstance(content, Mapping) or not all(isinstance(value, str) for value in content.values()):
            raise LineError(f"{path}: not names and hashes of keys; restore it, or remove it to let all names be new")
        self._hashes = dict(content)

    def admit(self, name: str, key: bytes) -> str:
        """Why this key opens no place under this name, in one line; "" if it does. A new name is noted on disk."""
        known, hashed = self._hashes.get(name.casefold()), hashlib.sha256(key).hexdigest()
        if known is not None:
            same = hmac.compare_digest(known, hashed)
            return "" if same else f"{name} is another player's name here; choose another one with --mind-name"
        if len(self._hashes) >= self._most:
            return f"{len(self._hashes)} names are taken here, and no more are given; ask who runs the server"
        try:
            whole = {**self._hashes, name.casefold(): hashed}
            write_whole(self._path, json.dumps(whole, indent=1).encode())
        except OutputError as error:
            return f"your name can't be noted on the server: {error}; try again later"
        self._hashes = whole
        return ""
