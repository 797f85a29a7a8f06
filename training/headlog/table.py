"""A head-diff log as a dictionary and on the terminal. As files for other tools: `training.headlog.exports`.

What is printed is plain ASCII but for names from the log, and fits 80 columns.
"""

import math
from collections.abc import Iterator, Mapping, Sequence
from statistics import median
from typing import TYPE_CHECKING, Any

from common.numbers import finite, percent_apart
from training.headlog.curves import AREAS, SetCurve, curve_of, of_curve
from training.headlog.gains import NAMES, HeadGains, Place, head_gains, line_gains
from training.headlog.information import base_rate_words, plain_data, words
from training.headlog.records import HeadRow, Judgement, Log, LogError, Summary, one_line

if TYPE_CHECKING:
    from rich.console import Console
    from rich.text import Text

COLUMNS = ("gain", "own", "inherited", "pattern", "cue_mass_before", "cue_mass_after")
MATRICES = ("q", "k", "v", "o")
TOP = 10
WIDTH = 80  # columns that the table takes at most
MLPS_A_LINE = 4
RESIDUAL_MOST = 0.02  # docs/measurement.md: heads, rest and gain agree within so much of the gain
NUMBER = 9  # characters of a number in the list of heads
REST_OF_HEADS = "in no head's matrices"
# docs/measurement.md: a verdict rests on eight seeds at least, two controls of eight, and three base models.
UNDECIDED = {
    "verdict": "undecided",
    "because": "one run has no controls (shuffled answers, rehearsal only) and no other seeds; run `experiment`",
}
NO_VERDICT = {
    "verdict": "none",
    "because": "no controls: no verdict; what any other training changes as well is not told apart. `experiment own`"
    " trains controls beside",
}


def diff_table(log: Log) -> dict[str, Any]:
    """The table of `diff --json`: {heads, mlps: [{layer, gain, gain_line}], gain, residual, information, verdict}.

    And gradients if they were measured. A unit's "gain" is the one that counts (`gains.head_gains`), and "gain_line"
    that along the straight line; "gain_along" is "path" or "line". mlps is empty where no MLP trained. "gain_of" is
    "usable", or "plain" in older logs; "information" is None there. Numbers that are not finite become None. Raises
    LogError if the run was stopped before its heads were compared, unless the log was read in part; then "fault" says
    why it is not whole. An experiment's verdict.msgpack holds no heads. Of two finished models
    (`training.compare`) "curve" holds the sets.
    """
    if not log.rows and log.verdict is None and log.fault is None:
        remedy = "let `learn` run to its end" if log.summary is None else "let `learn` compare them: no --scores-only"
        raise LogError(f"{log.path}: no head was compared before the run ended; {remedy}")
    gains, line, summary, curve = head_gains(log), line_gains(log), log.summary, curve_of(log)
    names = ("layer", "head", *COLUMNS, "weights")
    rows = [
        {name: getattr(row, name) for name in names}
        | {"gain": _of(gains, row), "gain_line": _of(line, row)}
        | _gradients(row)
        for row in log.rows
    ]
    table: dict[str, Any] = finite(
        {
            "heads": rows,
            "mlps": mlp_rows(log),
            "gain": None if summary is None else summary.gain,
            "gain_of": None if gains is None else gains.loss,
            "gain_along": None if gains is None else gains.along,
            "information": None if log.information is None else plain_data(log.information),
            "residual": None if gains is None else gains.residual,
            "verdict": _verdict(log),
        }
        | ({} if curve is None else {"curve": _curve_table(curve)})
        | _gradients(summary)
        | ({} if log.fault is None else {"fault": log.fault})
    )
    return table


def mlp_rows(log: Log) -> list[dict[str, Any]]:
    """Every layer's MLP: {layer, gain, gain_line}; empty where none trained."""
    gains, line = head_gains(log), line_gains(log)
    layers = sorted({layer for shares in (gains, line) if shares is not None for layer in shares.mlps})
    return [
        {"layer": layer}
        | {name: None if of is None else of.mlps.get(layer) for name, of in (("gain", gains), ("gain_line", line))}
        for layer in layers
    ]


def _of(gains: HeadGains | None, row: HeadRow) -> float | None:
    return None if gains is None else gains.heads.get((row.layer, row.head))


def _verdict(log: Log) -> dict[str, Any]:
    if log.verdict is not None:
        return _judged(log.verdict)
    return dict(NO_VERDICT if log.compared else UNDECIDED)


