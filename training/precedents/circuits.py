"""How good a circuit is: faithfulness, completeness, minimality, random circuits, the curve over sizes.

faithfulness: 1 - |F(M) - F(C)| / |F(M)|.
completeness: 1 - the largest |F(C without K) - F(M without K)| / |F(M)| over sets K of its heads: random sets,
classes, and sets grown greedily.
minimality of a head v: the largest |F(C without K and v) - F(C without K)| / |F(M)| over sets K of other heads of the
circuit: none, the rest of its class, each other class.
The published figures are of these formulae (Wang 2022, arXiv 2211.00593).

The curve's share is f(C) = (F(C) - F(0)) / (F(M) - F(0)), with areas as in `training.heads.set_curve` (MIB).
"""

from collections import Counter
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from random import Random
from typing import Any

import numpy as np

from training.heads.set_curve import area, doubling, limits
from training.precedents.ablation import Ablation
from training.precedents.path_patching import Head

RANDOM_SETS = 10  # K drawn at random
STARTS, STEPS = 3, 10  # greedy searches for the worst K, heads of each at most
BESIDE = 20  # random circuits at each size of the curve
RESAMPLES = 1000
Report = Callable[[str, int, int], None]
Classes = Mapping[str, Sequence[Head]]


def mean(ablation: Ablation, heads: Iterable[Head]) -> float:
    """F(C)."""
    return float(ablation.only(heads).mean())


def faithfulness(ablation: Ablation, heads: Iterable[Head]) -> float:
    """1 where the circuit does what the network does; below 0 where it is off by more than all of F(M)."""
    return 1 - abs(ablation.whole - mean(ablation, heads)) / abs(ablation.whole)


def gap(ablation: Ablation, circuit: Collection[Head], removed: Iterable[Head]) -> float:
    """|F(C without K) - F(M without K)| / |F(M)|."""
    some = set(removed)
    kept = float(ablation.only(set(circuit) - some).mean())
    return abs(kept - float(ablation.without(some).mean())) / abs(ablation.whole)


def completeness(
    ablation: Ablation, circuit: Sequence[Head], classes: Classes, seed: int, report: Report
) -> dict[str, Any]:
    """{score, random, classes, greedy: gaps, greedy_heads}."""
    rng = Random(f"{seed}/circuit/completeness")
    random = []
    for number in range(RANDOM_SETS):
        report("completeness", number, RANDOM_SETS + STARTS * STEPS)
        random.append(gap(ablation, circuit, [head for head in circuit if rng.random() < 0.5]))
    by_class = {name: gap(ablation, circuit, heads) for name, heads in classes.items()}
    worst, worst_heads = gap(ablation, circuit, ()), list[Head]()
    for start in range(STARTS):
        chosen: list[Head] = []
        for step in range(min(STEPS, len(circuit) - 1)):
            report("completeness", RANDOM_SETS + start * STEPS + step, RANDOM_SETS + STARTS * STEPS)
            ablation.near(set(circuit) - set(chosen))
            left = [head for head in circuit if head not in chosen]
            tried = left if start == 0 else rng.sample(left, min(len(left), STEPS))
            best = max(tried, key=lambda head: gap(ablation, circuit, [*chosen, head]))
            chosen.append(best)
            if (here := gap(ablation, circuit, chosen)) > worst:
                worst, worst_heads = here, list(chosen)
    score = 1 - max(worst, *random, *by_class.values())
    return {"score": score, "random": random, "classes": by_class, "greedy": worst, "greedy_heads": worst_heads}


def minimality(ablation: Ablation, circuit: Sequence[Head], classes: Classes) -> dict[Head, float]:
    """Each head's share, as the largest over K (see the module)."""
    shares = dict.fromkeys(circuit, 0.0)
    for some in ([], *classes.values()):
        kept = set(circuit) - set(some)
        ablation.near(kept)
        for head in circuit:  # one of the set itself goes behind all others of it
            change = abs(mean(ablation, kept | {head}) - mean(ablation, kept - {head})) / abs(ablation.whole)
            shares[head] = max(shares[head], change)
    return shares


def random_circuits(
    ablation: Ablation, size: int, count: int, seed: int, report: Report, like: Sequence[Head] = ()
) -> list[float]:
    """Faithfulness of random circuits of this size. like: a circuit whose number of heads in each layer they share."""
    scores = []
    for number in range(count):
        report("random circuits", number, count)
        scores.append(faithfulness(ablation, random_circuit(ablation, size, seed, number, like)))
    return scores


def random_circuit(ablation: Ablation, size: int, seed: int, number: int, like: Sequence[Head] = ()) -> list[Head]:
    """The heads of one of them."""
    rng = Random(f"{seed}/circuit/{'matched' if like else 'random'}/{size}/{number}")
    if not like:
        return rng.sample(ablation.every, size)
    heads: list[Head] = []
    for layer, count in sorted(Counter(layer for layer, _ in like).items()):
        heads += rng.sample([head for head in ablation.every if head[0] == layer], count)
    return heads


def curve(ablation: Ablation, order: Sequence[Head], seed: int, report: Report) -> dict[str, Any]:
    """The share f of the first 1, 2, 4 ... heads of `order`, with intervals over prompts and random circuits beside.

    {sizes, shares: [f, low, high], random: [low, middle, high] (5 %, 50 %, 95 %), cpr, cmd: [area, low, high]}.
    """
    sizes = doubling(len(order))
    value_SB = np.stack([ablation.only(order[:size]).cpu().numpy() for size in sizes])
    whole_B, empty_B = ablation.without(()).cpu().numpy(), ablation.only(()).cpu().numpy()
    rng = np.random.default_rng([seed, 0xC1_2C])
    weights_RB = rng.multinomial(len(whole_B), np.full(len(whole_B), 1 / len(whole_B)), RESAMPLES) / len(whole_B)
    share_S = (value_SB - empty_B).mean(1) / (whole_B - empty_B).mean()
    share_RS = (weights_RB @ (value_SB - empty_B).T) / (weights_RB @ (whole_B - empty_B))[:, None]
    bands = []
    for step, size in enumerate(sizes):
        report("curve", step, len(sizes))
        drawn = [Random(f"{seed}/circuit/curve/{size}/{n}").sample(ablation.every, size) for n in range(BESIDE)]
        some = drawn if size < len(ablation.every) else drawn[:1]
        shares = [(mean(ablation, heads) - ablation.empty) / (ablation.whole - ablation.empty) for heads in some]
        bands.append([float(p) for p in np.percentile(shares, (5, 50, 95))])
    fractions = [size / len(order) for size in sizes]
    areas = {
        name: [area(fractions, share_S, missed), *limits(np.array([area(fractions, f, missed) for f in share_RS]))]
        for name, missed in (("cpr", False), ("cmd", True))
    }
    points = [[float(f), *limits(f_R)] for f, f_R in zip(share_S, share_RS.T, strict=True)]
    return {"sizes": sizes, "shares": points, "random": bands, **areas}
