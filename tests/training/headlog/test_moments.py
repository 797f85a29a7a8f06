"""A log by the tick of its realm: the snapshot that counts at a tick, what moved, and the jumps that are picked out."""

from io import StringIO
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.console import Console

import main
from tests.kits import logkit
from training.headlog.log import read_log, write_log
from training.headlog.moments import jumps, moment_at, moment_table, moments, print_moment, steps_between
from training.headlog.records import Log, LogError, Snapshot

SCENE = "dusk clear grass : look north torii ."


def taken(step: int, tick: int | None, *own: float, **more: object) -> Snapshot:
    """A snapshot of 2 x 3 heads, of which the first ones moved."""
    cells = [*own, *[0.0] * (6 - len(own))]
    grid = (tuple(cells[:3]), tuple(cells[3:]))
    return Snapshot(step=step, phase="during", own=grid, tick=tick, **more)  # type: ignore[arg-type]


def log_of(*snapshots: Snapshot) -> Log:
    return Log("run/log.msgpack", logkit.HEADER, snapshots)


WALK = log_of(
    taken(4, 100, 0.1, 0.0),
    taken(8, 180, 0.2, 0.9, scene=SCENE, lesson="seer, tick 90: north kitsune", beliefs=(("north", "kitsune", 0.75),)),
    taken(12, 180, 0.2, 1.0),
    taken(16, 260, 0.7, 1.0),
    taken(24, 300, 0.7, 0.8),
)


def test_the_newest_snapshot_at_a_tick_counts() -> None:
    steps = {tick: moment_at(WALK, tick)[0].step for tick in (100, 179, 180, 259, 260, 300)}
    assert steps == {100: 4, 179: 4, 180: 12, 259: 12, 260: 16, 300: 24}
    assert moment_at(WALK, 100)[1] is None
    assert moment_at(WALK, 200)[1] == WALK.snapshots[1]


@pytest.mark.parametrize("tick", [0, 99, 301, 10**8])
def test_a_tick_outside_is_refused_in_one_line(tick: int) -> None:
    with pytest.raises(LogError, match=rf"^run/log.msgpack: --at {tick}: its ticks go from 100 to 300; give one"):
        moment_at(WALK, tick)


def test_a_log_without_ticks_is_refused_in_one_line() -> None:
    with pytest.raises(LogError, match="no snapshot of it tells a tick"):
        moment_at(log_of(taken(4, None, 0.1)), 100)
    with pytest.raises(LogError, match="no snapshot of it tells a tick"):
        moment_at(Log("x", logkit.HEADER, logkit.RECORDS), 100)


def test_the_table_tells_what_moved_and_what_was_seen() -> None:
    table = moment_table(log_of(*WALK.snapshots[:2]), 180)
    assert {key: table[key] for key in ("at", "tick", "step", "since_step", "scene")} == {
        "at": 180, "tick": 180, "step": 8, "since_step": 4, "scene": SCENE,
    }  # fmt: skip
    assert table["beliefs"] == [{"place": "north", "species": "kitsune", "belief": 0.75}]
    assert table["heads"][1] == {"layer": 0, "head": 1, "own": 0.9, "moved": pytest.approx(0.9)}
    text = StringIO()
    print_moment(log_of(*WALK.snapshots[:2]), 200 - 20, Console(file=text, width=80))
    lines = text.getvalue().splitlines()
    assert lines[0] == "tick 180, step 8: the newest snapshot at tick 180"
    assert lines[-3:] == [
        f"scene: {SCENE}",
        "believed: north kitsune 75%",
        "newest lesson: seer, tick 90: north kitsune",
    ]
    assert max(map(len, lines)) <= 80


def test_jumps_are_the_peaks_of_what_a_head_moved_per_step() -> None:
    """By hand: per step 0.025, 0.225, 0.025, 0.125, 0.025 (signed: the last one back)."""
    assert [step.pace for step in steps_between(WALK)] == pytest.approx([0.025, 0.225, 0.025, 0.125, 0.025])
    peaks = jumps(WALK)
    assert [(jump.snapshot.step, jump.place) for jump in peaks] == [(8, (0, 1)), (16, (0, 0))]
    assert [jump.moved for jump in peaks] == pytest.approx([0.9, 0.5])
    assert [jump.snapshot.step for jump in jumps(WALK, 1)] == [8]
    assert steps_between(WALK)[-1].moved == pytest.approx(-0.2)


def test_a_mind_that_did_not_move_has_no_jumps() -> None:
    assert jumps(log_of(taken(4, 1), taken(8, 2), taken(12, 3))) == []


cells = st.floats(0, 10, allow_nan=False)


@given(st.lists(st.tuples(st.integers(1, 9), st.integers(0, 50), st.lists(cells, min_size=6, max_size=6)), max_size=30))
def test_jumps_are_never_neighbours_and_hold_the_largest(walk: list[tuple[int, int, list[float]]]) -> None:
    step, snapshots = 0, []
    for steps, tick, own in walk:
        step += steps
        snapshots.append(taken(step, tick, *own))
    log = log_of(*snapshots)
    every, some = steps_between(log), jumps(log)
    at = [[one.snapshot.step for one in every].index(jump.snapshot.step) for jump in some]
    assert all(b - a > 1 for a, b in pairwise(at))
    if some:
        assert max(jump.pace for jump in some) == max(one.pace for one in every)
    assert len(moments(log)) == len(snapshots)


def test_the_command_refuses_what_has_no_such_moment(tmp_path, capsys) -> None:
    write_log(tmp_path / "plain", logkit.HEADER, logkit.RECORDS)
    write_log(tmp_path / "walk", logkit.HEADER, WALK.records)
    assert main.main(["diff", str(tmp_path / "walk"), "--at", "180"]) == 0
    assert capsys.readouterr().out.startswith("tick 180, step 12:")
    for command in (["plain", "--at", "180"], ["walk", "--at", "7"], ["walk", "--at", "180", "--export", "csv"]):
        assert main.main(["diff", str(tmp_path / command[0]), *command[1:]]) == 2
    lines = capsys.readouterr().err.splitlines()
    assert len(lines) == 3
    assert "leave out --at" in lines[0] and "from 100 to 300" in lines[1] and "--export" in lines[2]


def test_a_log_keeps_its_moments(tmp_path) -> None:
    write_log(tmp_path / "log", logkit.HEADER, WALK.records)
    assert read_log(tmp_path / "log").records[:-1] == WALK.records
