"""Sharpness against bowls of known curvature, an exact Hessian in float64, and models rescaled without a change."""

import copy
from collections.abc import Callable
from math import isnan
from typing import Any

import pytest
import torch
from torch import Tensor, nn
from torch.nn.attention import SDPBackend, sdpa_kernel

from perception.head_map import addresses
from tests.kits.minds import tiny
from training.heads.sharpness import (
    Place,
    SharpnessConfig,
    average_case,
    curve,
    directional,
    eigenvalues,
    filter_normalised,
    matched_random,
    sharpness,
    trace,
    worst_case,
)

BENDS = torch.tensor([[5.0, 1.0], [0.5, 0.25], [2.0, 3.0]], dtype=torch.float64)
RADIUS = 0.1


class Bowl(nn.Module):
    """½ Σ h (w - m)², with its lowest point at m."""

    def __init__(self, weights: Tensor, lowest: Tensor) -> None:
        super().__init__()
        self.weights, self.lowest = nn.Parameter(weights.clone()), lowest


def bowl_loss(bowl: Any) -> Tensor:
    return 0.5 * (BENDS * (bowl.weights - bowl.lowest).square()).sum()


def bowl(away: float = 0.0) -> Place:
    weights = torch.tensor([[1.0, -2.0], [3.0, 0.5], [-1.0, 4.0]], dtype=torch.float64)
    return Place(Bowl(weights, weights - away), bowl_loss)


def seeded() -> torch.Generator:
    return torch.Generator().manual_seed(0)


def net_loss(batch: Tensor) -> Callable[[Any], Tensor]:
    def loss(net: Any) -> Tensor:
        logits_BTV = net(input_ids=batch, use_cache=False).logits[:, :-1]
        return nn.functional.cross_entropy(logits_BTV.flatten(0, 1).double(), batch[:, 1:].flatten())

    return loss


@pytest.fixture(scope="module")
def small() -> tuple[Any, Tensor]:
    net = tiny(dtype=torch.float64, seed=3).net
    return net, torch.randint(0, net.config.vocab_size, (3, 7), generator=seeded())


def test_a_bowl_s_trace_eigenvalues_and_directions_are_known() -> None:
    place = bowl()
    with place.hessian() as product:
        assert trace(place, product, 3, seeded()) == pytest.approx((float(BENDS.sum()), 0.0), abs=1e-9)
        assert eigenvalues(place, product, 6, seeded()) == pytest.approx((0.25, 5.0))
        assert directional(product, torch.eye(6, dtype=torch.float64)[5] * 7) == pytest.approx(3.0)
        assert isnan(directional(product, torch.zeros(6, dtype=torch.float64)))


@pytest.mark.parametrize("away", [0.0, 0.05])
def test_a_bowl_s_worst_case_is_known(away: float) -> None:
    size = bowl(away).home_N.abs().view_as(BENDS)
    most = (BENDS * (size * RADIUS * away + 0.5 * (size * RADIUS) ** 2)).sum()
    assert worst_case(bowl(away), RADIUS, 6, seeded()) == pytest.approx(float(most))


def test_a_bowl_s_average_case_is_known() -> None:
    place = bowl()
    rise, error = average_case(place, RADIUS, 4000, seeded())
    assert rise == pytest.approx(float(0.5 * RADIUS**2 * (BENDS.flatten() * place.home_N**2).sum()), abs=4 * error)
    assert 0 < error < rise


def test_the_curve_rises_with_the_square_and_tells_the_score() -> None:
    place, config = bowl(), SharpnessConfig(amplitudes=(0.1, 0.2), directions=3)
    rows = curve(place, config, lambda net: float(net.weights[0, 0].detach()), seeded())
    assert rows[0] == {"amplitude": 0.0, "loss": 0.0, "score": 1.0}
    assert rows[2]["loss"] == pytest.approx(4 * rows[1]["loss"]) and rows[1]["loss"] > 0
    assert rows[1]["score"] != 1.0 and torch.equal(place.parameters[0], place.home_N.view(3, 2))


def test_directions_have_the_norms_that_they_promise() -> None:
    place = bowl()
    direction_N = torch.arange(6, dtype=torch.float64)
    assert matched_random(place, direction_N, seeded()).norm() == pytest.approx(float(direction_N.norm()))
    rows = filter_normalised(place, seeded()).view(3, 2)
    assert torch.allclose(rows.norm(dim=1), place.home_N.view(3, 2).norm(dim=1))


def test_a_random_direction_has_the_given_norm_in_every_matrix(small: tuple[Any, Tensor]) -> None:
    net, batch = small
    place = Place(net, net_loss(batch))
    direction_N = place.of({name: torch.full_like(p, float(number)) for number, (name, p) in
                            enumerate(zip(place.names, place.parameters, strict=True))})  # fmt: skip
    random = place.parts(matched_random(place, direction_N, seeded()))
    for own, like in zip(random, place.parts(direction_N), strict=True):
        assert float(own.norm()) == pytest.approx(float(like.norm()), rel=1e-9)


