"""Calibration: draws that learn nothing are passed over, counts are counts, and a killed one goes on."""

import json
from pathlib import Path

import pytest

from perception.model import save
from tests.kits.minds import tiny
from training.experiments import calibration as module
from training.experiments.calibration import PATTERNS, _share_controls, calibration, drawn, lines, result_of
from training.experiments.plan import settings
from training.verdict.rule import LOCALIZED, UNDECIDED


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> str:
    folder = tmp_path_factory.mktemp("models") / "tiny"
    save(tiny(), folder)
    return str(folder)


def row(pattern: str, word: str, draw: int = 0) -> dict:
    return {"pattern": pattern, "wanted": PATTERNS[pattern].word, "word": word, "draw": draw, "model": "m",
            "commits": ["c"]}  # fmt: skip


def test_a_draw_that_learns_nothing_is_passed_over_and_noted(model, tmp_path, monkeypatch):
    shares = iter([0.02, 0.09, 0.3])
    monkeypatch.setattr(module, "_pilot", lambda *arguments: next(shares))
    plan, chosen = drawn(model, "one-head", 0, tmp_path, 8, quick=False)
    noted = json.loads((tmp_path / "draw.json").read_text())
    assert noted["heads"] == [list(chosen[0])] and noted["pilot"] == 0.3
    assert [one["pilot"] for one in noted["passed_over"]] == [0.02, 0.09]
    assert {arm.config.teach.heads for arm in plan.arms} == {f"{chosen[0][0]}.{chosen[0][1]}"}
    assert drawn(model, "one-head", 0, tmp_path, 8, quick=False)[1] == chosen  # from what is noted: no pilot is left


def test_a_pattern_that_never_learns_is_refused_in_one_line(model, tmp_path, monkeypatch):
    monkeypatch.setattr(module, "_pilot", lambda *arguments: 0.0)
    with pytest.raises(ValueError, match="draws of one-head learn nothing"):
        drawn(model, "one-head", 0, tmp_path, 8, quick=False)
    assert not list(tmp_path.iterdir())


def test_nothing_is_trained_by_other_seeds_than_its_control(model, tmp_path):
    plan, chosen = drawn(model, "nothing", 0, tmp_path, 8, quick=False)
    seeds = {arm.name: {arm.seeded(seed).seed for seed in plan.seeds} for arm in plan.arms}
    controls = {arm.name: arm.config.control for arm in plan.arms}
    assert chosen == [] and controls["trained"] == controls["rehearsal"] == "rehearsal"
    assert not seeds["trained"] & seeds["rehearsal"]


def test_a_draw_without_heads_is_other_seeds(model, tmp_path):
    first, second = (drawn(model, "mlps", draw, tmp_path, 8, quick=False)[0].seeds for draw in (0, 1))
    assert len(first) == len(second) == 8 and not set(first) & set(second)
    probes = [{arm.config.probe_seed for arm in drawn(model, "mlps", draw, tmp_path, 8, quick=False)[0].arms}
              for draw in (0, 1)]  # fmt: skip
    assert len(probes[0]) == len(probes[1]) == 1 and probes[0] != probes[1], "and other probes, for all arms"


def test_controls_that_are_the_same_runs_are_trained_once(model, tmp_path):
    """Whole runs alone are taken, and what is there stays."""
    source, to = tmp_path / "all-heads-0" / "runs", tmp_path / "nothing-0" / "runs"
    for arm, seed, whole in (
        ("shuffled", 0, True),
        ("rehearsal", 0, True),
        ("rehearsal", 1, False),
        ("trained", 0, True),
    ):
        (folder := source / arm / f"seed-{seed}").mkdir(parents=True)
        (folder / "log.msgpack").write_text("log")
        if whole:
            (folder / "result.json").write_text("{}")
    (to / "shuffled" / "seed-0").mkdir(parents=True)
    _share_controls(tmp_path, "nothing", 0)
    assert sorted(str(path.relative_to(to)) for path in to.rglob("*") if path.is_file()) == [
        "rehearsal/seed-0/log.msgpack",
        "rehearsal/seed-0/result.json",
    ]
    _share_controls(tmp_path, "mlps", 0)
    assert not (tmp_path / "mlps-0").exists()
    plans = [drawn(model, name, 0, tmp_path, 8, quick=False)[0] for name in ("nothing", "all-heads")]
    for one, other in zip(*(plan.arms[1:] for plan in plans), strict=True):
        assert settings(one.seeded(0)) == settings(other.seeded(0))


def test_words_are_counted_by_pattern():
    rows = [
        row("one-head", LOCALIZED),
        row("one-head", UNDECIDED, 1),
        row("mlps", LOCALIZED),
        row("nothing", UNDECIDED),
    ]
    content = result_of(rows)
    by_name = {line["name"]: line for line in content["patterns"]}
    assert [by_name["one-head"][key] for key in ("right", "wrong", "undecided", "n")] == [1, 0, 1, 2]
    assert [by_name["mlps"][key] for key in ("right", "wrong", "undecided")] == [0, 1, 0]
    assert by_name["nothing"]["right"] == 1 and "all-heads" not in by_name
    assert [content["all"][key] for key in ("right", "wrong", "undecided", "n")] == [2, 1, 1, 4]
    assert by_name["one-head"]["right_interval"][0] < 0.5 < by_name["one-head"]["right_interval"][1]
    assert [(line["name"], line["right"], line["n"]) for line in content["draws"]] == [
        ("draw 0", 2, 3),
        ("draw 1", 0, 1),
    ]
    assert len(list(lines(content))) == 1 + 3 + 2 + 1


@pytest.mark.parametrize("content", [{"experiment": "sight"}, None])
def test_a_folder_of_something_else_is_refused_and_stays(model, tmp_path, content):
    name = "score.json" if content else "notes.txt"
    (tmp_path / name).write_text(json.dumps(content))
    with pytest.raises(ValueError, match="no calibration; give a new folder"):
        calibration([model], tmp_path, 1, lambda what, done, of: None)
    assert (tmp_path / name).read_text() == json.dumps(content) and len(list(tmp_path.iterdir())) == 1
    with pytest.raises(ValueError, match="is no folder"):
        calibration([model], tmp_path / name, 1, lambda what, done, of: None)


def test_every_experiment_is_run_once_and_the_table_is_written_after_each(model, tmp_path, monkeypatch):
    ran: list[Path] = []

    def run(experiment, folder, workers, report, pool, prepare):
        prepare()
        ran.append(folder)
        report("training", 1, 2)
        return {}

    monkeypatch.setattr(module, "_pilot", lambda *arguments: 1.0)
    monkeypatch.setattr(module, "run_experiment", run)
    monkeypatch.setattr(module, "row_of", lambda result, runs, name, draw, chosen: row(name, UNDECIDED, draw))
    monkeypatch.setattr(module, "PATTERNS", {name: PATTERNS[name] for name in ("all-heads", "mlps", "nothing")})
    reports: list[tuple[str, int, int]] = []
    content = calibration([model], tmp_path / "out", 1, lambda *words: reports.append(words))
    assert reports[0] == ("experiment 1 of 6, all-heads: training", 1, 2) and reports[-1] == ("experiments", 6, 6)
    assert len(set(ran)) == len(ran) == content["runs"] == 6
    assert json.loads((tmp_path / "out" / "score.json").read_text()) == content
