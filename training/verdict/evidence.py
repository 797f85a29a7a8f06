"""Logs of runs -> the evidence that a verdict rests on, and the verdict as log records.

All runs of one base model must start from the same weights and be measured on the same probes. What doesn't fit is
refused in one line. Head h of one base is not head h of another, so heads of several bases are pooled only if the
caller says so (`bases`). The experiments judge each base by itself and then compare the words (`joint`).

Shape suffixes: S seeds, C chunks of probes, H units (layer * columns + column).
"""

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from training.headlog.gains import chunk_weights, unit_matrix
from training.headlog.records import Allocation, Judgement, Log
from training.verdict.measured import Causal, Evidence
from training.verdict.rule import BASES, CONTROL_MOST, UNDECIDED
from training.verdict.shares import steadied
from training.verdict.units import Shape
from training.verdict.verdict import Verdict

RESIDUAL = 0.02  # of the gain over control: how far heads and rest may miss it
DISTINCT = 20  # random sets below this leave no 95th percentile
OWN = ("control", "seed", "teach_seed")  # settings in which the runs of a verdict may differ
ARMS = ("trained", "shuffled", "rehearsal")
USABLE = "usable"  # the loss that rule 4 shares out


def evidence(
    trained: Sequence[Log],
    shuffled: Sequence[Log],
    rehearsal: Sequence[Log],
    causal: Causal | None = None,
    bases: int = 1,
    along: str = "path",
    trained_control: str = "",
) -> Evidence:
    """Allocations of usable information in three arms' runs, seed by seed. A chunk counts by its decisions.

    along: "path", the training's own, or the straight "line". trained_control: what the trained arm's runs are; only a
    calibration of the rule has a control there. MLPs are units where some run moved one.

    Raises ValueError, naming a log: without runs or allocations, for runs of another arm than they stand for, of other
    settings than their neighbours, of more or fewer base models than `bases`, of other probes or shapes, or counted
    twice.
    """
    arms = dict(zip(ARMS, (trained, shuffled, rehearsal), strict=True))
    for name, logs in arms.items():
        if not logs:
            raise ValueError(f"evidence: no {name} runs; the verdict needs all three arms")
        _check_arm(logs, trained_control if name == "trained" else name)
    every = [log for logs in arms.values() for log in logs]
    _check_settings(every)
    _check_bases(every, bases)
    _check_alike(every, along)
    grids = {name: [log.allocations(along) for log in logs] for name, logs in arms.items()}
    missed = {name: np.array([_weighed(run, lambda c: c.residual) for run in runs]) for name, runs in grids.items()}
    units = {
        name: steadied(np.array([_weighed(run, unit_matrix) for run in runs]), missed[name])
        for name, runs in grids.items()
    }
    whole = {name: np.array([_weighed(run, lambda c: c.whole) for run in runs]) for name, runs in grids.items()}
    arrays = (units["trained"], units["shuffled"], units["rehearsal"], whole["trained"], whole["shuffled"])
    paired = [log.header.seeds for log in trained] == [log.header.seeds for log in shuffled]
    heads = trained[0].header.heads
    columns = units["trained"].shape[2] // trained[0].header.layers
    return Evidence(*arrays, causal, bases, whole["rehearsal"], paired, heads, columns)


def _weighed(chunks: Sequence[Allocation], value: Callable[[Allocation], Any]) -> list[Any]:
    """A value of every chunk, by its part of the decisions: a mean over chunks is one over all decisions."""
    weights = chunk_weights(chunks)
    return [value(chunk) * weight * len(chunks) for chunk, weight in zip(chunks, weights, strict=True)]


def _check_arm(logs: Sequence[Log], wanted: str) -> None:
    seen: dict[tuple[Any, ...], str] = {}
    for log in logs:
        control = log.header.config.get("control", "")
        if control != wanted:
            what = f"control {control!r}" if control else "no control"
            raise ValueError(f"{log.path}: a run with {what} can't stand for {wanted or 'trained'} answers")
        key = (log.header.model_hash, *sorted(log.header.seeds.items()))
        if key in seen:
            raise ValueError(f"{log.path}: the same seeds as {seen[key]}; count each run once")
        seen[key] = log.path


