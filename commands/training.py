"""Verbs that train and measure: learn, experiment."""

import argparse
import shlex
import sys
from pathlib import Path
from typing import Any

from commands.output import show
from commands.parser import build_parser
from common.assets import NOVICE


def check_learn(options: argparse.Namespace) -> int:
    """All faults of a training from files on stderr, and 2; or how many lines of each kind there are."""
    from training.behaviours.check import check_files
    from training.config import FILES, learn_config

    if not str(options.behaviour).endswith(FILES) or not isinstance(options.probes, Path):
        raise ValueError("--check: give --behaviour FILE.jsonl and --probes FILE.jsonl")
    config = learn_config(options)
    if options.model is None:
        check = check_files(config)
    else:
        from training.behaviours.fit import check_training

        check = check_training(config)
    if check.faults:
        print("\n".join(check.faults), file=sys.stderr)
        return 2
    if options.model is None:
        print("the files alone were checked; with --model DIR, also whether the model can learn them", file=sys.stderr)
    counts = check.counts.items()
    show(options, check.counts, [f"{name}: {kind['wanted']} wanted, {kind['other']} other" for name, kind in counts])
    return 0


def learn(options: argparse.Namespace) -> int:
    from training.config import learn_config

    if options.check:
        return check_learn(options)
    config = learn_config(options)
    config.check()  # before torch is imported and a bar is drawn
    from training.learn import follow, learn
    from training.progress import progress_bar
    from training.sharded import joined

    with joined(config.device) as ranks:
        if ranks is not None and not ranks.first:
            follow(config, ranks)
            return 0
        with progress_bar() as report:
            result = dict(learn(config, report, ranks))
    show(options, result, [*_learned(result, config.behaviour), *next_of(config)])
    return 0


def next_of(config: Any) -> list[str]:
    """What to run next with a training's folder, a command a line; of one without a folder nothing."""
    if config.out is None:
        return []
    own = ["own", "--behaviour", config.behaviour, "--probes", str(config.probe_file)]
    named = own if config.from_files else [config.behaviour]
    model = [] if config.model == str(NOVICE) else ["--model", config.model]
    folder = config.out if config.out.name not in ("", "..") else config.out.resolve()
    out = ["--out", str(folder.parent / f"{folder.name or 'run'}-verdict")]
    heads = {"which heads changed": ["diff", str(config.out / "log.msgpack")]} if config.compares_heads else {}
    commands = heads | {
        "the same as a page": ["report", str(config.out)],
        "with controls and seeds, a verdict": ["experiment", *named, *model, *out],
    }
    return ["next:", *(f"  main.py {shlex.join(words)}    # {what}" for what, words in commands.items())]


def _learned(result: dict[str, Any], behaviour: str) -> list[str]:
    """A training's scores before and after, for people."""
    new = "new forms" if behaviour == "listen" else "new pairs"
    lesson_words = {"listen": "safe directions, {} other sayings", "sight": "spirits, {} empty places"}
    lesson_count = lesson_words.get(behaviour, "wanted lines, {} other lines")
    lines = [f"{'':8}{'hits':>8}{new:>11}{'false alarms':>14}{'d-prime':>9}{'mundane':>9}"]
    for when in ("before", "after"):
        scores = result[when]
        shares = (scores.get("hits_new_forms", scores["hits_new_pairs"]), scores["false_alarms"])
        of_new, alarms = ("-" if share is None else f"{share:.1%}" for share in shares)
        distance = "-" if scores["d_prime"] is None else f"{scores['d_prime']:.2f}"
        lines.append(f"{when:8}{scores['hits']:8.1%}{of_new:>11}{alarms:>14}{distance:>9}{scores['mundane']:9.1%}")
    lines.append(
        f"{result['steps']} steps in {result['seconds']:.0f} s;"
        f" {result['spirits_shown']} {lesson_count.format(result['empties_shown'])} shown"
    )
    return lines + ([f"log: {result['log']}"] if result["log"] else [])


def experiment(options: argparse.Namespace) -> int:
    from common.flags import values
    from training.experiments.ray_config import RayConfig

    ray = RayConfig(**values(options, RayConfig))
    ray.check()  # before torch is imported
    from training.experiments.run import run_experiment
    from training.experiments.show import lines
    from training.progress import progress_bar

    if options.name == "calibration":
        return calibration(options)
    if options.name in ("surgical", "sharpness"):
        return on_methods(options)
    planned = _planned(options)
    out = options.out or Path("runs") / planned.name
    if ray.ray is None:
        with progress_bar() as report:
            result = run_experiment(planned, out, options.workers, report, tried=True)
    else:
        from training.experiments.ray_pool import RayPool
        from training.experiments.sweep_table import live_sweep

        with live_sweep() as (report, watch):
            result = run_experiment(planned, out, options.workers, report, RayPool(ray, options.workers, watch))
    look = "" if planned.scores_alone else f"; to look at: main.py report {out}"
    show(options, result, [*lines(result), f"all of it: {out / 'score.json'}{look}"])
    return 0


