"""What an experiment refuses of its folder's plan and of flags that contradict one another."""

import os
from pathlib import Path

import pytest

from tests.kits.experimentkit import files_and_model, from_files
from training.experiments import tables
from training.experiments.run import check_free
from training.run_folder import check_out


def test_a_damaged_plan_names_a_way_out(tmp_path: Path) -> None:
    out = tmp_path / "out"
    out.mkdir()
    (out / "seed-0").mkdir()
    for text in ("{", "[]", "[" * 100_000):
        (out / "experiment.json").write_text(text)
        with pytest.raises(ValueError, match=r"experiment.json: .*; restore it, or give a new --out$"):
            check_free(out, {})


def test_a_name_that_is_no_text_is_refused_before_anything_runs(tmp_path: Path) -> None:
    odd = tmp_path / os.fsdecode(b"a\xffb")
    for check in (check_out, lambda out: check_free(out, {})):
        with pytest.raises(ValueError, match="the name is not UTF-8; give another"):
            check(odd)


def test_scores_alone_and_the_gain_alone_are_refused_together(tmp_path: Path) -> None:
    planned = from_files(files_and_model(tmp_path)).without_logs(tables.score)
    with pytest.raises(ValueError, match="one measures the gain, the other not; leave one of them out"):
        planned.changed({"gain_only": True})
    assert planned.changed({"gain_only": False}).scores_alone
