"""Units of a model: its attention heads and, for every layer, the layer's MLP as a whole.

A unit is a place (layer, column). Columns from 0 to H - 1 are heads, column H is the layer's MLP; H: heads of a layer.
Its name is "3.5" for a head and "mlp 3" for an MLP.
"""

import re
from collections.abc import Iterable, Sequence

Unit = tuple[int, int]  # layer, column


def unit_name(unit: Sequence[int], heads: int) -> str:
    """What a unit is called. heads: how many a layer has."""
    layer, column = unit
    return f"mlp {layer}" if column == heads else f"{layer}.{column}"


def parse_unit(name: str, heads: int) -> Unit:
    """The unit of that name. Raises ValueError for a name of none."""
    if match := re.fullmatch(r"mlp ([0-9]{1,6})", name):
        return int(match[1]), heads
    match = re.fullmatch(r"([0-9]{1,6})\.([0-9]{1,6})", name)
    if match is None or int(match[2]) >= heads:
        raise ValueError(f"{name[:40]!r} is no unit; give a head as 3.5 or an MLP as 'mlp 3' ({heads} heads a layer)")
    return int(match[1]), int(match[2])


def is_mlp(unit: Sequence[int], heads: int) -> bool:
    """Whether a unit is a layer's MLP."""
    return unit[1] == heads


def every_unit(layers: int, heads: int, mlps: bool = False) -> list[Unit]:
    """All heads layer by layer; with `mlps`, each layer's MLP behind its heads."""
    return [(layer, column) for layer in range(layers) for column in range(heads + mlps)]


def names_of(units: Iterable[Sequence[int]], heads: int) -> str:
    """The names of units, with commas."""
    return ", ".join(unit_name(unit, heads) for unit in units)
