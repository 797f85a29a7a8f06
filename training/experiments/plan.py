"""An experiment as data: arms x seeds of measured trainings, learning rates to choose among first, and one score."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, field, fields, replace
from pathlib import Path
from typing import Any, Protocol, Self

from common.flags import words
from common.numbers import SEED_MAX
from training.config import TRAIN, LearnConfig, TeachConfig
from training.heads.run_log import from_root
from training.progress import Report

QUICK = {"lessons": 6, "steps": 4, "probes": 6, "measure_every": 2}  # a smoke test, not a measurement
SEEDS_MAX = 10_000  # of one experiment
TEACH = frozenset(item.name for item in fields(TeachConfig)) - {"seed"}  # the other settings are LearnConfig's
# How the runs of a verdict read: contexts are those of the model as it was before. By `experiment frozen` that learns
# as much, by the same heads, and the gain along a path takes half the time.
READING: dict[str, Any] = {"base_cache": True}
# The trainings of a verdict, and those by which its rule is calibrated: steps, at which learning is nearly done; steps
# between two states of the path; probes, of which those are chosen that balance the chunks.
STEPS, EVERY, PROBES = 100, 20, 160
PROBE_SEED = 9_000  # of what all runs of an experiment are measured on, where runs are compared head by head


@dataclass(frozen=True)
class Arm:
    """One kind of training. Its seed and folder are filled in per run. first: added to the experiment's seeds."""

    name: str
    config: LearnConfig = field(default_factory=LearnConfig)
    first: int = 0

    def seeded(self, seed: int) -> LearnConfig:
        """The training of one seed: lessons, dreams and (without a probe_seed) probes are all drawn from it."""
        own = self.first + seed
        return replace(self.config, seed=own, teach=replace(self.config.teach, seed=own))

    def changed(self, **changes: Any) -> "Arm":
        """The same arm with other settings, of its training or of how it learns."""
        own = {name: value for name, value in changes.items() if name not in TEACH}
        teach = {name: value for name, value in changes.items() if name in TEACH}
        return replace(self, config=replace(self.config, **own, teach=replace(self.config.teach, **teach)))

    def at_rate(self, lr: float, steps: int) -> "Arm":
        """The same arm at another learning rate, for a sweep of so many steps."""
        config = replace(self.config, steps=steps, teach=replace(self.config.teach, lr=lr))
        return replace(self, name=f"{self.name}-lr{lr:g}", config=config)


@dataclass(frozen=True)
class Outcome:
    """One finished training. result: what `learn` returned; log: its head-diff log; commit: that ran it.

    base: which of the experiment's base models it started from. rests_on: the hashes of its data, its model and more
    (`training.provenance`); empty of runs of older versions. files: the hashes of what lies in its folder,
    by name.
    """

    arm: str
    seed: int
    settings: dict[str, Any]
    result: dict[str, Any]
    log: Path
    commit: str
    base: int = 0
    rests_on: dict[str, str] = field(default_factory=dict)
    files: dict[str, str] = field(default_factory=dict)

    @property
    def folder(self) -> Path:
        return self.log.parent


Score = Callable[[Sequence[Outcome]], dict[str, Any]]


class Stage(Protocol):
    """What an experiment does with its finished runs before it is scored; resumable, in processes of its own.

    `any_arms`, if it has that and it is true: some arms are enough for it. `no_logs`: it does without the runs' logs.
    """

    def check(self) -> None:
        """Raises ValueError, before anything runs, for what would be missing later."""

    def run(self, runs: "Runs", workers: int, report: Report) -> dict[str, Any]:
        """What it adds to the score. Raises ValueError for runs that don't fit."""

    def quick(self) -> Self:
        """The same path in a few seconds."""


