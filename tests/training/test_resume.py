"""A training that was killed goes on: bit for bit what an unbroken one gives, or one line that says why not."""

import json
import os
import shutil
from dataclasses import replace
from pathlib import Path

import msgspec
import pytest
import torch
from safetensors.torch import load_file

import training.learn
from perception.model import load, save, weights_hash
from tests.kits.minds import tiny
from training import checkpoint
from training.config import LearnConfig, TeachConfig
from training.headlog.log import read_log
from training.headlog.records import Curve, Summary
from training.heads import run_log
from training.heads.run_log import RunLog
from training.learn import learn
from training.run_folder import CHECKPOINT

torch.set_num_threads(1)
TEACH = TeachConfig(rank=4, scenes=2, rehearse=1, warmup=2)


class Stop(Exception):
    """What a kill is to these tests."""


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """A tiny model, and a behaviour's two files."""
    place = tmp_path_factory.mktemp("resumed")
    save(tiny(), place / "model")
    words = ("north", "south", "east", "west") * 2
    for name, thing in (("lessons", "oak"), ("probes", "well")):
        lines = [
            {
                "context": f"hear {word} {thing} . see {words[n // 4 + n - 1]} {thing} .",
                "decision": " ? sense " + word,
                "candidates": ["kitsune", "nothing"], "answer": "kitsune" if n % 2 else "nothing",
                "kind": "wanted" if n % 2 else "other",
            }
            for n, word in enumerate(words)
        ]  # fmt: skip
        (place / f"{name}.jsonl").write_text("".join(json.dumps(line) + "\n" for line in lines))
    return place


@pytest.fixture(autouse=True)
def often(monkeypatch, request):
    """Checkpoints every two steps; and without what a log measures at its end, which takes longest, but for one run."""
    monkeypatch.setattr(checkpoint, "EVERY_STEPS", 2)
    if "apollo" not in request.node.name:
        monkeypatch.setattr(run_log, "outcome", lambda *arguments, **options: iter(()))


def config_of(folder, out, **changes):
    """On lines of files, which are read at once; sight's realms take seconds."""
    base = LearnConfig(
        model=str(folder / "model"), behaviour=str(folder / "lessons.jsonl"), probe_file=folder / "probes.jsonl",
        steps=7, measure_every=3, device="cpu", seed=3, out=out,
    )  # fmt: skip
    teach = {name: changes.pop(name) for name in list(changes) if name in TeachConfig.__dataclass_fields__}
    return replace(base, teach=replace(TEACH, **teach), **changes)


def stop_at(step):
    def report(what, done, of):
        if (what, done) == ("learning", step):
            raise Stop

    return report


def timeless(log):
    records = []
    for record in log.records:
        if isinstance(record, Curve | Summary):
            record = msgspec.structs.replace(record, seconds=0.0)
        records.append(record)
    return msgspec.structs.replace(log.header, created=""), records


def same(one: Path, other: Path):
    names = [sorted(path.name for path in out.iterdir()) for out in (one, other)]
    assert names[0] == names[1] == ["log.msgpack", "model"]
    nets = [load(out / "model").net for out in (one, other)]
    assert weights_hash(nets[0]) == weights_hash(nets[1])
    assert timeless(read_log(one / "log.msgpack")) == timeless(read_log(other / "log.msgpack"))


RUNS = {
    "apollo": ({"behaviour": "sight", "probe_file": None, "lessons": 6, "probes": 8}, (1, 2, 5, 7)),
    "adamw": ({"optimizer": "adamw", "train": "all"}, (3,)),
    "sgd": ({"optimizer": "sgd", "heads": "1.2", "others": 0.5}, (4,)),
    "reuse": ({"reuse": 3}, (2, 5, 6)),
    "base-cache": ({"base_cache": True}, (3,)),
}