def _check_settings(logs: Sequence[Log]) -> None:
    """All arms learn alike: same steps, rates, weights that train, probes. Only the base models may differ, too.

    Whether more than the gain was measured is of no account.
    """
    free = (*OWN, "model", "gain_only")
    first = {key: value for key, value in logs[0].header.config.items() if key not in free}
    for log in logs[1:]:
        own = {key: value for key, value in log.header.config.items() if key not in free}
        odd = sorted(key for key in first.keys() | own.keys() if first.get(key) != own.get(key))
        if odd:
            difference = f"{odd[0]} is {own.get(odd[0])!r}, not {first.get(odd[0])!r} as in {logs[0].path}"
            raise ValueError(f"{log.path}: {difference}; all arms need the same settings")


def _check_bases(logs: Sequence[Log], bases: int) -> None:
    paths_by_hash = {log.header.model_hash: log.path for log in logs}
    if len(paths_by_hash) != bases:
        paths = list(paths_by_hash.values())
        what = f"{paths[0]} and {paths[1]} differ in model_hash" if len(paths) > 1 else f"{paths[0]}: one base model"
        raise ValueError(f"{what}; {bases} expected, {len(paths_by_hash)} found")


def _check_alike(logs: Sequence[Log], along: str) -> None:
    first: dict[str, tuple[str, str]] = {}
    shape: tuple[Any, ...] = ()
    for log in logs:
        chunks = log.allocations(along)
        if not chunks:
            raise ValueError(f"{log.path}: holds no gain along the {along}; measure the run again with this version")
        if any(chunk.loss != USABLE for chunk in chunks):
            raise ValueError(f"{log.path}: its gain is of plain cross-entropy, an older rule's; measure the run again")
        mine = (
            log.header.layers,
            log.header.heads,
            bool(chunks[0].mlps),
            tuple((c.chunk, c.decisions) for c in chunks),
        )
        shape = shape or mine
        if mine != shape:
            raise ValueError(f"{log.path}: its heads or chunks of probes are not those of {logs[0].path}")
        hashes = [probes.hash for probes in log.probes if probes.what == "gain"]
        if not hashes:
            raise ValueError(f"{log.path}: doesn't say on which probes its gain was shared out; measure it again")
        known, path = first.setdefault(log.header.model_hash, (hashes[-1], log.path))
        if hashes[-1] != known:
            raise ValueError(f"{log.path}: other probes than {path}; runs of one base need the same (probe_seed)")


def worst_residual(logs: Sequence[Log], along: str = "path") -> float:
    """The largest part of a run's gain that neither heads nor rest account for; NaN where nothing was allocated."""
    parts = [np.nan]
    for log in logs:
        chunks = log.allocations(along)
        gain = sum(c.whole * c.decisions for c in chunks)
        if chunks and gain:
            parts.append(abs(sum(c.residual * c.decisions for c in chunks) / gain))
    return float(np.nanmax(parts)) if len(parts) > 1 else float("nan")


def unaccounted(trained: Sequence[Log], shuffled: Sequence[Log], along: str = "path") -> float:
    """The part of the gain over control that neither heads nor rest account for, means over runs; NaN without one."""
    (gain, missed), (base, base_missed) = (_sums(logs, along) for logs in (trained, shuffled))
    return abs(missed - base_missed) / (gain - base) if gain > base else float("nan")


def _sums(logs: Sequence[Log], along: str) -> tuple[float, float]:
    """(gain, residual) of an arm: nats, means over runs and decisions."""
    chunks = [c for log in logs for c in log.allocations(along)]
    decisions = max(1, sum(c.decisions for c in chunks))
    gain, missed = (sum(getattr(c, key) * c.decisions for c in chunks) / decisions for key in ("whole", "residual"))
    return gain, missed


