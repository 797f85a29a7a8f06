"""Servers and clients over real sockets on loopback: joining, order, and who may not come in."""

import asyncio
import socket
import sys
import time
from collections.abc import Iterator
from contextlib import ExitStack
from typing import Any

import pytest

from common.line.address import Address
from common.line.channel import Channel, Left
from common.line.client import Client
from common.line.faults import BadMessage, LineError
from common.line.hello import Terms, Visitor, Welcome
from common.line.limits import Limits
from common.line.loop import LoopThread
from common.line.server import Event, Joined, Server
from tests.kits.line_ends import CODEC, TERMS, TOKEN, Say, come, events, heard_by, left, serve
from tests.kits.raw_line import RawLine


@pytest.fixture
def stack() -> Iterator[ExitStack]:
    with ExitStack() as opened:
        yield opened


def test_joining_talking_leaving(stack: ExitStack) -> None:
    server = serve(stack, token=TOKEN)
    client = come(stack, server, "anna", token=TOKEN)
    client.send(Say("hello", 1))
    heard = events(server, lambda heard: len(heard) == 2)
    assert isinstance(heard[0].what, Joined) and heard[0].what.name == "anna"
    assert heard[1] == Event(heard[0].number, Say("hello", 1))
    assert server.send(heard[0].number, Say("welcome"))
    assert heard_by(client, 1) == [Say("welcome")]
    client.send(Say("bye"))
    client.close()
    last = events(server, left)
    assert [event.what for event in last] == [Say("bye"), Left("left")]
    assert not server.send(heard[0].number, Say("too late"))


def test_all_is_kept_in_order_and_of_a_key_the_newest(stack: ExitStack) -> None:
    server = serve(stack)
    client = come(stack, server, "anna", limits=Limits(heard_messages=1))
    number = events(server, bool)[0].number
    filler = Say("x" * 100_000)  # so large that it waits for the reader
    for each in range(40):
        server.send(number, filler)
        server.send(number, Say("order", each))
        server.send(number, Say("scene", each), newest="scene")
        server.send(number, Say("other", each), newest="other")
        if each == 5:
            assert server.waiting(number) > 0
        if server.waiting(number) > 900_000:
            break
    scenes: list[int] = []
    order: list[int] = []
    while len(order) <= each or each not in scenes:
        for what in client.poll(1.0):
            assert isinstance(what, Say)
            (scenes if what.text == "scene" else order if what.text == "order" else []).append(what.number)
    assert order == list(range(each + 1))
    assert scenes == sorted(set(scenes)) and len(scenes) < each


@pytest.mark.parametrize("pause", [0.0, 0.02])  # at once; or so that a frame is on its way when too much waits
def test_one_who_reads_too_slowly_is_let_go(stack: ExitStack, pause: float) -> None:
    server = serve(stack, limits=Limits(waiting_bytes=200_000, heartbeat_s=60.0, silence_s=60.0))
    raw = stack.enter_context(RawLine(server.port))
    assert isinstance(raw.come_in(TERMS, "anna"), Welcome)
    number = events(server, bool)[0].number
    sent = 0
    while server.send(number, Say("x" * 50_000)):
        sent += 1
        assert sent < 1000
        time.sleep(pause)
    assert events(server, left)[-1].what == Left("reads too slowly; try again on a faster line")


def test_many_talk_at_once_and_each_gets_its_own(stack: ExitStack) -> None:
    server = serve(stack)
    clients = [come(stack, server, f"p{each}") for each in range(8)]
    numbers = {
        event.what.name: event.number
        for event in events(server, lambda heard: len(heard) == 8)
        if isinstance(event.what, Joined)
    }
    server.send_all(numbers.values(), Say("all"))
    for each, client in enumerate(clients):
        server.send(numbers[f"p{each}"], Say("one", each))
        client.send(Say("back", each))
    assert [heard_by(client, 2) for client in clients] == [[Say("all"), Say("one", n)] for n in range(8)]
    heard = {event.number: event.what for event in events(server, lambda heard: len(heard) == 8)}
    assert heard == {numbers[f"p{each}"]: Say("back", each) for each in range(8)}


@pytest.mark.parametrize(
    ("settings", "fault", "again"),
    [
        ({"token": b"another token, long enough"}, "the token is wrong", False),
        ({"token": None}, "wants a token; give --token FILE", False),
        ({"terms": Terms("test", 2, TERMS.rules)}, "version 1 of test, this program 2; update the server", False),
        ({"terms": Terms("mind", 1, {})}, "speaks 'test', this program 'mind'", False),
        ({"terms": Terms("test", 1, {"realm.toml": "bb"})}, "realm.toml differs", False),
        ({"visitor": Visitor("AnnA")}, "somebody called anna is here already; choose another name", True),
        ({"visitor": Visitor("mallory")}, "mallory is not wanted", False),
        ({"visitor": Visitor("carl")}, "the server is full, with 2 players", True),
    ],
)
def test_who_may_not_come_in_is_told_why(stack: ExitStack, settings: Any, fault: str, again: bool) -> None:
    full = Limits(connections=2)
    server = serve(
        stack, token=TOKEN, limits=full, admit=lambda n, k: "mallory is not wanted" if n == "mallory" else ""
    )
    come(stack, server, "anna", token=TOKEN)
    come(stack, server, "bert", token=TOKEN)
    with pytest.raises(LineError, match=fault) as refused:
        come(stack, server, "dora", **{"token": TOKEN, **settings})
    assert str(refused.value).startswith(f"127.0.0.1:{server.port}: ") and refused.value.again == again
    assert {event.what.name for event in server.poll() if isinstance(event.what, Joined)} == {"anna", "bert"}


