"""The first words on a line. The server greets, the client says hello, and is welcomed or refused.

Greeting -> Hello -> Welcome; or Refused, or SentOn to another port, and the end. From the Welcome on both ends send the
owner's messages.
"""

import secrets
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Annotated

from msgspec import Meta, Struct

from common.line.faults import LineError
from common.line.names import NAME_MAX, check_player_name
from common.line.token import NONCE, proof_of, proves

Short = Annotated[str, Meta(max_length=64)]
Rules = Annotated[dict[Short, Short], Meta(max_length=32)]
Secret = Annotated[bytes, Meta(max_length=64)]
Proof = Annotated[bytes, Meta(min_length=32, max_length=32)]
KEY = 32  # bytes of a key, of a visit
REGIONS_MAX = 64
Region = Annotated[int, Meta(ge=-1, lt=REGIONS_MAX)]


class Greeting(Struct, frozen=True, tag="greeting"):
    """What is spoken here, by which rules (asset -> digest), whether a token is wanted, and 32 random bytes."""

    protocol: Short
    version: Annotated[int, Meta(ge=0, le=2**31)]
    rules: Rules
    token: bool
    nonce: Annotated[bytes, Meta(min_length=NONCE, max_length=NONCE)]


class Hello(Struct, frozen=True, tag="hello", omit_defaults=True):
    """Who comes. proof: HMAC over nonce, protocol, name, key and visit. key: what only the owner of the place under
    this name has, or nothing. visit: random, the same for all connections of one program's run. region: which part of a
    server in several parts a new name would have its place in; -1 for any.
    """

    protocol: Short
    version: Annotated[int, Meta(ge=0, le=2**31)]
    rules: Rules
    name: Annotated[str, Meta(max_length=NAME_MAX)]
    proof: Proof
    key: Secret = b""
    visit: Secret = b""
    region: Region = -1


class Welcome(Struct, frozen=True, tag="welcome"):
    """Come in; and what is taken from a connection: bytes of a message, messages and bytes a second."""

    frame_bytes: Annotated[int, Meta(ge=1024, le=2**30)]
    messages_per_s: Annotated[float, Meta(gt=0.0, le=1e9)]
    bytes_per_s: Annotated[float, Meta(gt=0.0, le=1e12)]


class Refused(Struct, frozen=True, tag="refused"):
    """Why not, in one line. again: whether the same may be let in later."""

    text: Annotated[str, Meta(max_length=500)]
    again: bool = False


class SentOn(Struct, frozen=True, tag="sent_on"):
    """Your place is served at another port of this host; say hello there."""

    port: Annotated[int, Meta(ge=1, le=65_535)]


@dataclass(frozen=True)
class Terms:
    """What both ends have to agree on. rules: asset -> a digest of its content, both at most 64 characters."""

    protocol: str
    version: int
    rules: Mapping[str, str] = field(default_factory=dict)

    def mismatch(self, protocol: str, version: int, rules: Mapping[str, str], here: str, there: str) -> str:
        """What differs, in one line; "" if nothing does. here, there: whose terms these are, and whose the others."""
        if protocol != self.protocol:
            return f"{there} speaks {protocol!r}, {here} {self.protocol!r}; give the address of the other kind"
        if version != self.version:
            older = there if version < self.version else here
            return f"{there} speaks version {version} of {protocol}, {here} {self.version}; update {older}"
        for asset in sorted({*rules, *self.rules}):
            if rules.get(asset) != self.rules.get(asset):
                return f"{there} and {here} have other rules: {asset} differs; use the same file at both ends"
        return ""


@dataclass(frozen=True)
class Visitor:
    """Who comes to a server. key: b"" or what proves that the place under this name is theirs. visit: of one run of
    their program, so that a connection that takes the place of a dead one is known. region: see Hello."""

    name: str
    key: bytes = b""
    visit: bytes = field(default_factory=lambda: secrets.token_bytes(16))
    region: int = -1


def hello_for(greeting: Greeting, terms: Terms, visitor: Visitor, token: bytes | None) -> Hello:
    """The answer to a greeting. Raises LineError where the server can't be spoken with."""
    check_player_name(visitor.name)
    if fault := terms.mismatch(greeting.protocol, greeting.version, greeting.rules, "this program", "the server"):
        raise LineError(fault)
    if greeting.token and token is None:
        raise LineError(
            "the server wants a token; give --token FILE (of a mind: --mind-token), with the token of whoever runs it"
        )
    proof = proof_of(token or b"", *_signed(greeting.nonce, terms.protocol, visitor.name, visitor.key, visitor.visit))
    return Hello(
        terms.protocol, terms.version, dict(terms.rules), visitor.name, proof, visitor.key, visitor.visit,
        visitor.region,
    )  # fmt: skip


def fault_of(hello: Hello, terms: Terms, nonce: bytes, token: bytes | None) -> str:
    """Why this hello is refused, in one line for whoever said it; "" if it is not."""
    if fault := terms.mismatch(hello.protocol, hello.version, hello.rules, "the server", "your program"):
        return fault
    signed = _signed(nonce, hello.protocol, hello.name, hello.key, hello.visit)
    if token is not None and not proves(token, hello.proof, *signed):
        return (
            "the token is wrong; give --token FILE (of a mind: --mind-token), with the token of whoever runs the server"
        )
    try:
        check_player_name(hello.name)
    except ValueError as error:
        return str(error)
    return ""


def _signed(nonce: bytes, protocol: str, name: str, key: bytes, visit: bytes) -> tuple[bytes, ...]:
    return nonce, protocol.encode(), name.encode(), key, visit
