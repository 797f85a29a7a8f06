"""Layers worked out together against a slow twin that takes one layer, row and head after the other."""

import math

import pytest
import torch
from hypothesis import example, given, settings
from hypothesis import strategies as st
from torch import Tensor

from perception import patterns
from perception.patterns import Layer, Patterns, Rows

HEADS, GROUPS, SIZE, TOKENS, KEYS = 4, 2, 3, 6, 9
ROWS = torch.tensor([[0, 5, 2], [4, -1, 3]])


def masks() -> dict[str, Tensor | None]:
    """What a model's attention may be given: nothing, an additive mask (for all heads, or for each), a bool one."""
    draws = torch.Generator().manual_seed(5)
    visible = torch.rand(2, 1, TOKENS, KEYS, generator=draws) < 0.6
    visible[..., 0] = True
    added = torch.zeros(visible.shape, dtype=torch.float64).masked_fill(~visible, torch.finfo(torch.float64).min)
    slopes = torch.randn(1, HEADS, TOKENS, KEYS, generator=draws, dtype=torch.float64)
    return {"none": None, "added": added, "by head": slopes, "bool": visible}


MASKS = masks()


def layer(number: int, mask: str, causal: bool, softcap: float | None, keys: int) -> Layer:
    draws = torch.Generator().manual_seed(number)
    q_BRHD = torch.randn(2, ROWS.shape[1], HEADS, SIZE, generator=draws, dtype=torch.float64)
    k_BGKD = torch.randn(2, keys, GROUPS, SIZE, generator=draws, dtype=torch.float64).transpose(1, 2)
    return Layer(number, q_BRHD, k_BGKD, MASKS[mask], causal and MASKS[mask] is None, softcap)


def slowly(one: Layer) -> tuple[Tensor, Tensor]:
    """Patterns and keys in sight, number by number."""
    keys = one.k_BGKD.shape[2]
    pattern_BHRK = torch.zeros(2, HEADS, ROWS.shape[1], keys, dtype=torch.float64)
    visible_BR = torch.zeros(ROWS.shape, dtype=torch.int64)
    for b, r in [(b, r) for b in range(2) for r in range(ROWS.shape[1]) if ROWS[b, r] >= 0]:
        seen = set()
        for h in range(HEADS):
            scores = []
            for k in range(keys):
                score = float(one.q_BRHD[b, r, h] @ one.k_BGKD[b, h // (HEADS // GROUPS), k])
                score = score if one.softcap is None else math.tanh(score / one.softcap) * one.softcap
                bias = 0.0
                if one.causal:
                    bias = 0.0 if k <= int(ROWS[b, r]) else -math.inf
                elif one.mask is not None:
                    at = one.mask.expand(2, HEADS, -1, -1)[b, h, int(ROWS[b, r]), k]
                    bias = float(at) if at.dtype != torch.bool else (0.0 if at else -math.inf)
                if bias > -1e4:
                    seen.add(k)
                scores.append(score + bias)
            pattern_BHRK[b, h, r] = torch.tensor(scores, dtype=torch.float64).softmax(0)
        visible_BR[b, r] = len(seen)
    return pattern_BHRK, visible_BR


kinds = st.tuples(
    st.sampled_from(sorted(MASKS)), st.booleans(), st.sampled_from((None, 2.0)), st.sampled_from((TOKENS, KEYS))
)


def alternating(first: tuple, other: tuple) -> list[tuple[tuple, int]]:
    return [(first, 1), (other, 1), (first, 2)]


@settings(max_examples=40, deadline=None)
@given(st.lists(st.tuples(kinds, st.integers(1, 3)), min_size=1, max_size=4), st.sampled_from((0, 400, 2**19)))
@example(alternating(("added", False, None, KEYS), ("none", False, None, KEYS)), 2**19)
@example(alternating(("none", True, None, KEYS), ("none", False, None, KEYS)), 2**19)
@example(alternating(("none", True, None, KEYS), ("none", True, 2.0, KEYS)), 2**19)
@example(alternating(("bool", False, None, KEYS), ("bool", False, None, TOKENS)), 2**19)
def test_layers_together_are_what_each_is_alone(runs: list[tuple[tuple, int]], at_once: int) -> None:
    layers = [layer(number, *kind) for number, kind in enumerate(kind for kind, times in runs for _ in range(times))]
    heard = Patterns(Rows(ROWS))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(patterns, "AT_ONCE", at_once)
        for one in layers:
            heard.add(one)
            assert sum(waiting.k_BGKD.numel() for waiting in heard._waiting) <= at_once
    by_layer, visible = heard.results()
    assert sorted(by_layer) == sorted(visible) == list(range(len(layers)))
    for one in layers:
        pattern_BHRK, visible_BR = slowly(one)
        torch.testing.assert_close(by_layer[one.number], pattern_BHRK, atol=1e-12, rtol=0)
        assert torch.equal(visible[one.number], visible_BR)


def test_layers_of_one_kind_are_worked_out_in_one_go(monkeypatch: pytest.MonkeyPatch) -> None:
    calls: list[int] = []
    scores = patterns._scores
    monkeypatch.setattr(patterns, "_scores", lambda q, k: calls.append(len(q)) or scores(q, k))
    heard = Patterns(Rows(ROWS))
    for number in range(5):
        heard.add(layer(number, "added" if number < 3 else "none", True, None, KEYS))
    heard.results()
    assert calls == [3 * 2, 2 * 2]  # layers times batch


def test_of_a_layer_taken_in_twice_the_last_counts() -> None:
    heard, again = Patterns(Rows(ROWS)), Patterns(Rows(ROWS))
    first, last = layer(0, "none", True, None, KEYS), layer(1, "none", True, None, KEYS)
    heard.add(first)
    heard.results()
    heard.add(Layer(0, last.q_BRHD, last.k_BGKD, None, True, None))
    again.add(last)
    assert torch.equal(heard.results()[0][0], again.results()[0][1])


def test_rows_of_one_context_are_those_of_many() -> None:
    x_BT = torch.arange(24.0).reshape(1, 6, 4)
    one, two = Rows(torch.tensor([[5, 0, -1]])), Rows(torch.tensor([[5, 0, -1], [1, 2, 3]]))
    assert torch.equal(one.of(x_BT)[0], two.of(x_BT.expand(2, -1, -1))[0])
