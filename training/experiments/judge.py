"""The stage of sight and listen: from three arms' logs to causal swaps, the verdict, and the analyses beside it.

Per base model: the allocations name core and halo; every trained seed is then swapped, flattened and cut, in processes
(causal/seed-S.json, done again only if missing or of another core); the means go into the rule. The verdict stands
in verdict.msgpack with the swaps that it rests on, and in the score.
"""

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import msgspec
import numpy as np

from game.realm.replay import write_whole
from game.realm.rules import load as load_rules
from perception.model import load
from training.behaviours.registry import behaviour_of
from training.experiments.kept import trained
from training.experiments.plan import KEPT, Arm, Outcome, Runs
from training.experiments.pool import in_processes
from training.experiments.tables import by_arm, spread
from training.learn import LearnConfig, Report
from training.measure.analyses import Level, beside, depth, needs, rank_summary, ranks, roles
from training.measure.causal import Sets, means, sets_of, swaps
from training.measure.chunks import in_both_halves
from training.measure.evidence import evidence, joint, judgement, plain, with_caveats, worst_residual
from training.measure.headprobes import ProbeLoss
from training.measure.log import Header, Swap, read_log, write_log
from training.measure.verdict import RANDOM_SETS, Causal, Verdict, decide
from training.runlog import from_root

TRAINED, SHUFFLED, REHEARSAL = "trained", "shuffled", "rehearsal"  # the arms' names
VERDICT = "verdict.msgpack"


@dataclass(frozen=True)
class Judge:
    """sets: random sets whose insertion is measured, removed: of how many the removal, too. every: of the chunks of
    probes one in so many serves for swaps. along: the way of the allocations."""

    sets: int = RANDOM_SETS
    removed: int = 20
    every: int = 2
    along: str = "path"

    def quick(self) -> "Judge":
        """Too few sets to judge by: does it run?"""
        return replace(self, sets=4, removed=1, every=8)

    def check(self) -> None:
        """Nothing is needed beside the runs."""

    def run(self, runs: Runs, workers: int, report: Report) -> dict[str, Any]:
        """{"verdict", "bases", "spread"}: one entry in bases per base model, each judged by itself."""
        judged = [self._base(runs, base, workers, report) for base in range(len(runs.folders))]
        word, reason = joint([verdict for verdict, _ in judged])
        told = {"word": word, "reason": reason}
        return {"verdict": told, "bases": [row for _, row in judged], "spread": spread(runs.outcomes)}

    def _base(self, runs: Runs, base: int, workers: int, report: Report) -> tuple[Verdict, dict[str, Any]]:
        arms = by_arm(runs.of(base))
        logs = {arm: [read_log(run.log) for run in arms[arm]] for arm in (TRAINED, SHUFFLED, REHEARSAL)}
        header = logs[TRAINED][0].header
        told = evidence(logs[TRAINED], logs[SHUFFLED], logs[REHEARSAL], along=self.along)
        first = decide(told)
        sets = sets_of(first.core, first.significant, header.layers, header.heads, count=self.sets)
        arm = next(arm for arm in runs.experiment.based(base).arms if arm.name == TRAINED)
        found = self._seeds(arm, arms[TRAINED], runs.folders[base] / "causal", sets, workers, report)
        causal = _means(found)
        verdict = with_caveats(decide(replace(told, causal=causal)), logs[TRAINED], self.along)
        _write(runs.folders[base] / VERDICT, verdict, header, found)
        row = {
            "model": from_root(arm.config.model), "model_hash": header.model_hash,
            "verdict": plain(verdict, header.heads),
            "causal": None if causal is None else _numbers(causal),
            "residual": {name: worst_residual(some, self.along) for name, some in logs.items()},
            "analyses": {
                "depth": depth(told, header.layers),
                "roles": roles([seed["needs"] for seed in found], verdict.significant, header.heads),
                "rank": rank_summary([seed["ranks"] for seed in found]),
            },
        }  # fmt: skip
        return verdict, row

    def _seeds(
        self, arm: Arm, trained: Sequence[Outcome], folder: Path, sets: Sets, workers: int, report: Report
    ) -> list[dict[str, Any]]:
        """What every trained seed came to, in their order; those that aren't there yet are measured."""
        places = {run.seed: folder / f"seed-{run.seed}.json" for run in trained}
        jobs = {
            run.seed: (measure_seed, (arm.seeded(run.seed), run.folder / KEPT, places[run.seed], sets, self))
            for run in trained
            if _known(places[run.seed], sets, self) is None
        }
        known = len(trained) - len(jobs)
        report("swapping heads", known, len(trained))
        in_processes(jobs, workers, lambda done: report("swapping heads", known + done, len(trained)))
        return [found for place in places.values() if (found := _known(place, sets, self)) is not None]


