"""APOLLO as a torch optimizer: saving, resuming, half precision, groups, closures, and what it refuses."""

import copy
import io
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor

from training.optim.apollo import Apollo

torch.set_num_threads(1)


def gradients(shape: tuple[int, ...], steps: int, seed: int = 0) -> Tensor:
    """A drifting, noisy series with very different channels, as training gives."""
    generator = torch.Generator().manual_seed(seed)
    channels = torch.rand(shape, generator=generator, dtype=torch.float64) ** 4
    noise = torch.randn(steps, *shape, generator=generator, dtype=torch.float64)
    return (torch.randn(shape, generator=generator, dtype=torch.float64) + 2 * noise) * channels * 1e-2


def run(weight: Tensor, series: Tensor, **options: Any) -> tuple[torch.nn.Parameter, Apollo]:
    parameter = torch.nn.Parameter(weight.clone())
    optimizer = Apollo([parameter], **options)
    for grad in series:
        parameter.grad = grad.to(parameter.dtype)
        optimizer.step()
    return parameter, optimizer


@pytest.mark.parametrize("projection", ["gaussian", "sketch"])
@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
@pytest.mark.parametrize("pause", [3, 13, 20])
def test_resumes_bit_for_bit(projection: str, dtype: torch.dtype, pause: int) -> None:
    """Mid refresh interval, at its edge and past it; through a file that needs no pickle; whatever torch's seed."""
    options = {"rank": 3, "projection": projection, "refresh": 10, "seed": 5, "weight_decay": 0.01}
    shapes, steps = [(6, 11), (11, 6), (7,), (2, 3, 4)], 33
    series = [gradients(shape, steps, seed) for seed, shape in enumerate(shapes)]

    def train(parameters: list[Any], optimizer: Apollo, first: int, last: int) -> None:
        for step in range(first, last):
            for parameter, grads in zip(parameters, series):
                parameter.grad = grads[step].to(dtype)
            optimizer.step()

    whole = [torch.nn.Parameter(torch.ones(shape, dtype=dtype)) for shape in shapes]
    train(whole, Apollo(whole, **options), 0, steps)
    half = [torch.nn.Parameter(torch.ones(shape, dtype=dtype)) for shape in shapes]
    optimizer = Apollo(half, **options)
    train(half, optimizer, 0, pause)
    file = io.BytesIO()
    torch.save(optimizer.state_dict(), file)
    file.seek(0)
    torch.manual_seed(999)
    resumed = Apollo(half, rank=1, seed=1)
    resumed.load_state_dict(torch.load(file, weights_only=True))
    assert all(resumed.state[p][name].dtype == torch.float32 for p in half for name in ("first", "second"))
    train(half, resumed, pause, steps)
    assert all(torch.equal(a, b) for a, b in zip(whole, half))
    twin = copy.deepcopy(resumed)  # a copy carries on too
    for parameter in twin.param_groups[0]["params"]:
        parameter.grad = torch.zeros_like(parameter)
    twin.step()
    assert twin.state_dict()["state"][0]["step"] == steps + 1


def test_state_holds_seeds_not_projections_and_torch_s_generator_is_left_alone() -> None:
    before = torch.get_rng_state()
    _, optimizer = run(torch.zeros(30, 40), gradients((30, 40), 3), rank=5)
    assert torch.equal(before, torch.get_rng_state())
    state = optimizer.state_dict()["state"][0]
    assert sorted(state) == ["first", "norm", "second", "seed", "step"]
    assert sum(value.numel() for value in state.values() if torch.is_tensor(value)) == 2 * 40 * 5 + 1
    assert (state["step"], type(state["seed"])) == (3, int)


def test_bfloat16_weights_are_rounded_once_from_a_float32_update() -> None:
    weight, grad = torch.randn(6, 9, generator=torch.Generator().manual_seed(1)).bfloat16(), gradients((6, 9), 1)[0]
    half, optimizer = run(weight, grad[None], rank=3, lr=0.1, weight_decay=0.1)
    single, _ = run(weight.float(), grad[None].bfloat16(), rank=3, lr=0.1, weight_decay=0.1)
    assert torch.equal(half, single.bfloat16())
    assert optimizer.state[half]["first"].dtype == torch.float32


@pytest.mark.parametrize("shape", [(9,), (2, 3, 4), ()])
def test_vectors_and_more_than_two_dimensions_are_adamw(shape: tuple[int, ...]) -> None:
    series = gradients(shape, 30)
    parameter, _ = run(torch.ones(shape).double(), series, rank=2, lr=0.01)
    witness = torch.nn.Parameter(torch.ones(shape).double())
    adamw = torch.optim.AdamW([witness], lr=0.01, weight_decay=0)
    for grad in series:
        witness.grad = grad
        adamw.step()
    assert (parameter - witness).abs().max() < 1e-10
    decayed, _ = run(torch.ones(shape).double(), series[:1], rank=2, lr=0.01, weight_decay=0.5)
    plain, _ = run(torch.ones(shape).double(), series[:1], rank=2, lr=0.01)
    assert torch.allclose(decayed, plain * (1 - 0.01 * 0.5))


