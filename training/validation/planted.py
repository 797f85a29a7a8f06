"""Does the verdict find what was planted? Known heads of a real network are changed, and the rule decides end to end.

python -m training.validation.planted --out DIR [--model DIR] [--repetitions 8] [--case NAME ...]

Each planted experiment has three arms of eight networks. Trained: lessons of their own, jittered shares, noise in all
attention weights. Shuffled: the same with answers dealt out among the lessons. Rehearsal: noise alone. Their gains are
allocated, sets of heads are swapped and the rule is applied, as for a real training. Results go to DIR/planted.jsonl,
a line each, and the same command goes on after a kill. To save time, three things differ from a real experiment: there
are eight chunks of probes, all experiments share the networks with noise alone, and only the first network of each arm
is swapped.

Shape suffixes: S seeds, C chunks, L layers, H heads.
"""

import argparse
import json
import sys
import time
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from common.files import write_whole
from game.realm.rules import load as load_rules
from perception.model import NOVICE, load, weights_hash
from training.heads.gain_allocation import allocate
from training.validation.planting import ABLE, STRONG, Ground, prepare
from training.validation.row_file import rows_of
from training.verdict.causal import causal_evidence, excess, sets_of, shifts
from training.verdict.measured import Causal, Evidence
from training.verdict.rule import (
    DISTRIBUTED,
    HIERARCHICAL,
    LOCALIZED,
    NOT_IN_HEADS,
    RANDOM_SETS,
    REMOVED,
    RULE_VERSION,
    SEEDS,
    UNDECIDED,
)
from training.verdict.units import Shape
from training.verdict.verdict import Verdict, decide

MARGIN = 2.5  # logits that all sites together raise the right answer by, about
JITTER = 0.2  # log-normal sd of a site's factor from seed to seed
NOISE = 0.01  # of each attention matrix's root mean square
POINTS = 3  # of the quadrature
TUNED = 2  # rounds in which factors are set so that the measured shares are the planted ones
PLANTING_VERSION = 1  # raise it by hand whenever the same model and case give other numbers
FILE = "planted.jsonl"


@dataclass(frozen=True)
class Case:
    """What is planted: parts of the gain, each held by so many heads in equal shares (0: all other able heads)."""

    wanted: str
    parts: tuple[tuple[int, float], ...] = ()
    mlps: float = 0.0


CASES = {
    "none": Case(UNDECIDED),
    "one head": Case(LOCALIZED, ((1, 1.0),)),
    "four heads": Case(LOCALIZED, ((4, 1.0),)),
    "six heads + 10 % halo": Case(LOCALIZED, ((6, 0.9), (0, 0.1))),
    "core 4 (55 %) + halo": Case(HIERARCHICAL, ((4, 0.55), (0, 0.45))),
    "uniform": Case(DISTRIBUTED, ((0, 1.0),)),
    "twenty equal": Case(UNDECIDED, ((20, 1.0),)),
    "MLPs only": Case(NOT_IN_HEADS, mlps=1.0),
}


def shares(ground: Ground, case: Case, rng: np.random.Generator) -> Tensor:
    """(L, H) planted shares of the gain; they sum to 1, or to 0 where no head is to hold any."""
    able_S = ground.able(ground.heads).numpy()
    least_S = np.where(np.arange(len(able_S)) < ground.at.heads, STRONG, ABLE)
    free = [int(h) for h in rng.permutation(len(able_S)) if able_S[h] > least_S[h]]
    # Strong ones beyond the first layer come first, each group in drawn order: they are the cores.
    free.sort(key=lambda h: able_S[h] <= STRONG or h < ground.at.heads)
    share_S = np.zeros(len(able_S))
    for count, held in case.parts:
        chosen, free = (free[:count], free[count:]) if count else (free, [])
        if len(chosen) < max(1, count):
            raise ValueError(f"planting: only {len(chosen)} heads can carry the answers; give a network with more")
        share_S[chosen] = held / len(chosen)
    return torch.from_numpy(share_S).float().unflatten(0, (ground.at.layers, ground.at.heads))


