"""The head-diff table as a dictionary, on a terminal, and as files for other tools."""

import json

import msgspec
import pytest

from tests.kits import logkit
from tests.kits.tablekit import CURVE, GAINS, HEADER, ROWS, SUMMARY, log, row, shown
from training.headlog.exports import export
from training.headlog.gains import chunk_weights, head_gains, unit_matrix
from training.headlog.information import words
from training.headlog.records import Allocation, HeadRow, Information, Log, LogError, Snapshot, Summary
from training.headlog.table import diff_table
from training.report.derive import gain_grid

NEW = Log("run/log.msgpack", logkit.HEADER, logkit.RECORDS)


def test_the_dictionary_has_the_keys_of_the_design() -> None:
    table = diff_table(log())
    assert list(table) == ["heads", "mlps", "gain", "gain_of", "gain_along", "information", "residual", "verdict"]
    assert (table["gain"], table["residual"]) == (1.5, 0.003)
    assert table["verdict"]["verdict"] == "undecided"
    assert "no controls" in table["verdict"]["because"]
    names = ["layer", "head", "gain", "own", "inherited", "pattern", "cue_mass_before", "cue_mass_after", "weights"]
    assert [list(head) for head in table["heads"]] == [[*names, "gain_line"]] * 6
    assert table["heads"][3] == {
        "layer": 1, "head": 0, "gain": 0.6, "own": 0.3, "inherited": 0.2, "pattern": 0.05, "cue_mass_before": 0.1,
        "cue_mass_after": 0.4, "weights": {"q": 0.1, "k": 0.0, "v": 0.01, "o": 0.2}, "gain_line": 0.6,
    }  # fmt: skip


@pytest.mark.parametrize(
    ("residual", "says"), [(0.003, ""), (0.06, "the residual is 4% of the gain, 2% is usual"), (0.03015, "2.01% of")]
)
def test_a_large_residual_is_said(residual: float, says: str) -> None:
    text = shown(log(CURVE, *ROWS, msgspec.structs.replace(SUMMARY, residual=residual)))
    assert ("the residual is" in text) == bool(says) and says in text


def test_mlps_and_what_is_known_stand_beside_the_heads() -> None:
    table = diff_table(NEW)
    assert table["mlps"] == [
        {"layer": 0, "gain": 0.5, "gain_line": None},
        {"layer": 1, "gain": -0.25, "gain_line": None},
    ]
    assert (table["gain_of"], table["information"]["share_after"]) == ("usable", 0.9)
    assert (diff_table(log())["mlps"], diff_table(log())["information"]) == ([], None)
    text = shown(NEW)
    assert "gain of each layer's MLP along the training's path, nats" in text
    assert [line.split() for line in text.splitlines() if "mlp 0" in line] == [["mlp", "0", "0.5", "mlp", "1", "-0.25"]]
    assert "its beliefs tell 90 % of what there is to know; before, nothing" in text
    assert "of 4.00 nats of plain gain, 2.88 are the base rate" in text
    assert "gain 1.5, MLPs 0.25, in no unit 0.25, residual 0" in text


@pytest.mark.parametrize(
    ("share", "said"),
    [
        (-0.02, "nothing"),
        (0.0004, "nothing"),
        (0.01, "1.0 %"),
        (0.5, "50 %"),
        (0.998, "99.8 %"),
        (0.9997, "all but 0.03 %"),
    ],
)
def test_shares_never_round_to_all_or_nothing(share: float, said: str) -> None:
    known = next(record for record in logkit.RECORDS if isinstance(record, Information))
    after = msgspec.structs.replace(known, calibrated_after=1.25 * (1 - share))
    assert words(after) == f"its beliefs tell {said} of what there is to know; before, nothing"


def test_a_chunk_is_a_row_of_units_and_weighs_what_it_decides() -> None:
    trained = next(record for record in logkit.RECORDS if isinstance(record, Allocation))
    assert unit_matrix(trained).tolist() == [0.5, 0.25, 0.0, 0.5, 1.0, -2.0, 3.5, -0.25]
    assert unit_matrix(msgspec.structs.replace(trained, mlps=())).tolist() == [0.5, 0.25, 0.0, 1.0, -2.0, 3.5]
    other = msgspec.structs.replace(trained, chunk=1, decisions=15, mlps=(0.1, 0.1))
    assert chunk_weights([trained, other]) == [0.25, 0.75]
    gains = head_gains(log(trained, other))
    assert gains is not None and gains.mlps == {0: pytest.approx(0.2), 1: pytest.approx(0.0125)}


