"""What `surgical` works with: its settings, the model at its first weights, and how far a change reaches.

Shape suffixes: L layers, H heads.
"""

from dataclasses import dataclass, field, replace
from functools import cached_property
from random import Random
from typing import Any

import numpy as np
import torch

from game.realm.rules import load as load_rules
from perception.head_map import MATRICES, addresses
from perception.mlp_map import mlps
from perception.model import Model, load_alone
from training.experiments.plan import SEEDS_MAX
from training.experiments.surgical_match import Reached, Weights, put, scale_until, train_until, weights_of
from training.experiments.surgical_methods import EDIT, RANDOM, Method, Units
from training.experiments.surgical_tasks import FACT, KINDS, BehaviourTask, FactTask, Sizes, Task
from training.precedents.editor import Editor, prepare
from training.precedents.facts import lore_cases
from training.precedents.retention import Retention
from training.precedents.scores import known

PILOT_FACTS = 3
HOLD = 0.8  # of a change or a gain: as many units as hold it are its width
Array = np.ndarray[Any, Any]


@dataclass(frozen=True)
class SurgicalConfig:
    """target: the gain at which every method stops; most: steps of a training at most.

    pilots: seeds of the pilot, none of them scored. points: on the line along which gains are shared out. radius and
    ascent: of the worst-case sharpness in the table.
    """

    model: str
    seeds: tuple[int, ...] = (0, 1, 2, 3, 4)
    kinds: tuple[str, ...] = KINDS
    target: float = 0.9
    most: int = 60
    sizes: Sizes = field(default_factory=Sizes)
    pilots: tuple[int, ...] = (100, 101)
    points: int = 4
    radius: float = 0.002
    ascent: int = 2

    def quick(self) -> "SurgicalConfig":
        """The same path in a minute or two."""
        return replace(self, seeds=self.seeds[:2], most=4, pilots=(100,), points=1, ascent=1,
                       sizes=Sizes(lessons=20, probes=12, facts=1, retained=2))  # fmt: skip

    def check(self) -> None:
        """Raises ValueError for settings that can't be."""
        if not self.seeds or len(self.seeds) > SEEDS_MAX or set(self.seeds) & set(self.pilots):
            raise ValueError(
                f"--seeds, --seed: from 1 to {SEEDS_MAX} seeds, none of the pilot's {self.pilots}; change them"
            )


@dataclass(frozen=True)
class Pilot:
    """What the pilot chose for a kind. layer: the traced one; core: heads; rates: by method."""

    layer: int
    core: Units
    rates: dict[str, float]


class Bench:
    """The model, and all that tasks of one seed share. Between two methods the weights are as they were loaded."""

    def __init__(self, config: SurgicalConfig, seed: int) -> None:
        self.config, self.seed, self.rules = config, seed, load_rules()
        self.model: Model = load_alone(config.model, "cpu")
        if self.model.tongue != "terse":
            raise ValueError(f"--model {config.model}: doesn't speak the realm's terse tongue; give a novice")
        self.editor: Editor = prepare(self.model)
        self.start: Weights = weights_of(self.model.net)

    @cached_property
    def retention(self) -> Retention:
        """What has to stay, as the model is before any method."""
        return Retention(self.model, self.rules, self.seed, self.config.sizes.retained, self.editor.corpus.contexts[0])

    def tasks(self, kind: str, pilot: bool = False) -> list[Task]:
        """What is taught on this seed: a behaviour, or facts that the model knows."""
        sizes = self.config.sizes
        if kind != FACT:
            return [BehaviourTask(kind, self.editor, self.retention, self.seed, sizes, self.rules)]
        chosen_on, reported = lore_cases()
        cases = chosen_on if pilot else reported
        right = known(self.model, cases, self.editor.corpus.contexts[0])
        cases = [case for case, knows in zip(cases, right, strict=True) if knows]
        if not cases:
            raise ValueError(f"--model {self.config.model}: knows no fact of the lore; give a novice that read it")
        Random(f"{self.seed}/surgical/facts").shuffle(cases)
        count = min(PILOT_FACTS, sizes.facts) if pilot else sizes.facts
        return [FactTask(self.editor, self.retention, case) for case in cases[:count]]

    def again(self) -> None:
        """The weights as they were loaded."""
        put(self.model.net, self.start)
        self.model.net.zero_grad(set_to_none=True)

    def units(self, method: Method, pilot: Pilot) -> tuple[int, Units]:
        """(layer, heads) that a method changes on this seed."""
        at, rng = addresses(self.model.net), Random(f"{self.seed}/surgical/{method.name}")
        others = [layer for layer in range(at.layers) if layer != pilot.layer]
        layer = rng.choice(others) if method.layer == RANDOM else pilot.layer
        every = [(a, b) for a in range(at.layers) for b in range(at.heads) if (a, b) not in set(pilot.core)]
        heads = sorted(rng.sample(every, len(pilot.core))) if method.heads == RANDOM else pilot.core
        return layer, heads

    def change(self, method: Method, task: Task, pilot: Pilot) -> Reached:
        """Change the model by a method until the task's gain is matched. Raises ValueError as the methods do."""
        config, (layer, heads) = self.config, self.units(method, pilot)
        if method.how == EDIT:
            task.edit(layer, method.single)
            return scale_until(self.model.net, self.start, task.gain, config.target)
        rate = pilot.rates[method.like or method.name]
        step = task.stepper(method.teach(rate, layer, heads, self.seed))
        return train_until(self.model.net, step, task.gain, config.target, config.most, task.every)


def block_matrices(model: Model) -> list[str]:
    """The matrices of attention and MLPs, by name: the weights among which sharpness is measured."""
    names = {row[matrix].parameter for row in addresses(model.net).projections for matrix in MATRICES}
    names |= {name for mlp in mlps(model.net) for name in mlp.parameters}
    return [name for name, p in model.net.named_parameters() if name in names and p.dim() == 2]


def changed_by_unit(model: Model, start: Weights) -> Array:
    """(units,) squared norm of the change of every head and then every layer's MLP."""
    at, now = addresses(model.net), weights_of(model.net)
    heads_LH = torch.zeros(at.layers, at.heads, dtype=torch.float64)
    for layer, row in enumerate(at.projections):
        for matrix in MATRICES:
            place = row[matrix]
            moved = place.per_head(now[place.parameter] - start[place.parameter]).double().square().sum((1, 2))
            alike = at.heads // place.heads
            heads_LH[layer] += moved.repeat_interleave(alike) / alike
    in_mlps = [
        sum(float((now[n] - start[n]).double().square().sum()) for n in mlp.parameters) for mlp in mlps(model.net)
    ]
    return np.concatenate([heads_LH.flatten().numpy(), in_mlps])


def width(values: Array, share: float = HOLD) -> int | None:
    """How many units, the largest first, hold this share of the sum; None where the sum is not above 0."""
    total = float(values.sum())
    if not total > 0:
        return None
    return int(np.argmax(np.cumsum(np.sort(values)[::-1]) >= share * total - 1e-12 * total)) + 1