def _known(path: Path, sets: Sets, judge: Judge) -> dict[str, Any] | None:
    """What a seed's swaps came to; None if they are missing or were made of other sets. Raises ValueError if torn."""
    if not path.exists():
        return None
    try:
        found = json.loads(path.read_bytes())
        same = found["sets"] == _plain_sets(sets) and found["judge"] == asdict(judge)
        return found | {"swaps": msgspec.convert(found["swaps"], list[Swap])} if same else None
    except (ValueError, TypeError, KeyError, msgspec.MsgspecError) as error:
        raise ValueError(f"{path}: can't be read ({error}); remove it, and it will be measured again") from error


def _plain_sets(sets: Sets) -> dict[str, Any]:
    return {"core": [list(p) for p in sets.core], "halo": [list(p) for p in sets.halo], "random": len(sets.random)}


def measure_seed(config: LearnConfig, kept: Path, to: Path, sets: Sets, judge: Judge) -> None:
    """One trained seed, in a process of its own: swaps, what each head's removal costs, ranks; written last, whole."""
    rules, before, after = load_rules(), load(config.model), trained(load(config.model), kept)
    behaviour = behaviour_of(replace(config, device="cpu"), before, rules)
    losses = behaviour.gain_losses()
    batches = [batch for loss in in_both_halves(losses, judge.every) for batch in loss.batches]
    asked = [probe for chunk in in_both_halves(behaviour.judged_chunks(), judge.every) for probe in chunk]
    loss, few = ProbeLoss(batches), Level(batches)
    found = {
        "sets": _plain_sets(sets),
        "judge": asdict(judge),
        "swaps": [msgspec.to_builtins(s) for s in swaps(before.net, after.net, loss, sets, judge.removed)],
        "needs": needs(before.net, after.net, few, beside(before, asked)),
        "ranks": ranks(before.net, after.net, loss),
    }
    to.parent.mkdir(parents=True, exist_ok=True)
    write_whole(to, msgspec.json.encode(found))


def _means(found: Sequence[dict[str, Any]]) -> Causal | None:
    """Means over seeds; None where a seed gained nothing, so that no swap has a meaning."""
    try:
        return means([seed["swaps"] for seed in found])
    except ValueError:
        return None


def _numbers(causal: Causal) -> dict[str, Any]:
    told: dict[str, Any] = {n: v for n, v in vars(causal).items() if not n.startswith("random")}
    for way in ("insert", "remove"):
        drawn = getattr(causal, f"random_{way}")
        told[f"random_{way}"] = list(drawn)
        told[f"random_{way}_95"] = float(np.percentile(drawn, 95)) if drawn else None
    return told


def _write(path: Path, verdict: Verdict, header: Header, found: Sequence[dict[str, Any]]) -> None:
    """The verdict and the mean of every swap over the seeds that have it, as a log with a trained run's header."""
    values: dict[tuple[str, str], list[Swap]] = {}
    for seed in found:
        for swap in seed["swaps"]:
            values.setdefault((swap.what, swap.name), []).append(swap)
    records = []
    for some in values.values():
        heads = some[0].heads if all(swap.heads == some[0].heads for swap in some) else ()
        ways = {way: _mean([getattr(swap, way) for swap in some]) for way in ("insert", "remove")}
        records.append(msgspec.structs.replace(some[0], heads=heads, **ways))
    write_log(path, header, [judgement(verdict, header.heads), *records])


def _mean(values: Sequence[float | None]) -> float | None:
    """Of those that were measured; None if none was."""
    there = [value for value in values if value is not None]
    return float(np.mean(there)) if there else None
