"""What is said about circuits, on networks whose numbers follow from a formula."""

import pytest
import torch
from torch import Tensor

from tests.kits.compiled import Toy
from training.precedents import circuits
from training.precedents.ablation import Ablation
from training.precedents.ioi import grown, pruned

torch.set_num_threads(1)
A, B, C, D, E = ((0, head) for head in range(5))


def quiet(_what: str, _done: int, _of: int) -> None: ...


def ablation_of(toy: Toy) -> Ablation:
    zeros = (torch.zeros(2, 3, toy.heads, 1),)
    return Ablation(toy.sites(), toy.prompts(), zeros, lambda out: out[:, 0])


def backed_up(z: Tensor) -> Tensor:
    """A brings 6, B takes its place when it is gone, C brings 2, D takes 1 away, E does nothing: F(M) = 7."""
    return 6 * torch.maximum(z[:, 0], z[:, 1]) + 2 * z[:, 2] - z[:, 3] + 0 * z[:, 4]


def test_faithfulness_is_one_less_what_is_missed() -> None:
    ablation = ablation_of(Toy(5, backed_up))
    assert (ablation.whole, ablation.empty, ablation.span) == (7, 0, 7)
    assert circuits.faithfulness(ablation, ablation.every) == 1
    assert circuits.faithfulness(ablation, [A, C]) == pytest.approx(1 - 1 / 7)
    assert circuits.faithfulness(ablation, [D]) == pytest.approx(1 - 8 / 7)


def test_minimality_sees_a_backup_only_behind_its_class() -> None:
    ablation = ablation_of(Toy(5, backed_up))
    shares = circuits.minimality(ablation, [A, B, C, D, E], {"movers": [A, B], "negative": [D], "other": [C, E]})
    assert shares == pytest.approx({A: 6 / 7, B: 6 / 7, C: 2 / 7, D: 1 / 7, E: 0})
    alone = circuits.minimality(ablation, [A, B], {"a": [A], "b": []})
    assert alone[A] == 0 and alone[B] == pytest.approx(6 / 7)


def test_completeness_finds_the_backup_that_a_circuit_lacks() -> None:
    ablation = ablation_of(Toy(5, backed_up))
    whole = circuits.completeness(ablation, [A, B, C, D], {"movers": [A, B]}, 0, quiet)
    assert whole["score"] == 1 and whole["greedy"] == 0
    lacking = circuits.completeness(ablation, [A, C, D], {"movers": [A]}, 0, quiet)
    assert lacking["score"] == pytest.approx(1 - 6 / 7) and lacking["classes"] == {"movers": pytest.approx(6 / 7)}
    assert A in lacking["greedy_heads"] and len(lacking["random"]) == circuits.RANDOM_SETS


def test_random_circuits_are_the_same_for_a_seed() -> None:
    ablation = ablation_of(Toy(5, backed_up))
    draws = [circuits.random_circuits(ablation, 2, 30, seed, quiet) for seed in (3, 3, 4)]
    assert draws[0] == draws[1] != draws[2] and len(set(draws[0])) > 3
    assert circuits.random_circuits(ablation, 2, 30, 3, quiet, [A, C]) != draws[0]  # a stream of their own


def test_pruning_drops_what_is_of_no_use_and_growing_adds_what_helps_most() -> None:
    ablation = ablation_of(Toy(5, backed_up))
    assert pruned(ablation, [A, C, D, E]) == [A, C, D]
    assert pruned(ablation, ablation.every) in ([A, C, D], [B, C, D])  # one of two that stand in for each other
    assert grown(ablation, [A, D], 5) == [A, C, D] and grown(ablation, [], 5) == [A]
    assert grown(ablation, [A, D], 2) == [A, D]  # no more than so many


def test_the_curve_has_the_areas_of_its_points() -> None:
    curve = circuits.curve(ablation_of(Toy(4, lambda z: z[:, :2].sum(1))), [A, B, C, D], 0, quiet)
    assert curve["sizes"] == [1, 2, 4] and [share[0] for share in curve["shares"]] == [0.5, 1, 1]
    assert curve["cpr"][0] == pytest.approx(0.25 * 0.25 + 0.25 * 0.75 + 0.5)
    assert curve["cmd"][0] == pytest.approx(0.25 * 0.75 + 0.25 * 0.25)
    assert curve["random"][-1] == [1, 1, 1] and curve["random"][0][0] == 0
