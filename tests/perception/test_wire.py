"""Bytes in any pieces give the messages back; anything else gives one WireError and takes no memory."""
# long because: an example and a strategy for each of nineteen kinds of message come before the first test.

import math
import os
import random
import subprocess
import sys
import tracemalloc
from contextlib import suppress
from io import BytesIO
from pathlib import Path

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from perception.messages import (
    Attune,
    Burn,
    Charm,
    Event,
    Export,
    FromMind,
    Gaze,
    Glance,
    HeadActivity,
    Keep,
    Lesson,
    Mark,
    Perceive,
    Percept,
    Ping,
    Pong,
    Practise,
    Progress,
    Question,
    Quit,
    Ready,
    RestorePoint,
    RestorePoints,
    Rewind,
    Scene,
    TakeOff,
    Taught,
    Teach,
    ToMind,
    Trouble,
    Weigh,
    Weights,
    WriteLog,
    Written,
)
from perception.wire import FRAME_MAX, Child, Decoder, Stream, WireError, encode

ROOT = Path(__file__).parents[2]
SCENE = Scene(
    id=7,
    tongue="terse",
    text="hear north hum . track north paw . ask north ?",
    events=(Event("hear", "north", "hum"), Event("track", "north", "paw")),
    questions=(Question("what", "north", "ask north ?", ("nothing", "kitsune")),),
)
HEADS = HeadActivity(layers=1, heads=2, activity=(0.5, 2.0), cue=(0.0, 1.0), change=(-0.1, 0.2))
GAZE = Gaze(1, ("north", "east"), (Glance("what", "north", (0.5, 0.25)),), (("hum", 0.5), (".", 0.25)))
EXAMPLES = (
    Perceive(SCENE),
    Perceive(SCENE, "seer", ticket=3, head=1),
    Teach(Lesson(SCENE, ("kitsune",), "seer")),
    Teach(Lesson(SCENE, (None,), "touch")),
    Practise(on=True),
    Keep(),
    WriteLog("journey.headdiff"),
    Weigh(),
    Mark("under the torii"),
    Rewind(0),
    Burn(SCENE, "north", 3, "kitsune"),
    TakeOff(0),
    Attune((0, 63)),
    Attune(()),
    Export("runs/mind"),
    Ping(),
    Quit(),
    Ready("novice", "cpu", 8, 8, "terse", 0),
    Ready("novice", "cpu", 8, 8, "terse", 0, ("you", "blind", "seer"), pulse=True, burns=6, attunes=True),
    Percept(7, ((0.25, 0.75),), HEADS, 0.01),
    Percept(7, ((0.25, 0.75),), HEADS, 0.01, "blind", 4, GAZE),
    RestorePoints((RestorePoint(0, 0, 0), RestorePoint(3, 120, 9, "well", 0.5, 0.25, 1.5, 1.0))),
    Weights(12, 1, 2),
    Weights(12, 2, 2, 0.5, (0.25, -0.5), (0.75, 0.0)),
    Pong(0.5),
    Progress(3, 2, 1, 3, True, charms=(Charm(0, 160, "kitsune", 6),), attuned=(2, 17)),
    Progress(3, 2, 1, 3, True, loss=0.5, steps_per_s=1.5, hits=0.6, false_alarms=0.0, d_prime=-2.5, mundane=1.0),
    Written("journey.headdiff"),
    Taught("0123456789abcdef" * 2, kept=False),
    Trouble("no room on the disk"),
)

