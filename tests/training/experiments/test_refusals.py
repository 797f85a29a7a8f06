"""What an experiment refuses, when, and what its one line says helps."""

import json
import re
import shutil
from dataclasses import replace

import pytest
import torch

from perception.model import save
from tests.kits.experimentkit import SMALL, TEACH, files_and_model, from_files, learned_at_once
from tests.kits.minds import tiny
from tests.kits.sources import ROOT
from training.experiments import frozen, run
from training.experiments.plan import Arm
from training.experiments.run import run_experiment
from training.experiments.tables import spread

torch.set_num_threads(1)
LOG = ROOT / "docs" / "logs" / "frozen" / "frozen" / "seed-0" / "log.msgpack"


@pytest.fixture
def calls(monkeypatch):
    """Trainings that cost nothing."""
    calls = []
    monkeypatch.setattr(run, "learn", learned_at_once(calls))
    return calls


@pytest.fixture
def contexts(tmp_path):
    """`frozen` on a model that was itself trained with --base-cache."""
    model = tiny(seed=1)
    model.context = tiny().net
    save(model, tmp_path / "model")
    arms = [
        Arm(arm.name, replace(arm.config, **SMALL, model=str(tmp_path / "model"), teach=replace(
            TEACH, full=arm.config.teach.full, base_cache=arm.config.teach.base_cache,
        )))
        for arm in frozen.ARMS
    ]  # fmt: skip
    return replace(frozen.EXPERIMENT, arms=tuple(arms), seeds=(0,), rates={}, stage=None, score=lambda outcomes: {})


def test_an_arm_that_such_a_model_cannot_learn_is_refused_before_any_other_is_trained(contexts, calls, tmp_path):
    others = "--arm frozen --arm base-cache --arm base-cache-reused"
    with pytest.raises(ValueError) as caught:
        run_experiment(contexts, tmp_path / "out", tried=True)
    assert str(caught.value) == (
        f"--model {tmp_path / 'model'}: decides on contexts that another net reads, and the arm full learns through"
        f" contexts; give a model that was trained without --base-cache, or the other arms alone: {others}"
    )
    assert not calls and not (tmp_path / "out").exists()
    run_experiment(contexts.only(*others.split()[1::2]), tmp_path / "out", tried=True)
    assert len(calls) == 3


def test_arms_that_may_not_be_left_out_are_not_said_to_help(contexts, calls, tmp_path):
    class Strict(frozen.Cost):
        any_arms = False

    with pytest.raises(ValueError, match=r"give a model that was trained without --base-cache$"):
        run_experiment(replace(contexts, stage=Strict()), tmp_path / "out", tried=True)


@pytest.fixture
def finished(calls, tmp_path):
    """An experiment whose score reads logs, of runs that are done; one of its logs."""
    plan, out = from_files(files_and_model(tmp_path / "home"), seeds=(0,)), tmp_path / "out"
    run_experiment(plan, out)
    for path in sorted(out.glob("*/seed-0")):
        shutil.copy(LOG, path / "log.msgpack")
        result = json.loads((path / "result.json").read_text())
        (path / "result.json").write_text(json.dumps(result | {"files": {}}))  # as older versions left them
    reads = replace(plan, score=spread)
    assert run_experiment(reads, out)["score"]
    return reads, out, out / "dealt" / "seed-0" / "log.msgpack"


def test_a_log_that_is_gone_or_cut_is_mended_by_doing_its_run_again(finished, calls):
    plan, out, log = finished
    whole, mend = log.read_bytes(), f"; remove {log.parent}, and the same command does that run again"
    log.unlink()
    with pytest.raises(ValueError) as caught:
        run_experiment(plan, out)
    assert str(caught.value) == f"{log}: is gone{mend}"
    for data in (whole[: len(whole) // 2], whole[:3], b""):
        log.write_bytes(data)
        with pytest.raises(ValueError, match=rf"^{re.escape(str(log))}: byte \d+: [^;\n]*{re.escape(mend)}$"):
            run_experiment(plan, out)
    shutil.rmtree(log.parent)
    run_experiment(replace(plan, score=lambda outcomes: {}), out)
    assert len(calls) == 3, "the one that was removed is done again"


def test_a_log_that_nothing_reads_is_not_missed(finished):
    plan, out, log = finished
    log.unlink()
    assert run_experiment(replace(plan, score=lambda outcomes: {"runs": len(outcomes)}), out)["score"] == {"runs": 2}
