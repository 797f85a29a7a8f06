"""One measured training, on a model small enough for a test: its keys, its run folder, its refusals, its sameness."""

from contextlib import contextmanager
from dataclasses import replace

import pytest
import torch

from common.files import OutputError
from common.locks import FolderInUse, hold
from perception.model import load, save, weights_hash
from tests.kits.minds import tiny
from training.config import LearnConfig, TeachConfig
from training.experiments.plan import settings
from training.headlog.log import read_log
from training.headlog.records import LogError
from training.headlog.table import diff_table
from training.heads import run_log
from training.learn import learn, steps_to_see
from training.optim import frozen
from training.optim.frozen import Broken
from training.run_folder import CHECKPOINT

try:
    import resource
except ImportError:  # Windows
    resource = None

torch.set_num_threads(1)
TEACH = TeachConfig(rank=4, scenes=2, rehearse=1, warmup=1)
SCORES = {"hits", "hits_new_pairs", "false_alarms", "d_prime", "mundane"}
KEYS = {
    "before", "after", "spirits_shown", "empties_shown", "curve", "steps", "seconds", "steps_per_s", "lessons", "log",
    "steps_to_see", "gradients",
}  # fmt: skip


@pytest.fixture(scope="module")
def config(tmp_path_factory):
    folder = tmp_path_factory.mktemp("models") / "small"
    save(tiny(), folder)
    return LearnConfig(
        model=str(folder), teach=TEACH, lessons=8, steps=5, probes=10, measure_every=2, device="cpu", seed=3
    )


@pytest.fixture(scope="module")
def run(config, tmp_path_factory):
    """One run into a folder, and what it reported."""
    out, reports = tmp_path_factory.mktemp("runs") / "deep" / "first", []
    result = learn(replace(config, out=out), lambda *report: reports.append(report))
    return result, out, reports


def without_times(result):
    curve = [{k: v for k, v in point.items() if k != "seconds"} for point in result["curve"]]
    timeless = {k: v for k, v in result.items() if k not in ("seconds", "steps_per_s", "log")}
    return timeless | {"curve": curve}


def test_scores_only_measures_no_head_and_learns_the_same(run, config, tmp_path):
    out = tmp_path / "run"
    result = learn(replace(config, scores_only=True, out=out))
    assert without_times(result) == without_times(run[0])
    assert weights_hash(load(str(out / "model")).net) == weights_hash(load(str(run[1] / "model")).net)
    log, whole = read_log(out / "log.msgpack"), read_log(run[1] / "log.msgpack")
    assert not log.rows and not log.allocations() and log.information is None and not any(s.own for s in log.snapshots)
    assert log.summary is not None and (log.summary.after, log.summary.gain) == (whole.summary.after, None)
    with pytest.raises(LogError, match="let `learn` compare them: no --scores-only"):
        diff_table(log)
    with pytest.raises(ValueError, match="--gain-only with --scores-only"):
        learn(replace(config, scores_only=True, gain_only=True))


def test_the_result_has_the_keys_that_scripts_rely_on(run):
    result, _, _ = run
    assert set(result) == KEYS
    for when in ("before", "after"):
        assert set(result[when]) == SCORES
        assert all(0 <= result[when][name] <= 1 for name in SCORES - {"d_prime"})
    assert [point["step"] for point in result["curve"]] == [0, 2, 4, 5]
    assert all({"step", "hits", "false_alarms", "mundane"} <= set(point) for point in result["curve"])
    assert result["curve"][0]["loss"] is None
    assert all(point["loss"] > 0 for point in result["curve"][1:])
    assert (result["steps"], result["lessons"]) == (5, 8)
    assert result["spirits_shown"] > 0
    assert result["empties_shown"] > 8
    assert result["steps_per_s"] == pytest.approx(5 / result["seconds"])


def test_it_says_how_far_it_is(run):
    _, _, reports = run
    assert [(done, of) for what, done, of in reports if what == "learning"] == [(i, 5) for i in range(1, 6)]
    assert (reports[0][0], reports[-1]) == ("measuring", ("comparing heads", 1, 1))