def _planned(options: argparse.Namespace) -> Any:
    """The experiment that a command line asks for."""
    from dataclasses import replace

    from common.flags import values
    from training.config import CHANGEABLE, LearnConfig, TeachConfig
    from training.experiments import tables
    from training.experiments.registry import experiment_named

    planned = experiment_named(options.name, options.seer, options.behaviour, options.probes, options.of, options.base)
    planned = planned.on(*options.model) if options.model else planned
    planned = planned.only(*options.arm) if options.arm else planned
    planned = planned.quick() if options.quick else planned  # first: what is asked for beside it holds
    planned = planned.taking(options.seeds) if options.seeds is not None else planned
    planned = planned.without_logs(tables.score) if options.scores_only else planned
    planned = planned.sweeping(options.sweep_steps) if options.sweep_steps is not None else planned
    planned = planned.from_seed(options.seed)
    planned = planned.changed(values(options, LearnConfig, CHANGEABLE) | values(options, TeachConfig, CHANGEABLE))
    return replace(planned, asked=(*planned.asked, *_of_folders(options)))


def _of_folders(options: argparse.Namespace) -> list[str]:
    """The words of what an experiment takes from elsewhere (a seer, a finished experiment), and whether it is quick."""
    from training.heads.run_log import from_root

    named = {"--seer": options.seer, "--of": options.of}
    words = [word for flag, path in named.items() if path is not None for word in (flag, str(from_root(path)))]
    return words + (["--base", str(options.base)] if options.base else []) + ["--quick"] * options.quick


def _refuse_others(options: argparse.Namespace, *taken: str) -> None:
    """Raises ValueError for a flag of `experiment` that this one doesn't take."""
    defaults = vars(build_parser("experiment").parse_args(["experiment", options.name]))
    for name, value in vars(options).items():
        if name not in ("name", "out", "workers", "quick", "json", "verb", *taken) and value != defaults[name]:
            raise ValueError(f"--{name.replace('_', '-')}: experiment {options.name} sets it itself; leave it out")


def on_methods(options: argparse.Namespace) -> int:
    """The experiments whose methods are no arms: surgical, and sharpness of what it left."""
    from training.experiments import sharpness, surgical, surgical_score
    from training.experiments.surgical_bench import SurgicalConfig
    from training.progress import progress_bar

    out = options.out or Path("runs") / options.name
    if options.name == "sharpness":
        _refuse_others(options, "of")
        if options.of is None:
            raise ValueError("experiment sharpness: give --of DIR, a finished experiment surgical")
        settings, _ = sharpness.read_surgical(options.of)
        measured = sharpness.SharpConfig(str(options.of))
        with progress_bar() as report:
            result = sharpness.measured_of(
                settings, measured.quick() if options.quick else measured, out, options.workers, report
            )
        written = sharpness.lines(result)
    else:
        _refuse_others(options, "model", "seeds", "seed")
        if options.model and len(options.model) > 1:
            raise ValueError("--model: experiment surgical takes one base model; give it once")
        count = SurgicalConfig.seeds if options.seeds is None else range(options.seeds)
        seeds = tuple(options.seed + seed for seed in count)
        planned = SurgicalConfig(options.model[0] if options.model else str(NOVICE), seeds)
        with progress_bar() as report:
            planned = planned.quick() if options.quick else planned
            result = surgical.surgical(planned, out, options.workers, report)
        written = surgical_score.lines(result)
    show(options, result, [*written, f"all of it: {out / 'score.json'}; to look at: main.py report {out}"])
    return 0


def calibration(options: argparse.Namespace) -> int:
    from training.experiments.calibration import calibration as calibrate
    from training.experiments.calibration import lines
    from training.progress import progress_bar

    _refuse_others(options, "model", "seeds")
    out = options.out or Path("runs") / "calibration"
    with progress_bar() as report:
        result = calibrate(options.model or [str(NOVICE)], out, options.workers, report, options.seeds, options.quick)
    show(options, result, [*lines(result), f"all of it: {out / 'score.json'}"])
    return 0
