"""The last sections of a report: numbers of the whole model, residuals, caveats, runs."""

import math

from training.headlog.curves import of_curve
from training.headlog.gains import head_gains
from training.headlog.table import RESIDUAL_MOST
from training.report import derive
from training.report.gather import Material, Run
from training.report.head_sections import along
from training.report.parts import Block, Section, Table, Words, absent
from training.report.words import MISSING, number, percent, percent_apart, ranged

RUNS_SHOWN = 120
ARMS_MAX = 12


def wholes(material: Material) -> Section:
    """Numbers about the whole model, by arm."""
    about: dict[str, str] = {}
    values: dict[str, dict[str, list[float | None]]] = {}
    for arm, runs in material.arms.items():
        for record in (record for run in runs for record in run.log.wholes if not of_curve(record)):
            about.setdefault(record.name, record.about)
            values.setdefault(record.name, {}).setdefault(arm, []).append(record.value)
    if not values:
        text = "Not measured: no such record (context share and its like are in logs of version 2)."
        return absent("whole", "The whole model", text, "whole")
    arms = list(material.arms)[:ARMS_MAX]
    rows = [
        [name.replace("_", " "), *(ranged(*derive.spread(by_arm.get(arm, []))) for arm in arms), about[name]]
        for name, by_arm in values.items()
    ]
    table = Table("Median over runs (least … most)", ["", *arms, "what it is"], rows)
    return Section("whole", "The whole model", [table])


def residuals(material: Material) -> Section:
    """Do the parts of the gain add up? And what a reader must keep in mind."""
    rows, worst = [], 0.0
    for arm, runs in material.arms.items():
        parts = [part for run in runs if (part := _parts(run)) is not None]
        if parts:
            missed = [abs(part[3]) / abs(part[0]) if part[0] else math.nan for part in parts]
            largest, trained = derive.spread(missed)[2], runs[0].role == ""
            worst = max(worst, largest) if trained and math.isfinite(largest) else worst
            within = "not judged" if not trained else "yes" if largest <= RESIDUAL_MOST else "no"
            cells = [number(derive.median(part[at] for part in parts)) for at in range(4)]
            rows.append(
                [
                    arm,
                    len(parts),
                    *cells,
                    percent(derive.median(missed), 2),
                    percent_apart(largest, RESIDUAL_MOST),
                    within,
                ]
            )
    head = ["arm", "runs", "gain, nats", "in heads", "elsewhere", "residual", "of the gain, median", "most", "≤ 2 %"]
    caption = f"Gain = heads + elsewhere (MLPs, norms, embeddings) + residual, {along(material.main)}"
    none = "Not measured: the run was stopped before its gain was shared out."
    blocks: list[Block] = [Table(caption, head, rows) if rows else Words(none, "missing")]
    blocks += [Words(words, "caveat") for words in caveats(material, worst)]
    return Section("residuals", "Residuals and caveats", blocks, () if rows else ("residuals",))


def _parts(run: Run) -> tuple[float, float, float, float] | None:
    """(gain, heads, rest, residual) of a run."""
    gains = head_gains(run.log)
    if gains is None or gains.residual is None:
        return None
    heads, rest = sum(gains.heads.values()), gains.rest or 0.0
    return heads + rest + gains.residual, heads, rest, gains.residual


def caveats(material: Material, worst: float) -> list[str]:
    """What a reader must keep in mind, sentence by sentence. worst: the largest residual, as a share of the gain."""
    hashes = {run.log.header.model_hash for run in material.runs if run.base == material.main[0].base}
    missed = percent_apart(worst, RESIDUAL_MOST)
    sentences = [
        (worst > RESIDUAL_MOST, f"In one run the parts miss the gain by {missed} of it: over {RESIDUAL_MOST:.0%}."),
        (material.kind == "run" and not material.compared,
         "One run: no control, no other seed. Nothing here is a verdict."),
        (material.compared, "Two finished models: no control, no other seed. Nothing here is a verdict."),
        (len(material.bases) < 3, "Fewer than three base models: what is said concerns these networks alone."),
        (len(hashes) > 1, f"The runs began from {len(hashes)} different weights, but count as one base model."),
        (len(derive.alike(material.main)) < len(material.main),
         "Some runs have another number of heads; per-head figures leave them out."),
        (any(run.log.header.version == 1 for run in material.runs),
         "Logs of version 1: no chunks of probes, no path, no swaps. Shares are in sample only."),
    ]  # fmt: skip
    faults = [f"Read in part: {fault}" for fault in material.faults[:40]]
    return faults + [words for true, words in sentences if true]


def runs(material: Material) -> Section:
    """One line per training."""
    rows, several = [], len(material.bases) > 1
    for run in [run for arm in material.arms.values() for run in arm][:RUNS_SHOWN]:
        summary, header = run.log.summary, run.log.header
        before, after = (summary.before, summary.after) if summary is not None else ({}, {})
        new = after.get("hits_new_forms", after.get("hits_new_pairs"))
        rates = (before.get("hits"), after.get("hits"), new, after.get("false_alarms"), after.get("mundane"))
        numbers = (after.get("d_prime"), *(() if summary is None else (summary.gain, summary.steps, summary.seconds)))
        rows.append([
            run.arm, *[run.base] * several, run.seed, *map(percent, rates), *map(number, numbers),
            *[MISSING] * (4 - len(numbers)), header.commit, "whole" if run.log.fault is None else "in part",
        ])  # fmt: skip
    head = ["arm", *["base"] * several, "seed", "hits before", "hits", "on new", "false alarms", "mundane", "d′",
            "gain, nats", "steps", "seconds", "commit", "log"]  # fmt: skip
    caption = f"Every training, on probes that no lesson held. On new: hits on {material.behaviour.new}"
    more = len(material.runs) - RUNS_SHOWN
    return Section("runs", "Runs", [Table(caption + f"; {more} more not shown" * (more > 0), head, rows)])
