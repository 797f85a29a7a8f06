"""What stacking must not break: gradients and weights that are replaced, missing, tied, moved, shared; bad numbers."""

import copy
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from training.optim import apollo
from training.optim.apollo import Apollo

torch.set_num_threads(1)
SHAPES = [(4, 6), (6, 4), (4, 6), (5,), (4, 6), (2, 3, 2)]


def noise(seed: int, shapes: list[tuple[int, ...]] = SHAPES) -> list[Tensor]:
    generator = torch.Generator().manual_seed(seed)
    return [torch.randn(shape, generator=generator, dtype=torch.float64) for shape in shapes]


def made(seed: int = 0) -> list[nn.Parameter]:
    return [nn.Parameter(weight) for weight in noise(seed)]


@pytest.mark.parametrize("chunk", [1, 400, 2**20])  # bytes: in place, two at a time, all together
@pytest.mark.parametrize("change", ["in place", "set to none", "new memory", "transposed", "weights too"])
def test_gradients_and_weights_may_be_replaced_at_any_time(
    monkeypatch: pytest.MonkeyPatch, change: str, chunk: int
) -> None:
    monkeypatch.setattr(apollo, "CHUNK_CPU", chunk)
    ends = []
    for replaced in (False, True):
        parameters = made()
        # A full-rank sketch reads gradients where they are, if it may.
        optimizer = Apollo(parameters, rank=9 if change == "transposed" else 2, projection="sketch", refresh=3, lr=0.01)
        for step in range(10):
            for parameter, grad in zip(parameters, noise(step + 1)):
                if not replaced or parameter.grad is None or (change == "in place"):
                    parameter.grad = grad if parameter.grad is None else parameter.grad.copy_(grad)
                elif change == "set to none":
                    optimizer.zero_grad(set_to_none=True)
                    parameter.grad = None
                else:
                    parameter.grad = grad.mT.contiguous().mT if change == "transposed" and grad.dim() > 1 else grad
                if replaced and change == "weights too":
                    parameter.data = parameter.data.clone()
            for parameter, grad in zip(parameters, noise(step + 1)):
                parameter.grad = grad if parameter.grad is None else parameter.grad
            optimizer.step()
        ends.append([parameter.detach() for parameter in parameters])
    assert all(torch.allclose(a, b, rtol=0, atol=1e-14) for a, b in zip(*ends))


@pytest.mark.parametrize("chunk", [1, 400, 2**20])
def test_parameters_may_sit_out_any_step(monkeypatch: pytest.MonkeyPatch, chunk: int) -> None:
    """Each moves as if it were the only one with gradients, whatever its neighbours in the stack do."""
    monkeypatch.setattr(apollo, "CHUNK_CPU", chunk)

    def train(chosen: range) -> list[nn.Parameter]:
        parameters = made()
        optimizer = Apollo(parameters, rank=2, refresh=3, lr=0.01, weight_decay=0.1)
        for step in range(20):
            for index, grad in enumerate(noise(step + 1)):
                there = index in chosen and (step * 7 + index * 5) % 3 > 0 and not (index == 4 and step < 6)
                parameters[index].grad = grad if there else None
            optimizer.step()
        return parameters

    together = train(range(len(SHAPES)))
    for index in range(len(SHAPES)):
        alone = train(range(index, index + 1))
        assert torch.allclose(together[index], alone[index], rtol=0, atol=1e-13)
        assert torch.equal(alone[index - 1], made()[index - 1])


class Tied(nn.Module):
    """Two layers that share one matrix."""

    def __init__(self) -> None:
        super().__init__()
        self.a, self.b, self.c = (nn.Linear(6, 6, bias=False) for _ in range(3))
        self.c.weight = self.a.weight

    def forward(self, x: Tensor) -> Tensor:
        return self.c(self.b(self.a(x)).tanh())