def test_a_transformer_s_top_eigenvalue_is_that_of_its_exact_hessian() -> None:
    """Of one norm's gains, whose second derivatives torch writes out, and differences of the loss confirm."""
    net = tiny("gpt2", dtype=torch.float64, seed=3).net  # its norms compute in float64, a Llama's don't
    batch = torch.randint(0, net.config.vocab_size, (3, 7), generator=seeded())
    name = "transformer.h.1.ln_1.weight"
    place = Place(net, net_loss(batch), [name])

    def at(gains_N: Tensor) -> Tensor:
        inputs = {"input_ids": batch, "use_cache": False}
        logits = torch.func.functional_call(net, {name: gains_N}, kwargs=inputs).logits
        return nn.functional.cross_entropy(logits[:, :-1].flatten(0, 1), batch[:, 1:].flatten())

    with sdpa_kernel(SDPBackend.MATH):
        exact_NN: Any = torch.autograd.functional.hessian(at, place.home_N)
    with place.hessian() as product:
        eye_NN = torch.eye(len(place.home_N), dtype=torch.float64)
        assert torch.allclose(torch.stack([product(row) for row in eye_NN]), exact_NN, atol=1e-10)
        measured = eigenvalues(place, product, len(eye_NN), seeded())
    values = torch.linalg.eigvalsh(exact_NN)
    assert measured == pytest.approx((float(values[0]), float(values[-1])), rel=1e-6)
    top_N, step = torch.linalg.eigh(exact_NN).eigenvectors[:, -1], 1e-2
    with torch.no_grad():
        low, middle, high = (float(at(place.home_N + sign * step * top_N)) for sign in (-1, 0, 1))
    assert measured[1] == pytest.approx((low - 2 * middle + high) / step**2, rel=1e-3)


@torch.no_grad()
def rescaled(net: Any, factor: float, pair: tuple[str, str]) -> Any:
    """The same function: one matrix of every layer times a factor, its partner divided by it."""
    other = copy.deepcopy(net)
    for row in addresses(other).projections:
        for matrix, by in zip(pair, (factor, 1 / factor), strict=True):
            other.get_parameter(row[matrix].parameter).mul_(by)
    return other


@pytest.mark.parametrize("pair", [("q", "k"), ("v", "o")])
def test_adaptive_measures_do_not_see_a_rescaling_and_plain_ones_do(
    small: tuple[Any, Tensor], pair: tuple[str, str]
) -> None:
    net, batch = small
    loss, config = (
        net_loss(batch),
        SharpnessConfig(signs=2, iterations=6, radii=(0.05,), spreads=(0.05,), draws=2, amplitudes=(0.2,)),
    )
    both = []
    for one in (net, rescaled(net, 4.0, pair)):
        names = [row[matrix].parameter for row in addresses(one).projections for matrix in pair]
        place = Place(one, loss, names)
        both.append(sharpness(place, config, {}, lambda net: float(loss(net)), seed=1))
    before, after = both
    assert after["loss"] == pytest.approx(before["loss"], rel=1e-12), "not the same function"
    for key in ("worst", "average"):
        assert after[key] == pytest.approx(before[key], rel=1e-6), key
        assert before[key]["0.05"] != 0
    for row, then in zip(after["curve"], before["curve"], strict=True):
        assert row == pytest.approx(then, rel=1e-6)
    assert abs(after["trace"] / before["trace"] - 1) > 0.01 and abs(after["highest"] / before["highest"] - 1) > 0.01


def test_the_net_is_as_it_was_and_equal_seeds_measure_alike(small: tuple[Any, Tensor]) -> None:
    net, batch = small
    before = {name: p.clone() for name, p in net.named_parameters()}
    place = Place(net, net_loss(batch))
    change_N = place.of({place.names[2]: torch.ones_like(place.parameters[2])})
    config = SharpnessConfig(
        signs=2, iterations=3, radii=(0.01,), spreads=(0.1,), draws=2, amplitudes=(0.1,), directions=1
    )
    first, second = (sharpness(place, config, {"change": change_N}, lambda net: 0.0, seed=5) for _ in range(2))
    assert first == second
    assert set(first["directional"]["change"]) == {"along", "random"}
    assert all(torch.equal(p, before[name]) and p.grad is None for name, p in net.named_parameters())


def test_a_name_that_the_net_lacks_is_refused(small: tuple[Any, Tensor]) -> None:
    with pytest.raises(ValueError, match="no such parameter"):
        Place(small[0], net_loss(small[1]), ["nobody"])
