"""The token: a secret that whoever runs a server shares with those who may come. It lies in a file.

It never crosses a line. The server sends 32 random bytes, the client answers with an HMAC-SHA256 over them, keyed with
the token (RFC 2104), and the server compares in constant time.
"""

import hashlib
import hmac
import os
import stat
from pathlib import Path

SHORTEST, LONGEST = 16, 4096  # bytes
NONCE = 32  # bytes


class TokenError(ValueError):
    """A token that is not used: one line that says where, what and how to mend it."""


def read_token(path: Path) -> bytes:
    """The token in a file, without white space around it. Raises TokenError.

    A file that others of this machine can read is refused, where the system has such permissions.
    """
    try:
        with open(path, "rb") as file:
            mode = os.fstat(file.fileno()).st_mode
            raw = file.read(LONGEST + 1)
    except FileNotFoundError:
        raise TokenError(f"{path}: no such file; write 16 random bytes or more into one: {_recipe(path)}") from None
    except OSError as error:
        raise TokenError(f"{path}: cannot be read ({error.strerror}); give the file of a token") from None
    if os.name == "posix" and mode & (stat.S_IRWXG | stat.S_IRWXO):
        raise TokenError(f"{path}: others can read this token; make it yours alone: chmod 600 {path}")
    token = raw.strip()
    if len(raw) > LONGEST:
        raise TokenError(f"{path}: longer than {LONGEST} bytes; give the file of a token")
    if len(token) < SHORTEST:
        raise TokenError(f"{path}: a token of {len(token)} bytes is too short; write a longer one: {_recipe(path)}")
    return token


def _recipe(path: Path) -> str:
    return f"(umask 077; openssl rand -hex 32 > {path})"


def proof_of(token: bytes, *parts: bytes) -> bytes:
    """What shows that one has the token: 32 bytes over `parts`, each of which stands with its length."""
    whole = hmac.new(token, digestmod=hashlib.sha256)
    for part in parts:
        whole.update(len(part).to_bytes(4, "big") + part)
    return whole.digest()


def proves(token: bytes, proof: bytes, *parts: bytes) -> bool:
    """Whether `proof` is that of the token; takes as long whatever is wrong."""
    return hmac.compare_digest(proof_of(token, *parts), proof)
