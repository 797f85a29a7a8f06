"""The head-diff log, version 1: what is in it, byte by byte enough to write a reader in another language.

A log is a stream of MessagePack values (https://msgpack.org) with nothing between, before or after them. Every value
is a map with string keys; its key "type" names the record. The first is the header, then come the others as the run
makes them, and a run that was not killed closes with {"type": "end"}. Readers ignore keys that they don't know, refuse
a type or a version that they don't know, and take an integer where a number is due. A log that stops short is whole
up to its last whole value. No value takes more than 1 MiB; strings take at most 65,536 bytes, arrays and maps hold at
most 1,024 items; binary and extension types are not used. Numbers are 64-bit floats and may be NaN.

"header"    format "second-sight-log", version 1, model, model_hash, data_hash, commit: strings; seeds: map of name to
            integer; config: map of name to string, number, boolean or nil; layers, heads: sizes of every per-head
            grid; created: ISO 8601 time, UTC
"curve"     step (optimizer steps so far), loss (nil before the first), hits, false_alarms, mundane (fractions of 1),
            d_prime, seconds (since the run began)
"snapshot"  step, phase "before", "during" or "after"; per-head grids, arrays [layer][head], empty if not measured:
            own, pattern, cue_mass, entropy, activity, gradient (share of the gradient's energy since the snapshot
            before; heads and the rest together 1)
"head"      one row of the table: layer, head (from 0); gain (nil if not measured), own, inherited, pattern,
            cue_mass_before, cue_mass_after, entropy_before, entropy_after, direct_before, direct_after; weights: map
            of "q", "k", "v", "o" to ‖ΔW‖/‖W‖; gradients: the same to the share of the gradient's energy over the
            whole run, empty if not measured
"summary"   before, after: maps of hits, hits_new_pairs, false_alarms, d_prime, mundane to number or nil; gain (loss
            before - after), rest (of it, not in any head's matrices), residual (gain - heads - rest): numbers or nil;
            steps, seconds, spirits_shown, empties_shown, lessons; gradients: map of "q", "k", "v", "o" (all heads
            together) and "mlp", "norm", "bias", "other" to shares, without those that had none; empty if not measured
"end"       nothing more

Formulae and units of the per-head numbers: MEASUREMENT.md, "Per head h, at decision row t". This module needs neither
torch nor files.
"""

from dataclasses import dataclass
from typing import Annotated, Final, Literal

from msgspec import Meta, Struct

FORMAT: Final = "second-sight-log"
VERSION: Final = 1
RECORD_MAX = 2**20  # bytes; unpacked, a hostile record grows up to 64-fold (a list takes one byte, and 56 in memory)
TEXT_MAX = 65_536  # bytes
ITEMS_MAX = 1024  # a reader may reserve room for them before it sees them, at each level of nesting

Count = Annotated[int, Meta(ge=0)]
Size = Annotated[int, Meta(ge=1, le=ITEMS_MAX)]
Grid = tuple[tuple[float, ...], ...]  # [layer][head]
Scores = dict[str, float | None]


class LogError(ValueError):
    """A log that cannot be read, written or shown. One line: where, what, and how to mend it."""


class Header(Struct, frozen=True, kw_only=True, tag="header", tag_field="type"):
    format: Literal["second-sight-log"] = FORMAT
    version: Literal[1] = VERSION
    model: str
    model_hash: str
    data_hash: str
    commit: str
    seeds: dict[str, int]
    config: dict[str, str | int | float | bool | None]
    layers: Size
    heads: Size
    created: str


class Curve(Struct, frozen=True, kw_only=True, tag="curve", tag_field="type"):
    step: Count
    loss: float | None
    hits: float | None
    false_alarms: float | None
    d_prime: float | None
    mundane: float | None
    seconds: float


class Snapshot(Struct, frozen=True, kw_only=True, tag="snapshot", tag_field="type"):
    step: Count
    phase: Literal["before", "during", "after"]
    own: Grid = ()
    pattern: Grid = ()
    cue_mass: Grid = ()
    entropy: Grid = ()
    activity: Grid = ()
    gradient: Grid = ()


class HeadRow(Struct, frozen=True, kw_only=True, tag="head", tag_field="type"):
    layer: Count
    head: Count
    gain: float | None
    own: float
    inherited: float
    pattern: float
    cue_mass_before: float
    cue_mass_after: float
    entropy_before: float
    entropy_after: float
    direct_before: float = 0.0
    direct_after: float = 0.0
    weights: dict[str, float]
    gradients: dict[str, float] = {}


class Summary(Struct, frozen=True, kw_only=True, tag="summary", tag_field="type"):
    before: Scores
    after: Scores
    gain: float | None
    residual: float | None
    rest: float | None = None
    steps: Count
    seconds: float
    spirits_shown: Count
    empties_shown: Count
    lessons: Count
    gradients: dict[str, float] = {}


