"""The first part of a report, the verdict with all its numbers; and its settings: what ran, how to do it again."""

import math
from collections.abc import Sequence
from functools import partial

from training.headlog.records import Judgement
from training.headlog.table import NO_VERDICT, UNDECIDED
from training.report import derive, figures, judged, plainly
from training.report.again import again
from training.report.gather import Material
from training.report.parts import COLUMNS_MAX, Block, Facts, Picture, Section, Table, Words
from training.report.scored import value_words
from training.report.words import ranged, setting, several
from training.verdict import rule

TESTED = {  # numbers that stand in the tables of what the rule asks
    "gain", "control", "held_by_heads", "share_core", "width", "negative", "significant", "halo", "seeds", "p_shuffled",
    "p_rehearsal", "p_whole_shuffled", "p_whole_rehearsal", "core_insert", "core_remove", "both_insert",
    "random_insert", "random_remove",
}  # fmt: skip
PER_SEED = ("seed", "teach_seed")
OF_THE_REALM = ("lessons", "probes", "spirits", "haunted", "teach_dreams", "probe_seed")  # lines from files have none


def heading(material: Material) -> Section:
    """What ran, in a line."""
    header = material.runs[0].log.header
    size = f"{header.layers} layers × {header.heads} heads"
    if material.kind == "experiment":
        counts = ", ".join(f"{arm} {len(runs)}" for arm, runs in material.arms.items())
        size = f"{len(material.runs)} trainings ({counts}); {size}"
    if material.compared:
        models = (setting(header.config.get(name)) for name in ("model", "tuned"))
        size = f"Two finished models: {' and '.join(models)}; {size}"
    return Section("top", "Two models compared" if material.compared else material.name, [Words(size)])


def _ran(material: Material) -> list[Block]:
    """What ran, in facts, and the commands that do it again."""
    headers = [run.log.header for run in material.runs]
    dates = sorted(header.created[:16].replace("T", " ") for header in headers)
    facts = Facts([
        ("model", several([setting(header.model) for header in headers])),
        ("weights before (hash)", several([header.model_hash for header in headers])),
        ("probes (hash)" if material.compared else "lessons (hash)", several([header.data_hash for header in headers])),
        ("commit", several([header.commit for header in headers])),
        ("seeds", several([run.seed for run in material.runs], 16)),
        ("base models", len(material.bases)),
        ("begun (UTC)", several([dates[0], dates[-1]])),
        ("log format", several([header.version for header in headers])),
    ])  # fmt: skip
    commands = again(material)
    code = [Words("To do it again", "title"), *(Words(line, "code") for line in commands)]
    code += [Words("~ is the home of who ran it: put your own there.", "small")] * (" ~/" in " ".join(commands))
    return [*code, Words("What ran", "title"), facts]


def verdict(material: Material) -> Section:
    """The word, three plain sentences, one picture; then every number with what the rule asks of it."""
    log, record = material.verdict, material.judgement
    if record is None or log is None:
        due = (material.kind == "run" and not material.compared) or _awaited(material)
        words = [Words(plainly.learned(material)), *plainly.weak_control(material)]
        return Section("verdict", "Verdict", [*_no_verdict(material), *words], ("verdict",) * due)
    swaps = judged.swaps(record, log.swaps)
    gate, patterns = judged.gate(record), [*judged.shapes(record), *swaps]
    pictures = plainly.picture(material, record, swaps)
    blocks: list[Block] = [
        *_jointly(material), Words(record.word, "word"), Words(plainly.learned(material)),
        Words(plainly.core(record, swaps, material)), Words(plainly.why(record)), *[pictures] * bool(pictures),
        *plainly.weak_control(material), *(Words(f"Caveat: {caveat}", "caveat") for caveat in record.caveats[:20]),
        Words("The evidence", "title"), *_evidence(material, record, gate, patterns),
        *plainly.changes(gate, patterns, record.word), *plainly.error_rates(material, record), *_every_base(material),
    ]  # fmt: skip
    return Section("verdict", "Verdict", blocks)


def _evidence(
    material: Material, record: Judgement, gate: Sequence[judged.Row], patterns: Sequence[judged.Row]
) -> list[Block]:
    """Every number with what the rule asks of it."""
    met = [judged.mark(judged.together([*gate, *patterns], judged.GATE, name)) for name in judged.PATTERNS]
    sums = ["all that is asked, the gate too", "", "", *met]
    columns = ["number", "estimate", "95 % interval"]
    words = (
        "Then the pattern: shares of the gain over control, cross-fitted over seeds and halves of the probes; and swaps"
    )
    others = [f"{name.replace('_', ' ')} {value_words(name, value)}"
              for name, value in record.numbers.items() if name not in TESTED]  # fmt: skip
    version = f"Rule {record.rule}" + (
        f"; the thresholds here are those of rule {rule.RULE_VERSION}" * (record.rule != rule.RULE_VERSION)
    )
    significant = plainly.places(record.significant, derive.shape(material.main)[1])
    closing = (
        f"{version}, constants in training/verdict/rule.py. Significant at a false discovery rate of "
        f"{rule.DISCOVERY:.0%}, with {rule.COUNTS:.0%} of an even share or more: {significant}."
        + f" Further numbers: {'; '.join(others)}."
        * bool(others)
    )
    return [
        _pictures(record, patterns),
        Table("First the gate: may anything be said?", [*columns, "the rule asks"],
              [row.cells((judged.GATE,)) for row in gate]),
        Table(words, [*columns, *judged.PATTERNS], [*(row.cells(judged.PATTERNS) for row in patterns), sums], sum=True),
        Words(closing, "small"),
    ]  # fmt: skip


