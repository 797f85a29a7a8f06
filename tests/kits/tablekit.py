"""A small log of six heads as the table of `diff` shows it."""

import io

from rich.console import Console

from training.headlog.records import Curve, Header, HeadRow, Log, Record, Summary
from training.headlog.table import print_table

HEADER = Header(
    model="novice", model_hash="", data_hash="", commit="", seeds={}, config={}, layers=2, heads=3, created="2026"
)


def row(layer: int, head: int, gain: float | None, own: float = 0.3) -> HeadRow:
    return HeadRow(
        layer=layer, head=head, gain=gain, own=own, inherited=0.2, pattern=0.05, cue_mass_before=0.1,
        cue_mass_after=0.4,
        entropy_before=0.9, entropy_after=0.7, weights={"q": 0.1, "k": 0.0, "v": 0.01, "o": 0.2},
    )  # fmt: skip


GAINS = ((0.1, 0.0, -0.1), (0.6, 0.3, 0.1))
ROWS = tuple(row(layer, head, gain) for layer, gains in enumerate(GAINS) for head, gain in enumerate(gains))
SUMMARY = Summary(
    before={"hits": 0.01, "d_prime": None}, after={"hits": 0.93, "d_prime": 3.4}, gain=1.5, residual=0.003, rest=0.5,
    steps=208, seconds=99.5, spirits_shown=20, empties_shown=60, lessons=64,
)  # fmt: skip
CURVE = Curve(step=20, loss=float("nan"), hits=0.5, false_alarms=0.02, d_prime=2.1, mundane=0.98, seconds=7.5)


def log(*records: Record, fault: str | None = None) -> Log:
    return Log("run/log.msgpack", HEADER, records or (CURVE, *ROWS, SUMMARY), fault)


def shown(log: Log, width: int = 80) -> str:
    text = io.StringIO()
    print_table(log, Console(file=text, width=width))
    return text.getvalue()
