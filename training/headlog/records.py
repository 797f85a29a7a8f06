"""What a head-diff log holds, as types: version 3, and what of it versions 1 and 2 had. The bytes: docs/log-format.md.

Formulae and units of the per-head numbers: docs/measurement.md. The bounds of all numbers stand here, too;
`training.headlog.bounds` checks them. This module needs neither torch nor files.
"""

from dataclasses import dataclass
from typing import Annotated, Any, Final, Literal, TypeVar

from msgspec import Meta, Struct

FORMAT: Final = "second-sight-log"
VERSION: Final = 3
MLPS_SINCE = 3  # the first version in which a place may be a layer's MLP
RECORD_MAX = 2**20  # bytes; unpacked, a hostile record grows up to 64-fold (a list takes one byte, and 56 in memory)
TEXT_MAX = 65_536  # bytes
ITEMS_MAX = 1024  # a reader may reserve room for them before it sees them, at each level of nesting
HEADS_MAX = 65_536  # in all layers together
COUNT_MAX = 2**53  # steps, decisions and such; beyond, floats are no longer exact
INTEGER_MAX = 2**63 - 1  # of seeds and settings, in absolute value
REAL_MAX = 1e100  # the absolute value of a finite number; its square and sums of it are finite, too

Count = Annotated[int, Meta(ge=0, le=COUNT_MAX)]
Size = Annotated[int, Meta(ge=1, le=ITEMS_MAX)]
Grid = tuple[tuple[float, ...], ...]  # [layer][head]
Place = tuple[Count, Count]  # layer, head; from version 3 on, a head of H (heads a layer) is the layer's MLP
Scores = dict[str, float | None]
Number = float | int | None
Kind = TypeVar("Kind")


class LogError(ValueError):
    """A log that cannot be read, written or shown. One line: where, what, and how to mend it."""


class Header(Struct, frozen=True, kw_only=True, tag="header", tag_field="type"):
    format: Literal["second-sight-log"] = FORMAT
    version: Literal[1, 2, 3] = VERSION
    model: str
    model_hash: str
    data_hash: str
    commit: str
    seeds: dict[str, int]
    config: dict[str, str | int | float | bool | None]
    layers: Size
    heads: Size
    created: str


class Curve(Struct, frozen=True, kw_only=True, tag="curve", tag_field="type"):
    step: Count
    loss: float | None
    hits: float | None
    false_alarms: float | None
    d_prime: float | None
    mundane: float | None
    seconds: float


class Snapshot(Struct, frozen=True, kw_only=True, tag="snapshot", tag_field="type"):
    step: Count
    phase: Literal["before", "during", "after"]
    own: Grid = ()
    pattern: Grid = ()
    cue_mass: Grid = ()
    entropy: Grid = ()
    activity: Grid = ()
    gradient: Grid = ()
    each: Grid = ()  # [decision][layer * heads + head] direct effects
    tick: Count | None = None  # of a journey: when in its realm; then what the mind saw, was taught last, and believed
    scene: str = ""
    lesson: str = ""
    beliefs: tuple[tuple[str, str, float], ...] = ()  # (place, species, probability)


class HeadRow(Struct, frozen=True, kw_only=True, tag="head", tag_field="type"):
    layer: Count
    head: Count
    gain: float | None
    own: float
    inherited: float
    pattern: float
    cue_mass_before: float
    cue_mass_after: float
    cue_lift_before: float = 0.0
    cue_lift_after: float = 0.0
    entropy_before: float
    entropy_after: float
    direct_before: float = 0.0
    direct_after: float = 0.0
    weights: dict[str, float]
    products: dict[str, float] = {}
    gradients: dict[str, float] = {}


class Probes(Struct, frozen=True, kw_only=True, tag="probes", tag_field="type"):
    """The probes on which heads were compared, or the gain was measured; the same hash, the same probes."""

    what: Literal["heads", "gain"]
    hash: str
    decisions: Count
    before: tuple[float, ...] = ()
    after: tuple[float, ...] = ()
    plain_before: tuple[float, ...] = ()  # plain cross-entropy, where `before` is of usable information
    plain_after: tuple[float, ...] = ()


class Information(Struct, frozen=True, kw_only=True, tag="information", tag_field="type"):
    """What the beliefs before and after tell of the answers, nats a decision (`training.heads.usable_information`).

    entropy: of the answers. plain: cross-entropy among the candidates. calibrated: with the best biases and scale.
    crossed: each half of the chunks with the biases and scale of the other half; None where there is but one chunk.
    """

    decisions: Count
    entropy: float
    plain_before: float
    plain_after: float
    calibrated_before: float
    calibrated_after: float
    crossed_before: float | None
    crossed_after: float | None

    @property
    def share_before(self) -> float:
        """Of what there is to know, how much the beliefs before tell."""
        return self._share(self.calibrated_before)

    @property
    def share_after(self) -> float:
        """The same of the beliefs after."""
        return self._share(self.calibrated_after)

    @property
    def base_rate(self) -> float:
        """The part of the fall in plain cross-entropy that biases and a scale bring alone: no information. Nats."""
        return (self.plain_before - self.plain_after) - (self.calibrated_before - self.calibrated_after)

    def _share(self, calibrated: float) -> float:
        return (self.entropy - calibrated) / self.entropy if self.entropy else 0.0