def _pictures(record: Judgement, patterns: Sequence[judged.Row]) -> list[Picture | Table]:
    """The rule's plane, and all numbers against their thresholds."""
    share, width = (judged.triple(record.numbers, name) for name in ("share_core", "width"))
    edge = "; what lies beyond the frame is drawn on its edge"
    note = "the box is the 95 % interval; it must lie whole in a region"
    note += edge * any(value < 0 or value > 1 for value in (*share, *width))
    measured = [row for row in patterns if not math.isnan(row.value[0])]
    beyond = edge * any(abs(value - 0.5) > 0.75 for row in measured for value in row.value)
    numbers = Picture("Numbers and thresholds", partial(figures.intervals, measured),
                      f"line: 95 % interval; orange: thresholds{beyond}")  # fmt: skip
    plane = Picture("The shares among the rule’s regions", partial(figures.plane, share, width), note)
    return [plane, *[numbers] * bool(measured)]


def _jointly(material: Material) -> list[Block]:
    """Of several base models the word that holds for all of them, from the score; below it stands the first's."""
    score = material.score.get("score")
    joint = score.get("verdict") if isinstance(score, dict) else None
    if not material.others or not isinstance(joint, dict):
        return []
    title = Words(f"The first of {1 + len(material.others)} base models", "title")
    return [Words(str(joint.get("word")), "word"), Words(str(joint.get("reason"))), title]


def _every_base(material: Material) -> list[Block]:
    """What every base model came to, by itself, if there are several."""
    rows, names = [], material.score.get("bases")
    for base, log in [(material.main[0].base, material.verdict), *material.others]:
        record = log.verdict if log is not None else None
        if record is not None:
            shares = [ranged(*judged.triple(record.numbers, name)) for name in ("share_core", "width")]
            name = str(names[base]) if isinstance(names, list) and base < len(names) else f"base {base}"
            rows.append([setting(name), record.word, *shares, record.reason])
    head = ["base model", "verdict", "T_K", "N_eff/H", "why"]
    return [Table("Every base model by itself; above: the first", head, rows)] if len(rows) > 1 else []


def _no_verdict(material: Material) -> list[Block]:
    if material.compared:
        word, _, rest = NO_VERDICT["because"].partition("; ")
        return [Words(word, "word"), Words(f"W{rest[1:]}.")]
    if material.kind == "run":
        return [Words(UNDECIDED["verdict"], "word"), Words(f"Why: {UNDECIDED['because']}.")]
    if _awaited(material):
        why = "No verdict record yet: the experiment has to come to its end, swaps included. The same command goes on."
        return [Words("undecided", "word"), Words(why, "missing")]
    return [Words("This experiment compares arms and gives no verdict; its score stands below.")]


def _awaited(material: Material) -> bool:
    """Whether an experiment may still come to a verdict: it has controls, and no score without one."""
    score = material.score.get("score")
    ended = isinstance(score, dict) and "verdict" not in score
    return any(run.role for run in material.runs) and not ended


def settings(material: Material) -> Section:
    """How to do it again, what all runs share, and a table of what the arms differ in."""
    configs = {arm: [run.log.header.config for run in runs] for arm, runs in material.arms.items()}
    every = [config for some in configs.values() for config in some]
    values = {
        name: list(dict.fromkeys(setting(config.get(name)) for config in every))
        for name in dict.fromkeys(key for config in every for key in config)
        if not (name in OF_THE_REALM and any(config.get("probe_file") for config in every))
    }
    blocks: list[Block] = [
        *_ran(material),
        Words("Settings of every run", "title"),
        Facts([(name.removeprefix("teach_"), some[0]) for name, some in values.items() if len(some) == 1]),
    ]
    unlike = [name for name, some in values.items() if len(some) > 1 and name not in PER_SEED][: COLUMNS_MAX - 1]
    if unlike and len(configs) > 1:
        rows = [[arm, *(several([setting(config.get(name)) for config in some]) for name in unlike)]
                for arm, some in configs.items()]  # fmt: skip
        blocks.append(Table("What the arms differ in", ["arm", *(n.removeprefix("teach_") for n in unlike)], rows))
    return Section("settings", "Settings, and how to do it again", blocks)
