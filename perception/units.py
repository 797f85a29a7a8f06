"""Units of a model: its attention heads and, for every layer, the layer's MLP as a whole.

A unit is a place (layer, column). Columns from 0 to H - 1 are heads, column H is the layer's MLP; H: heads of a layer.
Its name is "3.5" for a head and "mlp 3" for an MLP.
"""

from collections.abc import Iterable, Sequence

Unit = tuple[int, int]  # layer, column


def unit_name(unit: Sequence[int], heads: int) -> str:
    """What a unit is called. heads: how many a layer has."""
    layer, column = unit
    return f"mlp {layer}" if column == heads else f"{layer}.{column}"


def is_mlp(unit: Sequence[int], heads: int) -> bool:
    """Whether a unit is a layer's MLP."""
    return unit[1] == heads


def every_unit(layers: int, heads: int, mlps: bool = False) -> list[Unit]:
    """All heads layer by layer; with `mlps`, each layer's MLP behind its heads."""
    return [(layer, column) for layer in range(layers) for column in range(heads + mlps)]


def names_of(units: Iterable[Sequence[int]], heads: int) -> str:
    """The names of units, with commas."""
    return ", ".join(unit_name(unit, heads) for unit in units)
