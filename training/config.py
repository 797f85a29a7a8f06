"""The settings of a measured training, with their flags and bounds. Neither torch nor any model is needed to read them.

The command line, the check of the values, the log's header and the command that repeats a run all come from here.
"""

import argparse
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, fields
from pathlib import Path
from typing import Any

from common.assets import NOVICE
from common.flags import faults, option, values, words
from common.numbers import SEED_MAX
from training.run_folder import check_out
from training.units import short, units

BEHAVIOURS = ("sight", "listen")  # those that make their own lessons; others are files
FILES = ".jsonl"  # how the name of a behaviour's file ends
DEVICES = ("auto", "cpu", "cuda", "mps")
OPTIMIZERS = ("apollo", "adamw", "sgd")
SCALINGS = ("channel", "tensor")
PROJECTIONS = ("gaussian", "sketch")
TRAIN = "attention"  # the default, which --heads and --mlps narrow
TRAINABLE = ("q", "attention", "mlps", "all")
PRECISIONS = ("float32", "bfloat16")
HAUNTED = 0.45  # of a dream's places; in the realm it is 0.2, in which a mind grows too cautious (docs/LOG.md)
CONTROLS = ("", "shuffled", "rehearsal")
RATES = {"apollo": 6e-3, "adamw": 1e-3, "sgd": 0.3}  # chosen by the sweep in docs/RESULTS.md
RATE_MAX = 1_000.0
RANK_MAX = 65_536
STEPS_MAX = 10_000_000
SCENES_MAX = 100_000  # lessons or probes: all of them are in memory
QUESTIONS_MAX = 1_000  # of one scene
BATCH_MAX = 4_096  # scenes of a step
# What `experiment` may change of all arms: of a training, and of how it learns.
CHANGEABLE = (
    "steps", "measure_every", "gain_only", "optimizer", "rank", "lr", "train", "heads", "mlps", "others", "base_cache",
    "scenes", "precision",
)  # fmt: skip


@dataclass(frozen=True)
class TeachConfig:
    """Everything that decides how lessons change the weights. lr None: the optimizer's own default."""

    optimizer: str = option("apollo", "what moves the weights", choices=OPTIMIZERS)
    rank: int = option(64, "rank of APOLLO's gradient statistics", bounds=(1, RANK_MAX), metavar="N")
    scaling: str = option("channel", "APOLLO's", choices=SCALINGS)
    projection: str = option("gaussian", "APOLLO's", choices=PROJECTIONS)
    lr: float | None = option(
        None,
        "learning rate (default: apollo 6e-3, adamw 1e-3, sgd 0.3; 0: a control that learns nothing)",
        bounds=(0, RATE_MAX), metavar="RATE",
    )  # fmt: skip
    train: str = option(TRAIN, "which weights learn", choices=TRAINABLE)
    heads: str = option("", "these heads alone learn: LAYER.HEAD, with commas (5.1,6.3)", metavar="HEADS")
    mlps: str = option("", "these layers' MLPs alone learn, with commas (3,4); beside --heads, both", metavar="LAYERS")
    others: float = option(
        0.0, "with --heads or --mlps: every other head and MLP learns at this share of the rate",
        bounds=(0, 1), metavar="SHARE",
    )  # fmt: skip
    full: bool = option(
        False, "", flag="", switches={"--full": (True, "gradient through the context too (no freezing)")}
    )
    base_cache: bool = option(
        False, "", flag="",
        switches={
            "--base-cache": (True, "learn and decide on contexts that the model as it was before has read"),
            "--no-base-cache": (False, "the model reads its contexts itself, as it is at each step"),
        },
    )  # fmt: skip
    dreams: bool = option(True, "", flag="", switches={"--no-dreams": (False, "teach lesson scenes as they were")})
    haunted: float = option(HAUNTED, "share of a dream's places that hold a spirit", bounds=(0, 1), metavar="SHARE")
    rehearse: int = option(
        6, "mundane questions rehearsed for each scene", bounds=(0, QUESTIONS_MAX), metavar="N",
        switches={"--no-rehearsal": (0, "rehearse no mundane questions")},
    )  # fmt: skip
    scenes: int = option(8, "scenes of each step", bounds=(1, BATCH_MAX), metavar="N")
    parts: int = option(1, "gradient accumulation: a step in so many parts", bounds=(1, BATCH_MAX), metavar="N")
    reuse: int = option(0, "steps that one cache of contexts serves (0: fresh)", bounds=(0, STEPS_MAX), metavar="N")
    precision: str = option("float32", "of the forward pass", choices=PRECISIONS)
    warmup: int = option(10, "steps over which the rate rises", bounds=(1, STEPS_MAX), metavar="N")
    # Steps after the last lesson in which the rate falls to nothing; it stays for the first third of them. `learn` sets
    # it to the number of its steps.
    settle: int = option(300, "", flag="", bounds=(1, STEPS_MAX))
    seed: int = option(
        0, "of practice alone (default: the training's --seed)", flag="--teach-seed", bounds=(0, SEED_MAX), metavar="S"
    )

    def check(self) -> None:
        """Raises ValueError in one line for settings that cannot be."""
        _raise_first(self.faults(), listed=False)

    def faults(self) -> list[str]:
        """Everything that is wrong with these settings, one line each."""
        lines = faults(self)
        if not lines and self.parts > self.scenes:
            lines.append(f"--parts {self.parts}: must be from 1 to the number of scenes, {self.scenes}")
        if not lines and self.reuse > 1 and self.full:
            lines.append("--reuse: with --full there is no cache of contexts to reuse; leave one of them out")
        if not lines and self.base_cache and self.full:
            lines.append("--base-cache: with --full the gradient goes through the contexts; leave one of them out")
        return lines or self._unit_faults()

    def _unit_faults(self) -> list[str]:
        """What is wrong with the units that train alone."""
        if not self.restricted:
            return [f"--others {self.others:g}: needs --heads or --mlps, whose others it slows"] if self.others else []
        lines = []
        for field_name in ("trained_heads", "trained_mlps"):
            try:
                getattr(self, field_name)
            except ValueError as error:
                lines.append(str(error))
        if self.train != TRAIN:
            flag = "--heads" if self.heads else "--mlps"
            lines.append(
                f"--train {self.train}: {flag} {short(getattr(self, flag[2:]))} says what trains; leave one out"
            )
        return lines

    @property
    def restricted(self) -> bool:
        """Whether chosen heads or MLPs train, not `train`."""
        return bool(self.heads or self.mlps)

    @property
    def trained_heads(self) -> tuple[tuple[int, int], ...]:
        """(layer, head) of `heads`. Raises ValueError for what is no list of heads."""
        return tuple((unit[0], unit[1]) for unit in units("--heads", self.heads, 2, "LAYER.HEAD, as in 5.1,6.3"))

    @property
    def trained_mlps(self) -> tuple[int, ...]:
        """The layers of `mlps`. Raises ValueError for what is no list of layers."""
        return tuple(unit[0] for unit in units("--mlps", self.mlps, 1, "layers, as in 3,4"))


