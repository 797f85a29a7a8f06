"""Usable information: no base rate and no confidence counts; fit, gradient and shares agree with their meaning."""

import copy
from itertools import product

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch.nn.functional import cross_entropy

from training.heads.usable_information import (
    FREE,
    NEVER,
    RIDGE_BIAS,
    RIDGE_SCALE,
    Beliefs,
    Calibration,
    calibrate,
    prior_entropy,
    worth,
)


def beliefs(seed: int, count: int = 120, candidates: int = 4, kinds: int = 2, use: float = 1.5) -> Beliefs:
    """Random beliefs of some use: the right candidate is a little more likely."""
    generator = torch.Generator().manual_seed(seed)
    answer_N = torch.randint(candidates, (count,), generator=generator)
    z_NC = torch.randn(count, candidates, generator=generator, dtype=torch.float64)
    z_NC[torch.arange(count), answer_N] += use
    return Beliefs(z_NC.log_softmax(-1), answer_N, torch.randint(kinds, (count,), generator=generator), kinds)


def halves(some: Beliefs) -> torch.Tensor:
    return torch.arange(len(some.answer_N)) % 4 < 2


def as_lbfgs_fits(some: Beliefs, start: float = 1.0) -> Calibration:
    """The fit by torch's optimizer, which shares nothing with ours. start: the scale that it begins with."""
    bias_KC = torch.zeros(some.kinds, some.z_NC.shape[1], dtype=torch.float64, requires_grad=True)
    log_scale = torch.tensor(start, dtype=torch.float64).log().requires_grad_()
    options = {"max_iter": 500, "max_eval": 2000, "tolerance_grad": 1e-13, "tolerance_change": 1e-18}
    optimizer = torch.optim.LBFGS([bias_KC, log_scale], line_search_fn="strong_wolfe", **options)

    def closure() -> torch.Tensor:
        optimizer.zero_grad()
        scores_NC = torch.where(some.z_NC > NEVER, some.z_NC * log_scale.exp() + bias_KC[some.kind_N], NEVER)
        ridge = RIDGE_BIAS * bias_KC.square().sum() + RIDGE_SCALE * log_scale.square()
        loss = cross_entropy(scores_NC, some.answer_N) + ridge
        loss.backward()
        return loss

    for _ in range(5):
        optimizer.step(closure)
    return Calibration(bias_KC.detach(), log_scale.detach())


@pytest.mark.parametrize("use", [-1.0, 0.0, 1.5, 6.0])
def test_the_fit_is_that_of_another_optimizer(use: float) -> None:
    some = beliefs(7, use=use)
    ours, theirs = (float(fit.loss(some)) for fit in (calibrate(some), as_lbfgs_fits(some)))
    assert ours == pytest.approx(theirs, abs=1e-10)


@pytest.mark.parametrize("flatness", [0.002, 0.003, 0.004, 0.005, 0.007, 0.03])
@pytest.mark.parametrize("use", [1.5, 6.0])
def test_flat_beliefs_are_scaled_up_as_far_as_that_pays(use: float, flatness: float) -> None:
    """The ridge on the scale bends both ways, so that there may be two valleys; the lower one counts."""
    plain = beliefs(0, candidates=5, use=use)
    flat = Beliefs((plain.z_NC * flatness).log_softmax(-1), plain.answer_N, plain.kind_N, 2)
    lowest = min(float(as_lbfgs_fits(flat, start).loss(flat)) for start in (1.0, 10.0, 0.3 / flatness, 1 / flatness))
    assert float(calibrate(flat).loss(flat)) <= lowest + 1e-6


@settings(max_examples=25)
@given(seed=st.integers(0, 20), scale=st.floats(0.5, 2), offsets=st.lists(st.floats(-4, 4), min_size=8, max_size=8))
def test_no_offset_of_an_answer_and_no_scale_changes_it(seed: int, scale: float, offsets: list[float]) -> None:
    plain = beliefs(seed)
    offset_KC = torch.tensor(offsets, dtype=torch.float64).reshape(2, 4)
    z_NC = (plain.z_NC * scale + offset_KC[plain.kind_N]).log_softmax(-1)
    moved = Beliefs(z_NC, plain.answer_N, plain.kind_N, 2)
    assert worth(moved, halves(plain)).usable == pytest.approx(worth(plain, halves(plain)).usable, abs=0.01)


def test_a_constant_model_tells_nothing_and_a_perfect_one_everything() -> None:
    plain = beliefs(1)
    same = torch.tensor([0.7, 0.1, 0.1, 0.1], dtype=torch.float64).log().expand(len(plain.answer_N), -1)
    constant = worth(Beliefs(same, plain.answer_N, plain.kind_N, 2), halves(plain))
    assert constant.share == pytest.approx(0, abs=0.01)
    assert constant.crossed >= constant.calibrated
    sure = torch.full_like(plain.z_NC, -9.0)
    sure[torch.arange(len(sure)), plain.answer_N] = 0
    perfect = worth(Beliefs(sure.log_softmax(-1), plain.answer_N, plain.kind_N, 2), halves(plain))
    assert perfect.share > 0.99
    assert perfect.crossed < 0.05
    assert perfect.entropy == pytest.approx(prior_entropy(plain))
    assert 1.2 < perfect.entropy < 1.4


