"""A small made-up experiment for the report's tests: three arms, a verdict, swaps; every number follows from a seed."""

import json
import math
from pathlib import Path

import numpy as np

from training.headlog.log import write_log
from training.headlog.records import (
    Allocation,
    Curve,
    Header,
    HeadRow,
    Judgement,
    Record,
    Snapshot,
    Summary,
    Swap,
    Whole,
)

LAYERS, HEADS, CHUNKS = 4, 4, 4
CORE = ((2, 1), (1, 3))
HOSTILE = '<script>alert("x")</script>&\'"\u202e\x00'


def header(seed: int, control: str, model: str = "novice") -> Header:
    return Header(
        version=2, model=model, model_hash="a1b2c3d4e5f60718", data_hash=f"data-{seed}", commit="0123456789",
        seeds={"lessons": seed, "teach": seed},
        config={"behaviour": "sight", "model": "/home/somebody/assets/novice", "lessons": 64, "steps": 60, "probes": 16,
                "control": control, "seed": seed, "teach_optimizer": "apollo", "teach_rank": 64, "teach_lr": None,
                "teach_train": "attention", "teach_full": False, "teach_dreams": True, "teach_rehearse": 6},
        layers=LAYERS, heads=HEADS, created=f"2026-11-22T10:0{seed % 10}:00+00:00",
    )  # fmt: skip


def grid(values: np.ndarray) -> tuple[tuple[float, ...], ...]:
    return tuple(tuple(float(v) for v in row) for row in values)


def shares(control: str, rng: np.random.Generator) -> np.ndarray:
    """(L, H) nats: a core of two heads and a halo; next to nothing under a control."""
    gains = rng.normal(0.004, 0.002, (LAYERS, HEADS))
    if not control:
        gains += 0.03 * rng.lognormal(0, 0.3, (LAYERS, HEADS))
        for (layer, head), held in zip(CORE, (0.9, 0.45), strict=True):
            gains[layer, head] += held * rng.lognormal(0, 0.1)
    return gains


def head_records(heads: np.ndarray, total: float) -> list[Record]:
    """A row per head, and a swap per layer that is worth its share of the total (0: nothing)."""
    rows: list[Record] = []
    for layer in range(LAYERS):
        share = float(heads[layer].sum() / total) if total else 0.0
        places = tuple((layer, head) for head in range(HEADS))
        rows.append(Swap(what="output", name=f"layer {layer}", heads=places, insert=0.6 * share, remove=share))
        rows += [
            HeadRow(
                layer=layer, head=head, gain=float(heads[layer, head]), own=3 * abs(float(heads[layer, head])),
                inherited=0.05 * layer, pattern=0.1 * head, cue_mass_before=0.02 * head, cue_mass_after=0.03 * layer,
                entropy_before=0.6, entropy_after=0.5, direct_before=-0.1, direct_after=0.2 * layer,
                weights={"q": 0.01, "k": 0.02, "v": 0.03, "o": 0.04}, gradients=dict.fromkeys("qkvo", 1 / 64),
            )
            for head in range(HEADS)
        ]  # fmt: skip
    return rows


