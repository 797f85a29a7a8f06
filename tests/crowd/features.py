"""Bytes that a client got -> features: everything by which they could tell something, as values that can be counted.

Fields are named by their path in the messages. Unknown fields are features like others: a client need not skip them.
"""

import struct
from collections.abc import Iterator, Sequence
from typing import Any

import msgpack

MANY = 24  # entries of a list or a map that are told apart; the rest is one more


def features_of(messages: Sequence[tuple[bytes, dict]], places: Sequence[int]) -> dict[str, object]:
    """messages: each as it came, and what is in it beside what was rightly shown. places: that are looked at; where
    their numbers are named is a feature."""
    features: dict[str, object] = {}
    sums: dict[str, int] = {}
    wanted = {place: f"mentions/{place}" for place in places}
    for raw, message in messages:
        kind = str(message.get("type"))
        features.setdefault(f"{kind}/order", tuple(message))
        spare = len(raw) - len(msgpack.packb(msgpack.unpackb(raw, strict_map_key=False)))
        _add(sums, f"{kind}/spare bytes", spare)
        _add(sums, f"{kind}/count", 1)
        for path, value in _leaves(message, kind):
            features.setdefault(f"{path}/first", _plain(value))
            features[f"{path}/last"] = _plain(value)
            _add(sums, f"{path}/count", 1)
            for name, bit in _bits(value):
                _add(sums, f"{path}/{name}", bit)
            if type(value) is int and value in wanted:
                _add(sums, f"{wanted[value]}/{path}", 1)
    return features | dict(sums)


def _add(sums: dict[str, int], name: str, value: int) -> None:
    sums[name] = sums.get(name, 0) + value


def _leaves(node: Any, path: str) -> Iterator[tuple[str, Any]]:
    """Every value, with its path; the keys of maps whose keys are numbers are values too."""
    if isinstance(node, dict):
        for key, value in node.items():
            if isinstance(key, str):
                yield from _leaves(value, f"{path}/{key}")
            else:
                yield f"{path}/key", key
                yield from _leaves(value, f"{path}/*")
    elif isinstance(node, list | tuple):
        yield f"{path}/length", len(node)
        for number, value in enumerate(node):
            yield from _leaves(value, f"{path}/{min(number, MANY)}")
    else:
        yield path, node


def _plain(value: Any) -> object:
    return value if isinstance(value, int | str | bytes | bool | type(None)) else repr(value)


def _bits(value: Any) -> Iterator[tuple[str, int]]:
    """Bits in which something could hide: the last ones of numbers, of bytes, of a float's fraction."""
    if isinstance(value, float):
        mantissa = int.from_bytes(struct.pack(">d", value), "big")
        yield "fraction", bin(mantissa & (2**32 - 1)).count("1")
    elif isinstance(value, int):
        yield "odd", value & 1
        yield "second bit", value >> 1 & 1
    elif isinstance(value, bytes) and value:
        yield "first bit", value[0] & 1
        yield "last bit", value[-1] & 1
    elif isinstance(value, str):
        yield "letters", len(value)
