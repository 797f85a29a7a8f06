"""The commands that a report prints are commands that run."""

from dataclasses import replace
from types import SimpleNamespace

from msgspec import structs

from main import build_parser
from tests.kits import reportkit as kit
from training.report import opening
from training.report.gather import Run, gather
from training.report.opening import command


def test_the_command_to_redo_an_experiment_names_its_base_models(tmp_path):
    folder = kit.make_experiment(tmp_path / "sight")
    material = replace(gather(folder), score={"bases": ["assets/novice", "runs/novice 1"]})
    on = "--model assets/novice --model 'runs/novice 1' --seeds 3"
    assert command(material).startswith(f"python main.py experiment sight {on} --workers 2 --out runs/sight")
    part = replace(material, score={"some": ["low arm", "high"]})
    assert "sight --arm 'low arm' --arm high --seeds 3" in command(part)
    later = replace(material, score={}, runs=tuple(replace(run, seed=run.seed + 7) for run in material.runs))
    words = command(later).split("\n")[0].split()[2:]
    assert "--seed 7 --seeds 3" in " ".join(words) and build_parser().parse_args(words).seed == 7


def test_the_command_to_redo_a_run_is_one_that_the_parser_takes():
    config = {"behaviour": "docs/behaviours/lending.jsonl", "probe_file": "docs/behaviours/lending-probes.jsonl"}
    for more in (config, {"behaviour": "sight", "spirits": 20, "probe_seed": 9000}):
        header = kit.header(0, "")
        log = SimpleNamespace(header=structs.replace(header, config=header.config | more))
        words = opening._training(Run("trained", 0, 0, log)).split()[2:]
        options = build_parser().parse_args(words)
        assert options.probe_seed == more.get("probe_seed") and options.spirits == more.get("spirits", 0)
        assert ("--lessons" in words) == (more is not config)
