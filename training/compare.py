"""Two finished models of one shape: which heads hold what the second does better? `main.py diff BASE TUNED` runs it.

log, result = compare(CompareConfig("base", "tuned", Path("probes.jsonl"), out=Path("runs/compared")))

Both models answer the same probes: lines as in docs/behaviours.md. The gain, the fall in their loss from BASE to TUNED,
is shared out along the straight line of weights, for nobody knows the path that the training took. Heads are swapped
singly, layer by layer, and in growing sets. There are no controls: what an unrelated training would have changed as
well is not told apart from what this one taught. So there is no verdict.
"""

import hashlib
import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

from msgspec.structs import replace
from torch import Tensor
from transformers import PreTrainedModel, PreTrainedTokenizerBase

from common.files import make_folder, read_bytes
from common.locks import hold
from game.realm.rules import load as load_rules
from perception.chat import frame
from perception.model import Model, choose_device, load, weights_hash
from perception.units import Unit
from training.behaviours.file import ModelReader, probes_of
from training.behaviours.lines import LARGEST, WANTED, BehaviourError, Placed, read_lines
from training.data.lessons import Journal
from training.headlog.curves import SetCurve, curve_records
from training.headlog.log import Writer
from training.headlog.records import Allocation, End, HeadRow, Log, Record, Swap
from training.headlog.table import diff_table
from training.heads.balanced import judged_chunks
from training.heads.gain_allocation import HeldOut, same_shape
from training.heads.head_probes import head_probes
from training.heads.run_log import SWAPPED, Training, log_header, mlps_trained, outcome
from training.heads.same_function import settings_apart
from training.heads.score import Probe, answers_of, tally
from training.heads.set_curve import greedy_order, set_curve
from training.heads.usable import UsableChunks, usable_losses
from training.progress import Report
from training.run_folder import check_out

MOST = 160  # probes over which the gain is shared out, as of a behaviour of one's own
TOGETHER = 2  # a wanted line and one at which it tempts share a chunk
LEAST = 8  # of these probes; on fewer, a share of the gain is one line's
LOG = "log.msgpack"


@dataclass(frozen=True)
class CompareConfig:
    """base, tuned: Hugging Face folders, or hub:org/name. seed: of random sets and of resampling alone."""

    base: str
    tuned: str
    probes: Path
    seed: int = 0
    device: str = "auto"
    out: Path | None = None


@dataclass(frozen=True)
class _Measures:
    """What both models are asked. losses: of all chunks; each: a model -> nats a decision; few: of a part of them."""

    probes: list[Probe]
    losses: UsableChunks
    each: Callable[[PreTrainedModel], Tensor]
    few: HeldOut


def compare(config: CompareConfig, report: Report = lambda what, done, of: None) -> tuple[Log, dict[str, Any]]:
    """Measure both models; with config.out, write out/log.msgpack, record by record.

    Returns the log, and what `diff --json` prints: `diff_table`'s entries, before and after (scores), same_weights,
    notes, log (its path or None).
    Raises ValueError in one line for models that don't fit each other, or probes that can't be used, before anything is
    written; OSError where nothing can be written.
    """
    if config.out is not None:
        check_out(config.out)
    report("loading", 0, 2)
    before = _load(config.base, "BASE", config.device)
    report("loading", 1, 2)
    after = _load(config.tuned, "TUNED", config.device)
    notes = check_pair(before, after)
    # Both are asked in the same tokens, on the same contexts.
    before = Model(before.net, after.tokenizer, after.tongue, before.name, after.context)
    measures = _measures(after, config.probes)
    report("loading", 2, 2)
    if config.out is None:
        log = _measured(config, before, after, measures, report)
    else:
        make_folder(config.out)
        with hold(config.out):
            check_out(config.out)  # again: another run may have ended in between
            log = _measured(config, before, after, measures, report)
    return log, _result(config, before, after, log, notes)


def _load(source: str, role: str, device: str) -> Model:
    """A model, in eval mode. Raises ValueError that names it by its role."""
    try:
        return load(source, choose_device(device))
    except ValueError as error:
        raise ValueError(str(error).replace("--model", role, 1)) from error