def tuned(ground: Ground, shares_LH: Tensor) -> Tensor:
    """(L, H) logits per head for which the measured shares come near the planted ones."""
    factor_LH = MARGIN * shares_LH
    still = torch.zeros(ground.at.layers)
    for _ in range(TUNED if bool(shares_LH.any()) else 0):
        after = ground.planted(factor_LH, still, seed=0)
        gain = allocate(ground.net, [dict(after.named_parameters())], [ground.whole], POINTS)[0]
        measured_LH = (gain.heads / gain.heads.sum()).float()
        step_LH = (shares_LH / measured_LH.clamp_min(1e-4)).clamp(0.4, 2.5)
        factor_LH = torch.where(shares_LH > 0, factor_LH * step_LH, factor_LH)
        factor_LH = factor_LH * (MARGIN / factor_LH.sum())
    return factor_LH


@dataclass(frozen=True)
class ArmGains:
    """Allocations of one arm, nats: heads (S, C, L * H), whole (S, C); its networks; the quadrature's worst error."""

    heads: np.ndarray
    whole: np.ndarray
    nets: list[Any]
    residual: float


def arm(
    ground: Ground, factor_LH: Tensor, mlps_L: Tensor, seeds: Sequence[int], shuffled: bool, keep: bool
) -> ArmGains:
    """Plant, jitter and shake one network per seed, and share out its gain chunk by chunk."""
    heads, whole, nets, worst = [], [], [], 0.0
    for seed in seeds:
        dice = torch.Generator().manual_seed(seed + 1)
        jitter = [torch.exp(JITTER * torch.randn(f.shape, generator=dice)) for f in (factor_LH, mlps_L)]
        net = ground.planted(factor_LH * jitter[0], mlps_L * jitter[1], seed, shuffled, NOISE)
        gains = allocate(ground.net, [dict(net.named_parameters())], ground.losses, POINTS)
        heads.append([gain.heads.flatten().numpy() for gain in gains])
        whole.append([gain.gain for gain in gains])
        total = abs(sum(gain.gain for gain in gains))
        worst = max(worst, abs(sum(gain.residual for gain in gains)) / max(total, 1e-3))
        nets += [net] if keep else []
    return ArmGains(np.array(heads), np.array(whole), nets, worst)


def rehearsed(ground: Ground, seeds: int = SEEDS) -> ArmGains:
    """The second control: networks that were shaken alone."""
    still = torch.zeros(ground.at.layers, ground.at.heads)
    return arm(ground, still, still[:, 0], range(seeds), False, False)


def experiment(
    ground: Ground, shaken: ArmGains, name: str, repetition: int, seeds: int = SEEDS, sets: int = RANDOM_SETS
) -> dict[str, Any]:
    """One planted experiment as a line of results: the word, whether it is right, and what it rests on."""
    began = time.process_time()
    case, number = CASES[name], list(CASES).index(name)
    rng = np.random.default_rng([number, repetition])
    shares_LH = shares(ground, case, rng)
    factor_LH, still = tuned(ground, shares_LH), torch.zeros(ground.at.layers)
    mlps_L = still + case.mlps * MARGIN / ground.at.layers
    first = int(rng.integers(2**31))
    drawn = [[first + 10 * (seeds * kind + s) for s in range(seeds)] for kind in range(2)]
    trained = arm(ground, factor_LH, mlps_L, drawn[0], False, True)
    shuffled = arm(ground, factor_LH, mlps_L, drawn[1], True, True)
    arms = (trained.heads, shuffled.heads, shaken.heads)
    evidence = Evidence(*arms, trained.whole, shuffled.whole, rehearsal_whole_SC=shaken.whole)
    verdict = decide(evidence, repetition)
    causal = _causal(ground, trained, shuffled, verdict, repetition, sets)
    if causal is not None:
        verdict = decide(replace(evidence, causal=causal), repetition)
    planted = np.flatnonzero(shares_LH.flatten().numpy() > 0)
    return {
        "rule": verdict.rule, "model": weights_hash(ground.net), "case": name,
        "repetition": repetition, "wanted": case.wanted, "word": verdict.word,
        "right": verdict.word == case.wanted, "reason": verdict.reason,
        "share_core": verdict.numbers["share_core"], "width": verdict.numbers["width"],
        "gain": verdict.numbers["gain"], "held_by_heads": verdict.numbers["held_by_heads"],
        "negative": verdict.numbers["negative"], "halo": verdict.numbers["halo"],
        "planted": [int(h) for h in planted], "core": list(verdict.core), "significant": len(verdict.significant),
        "control": float(shuffled.whole.mean()), "residual": max(trained.residual, shuffled.residual),
        "causal": None if causal is None else _rounded(causal), "seconds": round(time.process_time() - began, 1),
    }  # fmt: skip