def test_rows_come_in_order_and_the_last_measurement_counts() -> None:
    table = diff_table(log(row(1, 0, 0.5), row(0, 2, 0.5), row(1, 0, 0.7)))
    assert [(head["layer"], head["head"], head["gain"]) for head in table["heads"]] == [(0, 2, 0.5), (1, 0, 0.7)]
    assert (table["gain"], table["residual"]) == (None, None)


def test_numbers_that_are_not_finite_become_none() -> None:
    table = diff_table(log(row(0, 0, float("nan"), own=float("inf"))))
    assert (table["heads"][0]["gain"], table["heads"][0]["own"]) == (None, None)
    json.dumps(table, allow_nan=False)
    shown(log(row(0, 0, float("nan"), own=float("inf"))))


def test_a_run_that_was_stopped_before_its_end_has_no_table() -> None:
    for use in (diff_table, shown, lambda log: export(log, "csv")):
        with pytest.raises(LogError, match=r"run/log\.msgpack: no head was compared"):
            use(log(CURVE))


def test_the_terminal_shows_a_grid_the_leaders_and_the_outcome() -> None:
    text = shown(log())
    lines = [line.split() for line in text.splitlines()]
    assert "share of the heads' gain along the straight line, %" in text
    assert lines[2:5] == [["layer", "0", "1", "2"], ["0", "10.0", "0.0", "-10.0"], ["1", "60.0", "30.0", "10.0"]]
    start = next(number for number, line in enumerate(lines) if line[:2] == ["head", "gain"])
    assert [line[0] for line in lines[start + 1 : start + 7]] == ["1.0", "1.1", "0.0", "1.2", "0.1", "0.2"]
    assert lines[start + 1] == ["1.0", "0.6", "0.6", "0.3", "0.2", "0.05", "0.1", "0.4"]
    assert ["1.0", "0.1", "0", "0.01", "0.2"] in lines
    assert "hits: 0.01 -> 0.93" in text
    assert "d_prime: - -> 3.4" in text
    assert "gain 1.5, in no head's matrices 0.5, residual 0.003" in text
    assert "verdict: undecided" in text
    assert "only part" not in text


def test_without_a_gain_own_change_is_shown_and_a_fault_is_said() -> None:
    text = shown(log(row(0, 0, None, own=3.0), row(0, 1, None, own=1.0), fault="x: byte 9: cut [off]; copy it"))
    assert "share of the heads' own change, %" in text
    assert "75.0" in text
    assert "only part of the log could be read: x: byte 9: cut [off]; copy it" in text


def test_names_from_a_hostile_log_cannot_steer_the_terminal() -> None:
    header = msgspec.structs.replace(HEADER, model="[/bold]\x1b[2J\nnovice")
    summary = msgspec.structs.replace(SUMMARY, before={"[red]\x1b": 1.0})
    text = shown(Log("x", header, (*ROWS, summary)))
    assert "\x1b" not in text
    assert "[/bold] [2J novice" in text
    assert "[red] : 1 -> -" in text


def test_the_verdict_of_a_log_is_told_and_all_of_it_is_in_json(capsys: pytest.CaptureFixture[str]) -> None:
    assert diff_table(NEW)["verdict"] == {"verdict": "undecided", "because": "too few seeds", "rule": 1}
    assert "verdict: undecided: too few seeds" in shown(NEW)
    assert "context_share: 0.9" in shown(NEW)
    export(Log("x", logkit.HEADER, tuple(r for r in logkit.RECORDS if not isinstance(r, HeadRow))), "json")
    whole = json.loads(capsys.readouterr().out)
    assert whole["judgement"]["numbers"] == {"gain": [1.0, 0.5, 1.5], "bases": 1, "held": None}
    assert (whole["gains"][0]["whole"], whole["swaps"][0]["insert"], whole["probes"][0]["decisions"]) == (3.75, 0.75, 9)


