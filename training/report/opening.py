"""The first sections of a report: what ran and how to redo it, the verdict with all its numbers."""

import math
import shlex
from collections.abc import Sequence

from training.headlog.records import Judgement
from training.headlog.table import UNDECIDED
from training.report import bars, judged
from training.report.gather import Material, Run
from training.report.markup import MISSING, Markup, join, number, table, tag, text
from training.report.parts import Section, absent, paragraph
from training.report.scored import COLUMNS_MAX, ROWS_MAX, plainly
from training.verdict import verdict as rule

FLAGS = {
    "behaviour": "--behaviour", "model": "--model", "lessons": "--lessons", "spirits": "--spirits", "steps": "--steps",
    "probes": "--probes", "teach_optimizer": "--optimizer", "teach_rank": "--rank", "teach_lr": "--lr",
    "teach_train": "--train", "teach_projection": "--projection", "teach_scaling": "--scaling",
    "teach_reuse": "--reuse", "teach_parts": "--parts", "teach_precision": "--precision",
    "probe_seed": "--probe-seed", "seed": "--seed",
}  # fmt: skip
USUAL = {"spirits": 0, "teach_reuse": 0, "teach_parts": 1, "teach_precision": "float32", "teach_projection": "gaussian",
         "teach_scaling": "channel"}  # fmt: skip
CONTROLS = {"shuffled": "--shuffled", "rehearsal": "--rehearsal-only"}


def facts(pairs: Sequence[tuple[str, object]], class_: str = "facts") -> Markup:
    """A list of names and what they are."""
    return tag("dl", *(tag("div", tag("dt", name), tag("dd", value)) for name, value in pairs), class_=class_)


def shown(name: str, value: object) -> str:
    """A setting as text; of a folder only what is below assets, or its name: the way there is nobody's business."""
    if value is None:
        return "default"
    plain = number(value, 6) if isinstance(value, bool | float) else str(value)
    if name in ("model", "probe_file") or plain.startswith("/"):
        parts = [part for part in plain.replace("\\", "/").split("/") if part]
        at = parts.index("assets") if "assets" in parts else max(0, len(parts) - 1)
        return "/".join(parts[at:]) if plain.startswith("/") else plain
    return plain


def several(values: Sequence[object], most: int = 4) -> str:
    """Different values in the order of their first appearance, or how many there are."""
    found = list(dict.fromkeys(str(value) for value in values))
    return ", ".join(found) if len(found) <= most else f"{', '.join(found[:2])} … ({len(found)} different)"


def command(material: Material) -> str:
    """What one types to do it again."""
    if material.registered:
        name = shlex.quote(material.name)
        bases = material.score.get("bases")
        on = "".join(f" --model {shlex.quote(str(base))}" for base in (bases if isinstance(bases, list) else ()))
        some = material.score.get("some")
        on += "".join(f" --arm {shlex.quote(str(arm))}" for arm in (some if isinstance(some, list) else ()))
        scored = {run.seed for run in material.main}
        on += f" --seed {min(scored)}" * (min(scored) > 0) + f" --seeds {len(scored)}"
        config = material.main[0].log.header.config
        if config.get("probe_file"):
            files = (shlex.quote(shown("probe_file", config[key])) for key in ("behaviour", "probe_file"))
            on += " --behaviour {} --probes {}".format(*files)
        return f"python main.py experiment {name}{on} --workers 2 --out runs/{name}\npython main.py report runs/{name}"
    if material.kind == "run":
        return f"{_training(material.runs[0])} --out runs/again\npython main.py report runs/again"
    lines = []
    for number_, (name, runs) in enumerate(list(material.arms.items())[:COLUMNS_MAX]):
        seeds = several([run.seed for run in runs], 32)
        lines.append(
            f"{_training(runs[0])} --out runs/again/arm-{number_}/seed-{runs[0].seed}  # {name}; seeds {seeds}"
        )
    return "\n".join([*lines, "python main.py report runs/again"])


def _training(run: Run) -> str:
    """The command of one training."""
    config = run.log.header.config
    if "lessons" not in config or "probes" not in config:
        return "# a journey in play (F2): its lessons were a player's, so no command repeats it"
    words = ["python main.py learn"]
    for key, flag in FLAGS.items():
        value = config.get(key)
        counted = key in ("lessons", "probes") and config.get("probe_file")  # of a file all lines count
        if value is not None and value != USUAL.get(key) and not counted:
            plain = f"{value:g}" if isinstance(value, float) else str(value)
            words.append(f"{flag} {shlex.quote(shown(key, value) if key in ('model', 'behaviour') else plain)}")
    if config.get("probe_file"):
        words.append(f"--probes {shlex.quote(shown('probe_file', config['probe_file']))}")
    words += ["--full"] * (config.get("teach_full") is True) + ["--no-dreams"] * (config.get("teach_dreams") is False)
    words += ["--no-rehearsal"] * (config.get("teach_rehearse") == 0 and run.role != "rehearsal")
    words += [flag for role, flag in CONTROLS.items() if role == run.role]
    return " ".join(words)


