"""What a record may not hold: numbers out of bounds, and shapes and heads that its header doesn't have.

Every record is checked here when it is read and when it is written, so that readers need no checks of their own.
"""

import math
from collections.abc import Iterator
from typing import Any

from msgspec import Struct

from training.headlog.records import (
    GRIDS,
    HEADS_MAX,
    INTEGER_MAX,
    MLPS_SINCE,
    REAL_MAX,
    Allocation,
    Grid,
    Header,
    HeadRow,
    Judgement,
    Record,
    Snapshot,
    Swap,
)


def misfit(record: Record, header: Header) -> str | None:
    """Say what in a record contradicts the header's sizes or is out of bounds, or None."""
    if (number := _out_of_bounds(record)) is not None:
        return f"{_kind(record)}: {number:.6g} is out of bounds, {REAL_MAX:g} is the most"
    sizes = (header.layers, header.heads)
    if isinstance(record, HeadRow):
        return _no_head([(record.layer, record.head)], header)
    mlps = header.version >= MLPS_SINCE  # a place may be a layer's MLP
    if isinstance(record, Swap):
        return _no_head(record.heads, header, mlps)
    if isinstance(record, Judgement):
        return _no_head((*record.core, *record.significant), header, mlps)
    if isinstance(record, Allocation):
        if record.mlps and len(record.mlps) != header.layers:
            return f"gain of chunk {record.chunk}: mlps is not {header.layers} numbers"
        if record.matrices and not (len(record.matrices) == 4 and all(_shaped(m, *sizes) for m in record.matrices)):
            return f"gain of chunk {record.chunk}: matrices is not four times {_by(sizes)}"
        return None if _shaped(record.heads, *sizes) else f"gain of chunk {record.chunk}: heads is not {_by(sizes)}"
    if isinstance(record, Snapshot):
        for name in GRIDS:
            grid: Grid = getattr(record, name)
            if grid and not _shaped(grid, *sizes):
                return f"snapshot at step {record.step}: {name} is not {_by(sizes)}"
        if not _shaped(record.each, len(record.each), sizes[0] * sizes[1]):
            return f"snapshot at step {record.step}: each is not rows of {sizes[0] * sizes[1]} numbers"
    return None


def header_misfit(header: Header) -> str | None:
    """Say what in a header is out of bounds, or None."""
    if header.layers * header.heads > HEADS_MAX:
        return f"{header.layers} x {header.heads} heads; {HEADS_MAX} are the most"
    number = _out_of_bounds(header)
    return None if number is None else f"{number:.6g} is out of bounds for a seed or a setting"


def _kind(record: Struct) -> str:
    return str(type(record).__struct_config__.tag)


def _out_of_bounds(record: Struct) -> float | None:
    """A finite number that is larger than a log may hold, if there is one."""
    for name in record.__struct_fields__:
        for number in _numbers(getattr(record, name)):
            if not -REAL_MAX <= number <= REAL_MAX and math.isfinite(number):
                return number
            if isinstance(number, int) and not -INTEGER_MAX <= number <= INTEGER_MAX:
                return number
    return None


def _numbers(value: Any) -> Iterator[float]:
    if isinstance(value, float | int):
        yield value
    elif isinstance(value, tuple | list):
        for item in value:
            yield from _numbers(item)
    elif isinstance(value, dict):
        for item in value.values():
            yield from _numbers(item)


def _shaped(grid: Grid, rows: int, columns: int) -> bool:
    return len(grid) == rows and all(len(row) == columns for row in grid)


def _by(sizes: tuple[int, int]) -> str:
    return f"{sizes[0]} x {sizes[1]} numbers"


def _no_head(places: Any, header: Header, mlps: bool = False) -> str | None:
    for layer, head in places:
        if layer >= header.layers or head >= header.heads + mlps:
            return f"head {layer}.{head} of a model with {header.layers} x {header.heads} heads"
    return None


def weight(value: Any) -> int:
    """A bound on the bytes that a record takes in memory (CPython: a float 24, a slot 8, a dict entry 150)."""
    if isinstance(value, Struct):
        return 100 + sum(16 + weight(getattr(value, name)) for name in value.__struct_fields__)
    if isinstance(value, str):
        return 80 + 4 * len(value)
    if isinstance(value, dict):
        return 300 + sum(150 + weight(name) + weight(item) for name, item in value.items())
    if isinstance(value, tuple | list):
        if value and isinstance(value[0], tuple | str):
            return 80 + sum(16 + weight(item) for item in value)
        return 80 + 40 * len(value)
    return 32
