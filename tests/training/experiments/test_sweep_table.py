"""The live table of a sweep: states of runs by arm, retries, and lines where there is no terminal."""

import io
from pathlib import Path

from rich.console import Console

from training.experiments.pool import RunJob
from training.experiments.sweep_table import ROWS_MAX, SweepTable, live_sweep


def job(arm: str, seed: int) -> RunJob:
    return RunJob(arm, f"seed-{seed}", print, Path(arm), ())


def test_a_row_counts_the_states_of_an_arms_runs():
    now = [0.0]
    table = SweepTable(lambda: now[0])
    table.report("training", 1, 4)
    for seed in range(4):
        table.watch(job("a", seed), "waiting", "")
    for seed in range(3):
        table.watch(job("a", seed), "running", "")
    now[0] = 2.5
    table.watch(job("a", 0), "done", "")
    table.watch(job("a", 1), "lost", "NodeDiedError, retry 1 of 3")
    assert table.rows() == [["a", "1", "1", "2", "1", "", "2.5"]]
    table.watch(job("a", 2), "failed", "")
    assert table.rows() == [["a", "1", "", "2", "1", "1", "2.5"]]
    out = io.StringIO()
    Console(file=out, width=100).print(table)
    assert "training: 1 of 4, 2 s" in out.getvalue() and "a/seed-1: NodeDiedError, retry 1 of 3" in out.getvalue()


def test_more_arms_than_a_terminal_has_rows_come_together_when_they_are_done():
    table = SweepTable(lambda: 0.0)
    for number in range(2 * ROWS_MAX):
        table.watch(job(f"arm-{number}", 0), "done" if number < ROWS_MAX + 10 else "waiting", "")
    rows = table.rows()
    assert len(rows) <= ROWS_MAX and rows[-1][:2] == [f"{ROWS_MAX + 10} arms that are done", str(ROWS_MAX + 10)]


def test_without_a_terminal_only_what_went_wrong_is_a_line():
    out = io.StringIO()
    with live_sweep(out) as (report, watch):
        report("training", 0, 2)
        for state in ("waiting", "running", "done"):
            watch(job("a", 0), state, "")
        watch(job("a", 1), "lost", "NodeDiedError, retry 1 of 3")
        watch(job("a", 1), "failed", "")
    assert out.getvalue() == "a/seed-1: lost (NodeDiedError, retry 1 of 3)\na/seed-1: failed\n"


def test_on_a_terminal_the_table_goes_when_the_sweep_ends():
    class Terminal(io.StringIO):
        def isatty(self) -> bool:
            return True

    out = Terminal()
    with live_sweep(out) as (report, watch):
        report("training", 0, 1)
        watch(job("a", 0), "running", "")
    assert "running" in out.getvalue()