def _curve_table(curve: SetCurve) -> dict[str, Any]:
    """The curve of sets as plain data: a share is [estimate, lower, upper]."""
    greedy = {len(point.heads): point for point in curve.greedy}
    sets = [
        {"size": len(point.heads), "heads": point.heads, "share": point.share, "random": point.random,
         "greedy": greedy[len(point.heads)].share if len(point.heads) in greedy else None}
        for point in curve.points
    ]  # fmt: skip
    return {"sets": sets, "decisions": curve.decisions} | {name: getattr(curve, name) for name in AREAS}


def _judged(verdict: Judgement) -> dict[str, Any]:
    return {"verdict": verdict.word, "because": verdict.reason, "rule": verdict.rule}


def _gradients(record: HeadRow | Summary | None) -> dict[str, Any]:
    """The shares of the gradient's energy, where they were measured."""
    return {"gradients": record.gradients} if record is not None and record.gradients else {}


def print_table(log: Log, console: "Console", top: int = TOP) -> None:
    """Show the log: a grid of all heads, the heads that brought or moved most, and what the run came to.

    Of a log that was read in part, it shows what there is. Raises LogError as diff_table does.
    """
    from rich.text import Text

    for line in _lines(log, diff_table(log), top, min(WIDTH, console.width)):
        text = line if isinstance(line, Text) else Text(one_line(line))
        console.print(text, highlight=False, soft_wrap=isinstance(line, Text))


def _lines(log: Log, table: Mapping[str, Any], top: int, width: int) -> "Iterator[str | Text]":
    from rich.text import Text

    header = log.header
    title = f"{header.model}  {header.layers} x {header.heads} heads  {header.created}"
    yield Text(one_line(title), "bold")
    gains = head_gains(log)
    worth, what = _worth(log, gains)
    if worth:
        yield f"share of the heads' {what}, %"
        yield from grid_lines(worth, width)
    if log.rows:
        yield ""
        yield from _leaders(log, gains, worth, top)
        yield from _mlps(gains)
    elif log.verdict is None:
        yield "the run ended before its heads were compared; this is how far it came"
    yield from _outcome(log, gains)
    curve = curve_of(log)
    if curve is not None:
        yield ""
        yield from _sets(curve)
    yield f"verdict: {table['verdict']['verdict']}: {table['verdict']['because']}"
    for number in [number for number in log.wholes if not of_curve(number)]:
        yield f"{number.name}: {_number(number.value)}"
    if log.fault is not None:
        yield f"only part of the log could be read: {log.fault}"


def _worth(log: Log, gains: HeadGains | None) -> tuple[dict[Place, float], str]:
    """By what heads are ranked, and what it is called: their gain, or else how far their own weights moved them."""
    if gains is not None:
        return _plain(gains.heads), f"gain {NAMES[gains.along]}"
    if log.rows:
        return _plain({(row.layer, row.head): row.own for row in log.rows}), "own change"
    measured = [snapshot for snapshot in log.snapshots if snapshot.phase == "during" and snapshot.own]
    if not measured:
        return {}, ""
    own = measured[-1].own
    places = {(layer, head): value for layer, row in enumerate(own) for head, value in enumerate(row)}
    return _plain(places), f"own change at step {measured[-1].step}"


def _plain(values: Mapping[Place, float]) -> dict[Place, float]:
    return {place: value if math.isfinite(value) else 0.0 for place, value in values.items()}


