"""The section about a journey: how far heads had moved at each tick, the jumps, and what was seen at each of them."""

from base64 import b64encode
from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import Any

from markupsafe import Markup

from training.headlog.log import read_log
from training.headlog.moments import JUMPS, Jump, jumps, moments
from training.headlog.records import Snapshot
from training.report import figures
from training.report.gather import LOG, Material
from training.report.parts import Block, Moment, Picture, Section, Words
from training.report.words import number, percent

WALKS = (".replay", "journey.replay")  # beside a log: of its own name, or that of the slot
HEADS_MAX = 1024  # lines that are drawn
Beliefs = Sequence[tuple[str, str, float]]


def jumps_of(path: Path) -> tuple[Path, dict[int, Beliefs]] | None:
    """The walk beside a journey's log, and the ticks of the log's jumps with what was believed then; None for anything
    else, and where no walk lies beside it. Raises LogError for a log that can't be read.
    """
    file = path / LOG if path.is_dir() else path
    beside = (file.with_suffix(WALKS[0]), file.with_name(WALKS[1]))
    walk = next((walk for walk in beside if walk.is_file()), None)
    if not file.is_file() or walk is None:
        return None
    picked = [jump.snapshot for jump in jumps(read_log(file, partial=True))]
    return (walk, {snapshot.tick: snapshot.beliefs for snapshot in picked if snapshot.tick is not None})


def section(material: Material) -> Section | None:
    """One journey's heads over its ticks; nothing for other runs."""
    if material.kind != "run":
        return None
    log = material.runs[0].log
    taken = moments(log)
    if len(taken) < 2:
        return None
    picked = jumps(log)
    about = (
        f"Own change of each head (residual norms) at the ticks of the realm, {len(taken)} snapshots. A mind practises "
        "only while the player attends or dreams, so heads stand still in between. A jump is what one head moved from "
        f"one snapshot to the next, per step. Marked are the largest, {JUMPS} at most; of two neighbours only the "
        "larger one counts. What was seen at a jump is what the mind looked at then; what moved it is practice on all "
        "lessons so far, of which the newest is named."
    )
    blocks: list[Block] = [Words(about)]
    if len(taken[0].own) * len(taken[0].own[0]) <= HEADS_MAX:
        first, last = taken[0].tick, taken[-1].tick
        note = f"ticks {first} to {last}, steps {taken[0].step} to {taken[-1].step}; a line per head, numbers: jumps"
        blocks += [[Picture("own change over the ticks", partial(figures.journey, taken, picked), note)]]
    blocks += [_moment(number_, jump, material) for number_, jump in enumerate(picked, 1)]
    missing = () if material.seen or not picked else ("pictures of the jumps",)
    if missing:
        words = (
            "No pictures: they are painted from journey.replay, or the log's own .replay, if it lies beside the log."
        )
        blocks += [Words(words, "missing")]
    return Section("journey", "The journey", blocks, missing)


def _moment(at: int, jump: Jump, material: Material) -> Moment:
    snapshot, picture = jump.snapshot, material.seen.get(jump.snapshot.tick or 0)
    head = f"head {jump.place[0]}.{jump.place[1]}"
    title = f"{at}. Tick {snapshot.tick}: {head} moved {number(jump.moved)} in {jump.steps} steps"
    facts: list[tuple[str, Any]] = [("steps", f"{snapshot.step - jump.steps} to {snapshot.step}")]
    facts += [("scene", snapshot.scene or "not told"), ("believed", believed(snapshot))]
    facts += [("newest lesson", snapshot.lesson or "none")]
    image = Markup("data:image/png;base64,") + Markup(b64encode(picture).decode()) if picture else None
    return Moment(f"moment-{at}", title, facts, image, f"What was to be seen at tick {snapshot.tick}")


def believed(snapshot: Snapshot) -> str:
    """Who was believed to be where, in words."""
    words = [f"{place} {species} {percent(p, 0)}" for place, species, p in snapshot.beliefs]
    return ", ".join(words) or "nobody anywhere"