def test_a_net_stays_its_own_master() -> None:
    """Tied, copied, saved, loaded and cast nets train on; no weight lives in the optimizer's memory."""
    torch.manual_seed(0)
    net, x = Tied(), torch.randn(9, 6)
    optimizer, rival = Apollo(net.parameters(), rank=2, lr=0.1), Apollo(net.parameters(), rank=3, lr=0.1)

    def learn(model: nn.Module, *optimizers: Apollo) -> float:
        for chosen in optimizers:
            chosen.zero_grad()
            loss = (model(x.to(next(model.parameters()).dtype)) - 1).square().mean()
            loss.backward()
            chosen.step()
        return float(loss.detach())

    first = [learn(net, optimizer, rival) for _ in range(20)]
    assert first[-1] < first[0]
    assert net.a.weight is net.c.weight
    saved, memory = copy.deepcopy(net.state_dict()), [p.data_ptr() for p in net.parameters()]
    assert all(v.untyped_storage().nbytes() == v.nbytes for v in net.state_dict().values())
    twin = copy.deepcopy(net)
    learn(net, optimizer)
    assert [p.data_ptr() for p in net.parameters()] == memory
    assert all(torch.equal(p, saved[name]) for name, p in twin.named_parameters())
    moved = copy.deepcopy(net.state_dict())
    net.load_state_dict(saved)
    assert torch.equal(net.a.weight, twin.a.weight)
    net.load_state_dict(moved)
    before = optimizer.state[net.b.weight]["first"].clone()
    net.double()
    learn(net, optimizer)
    after = optimizer.state[net.b.weight]
    assert (after["first"].dtype, after["step"]) == (torch.float64, 22)
    assert not torch.equal(after["first"], before)
    assert torch.isfinite(net.a.weight).all()


def test_weights_that_are_not_numbers_are_refused() -> None:
    good, bad = nn.Parameter(torch.ones(3, 3)), nn.Parameter(torch.ones(3, 3))
    bad.data[1, 1] = float("nan")
    with pytest.raises(ValueError, match="parameter 1 of the group holds numbers that are not real and finite"):
        Apollo([good, bad])
    optimizer = Apollo([good])
    with pytest.raises(ValueError, match="not real and finite"):
        optimizer.add_param_group({"params": [nn.Parameter(torch.ones(2, 2, dtype=torch.complex64))]})
    assert len(optimizer.param_groups) == 1


@pytest.mark.parametrize("value", [float("nan"), float("inf")])
def test_a_guarded_step_leaves_all_as_it_was(value: float) -> None:
    parameters = made()
    optimizer = Apollo(parameters, rank=2, guard=True)
    for parameter, grad in zip(parameters, noise(1)):
        parameter.grad = grad
    optimizer.step()
    weights, state = copy.deepcopy(parameters), copy.deepcopy(optimizer.state_dict())
    parameters[-2].grad = torch.full_like(parameters[-2], value)
    with pytest.raises(ValueError, match="a gradient is not finite; nothing was changed"):
        optimizer.step()
    assert all(torch.equal(a, b) for a, b in zip(weights, parameters))
    for saved, now in zip(state["state"].values(), optimizer.state_dict()["state"].values()):
        assert all(torch.equal(saved[k], now[k]) if torch.is_tensor(saved[k]) else saved[k] == now[k] for k in saved)


def test_moments_of_another_rank_or_model_are_refused() -> None:
    def stepped(**options: Any) -> Apollo:
        parameters = made()
        optimizer = Apollo(parameters, **options)
        for parameter, grad in zip(parameters, noise(1)):
            parameter.grad = grad
        optimizer.step()
        return optimizer

    optimizer = stepped(rank=2)
    optimizer.param_groups[0]["rank"] = 3
    with pytest.raises(ValueError, match=r"parameter 0 has moments \(2, 6\), but its options want \(3, 6\)"):
        optimizer.step()
    fresh, saved = Apollo(made()), stepped(rank=2).state_dict()
    saved["param_groups"][0]["rank"] = 3
    with pytest.raises(ValueError, match="moments of parameter 0 don't fit"):
        fresh.load_state_dict(saved)
    assert fresh.param_groups[0]["rank"] == 64
    saved["param_groups"][0]["rank"] = 2
    del saved["param_groups"][0]["guard"]  # as saved before that option was
    saved["param_groups"][0]["heads"] = None  # as saved while there was such an option
    fresh.load_state_dict(saved)
    assert (fresh.param_groups[0]["rank"], fresh.param_groups[0]["guard"]) == (2, False)


def test_state_at_rank_64_is_less_than_three_fifths_of_the_weights() -> None:
    """On 256-wide matrices, seen from the file too: stacks save nothing twice."""
    parameters = [nn.Parameter(torch.zeros(shape)) for shape in [(256, 256)] * 3 + [(688, 256), (256, 688)]]
    optimizer = Apollo(parameters)
    for parameter in parameters:
        parameter.grad = torch.ones_like(parameter)
    optimizer.step()
    stored: dict[int, int] = {}
    for state in optimizer.state_dict()["state"].values():
        for value in state.values():
            if torch.is_tensor(value):
                stored[value.untyped_storage().data_ptr()] = value.untyped_storage().nbytes()
    assert sum(stored.values()) <= 0.6 * sum(p.nbytes for p in parameters)