@pytest.mark.parametrize("name", RUNS)
def test_a_stopped_run_comes_to_what_an_unbroken_one_does(folder, tmp_path, name):
    changes, stops = RUNS[name]
    whole = config_of(folder, tmp_path / "whole", **changes)
    result = learn(whole)
    broken = replace(whole, out=tmp_path / "broken")
    for stop in stops:
        with pytest.raises(Stop):
            learn(broken, stop_at(stop))
    again = learn(broken)
    same(tmp_path / "whole", tmp_path / "broken")
    assert again["gradients"] == result["gradients"]
    assert again["after"] == result["after"]


def test_a_run_goes_on_from_its_last_checkpoint_and_not_from_its_start(folder, tmp_path):
    config, steps = config_of(folder, tmp_path / "run"), []
    with pytest.raises(Stop):
        learn(config, stop_at(5))
    learn(config, lambda what, done, of: steps.append(done) if what == "learning" else None)
    assert steps == [5, 6, 7]


@pytest.mark.parametrize("where", ["finish", "save", "remove"])
def test_a_stop_behind_the_last_step_costs_what_came_behind_it(folder, tmp_path, monkeypatch, where):
    whole = config_of(folder, tmp_path / "whole", steps=3)
    learn(whole)
    broken, steps = replace(whole, out=tmp_path / "broken"), []

    def stop(*arguments):
        raise Stop

    places = {"finish": RunLog, "save": training.learn, "remove": checkpoint.Checkpoints}
    with monkeypatch.context() as patch:
        patch.setattr(places[where], where, stop)
        with pytest.raises(Stop):
            learn(broken)
    assert (tmp_path / "broken" / CHECKPOINT).exists()
    learn(broken, lambda what, done, of: steps.append(done) if what == "learning" else None)
    assert steps == []
    same(tmp_path / "whole", tmp_path / "broken")


def test_a_run_killed_while_its_first_checkpoint_was_written_begins_anew(folder, tmp_path):
    out = tmp_path / "run"
    out.mkdir()
    (out / f"{CHECKPOINT}.ab12.part").write_bytes(b"half")
    (out / ".lock").touch()
    learn(config_of(folder, out, steps=1))
    with pytest.raises(ValueError, match="exists and is not empty; give a new folder"):
        learn(config_of(folder, out, steps=1))


def stopped(folder, out):
    with pytest.raises(Stop):
        learn(config_of(folder, out), stop_at(5))


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        ({"steps": 8}, r"holds an unfinished training of other settings: steps \(7 then, 8 now\); give a new --out"),
        (
            {"lr": 0.5, "measure_every": 4},
            r"measure_every \(3 then, 4 now\), teach_lr \(None then, 0.5 now\); give a new --out",
        ),
    ],
)
def test_other_settings_are_refused_with_the_difference(folder, tmp_path, changes, says):
    stopped(folder, tmp_path / "run")
    before = {path.name: path.read_bytes() for path in (tmp_path / "run").iterdir()}
    with pytest.raises(ValueError, match=says) as caught:
        learn(config_of(folder, tmp_path / "run", **changes))
    assert "\n" not in str(caught.value)
    assert {path.name: path.read_bytes() for path in (tmp_path / "run").iterdir()} == before


def test_another_model_under_the_same_name_is_refused(folder, tmp_path):
    save(tiny(), tmp_path / "model")
    config = config_of(folder, tmp_path / "run", model=str(tmp_path / "model"))
    with pytest.raises(Stop):
        learn(config, stop_at(5))
    save(tiny(seed=1), tmp_path / "model")
    with pytest.raises(ValueError, match=r"rests on something else .*: weights \(\w+ then, \w+ now"):
        learn(config)


def swapped(config):
    """Somebody saves the probes with another line."""
    config.probe_file.write_text(config.probe_file.read_text().replace("hear north well", "hear south well", 1))


def test_probes_that_change_while_the_start_is_measured_are_noticed_when_it_goes_on(folder, tmp_path):
    """The checkpoint took their new hash, and what was read of the old ones was scored beside the new."""
    shutil.copytree(folder, tmp_path / "home")
    config = config_of(tmp_path / "home", tmp_path / "run")

    def report(what, done, of):
        if what == "measuring":
            swapped(config)
        stop_at(1)(what, done, of)

    with pytest.raises(Stop):
        learn(config, report)
    with pytest.raises(ValueError, match=r"^[^\n]*rests on something else .*: probes \(\w+ then, \w+ now\)[^\n]*$"):
        learn(config)