def test_an_experiments_verdict_is_told_without_heads() -> None:
    whole = Log(
        "verdict.msgpack",
        logkit.HEADER,
        tuple(r for r in logkit.RECORDS if not isinstance(r, HeadRow | Summary | Allocation)),
    )
    assert diff_table(whole)["heads"] == [] and diff_table(whole)["gain"] is None
    assert "verdict: undecided: too few seeds" in shown(whole) and "share of the heads'" not in shown(whole)


WIDE = msgspec.structs.replace(HEADER, layers=3, heads=40)


def allocation(along: str, chunk: int, decisions: int, gains: tuple[tuple[float, ...], ...]) -> Allocation:
    return Allocation(along=along, chunk=chunk, decisions=decisions, heads=gains, rest=0.1, whole=1.0, residual=0.01)  # type: ignore[arg-type]


@pytest.mark.parametrize("size", [1e-9, 1.0, -12345.6, 1e99])
def test_a_wide_model_fits_eighty_columns_and_no_head_is_cut(size: float) -> None:
    rows = [row(layer, head, size * (1 + head), own=size) for layer in range(3) for head in range(40)]
    text = shown(Log("x", WIDE, (*rows, SUMMARY)))
    assert max(map(len, text.splitlines())) <= (80 if abs(size) < 1e50 else 90)
    words = {line.split()[0] for line in text.splitlines() if line.strip()}
    top = sorted(rows, key=lambda row: -(row.gain or 0.0))[:10]
    assert {f"{row.layer}.{row.head}" for row in top} <= words
    heads = [int(word) for line in text.splitlines() if line.split()[:1] == ["layer"] for word in line.split()[1:]]
    assert heads == list(range(40))


def test_the_table_is_ascii_for_every_terminal() -> None:
    assert shown(log()).isascii() and shown(NEW).isascii()


def test_the_gain_along_the_path_counts_and_the_line_stands_beside_it() -> None:
    path = [allocation("path", 0, 3, ((0.0, 0.0, 0.0), (0.1, 0.9, 0.0))), allocation("path", 1, 1, ((0.0,) * 3,) * 2)]
    line = [allocation("line", chunk, 1, GAINS) for chunk in (0, 1)]
    both = log(*ROWS, *line, *path, SUMMARY)
    table = diff_table(both)
    head = table["heads"][4]
    assert (table["gain_along"], head["gain"], head["gain_line"]) == ("path", pytest.approx(0.675), 0.3)
    assert table["residual"] == pytest.approx(0.01)
    text = shown(both)
    assert "share of the heads' gain along the training's path, %" in text
    lines = [line.split() for line in text.splitlines()]
    start = next(number for number, line in enumerate(lines) if line[:3] == ["head", "gain", "line"])
    assert lines[start + 1][:3] == ["1.1", "0.675", "0.3"]
    grid = gain_grid(both)
    assert grid is not None and divmod(int(grid.argmax()), 3) == (1, 1), "a report names the same head"
    assert grid[1, 1] == pytest.approx(0.675)


def test_a_path_that_a_kill_cut_short_does_not_count() -> None:
    line = [allocation("line", chunk, 1, GAINS) for chunk in (0, 1)]
    killed = log(*line, allocation("path", 0, 1, ((9.0,) * 3,) * 2), fault="x: byte 9: cut; copy it")
    gains = head_gains(killed)
    assert gains is not None and (gains.along, gains.heads[1, 0]) == ("line", 0.6)


def test_a_killed_run_is_shown_as_far_as_it_came() -> None:
    during = Snapshot(step=20, phase="during", own=((0.0, 1.0, 0.0), (0.0, 0.0, 3.0)))
    killed = log(CURVE, during, fault="x: byte 9: the log ends inside a record; copy it")
    text = shown(killed)
    assert "the run ended before its heads were compared" in text
    assert "own change at step 20" in text and "75.0" in text and "step 20: hits 0.5" in text
    table = diff_table(killed)
    assert table["heads"] == [] and table["fault"].startswith("x: byte 9")
    assert "the run ended" in shown(log(CURVE, fault="x: byte 9"))
