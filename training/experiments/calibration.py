"""Calibration of the verdict's rule: which word does it give to trainings whose changed units are known?

Ground truth by training, not by hand: everything is frozen but chosen units, and the rule has to name the pattern from
the weights alone. Each draw of each pattern is a whole experiment with its controls and its swaps, as a real one is.
OUT/base-B/PATTERN-D/ holds it, and the same command goes on after a kill.

Heads are drawn at random from the seed, the pattern and the draw's number; every draw has probes and seeds of its own.
A pilot training of its own seed must bring LEAST of what there is to know; otherwise the draw counts as "learns
nothing", is noted, and the next one is taken: a pattern without an effect has nothing to be named. Pilots are never
counted.
"""

import json
import re
import shutil
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from random import Random
from typing import Any

import numpy as np

from common.files import read_json, write_whole
from common.locks import hold
from common.numbers import finite
from common.processes import WORKERS_MAX
from common.whole_folders import writing_folder
from game.realm.rules import load as load_rules
from perception.model import load
from training.config import LearnConfig, TeachConfig
from training.experiments.judge import REHEARSAL, SHUFFLED, TRAINED, Judge
from training.experiments.plan import EVERY, PROBE_SEED, PROBES, READING, STEPS, Arm, Experiment
from training.experiments.planned_runs import RESULT
from training.experiments.run import run_experiment
from training.experiments.tables import score
from training.headlog.gains import chunk_weights, unit_matrix
from training.headlog.log import read_log
from training.headlog.records import Log
from training.learn import train
from training.progress import Report
from training.verdict.measured import Array
from training.verdict.rule import DISTRIBUTED, HIERARCHICAL, LOCALIZED, NOT_IN_HEADS, RULE_VERSION, SEEDS, UNDECIDED
from training.verdict.significance import auroc, wilson

DRAWS = 2  # of each pattern on each base
PILOT_SEED = 900_000  # not among the seeds that are counted
LEAST = 0.1  # of what there is to know
TRIES = 40  # draws before giving up
NAME, SCORE = "calibration", "score.json"
OURS = re.compile(r"base-\d+|score\.json|\.lock|report\.html")  # what stands in a calibration's folder
SEEDS_APART = 1_000  # between the first seeds of two draws: where no heads are drawn, a draw is other seeds
OTHER_SEEDS = 500_000  # where trained and rehearsal are the same kind of run, so that they are not the same runs


@dataclass(frozen=True)
class Pattern:
    """What trains. word: the right verdict. heads: so many random ones at the full rate, 0 for none chosen; others: the
    rate of all other heads, as a share of it; train: where no heads are chosen; control: what the trained arm is."""

    word: str
    heads: int = 0
    others: float = 0.0
    train: str = "attention"
    control: str = ""

    def teach(self, chosen: Sequence[tuple[int, int]]) -> TeachConfig:
        """How it learns, with these heads."""
        if not self.heads:
            return TeachConfig(train=self.train, **READING)
        names = ",".join(f"{layer}.{head}" for layer, head in chosen)
        return TeachConfig(heads=names, others=self.others, **READING)


PATTERNS = {
    "one-head": Pattern(LOCALIZED, heads=1),
    "four-heads": Pattern(LOCALIZED, heads=4),
    "six-heads-and-halo": Pattern(HIERARCHICAL, heads=6, others=0.1),
    "all-heads": Pattern(DISTRIBUTED),
    "mlps": Pattern(NOT_IN_HEADS, train="mlps"),
    "nothing": Pattern(UNDECIDED, control=REHEARSAL),
}
SAME_CONTROLS = {"nothing": "all-heads"}  # whose controls are the same runs: same weights that train, same seeds


def calibration(
    models: Sequence[str], out: Path, workers: int, report: Report, seeds: int | None = None, quick: bool = False
) -> dict[str, Any]:
    """All experiments, then the table of words; also in OUT/score.json.

    Raises ValueError for settings that can't be, or where OUT holds something else.
    """
    if not 1 <= workers <= WORKERS_MAX:
        raise ValueError(f"--workers {workers}: give at least 1, at most {WORKERS_MAX}")
    _check_free(out)
    out.mkdir(parents=True, exist_ok=True)
    with hold(out):
        rows = []
        draws = 1 if quick else DRAWS
        planned = [(base, name, draw) for draw in range(draws) for base in range(len(models)) for name in PATTERNS]
        for number, (base, name, draw) in enumerate(planned):
            what = f"experiment {number + 1} of {len(planned)}, {name}"
            folder = out / f"base-{base}" / f"{name}-{draw}"
            experiment, chosen = drawn(models[base], name, draw, folder, seeds or SEEDS, quick)
            shared = partial(_share_controls, out / f"base-{base}", name, draw)
            result = run_experiment(experiment, folder / "runs", workers, partial(_within, report, what), None, shared)
            rows.append({"base": base} | row_of(result, folder / "runs", name, draw, chosen))
            content = result_of(rows)
            write_whole(out / SCORE, (json.dumps(content, indent=1) + "\n").encode())
        report("experiments", len(planned), len(planned))
    return content