def records(seed: int, control: str) -> list[Record]:
    """A whole run's records."""
    rng = np.random.default_rng([seed, len(control)])
    heads, seen = shares(control, rng), 0.0 if control else 1.0
    total = float(heads.sum())
    rows: list[Record] = []
    for step in range(0, 61, 10):
        rise = 1 - math.exp(-step / 15)
        hits = float(np.clip(seen * 0.93 * rise + rng.normal(0, 0.02), 0, 1))
        own = heads * rise * 3
        rows.append(Curve(step=step, loss=1 - 0.8 * rise if step else None, hits=hits, false_alarms=0.03 * rise,
                          d_prime=float(3.3 * rise * seen), mundane=0.998, seconds=step / 5))  # fmt: skip
        gradient = grid(np.abs(heads) / np.abs(heads).sum()) if step else ()
        rows.append(Snapshot(step=step, phase="during" if step else "before", own=grid(own), gradient=gradient))
    for chunk in range(CHUNKS):
        part = heads * rng.lognormal(0, 0.1, heads.shape)
        whole, residual = 1.1 * float(part.sum()), 0.004 * float(part.sum())
        rows += [Allocation(along=along, chunk=chunk, decisions=12, heads=grid(part), rest=0.1 * total, whole=whole,
                            residual=residual) for along in ("line", "path")]  # fmt: skip
    rows += head_records(heads, 0.0 if control else total)
    rows.append(Whole(name="context_share", value=0.4 + 0.01 * seed, about="gain left on the old model's contexts"))
    scores = {
        "hits": 0.93 * seen,
        "hits_new_pairs": 0.86 * seen,
        "false_alarms": 0.03,
        "d_prime": 3.3 * seen,
        "mundane": 0.998,
    }
    rows.append(Summary(
        before={"hits": 0.0, "mundane": 1.0}, after=scores, gain=1.1 * total, rest=0.1 * total, residual=0.004 * total,
        steps=60, seconds=12.0, spirits_shown=20, empties_shown=60, lessons=64,
        gradients={"q": 0.2, "k": 0.1, "v": 0.2, "o": 0.5},
    ))  # fmt: skip
    return rows


def judgement(**changed: object) -> Judgement:
    """A verdict whose every number is written here."""
    numbers = {
        "gain": [2.0, 1.8, 2.2], "gain_over_control": 1.95, "held_by_heads": [0.91, 0.88, 0.94],
        "share_core": [0.72, 0.66, 0.78], "width": [0.21, 0.18, 0.26], "negative": 0.01, "significant": 0.75,
        "halo": 0.64, "seeds": [8, 8, 8], "bases": 1, "p_shuffled": 0.0001, "p_rehearsal": 0.0001,
        "core_insert": 0.61, "core_remove": 0.93, "both_insert": 0.95, "depth": [0.5, 0.4, 0.6],
    }  # fmt: skip
    words = {"word": "hierarchical", "reason": "core holds 0.66 to 0.78, 64% of the others significant", "rule": 1}
    caveats = ("one network pretrained from one seed: the verdict concerns it only",)
    fields = words | {"numbers": numbers, "core": CORE, "significant": (*CORE, (0, 0), (3, 2)), "caveats": caveats}
    return Judgement(**(fields | changed))  # type: ignore[arg-type]


def swaps(seeds: int = 4, count: int = 200) -> list[Swap]:
    """The core and its like, seed by seed, and random sets."""
    rng = np.random.default_rng(7)
    rows = []
    for _ in range(seeds):
        for name, insert, remove in (("core", 0.6, 0.93), ("core+halo", 0.95, 0.99)):
            jitter = float(rng.normal(0, 0.03))
            rows += [Swap(what=what, name=name, heads=CORE, insert=insert + jitter, remove=remove + jitter / 2)
                     for what in ("output", "weight")]  # fmt: skip
    nulls = rng.normal(0.05, 0.05, count)
    return rows + [
        Swap(
            what="output",
            name=f"random {at}",
            heads=((0, 0), (3, 3)),
            insert=float(value),
            remove=0.02 if at < 40 else None,
        )
        for at, value in enumerate(nulls)
    ]


def make_run(folder: Path, seed: int = 0, control: str = "") -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    write_log(folder / "log.msgpack", header(seed, control), records(seed, control))
    return folder


def make_experiment(folder: Path, seeds: int = 3) -> Path:
    """OUT of a finished `sight`: trained, shuffled, rehearsal, score.json, verdict.msgpack."""
    for arm, control in (("trained", ""), ("shuffled", "shuffled"), ("rehearsal", "rehearsal")):
        for seed in range(seeds):
            make_run(folder / arm / f"seed-{seed}", seed, control)
    write_log(folder / "verdict.msgpack", header(0, ""), [judgement(), *swaps()])
    score = {"verdict": "hierarchical", "depth": [0.5, 0.4, 0.6], "rank": {"trained": {"k1": 0.31, "k4": 0.64}}}
    (folder / "score.json").write_text(json.dumps({"experiment": "sight", "score": score}))
    (folder / "experiment.json").write_text(json.dumps({"name": "sight", "seeds": list(range(seeds))}))
    return folder