def test_the_run_folder_holds_a_log_that_reads_back(run, config):
    result, out, _ = run
    assert sorted(path.name for path in out.iterdir()) == ["log.msgpack", "model"]
    assert result["log"] == str(out / "log.msgpack")
    log = read_log(out / "log.msgpack")
    header = log.header
    assert (header.model, header.layers, header.heads) == ("small", 2, 4)
    assert header.model_hash == weights_hash(tiny().net)
    assert header.seeds == {"lessons": 3, "teach": 0}
    assert header.config["teach_rank"] == 4
    assert header.config["behaviour"] == "sight"
    assert header.commit == run_log.commit()
    assert [point.step for point in log.curve] == [0, 2, 4, 5]
    assert [point.hits for point in log.curve] == [point["hits"] for point in result["curve"]]
    assert [(s.step, s.phase) for s in log.snapshots] == [
        (0, "before"), (2, "during"), (4, "during"), (5, "during"), (5, "after"),
    ]  # fmt: skip
    assert log.summary.before == result["before"]
    assert log.summary.after == result["after"]
    assert (log.summary.steps, log.summary.lessons) == (5, 8)


def test_where_the_gradient_went_reaches_the_log(run):
    result, out, _ = run
    log = read_log(out / "log.msgpack")
    assert log.summary.gradients == result["gradients"]
    assert set(log.summary.gradients) == set("qkvo")  # attention alone was trained
    assert sum(log.summary.gradients.values()) == pytest.approx(1)
    for matrix in "qkvo":
        assert sum(row.gradients[matrix] for row in log.rows) == pytest.approx(log.summary.gradients[matrix])
    along = [snapshot.gradient for snapshot in log.snapshots if snapshot.phase == "during"]
    assert [sum(map(sum, grid)) for grid in along] == pytest.approx([1.0] * 3)
    assert along[0] != along[1]
    assert {snapshot.gradient for snapshot in log.snapshots if snapshot.phase != "during"} == {()}


def test_steps_to_see_is_the_first_point_with_enough_hits_and_few_false_alarms():
    curve = [
        {"step": step, "hits": hits, "false_alarms": alarms}
        for step, hits, alarms in [(0, 0.0, 0.0), (20, 0.95, 0.06), (40, 0.89, 0.01), (60, 0.9, 0.05), (80, 1.0, 0.0)]
    ]
    assert steps_to_see(curve) == 60
    assert steps_to_see(curve[:3]) is None


def test_the_table_of_the_log_shares_out_the_gain(run):
    _, out, _ = run
    log = read_log(out / "log.msgpack")
    table = diff_table(log)
    assert {"heads", "gain", "residual", "verdict"} <= set(table)
    names = {"layer", "head", "gain", "own", "inherited", "pattern", "cue_mass_before", "cue_mass_after", "weights"}
    assert all(names <= set(row) and set(row["weights"]) == set("qkvo") for row in table["heads"])
    assert [(row["layer"], row["head"]) for row in table["heads"]] == [(i, j) for i in range(2) for j in range(4)]
    assert all(row["own"] > 0 for row in table["heads"])
    shared = sum(row["gain"] for row in table["heads"]) + log.summary.rest
    assert shared + table["residual"] == pytest.approx(table["gain"], abs=1e-9)
    assert abs(table["residual"]) <= 0.02 * abs(table["gain"])
    assert log.summary.rest == pytest.approx(0, abs=1e-9)  # attention alone was trained


def test_the_model_that_learned_is_in_the_run_folder(run, config):
    _, out, _ = run
    before, after = load(config.model).net, load(out / "model").net
    moved = {
        name.split(".")[-2]
        for (name, old), new in zip(before.named_parameters(), after.parameters(), strict=True)
        if not torch.equal(old, new)
    }
    assert moved == {"q_proj", "k_proj", "v_proj", "o_proj"}


def test_the_same_seed_gives_the_same_numbers(run, config):
    again = learn(config)
    assert again["log"] is None
    assert without_times(again) == without_times(run[0])


def test_the_shuffled_control_has_the_same_scenes_and_as_many_spirits(run, config):
    control, true = learn(replace(config, control="shuffled")), run[0]
    for key in ("spirits_shown", "empties_shown", "lessons", "steps"):
        assert control[key] == true[key]
    losses = [[point["loss"] for point in result["curve"][1:]] for result in (control, true)]
    assert losses[0] != losses[1]
    assert {k: control["before"][k] for k in SCORES - {"hits_new_pairs"}} == {
        k: true["before"][k] for k in SCORES - {"hits_new_pairs"}
    }


