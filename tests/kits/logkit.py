"""A small head-diff log that several tests read, break and write again, and how it is broken."""

import random

import msgspec

from training.headlog.records import (
    Allocation,
    Curve,
    Header,
    HeadRow,
    Information,
    Judgement,
    Probes,
    Record,
    Snapshot,
    Summary,
    Swap,
    Whole,
)

HEADER = Header(
    model="novice", model_hash="a1", data_hash="b2", commit="c3", seeds={"learn": 0, "torch": 1},
    config={"rank": 64, "lr": 1e-3, "train": "attention", "full": False, "mind": None}, layers=2, heads=3,
    created="2026-11-22T16:00:00Z",
)  # fmt: skip
GRID = ((0.5, 0.25, 0.0), (1.0, -2.0, 3.5))
ALLOCATION = Allocation(
    along="path", chunk=0, decisions=5, loss="usable", heads=GRID, matrices=(GRID, GRID, GRID, GRID),
    mlps=(0.5, -0.25), rest=0.25, whole=3.75, residual=0.0,
)  # fmt: skip
RECORDS: tuple[Record, ...] = (
    Snapshot(step=0, phase="before", own=GRID, entropy=GRID),
    Curve(step=0, loss=None, hits=0.0, false_alarms=0.0, d_prime=0.0, mundane=0.99, seconds=0.0),
    Curve(step=20, loss=0.5, hits=0.5, false_alarms=0.02, d_prime=2.1, mundane=0.98, seconds=7.5),
    *(
        HeadRow(
            layer=layer, head=head, gain=0.1 * head, own=0.3, inherited=0.2, pattern=0.05, cue_mass_before=0.1,
            cue_mass_after=0.4, entropy_before=0.9, entropy_after=0.7, weights={"q": 0.1, "k": 0.0, "v": 0.0, "o": 0.2},
        )
        for layer in range(2)
        for head in range(3)
    ),
    Probes(
        what="gain", hash="0123456789abcdef", decisions=9, before=(2.5, 2.0), after=(1.0, 0.5), plain_before=(4.5, 4.0),
        plain_after=(1.5, 1.0),
    ),
    Information(
        decisions=9, entropy=1.25, plain_before=4.25, plain_after=0.25, calibrated_before=1.25, calibrated_after=0.125,
        crossed_before=1.5, crossed_after=None,
    ),
    ALLOCATION,
    Swap(what="weight", name="core", heads=((0, 1), (1, 3)), insert=0.75, remove=None, decisions=9),
    Whole(name="context_share", value=0.9, about="what is left of the gain on old contexts"),
    Judgement(
        word="undecided", reason="too few seeds", rule=1, numbers={"gain": [1.0, 0.5, 1.5], "bases": 1, "held": None},
        core=((1, 2),), caveats=("one network",),
    ),
    Summary(
        before={"hits": 0.0}, after={"hits": 0.92}, gain=1.5, residual=0.003, rest=0.2, mlps=0.25,
        steps=208, seconds=99.5,
        spirits_shown=20, empties_shown=60, lessons=64,
    ),
)  # fmt: skip


def size(value: Header | Record) -> int:
    """Bytes that a record takes."""
    return len(msgspec.msgpack.encode(value))


def whole() -> bytes:
    """All of RECORDS as a log's bytes."""
    from training.headlog.records import End

    return b"".join(msgspec.msgpack.encode(record) for record in (HEADER, *RECORDS, End()))


def mutated(data: bytes, rng: random.Random) -> bytes:
    """The bytes with one to eight changes: overwritten, cut out, inserted, and claims of huge or deep values."""
    damaged = bytearray(data)
    for _ in range(rng.choice((1, 1, 2, 8))):
        at, act = rng.randrange(len(damaged)), rng.randrange(4)
        if act == 0:
            damaged[at] = rng.randrange(256)
        elif act == 1:
            del damaged[at : at + rng.randrange(1, 9)]
        elif act == 2:
            damaged[at:at] = rng.randbytes(rng.randrange(1, 9))
        else:
            damaged[at:at] = rng.choice((b"\xdd\xff\xff\xff\xff", b"\xdc\x04\x00" * 99, b"\xc7\xff\x01", b"\xdf\x00"))
    return bytes(damaged)
