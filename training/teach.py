"""Teaching: steps of context-frozen learning from a journal of lessons.

One step draws scenes (dreams, unless switched off) with mundane questions rehearsed beside, takes the gradient in
parts so that a mind can perceive in between, and lets the optimizer move the weights. A step whose loss or gradient
is not finite is left out whole.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from random import Random

import torch

from game.realm.rules import Rules
from perception.messages import Lesson
from perception.model import Model
from perception.packing import Packed, pack
from training.apollo import Apollo
from training.frozen import Broken, check_finite, choose_parameters, frozen_loss, full_loss
from training.lessons import HAUNTED, Journal, dream, tokens, waking

OPTIMIZERS = ("apollo", "adamw", "sgd")
RATES = {"apollo": 6e-3, "adamw": 1e-3, "sgd": 0.3}  # chosen by the sweep in docs/RESULTS.md
LEAST = 0.02  # of the rate: practice never stops wholly


@dataclass(frozen=True)
class TeachConfig:
    """Everything that decides how lessons change the weights. lr None: the optimizer's own default."""

    optimizer: str = "apollo"
    rank: int = 64
    scaling: str = "channel"  # APOLLO's, or "tensor"
    projection: str = "gaussian"  # APOLLO's, or "sketch"
    lr: float | None = None
    train: str = "attention"
    full: bool = False  # gradient through the context too
    dreams: bool = True
    haunted: float = HAUNTED  # share of a dream's places that hold a spirit
    rehearse: int = 6  # mundane questions per scene
    scenes: int = 8  # per step
    parts: int = 1  # a step's gradient is taken in so many parts
    warmup: int = 10  # steps over which the rate rises
    settle: int = (
        300  # steps after the last lesson in which the rate falls to nothing; the first third of them it stays
    )
    seed: int = 0


class Teacher:
    """A model, an optimizer, and the lessons so far."""

    def __init__(self, model: Model, config: TeachConfig, rules: Rules, journal: Journal | None = None) -> None:
        self.model, self.config, self.rules = model, config, rules
        self.journal = journal or Journal()
        self.parameters = choose_parameters(model.net, config.train)
        self.rate = RATES.get(config.optimizer, 0.0) if config.lr is None else config.lr
        self.optimizer = make_optimizer(config, self.parameters, self.rate)
        self.steps, self.loss = 0, float("nan")
        self.taught_at = 0  # the step at which the last lesson came
        self._rng = Random(f"{config.seed}/teach")

    def teach(self, lesson: Lesson) -> None:
        """Remember a lesson; what is new is learned at the full rate again."""
        self.journal.add(lesson)
        self.taught_at = self.steps

    @property
    def settled(self) -> bool:
        """Whether the rate has come to rest since the last lesson."""
        return self.steps - self.taught_at >= self.config.settle

    def current_rate(self) -> float:
        """Warm-up, full, then linearly down to LEAST of it as the lessons settle."""
        left = 1 - (self.steps - self.taught_at) / self.config.settle
        return self.rate * min(1.0, (self.steps + 1) / self.config.warmup) * max(LEAST, min(1.0, 1.5 * left))

    def step(self) -> float:
        """One whole step; returns its loss (nats). Raises Broken, with the weights as before, if it is not finite."""
        for _ in self.parts():
            pass
        return self.loss

    def parts(self) -> Iterator[None]:
        """One step, pausing after each part of its gradient; the weights move when it is exhausted."""
        config, net = self.config, self.model.net
        self.optimizer.zero_grad(set_to_none=False)
        total = torch.zeros((), device=self.model.device)
        drawn = self._draw()
        targets = sum(len(packed.target_N) for packed in drawn)
        for packed in drawn:
            # Each part weighs as many answers as it holds: the step does not depend on the number of parts.
            loss = (full_loss if config.full else frozen_loss)(net, packed) * (len(packed.target_N) / targets)
            loss.backward()
            total += loss.detach()
            yield
        try:
            check_finite(total, self.parameters)
        except Broken:
            self.optimizer.zero_grad(set_to_none=False)
            raise
        for group in self.optimizer.param_groups:
            group["lr"] = self.current_rate()
        self.optimizer.step()
        self.steps += 1
        self.loss = float(total)

    def _draw(self) -> list[Packed]:
        """The scenes of one step, dealt out over its parts."""
        config, model = self.config, self.model
        pad, given = model.tokenizer.pad_token_id or 0, (self._rng, self.journal, self.rules, model.tongue)
        if config.dreams:
            asked = [dream(*given, config.rehearse, config.haunted) for _ in range(config.scenes)]
        else:
            asked = [waking(*given, config.rehearse) for _ in range(config.scenes)]
        ends = [(part + 1) * config.scenes // config.parts for part in range(config.parts)]
        parts = [tokens(model.tokenizer, asked[a:b]) for a, b in zip([0, *ends], ends, strict=False)]
        return [pack(contexts, decisions, model.net.dtype, pad).to(model.device) for contexts, decisions in parts]


def make_optimizer(config: TeachConfig, parameters: list[torch.nn.Parameter], rate: float) -> torch.optim.Optimizer:
    """Raises ValueError for an unknown name or a rank below 1."""
    if config.optimizer == "apollo":
        return Apollo(
            parameters,
            lr=rate,
            rank=config.rank,
            scaling=config.scaling,
            projection=config.projection,
            seed=config.seed,
        )
    if config.optimizer == "adamw":
        return torch.optim.AdamW(parameters, lr=rate, weight_decay=0.0)
    if config.optimizer == "sgd":
        return torch.optim.SGD(parameters, lr=rate)
    raise ValueError(f"--optimizer {config.optimizer}: unknown; choose {', '.join(OPTIMIZERS)}")
