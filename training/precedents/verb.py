"""What `main.py edit` does: trace a fact, edit it, undo an edit, bench. Bad input is a ValueError."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from common.files import check_output, write_whole
from perception.model import Model, choose_device, load_alone, save, weights_hash
from training.precedents import edit_log
from training.precedents.bench import BenchConfig, bench
from training.precedents.bench_parts import PARTS
from training.precedents.early_checks import check_folder, check_input, check_new_folder, check_words, new_folder
from training.precedents.editor import Editor, prepare
from training.precedents.figures import heat_maps, layer_curves
from training.precedents.prompts import answer, beliefs, encode, fill, placed, prompt
from training.precedents.requests import Fact, check_new, known_fact
from training.precedents.rome import Request
from training.precedents.tracing import KINDS, Tracer
from training.progress import Report

BENCH_OUT, LAYERS_PICTURE = Path("runs") / "edit", "layers.png"


@dataclass(frozen=True)
class EditOptions:
    """The flags of `edit`, as they were given."""

    model: str
    device: str = "cpu"
    fact: str | None = None
    to: str | None = None
    trace: str | None = None
    undo: Path | None = None
    bench: bool = False
    subject: str | None = None
    layer: int | None = None
    out: Path | None = None
    text: Path | None = None
    facts: Path | None = None
    edits: int = 100
    workers: int = 1
    seed: int = 0
    part: Sequence[str] | None = None

    def check(self) -> None:
        """Raises ValueError for flags that don't go together."""
        chosen = [bool(self.fact), bool(self.trace), bool(self.undo), self.bench]
        if sum(chosen) != 1:
            raise ValueError("give one of --fact TEXT --to OBJECT, --trace TEXT, --undo LOG, or --bench")
        if self.fact and not self.to:
            raise ValueError("--fact: give the new answer, too: --to OBJECT")
        if self.to and not self.fact:
            raise ValueError("--to: goes with --fact; leave it out")
        if self.part and not self.bench:
            raise ValueError("--part: goes with --bench; leave it out")
        if self.facts and not self.bench:
            raise ValueError("--facts: a file of facts goes with --bench; leave it out, or name one fact: --fact TEXT")
        if self.subject and not (self.fact or self.trace):
            raise ValueError("--subject: goes with --fact or --trace; a bench's facts name their own; leave it out")
        if self.undo and self.out is None:
            raise ValueError("--undo: give the folder for the model without the edit: --out DIR")
        for flag, words in (
            ("--fact", self.fact), ("--to", self.to), ("--trace", self.trace), ("--subject", self.subject)
        ):  # fmt: skip
            check_words(flag, words or "")

    def check_places(self) -> None:
        """Raises ValueError or OSError for files that can't be read, and for an --out that can't be written."""
        for flag, path, remedy in (
            ("--text", self.text, "give a text file that the model reads well"),
            ("--facts", self.facts, "give a file of facts; docs/edit.md says what a line holds"),
            ("--undo", self.undo, f"give the {edit_log.NAME} in the folder of an edited model"),
        ):
            if path is not None:
                check_input(flag, path, remedy)
        if self.bench:
            check_folder(self.out or BENCH_OUT)
        elif self.out is not None and self.trace:
            check_output(self.out)
        elif self.out is not None:
            check_new_folder(self.out)


def run(options: EditOptions, report: Report) -> tuple[dict[str, Any], list[str]]:
    """What a command asks for: its result, and lines for people. Raises ValueError or OSError."""
    options.check()
    options.check_places()
    if options.bench:
        return bench_facts(options, report)
    model = load_alone(options.model, choose_device(options.device))
    if options.undo:
        return undo_edit(options, model)
    editor = prepare(model, options.layer, options.text, options.seed)
    return trace_fact(options, editor) if options.trace else edit_fact(options, editor)


def edit_fact(options: EditOptions, editor: Editor) -> tuple[dict[str, Any], list[str]]:
    """Rewrite a fact; with an --out, write the model and the log of the edit there."""
    model, context = editor.model, editor.corpus.contexts[0]
    fact, new = known_fact(model, str(options.fact), options.subject, context), str(options.to)
    check_new(model, fact, new, context)
    before = weights_hash(model.net)
    request = Request(fact.template, fact.subject, new)
    with placed(f"--fact {str(options.fact)[:60]!r}"):
        change = editor.edit(request)
    after = _probabilities(model, fact, (fact.says, new), context)
    log = edit_log.log_of(model.net, before, request, change)
    if options.out is not None:
        with new_folder(options.out) as folder:
            save(model, folder)
            edit_log.write(folder / edit_log.NAME, log)
    result = {
        "subject": fact.subject, "prompt": fact.template, "old": fact.says, "new": new, "layer": editor.layer,
        "token": editor.config.token, "before": fact.probability, "after": {"old": after[0], "new": after[1]},
        "weights": {"before": log.before, "after": log.after},
        "out": None if options.out is None else str(options.out),
    }  # fmt: skip
    lines = [
        f"{fill(fact.template, fact.subject)} {fact.says} ({fact.probability:.0%})",
        f"{fill(fact.template, fact.subject)} {new} ({after[1]:.0%}), layer {editor.layer}",
    ]
    if options.out is None:
        return result, [*lines, "nothing was written; --out DIR keeps the edited model and the log that undoes it"]
    return result, [
        *lines,
        f"written: {options.out}; to undo: edit --undo {options.out / edit_log.NAME} --model {options.out} --out DIR",
    ]


