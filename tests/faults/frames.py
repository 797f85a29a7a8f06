"""Hostile frames: bytes that no honest end sends. None may be taken for a message, and none may bring an end down.

All of them go through what decodes frames at the realm, at the mind, and at the hello of both. Some of them go over
real lines to a realm in a process of its own, in which somebody plays on undisturbed.
"""

import asyncio
import tempfile
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from itertools import repeat
from pathlib import Path
from random import Random
from threading import Thread
from typing import Any

import msgpack

from common.line.codec import Codec
from common.line.faults import BadMessage
from common.line.hello import KEY, Hello, Terms, Visitor, Welcome, hello_for
from common.line.limits import DEFAULT, HELLO_BYTES
from game.shared.messages import (
    Block,
    Compare,
    Deeds,
    Enter,
    FromPlayer,
    Leave,
    Notice,
    Pair,
    Point,
    Say,
    Share,
    Spoke,
    encode,
)
from game.shared.terms import terms
from perception.messages import ToMind
from perception.remote import MindCodec
from tests.crowd.army import RealmProcess
from tests.crowd.player import Habits, Player
from tests.crowd.realm_process import memory
from tests.faults.table import Report, Row
from tests.kits.raw_line import RawLine

HONEST: tuple[Any, ...] = (
    Enter(3), Deeds(4, b"\x04\x07", [(0, ["name", 3, "oni"])], 1), Say("hello"), Point(3, "oni"), Compare(1, True),
    Share([(3, "oni", 50)]), Block(1, True), Pair(1), Leave(),
)  # fmt: skip
WRONG: tuple[Any, ...] = (None, -1, 2**63, 1.5, "x" * 3000, b"\0" * 70, [[]], {"a": 1}, [1] * 100, True)
GROWTH_MB = 8.0
AT_ONCE, CHUNK = 8, 40  # lines at a time; frames that are drawn at a time
LARGE = 300_000  # bytes: more than a realm takes in one frame


def scalar_like(value: Any, wrong: Any) -> bool:
    """Whether both are of one kind, so that the wrong one might be right."""
    return type(value) is type(wrong) or {type(value), type(wrong)} <= {int, bool, float}


def noise(random: Random) -> bytes:
    """Random bytes that don't begin as a map does, so that they are no message."""
    return bytes([random.choice((0x00, 0x7F, 0x90, 0xA1, 0xC0, 0xC1, 0xCA, 0xD9, 0xDC, 0xFF))]) + random.randbytes(
        random.randrange(200)
    )


def truncated(random: Random) -> bytes:
    """The beginning of a message."""
    raw = encode(random.choice(HONEST))
    return raw[: random.randrange(len(raw))]


def too_long(random: Random) -> bytes:
    """A message with something behind it."""
    return encode(random.choice(HONEST)) + random.randbytes(random.randrange(1, 9))


def wrong_field(random: Random) -> bytes:
    """A message with a field of another kind, or of a size that nobody takes."""
    while True:
        message = msgpack.unpackb(encode(random.choice(HONEST)))
        name, wrong = random.choice(list(message)), random.choice(WRONG)
        if not scalar_like(message[name], wrong) or (wrong in (-1, 2**63) and type(message[name]) is int):
            return bytes(msgpack.packb(message | {name: wrong}))


def missing(random: Random) -> bytes:
    """A message without something that it needs."""
    message = msgpack.unpackb(encode(random.choice([m for m in HONEST if not isinstance(m, Enter | Leave)])))
    name = random.choice([name for name in message if name not in ("deeds", "told")])
    return bytes(msgpack.packb({key: value for key, value in message.items() if key != name}))


