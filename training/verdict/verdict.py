"""The pre-registered rule: is a trained behaviour localized, distributed or hierarchical over the heads, or undecided?

The steps and constants are explained in docs/measurement.md. What is shared out is the gain in usable information (loss
change allocation on held-out probes, `training.heads.gain_allocation`), minus what a control with shuffled answers was
allotted. The rule is frozen: a changed constant is a new RULE_VERSION, and all verdicts are redone.

Rule 4 differs from rule 3 in what it shares out and among whom. The loss is measured on beliefs whose base rate and
confidence are fitted away (`training.heads.usable_information`): a control learns how often each answer comes, and that
was worth more than all else. The units are heads and, where they were trained, each layer's MLP. "Not in the heads"
goes by the heads' part of the gain, all else by all units.

Calibration changed this before the freeze (docs/LOG.md). A share is out of bounds only if its whole interval lies
outside [0, 1] by more than SLACK: where one head holds everything, the noise of the others makes its share 1 +- a
little. Random sets are drawn among the heads outside the core: of six random heads of 64, one time in eleven one is the
only head that counts. Under `localized`, random sets judge insert alone: in a serial circuit a random set that holds
one link removes as much as the core. The whole gain has to exceed the controls first, and the heads' total only after
"not in the heads": a gain that the MLPs bring leaves the heads' total where the controls' is.

Removal tells a distributed change from a hierarchical one. Heads that all train at one rate don't share alike: a tenth
of them holds 0.4 of the gain and inserts 0.8 of it, but the others do without it.

A review changed this. Swaps are shares of the gain over the shuffled control (`causal.excess`), as the allocations are.
Insert counts by outputs and by weights, because late heads inherit. A hierarchical core has to insert more than random
sets do. Nothing is decided on numbers that are not finite, or on a held share whose interval lies on both sides of
SPLITTABLE.

Shape suffixes: S seeds, C chunks of probes (even ones are half A, odd ones half B), H units (layer * columns + column:
the layer's heads first, then its MLP if MLPs were trained).
"""
# long because: the rule, its constants and its evidence stand in one place, where they are frozen together

from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from training.verdict.significance import benjamini_hochberg, permutation_p, welch_p

Array = NDArray[np.float64]

RULE_VERSION = 4
CORE = 0.1  # K = round(CORE * H) units are the core
SEEDS = 8  # trained, and in each control, at least
SEEDS_MOST = 24  # and at most: the number is chosen before the runs, by power
BASES = 3  # base models (pretraining seeds); with fewer, the verdict concerns these networks alone
RESAMPLES = 2000  # bootstrap
INTERVAL = (2.5, 97.5)  # percentiles
GATE_P = 0.01  # the whole gain, and the heads' total, exceed the controls'
SPLITTABLE = 0.2  # share of the whole gain that heads must hold
SLACK = 0.1  # beyond [0, 1]: no share of anything
NEGATIVE = 0.25  # share of the absolute sum that negative heads may hold
DISCOVERY = 0.05  # Benjamini-Hochberg
LOCAL_CORE, LOCAL_WIDTH = 0.75, 0.15  # T_K lower, N_eff/H upper
SPREAD_CORE, SPREAD_WIDTH, SPREAD_HEADS = 0.5, 0.2, 0.5  # T_K upper, N_eff/H lower, share of heads significant
TIER_CORE, TIER_WIDTH = 0.5, 0.5  # T_K lower, N_eff/H upper
HALO = 0.25  # f: from here on there is a halo (hierarchical), below it there is none (localized)
CONTROL_MOST = 0.1  # of the gain: a shuffled control that gains more is said
RANDOM_SETS = 200  # of equal size and layers
WHOLE, WITH_HALO = 0.8, 0.9  # of the gain: what a core alone brings and costs; what it brings with its halo
SPARED = 0.5  # of the gain: a core that costs no more can be spared, one that costs more can't

