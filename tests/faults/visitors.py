"""Strangers and players who do what they should not: each sort comes several times to a realm in which somebody plays.

Bounds of time are short here, so that the rows take seconds; they are those of the line otherwise.
"""

import time
from collections.abc import Callable
from contextlib import ExitStack, suppress
from dataclasses import replace
from pathlib import Path

from common.line.address import Address
from common.line.client import Client
from common.line.faults import LineError
from common.line.hello import KEY, Visitor, hello_for
from common.line.token import TokenError, read_token
from game.shared.messages import Deeds, Enter, Leave, Say, encode
from tests.faults.frames import Undisturbed
from tests.faults.house import HEARD, PLAYERS, SHORT, SOON, House, served
from tests.faults.kills import free_port
from tests.faults.table import Report, Row, tally
from tests.kits.raw_line import RawLine

TOKEN = b"a token of a test, long enough"
Try = Callable[[House, str], str]  # a realm, a name that is free -> "" or what came instead


def half_open(house: House, name: str) -> str:
    """Comes in, and then answers nothing, not even a ping: a machine that lost its power."""
    line = house.raw(name)
    gone = house.soon(lambda: name not in house.here())
    line.close()
    return "" if gone else "still there"


def says_nothing(house: House, name: str) -> str:
    """Opens a connection and says nothing, or no hello."""
    with RawLine(house.port, upgrade=len(name) % 2 == 0) as line:
        line.socket.settimeout(SOON)
        try:
            while line.socket.recv(65_536):
                pass
        except TimeoutError:
            return "still open"
        except OSError:
            return ""
    return ""


def reads_nothing(house: House, name: str) -> str:
    """Walks on and never reads what comes. It is left out of updates and hung up on; little is held for it."""
    line = house.raw(name)
    number = next(number for number, guest in house.server._guests.items() if guest.place.name == name)
    most, until, tick = 0, time.monotonic() + SOON, 0
    with suppress(OSError):
        while name in house.here() and time.monotonic() < until:
            tick += 2
            line.send(encode(Deeds(tick, b"\x07\x07")))
            most = max(most, house.server.line.waiting(number))
            time.sleep(0.05)
    line.close()
    if not house.soon(lambda: name not in house.here()):
        return "still there"
    return "" if most < 64 * 1024 else f"{most} bytes were held for it"


def floods(house: House, name: str) -> str:
    """Sends as fast as it can."""
    line = house.raw(name)
    frames = line.frame(encode(Say("x"))) * 500
    until = time.monotonic() + SOON
    with suppress(OSError):
        line.socket.settimeout(0.1)
        while name in house.here() and time.monotonic() < until:
            with suppress(TimeoutError):
                line.socket.sendall(frames)
    line.close()
    return "" if house.soon(lambda: name not in house.here()) else "still there"


def stalls(house: House, name: str) -> str:
    """Enters and does nothing at all, but its machine answers pings: it may stay, and stands."""
    client = house.client(name, token=house.token)
    client.send(Enter())
    came = house.soon(lambda: name in house.here())
    time.sleep(2 * SHORT["silence_s"])
    there = name in house.here()
    client.close()
    left = house.soon(lambda: name not in house.here())
    return "" if came and there and left else f"came {came}, stayed {there}, left {left}"


def wrong_order(house: House, name: str) -> str:
    """Deeds before entering, entering twice, leaving and acting on: nothing comes of what is out of its order."""
    line = house.raw(name, enter=False)
    line.send(encode(Deeds(2, b"\x07\x07")))
    line.send(encode(Say("hello")))
    time.sleep(0.1)
    if name in house.here():
        return "in without entering"
    for message in (Enter(), Enter(), Deeds(9, b"\x04" * 2), Deeds(5, b"\x04" * 2), Leave(), Deeds(11, b"\x07\x07")):
        line.send(encode(message))
    gone = line.closed() and house.soon(lambda: name not in house.here())
    return "" if gone else "still there"


def second_hello(house: House, name: str) -> str:
    """Says hello again after the welcome."""
    line = house.raw(name)
    line.send(encode(hello_for(_greeting(house), house.terms, Visitor(name, b"k" * KEY), house.token)))
    reason = line.closed()
    return "" if reason.startswith("sent ") and house.soon(lambda: name not in house.here()) else f"heard {reason!r}"


def _greeting(house: House) -> object:
    with RawLine(house.port) as line:
        return line.said()


def name_twice(house: House, name: str) -> str:
    """A second player under the name of one who is there."""
    with house.client(name, token=house.token):
        return house.refuses("is here already", name, token=house.token)


def anothers_place(house: House, name: str) -> str:
    """Comes under a name whose place another key claims."""
    with house.client(name, token=house.token) as client:
        client.send(Enter())
        house.soon(lambda: name in house.here())
    house.soon(lambda: name not in house.here())
    return house.refuses("is somebody else's", name.upper(), key=b"x" * KEY)


