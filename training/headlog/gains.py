"""The gain of each unit: how the fall in held-out loss is shared out over the heads and MLPs of a log.

A log may hold it twice: along the path that the training really took, and along the straight line between the weights
before and after. The path counts wherever a log holds it. The line is shown for comparison. Chunks of probes are
weighed by their decisions, here and wherever chunks are put together.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from training.headlog.records import Allocation, Log

Place = tuple[int, int]  # layer, head
NAMES = {"path": "along the training's path", "line": "along the straight line"}


@dataclass(frozen=True)
class HeadGains:
    """The gain shared out along path or line. heads, mlps, rest and residual sum to the whole gain; all in nats.

    along: "path" or "line". loss: "usable" information, or the "plain" cross-entropy of older logs. mlps: by layer,
    empty where none trained. rest: what no unit holds; residual: what the quadrature misses. Both are None where a log
    of version 1 doesn't hold them.
    """

    along: str
    heads: dict[Place, float]
    rest: float | None
    residual: float | None
    mlps: dict[int, float] = field(default_factory=dict)
    loss: str = "plain"


def head_gains(log: Log) -> HeadGains | None:
    """The gain that counts: along the path, or else along the line; None where the log holds neither.

    A run that was killed while it shared out the gain has too few chunks of the path; then the line counts.
    """
    whole = len(log.allocations("path")) >= len(log.allocations("line"))
    return (_allotted(log, "path") if whole else None) or line_gains(log)


def line_gains(log: Log) -> HeadGains | None:
    """The gain along the straight line, by the table's rows or by chunks; None where the log doesn't hold it."""
    heads = {(row.layer, row.head): row.gain for row in log.rows if row.gain is not None}
    by_chunks = _allotted(log, "line")
    if not heads:
        return by_chunks
    summary = log.summary
    both = (None, None) if summary is None else (summary.rest, summary.residual)
    others: tuple[dict[int, float], str] = ({}, "plain") if by_chunks is None else (by_chunks.mlps, by_chunks.loss)
    return HeadGains("line", heads, *both, *others)


def chunk_weights(chunks: Sequence[Allocation]) -> list[float]:
    """What each chunk counts for among the chunks of a run: its part of the decisions. They sum to 1."""
    sizes = [chunk.decisions for chunk in chunks] if any(chunk.decisions for chunk in chunks) else [1] * len(chunks)
    return [size / sum(sizes) for size in sizes]


def unit_matrix(allocation: Allocation) -> NDArray[np.float64]:
    """One chunk's gain by unit, nats: (L * (H + 1),), layer by layer, each layer's MLP behind its heads.

    (L * H,) where no MLP trained. The unit at (layer, column) stands at layer * columns + column.
    """
    grid = np.array(allocation.heads, np.float64)
    if allocation.mlps:
        grid = np.concatenate([grid, np.array(allocation.mlps, np.float64)[:, None]], axis=1)
    return grid.ravel()


def _allotted(log: Log, along: str) -> HeadGains | None:
    """The chunks' shares together, each chunk weighted by its decisions."""
    chunks = log.allocations(along)
    if not chunks:
        return None
    weights = chunk_weights(chunks)

    def mean(values: Sequence[float]) -> float:
        return sum(value * weight for value, weight in zip(values, weights, strict=True))

    first = chunks[0].heads
    heads = {
        (layer, head): mean([chunk.heads[layer][head] for chunk in chunks])
        for layer in range(len(first))
        for head in range(len(first[layer]))
    }
    trained = all(chunk.mlps for chunk in chunks)
    mlps = {layer: mean([chunk.mlps[layer] for chunk in chunks]) for layer in range(len(first)) if trained}
    rest, residual = mean([c.rest for c in chunks]), mean([c.residual for c in chunks])
    return HeadGains(along, heads, rest, residual, mlps, chunks[0].loss)