@dataclass(frozen=True)
class LearnConfig:
    """Everything that decides a measured training; lr and the rest of how it learns stand in `teach`.

    behaviour: sight, listen, or the path of a FILE.jsonl (docs/behaviours.md); then its probes stand in probe_file, and
    all lines of both count, not `lessons` and `probes`. control: "shuffled" deals the answers out anew, "rehearsal"
    leaves the labelled decisions out of the loss, with the same scenes, steps and rates. probe_seed: of the scenes
    measured on; None for the run's own. Paths may be given as text or as Path.
    """

    behaviour: str = option("sight", "sight, listen, or a FILE.jsonl (docs/behaviours.md)", metavar="WHAT")
    model: str = option(
        str(NOVICE), "a model folder, FILE.gguf, smollm2, or hub:ORG/NAME (default: the novice)", metavar="DIR"
    )
    teach: TeachConfig = field(default_factory=TeachConfig)
    lessons: int = option(
        64, "lesson scenes (default 64; of a file, all lines are lessons)", bounds=(1, SCENES_MAX), metavar="N"
    )
    spirits: int = option(
        0, "sight: no more lessons once so many spirits were shown", bounds=(0, SCENES_MAX), metavar="N"
    )
    steps: int = option(300, "steps of practice", bounds=(1, STEPS_MAX), metavar="N")
    probes: int = option(
        160, "unseen scenes to measure on (default 160), or a FILE.jsonl", bounds=(1, SCENES_MAX), metavar="WHAT"
    )
    measure_every: int = option(20, "steps between two points of the curve", bounds=(1, STEPS_MAX), metavar="N")
    control: str = option(
        "", "", flag="", choices=CONTROLS,
        switches={
            "--shuffled": ("shuffled", "a control: answers dealt out anew"),
            "--rehearsal-only": ("rehearsal", "a control: what the lessons label is left out"),
        },
    )  # fmt: skip
    probe_file: Path | None = option(None, "probes as a FILE.jsonl", flag="--probes", suffix=FILES)
    probe_seed: int | None = option(
        None, "of the unseen scenes (default: the seed's own)", bounds=(0, SEED_MAX), metavar="S"
    )
    gain_only: bool = option(
        False, "", flag="",
        switches={"--gain-only": (True, "log the gain along the path, on which verdicts rest, and no more: less than "
                                        "half the time; scores are of the curve's probes")},
    )  # fmt: skip
    scores_only: bool = option(
        False, "", flag="",
        switches={"--scores-only": (True, "measure no heads: of a large model most of the time goes into them")},
    )  # fmt: skip
    device: str = option("auto", "auto, cpu, cuda or mps", choices=DEVICES)
    seed: int = option(0, "of lessons, probes and practice", bounds=(0, SEED_MAX), metavar="S")
    out: Path | None = option(None, "folder for log.msgpack and the trained model", metavar="RUN")

    def __post_init__(self) -> None:
        """Text and Path are both taken for what names a file or folder; each field keeps its own type."""
        for name, kind in (("behaviour", str), ("model", str), ("probe_file", Path), ("out", Path)):
            value = getattr(self, name)
            if isinstance(value, str | Path):
                object.__setattr__(self, name, kind(value))

    def check(self) -> None:
        """Raises ValueError in one line, before anything is made. What is in the files: training.behaviours.check."""
        _raise_first(self.faults(), listed=isinstance(self.behaviour, str) and self.from_files)

    def faults(self) -> list[str]:
        """Everything that is wrong with these settings, one line each."""
        lines = [*faults(self), *self.teach.faults()]
        if not lines and self.control == "rehearsal" and not self.teach.rehearse:
            lines.append("--rehearsal-only with --no-rehearsal leaves nothing to learn; leave one of them out")
        if not lines and self.spirits and self.behaviour != "sight":
            lines.append(f"--spirits {self.spirits}: a number of spirits to show, for --behaviour sight alone")
        if not lines and self.gain_only and self.scores_only:
            lines.append("--gain-only with --scores-only: one measures the gain, the other not; leave one of them out")
        if isinstance(self.behaviour, str) and isinstance(self.probe_file, Path | None):
            lines += self._source_faults()
        if isinstance(self.out, Path):
            try:
                check_out(self.out)
            except ValueError as error:
                lines.append(str(error))
        return lines

    def _source_faults(self) -> list[str]:
        """What is wrong with where lessons and probes come from."""
        name, probes = self.behaviour, self.probe_file
        if name in BEHAVIOURS:
            wrong = probes is not None
            return [f"--probes {probes}: --behaviour {name} makes its own; give the number of scenes"] if wrong else []
        if not self.from_files:
            return [f"--behaviour {name}: not known; choose {', '.join(BEHAVIOURS)}, or give a FILE{FILES}"]
        if probes is None:
            return [f"--behaviour {name}: give its probes too: --probes FILE{FILES}"]
        if self.probe_seed is not None:
            return [f"--probe-seed {self.probe_seed}: all lines of {probes} are probes; leave it out"]
        return []

    @property
    def compares_heads(self) -> bool:
        """Whether heads are watched and compared, one by one."""
        return not self.gain_only and not self.scores_only

    @property
    def from_files(self) -> bool:
        """Whether lessons and probes are lines of files."""
        return self.behaviour.endswith(FILES)

    @property
    def probing(self) -> int:
        """The seed of the scenes measured on."""
        return self.seed if self.probe_seed is None else self.probe_seed