def test_who_lost_the_line_takes_their_own_place_again(stack: ExitStack) -> None:
    server = serve(stack)
    visitor = Visitor("anna", b"key")
    first = come(stack, server, "anna", visitor=visitor)
    second = come(stack, server, "anna", visitor=visitor)
    heard = [event.what for event in events(server, lambda heard: len(heard) == 3)]
    assert isinstance(heard[0], Joined) and isinstance(heard[1], Left) and isinstance(heard[2], Joined)
    assert heard_by(first, 1) == [Left("came back on another line", again=False)]
    second.send(Say("here"))
    assert events(server, bool)[0].what == Say("here")
    with pytest.raises(LineError, match="here already"):
        come(stack, server, "anna", visitor=Visitor("anna", b"other", visitor.visit))


def test_who_names_no_visit_takes_nobodys_place(stack: ExitStack) -> None:
    server = serve(stack)
    come(stack, server, "anna", visitor=Visitor("anna", b"", b""))
    with pytest.raises(LineError, match="here already"):
        come(stack, server, "anna", visitor=Visitor("anna", b"", b""))


def test_what_is_newer_waits_behind_what_came_before_it(stack: ExitStack) -> None:
    thread = LoopThread()
    stack.callback(thread.close)
    sent = list[bytes]()

    class Socket:
        async def send(self, data: bytes) -> None:
            sent.append(data)

        async def recv(self) -> bytes:
            await asyncio.Event().wait()
            return b""

    channel = Channel(Socket(), thread, Limits())
    for data, key in ((b"a", None), (b"old", "scene"), (b"b", None), (b"new", "scene"), (b"c", None)):
        assert channel.put(data, key)
    channel.end(Left("left"))
    thread.run(channel.converse(lambda data: None))
    assert sent == [b"a", b"b", b"new", b"c"]


def test_beyond_loopback_nobody_listens_without_a_token() -> None:
    with pytest.raises(LineError, match=r"^0\.0\.0\.0:0: .*give --token FILE, or listen on 127.0.0.1"):
        Server(Address("0.0.0.0", 0), TERMS, CODEC)


def test_a_taken_port_is_one_line(stack: ExitStack) -> None:
    server = serve(stack)
    with pytest.raises(LineError, match=r"can't listen there .*choose another"):
        Server(Address("127.0.0.1", server.port), TERMS, CODEC)


def test_nobody_answers(stack: ExitStack) -> None:
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    with pytest.raises(LineError, match="nobody answers; start it there") as refused:
        Client(Address("127.0.0.1", port), TERMS, CODEC, Visitor("anna"))
    assert refused.value.again


def test_another_kind_of_server_answers(stack: ExitStack) -> None:
    server = serve(stack)
    with pytest.raises(LineError, match="speaks no TLS"):
        Client(Address("127.0.0.1", server.port, tls=True), TERMS, CODEC, Visitor("anna"))


def test_without_the_package_there_is_one_line(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "websockets", None)
    for make in (
        lambda: Server(Address("127.0.0.1", 0), TERMS, CODEC),
        lambda: Client(Address("127.0.0.1", 1), TERMS, CODEC, Visitor("anna")),
    ):
        with pytest.raises(LineError, match=r'pip install "\.\[net\]"'):
            make()


def test_a_message_above_the_bound_is_said_to_its_maker(stack: ExitStack) -> None:
    server = serve(stack)
    client = come(stack, server, "anna")
    with pytest.raises(BadMessage, match="bytes long; the server takes 262144"):
        client.send(Say("x" * 300_000))


def test_a_server_that_ends_says_so_and_may_be_come_back_to(stack: ExitStack) -> None:
    server = serve(stack)
    client = come(stack, server, "anna")
    server.close("the realm sleeps")
    assert heard_by(client, 1) == [Left("the realm sleeps")]
    assert not client.send(Say("x"))


def test_an_owner_hangs_up_after_what_waits(stack: ExitStack) -> None:
    server = serve(stack)
    client = come(stack, server, "anna")
    number = events(server, bool)[0].number
    server.send(number, Say("last"))
    server.hang_up(number, "you were asked to go")
    assert heard_by(client, 2) == [Say("last"), Left("you were asked to go", again=False)]
    assert events(server, left)[-1] == Event(number, Left("you were asked to go", again=False))
