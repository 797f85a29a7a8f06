"""The optimizers' bench: its rows, and that its baselines do what they are named after. No time is asserted."""

import math

import torch

from training.bench.optimizers import CONTESTANTS, Plain, matrices, optimizers, race
from training.optim.apollo import Apollo

torch.set_num_threads(1)


def test_plain_is_the_same_algorithm_as_the_stacked_one() -> None:
    shapes = [(8, 12), (12, 8), (8, 8), (8, 12)]
    plain, stacked = matrices(1, shapes), matrices(1, shapes)
    slow, fast = Plain(plain, rank=3, refresh=3), Apollo(stacked, rank=3, refresh=3)
    for step in range(10):
        generator = torch.Generator().manual_seed(step)
        for a, b in zip(plain, stacked):
            a.grad = b.grad = torch.randn(a.shape, generator=generator) * 1.1**step
        slow.step()
        fast.step()
    for a, b, before in zip(plain, stacked, matrices(1, shapes)):
        assert (a - b).norm() < 1e-4 * (a - before).norm()


def test_contestants_take_turns_and_every_step_is_theirs() -> None:
    weight = matrices(1, [(2, 3)])
    counts = {"a": Plain(weight, rank=1), "b": Apollo(weight, rank=1)}
    assert set(race(counts, rounds=3, steps=2)) == {"a", "b"}
    assert [optimizer.state[weight[0]]["step"] for optimizer in counts.values()] == [9, 9]


def test_rows_name_their_baselines_and_divide_by_them() -> None:
    rows = optimizers("", 3, layers=1, rounds=1)
    values = {row["name"]: row["value"] for row in rows}
    assert list(values)[: len(CONTESTANTS)] == list(CONTESTANTS)
    assert len(values) == len(rows)
    for row in rows:
        assert set(row) == {"name", "value", "unit", "baseline", "ratio"}
        baseline = f"{row['baseline']}-state" if row["name"].endswith("-state") else row["baseline"]
        assert row["value"] > 0
        assert math.isclose(row["ratio"], row["value"] / values[baseline])
    assert 1.99 < values["adamw-fused-state"] < 2.01
    assert values["apollo-r64-sketch-state"] <= 0.6
    assert values["apollo-r256-sketch-state"] <= 2.01
    assert torch.get_num_threads() == 1
