"""docs/protocol.md says what crosses a line: its bytes are read back, and a server says them."""

import hashlib
import json
import re
import secrets
from pathlib import Path
from typing import Any

import msgspec
import pytest

from common.line.address import Address
from common.line.hello import Hello, Visitor, Welcome, fault_of, hello_for
from common.line.limits import HELLO_BYTES
from common.line.server import Joined, Server
from perception.messages import FromMind, Teach, ToMind
from perception.remote import LIMITS, TERMS, MindCodec
from tests.kits.raw_line import FirstWords, RawLine

TEXT = (Path(__file__).parents[3] / "docs" / "protocol.md").read_text(encoding="utf-8")
TOKEN = b"an example of a token"
KINDS: tuple[Any, ...] = (FirstWords, ToMind, FromMind)


def examples() -> dict[str, tuple[dict[str, Any], bytes]]:
    """(fields, bytes) of each example, by its type."""
    read = {}
    for block in re.findall(r"```hex\n(.*?)```", TEXT, re.S):
        words, _, digits = block.partition("\n\n")
        fields = json.loads(words.replace("\n", " "))
        read[fields["type"]] = fields, bytes.fromhex(digits.replace("\n", " "))
    return read


EXAMPLES = examples()


def decoded(data: bytes) -> Any:
    for kind in KINDS:
        try:
            return msgspec.msgpack.decode(data, type=kind)
        except msgspec.ValidationError:
            continue
    raise AssertionError(f"{data.hex()} is no message")


def plain(value: Any) -> Any:
    """As JSON has it, bytes as hex digits."""
    if isinstance(value, bytes):
        return value.hex()
    if isinstance(value, dict):
        return {key: plain(item) for key, item in value.items()}
    return [plain(item) for item in value] if isinstance(value, list | tuple) else value


def test_there_is_an_example_of_each_step() -> None:
    wanted = {
        "greeting",
        "hello",
        "welcome",
        "refused",
        "sent_on",
        "ready",
        "perceive",
        "percept",
        "teach",
        "taught",
        "attune",
    }
    assert set(EXAMPLES) == wanted


@pytest.mark.parametrize("name", EXAMPLES)
def test_the_bytes_of_an_example_are_those_of_its_fields(name: str) -> None:
    fields, data = EXAMPLES[name]
    message = decoded(data)
    assert plain(msgspec.to_builtins(message, builtin_types=(bytes,))) == fields
    assert msgspec.msgpack.encode(message) == data


def test_the_hello_is_the_answer_to_the_greeting() -> None:
    greeting, hello = decoded(EXAMPLES["greeting"][1]), decoded(EXAMPLES["hello"][1])
    assert isinstance(hello, Hello)
    assert hello_for(greeting, TERMS, Visitor(hello.name, hello.key, hello.visit), TOKEN) == hello
    assert fault_of(hello, TERMS, greeting.nonce, TOKEN) == ""
    assert decoded(EXAMPLES["refused"][1]).text == fault_of(hello, TERMS, greeting.nonce, TOKEN + b"x")


def test_the_digest_is_of_the_lesson() -> None:
    teach, taught = decoded(EXAMPLES["teach"][1]), decoded(EXAMPLES["taught"][1])
    assert isinstance(teach, Teach)
    assert taught.digest == hashlib.blake2b(msgspec.msgpack.encode(teach.lesson), digest_size=16).hexdigest()


def test_a_server_says_these_bytes_and_takes_them(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(secrets, "token_bytes", lambda size: bytes(range(size)))
    with (
        Server(Address("127.0.0.1", 0), TERMS, MindCodec(ToMind), limits=LIMITS, token=TOKEN) as server,
        RawLine(server.port) as raw,
    ):
        assert raw.receive() == (2, EXAMPLES["greeting"][1])
        raw.send(EXAMPLES["hello"][1])
        assert raw.receive() == (2, EXAMPLES["welcome"][1])
        assert isinstance(decoded(EXAMPLES["welcome"][1]), Welcome)
        for name in ("perceive", "teach"):
            raw.send(EXAMPLES[name][1])
        heard = [event.what for event in server.poll(5.0)]
        while len(heard) < 3:
            heard += [event.what for event in server.poll(5.0)]
        assert isinstance(heard[0], Joined)
        assert heard[1:] == [decoded(EXAMPLES[name][1]) for name in ("perceive", "teach")]


def test_the_bounds_are_those_of_a_mind() -> None:
    bounds = {what: float(number) for what, number in re.findall(r"^\| ([\w\s]+) \| (\d+) \|$", TEXT, re.M)}
    assert bounds == {
        "bytes of a message": LIMITS.frame_bytes,
        "messages a second": LIMITS.messages_per_s,
        "bytes a second": LIMITS.bytes_per_s,
        "seconds to say hello": LIMITS.hello_s,
        "seconds from ping to ping": LIMITS.heartbeat_s,
        "seconds of silence": LIMITS.silence_s,
        "seconds ahead of the pace": LIMITS.flood_s,
        "bytes that wait for a slow reader": LIMITS.waiting_bytes,
        "players at once": LIMITS.connections,
        "connections before their hello": LIMITS.strangers,
    }
    assert f"longer than {HELLO_BYTES:,} bytes" in TEXT