def check_pair(before: Model, after: Model) -> list[str]:
    """Notes on what differs but does no harm. Raises ValueError for models whose heads can't be compared one by one."""
    kinds = [model.net.config.get_text_config().model_type for model in (before, after)]
    if kinds[0] != kinds[1]:
        raise ValueError(f"BASE is a {kinds[0]} model, TUNED a {kinds[1]} model; give two of one shape")
    sizes = [(model.layers, model.heads) for model in (before, after)]
    if sizes[0] != sizes[1]:
        (layers, heads), (other_layers, other_heads) = sizes
        raise ValueError(
            f"BASE has {layers} layers of {heads} heads, TUNED {other_layers} of {other_heads}; give two of one shape"
        )
    try:
        same_shape(before.net, after.net)
    except ValueError as error:
        raise ValueError(f"BASE and TUNED: {error}; give a model and what was trained from it") from error
    if (difference := settings_apart(before, after)) is not None:
        raise ValueError(f"BASE and TUNED compute otherwise: {difference}; give a model and what was trained from it")
    if (difference := _tokenizers_differ(before.tokenizer, after.tokenizer)) is not None:
        raise ValueError(f"BASE and TUNED have different tokenizers: {difference}; give them the same one")
    check_readers(before, after)
    notes = []
    if frame(before.tokenizer) != frame(after.tokenizer):
        notes.append("BASE and TUNED have different chat templates; both were asked in TUNED's")
    if _special_tokens(before.tokenizer) != _special_tokens(after.tokenizer):
        notes.append("BASE and TUNED have different special tokens around a text; both were asked in TUNED's")
    return notes


def check_readers(before: Model, after: Model) -> None:
    """Raises ValueError unless both models' contexts are read by nets that do the same, or each by itself.

    A training with --base-cache leaves a model whose contexts its base model reads.
    """
    if before.context is None and after.context is None:
        return
    if after.context is None or weights_hash(before.reader) != weights_hash(after.context):
        raise ValueError(
            "BASE and TUNED decide on contexts that different nets have read; give a model and what was trained from it"
        )
    readers = [Model(model.reader, model.tokenizer, model.tongue, model.name) for model in (before, after)]
    if (difference := settings_apart(*readers)) is not None:
        raise ValueError(
            f"BASE and TUNED decide on contexts that were read otherwise: {difference}; give a model and what was"
            " trained from it"
        )


def _special_tokens(tokenizer: PreTrainedTokenizerBase) -> list[int]:
    """The tokens of an empty text."""
    ids: list[int] = tokenizer("")["input_ids"]
    return ids


def _tokenizers_differ(one: PreTrainedTokenizerBase, other: PreTrainedTokenizerBase) -> str | None:
    """The first thing in which two tokenizers differ so that they make other tokens of a text; None if nothing."""
    mine, its = one.get_vocab(), other.get_vocab()
    odd = sorted(
        (word for word in mine.keys() | its.keys() if mine.get(word) != its.get(word)), key=lambda w: (len(w), w)
    )
    if odd:
        places = [
            f"token {number}" if number is not None else "no token" for number in (mine.get(odd[0]), its.get(odd[0]))
        ]
        return f"{odd[0][:40]!r} is {places[0]} to BASE and {places[1]} to TUNED"
    whole = [json.loads(tokenizer.backend_tokenizer.to_str()) for tokenizer in (one, other)]
    for part in ("normalizer", "pre_tokenizer", "model"):
        if whole[0].get(part) != whole[1].get(part):
            return f"their {part.replace('_', '-')}s split a text differently"
    return None


def read_probes(path: Path, model: Model) -> list[Probe]:
    """The probes of a file, for this model. Raises BehaviourError for every line that it can't decide."""
    lines, faults = read_lines(path)
    reader = ModelReader(model)
    faults += [f"{path}:{placed.number}: {fault}" for placed in lines if (fault := reader.fault(placed.line))]
    if faults:
        raise BehaviourError(faults, listed=False)
    return probes_of(lines, model.tongue, _wanted(lines))


def _wanted(lines: Sequence[Placed]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(placed.line.answer for placed in lines if placed.line.kind == WANTED))