LOCALIZED, DISTRIBUTED, HIERARCHICAL, UNDECIDED = "localized", "distributed", "hierarchical", "undecided"
NOT_IN_HEADS = "not in the heads"


@dataclass(frozen=True)
class Causal:
    """Swaps between a model before (0) and after (1), over seeds, as shares of the gain over the shuffled control.

    insert: M0 with the set's outputs from M1; remove: M1 with the set's from M0; weights: insert of the set's weights.
    core: the top K units; both: with the halo, the significant units outside it; random_*: one number per random set of
    the core's size and layers, drawn outside the core (random_remove is shown, not judged). Raises ValueError for
    numbers that are not finite.
    """

    core_insert: float
    core_remove: float
    both_insert: float
    random_insert: tuple[float, ...]
    random_remove: tuple[float, ...]
    core_weights: float
    both_weights: float

    def __post_init__(self) -> None:
        for name, value in vars(self).items():
            if not np.isfinite(value).all():
                raise ValueError(f"verdict: causal {name} is not finite")

    @property
    def rare(self) -> bool:
        """Whether the core inserts more than nothing, and more than 95 % of enough random sets do."""
        drawn = self.random_insert
        return len(drawn) >= RANDOM_SETS and bool(self.core_insert > max(0.0, np.percentile(drawn, 95)))


@dataclass(frozen=True)
class Evidence:
    """What a verdict rests on. Allocations in nats of held-out loss, all from one base model or pooled over several.

    trained_SCH, shuffled_SCH, rehearsal_SCH: per seed, chunk and unit; whole_SC, shuffled_whole_SC: the whole fall in
    loss, of rehearsal as well if it was measured. All arrays float64, the chunks the same probes everywhere. Raises
    ValueError for shapes that don't agree and for numbers that are not finite.

    heads, columns: how many heads a layer has, and how many units; 0 where every unit is a head. paired: seed s of the
    shuffled control drew the scenes of trained seed s, so that resamples keep the two together.
    """

    trained_SCH: Array
    shuffled_SCH: Array
    rehearsal_SCH: Array
    whole_SC: Array
    shuffled_whole_SC: Array
    causal: Causal | None = None
    bases: int = 1
    rehearsal_whole_SC: Array | None = None
    paired: bool = False
    heads: int = 0
    columns: int = 0

    @property
    def is_head_H(self) -> NDArray[np.bool_]:
        """Which units are heads; the others are MLPs."""
        units = np.arange(self.trained_SCH.shape[2])
        return units % self.columns < self.heads if self.columns else units >= 0

    def __post_init__(self) -> None:
        for name, value in vars(self).items():
            if isinstance(value, np.ndarray) and not np.isfinite(value).all():
                raise ValueError(f"verdict: {name} holds numbers that are not finite; measure those runs again")
        chunks, heads = self.trained_SCH.shape[1:]
        for name in ("shuffled_SCH", "rehearsal_SCH"):
            if getattr(self, name).shape[1:] != (chunks, heads):
                raise ValueError(f"verdict: {name} is {getattr(self, name).shape}, expected (seeds, {chunks}, {heads})")
        wholes = {
            "whole_SC": self.trained_SCH,
            "shuffled_whole_SC": self.shuffled_SCH,
            "rehearsal_whole_SC": self.rehearsal_SCH,
        }
        for name, arm in wholes.items():
            whole = getattr(self, name)
            if whole is not None and whole.shape != arm.shape[:2]:
                raise ValueError(f"verdict: {name} is {whole.shape}, expected {arm.shape[:2]}")
        if self.paired and len(self.trained_SCH) != len(self.shuffled_SCH):
            raise ValueError("verdict: arms of different sizes can't be paired, seed by seed")
        if self.columns and (heads % self.columns or not 0 < self.heads <= self.columns):
            raise ValueError(f"verdict: {heads} units are no rows of {self.columns} with {self.heads} heads each")
        if chunks < 2:
            raise ValueError("verdict: probes in one chunk can't be split in halves; give two chunks at least")