@dataclass(frozen=True)
class Experiment:
    """Arms, seeds, one score. rates: arm -> learning rates among which a sweep on `sweep_seed` chooses first.

    bases: the base models, if not the arms' own. keeps_weights: whether runs leave their weight delta. stage: what
    comes after the runs; its findings stand in the score. some: whether arms were left out. scores_alone: whether no
    heads are measured, and runs leave no logs. elsewhere: arms that run on further base models too; by default all.
    asked: words of the command line that changed it, for its report.
    """

    name: str
    about: str
    arms: tuple[Arm, ...]
    seeds: tuple[int, ...]
    score: Score
    rates: Mapping[str, tuple[float, ...]] = field(default_factory=dict)
    sweep_seed: int = 100  # not among the seeds that are scored
    sweep_steps: int = 150
    bases: tuple[str, ...] = ()
    keeps_weights: bool = False
    stage: Stage | None = None
    some: bool = False
    scores_alone: bool = False
    elsewhere: tuple[str, ...] = ()
    asked: tuple[str, ...] = ()

    def quick(self) -> "Experiment":
        """The same path in a minute or two: one seed (two if a stage compares them), a handful of steps, two rates."""
        arms = tuple(replace(arm, config=replace(arm.config, **QUICK)) for arm in self.arms)  # type: ignore[arg-type]
        rates = {name: tried[:2] for name, tried in list(self.rates.items())[:1]}
        stage = None if self.stage is None else self.stage.quick()
        seeds = self.seeds[: 1 if stage is None else 2]
        return replace(self, arms=arms, seeds=seeds, rates=rates, sweep_steps=QUICK["steps"], stage=stage)

    def on(self, *models: str) -> "Experiment":
        """The same experiment on these base models."""
        if len(set(models)) != len(models):
            raise ValueError(f"--model: {', '.join(models)}: the same base model twice; give each once")
        return replace(self, bases=models).based(0)

    def based(self, base: int) -> "Experiment":
        """With the arms of one of its base models."""
        if not self.bases:
            return self
        model = self.bases[base]
        arms = [arm for arm in self.arms if base == 0 or not self.elsewhere or arm.name in self.elsewhere]
        return replace(self, arms=tuple(replace(arm, config=replace(arm.config, model=model)) for arm in arms))

    def taking(self, seeds: int) -> "Experiment":
        """The same with so many seeds."""
        if not 1 <= seeds <= SEEDS_MAX:
            raise ValueError(f"--seeds {seeds}: must be from 1 to {SEEDS_MAX}")
        return replace(self, seeds=tuple(range(seeds)))

    def sweeping(self, steps: int) -> "Experiment":
        """The same with a sweep of so many steps; 0: without one, at the arms' own rates."""
        if steps < 0:
            raise ValueError(f"--sweep-steps {steps}: must be 0 or more")
        if steps and not self.rates:
            raise ValueError(f"--sweep-steps {steps}: {self.name} sweeps no rates; leave it out")
        flag_words = (*self.asked, "--sweep-steps", str(steps))
        return (
            replace(self, sweep_steps=steps, asked=flag_words) if steps else replace(self, rates={}, asked=flag_words)
        )

    def without_logs(self, score: Score) -> "Experiment":
        """The same with scores alone, by `score`; of a large model most of the time goes into its heads.

        Raises ValueError where a stage compares all arms by their logs.
        """
        if self.stage is not None and not getattr(self.stage, "any_arms", False):
            raise ValueError(f"--scores-only: {self.name} compares what heads did; leave it out")
        stage = self.stage if getattr(self.stage, "no_logs", False) else None
        flag_words = (*self.asked, "--scores-only")
        return replace(self, score=score, stage=stage, keeps_weights=False, scores_alone=True, asked=flag_words)

    def only(self, *names: str) -> "Experiment":
        """The same with these arms alone. Raises ValueError for an unknown arm, or where a stage needs them all."""
        known = [arm.name for arm in self.arms]
        odd = [name for name in names if name not in known]
        if odd:
            raise ValueError(f"--arm {odd[0]}: {self.name} has none of that name; choose among {', '.join(known)}")
        if self.stage is not None and not getattr(self.stage, "any_arms", False):
            raise ValueError(f"--arm: {self.name} compares all its arms; leave it out")
        arms = tuple(arm for arm in self.arms if arm.name in names)
        return replace(self, arms=arms, rates={n: r for n, r in self.rates.items() if n in names}, some=True)

    def changed(self, changes: Mapping[str, Any]) -> "Experiment":
        """The same with some settings of every arm changed: names of LearnConfig or of TeachConfig.

        Raises ValueError for a setting in which the arms differ, or that a sweep chooses, and for one that can't be.
        """
        if self.scores_alone and changes.get("gain_only"):
            raise ValueError(
                "--gain-only with --scores-only: one measures the gain, the other not; leave one of them out"
            )
        arms = list(self.arms)
        narrowed = {"train": TRAIN} if changes.get("heads") or changes.get("mlps") else {}  # what they narrow
        for name, value in (narrowed | dict(changes)).items():
            flag = "--" + name.replace("_", "-")
            present = {getattr(arm.config.teach if name in TEACH else arm.config, name) for arm in self.arms}
            if (len(present) > 1 and name != "gain_only") or (name == "lr" and self.rates):
                raise ValueError(f"{flag} {value}: the arms of {self.name} differ in it, or it is swept; leave it out")
            arms = [arm.changed(**{name: value}) for arm in arms]
        for arm in arms:
            arm.config.check()
        teach = {name: value for name, value in changes.items() if name in TEACH}
        own = {name: value for name, value in changes.items() if name not in TEACH}
        flag_words = (*self.asked, *words(LearnConfig(**own), own), *words(TeachConfig(**teach), teach))
        return replace(self, arms=tuple(arms), asked=flag_words)

    def from_seed(self, first: int) -> "Experiment":
        """The same on seeds of their own, `first` and those after it; the sweep's lies as far from them as before."""
        most = SEED_MAX - max(*self.seeds, self.sweep_seed)
        if not 0 <= first <= most:
            raise ValueError(f"--seed {first}: must be from 0 to {most}, so that the seeds after it fit too")
        return replace(self, seeds=tuple(first + seed for seed in self.seeds), sweep_seed=first + self.sweep_seed)

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
                teach = replace(arm.config.teach, lr=best.settings["teach_lr"])
                arm = replace(arm, config=replace(arm.config, teach=teach))
            arms.append(arm)
        return tuple(arms)