def _measures(model: Model, path: Path) -> _Measures:
    """Raises ValueError for probes too few, or with nothing to know."""
    probes = read_probes(path, model)
    judged = [probe for probe in probes if probe.places][:MOST]
    answers = {probe.answers[0] for probe in judged}
    if len(answers) == 1:
        raise ValueError(
            f"{path}: all its {len(judged)} wanted decisions have the one answer {answers.pop()!r}, so that there is"
            " nothing to know; add other lines at which it is a candidate and wrong"
        )
    if len(judged) < LEAST:
        raise ValueError(
            f"{path}: {len(judged)} lines are wanted, or have a wanted answer as a candidate; {LEAST} are needed"
        )
    try:
        losses = usable_losses(model, judged_chunks(judged, TOGETHER, MOST), context=model.context)
    except ValueError as error:
        raise ValueError(f"{path}: {error}") from error
    return _Measures(probes, losses, losses.whole.each, losses.part(SWAPPED))


def _measured(config: CompareConfig, before: Model, after: Model, measures: _Measures, report: Report) -> Log:
    """Every record, written as it comes where there is a folder for it; Ctrl-C leaves what is whole."""
    data = hashlib.blake2b(read_bytes(config.probes, LARGEST), digest_size=8).hexdigest()
    settings = {"behaviour": "compared", "model": config.base, "tuned": config.tuned, "probe_file": str(config.probes)}
    header = replace(log_header(before, settings, {"sets": config.seed}, Journal()), data_hash=data)
    path = None if config.out is None else config.out / LOG
    writer = None if path is None else Writer(path, header)
    records: list[Record] = []
    try:
        for record in _records(config.seed, before, after, measures, report):
            records.append(record)
            if writer is not None:
                writer.write(record)
        if writer is not None:
            writer.write(End())
    finally:
        if writer is not None:
            writer.close()
    return Log("BASE and TUNED" if path is None else str(path), header, tuple(records))


def _records(seed: int, before: Model, after: Model, measures: _Measures, report: Report) -> Iterator[Record]:
    """The head diff, the gain shared out, swaps of single heads and layers, the curve of sets."""
    report("scoring", 0, 2)
    scores = [tally(measures.probes, answers_of(model, measures.probes)) for model in (before, after)]
    training = Training(before, after, {}, {}, Journal(), [], (scores[0], scores[1]), 0, 0.0)
    rows = head_probes(after, measures.probes, load_rules(), MOST)
    report("comparing heads", 0, 1)
    swaps: list[Swap] = []
    of = before.layers * (1 + before.heads + mlps_trained(training))
    gains: dict[Unit, float] = {}
    for record in outcome(training, rows, measures.losses, swaps=True):
        if isinstance(record, Swap):
            swaps.append(record)
            report("swapping heads and layers", len(swaps), of)
        elif isinstance(record, HeadRow):
            gains[record.layer, record.head] = record.gain or 0.0
        elif isinstance(record, Allocation) and record.loss == "usable":
            for layer, gain in enumerate(record.mlps):
                unit = (layer, before.heads)
                gains[unit] = gains.get(unit, 0.0) + gain * record.decisions / measures.losses.whole.total
        yield record
    alone = {
        swap.heads[0]: swap.insert
        for swap in swaps
        if swap.name.startswith(("head ", "mlp ")) and swap.insert is not None
    }
    curve = _curve(seed, before, after, measures, gains, alone, report) if alone else None
    if curve is not None:
        yield from curve_records(curve)


def _curve(
    seed: int, before: Model, after: Model, measures: _Measures, gains: Mapping[Unit, float],
    alone: Mapping[Unit, float], report: Report,
) -> SetCurve | None:  # fmt: skip
    """Sets by falling gain, and by greedy insertion on a part of the probes."""
    nets = before.net, after.net
    report("greedy sets", 0, 1)
    greedy = greedy_order(*nets, measures.few, alone)
    order = sorted(gains, key=lambda head: (-gains[head], head))
    return set_curve(*nets, measures.each, order, seed, greedy=greedy, progress=partial(report, "inserting sets"))


def _result(config: CompareConfig, before: Model, after: Model, log: Log, notes: Sequence[str]) -> dict[str, Any]:
    """What `diff --json` prints."""
    summary = log.summary
    assert summary is not None
    return diff_table(log) | {
        "before": summary.before,
        "after": summary.after,
        "same_weights": weights_hash(before.net) == weights_hash(after.net),
        "notes": list(notes),
        "log": None if config.out is None else str(config.out / LOG),
    }