@dataclass(frozen=True)
class Verdict:
    """The word, why, and every number it rests on. share_*: T_K; width_*: N_eff / H; each (estimate, lower, upper).

    core, significant: numbers of units.
    """

    word: str
    reason: str
    numbers: dict[str, Any]
    core: tuple[int, ...]
    significant: tuple[int, ...]
    caveats: tuple[str, ...] = ()
    rule: int = RULE_VERSION


@dataclass
class _Sums:
    """The numbers and caveats so far."""

    numbers: dict[str, Any] = field(default_factory=dict)
    caveats: list[str] = field(default_factory=list)


def core_size(units: int) -> int:
    """K, one unit at least."""
    return max(1, round(CORE * units))


def excess(trained_SCH: Array, shuffled_SCH: Array) -> tuple[Array, Array]:
    """e_h on the halves A and B of the probes: mean over seeds and chunks, minus the control's; (H,) each."""
    a, b = (trained_SCH[:, half::2].mean((0, 1)) - shuffled_SCH[:, half::2].mean((0, 1)) for half in (0, 1))
    return a, b


def concentration(a_H: Array, b_H: Array) -> tuple[float, float]:
    """(T_K, N_eff / H), cross-fitted: the core is chosen on one half of the probes and weighed on the other.

    T_K is NaN where a half's total isn't above 0; N_eff = (Σe^A)(Σe^B) / Σ e^A e^B, NaN where that sum isn't.
    """
    size = core_size(len(a_H))
    shares = []
    for chosen_by, weighed in ((a_H, b_H), (b_H, a_H)):
        total = weighed.sum()
        core = np.argsort(-chosen_by, kind="stable")[:size]
        shares.append(weighed[core].sum() / total if total > 0 else np.nan)
    product = float((a_H * b_H).sum())
    width = a_H.sum() * b_H.sum() / product / len(a_H) if product > 0 else np.nan
    return float(np.mean(shares)), float(width)


def bootstrap(evidence: Evidence, seed: int = 0, resamples: int = RESAMPLES) -> dict[str, tuple[float, float]]:
    """95 % intervals of T_K, N_eff / H, the gain and the heads' share of it, over seeds and chunks (within halves).

    Arms that drew the same scenes, seed by seed, are resampled together (`Evidence.paired`).
    """
    rng = np.random.default_rng([seed, 0x5EED])
    trained, shuffled, is_head_H = evidence.trained_SCH, evidence.shuffled_SCH, evidence.is_head_H
    drawn: dict[str, list[float]] = {"share": [], "width": [], "gain": [], "held": []}
    chunks = trained.shape[1]
    for _ in range(resamples):
        i, j = rng.integers(0, len(trained), len(trained)), rng.integers(0, len(shuffled), len(shuffled))
        j = i if evidence.paired else j
        c = np.empty(chunks, np.int64)
        for half in (0, 1):
            here = np.arange(half, chunks, 2)
            c[half::2] = rng.choice(here, len(here))
        a, b = excess(trained[i][:, c], shuffled[j][:, c])
        share, width = concentration(a, b)
        whole = evidence.whole_SC[i][:, c].mean() - evidence.shuffled_whole_SC[j][:, c].mean()
        drawn["share"].append(share)
        drawn["width"].append(width)
        drawn["gain"].append(float(evidence.whole_SC[i][:, c].mean()))
        drawn["held"].append((a + b)[is_head_H].sum() / 2 / whole if whole > 0 else np.nan)
    return {name: _interval(np.array(values)) for name, values in drawn.items()}


def _interval(values: Array) -> tuple[float, float]:
    """Percentiles; NaN in more than the tail's share of resamples leaves no bound (nan, nan)."""
    if np.isnan(values).mean() > 1 - INTERVAL[1] / 100:
        return (np.nan, np.nan)
    low, high = np.nanpercentile(values, INTERVAL)
    return float(low), float(high)


