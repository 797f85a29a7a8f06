"""When heads moved: the snapshots of a journey's log by the tick of its realm, and the jumps between them."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from common.numbers import finite
from training.headlog.records import Grid, Log, LogError, Place, Snapshot, one_line
from training.headlog.table import TOP, WIDTH, grid_lines

if TYPE_CHECKING:
    from rich.console import Console
    from rich.text import Text

JUMPS = 6  # that are picked out


@dataclass(frozen=True)
class Jump:
    """From one snapshot to the next. place: the head whose own change moved most; moved: by how much (residual norms,
    signed); steps: in so many steps; pace: the size of `moved` per step.
    """

    snapshot: Snapshot
    place: Place
    moved: float
    steps: int

    @property
    def pace(self) -> float:
        """Residual norms per step."""
        return abs(self.moved) / self.steps


def moments(log: Log) -> list[Snapshot]:
    """The snapshots along the way that tell own change and a tick, by step."""
    return [s for s in log.snapshots if s.phase == "during" and s.own and s.tick is not None]


def moment_at(log: Log, tick: int) -> tuple[Snapshot, Snapshot | None]:
    """(the newest snapshot that was taken at a tick or before it, the one before that).

    Raises LogError for a log without ticks and for a tick outside of them.
    """
    snapshots = moments(log)
    if not snapshots:
        raise LogError(f"{log.path}: no snapshot of it tells a tick, as those of a journey do; leave out --at")
    ticks = [snapshot.tick or 0 for snapshot in snapshots]
    if not min(ticks) <= tick <= max(ticks):
        raise LogError(f"{log.path}: --at {tick}: its ticks go from {min(ticks)} to {max(ticks)}; give one of these")
    at = max((number for number in range(len(ticks)) if ticks[number] <= tick), key=lambda n: (ticks[n], n))
    return snapshots[at], snapshots[at - 1] if at else None


def moved(snapshot: Snapshot, before: Snapshot | None) -> Grid:
    """How far own change went since the snapshot before, [layer][head]; at first all of it."""
    if before is None:
        return snapshot.own
    pairs = zip(snapshot.own, before.own, strict=True)
    return tuple(tuple(b - a for b, a in zip(*rows, strict=True)) for rows in pairs)


def steps_between(log: Log) -> list[Jump]:
    """The head that moved most between each snapshot and the one before, the first against the start."""
    steps: list[Jump] = []
    before: Snapshot | None = None
    for snapshot in moments(log):
        taken = snapshot.step - (before.step if before is not None else 0)
        cells = {(i, j): x for i, row in enumerate(moved(snapshot, before)) for j, x in enumerate(row) if x == x}
        if cells and taken > 0:
            place = max(cells, key=lambda at: abs(cells[at]))
            steps.append(Jump(snapshot, place, cells[place], taken))
        before = snapshot
    return steps


def jumps(log: Log, count: int = JUMPS) -> list[Jump]:
    """The largest of them per step, in the order of time. Of neighbours only the larger one counts, so that one long
    rise is one jump.
    """
    steps = steps_between(log)
    paces = [-1.0, *(step.pace for step in steps), -1.0]
    peaks = [step for at, step in enumerate(steps, 1) if paces[at - 1] < paces[at] >= paces[at + 1] and paces[at] > 0]
    largest = sorted(peaks, key=lambda step: -step.pace)[:count]
    return sorted(largest, key=lambda step: step.snapshot.step)


def moment_table(log: Log, tick: int) -> dict[str, Any]:
    """The table of `diff --at --json`: {at, tick, step, scene, lesson, beliefs: [{place, species, belief}], heads:
    [{layer, head, own, moved}]}. moved: since the snapshot before. Raises LogError as moment_at does.
    """
    snapshot, before = moment_at(log, tick)
    change = moved(snapshot, before)
    heads = [
        {"layer": layer, "head": head, "own": own, "moved": change[layer][head]}
        for layer, row in enumerate(snapshot.own)
        for head, own in enumerate(row)
    ]
    beliefs = [{"place": place, "species": species, "belief": p} for place, species, p in snapshot.beliefs]
    table: dict[str, Any] = finite(
        {"at": tick, "tick": snapshot.tick, "step": snapshot.step, "since_step": before.step if before else 0,
         "scene": snapshot.scene, "lesson": snapshot.lesson, "beliefs": beliefs, "heads": heads}
    )  # fmt: skip
    return table


def print_moment(log: Log, tick: int, console: "Console") -> None:
    """Show the heads as of a tick, what moved since the snapshot before, and what was seen. Raises as moment_at."""
    from rich.text import Text

    for line in _lines(moment_table(log, tick), min(WIDTH, console.width)):
        text = line if isinstance(line, Text) else Text(one_line(line))
        console.print(text, highlight=False, soft_wrap=isinstance(line, Text))


def _lines(table: dict[str, Any], width: int) -> "Iterator[str | Text]":
    from rich.text import Text

    yield Text(f"tick {table['tick']}, step {table['step']}: the newest snapshot at tick {table['at']}", "bold")
    own = {(row["layer"], row["head"]): row["own"] or 0.0 for row in table["heads"]}
    yield "share of the heads' own change so far, %"
    yield from grid_lines(own, width)
    yield f"what moved most since step {table['since_step']} (residual norms)"
    yield Text(f"{'head':>9}{'moved':>10}{'own':>10}", "bold")
    for row in sorted(table["heads"], key=lambda row: -abs(row["moved"] or 0.0))[:TOP]:
        name = f"{row['layer']}.{row['head']}"
        yield Text(f"{name:>9}{row['moved'] or 0.0:>10.3g}{row['own'] or 0.0:>10.3g}")
    yield f"scene: {table['scene'] or 'not told'}"
    believed = ", ".join(f"{b['place']} {b['species']} {b['belief'] or 0.0:.0%}" for b in table["beliefs"])
    yield f"believed: {believed or 'nobody anywhere'}"
    yield f"newest lesson: {table['lesson'] or 'none'}"
