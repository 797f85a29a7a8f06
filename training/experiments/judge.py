"""The stage of sight and listen: from three arms' logs to causal swaps, the verdict, and further analyses.

It works on each base model by itself. The allocations name core and halo. Then every true training and its shuffled
control are swapped, in processes; the true ones are also ablated, and their change is cut in rank. All of it is
measured in usable information. What a seed came to stands in causal/seed-S.json, which is measured again only if it is
missing, or of other runs or another core. What training brings over the control goes into the rule. The verdict stands
in verdict.msgpack with the swaps that it rests on, and in the score.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import msgspec
import numpy as np

from common.files import write_whole
from game.realm.rules import load as load_rules
from perception.model import load
from training.behaviours.registry import behaviour_of
from training.config import LearnConfig
from training.experiments.plan import Arm, Outcome, Runs
from training.experiments.pool import in_processes
from training.experiments.tables import by_arm, by_model, spread
from training.experiments.weight_delta import check_base, with_delta
from training.headlog.log import read_log, write_log
from training.heads.chunks import in_both_halves
from training.heads.head_sets import Shift
from training.heads.run_log import from_root
from training.progress import Report
from training.provenance import of_file
from training.verdict.ablations import needs, other_answers
from training.verdict.analyses import depth, rank_summary, ranks, roles
from training.verdict.causal import SwapSets, causal_evidence, excess, sets_of, shifts
from training.verdict.evidence import (
    evidence,
    gained_without,
    joint,
    judgement,
    plain,
    unaccounted,
    with_caveats,
    worst_residual,
)
from training.verdict.matrices import by_matrix
from training.verdict.measured import Causal, Evidence
from training.verdict.rule import DISCOVERY, RANDOM_SETS
from training.verdict.significance import benjamini_hochberg, welch_p
from training.verdict.units import Shape
from training.verdict.verdict import Verdict, decide

TRAINED, SHUFFLED, REHEARSAL = "trained", "shuffled", "rehearsal"  # the arms' names
VERDICT = "verdict.msgpack"
MEASURES = 2  # raise it when a seed is measured in another way; what older ones left is then measured again
Pair = tuple[Outcome, Outcome]  # a true training, and the control of its seed


@dataclass(frozen=True)
class Judge:
    """sets: how many random sets are inserted, dealt out over the seeds. removed: how many of a seed's are removed too.

    every: one in so many chunks of probes serves for swaps. along: which allocations count, "path" or "line". control:
    what the trained arm is; only a calibration has one there. analyses: whether heads are ablated and ranks are cut.
    """

    sets: int = RANDOM_SETS
    removed: int = 12
    every: int = 2
    along: str = "path"
    control: str = ""
    analyses: bool = True

    def quick(self) -> "Judge":
        """Too few sets to judge by: does it run?"""
        return replace(self, sets=4, removed=1, every=8)

    def check(self) -> None:
        """Nothing more than the runs is needed."""

    def run(self, runs: Runs, workers: int, report: Report) -> dict[str, Any]:
        """{"verdict", "bases", "spread"}: one entry in bases per base model, each judged by itself.

        Raises ValueError if two base models are the same weights.
        """
        hashes = [read_log(runs.of(base)[0].log).header.model_hash for base in range(len(runs.folders))]
        if len(set(hashes)) < len(hashes):
            raise ValueError(f"--model: two base models hold the same weights ({', '.join(hashes)}); give others")
        bases = [self._base(runs, base, workers, report) for base in range(len(runs.folders))]
        word, reason = joint([verdict for verdict, _ in bases])
        joint_verdict = {"word": word, "reason": reason}
        return {"verdict": joint_verdict, "bases": [row for _, row in bases], "spread": by_model(runs.outcomes, spread)}

    def _base(self, runs: Runs, base: int, workers: int, report: Report) -> tuple[Verdict, dict[str, Any]]:
        arms = by_arm(runs.of(base))
        logs = {arm: [read_log(run.log) for run in arms[arm]] for arm in (TRAINED, SHUFFLED, REHEARSAL)}
        header = logs[TRAINED][0].header
        measured = evidence(
            logs[TRAINED], logs[SHUFFLED], logs[REHEARSAL], along=self.along, trained_control=self.control
        )
        first = decide(measured)
        shape = Shape(header.layers, header.heads, measured.columns > measured.heads)
        sets = sets_of(first.core, first.significant, shape, count=self.sets)
        arm = next(arm for arm in runs.experiment.based(base).arms if arm.name == TRAINED)
        pairs = _pairs(arms[TRAINED], arms[SHUFFLED])
        seeds = self._seeds(arm, pairs, runs.folders[base] / "causal", sets, workers, report)
        swaps = excess(*([seed["shifts"][name] for seed in seeds] for name in (TRAINED, SHUFFLED)))
        causal = causal_evidence(swaps) if swaps else None
        verdict = with_caveats(
            decide(replace(measured, causal=causal)), logs[TRAINED], logs[SHUFFLED], self.along,
            tuple(sets.random.values()), gained_without(measured),
        )  # fmt: skip
        write_log(runs.folders[base] / VERDICT, header, [judgement(verdict, shape), *swaps])
        row = {
            "model": from_root(arm.config.model), "model_hash": header.model_hash,
            "verdict": plain(verdict, shape),
            "causal": None if causal is None else _numbers(causal),
            "residual": {name: worst_residual(some, self.along) for name, some in logs.items()},
            "unaccounted": unaccounted(logs[TRAINED], logs[SHUFFLED], self.along),
        }  # fmt: skip
        if not self.analyses:
            return verdict, row
        core = [place for h in verdict.core if (place := divmod(h, shape.columns))[1] < shape.heads]
        numbers = self._analyses(verdict, measured, shape, seeds) | {"matrices": by_matrix(logs, core, self.along)}
        return verdict, row | {"analyses": numbers}

    def _analyses(
        self, verdict: Verdict, measured: Evidence, shape: Shape, seeds: Sequence[Mapping[str, Any]]
    ) -> dict[str, Any]:
        numbers_by_head = {h // shape.columns * shape.heads + h % shape.columns: h for h in range(shape.units)
                           if h % shape.columns < shape.heads}  # fmt: skip
        telling = named(verdict, measured)
        heads_named = {head for head, unit in numbers_by_head.items() if unit in telling}
        return {
            "depth": depth(measured, shape.layers),
            "roles": roles([seed["needs"] for seed in seeds], heads_named, shape.heads),
            "rank": rank_summary([seed["ranks"] for seed in seeds]),
        }

    def _seeds(
        self, arm: Arm, pairs: Sequence[Pair], folder: Path, sets: SwapSets, workers: int, report: Report
    ) -> list[dict[str, Any]]:
        """What every seed came to, in their order; those that aren't there yet are measured."""
        places = [
            (pair, folder / f"seed-{pair[0].seed}.json", sets.on_seed(number, len(pairs)))
            for number, pair in enumerate(pairs)
        ]
        jobs = {
            place: (measure_seed, (arm.seeded(pair[0].seed), pair, place, mine, self))
            for pair, place, mine in places
            if _known(place, pair, mine, self) is None
        }
        known = len(pairs) - len(jobs)
        report("swapping heads", known, len(pairs))
        in_processes(jobs, workers, lambda done: report("swapping heads", known + done, len(pairs)))
        return [content for pair, place, mine in places if (content := _known(place, pair, mine, self)) is not None]