def _probabilities(model: Model, fact: Fact, answers: tuple[str, ...], context: str) -> list[float]:
    text = fill(fact.template, fact.subject, context)
    pairs = [(encode(model.tokenizer, text), answer(model.tokenizer, text, words)) for words in answers]
    probabilities: list[float] = beliefs(model.net, pairs)[0].exp().tolist()
    return probabilities


def undo_edit(options: EditOptions, model: Model) -> tuple[dict[str, Any], list[str]]:
    """Take an edit back, bit for bit, and write the model. Raises ValueError for another model's log."""
    assert options.undo is not None and options.out is not None
    log = edit_log.read(options.undo)
    edit_log.undo(model.net, log, options.undo)
    with new_folder(options.out) as folder:
        save(model, folder)
    result = {"weights": log.before, "prompt": log.template, "subject": log.subject, "out": str(options.out)}
    return result, [f"{fill(log.template, log.subject)}: as before the edit, weights {log.before}; {options.out}"]


def trace_fact(options: EditOptions, editor: Editor) -> tuple[dict[str, Any], list[str]]:
    """Where a fact is carried: probabilities with each place put back; with an --out, a picture (PNG)."""
    model, context = editor.model, editor.corpus.contexts[0]
    fact = known_fact(model, str(options.trace), options.subject, context, "--trace")
    question = prompt(model.tokenizer, fact.template, fact.subject, context)
    trace = Tracer(model.net, question, fact.token, seed=options.seed).sweep()
    tokens = [str(model.tokenizer.decode([number])).strip() for number in question.ids]
    result = {
        "tokens": tokens, "subject": [question.first, question.last], "answer": fact.says, "clean": trace.clean,
        "corrupted": trace.corrupted, "window": trace.window, "noise": trace.sigma,
        "restored": {kind: trace.restored[kind].tolist() for kind in KINDS},
    }  # fmt: skip
    lines = [f"{' '.join(tokens)} {fact.says}: {trace.clean:.1%}, with the subject corrupted {trace.corrupted:.1%}"]
    for kind in KINDS:
        grid = trace.restored[kind]
        layer, token = divmod(int(grid.argmax()), grid.shape[1])
        lines.append(f"{kind}: most at layer {layer}, token {tokens[token]!r}: {float(grid.max()):.1%}")
    if options.out is not None:
        write_whole(options.out, heat_maps(result))
        lines.append(f"picture: {options.out}")
    return result, lines


def bench_facts(options: EditOptions, report: Report) -> tuple[dict[str, Any], list[str]]:
    """Every part of the bench, in the folder --out."""
    out = options.out or BENCH_OUT
    config = BenchConfig(
        options.model, options.edits, layer=options.layer, seed=options.seed, facts=options.facts, text=options.text
    )
    parts = [name for name in PARTS if not options.part or name in options.part]
    result = bench(config, out, report, options.workers, parts)
    if result["layers"]:
        write_whole(out / LAYERS_PICTURE, layer_curves(result["layers"]))
    else:  # an earlier bench's picture belongs to no number of this one
        (out / LAYERS_PICTURE).unlink(missing_ok=True)
    head = f"{'':20}{'efficacy':>10}{'paraphrase':>12}{'neighbourhood':>15}{'score':>8}"
    lines = [head] if result["methods"] else []
    knows = []
    for name, method in result["methods"].items():
        rows = {f"  {n} in a row": scores for n, scores in method.get("in_a_row", {}).items()}
        if "single" in method:
            rows = {name: method["single"], **rows, "  prompt prepended": method["prepended"]}
            knows = [
                f"{method['facts']} facts; the model knows {method['known']:.0%} of those it was given, others are left"
                " out"
            ]
        lines += [_row(label, scores) for label, scores in rows.items()]
    return result, [*lines, *knows, f"all of it: {out / 'bench.json'}"]


def _row(label: str, scores: dict[str, Any]) -> str:
    values = [scores[name] for name in ("efficacy", "paraphrase", "neighbourhood", "score")]
    widths = (10, 12, 15, 8)
    cells = ["-" if value is None else f"{value:.1f}" for value in values]
    return f"{label:20}" + "".join(f"{cell:>{width}}" for cell, width in zip(cells, widths, strict=True))
