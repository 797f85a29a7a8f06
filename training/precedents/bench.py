"""`edit --bench`: facts edited one by one and in a row, beside other methods, layer by layer; every part is kept.

Each part (a method, or the layers) is one file in the bench's folder, with the hashes of what it rests on. The same
command goes on where it was stopped: with the next part, and where facts are edited one by one, with the next fact
(NAME.part.json). Parts run in processes of their own. Layer and settings were chosen on the
development half of the lore; the parts of methods are of the other half.
"""

import json
import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass, replace
from hashlib import blake2b
from pathlib import Path
from typing import Any

import torch

from common.files import check_output, make_folder, read_bytes, write_whole
from common.locks import hold
from common.processes import run_jobs
from perception.model import Model, load_alone, weights_hash
from training.precedents.bench_parts import IN_A_ROW, LAYERS, METHODS, PARTS, UNTOUCHED
from training.precedents.editor import AT_SUBJECT, Editor, prepare, request_of, settings_for
from training.precedents.facts import Case, lore_cases, read_facts
from training.precedents.kept_cases import KeptCases
from training.precedents.part_files import finished_parts, kept_rows
from training.precedents.prompts import answer, fill, prompt
from training.precedents.rivals import apply, rivals_for
from training.precedents.rome import LAST, SUBJECT, undo
from training.precedents.scores import Scores, check, check_edited, known, pooled, score
from training.precedents.tracing import KINDS, Tracer
from training.progress import Report

ROW = (1, 10, 50, 100)  # edits in a row after which all of them are scored
BENCH_VERSION = 1
KEPT = ".part.json"  # ends the name of a part's file that is not whole yet
LOOK_EVERY = 1.0  # seconds between two looks at how far the parts are
KEYS = ("efficacy", "paraphrase", "neighbourhood", "score")


@dataclass(frozen=True)
class BenchConfig:
    """What is benched. facts: a file in place of the lore; text: of a model that doesn't speak the terse tongue.

    edits: facts of each method; layer_facts: facts that each layer is tried on. development: the half of the lore on
    which settings may be chosen, in place of the half that is reported.
    """

    model: str
    edits: int = 100
    layer_facts: int = 12
    layer: int | None = None
    seed: int = 0
    facts: Path | None = None
    text: Path | None = None
    development: bool = False


def cases_of(config: BenchConfig, model: Model) -> tuple[list[Case], list[Case], float]:
    """(facts to report, facts to try layers on, share of the facts that the model knows). Raises ValueError.

    Facts that the model doesn't know are left out: nothing can be said of their change.
    """
    if config.facts is None:
        if model.tongue != "terse":
            raise ValueError(
                f"{model.name} doesn't know the realm's lore; give facts that it knows: --facts FILE.jsonl"
            )
        try_on, report_on = lore_cases(config.seed)
        report_on = try_on if config.development else report_on
    else:
        report_on = try_on = read_facts(config.facts)
    editor = prepare(model, config.layer, config.text, config.seed)
    context = editor.corpus.contexts[0]
    check(model, report_on, context)
    right = known(model, report_on, context)
    wanted = [case for case, knows in zip(report_on, right, strict=True) if knows]
    if not wanted:
        where = "" if config.facts is None else f"{config.facts}: "
        raise ValueError(
            f"{where}the model knows none of these facts: its best answers are others; give facts that it knows"
        )
    tried = [case for case, knows in zip(try_on, known(model, try_on, context), strict=True) if knows]
    wanted, tried = wanted[: config.edits], tried[: config.layer_facts]
    most = max(editor.config.contexts, AT_SUBJECT.contexts)
    check_edited(model, [*wanted, *tried], editor.corpus.contexts[:most])
    return wanted, tried, sum(right) / len(right)


def part(name: str, config: BenchConfig, place: Path | None = None) -> dict[str, Any]:
    """One part of the bench, in a process of its own or not. Same arguments, same scores.

    place: where single facts are kept as they are scored.
    """
    torch.set_num_threads(1)
    model = load_alone(config.model)
    cases, tried, share = cases_of(config, model)
    editor = prepare(model, config.layer, config.text, config.seed)
    if name == LAYERS:
        return {"layers": layers(editor, tried), "facts": len(tried)}
    if name.endswith(IN_A_ROW):
        return {"in_a_row": in_a_row(name.removesuffix(IN_A_ROW), editor, cases)}
    kept = KeptCases(place, rests_on(config, model), len(cases))
    return {"facts": len(cases), "known": share} | singles(name, editor, cases, kept)