def decide(evidence: Evidence, seed: int = 0, resamples: int = RESAMPLES) -> Verdict:
    """Apply the rule. seed: of the bootstrap and the permutations alone."""
    sums = _Sums()
    a, b = excess(evidence.trained_SCH, evidence.shuffled_SCH)
    e = (a + b) / 2
    p_H = welch_p(evidence.trained_SCH.mean(1), evidence.shuffled_SCH.mean(1))
    significant = benjamini_hochberg(p_H, DISCOVERY)
    core = np.argsort(-e, kind="stable")[: core_size(len(e))]
    outside = np.setdiff1d(np.arange(len(e)), core)
    share, width = concentration(a, b)
    bounds = bootstrap(evidence, seed, resamples)
    gain = float(evidence.whole_SC.mean())
    whole = gain - float(evidence.shuffled_whole_SC.mean())
    sums.numbers |= {
        "gain": (gain, *bounds["gain"]),
        "gain_over_control": whole,
        "control": float(evidence.shuffled_whole_SC.mean()) / gain if gain > 0 else np.nan,
        "held_by_heads": (float(e[evidence.is_head_H].sum()) / whole if whole > 0 else np.nan, *bounds["held"]),
        "share_core": (share, *bounds["share"]),
        "width": (width, *bounds["width"]),
        "negative": float(-e[e < 0].sum() / max(np.abs(e).sum(), 1e-30)),
        "significant": float(significant.mean()),
        "halo": float(significant[outside].mean()) if len(outside) else 0.0,
        "seeds": tuple(len(x) for x in (evidence.trained_SCH, evidence.shuffled_SCH, evidence.rehearsal_SCH)),
        "bases": evidence.bases,
    }
    for name, control in (("shuffled", evidence.shuffled_SCH), ("rehearsal", evidence.rehearsal_SCH)):
        trained_S, control_S = (
            arm_SCH[:, :, evidence.is_head_H].sum(2).mean(1) for arm_SCH in (evidence.trained_SCH, control)
        )
        sums.numbers[f"p_{name}"] = permutation_p(trained_S, control_S, seed)
        whole_SC: Array | None = getattr(evidence, f"{name}_whole_SC")
        if whole_SC is not None:
            sums.numbers[f"p_whole_{name}"] = permutation_p(evidence.whole_SC.mean(1), whole_SC.mean(1), seed)
    sums.caveats += _caveats(sums.numbers)
    word, reason = _judge(sums.numbers, evidence.causal)
    chosen = tuple(int(h) for h in core), tuple(int(h) for h in np.flatnonzero(significant))
    return Verdict(word, reason, sums.numbers, *chosen, tuple(sums.caveats))


def _caveats(n: dict[str, Any]) -> list[str]:
    """What has to be said beside the word, whatever it is."""
    caveats, bases = [], n["bases"]
    if bases < BASES:
        few = "one network" if bases == 1 else f"{bases} networks"
        caveats.append(f"{few} pretrained from one seed each: the verdict concerns {few} only")
    if max(n["seeds"]) > SEEDS_MOST * bases:
        caveats.append(f"more than {SEEDS_MOST} seeds: whoever adds seeds until a word comes will find one")
    if n["gain"][0] > 0 and not n["control"] <= CONTROL_MOST:
        caveats.append(f"shuffled answers gain {n['control']:.0%} of what true ones do; {CONTROL_MOST:.0%} is usual")
    return caveats


