"""What a run's log holds beside its curve: history, probes, the gain in chunks along path and line, swaps, wholes."""

import copy
from dataclasses import replace

import pytest
import torch

from game.realm.rules import load
from tests.kits.minds import tiny
from training.config import LearnConfig, TeachConfig
from training.headlog.gains import line_gains
from training.headlog.log import read_log
from training.heads import run_log
from training.heads.chunks import in_both_halves
from training.heads.head_probes import head_probes
from training.heads.run_log import RunLog, write_training_log
from training.heads.usable import UsableChunks
from training.learn import train

torch.set_num_threads(1)
RULES = load()
TEACH = TeachConfig(train="all", rank=4, scenes=2, rehearse=1, warmup=1, lr=0.05)
CONFIG = LearnConfig(teach=TEACH, lessons=6, steps=4, probes=8, measure_every=2, device="cpu", seed=3)


@pytest.fixture(scope="module")
def logged(tmp_path_factory):
    """(run, its log as it stood before the end, its log at the end)."""
    path = tmp_path_factory.mktemp("run") / "log.msgpack"
    log = RunLog(path)
    run = train(CONFIG, tiny(), RULES, lambda *_: None, log)
    midway = read_log(path, partial=True)
    log.finish(run.training(), head_probes(run.before, run.probes, RULES), run.behaviour.gain_losses())
    return run, midway, read_log(path)


def test_the_log_is_written_as_the_run_goes(logged):
    _, midway, whole = logged
    assert "no end record" in midway.fault
    assert [point.step for point in midway.curve] == [0, 2, 4]
    assert [(record.step, record.phase) for record in midway.snapshots] == [(2, "during"), (4, "during")]
    assert whole.fault is None
    assert whole.records[: len(midway.records)] == midway.records


def test_history_holds_what_each_head_came_to(logged):
    run, _, log = logged
    during = [record for record in log.snapshots if record.phase == "during"]
    assert [step for step, _ in run.trajectory] == [0, 2, 4]
    for record, (step, grids), share in zip(during, run.history, run.gradients, strict=True):
        assert record.step == step
        for name in ("own", "pattern", "cue_mass", "entropy"):
            assert list(map(list, getattr(record, name))) == grids[name].tolist()
        assert sum(map(sum, record.gradient)) == pytest.approx(float(share.sum()))
    before, after = log.snapshots[0], log.snapshots[-1]
    assert (before.phase, after.phase) == ("before", "after")
    assert 0 < len(before.each) == len(after.each) <= run_log.EACH
    assert before.each != after.each


@pytest.mark.parametrize("along", ["path", "line"])
def test_every_chunk_is_shared_out_and_together_they_are_the_table(logged, along):
    _, _, log = logged
    chunks = log.allocations(along)
    assert [record.chunk for record in chunks] == list(range(4))  # eight scenes of four realms
    gain_probes = next(record for record in log.probes if record.what == "gain")
    assert sum(record.decisions for record in chunks) == gain_probes.decisions
    assert [record.whole for record in chunks] == pytest.approx(
        [a - b for a, b in zip(gain_probes.before, gain_probes.after)]
    )
    for record in chunks:
        assert sum(map(sum, record.heads)) + sum(record.mlps) + record.rest + record.residual == pytest.approx(
            record.whole
        )
    shared = sum(record.decisions * record.heads[1][2] for record in chunks) / gain_probes.decisions
    row = next(row for row in log.rows if (row.layer, row.head) == (1, 2))
    assert shared == pytest.approx(row.gain) if along == "line" else shared != row.gain
    whole = sum(record.decisions * record.whole for record in chunks) / gain_probes.decisions
    assert whole == pytest.approx(log.summary.gain)


