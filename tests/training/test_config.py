"""The settings of a training: refused at once and all together, repeated by their command, read back from a log."""

import argparse
import subprocess
import sys
from dataclasses import fields, replace
from pathlib import Path

import pytest

from common.assets import NOVICE
from common.flags import add_flags, flags
from common.numbers import SEED_MAX
from training import config as settings
from training.config import LearnConfig, TeachConfig, command_of, flat, from_flat, learn_config
from training.optim import apollo, frozen


def parsed(*line):
    parser = argparse.ArgumentParser(exit_on_error=False)
    add_flags(parser, LearnConfig)
    add_flags(parser, TeachConfig)
    return learn_config(parser.parse_args(line))


TRAININGS = [
    LearnConfig(),
    LearnConfig(seed=7, teach=TeachConfig(seed=7, rank=4, lr=3e-3, full=True, dreams=False)),
    LearnConfig(seed=7, teach=TeachConfig(seed=SEED_MAX, rehearse=0, scenes=2, parts=2, warmup=1, haunted=0.2)),
    LearnConfig(lessons=6, steps=4, probes=6, measure_every=2, control="rehearsal", probe_seed=9_000),
    LearnConfig(spirits=20, control="shuffled", model="hub:org/name", device="cpu"),
    LearnConfig(teach=TeachConfig(heads="5.1,6.3", mlps="3,4", others=0.1)),
    LearnConfig(behaviour="a b.jsonl", probe_file="c.jsonl", out="runs/one"),
]


@pytest.mark.parametrize("training", TRAININGS)
def test_its_command_repeats_a_training(training):
    verb, *line = command_of(training)
    assert verb == "learn"
    assert parsed(*line) == training


@pytest.mark.parametrize("training", TRAININGS)
def test_what_a_log_keeps_of_the_settings_gives_them_again(training):
    settings = {key: value if isinstance(value, str | int | float | None) else str(value) for key, value in
            flat(training).items()}  # fmt: skip
    assert from_flat(settings | {"a_setting_of_another_version": 1}) == replace(training, out=None, device="auto")