@pytest.mark.parametrize("existing", ["file", "folder"])
def test_an_out_that_exists_is_refused_and_kept(tmp_path, config, existing):
    out = tmp_path / "run"
    if existing == "folder":
        out.mkdir()
    (out / "mine" if existing == "folder" else out).write_text("dear")
    with pytest.raises(ValueError, match="exists and is not empty; give a new folder"):
        learn(replace(config, out=out))
    assert (out / "mine" if existing == "folder" else out).read_text() == "dear"
    assert len(list(tmp_path.rglob("*"))) == (2 if existing == "folder" else 1)


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        ({"behaviour": "flight"}, "--behaviour flight: not known; choose sight, listen, or give a FILE.jsonl"),
        ({"model": "/nowhere"}, "--model /nowhere: no such folder"),
        ({"lessons": 0}, "--lessons 0: must be a whole number from 1 to 100000"),
        ({"teach": replace(TEACH, lr=-1.0)}, "--lr -1.0: must be a number from 0 to 1000"),
    ],
)
def test_bad_settings_write_nothing(tmp_path, config, changes, says):
    with pytest.raises(ValueError, match=says) as caught:
        learn(replace(config, out=tmp_path / "run", **changes))
    assert "\n" not in str(caught.value)
    assert list(tmp_path.iterdir()) == []


def test_a_step_that_is_not_finite_ends_it_and_leaves_what_the_log_had(tmp_path, config, monkeypatch):
    well, steps = frozen.frozen_loss, []

    def fails_in_the_fourth(net, packed, cache):
        steps.append(1)
        return well(net, packed, cache) * (float("nan") if len(steps) > 3 else 1)

    monkeypatch.setattr(frozen, "frozen_loss", fails_in_the_fourth)
    with pytest.raises(Broken):
        learn(replace(config, out=tmp_path / "run"))
    assert sorted(path.name for path in (tmp_path / "run").iterdir()) == [CHECKPOINT, "log.msgpack"]
    log = read_log(tmp_path / "run" / "log.msgpack", partial=True)
    assert "no end record" in log.fault
    assert ([point.step for point in log.curve], [s.step for s in log.snapshots]) == ([0, 2], [2])
    assert log.snapshots[0].own != log.snapshots[0].cue_mass != ()


@contextmanager
def room_for(size):
    """A disk on which no file grows beyond so many bytes: what comes after is refused, as on a full one."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)


@pytest.mark.skipif(resource is None, reason="needs a limit for files")
@pytest.mark.parametrize(
    ("size", "fails", "whole"), [(200, CHECKPOINT, None), (4_000, CHECKPOINT, None), (60_000, "model", True)]
)
def test_a_disk_that_fills_up_costs_one_line_and_leaves_whole_records(tmp_path, config, size, fails, whole):
    out = tmp_path / "deep" / "run"
    with room_for(size), pytest.raises((OutputError, LogError)) as caught:
        learn(replace(config, lessons=2, probes=2, steps=4, measure_every=1, out=out))
    assert str(out / fails) in str(caught.value)
    assert "\n" not in str(caught.value)
    if whole is None:
        assert list(tmp_path.iterdir()) == []
        return
    assert {path.name.partition("-")[0] for path in out.rglob("*")} - {"checkpoint"} == {CHECKPOINT, "log.msgpack"}
    log = read_log(out / "log.msgpack")
    assert len(log.curve) == 5


def test_a_run_folder_has_one_writer(tmp_path, config):
    out = tmp_path / "run"
    with hold(out):
        with pytest.raises(FolderInUse, match=r"in use by another program \(process \d+\); wait until it ends"):
            learn(replace(config, out=out))
        assert [path.name for path in out.iterdir()] == [".lock"]
    (out / ".lock").touch()  # left behind by one that was killed
    assert LearnConfig(out=out).faults() == []


def test_a_folder_that_cannot_be_made_is_refused_before_the_model_is_loaded(tmp_path, config):
    (tmp_path / "file").touch()
    with pytest.raises(OutputError, match=r"file/run: a part of the path is no folder; choose another place"):
        learn(replace(config, model="hub:nobody/nothing", out=tmp_path / "file" / "run"))
    with pytest.raises(OutputError, match="the name is too long; choose a shorter one"):
        learn(replace(config, model="hub:nobody/nothing", out=tmp_path / "deep" / ("x" * 300)))
    assert [path.name for path in tmp_path.iterdir()] == ["file"]


def test_outside_a_checkout_the_commit_is_unknown(monkeypatch, tmp_path):
    monkeypatch.setattr(run_log, "ROOT", tmp_path)
    monkeypatch.setenv("GIT_CEILING_DIRECTORIES", str(tmp_path.parent))
    assert run_log.commit() == "unknown"


def test_paths_inside_the_checkout_are_told_from_its_root(tmp_path):
    inside = run_log.ROOT / "assets" / "novice"
    assert run_log.from_root(str(inside)) == run_log.from_root(inside) == "assets/novice"
    for other in ("sight", "hub:org/name", "runs/mine", str(tmp_path), None, 3, True):
        assert run_log.from_root(other) == other
    assert settings(LearnConfig())["model"] == "assets/novice"