def test_the_log_tells_what_the_beliefs_know_and_what_is_base_rate(logged):
    run, _, log = logged
    known, probes = log.information, next(record for record in log.probes if record.what == "gain")
    assert (known.decisions, {record.loss for record in log.gains}) == (probes.decisions, {"usable"})
    chunks = run.behaviour.gain_losses().chunks
    plain = [loss.total * value for loss, value in zip(chunks, probes.plain_after, strict=True)]
    assert sum(plain) / known.decisions == pytest.approx(known.plain_after)
    gain = known.calibrated_before - known.calibrated_after
    assert gain == pytest.approx(log.summary.gain, abs=0.02)  # but for the ridge
    assert known.share_after - known.share_before == pytest.approx(gain / known.entropy)
    assert known.crossed_after >= known.calibrated_after
    parts = log.summary.mlps + log.summary.rest + log.summary.residual + sum(row.gain for row in log.rows)
    assert parts == pytest.approx(log.summary.gain)
    assert log.summary.mlps == pytest.approx(sum(line_gains(log).mlps.values()))
    assert abs(log.summary.residual) <= 0.01 * abs(log.summary.gain)


def test_layers_and_single_heads_are_swapped_and_the_context_is(logged):
    _, _, log = logged
    assert [swap.name for swap in log.swaps] == [
        "layer 0", "layer 1", *(f"head {layer}.{head}" for layer in range(2) for head in range(4)), "mlp 0", "mlp 1",
    ]  # fmt: skip
    assert log.swaps[0].heads == tuple((0, column) for column in range(5))
    assert {swap.what for swap in log.swaps} == {"output"}
    few = [record.decisions for record in in_both_halves(log.allocations("line"), run_log.SWAPPED)]
    assert {swap.decisions for swap in log.swaps} == {sum(few)}
    assert [number.name for number in log.wholes] == ["context_share", "decision_share"]


def test_the_same_probes_have_the_same_hash_and_others_another(logged, tmp_path):
    run, _, log = logged
    assert all(len(record.hash) == 16 for record in log.probes)
    path = tmp_path / "log.msgpack"
    losses = run.behaviour.gain_losses()
    hashes = []
    for chunks in (losses, UsableChunks(losses.chunks[:1]), UsableChunks(losses.chunks[1:2])):
        write_training_log(path, run.training(), head_probes(run.before, run.probes, RULES), chunks)
        again = read_log(path)
        hashes.append(again.probes[1].hash)
        assert again.probes[0].hash == log.probes[0].hash
    assert len(set(hashes)) == 3
    assert hashes[0] == log.probes[1].hash
    assert again.information.crossed_after is None  # a single chunk has no other half
    assert again.swaps == ()  # a journey's heads are weighed when somebody asks for it
    assert [record.along for record in again.gains] == ["line", "path"]


def test_without_a_loss_nothing_is_shared_out(logged, tmp_path):
    run, _, _ = logged
    still = copy.copy(run)
    still.trajectory = []
    write_training_log(tmp_path / "log", still.training(), head_probes(run.before, run.probes, RULES), None)
    log = read_log(tmp_path / "log")
    assert (log.gains, log.wholes, log.summary.gain) == ((), (), None)
    assert {row.gain for row in log.rows} == {None}


def test_an_experiments_run_may_hold_what_a_verdict_rests_on_alone(logged, tmp_path):
    """The same gain along the same path; nothing is measured on the way or beside it."""
    _, _, whole = logged
    log = RunLog(tmp_path / "log.msgpack")
    again = train(replace(CONFIG, gain_only=True), tiny(), RULES, lambda *_: None, log)
    log.finish(again.training(), None, again.behaviour.gain_losses())
    lean = read_log(tmp_path / "log.msgpack")
    assert lean.allocations("path") == whole.allocations("path")
    assert lean.allocations("line") == [] and not lean.rows and not lean.swaps
    assert [(point.step, point.hits) for point in lean.curve] == [(0, whole.curve[0].hits), (2, None), (4, None)]
    assert lean.summary.after["hits"] == whole.curve[-1].hits and again.result()["steps_to_see"] is None
    assert again.result()["after"]["hits_new_pairs"] is None