def _within(report: Report, what: str, part: str, done: int, of: int) -> None:
    report(f"{what}: {part}", done, of)


def _check_free(out: Path) -> None:
    """Raises ValueError if OUT is no folder, or holds something that no calibration left there."""
    if out.exists() and not out.is_dir():
        raise ValueError(f"--out {out}: is no folder; give a new folder")
    odd = [path.name for path in (out.iterdir() if out.is_dir() else ()) if not OURS.fullmatch(path.name)]
    score = out / SCORE
    if odd or (score.exists() and read_json(score).get("experiment") != NAME):
        raise ValueError(f"--out {out}: holds something that is no calibration; give a new folder")


def _share_controls(folder: Path, name: str, draw: int) -> None:
    """Copy the controls of the pattern that has the same ones, whole runs only.

    Whoever uses them checks their settings and what they rest on, as of every run.
    """
    if (source := SAME_CONTROLS.get(name)) is None:
        return
    for arm in (SHUFFLED, REHEARSAL):
        for run in sorted((folder / f"{source}-{draw}" / "runs" / arm).glob("seed-*")):
            to = folder / f"{name}-{draw}" / "runs" / arm / run.name
            if (run / RESULT).exists() and not to.exists():
                with writing_folder(to) as part:
                    shutil.copytree(run, part, dirs_exist_ok=True)


def drawn(
    model: str, name: str, draw: int, folder: Path, seeds: int, quick: bool
) -> tuple[Experiment, list[tuple[int, int]]]:
    """One experiment, and the heads that train in it."""
    pattern = PATTERNS[name]
    chosen = _chosen(model, name, draw, folder, quick)
    base = LearnConfig(
        model=model, teach=pattern.teach(chosen), steps=STEPS, measure_every=EVERY, probes=PROBES,
        probe_seed=PROBE_SEED + draw, gain_only=True,
    )  # fmt: skip
    arms = [
        Arm(TRAINED, replace(base, control=pattern.control), OTHER_SEEDS if pattern.control else 0),
        Arm(SHUFFLED, replace(base, control="shuffled")),
        Arm(REHEARSAL, replace(base, control="rehearsal")),
    ]
    about = f"calibration: {name}, draw {draw}"
    judge = Judge(control=pattern.control, analyses=False)
    first = draw * SEEDS_APART
    planned = Experiment(
        f"calibration-{name}", about, tuple(arms), tuple(range(first, first + seeds)), score, keeps_weights=True,
        stage=judge,
    )  # fmt: skip
    return (planned.quick() if quick else planned), chosen


def _chosen(model: str, name: str, draw: int, folder: Path, quick: bool) -> list[tuple[int, int]]:
    """The heads of a draw: those noted in its folder, or the first ones drawn with which a pilot learns."""
    pattern, path = PATTERNS[name], folder / "draw.json"
    if not pattern.heads:
        return []
    if path.exists():
        noted = read_json(path)
        return [(int(layer), int(head)) for layer, head in noted["heads"]]
    loaded = load(model, "cpu")
    every = [(layer, head) for layer in range(loaded.layers) for head in range(loaded.heads)]
    passed_over: list[dict[str, Any]] = []
    for turn in range(TRIES):
        chosen = sorted(Random(f"calibration/{name}/{draw}/{turn}").sample(every, pattern.heads))
        share = 1.0 if quick else _pilot(model, pattern, chosen)
        if share >= LEAST:
            folder.mkdir(parents=True, exist_ok=True)
            content = {"heads": chosen, "pilot": share, "passed_over": passed_over}
            write_whole(path, (json.dumps(content) + "\n").encode())
            return chosen
        passed_over.append({"heads": chosen, "pilot": share})
    raise ValueError(f"calibration: {TRIES} draws of {name} learn nothing on {model}; give another model")