def other_version(house: House, name: str) -> str:
    """A program that speaks another version."""
    own = replace(house.terms, version=house.terms.version + 1)
    return house.refuses("speaks version", name, own=own)


def other_protocol(house: House, name: str) -> str:
    """A game that looks for a mind at a realm's address."""
    return house.refuses("give the address of the other kind", name, own=replace(house.terms, protocol="mind"))


def other_rules(house: House, name: str) -> str:
    """A realm of other rules: which file differs is said."""
    own = replace(house.terms, rules={**house.terms.rules, "quests.toml": "0" * 32})
    return house.refuses("quests.toml differs", name, own=own)


def full(house: House, name: str) -> str:
    """One more than there is room for."""
    house.soon(lambda: not house.server.line._places)  # those of the time before have left
    with ExitStack() as others:
        for number in range(PLAYERS):
            others.enter_context(house.client(f"{name}x{number}"))
        return house.refuses("is full", name)


def wrong_token(house: House, name: str) -> str:
    """A token that is another one, or none."""
    said = house.refuses("token is wrong", name, token=b"another token, long enough")
    return said or house.refuses("wants a token", name)


def nobody(house: House, name: str) -> str:
    """An address where nobody listens."""
    began = time.monotonic()
    try:
        Client(Address("127.0.0.1", free_port()), house.terms, HEARD, Visitor(name)).close()
    except LineError as error:
        return "" if "nobody answers" in str(error) and time.monotonic() - began < 2 else f"{error}"
    return "let in"


def bad_token_file(house: House, name: str) -> str:
    """A file of a token that is too short, that others can read, or that is not there."""
    path = house.folder.parent / f"{name}.token"
    for content, mode, said in ((b"short", 0o600, "too short"), (TOKEN, 0o644, "others can read"), (b"", 0, "no such")):
        if mode:
            path.write_bytes(content)
            path.chmod(mode)
        else:
            path.unlink()
        try:
            read_token(path)
            return f"taken: {said}"
        except TokenError as error:
            if said not in str(error):
                return f"said {error}"
    return ""


VISITS: dict[str, tuple[str, str, Try]] = {
    "half_open": ("a half-open connection", "noticed; the place is kept", half_open),
    "silent": ("a connection that says no hello", "closed in time", says_nothing),
    "slow_reader": ("a player who reads nothing", "hung up on, under 64 KiB held", reads_nothing),
    "flood": ("a player who floods", "read slowly, then hung up on", floods),
    "stall": ("a player who does nothing", "stays", stalls),
    "order": ("messages in a wrong order", "nothing comes of them", wrong_order),
    "hello_twice": ("a hello after the welcome", "that line ends", second_hello),
    "name_twice": ("a name twice", "refused in one line", name_twice),
    "claim": ("another's place, with another key", "refused in one line", anothers_place),
    "version": ("another version", "refused in one line", other_version),
    "protocol": ("another protocol", "refused in one line", other_protocol),
    "rules": ("other rules", "refused in one line that names the file", other_rules),
}
GUARDED: dict[str, tuple[str, str, Try]] = {
    "token": ("a wrong and a missing token", "refused in one line", wrong_token),
    "nobody": ("an address where nobody listens", "refused in one line, at once", nobody),
    "token_file": ("a token file that is short, open to others, missing", "refused in one line", bad_token_file),
}


def rows(folder: Path, times: int, report: Report) -> dict[str, Row]:
    """Each visit so many times, while somebody plays on; then a full realm."""
    made: dict[str, Row] = {}
    with served(folder / "open") as house:
        honest = Undisturbed(house.port, house.terms)
        house.soon(lambda: bool(house.here()))
        made |= _visits(house, VISITS, times, report)
        faults = honest.end()
        house.soon(lambda: not house.here())
        made["full"] = tally("a full realm", "refused in one line", [full(house, f"F{n}") for n in range(times)])
    with served(folder / "guarded", TOKEN) as house:
        made |= _visits(house, GUARDED, times, report)
    what, expected = "somebody who plays on meanwhile", "notices nothing"
    made["undisturbed"] = Row(what, 1, expected, "; ".join(faults) or expected, not faults)
    return made


def _visits(house: House, visits: dict[str, tuple[str, str, Try]], times: int, report: Report) -> dict[str, Row]:
    made = {}
    for count, (key, (what, expected, attempt)) in enumerate(visits.items()):
        report("visitors", count, len(visits))
        outcomes = []
        for number in range(times):
            try:
                outcomes.append(attempt(house, f"V{count}n{number}" + "x" * (number % 2)))
            except (OSError, LineError, StopIteration) as error:
                outcomes.append(f"{type(error).__name__}: {str(error)[:80]}")
        made[key] = tally(what, expected, outcomes)
    return made