def heading(material: Material) -> Markup:
    """Title, facts, the command, the settings."""
    headers = [run.log.header for run in material.runs]
    arms = material.arms
    first = headers[0]
    told = f"{first.layers} layers × {first.heads} heads"
    if material.kind == "experiment":
        counts = ", ".join(f"{name} {len(runs)}" for name, runs in arms.items())
        told = f"{len(material.runs)} trainings ({counts}); {told}"
    dates = sorted(header.created for header in headers)
    pairs = [
        ("model", several([shown("model", header.model) for header in headers])),
        ("weights before (hash)", several([header.model_hash for header in headers])),
        ("lessons (hash)", several([header.data_hash for header in headers])),
        ("commit", several([header.commit for header in headers])),
        ("seeds", several([run.seed for run in material.runs], 16)),
        ("base models", len(material.bases)),
        ("made (UTC)", several([dates[0][:16].replace("T", " "), dates[-1][:16].replace("T", " ")])),
        ("log format", several([header.version for header in headers])),
    ]
    kind = "experiment" if material.kind == "experiment" else "one run"
    return tag(
        "header",
        paragraph("Second Sight · head-diff report · ", kind, class_="kicker"),
        tag("h1", material.name), paragraph(told), facts(pairs),
        tag("h3", "To do it again"), tag("pre", tag("code", _lines(command(material)))),
    )  # fmt: skip


def _lines(words: str) -> Markup:
    """Text that keeps its line breaks."""
    return join((text(line, 4000) for line in words.split("\n")), "\n")


def settings(material: Material) -> Section:
    """What all runs share, and a table of what the arms differ in."""
    configs = {name: [run.log.header.config for run in runs] for name, runs in material.arms.items()}
    every = [config for found in configs.values() for config in found]
    names = list(dict.fromkeys(key for config in every for key in config))
    per_seed = {"seed", "teach_seed"}
    values = {name: {shown(name, config.get(name)) for config in every} for name in names}
    alike = [(name, next(iter(values[name]))) for name in names if len(values[name]) == 1]
    unlike = [name for name in names if len(values[name]) > 1 and name not in per_seed][:COLUMNS_MAX]
    made = [facts([(name.removeprefix("teach_"), value) for name, value in alike], "facts dense")]
    if unlike and len(configs) > 1:
        rows = [
            [arm, *(several([shown(name, config.get(name)) for config in found]) for name in unlike)]
            for arm, found in configs.items()
        ]
        made.append(table(["arm", *(name.removeprefix("teach_") for name in unlike)], rows, "What the arms differ in"))
    return Section("settings", "Settings", join(made))


def verdict(material: Material) -> Section:
    """The word, why, and every number with what the rule asks of it."""
    log = material.verdict
    found = log.verdict if log is not None else None
    if found is None or log is None:
        due = material.kind == "run" or _awaited(material)
        return Section("verdict", "Verdict", _no_verdict(material), ("verdict",) * due)
    local, tier, spread = judged.PATTERNS
    patterns = [*judged.shapes(found), *judged.swaps(found, log.swaps)]
    rows = [_row(row, (local, tier, spread)) for row in patterns]
    opened = judged.gate(found)
    met = [_together([*opened, *patterns], "gate", name) for name in judged.PATTERNS]
    rows.append(["all that is asked, the gate too", "", "", "", *map(_mark, met)])
    head = ["number", "estimate", "95 % interval", "", *judged.PATTERNS]
    gate = [_row(row, ("gate",)) for row in opened]
    share, width = judged.triple(found.numbers, "share_core"), judged.triple(found.numbers, "width")
    asked = table(
        ["number", "estimate", "95 % interval", "", "the rule asks"], gate, "First the gate: may anything be said?"
    )
    words = (
        "Then the pattern: shares of the gain over control, cross-fitted over halves of the probes, and output swaps"
    )
    version = f"Rule {found.rule}" + (
        "" if found.rule == rule.RULE_VERSION else f"; the thresholds shown are those of rule {rule.RULE_VERSION}"
    )
    body = [
        *_jointly(material), paragraph(found.word, class_="word"), paragraph(found.reason),
        *(paragraph("Caveat: ", caveat, class_="caveat") for caveat in found.caveats[:20]),
        tag("div", asked, bars.plane(share, width), class_="panels"), table(head, rows, words, "sum"),
        paragraph(version, ", constants in training/verdict/verdict.py. ", _heads_named(found), class_="small"),
        *_other_bases(material), *_other_numbers(found),
    ]  # fmt: skip
    return Section("verdict", "Verdict", join(body))