class End(Struct, frozen=True, tag="end", tag_field="type"):
    """The run closed its log itself."""


Record = Curve | Snapshot | HeadRow | Summary | End
GRIDS = ("own", "pattern", "cue_mass", "entropy", "activity", "gradient")


@dataclass(frozen=True)
class Log:
    """A log in memory. fault: why it is not whole (one line), None if it is."""

    path: str
    header: Header
    records: tuple[Record, ...]
    fault: str | None = None

    @property
    def curve(self) -> tuple[Curve, ...]:
        """The learning curve, in the order of the run."""
        return tuple(record for record in self.records if isinstance(record, Curve))

    @property
    def snapshots(self) -> tuple[Snapshot, ...]:
        """The per-head grids along the run."""
        return tuple(record for record in self.records if isinstance(record, Snapshot))

    @property
    def rows(self) -> tuple[HeadRow, ...]:
        """The per-head table, layer by layer; of a head measured twice, the last measurement."""
        last = {(record.layer, record.head): record for record in self.records if isinstance(record, HeadRow)}
        return tuple(last[place] for place in sorted(last))

    @property
    def summary(self) -> Summary | None:
        """What the run came to; None if it was stopped before."""
        return next((record for record in reversed(self.records) if isinstance(record, Summary)), None)


def weight(record: Record) -> int:
    """A bound on the bytes that a record takes in memory (CPython: a float 24, a slot 8, a dict entry 150)."""
    if isinstance(record, Snapshot):
        return 500 + sum(100 + 32 * len(row) for name in GRIDS for row in getattr(record, name))
    if isinstance(record, HeadRow):
        return 1000 + 200 * (len(record.weights) + len(record.gradients))
    if isinstance(record, Summary):
        return 1000 + 200 * (len(record.before) + len(record.after) + len(record.gradients))
    return 1000


def misfit(record: Record, header: Header) -> str | None:
    """Say what in a record contradicts the header's sizes, or None."""
    if isinstance(record, HeadRow) and (record.layer >= header.layers or record.head >= header.heads):
        return f"head {record.layer}.{record.head} of a model with {header.layers} x {header.heads} heads"
    if isinstance(record, Snapshot):
        for name in GRIDS:
            grid: Grid = getattr(record, name)
            if grid and (len(grid) != header.layers or any(len(row) != header.heads for row in grid)):
                return f"snapshot at step {record.step}: {name} is not {header.layers} x {header.heads} numbers"
    return None


def one_line(text: str) -> str:
    """The text without line breaks and control characters, which a hostile file may hold."""
    return "".join(character if character.isprintable() else " " for character in text)


# First byte of a MessagePack value: how many bytes its own length takes, or its whole size; others are handled apart.
_LENGTHS = {0xD9: 1, 0xDA: 2, 0xDB: 4, 0xDC: 2, 0xDD: 4, 0xDE: 2, 0xDF: 4}
_SIZES = {
    0xC0: 1,
    0xC2: 1,
    0xC3: 1,
    0xCA: 5,
    0xCB: 9,
    0xCC: 2,
    0xCD: 3,
    0xCE: 5,
    0xCF: 9,
    0xD0: 2,
    0xD1: 3,
    0xD2: 5,
    0xD3: 9,
}


def first_bad_byte(raw: bytes) -> tuple[int, str] | None:
    """Where `raw` has a byte that no value of a log may have there, and why; None if nothing but its end is wrong."""
    at, values = 0, 1
    while values and at < len(raw):
        first, values = raw[at], values - 1
        if first in _SIZES or first <= 0x7F or first >= 0xE0:
            at += _SIZES.get(first, 1)
            continue
        if 0x80 <= first <= 0xBF:
            body, count = at + 1, first & (0x1F if first >= 0xA0 else 0x0F)
        elif first in _LENGTHS:
            body = at + 1 + _LENGTHS[first]
            count = int.from_bytes(raw[at + 1 : body])
        else:
            return at, f"0x{first:02x} is not MessagePack, or not for logs (binary, extension)"
        text = 0xA0 <= first <= 0xBF or 0xD9 <= first <= 0xDB
        if count > (most := TEXT_MAX if text else ITEMS_MAX) and body <= len(raw):
            return at, f"a {'text' if text else 'collection'} of {count}, allowed are {most},"
        if not text:
            at, values = body, values + count * (2 if 0x80 <= first <= 0x8F or first >= 0xDE else 1)
            continue
        try:
            raw[body : body + count].decode()
        except UnicodeDecodeError as error:
            if body + count <= len(raw):
                return body + error.start, "text that is not UTF-8"
        at = body + count
    return None
