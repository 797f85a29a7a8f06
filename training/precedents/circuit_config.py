"""Settings of `main.py circuit`, and what can be known to be wrong before torch is imported."""

from dataclasses import dataclass
from pathlib import Path

from common.flags import faults, option
from training.precedents.early_checks import check_input, check_new_folder
from training.units import units

SUBJECT, NAMES = "subject", "names"  # what the answer to a two-name story competes with
SIGHT, LISTEN = "sight", "listen"
IOI = "ioi"
FILE = ".jsonl"
PROMPTS_MIN = 4  # that a task needs


@dataclass(frozen=True)
class CircuitConfig:
    """Settings of a search."""

    prompts: int = option(64, "prompts of the task (default 64)", bounds=(PROMPTS_MIN, 4_096), metavar="N")
    random: int = option(200, "random circuits of the same size (default 200)", bounds=(20, 10_000), metavar="N")
    most: float = option(0.4, "share of all heads that growing stops at (default 0.4)", bounds=(0.0, 1.0), above=0.0)
    least: float = option(0.01, "effect from which a head counts (default 0.01)", bounds=(0.0, 0.5), above=0.0)
    against: str = option(NAMES, "ioi: what the answer competes with (default names)", choices=(SUBJECT, NAMES))


@dataclass(frozen=True)
class CircuitOptions:
    """What a command asks for."""

    task: str
    model: str
    config: CircuitConfig
    tuned: str | None = None
    heads: str | None = None
    out: Path | None = None
    device: str = "cpu"
    seed: int = 0

    def named(self) -> list[tuple[int, int]]:
        """The heads of --heads. Raises ValueError for what names none."""
        return sorted((layer, head) for layer, head in units("--heads", self.heads or "", 2, "heads as 5.1,6.3"))

    def check(self) -> None:
        """Raises ValueError or OSError for what can be known to be wrong before a model is loaded."""
        if wrong := faults(self.config):
            raise ValueError(wrong[0])
        if self.task not in (IOI, SIGHT, LISTEN) and not self.task.endswith(FILE):
            raise ValueError(f"--task {self.task[:60]}: unknown; choose {IOI}, {SIGHT}, {LISTEN} or a FILE{FILE}")
        if self.task.endswith(FILE):
            check_input("--task", Path(self.task), "docs/circuits.md says what one holds")
        if self.tuned is not None and self.task not in (SIGHT, LISTEN):
            raise ValueError(f"--tuned: goes with --task {SIGHT} or {LISTEN}; leave it out")
        if self.heads is not None and not self.heads.strip():
            raise ValueError("--heads: no head named; give heads as 5.1,6.3")
        self.named()  # raises ValueError
        if self.out is not None:
            check_new_folder(self.out)