def _heads_named(found: Judgement) -> str:
    core = ", ".join(f"{layer}.{head}" for layer, head in found.core[:64]) or "none"
    more = ", ".join(f"{layer}.{head}" for layer, head in found.significant[:128]) or "none"
    return f"Core (layer.head): {core}. Significant at a false discovery rate of {rule.DISCOVERY:.0%}: {more}."


def _jointly(material: Material) -> list[Markup]:
    """Of several base models the word that holds for all of them, from the score; below it stands the first's."""
    score = material.score.get("score")
    told = score.get("verdict") if isinstance(score, dict) else None
    if not material.others or not isinstance(told, dict):
        return []
    count = 1 + len(material.others)
    return [
        paragraph(text(str(told.get("word")), 200), class_="word"), paragraph(text(str(told.get("reason")), 4000)),
        tag("h3", f"The first of {count} base models"),
    ]  # fmt: skip


def _other_bases(material: Material) -> list[Markup]:
    """What the other base models came to, each by itself."""
    rows, names = [], material.score.get("bases")
    for base, log in [(material.main[0].base, material.verdict), *material.others]:
        found = log.verdict if log is not None else None
        if found is not None:
            shares = [judged.triple(found.numbers, name) for name in ("share_core", "width")]
            told = [f"{number(value)} ({number(low)} … {number(high)})" for value, low, high in shares]
            name = str(names[base]) if isinstance(names, list) and base < len(names) else f"base {base}"
            rows.append([shown("model", name), found.word, *told, found.reason])
    head = ["base model", "verdict", "T_K", "N_eff/H", "why"]
    return [table(head, rows, "Every base model by itself; above: the first", "wrap")] if len(rows) > 1 else []


SHOWN = {
    "gain", "held_by_heads", "share_core", "width", "negative", "significant", "halo", "seeds", "p_shuffled",
    "p_rehearsal", "core_insert", "core_remove", "both_insert", "greedy_insert", "random_insert", "random_remove",
}  # fmt: skip


def _other_numbers(found: Judgement) -> list[Markup]:
    """Whatever else the record holds."""
    rows = [[name, plainly(name, value)] for name, value in found.numbers.items() if name not in SHOWN][:ROWS_MAX]
    return [table(["number", "value"], rows, "Further numbers in the verdict's record", "wrap")] if rows else []


def _no_verdict(material: Material) -> Markup:
    if material.kind == "run":
        return join([paragraph(UNDECIDED["verdict"], class_="word"), paragraph(UNDECIDED["because"])])
    if _awaited(material):
        why = "No verdict record yet: the experiment has to come to its end, swaps included (the same command goes on)."
        return join([paragraph("undecided", class_="word"), absent(why)])
    return paragraph("This experiment compares arms and gives no verdict; its score stands below.")


def _awaited(material: Material) -> bool:
    """Whether an experiment may still come to a verdict: it has controls, and no score without one."""
    score = material.score.get("score")
    ended = isinstance(score, dict) and "verdict" not in score
    return any(run.role for run in material.runs) and not ended


def _mark(met: bool | None) -> Markup:
    if met is None:
        return tag("span", "not measured", class_="off")
    return tag("span", "✓ met" if met else "✗ not met", class_="yes" if met else "no")


def _together(rows: Sequence[judged.Row], *asked: str) -> bool | None:
    found = [row.asks[name].met for row in rows for name in asked if name in row.asks]
    return False if False in found else None if None in found else True


def _row(row: judged.Row, columns: Sequence[str]) -> list[object]:
    value, low, high = row.value
    inside = MISSING if math.isnan(low) or math.isnan(high) else f"{number(low)} … {number(high)}"
    shown_ = number(int(value)) if row.kind == "count" and not math.isnan(value) else number(value)
    cells: list[object] = []
    for name in columns:
        ask = row.asks.get(name)
        cells.append("" if ask is None else join([ask.words, " ", _mark(ask.met)]))
    return [row.name, shown_, inside, bars.interval(row), *cells]