def named(verdict: Verdict, measured: Evidence) -> set[int]:
    """Units whose own allocation says something: the core, those above the control, those below it."""
    below = welch_p(measured.shuffled_SCH.mean(1), measured.trained_SCH.mean(1))
    return {*verdict.core, *verdict.significant, *map(int, np.flatnonzero(benjamini_hochberg(below, DISCOVERY)))}


def _pairs(trained: Sequence[Outcome], shuffled: Sequence[Outcome]) -> list[Pair]:
    """Every true training with the control that drew the same scenes."""
    controls = {run.seed: run for run in shuffled}
    return [(run, controls[run.seed]) for run in trained if run.seed in controls]


def _known(path: Path, pair: Pair, sets: SwapSets, judge: Judge) -> dict[str, Any] | None:
    """What a seed's swaps came to; None if they are missing, or of other runs or sets. Raises ValueError if torn."""
    if not path.exists():
        return None
    try:
        content = json.loads(path.read_bytes())
        if any(content.get(key) != value for key, value in _identity(pair, sets, judge).items()):
            return None
        return content | {"shifts": msgspec.convert(content["shifts"], dict[str, list[Shift]])}
    except (ValueError, TypeError, KeyError, AttributeError, msgspec.MsgspecError) as error:
        raise ValueError(f"{path}: can't be read ({error}); remove it, and it will be measured again") from error


def _identity(pair: Pair, sets: SwapSets, judge: Judge) -> dict[str, Any]:
    """By what a file of swaps is known: which runs, which sets, how."""
    core, halo = ([list(place) for place in places] for places in (sets.core, sets.halo))
    noted = {"rests_on": [run.rests_on for run in pair]} if all(run.rests_on for run in pair) else {}
    return noted | {
        "runs": [of_file(run.log) for run in pair],
        "sets": {"core": core, "halo": halo, "random": sorted(sets.random)},
        "judge": asdict(judge),
        "measures": MEASURES,
    }  # fmt: skip


def measure_seed(config: LearnConfig, pair: Pair, to: Path, sets: SwapSets, judge: Judge) -> None:
    """One seed, in a process of its own: the swaps of its true training and of its control; what each head's removal
    costs and the ranks of the true one. Written last, whole. Raises ValueError for a base model that isn't the runs'.
    """
    rules, before = load_rules(), load(config.model)
    check_base(before, config.model, pair)
    after, control = (with_delta(load(config.model), run) for run in pair)
    behaviour = behaviour_of(replace(config, device="cpu"), before, rules)
    reader = before.read_by(config.teach.base_cache)
    loss = behaviour.gain_losses(reader).part(judge.every)
    trained_shifts, control_shifts = (
        list(shifts(before.net, one.net, loss, sets, judge.removed)) for one in (after, control)
    )
    content = _identity(pair, sets, judge) | {"shifts": {TRAINED: trained_shifts, SHUFFLED: control_shifts}}
    if judge.analyses:
        chunks = in_both_halves(behaviour.judged_chunks(), judge.every)
        probes = [probe for chunk in chunks for probe in chunk]
        content |= {
            "needs": needs(before.net, after.net, loss, other_answers(before, probes, reader)),
            "ranks": ranks(before.net, after.net, loss),
        }
    to.parent.mkdir(parents=True, exist_ok=True)
    write_whole(to, msgspec.json.encode(content))


def _numbers(causal: Causal) -> dict[str, Any]:
    numbers: dict[str, Any] = {n: v for n, v in vars(causal).items() if not n.startswith("random")}
    for direction in ("insert", "remove"):
        drawn = getattr(causal, f"random_{direction}")
        numbers[f"random_{direction}"] = list(drawn)
        numbers[f"random_{direction}_95"] = float(np.percentile(drawn, 95)) if drawn else None
    return numbers