@dataclass(frozen=True)
class Runs:
    """An experiment at its chosen rates, all its finished runs, and the folder of each base model."""

    experiment: Experiment
    outcomes: Sequence[Outcome]
    folders: Sequence[Path]

    def of(self, base: int) -> list[Outcome]:
        """The runs of one base model."""
        return [outcome for outcome in self.outcomes if outcome.base == base]


def merit(outcome: Outcome) -> float:
    """By what a rate is chosen: d' on unseen scenes, less what mundane accuracy fell below 99 % (in points).

    A model that had less before it learned has to keep what it had. Hits count where nothing can be a false alarm,
    four for all of them, which is about what d' then is.
    """
    before, after = (outcome.result[when] for when in ("before", "after"))
    least = min(99.0, 100 * before["mundane"])
    told_apart = 4 * after["hits"] if after["d_prime"] is None else after["d_prime"]
    return float(told_apart) - max(0.0, least - 100 * after["mundane"])


def settings(config: LearnConfig) -> dict[str, Any]:
    """A configuration as flat plain data, for a result file: teach_* is how it learns."""
    flat = asdict(config) | {f"teach_{key}": value for key, value in asdict(config.teach).items()}
    flat = {key: from_root(value) for key, value in flat.items()}
    flat = {key: str(value) if isinstance(value, Path) else value for key, value in flat.items()}
    return {key: value for key, value in flat.items() if key not in ("teach", "out", "device")}