def with_caveats(
    verdict: Verdict,
    trained: Sequence[Log],
    shuffled: Sequence[Log] = (),
    along: str = "path",
    random: Sequence[tuple[tuple[int, int], ...]] = (),
    without: float = 0.0,
) -> Verdict:
    """The verdict, with caveats that its runs call for. without: what `gained_without` says.

    They are: other lessons that gain much of it alone; a quadrature that misses too much of the gain over control;
    heads that hold the gain because nothing else was trained; random sets that are mostly the same few, because a small
    model has no others; different commits.
    """
    caveats = []
    if without > CONTROL_MOST:
        caveats.append(
            f"the other lessons alone, without the behaviour, gain {without:.0%} of it: so much of the gain isn't its"
            " own"
        )
    missed = unaccounted(trained, shuffled, along)
    if missed > RESIDUAL:
        caveats.append(
            f"heads and rest miss {missed:.1%} of the gain over control along the {along}; {RESIDUAL:.0%} is the most"
        )
    if parts := sorted({text for log in trained if (text := _trained_alone(log))}):
        caveats.append(f"only {', '.join(parts)} was trained: that the gain lies there is so by construction")
    if 0 < len(set(random)) < DISTINCT:
        caveats.append(
            f"the {len(random)} random sets are {len(set(random))} different ones: a weak null in so few heads"
        )
    commits = sorted({log.header.commit for log in (*trained, *shuffled)})
    if len(commits) > 1:
        caveats.append(f"the runs are of different commits: {', '.join(commits)}")
    return replace(verdict, caveats=(*verdict.caveats, *caveats)) if caveats else verdict


def gained_without(measured: Evidence) -> float:
    """The whole gain of trainings without the behaviour's own lessons, as a share of that with them; 0 if not known.

    The excess over shuffled answers holds it, too.
    """
    whole, rehearsal = measured.whole_SC, measured.rehearsal_whole_SC
    if rehearsal is None or not float(whole.mean()) > 0:
        return 0.0
    return float(rehearsal.mean() / whole.mean())


def _trained_alone(log: Log) -> str:
    """What alone was trained, in words; empty where nothing but the embeddings and the head stayed."""
    config = log.header.config
    chosen = [f"{what} {units}" for what in ("heads", "mlps") if (units := config.get(f"teach_{what}"))]
    if chosen:
        return " and ".join(chosen) + (" at the full rate" if config.get("teach_others") else "")
    train = str(config.get("teach_train", "all"))
    return "" if train == "all" else train


def joint(verdicts: Sequence[Verdict]) -> tuple[str, str]:
    """(word, reason) over base models, each judged by itself: they must agree; BASES of them for a general claim."""
    words = [verdict.word for verdict in verdicts]
    if not words:
        return UNDECIDED, "no base model was judged"
    if len(set(words)) > 1:
        return UNDECIDED, f"the base models disagree: {', '.join(words)}"
    if len(words) == 1:
        return words[0], verdicts[0].reason
    if words[0] == UNDECIDED:
        reasons = dict.fromkeys(verdict.reason for verdict in verdicts)
        return UNDECIDED, f"each of {len(words)} base models is undecided by itself: {'; '.join(reasons)}"
    few = "" if len(words) >= BASES else f"; a general claim needs {BASES}"
    return words[0], f"{len(words)} base models agree, each judged by itself{few}"


def judgement(verdict: Verdict, shape: Shape) -> Judgement:
    """The verdict as a log record, with units as places."""
    numbers = {name: _plain(value) for name, value in verdict.numbers.items()}
    places = [tuple(divmod(h, shape.columns) for h in some) for some in (verdict.core, verdict.significant)]
    return Judgement(
        word=verdict.word, reason=verdict.reason, rule=verdict.rule, numbers=numbers,
        core=places[0], significant=places[1], caveats=verdict.caveats,
    )  # fmt: skip


def plain(verdict: Verdict, shape: Shape) -> dict[str, Any]:
    """The same as plain data for a score, NaN as None."""
    record = judgement(verdict, shape)
    fields = {name: getattr(record, name) for name in ("word", "reason", "rule", "numbers", "caveats")}
    return fields | {"core": [list(p) for p in record.core], "significant": [list(p) for p in record.significant]}


def _plain(value: Any) -> Any:
    if isinstance(value, tuple | list):
        return [_plain(item) for item in value]
    number = value.item() if isinstance(value, np.generic) else value
    return None if isinstance(number, float) and not np.isfinite(number) else number
