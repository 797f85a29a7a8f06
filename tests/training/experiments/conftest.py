"""Experiments that several tests read; each is run once."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple

import pytest
import torch

from perception.model import save
from tests.kits import minds
from tests.kits.experimentkit import begun, small
from training.behaviours import sight as sight_behaviour
from training.experiments import sight
from training.experiments.plan import Experiment
from training.experiments.run import run_experiment

torch.set_num_threads(1)
WHOLE = sight.EXPERIMENT.changed({"gain_only": False})  # heads of controls, too: `born` goes on from these runs


class Ran(NamedTuple):
    """A finished experiment: what it returned, its folder, what it reported, its plan."""

    result: dict[str, Any]
    out: Path
    reports: list[tuple[str, int, int]]
    plan: Experiment


@contextmanager
def without_new_pairs() -> Iterator[None]:
    """Scenes with new pairs of traces take longer to find than all else here, and no verdict looks at them."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(sight_behaviour, "new_pair_probes", lambda *arguments: [])
        yield


@pytest.fixture(scope="module", autouse=True)
def no_new_pairs() -> Iterator[None]:
    """For the tests of this folder alone: a patch for the session would reach other folders' tests of new pairs."""
    with without_new_pairs():
        yield


@pytest.fixture(scope="session")
def bases(tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    """Two models of four heads: what is measured of each head is what takes the time."""
    folder = tmp_path_factory.mktemp("models")
    with pytest.MonkeyPatch.context() as patch:
        patch.setitem(minds.SMALL, "num_attention_heads", 2)
        patch.setitem(minds.SMALL, "num_key_value_heads", 1)
        for number, seed in enumerate((6, 2)):  # the first gains more in two steps than its control does
            save(minds.tiny(seed=seed), folder / f"small-{number}")
    return [folder / "small-0", folder / "small-1"]


@pytest.fixture(scope="session")
def two_bases(bases: list[Path], tmp_path_factory: pytest.TempPathFactory) -> Ran:
    """`sight` on two base models, one seed each."""
    plan, out = small(WHOLE, *bases, seeds=(0,)), tmp_path_factory.mktemp("runs") / "two"
    with without_new_pairs():
        return Ran(run_experiment(plan, out), out, [], plan)


@pytest.fixture(scope="session")
def judged(two_bases: Ran, bases: list[Path], tmp_path_factory: pytest.TempPathFactory) -> Ran:
    """`sight` on one base model, two seeds, the first of them known already."""
    plan = small(WHOLE, bases[0])
    out = begun(tmp_path_factory.mktemp("runs") / "sight", plan, two_bases.out / "base-0")
    reports: list[tuple[str, int, int]] = []
    with without_new_pairs():
        return Ran(run_experiment(plan, out, 1, lambda *report: reports.append(report)), out, reports, plan)