def _pilot(model: str, pattern: Pattern, chosen: Sequence[tuple[int, int]]) -> float:
    """The share of what there is to know that one training adds to the beliefs."""
    teach = replace(pattern.teach(chosen), seed=PILOT_SEED)
    config = LearnConfig(
        model=model, teach=teach, steps=STEPS, measure_every=STEPS, probes=PROBES, probe_seed=PILOT_SEED,
        seed=PILOT_SEED, gain_only=True, device="cpu",
    )  # fmt: skip
    before, after = load(model, "cpu"), load(model, "cpu")
    run = train(config, after, load_rules(), lambda what, done, of: None)
    losses = run.behaviour.gain_losses()
    shares = [losses.worth(losses.beliefs(one.net)).share for one in (before, after)]
    return shares[1] - shares[0]


def row_of(
    result: Mapping[str, Any], runs: Path, name: str, draw: int, chosen: Sequence[tuple[int, int]]
) -> dict[str, Any]:
    """One experiment as a line of the table."""
    (base,) = result["score"]["bases"]
    verdict, pattern = base["verdict"], PATTERNS[name]
    numbers = verdict["numbers"]
    return {
        "pattern": name, "draw": draw, "model": base["model"], "model_hash": base["model_hash"], "heads": chosen,
        "wanted": pattern.word, "control": pattern.control,
        "word": verdict["word"], "reason": verdict["reason"], "rule": verdict["rule"],
        "numbers": {key: numbers[key] for key in ("gain", "control", "held_by_heads", "share_core", "width",
                                                  "negative", "significant", "halo", "seeds")},
        "causal": {key: value for key, value in (base["causal"] or {}).items() if not isinstance(value, list)},
        "residual": base["residual"], "auroc": _auroc(runs, chosen) if chosen else None, "commits": result["commits"],
    }  # fmt: skip


def _auroc(runs: Path, chosen: Sequence[tuple[int, int]]) -> float:
    """How well the heads' excess tells the heads that trained from the others."""
    logs = {arm: [read_log(path) for path in sorted(runs.glob(f"{arm}/seed-*/log.msgpack"))] for arm in
            (TRAINED, SHUFFLED)}  # fmt: skip
    header = logs[TRAINED][0].header
    grids = {arm: np.mean([_by_unit(log) for log in some], 0).reshape(header.layers, -1) for arm, some in logs.items()}
    trained_H = np.zeros((header.layers, header.heads), bool)
    for layer, head in chosen:
        trained_H[layer, head] = True
    excess_LH = (grids[TRAINED] - grids[SHUFFLED])[:, : header.heads]
    return auroc(excess_LH[trained_H], excess_LH[~trained_H])


def _by_unit(log: Log) -> Array:
    """A run's gain along its path by unit, nats."""
    chunks = log.allocations("path")
    e_H: Array = np.average([unit_matrix(chunk) for chunk in chunks], 0, chunk_weights(chunks))
    return e_H


def result_of(rows: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """score.json: a line for each pattern, each draw (constants were chosen on the first) and all; the experiments."""
    table = [_rates(name, [row for row in rows if row["pattern"] == name]) for name in PATTERNS]
    numbers = sorted({row["draw"] for row in rows})
    draws = [_rates(f"draw {number}", [row for row in rows if row["draw"] == number]) for number in numbers]
    everything = _rates("all", rows)
    content = {
        "experiment": NAME, "rule": RULE_VERSION, "bases": sorted({row["model"] for row in rows}),
        "runs": len(rows), "commits": sorted({commit for row in rows for commit in row["commits"]}),
        "patterns": [line for line in table if line["n"]], "draws": draws, "all": everything, "experiments": list(rows),
    }  # fmt: skip
    return finite(content)


def _rates(name: str, rows: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """How often a pattern is named rightly, by another's name, or left undecided: counts, and 95 % intervals."""
    right = sum(row["word"] == row["wanted"] for row in rows)
    undecided = sum(row["word"] == UNDECIDED != row["wanted"] for row in rows)
    wrong = len(rows) - right - undecided
    counts = {"right": right, "wrong": wrong, "undecided": undecided}
    intervals = {f"{key}_interval": wilson(count, len(rows)) for key, count in counts.items()} if rows else {}
    return {"name": name, "n": len(rows), **counts, **intervals}


def lines(result: Mapping[str, Any]) -> Iterator[str]:
    """The table for a terminal: a line for each pattern, and for all."""
    yield f"{'pattern':22}{'right':>7}{'wrong':>7}{'undecided':>11}{'of':>5}"
    for row in (*result["patterns"], *result["draws"], result["all"]):
        yield f"{row['name']:22}{row['right']:7}{row['wrong']:7}{row['undecided']:11}{row['n']:5}"
