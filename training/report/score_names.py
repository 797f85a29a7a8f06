"""What the numbers of a score.json are called, with their unit: path of keys -> words for people."""

import re

# Patterns of whole paths, keys joined by ": "; what is captured goes into the words.
_NAMES = (
    (r"model hash", "weights before (hash)"),
    (r"causal: core insert", "core inserted, share of the gain over control"),
    (r"causal: core remove", "core removed, share of the gain over control"),
    (r"causal: both insert", "core and halo inserted, share of the gain over control"),
    (r"causal: core weights", "core's weights inserted, share of the gain over control"),
    (r"causal: both weights", "core's and halo's weights inserted, share of the gain over control"),
    (r"causal: random (insert|remove)", "random sets, {0}, share of the gain over control"),
    (r"causal: random (insert|remove) 95", "random sets, {0}, 95th percentile"),
    (r"residual: (.+)", "what heads and rest miss, share of the gain, worst run: {0}"),
    (r"unaccounted", "what heads and rest miss, share of the gain over control"),
    (r"analyses: depth: centre", "depth: mean layer of the gain, from 0 (95 %)"),
    (r"analyses: depth: by layer: (\d+)", "share of the gain in layer {0} (95 %)"),
    (r"analyses: roles: (supporting|competing)(?:: (\d+))?", "{0} heads: layer; head; how much they are needed (95 %)"),
    (r"analyses: rank: stable: (\w+)", "stable rank of the change of W_{0} (95 %)"),
    (r"analyses: matrices: gain: (\w+): (all|core): (\w)", "{0}: gain by W_{2}, {1} heads, nats (95 %)"),
    (r"analyses: matrices: gradient: (\w+): (all|core): (\w)", "{0}: gradient in W_{2}, {1} heads, share (95 %)"),
    (r"analyses: rank: kept: (\d+)", "gain kept by the first {0} singular values of attention, share (95 %)"),
    (r"random", "random sets of the core’s size and layers"),
    (r"above", "part of the random sets that the core lies above"),
    (r"layer (\d+)", "layer {0}, share"),
)  # fmt: skip
NAMES = tuple((re.compile(pattern), words) for pattern, words in _NAMES)
ENDS = {  # of a path: what its last key is
    "gain_effective": "gain: heads that count, N_eff/H", "gain_top_tenth": "gain: share of the top tenth of heads",
    "gain": "gain, nats (along the path, no control subtracted)", "held": "gain: the heads’ part",
    "gain_centre": "gain: mean layer", "weight_effective": "weights: heads that count, N_eff/H",
    "weight_top_tenth": "weights: share of the top tenth of heads", "weight_change": "weights: ‖ΔW‖/‖W‖",
}  # fmt: skip


def row_name(path: str) -> str:
    """A row's title: its words if its path is known, else the path itself, spaced."""
    spaced = path.replace("_", " ")
    for pattern, words in NAMES:
        if (known := pattern.fullmatch(spaced)) is not None:
            return words.format(*(part or "" for part in known.groups()))
    before, _, name = path.rpartition(": ")
    title = ENDS.get(name, name.replace("_", " "))
    return f"{before.replace('_', ' ')}: {title}" if before else title
