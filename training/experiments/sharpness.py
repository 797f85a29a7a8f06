"""Sharpness: how sharp is the place where each method of a finished `surgical` ended? All measures, seed by seed.

The methods stand at matched gain: the loss of what was taught is the same, as far as each came. They are measured again
at matched ‖ΔW‖: every change is shortened to the norm of that seed's shortest one. Two controls stand beside them: the
model untouched, and the model plus a random change that has the norm of APOLLO r64's in every matrix. The loss is that
of a few taught lessons (of a fact, of its sentence), the same batch for every method of a seed, in float32. Only the
matrices of attention and MLPs move.

OUT/KIND/seed-S/ROW.json is one place; the same command goes on after a kill.
"""

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import torch
from safetensors import SafetensorError
from safetensors.torch import load_file

from common.files import read_json, write_whole
from common.locks import hold
from common.numbers import finite
from common.processes import WORKERS_MAX
from training.experiments.pool import in_processes
from training.experiments.run import PLAN, SCORE, check_free, claim
from training.experiments.show import aligned
from training.experiments.surgical import NAME as SURGICAL
from training.experiments.surgical_bench import Bench, SurgicalConfig, block_matrices
from training.experiments.surgical_match import Weights
from training.experiments.surgical_methods import methods_of
from training.experiments.surgical_score import interval_of_known
from training.experiments.surgical_tasks import FACT, SIGHT, Sizes, Task
from training.heads.likeness import rank_correlation
from training.heads.run_log import at_root, commit
from training.heads.sharpness import Place, SharpnessConfig, matched_random, sharpness, worst_case
from training.progress import Report
from training.provenance import of_file, of_model
from training.verdict.analyses import interval

NAME = "sharpness"
VERSION = 1
UNTOUCHED, RANDOM = "untouched", "random-change"  # the controls' rows
LIKE = "apollo-64"  # whose norms the random change has, and beside which the others are set
LEFT_OUT = ("rome-one", "rome-random", "random-heads", "one-mlp")  # of behaviours: they teach little, or the like
LEFT_OUT_FACT = ("rome-random", "random-heads", "one-mlp")


@dataclass(frozen=True)
class SharpConfig:
    """of: a finished surgical's folder. radius: of the worst case in the table; spread: of its average case.

    kinds: of those that were taught. Listening is left out: measuring takes as long as all of the teaching.
    """

    of: str
    kinds: tuple[str, ...] = (SIGHT, FACT)
    measures: SharpnessConfig = field(
        default_factory=lambda: SharpnessConfig(4, 8, (0.0005, 0.002), ascent=2, directions=1)
    )
    radius: float = 0.002
    spread: float = 0.1

    def quick(self) -> "SharpConfig":
        """The same path in a minute or two."""
        few = SharpnessConfig(1, 2, (0.002,), 1, (0.1,), 1, (0.1,), 1)
        return replace(self, measures=few)


def taught(settings: SurgicalConfig, config: SharpConfig) -> list[str]:
    """The kinds that are measured."""
    return [kind for kind in settings.kinds if kind in config.kinds]


def rows_of(kind: str) -> tuple[str, ...]:
    """The places that are measured of a kind: controls, then methods."""
    names = [method.name for method in methods_of(kind)]
    left_out = LEFT_OUT if "rome-mean" in names else LEFT_OUT_FACT
    return (UNTOUCHED, RANDOM, *(name for name in names if name not in left_out))


def read_surgical(of: Path) -> tuple[SurgicalConfig, dict[str, Any]]:
    """(settings, score) of a finished surgical. Raises ValueError for a folder that holds none, or another model."""
    remedy = "give the folder of a finished experiment surgical"
    try:
        plan, score = read_json(of / PLAN), read_json(of / SCORE)
        settings = dict(plan["settings"])
        settings |= {name: tuple(settings[name]) for name in ("seeds", "kinds", "pilots")}
        config = SurgicalConfig(**settings | {"sizes": Sizes(**settings["sizes"])})
        right = plan["name"] == SURGICAL and score["experiment"] == SURGICAL
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise ValueError(f"--of {of}: holds no finished experiment surgical ({error}); {remedy}") from error
    if not right:
        raise ValueError(f"--of {of}: holds another experiment; {remedy}")
    config = replace(config, model=at_root(config.model))
    if of_model(config.model) != plan["rests_on"]:
        raise ValueError(f"--of {of}: {config.model} is not the model that it was made with; restore that model")
    return config, score


