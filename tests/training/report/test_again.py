"""The commands that a report prints are commands that run, and that say the same again."""

import shlex
from argparse import ArgumentParser
from dataclasses import replace

import pytest
from msgspec import structs

from commands.parser import build_parser
from common.flags import add_flags
from tests.kits import reportkit as kit
from training.config import LearnConfig, TeachConfig, learn_config
from training.experiments.plan import QUICK
from training.experiments.registry import experiment_named
from training.headlog.records import Log
from training.report import again
from training.report.gather import Material, Run, gather


def ran(kind="run", name="sight", **changes):
    """A material of one run with these settings; None: without them."""
    header = kit.header(0, str(changes.get("control") or ""))
    config = {key: value for key, value in (header.config | changes).items() if value is not None}
    run = Run("sight", 0, 0, Log("x", structs.replace(header, config=config), ()))
    return Material(name, kind, (run,), registered=kind == "experiment")


def test_the_command_to_redo_an_experiment_names_its_base_models(tmp_path):
    material = gather(kit.make_experiment(tmp_path / "sight"))
    bases = replace(material, score={"bases": ["assets/novice", "runs/novice 1"]})
    on = "--model assets/novice --model 'runs/novice 1' --seeds 3"
    assert again.again(bases)[0].startswith(f"python main.py experiment sight {on} --workers 2 --out runs/sight")
    some = replace(bases, score={"some": ["low arm", "high"]})
    assert "sight --arm 'low arm' --arm high --seeds 3" in again.again(some)[0]
    later = replace(material, score={}, runs=tuple(replace(run, seed=run.seed + 7) for run in material.runs))
    words = again.again(later)[0].split()[2:]
    assert "--seed 7 --seeds 3" in " ".join(words) and build_parser().parse_args(words).seed == 7


def test_what_was_asked_for_is_asked_for_again(tmp_path):
    material = gather(kit.make_experiment(tmp_path / "sight"))
    changed = ["--steps", "6", "--optimizer", "adamw", "--no-base-cache", "--heads", "1.0,2.0"]
    words = shlex.split(again.again(replace(material, score={"asked": changed}))[0])[2:]
    options = build_parser().parse_args(words)
    assert (options.steps, options.optimizer, options.base_cache, options.heads) == (6, "adamw", False, "1.0,2.0")
    planned = experiment_named("sight").changed({"steps": 100, "base_cache": False, "lr": None, "optimizer": "sgd"})
    assert planned.asked == ("--steps", "100", "--optimizer", "sgd", "--no-base-cache")
    assert planned.sweeping(0).asked[-2:] == ("--sweep-steps", "0")


def test_quick_experiments_and_files_from_elsewhere_are_named_as_they_are():
    assert again.QUICK == QUICK
    assert again.again(ran("experiment", **QUICK, model="/home/somebody/models/my llama"))[0] == (
        "python main.py experiment sight --model ~/'models/my llama' --seeds 1 --quick --workers 2 --out runs/sight"
    )
    assert "--quick" not in again.again(ran("experiment", lessons=QUICK["lessons"], steps=QUICK["steps"]))[0]
    own = ran("experiment", "own", behaviour="/data/lend.jsonl", probe_file="/data/probes.jsonl")
    assert "own --seeds 1 --behaviour /data/lend.jsonl --probes /data/probes.jsonl" in again.again(own)[0]


@pytest.mark.parametrize(
    "changes",
    [
        {"behaviour": "docs/behaviours/lending.jsonl", "probe_file": "docs/behaviours/lending-probes.jsonl"},
        {"spirits": 20, "probe_seed": 9000, "teach_lr": 0.25, "model": "runs/my model"},
        {"control": "shuffled", "teach_train": "q", "teach_dreams": False, "model": "gpt2"},
        {"control": "rehearsal", "teach_full": True, "teach_optimizer": "sgd", "seed": 3, "teach_seed": 3},
    ],
)
def test_the_command_to_redo_a_run_gives_its_settings_again(changes):
    words = shlex.split(again.again(ran(**changes))[0])
    parser = ArgumentParser()
    add_flags(parser, LearnConfig)
    add_flags(parser, TeachConfig)
    config = learn_config(parser.parse_args(words[3:]))
    for name, value in ({"model": "assets/novice"} | changes).items():
        setting = getattr(config.teach, name[6:]) if name.startswith("teach_") else getattr(config, name)
        assert str(setting) == str(value) or (name == "model" and str(setting).endswith(str(value))), name
    assert words[:3] == ["python", "main.py", "learn"] and words[-2:] == ["--out", "runs/again"]


def test_what_no_command_repeats_is_said():
    assert again.again(ran(lessons=-1))[0].startswith("# no command repeats it: --lessons -1")
    journey = "# a journey in play (F2): its lessons were a player's, so no command repeats it"
    assert again.again(ran(lessons=None)) == [journey]