def test_closures_groups_and_parameters_without_gradient() -> None:
    a, b, idle = (torch.nn.Parameter(torch.ones(4, 6)) for _ in range(3))
    empty = torch.nn.Parameter(torch.ones(0, 3))
    optimizer = Apollo([{"params": [a, idle, empty], "lr": 0.1, "rank": 2}], seed=3)
    optimizer.add_param_group({"params": [b], "lr": 0.0, "projection": "sketch"})

    def closure() -> float:
        optimizer.zero_grad()
        loss = (a.square().sum() + b.square().sum()).sum()
        loss.backward()
        empty.grad = torch.zeros(0, 3)
        return float(loss.detach())

    losses = [optimizer.step(closure) for _ in range(20)]
    assert losses[-1] < 0.7 * losses[0]
    assert torch.equal(b, torch.ones(4, 6))
    assert idle not in optimizer.state
    assert [group["rank"] for group in optimizer.param_groups] == [2, 64]
    fresh = Apollo([{"params": [a, idle, empty]}, {"params": [b]}])
    fresh.load_state_dict(optimizer.state_dict())
    assert fresh.param_groups[1]["projection"] == "sketch"


def test_learns_a_low_rank_map_faster_than_plain_descent() -> None:
    torch.manual_seed(2)
    x, truth = torch.randn(64, 12) * torch.logspace(0, -2, 12), torch.randn(12, 8)
    ends = {}
    for name, make in {
        "apollo": lambda p: Apollo(p, lr=0.05, rank=4),
        "sgd": lambda p: torch.optim.SGD(p, lr=0.05),
    }.items():
        weight = torch.nn.Parameter(torch.zeros(12, 8))
        optimizer = make([weight])
        for _ in range(300):
            optimizer.zero_grad()
            (x @ (weight - truth)).square().mean().backward()
            optimizer.step()
        ends[name] = float((x @ (weight - truth)).square().mean().detach())
    assert ends["apollo"] < 0.5 * ends["sgd"]


@pytest.mark.parametrize(
    ("option", "value"),
    [
        ("rank", 0), ("rank", 2.5), ("lr", -1.0), ("lr", float("nan")), ("scale", 0), ("eps", 0.0), ("refresh", 0),
        ("scaling", "row"), ("projection", "hadamard"), ("betas", (0.9, 1.0)), ("betas", (0.9,)), ("seed", None),
        ("norm_growth", 0.5), ("weight_decay", -0.1), ("scaling", "head"), ("guard", 1),
        ("lr", torch.ones(2)), ("lr", "1"),
    ],
)  # fmt: skip
def test_impossible_options_are_named(option: str, value: Any) -> None:
    parameter = torch.nn.Parameter(torch.ones(2, 2))
    with pytest.raises(ValueError, match=f"Apollo: {option} must be"):
        Apollo([parameter], **{option: value})
    optimizer = Apollo([parameter])
    with pytest.raises(ValueError, match=f"Apollo: {option} must be"):
        optimizer.add_param_group({"params": [torch.nn.Parameter(torch.ones(2))], option: value})
    assert len(optimizer.param_groups) == 1
    broken = optimizer.state_dict()
    broken["param_groups"][0][option] = value
    with pytest.raises(ValueError, match=f"Apollo: {option} must be"):
        optimizer.load_state_dict(broken)


def test_a_gradient_it_cannot_use_changes_nothing() -> None:
    a, b = torch.nn.Parameter(torch.ones(3, 3)), torch.nn.Parameter(torch.ones(3, 3))
    a.grad, b.grad = torch.ones(3, 3), torch.ones(3, 3).to_sparse()
    with pytest.raises(ValueError, match="dense real"):
        Apollo([a, b]).step()
    assert torch.equal(a, torch.ones(3, 3))


NUMBERS = {
    "numpy": {"lr": np.float32(0.01), "weight_decay": np.float64(0.1), "betas": (np.float32(0.9), np.float32(0.999))},
    "numpy integers": {"rank": np.int64(2), "refresh": np.int32(2), "seed": np.int64(3)},
    "numpy factors": {"scale": np.float32(2), "eps": np.float32(1e-8), "norm_growth": np.float32(1.5)},
    "tensors": {"lr": torch.tensor(0.01), "weight_decay": torch.tensor(0.1)},
}


@pytest.mark.parametrize("odd", NUMBERS.values(), ids=NUMBERS.keys())
def test_numbers_of_numpy_and_torch_do_as_python_s_own_and_are_saved_as_those(odd: dict[str, Any]) -> None:
    """A scheduler may set such a rate, in the constructor's place or later; the state is taken back all the same."""
    plain = {k: tuple(map(float, v)) if isinstance(v, tuple) else v.item() for k, v in odd.items()}
    ends = []
    for options, late in ((plain, False), (odd, False), (odd, True)):
        parameters = [torch.nn.Parameter(torch.ones(3, 4)), torch.nn.Parameter(torch.ones(3))]
        optimizer = Apollo(parameters, **({} if late else options))
        optimizer.param_groups[0].update(options)
        for step in range(4):
            for parameter in parameters:
                parameter.grad = torch.full_like(parameter, 0.5 + step)
            optimizer.step()
            file = io.BytesIO()
            torch.save(optimizer.state_dict(), file)
            file.seek(0)
            optimizer = Apollo(parameters)
            optimizer.load_state_dict(torch.load(file, weights_only=True))
        ends.append(parameters)
    for other in ends[1:]:
        assert all(torch.allclose(a, b, rtol=1e-6) for a, b in zip(ends[0], other))


def test_a_scheduler_with_a_rate_of_numpy_can_be_resumed() -> None:
    parameter = torch.nn.Parameter(torch.ones(3, 4))
    optimizer = Apollo([parameter], lr=0.1)
    scheduler = torch.optim.lr_scheduler.LambdaLR(optimizer, lambda step: np.float32(0.5) ** step)
    parameter.grad = torch.ones(3, 4)
    optimizer.step()
    scheduler.step()
    again = Apollo([parameter])
    again.load_state_dict(optimizer.state_dict())
    assert (type(again.param_groups[0]["lr"]), again.param_groups[0]["lr"]) == (float, pytest.approx(0.05))