def _judge(n: dict[str, Any], causal: Causal | None) -> tuple[str, str]:
    """(word, reason) by the gate, the shape of the shares, and the agreement of the swaps, in this order."""
    barred = _gate(n)
    if barred is not None:
        return barred
    word, reason = _shape(n)
    if word == UNDECIDED:
        return word, reason
    if causal is None:
        return UNDECIDED, f"the shares look {word} ({reason}), but no causal swaps were measured"
    agrees, swap_text = agreement(word, causal)
    if not agrees:
        return UNDECIDED, f"the shares look {word} ({reason}), but the swaps disagree: {swap_text}"
    return word, f"{reason}; {swap_text}"


def _gate(n: dict[str, Any]) -> tuple[str, str] | None:
    """Why no verdict may be given, if so."""
    if min(n["seeds"]) < SEEDS:
        return UNDECIDED, f"too few seeds: {n['seeds']} trained, shuffled, rehearsal; {SEEDS} of each are needed"
    if not n["gain"][1] > 0:
        return UNDECIDED, f"no gain on held-out probes: its interval starts at {n['gain'][1]:.3g}"
    for control in ("shuffled", "rehearsal"):
        if n.get(f"p_whole_{control}", 0.0) > GATE_P:
            return UNDECIDED, f"the gain isn't above the {control} control's (p = {n[f'p_whole_{control}']:.3g})"
    held, low, high = n["held_by_heads"]
    held_text = f"heads hold {held:.0%} ({low:.0%} to {high:.0%}) of the gain over control"
    if not low >= SPLITTABLE:
        word = NOT_IN_HEADS if high < SPLITTABLE else UNDECIDED
        return word, f"{held_text}; {SPLITTABLE:.0%} is worth splitting"
    for control in ("shuffled", "rehearsal"):
        if n[f"p_{control}"] > GATE_P:
            return UNDECIDED, f"the heads' total isn't above the {control} control's (p = {n[f'p_{control}']:.3g})"
    for name in ("share_core", "width"):
        estimate, low, high = n[name]
        if not (low <= 1 + SLACK and high >= -SLACK):  # NaN, where resamples had no share, too
            return UNDECIDED, f"{name} is {estimate:.3g}, interval {low:.3g} to {high:.3g}: no share between 0 and 1"
    if n["negative"] > NEGATIVE:
        return UNDECIDED, f"negative heads hold {n['negative']:.0%} of the absolute sum; {NEGATIVE:.0%} is the most"
    return None


def _shape(n: dict[str, Any]) -> tuple[str, str]:
    (_, share_low, share_high), (_, width_low, width_high) = n["share_core"], n["width"]
    shares_text = (
        f"core holds {share_low:.2f} to {share_high:.2f}, N_eff/H {width_low:.2f} to {width_high:.2f}, "
        f"{n['halo']:.0%} of the others significant"
    )
    if share_low >= LOCAL_CORE and width_high <= LOCAL_WIDTH and n["halo"] < HALO:
        return LOCALIZED, shares_text
    if share_high <= SPREAD_CORE and width_low >= SPREAD_WIDTH and n["significant"] >= SPREAD_HEADS:
        return DISTRIBUTED, shares_text
    if share_low >= TIER_CORE and width_high <= TIER_WIDTH and n["halo"] >= HALO:
        return HIERARCHICAL, shares_text
    return UNDECIDED, f"{shares_text}: no pattern of the rule"


def agreement(word: str, causal: Causal) -> tuple[bool, str]:
    """(do the swaps say the same, in words)."""
    swap_text = (
        f"core insert {causal.core_insert:.2f} (weights {causal.core_weights:.2f}), remove {causal.core_remove:.2f},"
        f" with halo {causal.both_insert:.2f} (weights {causal.both_weights:.2f})"
    )
    if word == LOCALIZED:
        enough = min(causal.core_insert, causal.core_remove, causal.core_weights) >= WHOLE
        return enough and causal.rare, swap_text
    if word == HIERARCHICAL:
        whole = min(causal.both_insert, causal.both_weights) >= WITH_HALO
        return whole and causal.rare and causal.core_remove >= SPARED, swap_text
    return causal.core_remove <= SPARED, swap_text
