"""The gain of each head: how the fall in held-out loss is shared out over the heads of a log.

A log may hold it twice: along the path that the training really took, and along the straight line between the weights
before and after. The path counts wherever a log holds it. The line is shown for comparison.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from training.headlog.records import Log

Place = tuple[int, int]  # layer, head
NAMES = {"path": "along the training's path", "line": "along the straight line"}


@dataclass(frozen=True)
class HeadGains:
    """The gain shared out along path or line. heads, rest and residual sum to the whole gain; all in nats.

    along: "path" or "line". rest: what no head's matrices hold; residual: what the quadrature misses. Both are None
    where a log of version 1 doesn't hold them.
    """

    along: str
    heads: dict[Place, float]
    rest: float | None
    residual: float | None


def head_gains(log: Log) -> HeadGains | None:
    """The gain that counts: along the path, or else along the line; None where the log holds neither.

    A run that was killed while it shared out the gain has too few chunks of the path; then the line counts.
    """
    whole = len(log.allocations("path")) >= len(log.allocations("line"))
    return (_allotted(log, "path") if whole else None) or line_gains(log)


def line_gains(log: Log) -> HeadGains | None:
    """The gain along the straight line, by chunks or by the table's rows; None where the log doesn't hold it."""
    heads = {(row.layer, row.head): row.gain for row in log.rows if row.gain is not None}
    if heads:
        summary = log.summary
        both = (None, None) if summary is None else (summary.rest, summary.residual)
        return HeadGains("line", heads, *both)
    return _allotted(log, "line")


def _allotted(log: Log, along: str) -> HeadGains | None:
    """The chunks' shares together, each chunk weighted by its decisions."""
    chunks = log.allocations(along)
    if not chunks:
        return None
    weights = [chunk.decisions for chunk in chunks] if any(chunk.decisions for chunk in chunks) else [1] * len(chunks)
    total = sum(weights)

    def mean(values: Sequence[float]) -> float:
        return sum(value * (weight / total) for value, weight in zip(values, weights, strict=True))

    first = chunks[0].heads
    heads = {
        (layer, head): mean([chunk.heads[layer][head] for chunk in chunks])
        for layer in range(len(first))
        for head in range(len(first[layer]))
    }
    return HeadGains(along, heads, mean([c.rest for c in chunks]), mean([c.residual for c in chunks]))