def _rounded(causal: Causal) -> dict[str, float]:
    drawn = causal.random_insert
    named = {n: v for n, v in vars(causal).items() if not n.startswith("random")}
    named |= {"random_insert_most": max(drawn), "random_insert_95": np.percentile(drawn, 95)}
    return {name: round(float(value), 4) for name, value in named.items()}


def _causal(
    ground: Ground, trained: ArmGains, shuffled: ArmGains, first: Verdict, seed: int, count: int
) -> Causal | None:
    """Swaps of the first network of both arms; None if it has no gain over control to share out."""
    chosen = sets_of(first.core, first.significant, Shape(ground.at.layers, ground.at.heads), seed, count)
    mine = list(shifts(ground.net, trained.nets[0], ground.few, chosen, REMOVED))
    theirs = list(shifts(ground.net, shuffled.nets[0], ground.few, chosen, REMOVED))
    swaps = excess([mine], [theirs])
    return causal_evidence(swaps) if swaps else None


def rates(rows: Sequence[dict[str, Any]]) -> dict[str, dict[str, Any]]:
    """Per case: runs, the share that got each word, and `right`; over all of them under "all"."""
    table: dict[str, dict[str, Any]] = {}
    for name in dict.fromkeys(row["case"] for row in rows):
        mine = [row for row in rows if row["case"] == name]
        words = Counter(row["word"] for row in mine)
        table[name] = {"wanted": mine[0]["wanted"], "runs": len(mine)}
        table[name] |= {word: count / len(mine) for word, count in sorted(words.items())}
        table[name]["right"] = sum(row["right"] for row in mine) / len(mine)
    decided = [row for row in rows if row["word"] not in (UNDECIDED, row["wanted"])]
    right = sum(row["right"] for row in rows)
    return table | {"all": {"runs": len(rows), "right": right / max(1, len(rows)), "another pattern": len(decided)}}


def run(
    out: Path, ground: Ground, repetitions: int, names: Sequence[str], seeds: int = SEEDS, sets: int = RANDOM_SETS
) -> list[dict[str, Any]]:
    """All experiments that DIR doesn't hold yet, repetition by repetition; returns every line.

    Raises ValueError if DIR holds experiments of another model or rule.
    """
    path = out / FILE
    rows = rows_of(path)
    design = {"seeds": seeds, "sets": sets, "margin": MARGIN, "jitter": JITTER, "noise": NOISE, "points": POINTS,
              "planting": PLANTING_VERSION}  # fmt: skip
    here = {"model": weights_hash(ground.net), "rule": RULE_VERSION}
    for row in rows:
        stored = {key: row.get(key) for key in here}
        if stored != here:
            raise ValueError(
                f"--out {out}: holds experiments of another model or rule ({stored} then, {here} now); "
                "give a new folder"
            )
        if row.get("design", design) != design:  # older rows don't say it
            raise ValueError(f"--out {out}: was planted with {row['design']}, now it is {design}; give a new folder")
    done = {(row["case"], row["repetition"]) for row in rows}
    out.mkdir(parents=True, exist_ok=True)
    shaken = rehearsed(ground, seeds)
    for repetition in range(repetitions):
        for name in names:
            if (name, repetition) in done:
                continue
            rows.append(experiment(ground, shaken, name, repetition, seeds, sets) | {"design": design})
            write_whole(path, "".join(json.dumps(row) + "\n" for row in rows).encode())
            print(f"{name} {repetition}: {rows[-1]['word']} ({rows[-1]['seconds']} s)", file=sys.stderr)
    return rows


def main(arguments: Sequence[str] | None = None) -> int:
    """The command line."""
    parser = argparse.ArgumentParser(prog="training.validation.planted", description="how often the verdict errs")
    parser.add_argument("--out", type=Path, required=True, metavar="DIR")
    parser.add_argument("--model", default=str(NOVICE))
    parser.add_argument("--repetitions", type=int, default=8)
    parser.add_argument("--case", choices=CASES, action="append", help="only these (default: all)")
    options = parser.parse_args(arguments)
    torch.set_num_threads(1)
    try:
        rows_of(options.out / FILE)  # refuses a torn one before anything is computed
        ground = prepare(load(options.model, "cpu"), load_rules())
        rows = run(options.out, ground, options.repetitions, options.case or list(CASES))
    except (ValueError, OSError) as error:
        print(error, file=sys.stderr)
        return 2
    print(json.dumps(rates(rows), indent=1))
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