@pytest.mark.parametrize("begun", [False, True])
def test_probes_that_change_while_a_training_reads_are_no_part_of_any_run(folder, tmp_path, monkeypatch, begun):
    shutil.copytree(folder, tmp_path / "home")
    config = config_of(tmp_path / "home", tmp_path / "run")
    if begun:
        stopped(tmp_path / "home", tmp_path / "run")
    begin = training.learn.begin
    with monkeypatch.context() as patch:
        patch.setattr(training.learn, "begin", lambda *arguments: begin(*arguments) if swapped(config) is None else 0)
        with pytest.raises(ValueError, match=r"^[^\n]*while its training began, this changed: probes \([^\n]*$"):
            learn(config)
    if not begun:
        learn(config)  # "the same command begins again"


def test_a_model_that_is_not_there_is_named_before_any_hash(folder, tmp_path):
    with pytest.raises(ValueError, match=r"^--model \S+: no such folder"):
        learn(config_of(folder, tmp_path / "run", model=str(folder / "nowhere")))


@pytest.mark.parametrize("file", [CHECKPOINT, "checkpoint-3.safetensors"])
@pytest.mark.parametrize("damage", ["cut", "flip", "empty", "gone", "other"])
def test_a_damaged_checkpoint_is_refused_in_one_line(folder, tmp_path, file, damage):
    stopped(folder, tmp_path / "run")
    path = tmp_path / "run" / file
    data = path.read_bytes()
    if damage == "flip":
        place = len(data) * 2 // 3
        data = data[:place] + bytes([data[place] ^ 1]) + data[place + 1 :]
    changed = {"cut": data[: len(data) // 2], "empty": b"", "other": (tmp_path / "run" / "log.msgpack").read_bytes()}
    if damage == "gone":
        path.unlink()
    else:
        path.write_bytes(changed.get(damage, data))
    with pytest.raises(ValueError) as caught:
        learn(config_of(folder, tmp_path / "run"))
    if damage == "gone" and file == CHECKPOINT:
        assert "exists and is not empty" in str(caught.value)
    else:
        assert "can't go on from it" in str(caught.value)
        assert "begin anew" in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_checkpoint_that_fits_no_more_is_refused_in_one_line(folder, tmp_path):
    """Whole files with a right digest, whose content is not what this version writes."""
    stopped(folder, tmp_path / "run")
    path = tmp_path / "run" / CHECKPOINT
    tensors = load_file(path)
    about = json.loads(checkpoint._text(tensors.pop(checkpoint.ABOUT)))
    del tensors[checkpoint.DIGEST]
    weight = next(name for name in tensors if name.startswith("teacher/weight/"))
    for changes, content in (
        ({}, {name: tensor for name, tensor in tensors.items() if name != weight}),
        ({}, tensors | {weight: torch.zeros(3)}),
        ({"teacher": about["teacher"] | {"draws": 10**12}}, tensors),
        ({"step": None, "curve": None, "trajectory": None}, tensors),
        ({"version": 99}, tensors),
    ):
        checkpoint._write(path, about | changes, content)
        with pytest.raises(ValueError, match=r"^[^\n]*(begin anew|another version)[^\n]*$"):
            learn(config_of(folder, tmp_path / "run"))


@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork")
def test_a_killed_process_leaves_a_run_that_goes_on(folder, tmp_path):
    """A real end without any clean-up, in the middle of a step."""
    whole = config_of(folder, tmp_path / "whole")
    learn(whole)
    broken = replace(whole, out=tmp_path / "broken")
    child = os.fork()
    if not child:
        learn(broken, lambda what, done, of: os._exit(9) if (what, done) == ("learning", 5) else None)
        os._exit(0)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 9
    learn(broken)
    same(tmp_path / "whole", tmp_path / "broken")