words = st.text(st.characters(exclude_categories=["Cs"]), max_size=12)
fractions = st.floats(0, 1)
numbers = st.floats(allow_nan=False, allow_infinity=False)
events = st.builds(Event, words, words, words)
questions = st.builds(Question, words, words, words, st.lists(words, max_size=4).map(tuple))
scenes = st.builds(
    Scene, st.integers(-(2**63), 2**63 - 1), words, words,
    st.lists(events, max_size=4).map(tuple), st.lists(questions, max_size=4).map(tuple),
)  # fmt: skip
lessons = st.builds(Lesson, scenes, st.lists(st.none() | words, max_size=4).map(tuple), words)
pairs = st.just(()) | st.tuples(numbers, numbers)
activities = st.builds(HeadActivity, layers=st.just(1), heads=st.just(2), activity=pairs, cue=pairs, change=pairs)
gazes = st.integers(0, 3).flatmap(
    lambda count: st.builds(
        Gaze, st.integers(0, 99), st.tuples(*[words] * count),
        st.lists(st.builds(Glance, words, words, st.tuples(*[fractions] * count)), max_size=3).map(tuple),
        st.lists(st.tuples(words, fractions), max_size=16).map(tuple),
    )
)  # fmt: skip
eyes = st.sampled_from(["you", "blind", "seer"])
beliefs = st.lists(st.lists(fractions, max_size=4).map(tuple), max_size=4).map(tuple)
counts = st.integers(0, 10**6)
chosen = st.lists(st.integers(0, 2**53), max_size=8).map(tuple)
rests = st.builds(
    RestorePoint, counts, counts, counts, words, st.none() | fractions, d_prime=st.none() | numbers, attuned=chosen
)
messages = st.one_of(
    st.builds(Perceive, scenes, eyes, counts, st.none() | counts),
    st.builds(Rewind, counts),
    st.builds(Burn, scenes, words, counts, words),
    st.builds(TakeOff, counts),
    st.builds(Attune, chosen),
    st.builds(Mark, words),
    st.builds(Export, words),
    st.builds(Pong, numbers),
    st.builds(RestorePoints, st.lists(rests, max_size=5).map(tuple)),
    st.builds(Weights, counts, st.just(2), st.just(2), numbers, *[st.tuples(numbers, numbers)] * 2),
    st.builds(Weights, counts, st.integers(0, 4), st.just(5)),
    st.builds(Teach, lessons),
    st.builds(Practise, st.booleans()),
    st.builds(WriteLog, words),
    st.sampled_from([Keep(), Quit(), Weigh(), Ping()]),
    st.builds(
        Ready, words, words, st.integers(1, 4096), st.integers(1, 4096), words, counts, st.lists(eyes).map(tuple)
    ),
    st.builds(Percept, counts, beliefs, activities, numbers, eyes, counts, st.none() | gazes),
    st.builds(
        Progress, counts, counts, counts, counts, st.booleans(), loss=st.floats(allow_nan=False),
        steps_per_s=numbers, hits=st.none() | fractions, d_prime=st.none() | numbers, change=pairs, attuned=chosen,
    ),
    st.builds(Written, words),
    st.builds(Trouble, words, counts),
)  # fmt: skip


def frame(body: bytes) -> bytes:
    return len(body).to_bytes(4, "big") + body


def packed(**fields: object) -> bytes:
    return frame(msgspec.msgpack.encode(fields))


def test_every_kind_of_message_is_tried_here() -> None:
    assert {type(example) for example in EXAMPLES} == set((ToMind | FromMind).__args__)


@given(st.lists(messages, max_size=6), st.lists(st.integers(1, 64), min_size=1, max_size=8))
@settings(max_examples=300)
def test_round_trip_in_any_pieces(sent: list, sizes: list[int]) -> None:
    stream = b"".join(map(encode, sent))
    decoder: Decoder = Decoder(ToMind | FromMind)
    got, at, turn = [], 0, 0
    while at < len(stream):
        size = sizes[turn % len(sizes)]
        got += decoder.feed(stream[at : at + size])
        at, turn = at + size, turn + 1
    assert got == sent


@pytest.mark.parametrize("example", EXAMPLES, ids=lambda example: type(example).__name__)
def test_one_byte_at_a_time(example: ToMind | FromMind) -> None:
    decoder: Decoder = Decoder(ToMind | FromMind)
    *before, last = (decoder.feed(bytes([byte])) for byte in encode(example))
    assert (any(before), last) == (False, [example])


def test_a_direction_refuses_the_other() -> None:
    with pytest.raises(WireError, match=r"'trouble'.*\$\.type"):
        Decoder(ToMind).feed(encode(Trouble("")))
    with pytest.raises(WireError, match=r"'quit'"):
        Decoder(FromMind).feed(encode(Quit()))


def mutant(source: random.Random, data: bytes) -> bytes:
    """One to four bytes changed, added or cut out, or the end torn off; half of them with an honest length."""
    body = bytearray(data[4:])
    for _ in range(source.randint(1, 4)):
        at = source.randrange(len(body) + 1)
        kind = source.randrange(4)
        if kind == 0:
            body[at : at + 1] = bytes([source.randrange(256)])
        elif kind == 1:
            body[at:at] = source.randbytes(source.randint(1, 5))
        elif kind == 2:
            del body[at : at + source.randint(1, 8)]
        else:
            del body[at:]
    return frame(bytes(body)) if source.random() < 0.5 else data[:4] + bytes(body)