def test_knowing_how_often_answers_come_is_worth_nats_but_no_information() -> None:
    answer_N = (torch.arange(200) % 10 == 0).long()
    blind, prior = (
        torch.tensor([often, 1 - often], dtype=torch.float64).log().expand(200, -1) for often in (0.999, 0.9)
    )
    before, after = (
        worth(Beliefs(z, answer_N, torch.zeros(200).long(), 1), torch.arange(200) % 4 < 2) for z in (blind, prior)
    )
    assert before.plain - after.plain > 0.3
    assert after.usable - before.usable == pytest.approx(0, abs=0.01)


def test_a_half_is_scored_with_the_other_halfs_fit() -> None:
    plain, half_N = beliefs(2, kinds=1), torch.arange(120) < 50
    parts = [(plain.at(half_N), plain.at(~half_N)), (plain.at(~half_N), plain.at(half_N))]
    by_hand = sum(
        float(cross_entropy(calibrate(fitted).scores(scored), scored.answer_N, reduction="sum"))
        for fitted, scored in parts
    )
    assert worth(plain, half_N).crossed == pytest.approx(by_hand / 120, abs=1e-12)
    assert worth(plain, half_N).crossed > worth(plain, half_N).calibrated
    assert worth(plain, torch.ones(120, dtype=torch.bool)).crossed != worth(plain, half_N).crossed


def test_the_fit_is_a_minimum_and_its_gradient_that_of_the_held_fit() -> None:
    plain = beliefs(3)
    fitted = calibrate(plain)
    best = float(fitted.loss(plain))
    for change, place in product((-1e-3, 1e-3), range(fitted.bias_KC.numel() + 1)):
        other = copy.deepcopy(fitted)
        if place < fitted.bias_KC.numel():
            other.bias_KC.view(-1)[place] += change
        else:
            other.log_scale.add_(change)
        assert float(other.loss(plain)) > best
    z_NC = plain.z_NC.clone().requires_grad_()
    calibrate(plain).loss(Beliefs(z_NC, plain.answer_N, plain.kind_N, 2)).backward()
    assert z_NC.grad is not None
    step = 1e-4
    for row, column in ((0, 0), (5, 2), (70, 3)):
        values = []
        for sign in (1, -1):
            moved = plain.z_NC.clone()
            moved[row, column] += sign * step
            some = Beliefs(moved, plain.answer_N, plain.kind_N, 2)
            values.append(float(calibrate(some).loss(some)))
        slope = (values[0] - values[1]) / (2 * step)
        assert slope == pytest.approx(float(z_NC.grad[row, column]), rel=1e-4, abs=1e-9)


def test_candidates_that_a_decision_lacks_take_no_part() -> None:
    plain = beliefs(4, candidates=3, kinds=1)
    padded = torch.nn.functional.pad(plain.z_NC, (0, 2), value=NEVER)
    wide = Beliefs(padded, plain.answer_N, plain.kind_N, 1)
    assert float(calibrate(wide).loss(wide)) == pytest.approx(float(calibrate(plain).loss(plain)), abs=1e-12)
    assert calibrate(wide).bias_KC[:, 3:].tolist() == [[0, 0]]


@pytest.mark.parametrize("odd", [float("nan"), float("inf"), float("-inf")])
def test_beliefs_that_are_no_numbers_are_refused(odd: float) -> None:
    some = beliefs(3)
    some.z_NC[7, 1] = odd
    for measure in (calibrate, lambda given_beliefs: worth(given_beliefs, halves(some))):
        with pytest.raises(ValueError, match=r"believes is no number \(NaN\)"):
            measure(some)


def test_kinds_without_biases_are_scaled_alone_and_nothing_is_an_even_chance() -> None:
    plain = beliefs(5, kinds=1)
    free = Beliefs(plain.z_NC, plain.answer_N, torch.full_like(plain.kind_N, FREE), 0)
    fitted = calibrate(free)
    assert fitted.bias_KC.shape == (0, 4)
    scales = torch.linspace(-2, 2, 401, dtype=torch.float64)
    losses = [float(cross_entropy(plain.z_NC * s.exp(), plain.answer_N) + RIDGE_SCALE * s**2) for s in scales]
    assert float(fitted.loss(free)) == pytest.approx(min(losses), abs=1e-5)
    assert prior_entropy(free) == pytest.approx(torch.tensor(4.0).log().item())
    both = Beliefs(plain.z_NC, plain.answer_N, torch.where(torch.arange(120) < 60, 0, FREE), 1)
    assert float(fitted.loss(free)) > float(calibrate(both).loss(both)) > float(calibrate(plain).loss(plain))
