"""Those who mean no good, or can do no better: a hostile frame, a flood, a stall, a half-open line."""

import time
from collections.abc import Iterator
from contextlib import ExitStack

import msgspec
import pytest

from common.line.channel import Left
from common.line.hello import Refused, Welcome
from common.line.limits import Limits
from common.line.server import Joined
from tests.kits.line_ends import QUICK, TERMS, Say, come, events, left, serve
from tests.kits.raw_line import RawLine


@pytest.fixture
def stack() -> Iterator[ExitStack]:
    with ExitStack() as opened:
        yield opened


HOSTILE = {
    "rubbish": (b"\xc1\xff\x00", 2),
    "nothing": (b"", 2),
    "deep": (b"\x91" * 20_000, 2),
    "huge array": (b"\xdd\xff\xff\xff\xff", 2),
    "another type": (msgspec.msgpack.encode({"type": "shout", "text": "x"}), 2),
    "wrong field": (msgspec.msgpack.encode({"type": "say", "text": 7}), 2),
    "text": (msgspec.msgpack.encode(Say("x")), 1),
    "no text": (b"\xff\xfe", 1),
    "unknown opcode": (b"x", 7),
    "continuation of nothing": (b"x", 0),
    "long ping": (b"x" * 126, 9),
    "too large": (b"x" * 300_000, 2),
}


@pytest.mark.parametrize("name", HOSTILE)
def test_a_hostile_frame_ends_its_line_and_nothing_else(stack: ExitStack, name: str) -> None:
    server = serve(stack)
    friend = come(stack, server, "friend")
    raw = stack.enter_context(RawLine(server.port))
    assert isinstance(raw.come_in(TERMS, "foe"), Welcome)
    raw.send(*HOSTILE[name])
    assert raw.closed()
    heard = events(server, left)
    assert not any(isinstance(event.what, Say) for event in heard)
    gone = heard[-1].what
    assert isinstance(gone, Left) and gone.reason.startswith("sent no message") and not gone.again
    friend.send(Say("still here"))
    assert events(server, bool)[0].what == Say("still here")


@pytest.mark.parametrize("name", [*HOSTILE, "a message"])
def test_without_a_hello_nothing_reaches_the_owner(stack: ExitStack, name: str) -> None:
    data, opcode = HOSTILE.get(name, (msgspec.msgpack.encode(Say("x")), 2))
    server = serve(stack)
    with RawLine(server.port) as raw:
        raw.said()
        raw.send(data, opcode)
        answer = raw.said()
        assert answer is None or (isinstance(answer, Refused) and "no hello" in answer.text)
        raw.closed()
    come(stack, server, "friend")
    assert [type(event.what) for event in events(server, bool)] == [Joined]


def test_a_page_in_a_browser_is_refused(stack: ExitStack) -> None:
    server = serve(stack)
    with RawLine(server.port, headers="Origin: https://example.com\r\n") as raw:
        assert b" 403 " in raw.answer.splitlines()[0] + b" "


def test_who_says_nothing_is_hung_up_on(stack: ExitStack) -> None:
    server = serve(stack, limits=QUICK)
    with RawLine(server.port) as silent, RawLine(server.port, upgrade=False) as mute:
        silent.said()
        refusal = silent.said()
        assert isinstance(refusal, Refused) and "no hello came within 0.3 s" in refusal.text
        assert mute.receive() == (8, b"")
    assert server.poll() == []


def test_half_open_is_noticed(stack: ExitStack) -> None:
    server = serve(stack, limits=QUICK)
    raw = stack.enter_context(RawLine(server.port))
    raw.come_in(TERMS, "anna")
    assert events(server, left)[-1].what == Left("silent for 0.3 s")  # the raw line answers no ping


def test_one_who_answers_pings_may_be_silent(stack: ExitStack) -> None:
    server = serve(stack, limits=QUICK)
    come(stack, server, "anna", limits=QUICK)
    assert [type(event.what) for event in events(server, bool)] == [Joined]
    assert server.poll(1.0) == []


def test_a_flood_is_read_slowly_and_then_ended(stack: ExitStack) -> None:
    limits = Limits(messages_per_s=50.0, burst_s=0.2, flood_s=0.3)
    server = serve(stack, limits=limits)
    raw = stack.enter_context(RawLine(server.port))
    raw.come_in(TERMS, "anna")
    frames = raw.frame(msgspec.msgpack.encode(Say("x"))) * 400
    raw.socket.sendall(frames)
    heard = events(server, left)
    assert heard[-1].what == Left("sends too much; send more slowly", again=False)
    assert 10 <= len(heard) - 2 < 200


def test_an_honest_client_keeps_the_pace(stack: ExitStack) -> None:
    server = serve(stack, limits=Limits(messages_per_s=200.0, burst_s=0.1, flood_s=0.5))
    client = come(stack, server, "anna")
    for each in range(120):
        client.send(Say("x", each))
    heard = events(server, lambda heard: len(heard) == 121)
    assert [event.what.number for event in heard if isinstance(event.what, Say)] == list(range(120))


def test_an_owner_who_does_not_poll_is_not_flooded(stack: ExitStack) -> None:
    server = serve(stack, limits=Limits(messages_per_s=1e6, bytes_per_s=1e9, heard_messages=10))
    client = come(stack, server, "anna")
    for each in range(400):
        client.send(Say("x" * 20_000, each))
    time.sleep(0.3)
    assert len(server.poll()) <= 10 + 1
    last = Say("x" * 20_000, 399)
    heard = events(server, lambda heard: any(event.what == last for event in heard))
    assert heard[-1].what == last
    assert sum(isinstance(event.what, Say) for event in heard) >= 389  # less those of the first poll


def test_too_many_strangers_are_turned_away(stack: ExitStack) -> None:
    server = serve(stack, limits=Limits(connections=1, strangers=2))
    raws = [stack.enter_context(RawLine(server.port, upgrade=False)) for _ in range(3)]
    with pytest.raises(OSError):
        RawLine(server.port)
    raws[0].close()
    with RawLine(server.port) as raw:
        assert isinstance(raw.come_in(TERMS, "anna"), Welcome)