def _raise_first(lines: list[str], listed: bool) -> None:
    """listed: whether --check lists all of them."""
    if lines:
        more = f" (and {len(lines) - 1} more{': --check lists them' * listed})" if len(lines) > 1 else ""
        raise ValueError(lines[0] + more)


def learn_config(options: argparse.Namespace) -> LearnConfig:
    """The training that a command line asks for; --seed is that of practice too. Raises ValueError."""
    arguments = values(options, LearnConfig)
    if "lessons" in arguments and str(arguments.get("behaviour")).endswith(FILES):
        raise ValueError(
            f"--lessons {arguments['lessons']}: all lines of {arguments['behaviour']} are lessons; leave it out"
        )
    practice = {"seed": arguments.get("seed", LearnConfig.seed)} | values(options, TeachConfig)
    return LearnConfig(**arguments, teach=TeachConfig(**practice))


def command_of(config: LearnConfig) -> list[str]:
    """The words behind `main.py` that repeat a training: what is not at its default, and the seed."""
    practice = [] if config.teach.seed == config.seed else ["--teach-seed", str(config.teach.seed)]
    teach = words(TeachConfig(**{**_shallow(config.teach), "seed": TeachConfig.seed}))
    own = words(LearnConfig(**{**_shallow(config), "seed": LearnConfig.seed}))
    return ["learn", *own, *teach, "--seed", str(config.seed), *practice]


def _shallow(config: Any) -> dict[str, Any]:
    return {item.name: getattr(config, item.name) for item in fields(config)}


def flat(config: LearnConfig) -> dict[str, Any]:
    """All settings by name, as logs and result files keep them: teach_* is how it learns. Without `out`."""
    every = asdict(config)
    teach = every.pop("teach")
    del every["out"]
    return every | {f"teach_{key}": value for key, value in teach.items()}


def from_flat(settings: Mapping[str, Any]) -> LearnConfig:
    """The training that a log's settings tell of; what they don't hold is at its default, the device too.

    Raises ValueError for values that no training has.
    """
    own = {item.name for item in fields(LearnConfig)} - {"teach", "out", "device"}
    teach = {item.name: settings[f"teach_{item.name}"] for item in fields(TeachConfig)
             if f"teach_{item.name}" in settings}  # fmt: skip
    config = LearnConfig(**{name: settings[name] for name in own & settings.keys()}, teach=TeachConfig(**teach))
    config.check()
    return config