def changes_of(path: Path, start: Weights) -> tuple[Weights, Weights]:
    """(weights that a method moved, its last step) by name. Raises ValueError for a file that can't be read."""
    try:
        stored = load_file(path)
    except (OSError, SafetensorError) as error:
        raise ValueError(f"{path}: can't be read ({error}); run experiment surgical again") from error
    parts = {kind: {n.partition("/")[2]: t for n, t in stored.items() if n.startswith(f"{kind}/")}
             for kind in ("weight", "update")}  # fmt: skip
    for name, value in (*parts["weight"].items(), *parts["update"].items()):
        if name not in start or start[name].shape != value.shape:
            raise ValueError(f"{path}: {name} doesn't fit the model; run experiment surgical again")
    return parts["weight"], parts["update"]


def _place(bench: Bench, task: Task) -> Place:
    return Place(bench.model.net, task.fixed_loss(), block_matrices(bench.model))


def measure_row(bench: Bench, task: Task, row: str, folder: Path, shortest: float, config: SharpConfig) -> Any:
    """One row of one seed."""
    bench.again()
    home = _place(bench, task)
    weights, update = ({}, {}) if row == UNTOUCHED else changes_of(
        folder / f"{LIKE if row == RANDOM else row}.safetensors", bench.start
    )  # fmt: skip
    change_N = home.of({name: value - bench.start[name] for name, value in weights.items()})
    if row == RANDOM:
        change_N = matched_random(home, change_N, torch.Generator().manual_seed(bench.seed))
    directions = {} if row == UNTOUCHED else {"change": change_N}
    directions |= {"update": home.of(update)} if row not in (UNTOUCHED, RANDOM) else {}
    with home.moved(change_N):
        measured = sharpness(_place(bench, task), config.measures, directions, task.distance, bench.seed)
        measured["gain"] = task.gain()
    norm = float(change_N.double().norm())
    if norm > 0:
        with home.moved(change_N * (shortest / norm)):
            place, generator = _place(bench, task), torch.Generator().manual_seed(bench.seed)
            worst = worst_case(place, config.radius, config.measures.ascent, generator)
            measured["matched_norm"] = {"gain": task.gain(), "loss": place.value(), "worst": worst}
    return measured | {"norm": norm, "row": row, "seed": bench.seed, "commit": commit()}


def run_seed(settings: SurgicalConfig, config: SharpConfig, kind: str, seed: int, folder: Path) -> None:
    """Every row of a kind on one seed, in a process of its own; those that are there already are not done again."""
    missing = [row for row in rows_of(kind) if not (folder / f"{row}.json").exists()]
    if not missing:
        return
    source = Path(config.of) / kind / f"seed-{seed}"
    bench = Bench(settings, seed)
    task = bench.tasks(kind)[0]
    methods = [row for row in rows_of(kind) if row not in (UNTOUCHED, RANDOM)]
    shortest = min(float(read_json(source / f"{name}.json")["norm"]) for name in methods)
    folder.mkdir(parents=True, exist_ok=True)
    for row in missing:
        measured = measure_row(bench, task, row, source, shortest, config)
        write_whole(folder / f"{row}.json", (json.dumps(finite(measured)) + "\n").encode())


def measured_of(settings: SurgicalConfig, config: SharpConfig, out: Path, workers: int, report: Report) -> Any:
    """Every place, then OUT/score.json, which is returned.

    Raises ValueError where OUT or --of hold something else; FolderInUse.
    """
    if not 1 <= workers <= WORKERS_MAX:
        raise ValueError(f"--workers {workers}: give at least 1, at most {WORKERS_MAX}")
    plan = {"version": VERSION, "name": NAME, "settings": json.loads(json.dumps(asdict(config.measures))),
            "radius": config.radius, "spread": config.spread,
            "kinds": list(config.kinds), "rests_on": of_file(Path(config.of) / SCORE)}  # fmt: skip
    check_free(out, plan)
    with hold(out):
        claim(out, plan)
        each = [(seed, kind) for seed in settings.seeds for kind in taught(settings, config)]
        jobs: dict[Any, Any] = {(s, k): (run_seed, (settings, config, k, s, out / k / f"seed-{s}")) for s, k in each}
        in_processes(jobs, workers, partial(_done, report, len(jobs)))
        content = finite(_result(settings, config, out))
        write_whole(out / SCORE, (json.dumps(content, indent=1) + "\n").encode())
    return content


def _done(report: Report, of: int, done: int) -> None:
    report("seeds of a kind", done, of)


def numbers_of(measured: Mapping[str, Any], radius: float, spread: float) -> dict[str, float | None]:
    """One place's numbers, flat. own_*: along a direction; beside it, over random directions of equal norms."""
    flat = {key: measured[key] for key in ("gain", "loss", "gradient", "trace", "highest", "lowest", "norm")}
    for kind in ("worst", "average"):
        flat |= {f"{kind}_{text}": rise for text, rise in measured[kind].items()}
    for name, along in measured["directional"].items():
        flat |= {f"along_{name}": along["along"], f"random_{name}": along["random"]}
    if "matched_norm" in measured:
        flat |= {f"matched_norm_{key}": value for key, value in measured["matched_norm"].items()}
    for point in measured["curve"]:
        flat |= {f"loss_at_{point['amplitude']:g}": point["loss"], f"score_at_{point['amplitude']:g}": point["score"]}
    return flat | {"worst": measured["worst"][f"{radius:g}"], "average": measured["average"][f"{spread:g}"]}