class Allocation(Struct, frozen=True, kw_only=True, tag="gain", tag_field="type"):
    """One chunk of probes' gain, shared out along the training's path or the straight line through the weights."""

    along: Literal["path", "line"]
    chunk: Count
    decisions: Count
    loss: Literal["usable", "plain"] = "plain"
    heads: Grid
    matrices: tuple[Grid, ...] = ()  # heads by W_Q, W_K, W_V, W_O; empty in logs from before they were noted
    mlps: tuple[float, ...] = ()  # of each layer; empty where no MLP trained, and in versions 1 and 2
    rest: float
    whole: float
    residual: float


class Swap(Struct, frozen=True, kw_only=True, tag="swap", tag_field="type"):
    """A set of units swapped by activation patching: insert is denoising, remove is noising (`training.heads.swaps`).

    None where it was not measured, or where there is no gain to share.
    """

    what: Literal["output", "weight"]
    name: str
    heads: tuple[Place, ...]
    insert: float | None
    remove: float | None
    decisions: Count = 0


class Whole(Struct, frozen=True, kw_only=True, tag="whole", tag_field="type"):
    """A number about the whole model."""

    name: str
    value: float | None
    about: str


class Judgement(Struct, frozen=True, kw_only=True, tag="verdict", tag_field="type"):
    """What `training.verdict.verdict` said, and every number that it rests on."""

    word: str
    reason: str
    rule: Count
    numbers: dict[str, Number | list[Number]]
    core: tuple[Place, ...] = ()
    significant: tuple[Place, ...] = ()
    caveats: tuple[str, ...] = ()


class Summary(Struct, frozen=True, kw_only=True, tag="summary", tag_field="type"):
    before: Scores
    after: Scores
    gain: float | None
    residual: float | None
    rest: float | None = None
    mlps: float | None = None  # what all MLPs brought; None where none trained
    steps: Count
    seconds: float
    spirits_shown: Count
    empties_shown: Count
    lessons: Count
    gradients: dict[str, float] = {}


class End(Struct, frozen=True, tag="end", tag_field="type"):
    """The run closed its log itself."""


Record1 = Curve | Snapshot | HeadRow | Summary | End
Record2 = Record1 | Probes | Allocation | Swap | Whole | Judgement
Record = Record2 | Information
RECORDS: dict[int, Any] = {1: Record1, 2: Record2, 3: Record}  # of each version
PHASES = ("before", "during", "after")
GRIDS = ("own", "pattern", "cue_mass", "entropy", "activity", "gradient")


@dataclass(frozen=True)
class Log:
    """A log in memory. fault: why it is not whole (one line), None if it is."""

    path: str
    header: Header
    records: tuple[Record, ...]
    fault: str | None = None

    def _of(self, kind: type[Kind]) -> tuple[Kind, ...]:
        return tuple(record for record in self.records if isinstance(record, kind))

    @property
    def curve(self) -> tuple[Curve, ...]:
        """The learning curve, in the order of the run."""
        return self._of(Curve)

    @property
    def snapshots(self) -> tuple[Snapshot, ...]:
        """The per-head grids along the run: before, during, after, whenever each was written."""
        return tuple(sorted(self._of(Snapshot), key=lambda snapshot: (PHASES.index(snapshot.phase), snapshot.step)))

    @property
    def rows(self) -> tuple[HeadRow, ...]:
        """The per-head table, layer by layer; of a head measured twice, the last measurement."""
        last = {(record.layer, record.head): record for record in self._of(HeadRow)}
        return tuple(last[place] for place in sorted(last))

    @property
    def summary(self) -> Summary | None:
        """What the run came to; None if it was stopped before."""
        return next(reversed(self._of(Summary)), None)

    @property
    def gains(self) -> tuple[Allocation, ...]:
        """The gain shared out, every chunk along path and line, in the order of the log."""
        return self._of(Allocation)

    def allocations(self, along: str = "path", loss: str | None = None) -> list[Allocation]:
        """The gain along "path" or "line", chunk by chunk; of a chunk measured twice, the last.

        loss: "usable" or "plain"; by default the usable ones, or where there are none (older logs) the plain.
        """
        both = [record for record in self.gains if record.along == along]
        counts = loss or ("usable" if any(record.loss == "usable" for record in both) else "plain")
        last = {record.chunk: record for record in both if record.loss == counts}
        return [last[chunk] for chunk in sorted(last)]

    @property
    def swaps(self) -> tuple[Swap, ...]:
        """Sets of heads swapped, in the order of the log."""
        return self._of(Swap)

    @property
    def wholes(self) -> tuple[Whole, ...]:
        """Numbers about the whole model."""
        return self._of(Whole)

    @property
    def information(self) -> Information | None:
        """What the beliefs tell before and after; None where it was not measured."""
        return next(reversed(self._of(Information)), None)

    @property
    def probes(self) -> tuple[Probes, ...]:
        """The probes on which it was measured."""
        return self._of(Probes)

    @property
    def compared(self) -> bool:
        """Whether it is of two finished models (`training.compare`), not of a training."""
        return bool(self.header.config.get("tuned"))

    @property
    def verdict(self) -> Judgement | None:
        """The verdict, if the log holds one."""
        return next(reversed(self._of(Judgement)), None)


def one_line(text: str) -> str:
    """The text without line breaks and control characters, which a hostile file may hold."""
    return "".join(character if character.isprintable() else " " for character in text)
