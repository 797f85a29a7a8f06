"""A verdict's reason: numbers that are read on the side of a bound on which they lie."""

from dataclasses import replace

import pytest

from tests.training.verdict.test_verdict import FAST, evidence
from training.verdict.rule import HIERARCHICAL, LOCALIZED, UNDECIDED
from training.verdict.verdict import _caveats, _judge, _shape, agreement, decide


@pytest.mark.parametrize(
    ("low", "high", "text"),
    [(0.7496, 0.9, "core holds 0.7496 to 0.90"), (0.1, 0.6004, "core holds 0.10 to 0.6004")],
)
def test_shares_are_not_rounded_across_what_the_rule_asks(low, high, text):
    numbers = {"share_core": (0.5, low, high), "width": (0.1, 0.1496, 0.1504), "halo": 0.2496, "significant": 0.1}
    word, reason = _shape(numbers)
    assert word == UNDECIDED and text in reason
    assert "N_eff/H 0.1496 to 0.1504, 24.96% of the others" in reason


def test_gate_and_swaps_are_not_rounded_across_what_the_rule_asks():
    numbers = decide(evidence("one head"), 0, FAST).numbers
    for change, text in (
        ({"negative": 0.2504}, "hold 25.04% of the absolute sum; 25% is the most"),
        ({"control": -0.2504}, "destroy 25.04% of what true ones gain; 25% is the most"),
        ({"held_by_heads": (0.5, 0.1996, 0.8)}, "heads hold 50% (19.96% to 80%)"),
        ({"p_whole_shuffled": 0.0100004}, "p = 0.0100004"),
    ):
        assert text in _judge(numbers | change, None)[1]
    assert "gain 10.04% of what" in " ".join(_caveats(numbers | {"control": 0.1004}))
    causal = replace(evidence("one head").causal, core_insert=0.7962, both_insert=0.8996, core_remove=0.2496)
    assert "insert 0.796 (weights" in agreement(LOCALIZED, causal)[1]
    assert "remove 0.2496, with halo 0.8996" in agreement(HIERARCHICAL, causal)[1]