def score_of(rows: Mapping[str, Sequence[Mapping[str, float | None]]], held: Mapping[str, Sequence[float]]) -> Any:
    """One kind. rows: numbers of every seed; held: the methods' held-out gain, in the same order of seeds.

    rows: means over seeds as (mean, lower, upper). ratio: a row's number over that of LIKE on the same seed, geometric
    mean and interval; of seeds where both are above 0. predicts: rank correlation of a measure with the held-out gain
    over the methods of a seed, mean and interval over seeds.
    """
    means = {name: {key: interval_of_known([seed.get(key) for seed in seeds]) for key in seeds[0]}
             for name, seeds in rows.items()}  # fmt: skip
    judged = ("worst", "average", "highest", "trace")
    ratio: dict[str, Any] = {}
    for name, seeds in rows.items():
        if name == LIKE:
            continue
        ratio[name] = {}
        for key in judged:
            logs = [np.log(a / b) for own, like in zip(seeds, rows[LIKE], strict=True)
                    if (a := own[key] or 0.0) > 0 and (b := like[key] or 0.0) > 0]  # fmt: skip
            ratio[name][key] = [float(np.exp(value)) for value in interval(logs)] if logs else None
    predicts = {}
    for key in judged:
        numbers = np.array([[seed[key] for seed in rows[name]] for name in held], float)
        gains = np.array([held[name] for name in held], float)
        each = [rank_correlation(one, other) for one, other in zip(numbers.T, gains.T, strict=True)]
        predicts[key] = interval_of_known([float(value) for value in each])
    return {"rows": means, "ratio": ratio, "predicts": predicts}


def _result(settings: SurgicalConfig, config: SharpConfig, out: Path) -> dict[str, Any]:
    kinds, commits = {}, set[str]()
    for kind in taught(settings, config):
        rows: dict[str, list[dict[str, float | None]]] = {}
        held: dict[str, list[float]] = {}
        for row in rows_of(kind):
            measured = [read_json(out / kind / f"seed-{seed}" / f"{row}.json") for seed in settings.seeds]
            rows[row] = [numbers_of(one, config.radius, config.spread) for one in measured]
            commits |= {one["commit"] for one in measured}
            if row not in (UNTOUCHED, RANDOM):
                sources = [Path(config.of) / kind / f"seed-{seed}" / f"{row}.json" for seed in settings.seeds]
                held[row] = [float(read_json(source)["tasks"][0]["held"]["gain"]) for source in sources]
        kinds[kind] = score_of(rows, held)
    return {
        "experiment": NAME, "model": read_json(Path(config.of) / SCORE)["model"], "seeds": list(settings.seeds),
        "radius": config.radius, "spread": config.spread, "like": LIKE,
        "measures": asdict(config.measures), "commits": sorted(commits),
        "score": kinds,
    }  # fmt: skip


COLUMNS = {  # of the table for a terminal: title, how it is written
    "gain": ("taught", "{:.2f}"), "loss": ("loss", "{:.3f}"), "norm": ("norm", "{:.2f}"),
    "trace": ("trace", "{:.1f}"), "highest": ("highest", "{:.2f}"), "worst": ("worst", "{:.3f}"),
    "average": ("average", "{:.4f}"), "along_change": ("along", "{:.3f}"), "random_change": ("random", "{:.3f}"),
    "matched_norm_gain": ("m.n. taught", "{:.2f}"), "matched_norm_worst": ("m.n. worst", "{:.3f}"),
}  # fmt: skip


def lines(result: Mapping[str, Any]) -> Iterator[str]:
    """A table a kind; below it, what predicts the held-out gain."""
    for kind, part in result["score"].items():
        radii = f"worst case within {result['radius']:g} of a weight, average case within {result['spread']:g}"
        yield f"{kind}: means over {len(result['seeds'])} seeds; {radii}"
        cells = [["", *(title for title, _ in COLUMNS.values())]]
        for name, row in part["rows"].items():
            values = [(form, row.get(key)) for key, (_, form) in COLUMNS.items()]
            cells.append([name, *("-" if value is None else form.format(value[0]) for form, value in values)])
        yield from aligned(cells)
        some = [f"{key} {value[0]:+.2f}" for key, value in part["predicts"].items() if value is not None]
        yield f"rank correlation with the held-out gain over methods: {', '.join(some)}"
