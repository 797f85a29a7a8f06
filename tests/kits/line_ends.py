"""Servers and clients on loopback for tests of the line, and what they say."""

import time
from collections.abc import Callable
from contextlib import ExitStack
from typing import Any

import msgspec

from common.line.address import Address
from common.line.channel import Left
from common.line.client import Client
from common.line.codec import Codec
from common.line.hello import Terms, Visitor
from common.line.limits import Limits
from common.line.server import Event, Server

TERMS = Terms("test", 1, {"realm.toml": "aa"})
TOKEN = b"sixteen bytes or more"


class Say(msgspec.Struct, frozen=True, tag="say"):
    text: str
    number: int = 0


CODEC: Codec[Say] = Codec(Say)
QUICK = Limits(hello_s=0.3, heartbeat_s=0.1, silence_s=0.3, flood_s=0.3, burst_s=0.5, messages_per_s=50.0)


def serve(stack: ExitStack, **settings: Any) -> Server[Say]:
    server: Server[Say] = Server(Address("127.0.0.1", 0), TERMS, CODEC, **settings)
    stack.callback(server.close)
    return server


def come(stack: ExitStack, server: Server[Say], name: str, **settings: Any) -> Client[Say]:
    visitor = settings.pop("visitor", Visitor(name))
    client = Client(Address("127.0.0.1", server.port), settings.pop("terms", TERMS), CODEC, visitor, **settings)
    stack.callback(client.close)
    return client


def events(server: Server[Say], enough: Callable[[list[Event[Say]]], bool]) -> list[Event[Say]]:
    """All events until they are enough."""
    heard: list[Event[Say]] = []
    until = time.monotonic() + 20.0
    while not enough(heard):
        assert time.monotonic() < until, heard[-5:]
        heard += server.poll(0.2)
    return heard


def heard_by(client: Client[Say], count: int) -> list[Say | Left]:
    heard: list[Say | Left] = []
    until = time.monotonic() + 20.0
    while len(heard) < count:
        assert time.monotonic() < until, heard[-5:]
        heard += client.poll(0.2)
    return heard


def left(heard: list[Event[Say]]) -> bool:
    return any(isinstance(event.what, Left) for event in heard)
