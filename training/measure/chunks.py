"""Held-out probes in chunks: what a verdict splits in halves (even and odd chunks) and draws anew."""

from collections.abc import Sequence
from typing import Any, TypeVar

from training.measure.records import Allocation
from training.measure.weights import Gain, Loss

CHUNKS = 16
Item = TypeVar("Item")


def in_chunks(items: Sequence[Item], chunks: int = CHUNKS) -> list[list[Item]]:
    """Item i to chunk i modulo `chunks`; fewer chunks where there are fewer items, so that none is empty."""
    count = min(chunks, len(items))
    return [list(items[chunk::count]) for chunk in range(count)]


def size_of(loss: Loss) -> int:
    """How many targets a chunk's loss is the mean of: its weight among the chunks. 1 if it does not say."""
    return int(getattr(loss, "total", 1))


def pooled(gains: Sequence[Gain], losses: Sequence[Loss]) -> Gain:
    """The gain of all chunks together, each weighted by its size."""
    sizes = [size_of(loss) for loss in losses]
    whole = sum(sizes)

    def mean(values: Sequence[Any]) -> Any:
        return sum(value * size for value, size in zip(values, sizes, strict=True)) / whole

    return Gain(
        mean([gain.heads for gain in gains]),
        mean([gain.rest for gain in gains]),
        mean([gain.gain for gain in gains]),
        mean([gain.residual for gain in gains]),
        mean([gain.before for gain in gains]),
    )


def allocations(along: str, gains: Sequence[Gain], losses: Sequence[Loss]) -> list[Allocation]:
    """The chunks' shares as log records."""
    return [
        Allocation(
            along=along,  # type: ignore[arg-type]
            chunk=chunk,
            decisions=size_of(loss),
            heads=tuple(tuple(row) for row in gain.heads.tolist()),
            rest=gain.rest,
            whole=gain.gain,
            residual=gain.residual,
        )
        for chunk, (gain, loss) in enumerate(zip(gains, losses, strict=True))
    ]