def singles(method: str, editor: Editor, cases: Sequence[Case], kept: KeptCases) -> dict[str, Any]:
    """Each fact changed by itself, scored, and taken back: means, and the time of a change (s of the processor).

    prepended: the same with the edited sentence in front of every prompt about a neighbour; untouched: so without any
    edit, where the true answers should be said all the same. The part UNTOUCHED has neither edit nor sentence in its
    `single`. kept: facts scored already, to which the others are added.
    """
    model, context = editor.model, editor.corpus.contexts[0]
    if method == "rome":
        editor.moment(editor.layer)
    before = weights_hash(model.net)
    for case in cases[len(kept.rows) :]:
        untouched = score(model, [case], context, prepend=True)
        start = time.process_time()
        take_back = apply(method, editor, case)
        seconds = time.process_time() - start
        single, prepended = (score(model, [case], context, prepend=before_it) for before_it in (False, True))
        take_back()
        if weights_hash(model.net) != before:
            raise AssertionError(f"{method}: the weights are not what they were before the edit of {case.subject}")
        kept.add({"single": single, "prepended": prepended, "untouched": untouched, "seconds": seconds})
    times = [float(row["seconds"]) for row in kept.rows]
    means: dict[str, Any] = {
        name: pooled([row[name] for row in kept.rows]) for name in ("single", "prepended", "untouched")
    }
    return means | {"seconds_mean": sum(times) / len(times), "seconds_most": max(times)}


def in_a_row(method: str, editor: Editor, cases: Sequence[Case]) -> dict[str, Scores]:
    """Facts changed one after the other; the scores of all that were changed so far, after ROW of them.

    A prompt about a neighbour, or another fact of a subject, counts as long as that fact was not changed itself.
    """
    steps, undos = dict[str, Scores](), []
    for number, case in enumerate(cases, 1):
        undos.append(apply(method, editor, case))
        if number in ROW or number == len(cases):
            steps[str(number)] = score(editor.model, unchanged(cases[:number]), editor.corpus.contexts[0])
    for take_back in reversed(undos):
        take_back()
    return steps


def unchanged(cases: Sequence[Case]) -> list[Case]:
    """These cases without the neighbours and other facts that are changed by one of them."""
    changed = {(case.subject, case.true) for case in cases}
    return [
        replace(
            case,
            neighbours=tuple(near for near in case.neighbours if near[1:] not in changed),
            own=tuple(fact for fact in case.own if fact[1:] not in changed),
        )
        for case in cases
    ]


def layers(editor: Editor, cases: Sequence[Case]) -> list[dict[str, Any]]:
    """Of each layer: what tracing says of it at the subject's last token and at the prompt's, and how editing does.

    effects: the answer's probability with that place put back, minus the corrupted run's; means over the facts.
    """
    model, context = editor.model, editor.corpus.contexts[0]
    effects: dict[str, list[torch.Tensor]] = {f"{kind} {token}": [] for kind in KINDS for token in (SUBJECT, LAST)}
    for number, case in enumerate(cases):
        question = prompt(model.tokenizer, case.template, case.subject, context)
        target = answer(model.tokenizer, fill(case.template, case.subject, context), case.true)[0]
        trace = Tracer(model.net, question, target, seed=number).sweep()
        for kind in KINDS:
            effects[f"{kind} {SUBJECT}"].append(trace.restored[kind][:, question.last] - trace.corrupted)
            effects[f"{kind} {LAST}"].append(trace.restored[kind][:, -1] - trace.corrupted)
    means = {name: torch.stack(values).mean(0).tolist() for name, values in effects.items()}
    rows = []
    own = settings_for(model)
    at_subject = AT_SUBJECT if own.token == LAST else own
    for layer in range(model.layers):
        row: dict[str, Any] = {"layer": layer} | {f"effect {name}": values[layer] for name, values in means.items()}
        for token, settings in ((SUBJECT, at_subject), (LAST, replace(own, token=LAST))):
            at = Editor(model, editor.corpus, layer, settings, editor.moments)
            scores = []
            for case in cases:
                change = at.edit(request_of(case))
                scores.append(score(model, [case], context))
                undo(model.net, change)
            row[token] = pooled(scores)
        rows.append(row)
    return rows