def nested(random: Random) -> bytes:
    """Lists in lists, or maps in maps, a thousand deep and more."""
    depth = random.randrange(1000, 20_000)
    return random.choice((b"\x91" * depth + b"\xc0", b"\x81\xa4type" * (depth // 6) + b"\xc0"))


def promises(random: Random) -> bytes:
    """A head that promises billions of entries."""
    head = random.choice((b"\xdf", b"\xdd", b"\xc6", b"\xdb"))
    return b"\x82\xa4type\xa5deeds\xa5walks" + head + b"\xff" * 4 + random.randbytes(20)


def another_end(random: Random) -> bytes:
    """A message that only the other end sends, or that nobody knows."""
    unknown = {"type": random.choice(("fly", "", "Deeds", "told")), "last": 1}
    return random.choice((encode(Notice("x")), encode(Spoke(1, "A", "x")), bytes(msgpack.packb(unknown))))


MAKERS: dict[str, Callable[[Random], bytes]] = {
    "random": noise,
    "truncated": truncated,
    "with a tail": too_long,
    "wrong type or size": wrong_field,
    "fields missing": missing,
    "deeply nested": nested,
    "false lengths": promises,
    "of another end": another_end,
}


def accepts(codec: Codec[Any], raw: bytes) -> tuple[bool, str]:
    """Whether it is taken for a message; and the name of a fault that is none of the codec's own."""
    try:
        codec.decode(raw)
    except BadMessage:
        return False, ""
    except Exception as error:  # any other would end the loop's thread
        return False, type(error).__name__
    return True, ""


def decoded(times: int, seed: int, report: Report) -> Row:
    """So many frames for all decoders."""
    random, makers = Random(f"frames/{seed}"), list(MAKERS.values())
    codecs: tuple[Codec[Any], ...] = (Codec(FromPlayer), MindCodec(ToMind), Codec(Hello))
    accepted, crashes, begun = 0, 0, 0.0
    for number in range(times):
        raw = makers[number % len(makers)](random)
        for codec in codecs:
            taken, fault = accepts(codec, raw)
            accepted, crashes = accepted + taken, crashes + bool(fault)
        if number == times // 10:
            begun = memory()
        if number % 1000 == 0:
            report("frames", number, times)
    grown = round(memory() - begun, 1)
    came = f"{accepted} accepted, {crashes} crashes, {grown} MB more memory"
    numbers = {"accepted": accepted, "crashes": crashes, "memory_growth_mb": grown}
    good = not accepted and not crashes and grown < GROWTH_MB
    what = "hostile frames for the decoders of realm, mind and hello: " + ", ".join(MAKERS)
    return Row(what, times, "none accepted, no crash, memory flat", came, good, numbers)


class Undisturbed:
    """An honest player in a thread of its own, for as long as strangers do what they do. number: of its name."""

    def __init__(self, port: int, own: Terms, number: int = 0) -> None:
        self.player = Player(number, port, own, Habits(), 0)
        self._thread = Thread(target=lambda: asyncio.run(self.player.live()), daemon=True)
        self._thread.start()

    def end(self) -> list[str]:
        """What it met that an honest player doesn't meet."""
        self.player.ended = True
        self._thread.join(10)
        counts = self.player.counts
        faults = list(counts.strange)
        faults += [f"{counts.desyncs} views differed"] if counts.desyncs else []
        faults += [f"{counts.joins - 1} times thrown out"] if counts.joins > 1 else []
        return faults + ([] if counts.updates else ["no update came"])


def over_lines(folder: Path, times: int, seed: int, report: Report) -> Row:
    """So many frames over real lines, some at a time, each on a line of its own, since the first bad one ends a line;
    one in three before the hello."""
    random, makers, own = Random(f"lines/{seed}"), list(MAKERS.values()), terms()
    realm = RealmProcess(folder, seed, 64)
    try:
        honest = Undisturbed(realm.port, own)
        realm.note()
        begun, refused, held = 0.0, 0, []
        with ThreadPoolExecutor(AT_ONCE) as pool:
            for start in range(0, times, CHUNK):
                report("frames on lines", start, times)
                numbers = range(start, min(start + CHUNK, times))
                raws = [_raw(random, makers[number % len(makers)], number) for number in numbers]
                names, firsts = [f"Foe{number % CHUNK}" for number in numbers], [number % 3 == 0 for number in numbers]
                ended = list(pool.map(_hangs_up, repeat(realm.port), repeat(own), names, raws, firsts))
                refused += sum(ended)
                held += [makers[n % len(makers)].__name__ for n, one in zip(numbers, ended, strict=True) if not one]
                if not begun and start >= times // 10 - CHUNK:
                    begun = realm.note()["memory_mb"]
        note = realm.note()
        grown, faults = round(note["memory_mb"] - begun, 1), honest.end()
        players = realm.end()
    finally:
        realm.kill()
    came = f"{refused} lines ended, {grown} MB more memory, the realm at tick {players['ticks']}"
    came += f"; not ended: {sorted(set(held))}" if held else ""
    came += f"; who played on met: {faults}" if faults else "; who played on noticed nothing"
    counts = {"refused": refused, "memory_growth_mb": grown, "disturbed": len(faults)}
    good = refused == times and grown < GROWTH_MB and not faults
    return Row("the same over real lines", times, "each ends its own line alone, memory flat", came, good, counts)


def _raw(random: Random, maker: Callable[[Random], bytes], number: int) -> bytes:
    raw = maker(random)
    return random.randbytes(LARGE) if number % 50 == 49 else raw


def _hangs_up(port: int, own: Terms, name: str, raw: bytes, first: bool) -> bool:
    """Whether the server ends the line because of these bytes. first: in place of the hello; else a player sends them
    who has come in, every other time one who is in the realm."""
    try:
        with RawLine(port) as line:
            greeting = line.said()
            if not first:
                visitor = Visitor(name, name.encode().ljust(KEY, b"k"))
                line.send(encode(hello_for(greeting, own, visitor, None)))
                if not isinstance(line.said(), Welcome):
                    return False
                if raw[:1] < b"\x88":
                    line.send(encode(Enter()))
            large = len(raw) > (HELLO_BYTES if first else DEFAULT.frame_bytes)
            try:
                line.send(raw)
            except OSError:  # it hung up before all of it was sent
                return large
            reason = line.closed()
            return large or reason.startswith("refused" if first else "sent ")
    except TimeoutError:
        return False


def rows(lines: int, decodes: int, seed: int, report: Report) -> dict[str, Row]:
    """Both rows."""
    with tempfile.TemporaryDirectory() as folder:
        over = over_lines(Path(folder) / "realm", lines, seed, report)
    return {"frames": decoded(decodes, seed, report), "frames_on_lines": over}
