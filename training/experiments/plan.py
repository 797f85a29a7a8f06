"""An experiment as data: arms x seeds of measured trainings, learning rates to choose among first, and one score."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any

from training.learn import LearnConfig

QUICK = {"lessons": 6, "steps": 4, "probes": 6, "measure_every": 2}  # a smoke test, not a measurement


@dataclass(frozen=True)
class Arm:
    """One way to train. Its seed and folder are filled in per run."""

    name: str
    config: LearnConfig = field(default_factory=LearnConfig)

    def seeded(self, seed: int) -> LearnConfig:
        """The training of one seed: lessons, dreams and probes are all drawn from it."""
        return replace(self.config, seed=seed, teach=replace(self.config.teach, seed=seed))

    def at_rate(self, lr: float, steps: int) -> "Arm":
        """The same arm at another learning rate, for a sweep of so many steps."""
        config = replace(self.config, steps=steps, teach=replace(self.config.teach, lr=lr))
        return Arm(f"{self.name}-lr{lr:g}", config)


@dataclass(frozen=True)
class Outcome:
    """One finished training. result: what `learn` returned (DESIGN.md); log: its head-diff log; commit: that ran it."""

    arm: str
    seed: int
    settings: dict[str, Any]
    result: dict[str, Any]
    log: Path
    commit: str


Score = Callable[[Sequence[Outcome]], dict[str, Any]]


@dataclass(frozen=True)
class Experiment:
    """Arms, seeds, one score. rates: arm -> learning rates among which a sweep on `sweep_seed` chooses first."""

    name: str
    about: str
    arms: tuple[Arm, ...]
    seeds: tuple[int, ...]
    score: Score
    rates: Mapping[str, tuple[float, ...]] = field(default_factory=dict)
    sweep_seed: int = 100  # not among the seeds that are scored
    sweep_steps: int = 150

    def quick(self) -> "Experiment":
        """The same path in a minute or two: one seed, a handful of steps, two rates."""
        arms = tuple(Arm(arm.name, replace(arm.config, **QUICK)) for arm in self.arms)  # type: ignore[arg-type]
        rates = {name: found[:2] for name, found in list(self.rates.items())[:1]}
        return replace(self, arms=arms, seeds=self.seeds[:1], rates=rates, sweep_steps=QUICK["steps"])

    def on(self, model: str) -> "Experiment":
        """The same experiment on another base model."""
        return replace(self, arms=tuple(Arm(arm.name, replace(arm.config, model=model)) for arm in self.arms))

    def sweep(self) -> tuple[Arm, ...]:
        """The arms of the sweep: every rate of every arm that has rates."""
        return tuple(arm.at_rate(lr, self.sweep_steps) for arm in self.arms for lr in self.rates.get(arm.name, ()))

    def chosen(self, swept: Sequence[Outcome]) -> tuple[Arm, ...]:
        """The arms at the rates that the sweep found best (`merit`); arms without rates as they are."""
        arms = []
        for arm in self.arms:
            tried = [outcome for outcome in swept if outcome.arm.startswith(f"{arm.name}-lr")]
            if tried:
                best = max(tried, key=merit)
                arm = Arm(arm.name, replace(arm.config, teach=replace(arm.config.teach, lr=best.settings["teach_lr"])))
            arms.append(arm)
        return tuple(arms)


def merit(outcome: Outcome) -> float:
    """By what a rate is chosen: d' on unseen scenes, less what mundane accuracy fell below 99 % (in points)."""
    after = outcome.result["after"]
    return float(after["d_prime"]) - max(0.0, 99.0 - 100 * after["mundane"])


def settings(config: LearnConfig) -> dict[str, Any]:
    """A configuration as flat plain data, for a result file: teach_* is how it learns."""
    flat = asdict(config) | {f"teach_{key}": value for key, value in asdict(config.teach).items()}
    return {key: value for key, value in flat.items() if key not in ("teach", "out", "device")}