def rests_on(config: BenchConfig, model: Model) -> dict[str, Any]:
    """What decides a bench's numbers: settings, and hashes of weights and facts."""
    lore = repr(lore_cases(config.seed)).encode()
    facts = lore if config.facts is None else read_bytes(config.facts)
    return {
        "version": BENCH_VERSION,
        "weights": weights_hash(model.net),
        "facts": blake2b(facts, digest_size=8).hexdigest(),
        "text": "" if config.text is None else blake2b(read_bytes(config.text), digest_size=8).hexdigest(),
        "settings": {k: v for k, v in asdict(config).items() if k not in ("model", "facts", "text")},
        "rome": asdict(settings_for(model)),
        "at_subject": asdict(AT_SUBJECT),
        "rivals": asdict(rivals_for(model)),
    }


def bench(
    config: BenchConfig, out: Path, report: Report, workers: int = 1, parts: Sequence[str] = PARTS
) -> dict[str, Any]:
    """Every part, from its file where that rests on the same; then bench.json.

    Raises ValueError or OSError; FolderInUse where another process works in the folder. Keys: efficacy, paraphrase,
    neighbourhood, score (percent; ROME, single edits), methods, layers, rests_on.
    """
    model = load_alone(config.model)
    cases, tried, _ = cases_of(config, model)  # refuses before anything is begun
    if LAYERS in parts and not tried:
        raise ValueError(f"{model.name} knows none of the facts that layers are tried on; leave that out: --part rome")
    noted = json.loads(json.dumps(rests_on(config, model)))
    del model  # the parts load their own
    make_folder(out)
    with hold(out):
        finished = finished_parts(out, noted)
        missing = [name for name in parts if name not in finished]
        places = {name: out / f"{name}{KEPT}" for name in missing}
        for place in places.values():
            check_output(place)
            kept_rows(place, noted, len(cases))  # refuses a damaged one before anything is begun
        done = len(parts) - len(missing)
        report("parts of the bench", done, len(parts))
        jobs = {name: (kept_part, (name, config, out, noted)) for name in missing}
        with _watched(places, noted, len(cases), report) as tell:
            finished |= run_jobs(jobs, workers, lambda ended: tell("parts of the bench", done + ended, len(parts)))
        result = summed_up(finished, noted)
        write_whole(out / "bench.json", json.dumps(result, indent=1).encode())
    return result


def kept_part(name: str, config: BenchConfig, out: Path, noted: dict[str, Any]) -> dict[str, Any]:
    """One part, written into the bench's folder as soon as it is there."""
    place = out / f"{name}{KEPT}"
    whole = part(name, config, place) | {"rests_on": noted}
    write_whole(out / f"{name}.json", json.dumps(whole, indent=1).encode())
    place.unlink(missing_ok=True)
    return whole


@contextmanager
def _watched(places: Mapping[str, Path], noted: dict[str, Any], most: int, report: Report) -> Iterator[Report]:
    """While the block runs, how many facts of each part are scored is told; what is yielded tells other things."""
    over, turn = threading.Event(), threading.Lock()

    def in_turn(what: str, done: int, of: int) -> None:
        with turn:
            report(what, done, of)

    def look() -> None:
        while not over.wait(LOOK_EVERY):
            for name, place in places.items():
                with suppress(OSError, ValueError):  # somebody else's file now; the part itself will say so
                    if scored := len(kept_rows(place, noted)):
                        in_turn(f"facts edited: {name}", scored, most)

    watch = threading.Thread(target=look, name="tells how far the bench is", daemon=True)
    watch.start()
    try:
        yield in_turn
    finally:
        over.set()
        watch.join()


def summed_up(finished: dict[str, Any], noted: dict[str, Any]) -> dict[str, Any]:
    """One object of all parts; its first keys are ROME's scores of single edits."""
    single = finished["rome"]["single"] if "rome" in finished else dict.fromkeys(KEYS)
    methods = {
        name: {k: v for part in (name, name + IN_A_ROW) for k, v in finished.get(part, {}).items() if k != "rests_on"}
        for name in (UNTOUCHED, *METHODS)
        if name in finished or name + IN_A_ROW in finished
    }
    known_layers = finished[LAYERS]["layers"] if LAYERS in finished else []
    return {key: single[key] for key in KEYS} | {"methods": methods, "layers": known_layers, "rests_on": noted}