def test_mutations_and_truncations_raise_nothing_but_wire_errors() -> None:
    source = random.Random(2)
    refused = []
    tracemalloc.start()
    try:
        for turn in range(6000):
            decoder: Decoder = Decoder(ToMind | FromMind)
            try:
                decoder.feed(mutant(source, encode(EXAMPLES[turn % len(EXAMPLES)])))
            except WireError as error:
                refused.append(str(error))
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert len(refused) > 2000  # else the mutants were too tame to mean anything
    assert all("\n" not in text and len(text) <= 500 for text in refused)
    assert peak < 4_000_000


@given(st.binary(max_size=300))
@settings(max_examples=500)
def test_noise_raises_nothing_but_wire_errors(noise: bytes) -> None:
    for data in (noise, frame(noise)):
        with suppress(WireError):
            Decoder(FromMind).feed(data)


@pytest.mark.parametrize("size", [FRAME_MAX + 1, 2**31, 2**32 - 1])
def test_a_hostile_length_is_refused_before_its_body_comes(size: int) -> None:
    decoder: Decoder = Decoder(ToMind)
    with pytest.raises(WireError, match=str(size)):
        decoder.feed(size.to_bytes(4, "big"))
    with pytest.raises(WireError, match=str(size)):  # the place in the stream is lost for good
        decoder.feed(encode(Keep()))


@pytest.mark.parametrize(
    "body",
    [
        b"\xdf\xff\xff\xff\xff\xa4type\xa7percept",  # a map of 4 billion entries
        b"\x82\xa4type\xa7percept\xa7beliefs\xdd\xff\xff\xff\xff",  # a list of 4 billion beliefs
        b"\x82\xa4type\xa7trouble\xa4text\xdb\xff\xff\xff\xff",  # a text of 4 GB
        b"\x82\xa4type\xa7trouble\xa4text\xa2\xff\xfe",  # no UTF-8
        b"\x82\xa4type\xa4keep\xa1x" + b"\x91" * 2_000_000,  # two million lists in one another
        b"",
    ],
    ids=["map", "list", "text", "utf-8", "depth", "empty"],
)
def test_hostile_bodies_take_no_memory(body: bytes) -> None:
    data = frame(body)
    decoder: Decoder = Decoder(ToMind | FromMind)
    tracemalloc.start()
    try:
        with pytest.raises(WireError):
            decoder.feed(data)
        assert tracemalloc.get_traced_memory()[1] < 2 * len(data) + 200_000
    finally:
        tracemalloc.stop()


@pytest.mark.parametrize("belief", [math.nan, math.inf, -math.inf, 1.01, -0.01])
def test_a_belief_that_is_no_probability_is_refused_at_both_ends(belief: float) -> None:
    percept = Percept(7, ((0.5, belief),), HEADS, 0.01)
    with pytest.raises(WireError, match=r"at `\$\.beliefs"):
        encode(percept)
    with pytest.raises(WireError, match="beliefs"):
        Decoder(FromMind).feed(frame(msgspec.msgpack.encode(percept)))


def test_only_the_loss_may_run_away() -> None:
    (got,) = Decoder(FromMind).feed(encode(Progress(1, 1, 1, 3, True, loss=math.nan)))
    assert math.isnan(got.loss)
    for field in ("steps_per_s", "hits", "d_prime", "mundane"):
        with pytest.raises(WireError, match=field):
            encode(Progress(1, 1, 1, 3, True, **{field: math.nan}))


def test_a_list_has_one_number_per_head_or_none() -> None:
    with pytest.raises(WireError, match=r"3 numbers for 2 heads - at `\$\.heads\.cue`"):
        encode(Percept(7, (), HeadActivity(1, 2, cue=(0.1, 0.2, 0.3)), 0.01))


def test_a_gaze_has_one_number_per_place() -> None:
    short = msgspec.structs.replace(GAZE, places=("north",))
    with pytest.raises(WireError, match=r"2 numbers for 1 places - at `\$\.gaze"):
        encode(Percept(7, (), HEADS, 0.01, gaze=short))


@pytest.mark.parametrize(("done", "insert"), [(2, ()), (1, (0.5, 0.5)), (3, (0.5,))])
def test_weights_are_told_when_all_are_known_and_not_before(done: int, insert: tuple[float, ...]) -> None:
    with pytest.raises(WireError, match=r"numbers for \d heads"):
        encode(Weights(1, done, 2, 0.5, insert, insert))