def grid_lines(worth: Mapping[Place, float], width: int) -> "Iterator[Text]":
    """Every head's percentage of the heads' sum, layer by layer, in blocks of heads that fit; strong ones bright."""
    from rich.text import Text

    total = abs(sum(worth.values())) or 1.0
    highest = max(map(abs, worth.values())) or 1.0
    cells = {place: _percent(100 * (value / total)) for place, value in worth.items()}
    wide = max(map(len, cells.values())) + 2
    layers, heads = (sorted({place[axis] for place in worth}) for axis in (0, 1))
    each = max(1, (width - 7) // wide)
    for start in range(0, len(heads), each):
        block = heads[start : start + each]
        yield Text(f"{'layer':>7}" + "".join(f"{head:>{wide}}" for head in block), "bold")
        for layer in layers:
            row = Text(f"{layer:>7}")
            for head in block:
                value = worth.get((layer, head), 0.0)
                row.append(f"{cells.get((layer, head), ''):>{wide}}", _style(value, highest))
            yield row


def _percent(share: float) -> str:
    text = f"{share:.1f}" if abs(share) < 10_000 else f"{share:.1e}"
    return "0.0" if text == "-0.0" else text


def _style(value: float, highest: float) -> str:
    if value < 0:
        return "red"
    return "bold yellow" if value > highest / 2 else "dim" if value < highest / 10 else ""


def _leaders(log: Log, gains: HeadGains | None, worth: Mapping[Place, float], top: int) -> "Iterator[str | Text]":
    """The heads that stand out: what each came to, then how far its matrices moved."""
    from rich.text import Text

    line = line_gains(log)
    rows = sorted(log.rows, key=lambda row: -worth.get((row.layer, row.head), 0.0))[:top]
    yield f"the {len(rows)} heads that stand out (gain and line in nats; line: along the straight line)"
    columns = ("gain", "line", "own", "inherited", "pattern", "cue from", "cue to")
    yield Text(_row("head", columns), "bold")
    for row in rows:
        numbers = (_of(gains, row), _of(line, row), row.own, row.inherited, row.pattern, row.cue_mass_before,
                   row.cue_mass_after)  # fmt: skip
        yield Text(_row(f"{row.layer}.{row.head}", [_number(number) for number in numbers]))
    yield ""
    yield "how far their matrices moved, |dW| / |W|"
    yield Text(_row("head", MATRICES), "bold")
    for row in rows:
        yield Text(_row(f"{row.layer}.{row.head}", [_number(row.weights.get(matrix)) for matrix in MATRICES]))


def _sets(curve: SetCurve) -> "Iterator[str | Text]":
    """The best sets, and what random ones bring."""
    from rich.text import Text

    yield f"sets of heads and MLPs inserted into BASE, % of the gain, on {curve.decisions} decisions"
    yield "best: by gain, with its 95 % interval; random: sets of that size and layers"
    columns = ("best", "from", "to", "greedy", "rnd least", "rnd mid", "rnd most")
    yield Text(_row("units", columns), "bold")
    greedy = {len(point.heads): point.share[0] for point in curve.greedy}
    for point in curve.points:
        drawn = sorted(point.random)
        spread = (drawn[0], median(drawn), drawn[-1]) if drawn else (None, None, None)
        numbers = (*point.share, greedy.get(len(point.heads)), *spread)
        yield Text(_row(str(len(point.heads)), [_share(number) for number in numbers]))
    for name in AREAS:
        value, low, high = getattr(curve, name)
        yield f"{name.upper()} {_number(value)} ({_number(low)} to {_number(high)})"


def _share(value: float | None) -> str:
    return "-" if value is None or not math.isfinite(value) else _percent(100 * value)


def _mlps(gains: HeadGains | None) -> "Iterator[str]":
    """What the MLPs brought, where they trained."""
    if gains is None or not gains.mlps:
        return
    yield ""
    yield f"gain of each layer's MLP {NAMES[gains.along]}, nats"
    items = list(gains.mlps.items())
    for start in range(0, len(items), MLPS_A_LINE):
        cells = [f"mlp {layer} {_number(gain)}" for layer, gain in items[start : start + MLPS_A_LINE]]
        yield "".join(f"{cell:>{WIDTH // MLPS_A_LINE}}" for cell in cells)


def _row(name: str, cells: Sequence[str]) -> str:
    return f"{name:>9}" + "".join(f" {cell:>{NUMBER}}" for cell in cells)


def _outcome(log: Log, gains: HeadGains | None) -> Iterator[str]:
    """What the run came to, or how far it came."""
    summary = log.summary
    if summary is None:
        if log.curve:
            last = log.curve[-1]
            numbers = ("hits", "false_alarms", "d_prime", "mundane", "loss")
            yield f"step {last.step}: " + ", ".join(f"{name} {_number(getattr(last, name))}" for name in numbers)
        return
    for name in summary.before:
        yield f"{name}: {_number(summary.before[name])} -> {_number(summary.after.get(name))}"
    if (information := log.information) is not None:
        yield words(information)
        yield base_rate_words(information)
    rest, residual = (summary.rest, summary.residual) if gains is None else (gains.rest, gains.residual)
    in_mlps = f", MLPs {_number(sum(gains.mlps.values()))}" if gains is not None and gains.mlps else ""
    shared = "" if rest is None else f"{in_mlps}, {'in no unit' if in_mlps else REST_OF_HEADS} {_number(rest)}"
    yield f"gain {_number(summary.gain)}{shared}, residual {_number(residual)}"
    gain = summary.gain
    if residual is not None and gain and (missed := abs(residual / gain)) > RESIDUAL_MOST:
        share = percent_apart(missed, RESIDUAL_MOST)
        yield f"the residual is {share} of the gain, {RESIDUAL_MOST:.0%} is usual: no head's share is surer than that"
    if summary.gradients:
        shares = ", ".join(f"{name} {share:.1%}" for name, share in summary.gradients.items())
        yield f"gradient energy: {shares}"


def _number(value: float | None) -> str:
    return "-" if value is None or value != value else f"{value:.3g}"
