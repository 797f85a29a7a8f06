"""The pre-registered rule: is a trained behaviour localized, distributed or hierarchical over the heads, or undecided?

docs/measurement.md explains its steps, `training.verdict.rule` holds its constants. What is shared out is the gain in
usable information (loss change allocation on held-out probes, `training.heads.gain_allocation`), minus what a control
with shuffled answers was allotted. The units are heads and, where they were trained, each layer's MLP. "Not in the
heads" goes by the heads' part of the gain, all else by all units.

Shape suffixes: H units.
"""

from dataclasses import dataclass, field
from typing import Any

import numpy as np

from common.numbers import apart, percent_apart
from training.verdict import rule
from training.verdict.measured import Array, Causal, Evidence
from training.verdict.rule import RULE_VERSION
from training.verdict.shares import bootstrap, concentration, core_of, excess
from training.verdict.significance import benjamini_hochberg, permutation_p, welch_p


@dataclass(frozen=True)
class Verdict:
    """The word, why, and every number it rests on. share_*: T_K; width_*: N_eff / H; each (estimate, lower, upper).

    core: a tenth of each kind of units; significant: those surely above the control that hold at least `rule.COUNTS` of
    an even share.
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


def decide(evidence: Evidence, seed: int = 0, resamples: int = rule.RESAMPLES) -> Verdict:
    """Apply the rule. seed: of the bootstrap and the permutations alone."""
    sums = _Sums()
    e = np.mean(excess(evidence.trained_SCH, evidence.shuffled_SCH), 0)
    p_H = welch_p(evidence.trained_SCH.mean(1), evidence.shuffled_SCH.mean(1))
    significant = benjamini_hochberg(p_H, rule.DISCOVERY) & (e >= rule.COUNTS * e.sum() / len(e))
    core = core_of(e, evidence.is_head_H)
    outside = np.setdiff1d(np.arange(len(e)), core)
    share, width = concentration(evidence.trained_SCH, evidence.shuffled_SCH, evidence.is_head_H)
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
        "negative": float(np.abs(e[e < 0]).sum() / max(np.abs(e).sum(), 1e-30)),
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
    if bases < rule.BASES:
        few = "one network" if bases == 1 else f"{bases} networks"
        caveats.append(f"{few} pretrained from one seed each: the verdict concerns {few} only")
    if max(n["seeds"]) > rule.SEEDS_MOST * bases:
        caveats.append(f"more than {rule.SEEDS_MOST} seeds: whoever adds seeds until a word comes will find one")
    if n["gain"][0] > 0 and not abs(n["control"]) <= rule.CONTROL_MOST:
        does = "destroy" if n["control"] < 0 else "gain"
        caveats.append(
            f"shuffled answers {does} {percent_apart(abs(n['control']), rule.CONTROL_MOST)} of what true ones gain;"
            f" {rule.CONTROL_MOST:.0%} is usual"
        )
    return caveats


def _judge(n: dict[str, Any], causal: Causal | None) -> tuple[str, str]:
    """(word, reason) by the gate, the shape of the shares, and the agreement of the swaps, in this order."""
    barred = _gate(n)
    if barred is not None:
        return barred
    word, reason = _shape(n)
    if word == rule.UNDECIDED:
        return word, reason
    if causal is None:
        return rule.UNDECIDED, f"the shares look {word} ({reason}), but no causal swaps were measured"
    agrees, swap_text = agreement(word, causal)
    if not agrees:
        return rule.UNDECIDED, f"the shares look {word} ({reason}), but the swaps disagree: {swap_text}"
    return word, f"{reason}; {swap_text}"


def _gate(n: dict[str, Any]) -> tuple[str, str] | None:
    """Why no verdict may be given, if so."""
    if min(n["seeds"]) < rule.SEEDS:
        return (
            rule.UNDECIDED,
            f"too few seeds: {n['seeds']} trained, shuffled, rehearsal; {rule.SEEDS} of each are needed",
        )
    if not n["gain"][1] > 0:
        return rule.UNDECIDED, f"no gain on held-out probes: its interval starts at {n['gain'][1]:.3g}"
    for control in ("shuffled", "rehearsal"):
        if n.get(f"p_whole_{control}", 0.0) > rule.GATE_P:
            p = apart(n[f"p_whole_{control}"], rule.GATE_P, digits=3)
            return rule.UNDECIDED, f"the gain isn't above the {control} control's (p = {p})"
    if n["control"] < -rule.HARM:
        harm = f"shuffled answers destroy {percent_apart(-n['control'], rule.HARM)} of what true ones gain"
        harm = f"{harm}; {rule.HARM:.0%} is the most"
        return rule.UNDECIDED, f"{harm}: the excess over them is their harm"
    _, low, high = n["held_by_heads"]
    held, low_text, high_text = (percent_apart(share, rule.SPLITTABLE) for share in n["held_by_heads"])
    held_text = f"heads hold {held} ({low_text} to {high_text}) of the gain over control"
    if not low >= rule.SPLITTABLE:
        word = rule.NOT_IN_HEADS if high < rule.SPLITTABLE else rule.UNDECIDED
        return word, f"{held_text}; {rule.SPLITTABLE:.0%} is worth splitting"
    for control in ("shuffled", "rehearsal"):
        if n[f"p_{control}"] > rule.GATE_P:
            p = apart(n[f"p_{control}"], rule.GATE_P, digits=3)
            return rule.UNDECIDED, f"the heads' total isn't above the {control} control's (p = {p})"
    for name in ("share_core", "width"):
        estimate, low, high = n[name]
        if not (low <= 1 + rule.SLACK and high >= -rule.SLACK):  # NaN, where resamples had no share, too
            ends = [apart(end, -rule.SLACK, 1 + rule.SLACK) for end in (estimate, low, high)]
            return rule.UNDECIDED, f"{name} is {ends[0]}, interval {ends[1]} to {ends[2]}: no share between 0 and 1"
    if n["negative"] > rule.NEGATIVE:
        return (
            rule.UNDECIDED,
            f"negative heads hold {percent_apart(n['negative'], rule.NEGATIVE)} of the absolute sum;"
            f" {rule.NEGATIVE:.0%} is the most",
        )
    return None


def _shape(n: dict[str, Any]) -> tuple[str, str]:
    """The first pattern that the shares have. A core that surely holds half is a core, though both may fit."""
    (_, share_low, share_high), (_, width_low, width_high) = n["share_core"], n["width"]
    shares_text = (
        f"core holds {apart(share_low, rule.LOCAL_CORE, rule.TIER_CORE)} to {apart(share_high, rule.SPREAD_CORE)},"
        f" N_eff/H {apart(width_low, rule.SPREAD_WIDTH)} to {apart(width_high, rule.LOCAL_WIDTH, rule.TIER_WIDTH)},"
        f" {percent_apart(n['halo'], rule.HALO)} of the others significant"
    )
    if share_low >= rule.LOCAL_CORE and width_high <= rule.LOCAL_WIDTH and n["halo"] < rule.HALO:
        return rule.LOCALIZED, shares_text
    if share_low >= rule.TIER_CORE and width_high <= rule.TIER_WIDTH and n["halo"] >= rule.HALO:
        return rule.HIERARCHICAL, shares_text
    if share_high <= rule.SPREAD_CORE and width_low >= rule.SPREAD_WIDTH and n["significant"] >= rule.SPREAD_HEADS:
        return rule.DISTRIBUTED, shares_text
    return rule.UNDECIDED, f"{shares_text}: no pattern of the rule"


def agreement(word: str, causal: Causal) -> tuple[bool, str]:
    """(do the swaps say the same, in words)."""
    inserted, weighed = (apart(share, rule.WHOLE) for share in (causal.core_insert, causal.core_weights))
    both, both_weighed = (apart(share, rule.WITH_HALO) for share in (causal.both_insert, causal.both_weights))
    removed = apart(causal.core_remove, rule.WHOLE, rule.NEEDED, rule.SPARABLE)
    swap_text = (
        f"core insert {inserted} (weights {weighed}), remove {removed}, with halo {both} (weights {both_weighed})"
    )
    if word == rule.LOCALIZED:
        enough = min(causal.core_insert, causal.core_remove, causal.core_weights) >= rule.WHOLE
        return enough and causal.rare, swap_text
    whole = min(causal.both_insert, causal.both_weights) >= rule.WITH_HALO
    if word == rule.HIERARCHICAL:
        at_most = apart(causal.remove_95, causal.core_remove)
        needed = causal.core_remove >= max(rule.NEEDED, causal.remove_95)
        return whole and causal.rare and needed, f"{swap_text}, random sets removed {at_most} at most"
    return whole and causal.core_remove <= rule.SPARABLE, swap_text