def test_bytes_of_the_first_version_still_say_what_they_said() -> None:
    scene = msgspec.to_builtins(SCENE)
    heads = {"layers": 1, "heads": 2, "activity": [0.5, 2.0], "cue": [], "change": []}
    ready = {"type": "ready", "model": "m", "device": "cpu", "layers": 1, "heads": 2, "tongue": "terse", "step": 3}
    percept = {"type": "percept", "scene": 7, "beliefs": [[0.25, 0.75]], "heads": heads, "seconds": 0.1}
    assert Decoder(ToMind).feed(packed(type="perceive", scene=scene)) == [Perceive(SCENE)]
    assert Decoder(FromMind).feed(packed(**ready)) == [Ready("m", "cpu", 1, 2, "terse", 3, ("you",), pulse=False)]
    (got,) = Decoder(FromMind).feed(packed(**percept))
    assert (got.eyes, got.ticket, got.gaze) == ("you", 0, None)
    assert Decoder(FromMind).feed(packed(type="trouble", text="ow")) == [Trouble("ow", 0)]


@pytest.mark.parametrize(
    "message",
    [
        Perceive(SCENE, "fly"),  # type: ignore[arg-type]
        Perceive(SCENE, ticket=-1),
        Mark("x" * 65),
        Export("x" * 5000),
        RestorePoints((RestorePoint(0, 0, 0),) * 65),
        Percept(7, (), HEADS, 0.01, gaze=Gaze(0, words=(("x", 0.5),) * 17)),
        Pong(math.nan),
        Trouble("\ud800"),
        Perceive(Scene(2**70, "", "", (), ())),
        SCENE,
        object(),
        Trouble("x" * 65_537),
        WriteLog("x" * 5000),
        Written("x" * FRAME_MAX),
        Ready("novice", "cpu", 0, 8, "terse", 0),
    ],
    ids=[
        "eyes",
        "ticket",
        "label",
        "export",
        "rests",
        "gaze",
        "pong",
        "surrogate",
        "integer",
        "untagged",
        "object",
        "text",
        "path",
        "frame",
        "no layers",
    ],
)
def test_what_the_other_end_would_refuse_is_not_sent(message: object) -> None:
    with pytest.raises(WireError):
        encode(message)  # type: ignore[arg-type]


def test_whole_messages_ahead_of_a_fault_are_not_lost() -> None:
    with pytest.raises(WireError) as caught:
        Decoder(ToMind).feed(encode(Keep()) + encode(Practise(on=True)) + packed(type="nope"))
    assert caught.value.before == (Keep(), Practise(on=True))


def test_an_older_game_skips_what_a_newer_mind_adds() -> None:
    assert Decoder(FromMind).feed(packed(type="written", path="a", size=3)) == [Written("a")]


def test_the_standard_stream_survives_stray_prints() -> None:
    script = """if True:
        import os, sys
        from perception.messages import Practise, Written
        from perception.wire import standard_stream
        line = standard_stream()
        print("a stray print")
        os.write(1, b"and one of a C library")
        while (messages := line.receive()) is not None:
            for message in messages:
                line.send(Written(str(message.on)))
        assert sys.stdin.read() == ""
    """
    done = subprocess.run(
        [sys.executable, "-c", script], input=encode(Practise(on=True)), capture_output=True, timeout=60,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
    )  # fmt: skip
    assert Decoder(FromMind).feed(done.stdout) == [Written("True")]
    assert done.stderr.splitlines() == [b"a stray print", b"and one of a C library"]


class Sip(BytesIO):
    """A file that takes three bytes at a time, as a raw file may."""

    def write(self, data: memoryview) -> int:  # type: ignore[override]
        return super().write(data[:3])


def test_a_message_is_written_whole_however_little_is_taken() -> None:
    sip = Sip()
    Stream(BytesIO(), sip, ToMind).send(EXAMPLES[0])  # type: ignore[arg-type]
    assert sip.getvalue() == encode(EXAMPLES[0])


def test_a_flooded_stderr_takes_no_memory() -> None:
    flood = "import sys\nfor _ in range(300): sys.stderr.write('x' * 100_000)\nprint('\\nlast', file=sys.stderr)"
    tracemalloc.start()
    try:
        child = Child([sys.executable, "-c", flood])
        assert child.stream.receive() is None
        how, lines, status = child.reap()
        assert tracemalloc.get_traced_memory()[1] < 3_000_000
    finally:
        tracemalloc.stop()
    child.no_more()
    child.close()
    assert (how, lines, status) == ("ended with status 0", ["x" * 1000, "last"], 0)