def test_every_setting_but_one_has_a_flag():
    """settle: a training sets it to the number of its own steps."""
    known = {flag.field for kind in (LearnConfig, TeachConfig) for flag in flags(kind)}
    every = {item.name for kind in (LearnConfig, TeachConfig) for item in fields(kind)}
    assert every - known == {"teach", "settle"}


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        ({"behaviour": "flight"}, "--behaviour flight: not known; choose sight, listen, or give a FILE.jsonl"),
        ({"behaviour": "a.jsonl"}, "--behaviour a.jsonl: give its probes too: --probes FILE.jsonl"),
        ({"probe_file": "a.jsonl"}, "--probes a.jsonl: --behaviour sight makes its own; give the number of scenes"),
        ({"behaviour": "a.jsonl", "probe_file": "b.jsonl", "probe_seed": 1}, "--probe-seed 1: all lines of b.jsonl"),
        ({"lessons": 0}, "--lessons 0: must be a whole number from 1 to 100000"),
        ({"steps": -1}, "--steps -1: must be a whole number from 1 to 10000000"),
        ({"probes": 10**9}, "--probes 1000000000: must be a whole number from 1 to 100000"),
        ({"measure_every": 0}, "--measure-every 0: must be a whole number from 1 to 10000000"),
        ({"seed": SEED_MAX + 1}, "--seed 9223372036854775808: must be a whole number from 0 to 9223372036854775807"),
        ({"seed": -1}, "--seed -1: must be"),
        ({"device": "gpu"}, "--device gpu: unknown; choose auto, cpu, cuda, mps"),
        ({"control": "twice"}, "control twice: unknown; choose shuffled, rehearsal"),
        ({"spirits": 3, "behaviour": "listen"}, "--spirits 3: a number of spirits to show, for --behaviour sight"),
        ({"teach": TeachConfig(optimizer="adam")}, "--optimizer adam: unknown; choose apollo, adamw, sgd"),
        ({"teach": TeachConfig(rank=0)}, "--rank 0: must be a whole number from 1 to 65536"),
        ({"teach": TeachConfig(lr=float("nan"))}, "--lr nan: must be a number from 0 to 1000"),
        ({"teach": TeachConfig(train="mlp")}, "--train mlp: unknown; choose q, attention, mlps, all"),
        ({"teach": TeachConfig(heads="5")}, "--heads 5: 5 is none; give LAYER.HEAD, as in 5.1,6.3"),
        ({"teach": TeachConfig(heads="5.1,")}, "--heads 5.1,: nothing is none; give LAYER.HEAD"),
        ({"teach": TeachConfig(heads="5.1,-1.2")}, "--heads 5.1,-1.2: -1.2 is none; give LAYER.HEAD"),
        ({"teach": TeachConfig(heads="5.1,5.01")}, "--heads: 5.1 stands there twice; give each once"),
        ({"teach": TeachConfig(heads="1.1," * 5000 + "1.1")}, "--heads: 5001 units; give at most 4096"),
        ({"teach": TeachConfig(mlps="3.1")}, "--mlps 3.1: 3.1 is none; give layers, as in 3,4"),
        ({"teach": TeachConfig(heads="5.1", train="all")}, "--train all: --heads 5.1 says what trains; leave one out"),
        ({"teach": TeachConfig(mlps="3", train="q")}, "--train q: --mlps 3 says what trains; leave one out"),
        ({"teach": TeachConfig(others=0.1)}, "--others 0.1: needs --heads or --mlps, whose others it slows"),
        ({"teach": TeachConfig(heads="5.1", others=1.5)}, "--others 1.5: must be a number from 0 to 1"),
        ({"teach": TeachConfig(rehearse=0), "control": "rehearsal"}, "--rehearsal-only with --no-rehearsal leaves"),
    ],
)
def test_what_cannot_be_is_refused_in_one_line(changes, says):
    with pytest.raises(ValueError) as caught:
        LearnConfig(**changes).check()
    assert str(caught.value).startswith(says)
    assert "\n" not in str(caught.value)


def test_all_faults_are_said_at_once():
    wrong = LearnConfig(behaviour="flight", lessons=0, device="gpu", out=__file__, teach=TeachConfig(rank=0, lr=-1.0))
    flags_said = ["--lessons 0", "--device gpu", "--rank 0", "--lr -1.0", "--behaviour flight", f"--out {__file__}"]
    assert [fault.partition(": ")[0] for fault in wrong.faults()] == flags_said
    with pytest.raises(ValueError, match=r"^--lessons 0: .* \(and 5 more\)$"):
        wrong.check()


def test_the_lessons_of_a_file_are_not_counted():
    with pytest.raises(ValueError, match=r"--lessons 5: all lines of a.jsonl are lessons; leave it out"):
        parsed("--behaviour", "a.jsonl", "--probes", "b.jsonl", "--lessons", "5")


def test_paths_are_text_or_paths():
    config = LearnConfig(behaviour=Path("a.jsonl"), probe_file="b.jsonl", model=NOVICE, out="runs/one")
    assert config == LearnConfig(
        behaviour="a.jsonl", probe_file=Path("b.jsonl"), model=str(NOVICE), out=Path("runs/one")
    )
    assert config.from_files


def test_the_words_to_choose_among_are_those_that_the_optimizers_know():
    assert set(settings.SCALINGS) == set(apollo.SCALINGS) - {"head"}
    assert settings.PROJECTIONS == apollo.PROJECTIONS
    assert settings.TRAINABLE == frozen.TRAINABLE
    assert settings.PRECISIONS == frozen.PRECISIONS
    assert set(settings.RATES) == set(settings.OPTIMIZERS)


def test_settings_need_neither_torch_nor_pygame():
    probe = (
        "import sys, training.config; sys.exit(bool({'torch', 'transformers', 'numpy', 'pygame'} & set(sys.modules)))"
    )
    assert subprocess.run([sys.executable, "-c", probe], cwd=Path(__file__).parents[2]).returncode == 0
