"""What `main.py circuit` does: find the circuit of a task, or score a named one. Bad input is a ValueError."""

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np

from common.numbers import finite
from game.realm.rules import load as load_rules
from perception.model import Model, choose_device, load_alone, weights_hash
from perception.units import unit_name
from training.precedents import circuits
from training.precedents.ablation import Ablation
from training.precedents.circuit_config import IOI, LISTEN, PROMPTS_MIN, SIGHT, CircuitOptions
from training.precedents.circuit_figures import picture
from training.precedents.classes import Looks, classes_of, looks
from training.precedents.early_checks import new_folder
from training.precedents.ioi import OUTPUT, Effect, Paths, Report, grown, pruned, search
from training.precedents.line_file import file_lines
from training.precedents.own_change import own_changes
from training.precedents.path_patching import Head, mean_mixes, mixes_of
from training.precedents.scenes import DECISION, scene_lines
from training.precedents.sites import sites_of
from training.precedents.tasks import LEAST_RIGHT, Line, Task, ioi_lines, task_of
from training.precedents.unseen import on_unseen, unseen_lines

UNCHANGED = 0.1  # of what a head writes: a smaller own change is none
NAME, PICTURE = "circuit.json", "circuit.png"


@dataclass(frozen=True)
class Circuit:
    """A circuit with what it was found by."""

    heads: list[Head]
    paths: Paths
    seen: dict[Head, Looks]
    classes: dict[str, list[Head]]


def ablation_of(model: Model, task: Task) -> Ablation:
    """A model on a task, with the means of its heads over the corrupted prompts."""
    sites = sites_of(model.net)
    means = mean_mixes(mixes_of(sites, task.corrupted)[1], task.group_C, task.group_B)
    return Ablation(sites, task.prompts, means, task.measure)


def lines_of(options: CircuitOptions, model: Model) -> dict[str, list[Line]]:
    """The prompts by kind; of kind decision alone unless the task is one of scenes. Raises ValueError."""
    count, seed = options.config.prompts, options.seed
    if options.task == IOI:
        lines = {DECISION: ioi_lines(model, count, seed, options.config.against)}
    elif options.task in (SIGHT, LISTEN):
        lines = scene_lines(model, load_rules(), options.task, count, seed)
    else:
        lines = {DECISION: file_lines(model, Path(options.task), count)}
    if len(lines[DECISION]) < PROMPTS_MIN:
        raise ValueError(f"--task {options.task}: {len(lines[DECISION])} prompts; give at least {PROMPTS_MIN}")
    return lines


def check_does(options: CircuitOptions, task: Task, ablation: Ablation) -> float:
    """The share of prompts that the model answers right. Raises ValueError where it doesn't do the task."""
    right = task.right(mixes_of(ablation.sites, task.prompts)[0])
    if right < LEAST_RIGHT or not ablation.whole > 0:
        raise ValueError(
            f"--task {options.task}: the model answers {right:.0%} of the prompts right, mean logit difference"
            f" {ablation.whole:.2f}; a circuit needs {LEAST_RIGHT:.0%} and more than 0: give a model that does the task"
        )
    if ablation.span < abs(ablation.whole) / 100:
        raise ValueError(
            f"--task {options.task}: with every head ablated the model does it as well; the corrupted prompts must"
            " lack what the answer rests on"
        )
    return right


def run(options: CircuitOptions, report: Report) -> tuple[dict[str, Any], list[str]]:
    """The result, and lines for people. Raises ValueError or OSError."""
    options.check()
    base = load_alone(options.model, choose_device(options.device))
    model = base if options.tuned is None else load_alone(options.tuned, base.device)
    lines = lines_of(options, model)
    others = unseen_lines(options, model, lines[DECISION])
    # Read before hours of search: what can't be read is refused at once.
    elsewhere = task_of(options.task, others, model) if len(others) >= PROMPTS_MIN else None
    tasks = {kind: task_of(options.task, some, model) for kind, some in lines.items() if len(some) >= PROMPTS_MIN}
    task = tasks[DECISION]
    ablation = ablation_of(model, task)
    right = check_does(options, task, ablation)
    circuit = find(options, model, task, ablation, report)
    result = measured(options, ablation, circuit, report)
    result["unseen"] = None if elsewhere is None else unseen(options, model, circuit, elsewhere, report)
    result |= {
        "task": options.task, "model": str(options.tuned or options.model), "weights": weights_hash(model.net),
        "seed": options.seed, "settings": asdict(options.config), "prompts": len(lines[DECISION]), "right": right,
    }  # fmt: skip
    if len(tasks) > 1:
        result["roles"] = roles(
            model, None if options.tuned is None else base, tasks, ablation, circuit, options, report
        )
    result = finite(result)
    if options.out is not None:
        drawn = picture(result)
        with new_folder(options.out) as folder:
            (folder / NAME).write_text(json.dumps(result, indent=1) + "\n", encoding="utf-8")
            (folder / PICTURE).write_bytes(drawn)
    return result, told(result, options)


def unseen(options: CircuitOptions, model: Model, circuit: Circuit, task: Task, report: Report) -> dict[str, Any]:
    """What the circuit does on prompts that its search did not see (`on_unseen`)."""
    ablation = ablation_of(model, task)
    right = task.right(mixes_of(ablation.sites, task.prompts)[0])
    said = on_unseen(ablation, circuit.heads, options.seed, report)
    return said | {"prompts": len(task.answer_B), "right": right}


def find(options: CircuitOptions, model: Model, task: Task, ablation: Ablation, report: Report) -> Circuit:
    """The circuit that a search finds, or the named one. Raises ValueError for heads that the model lacks."""
    config, seen = options.config, looks(model, task)
    most = max(1, int(config.most * len(ablation.every)))
    if options.heads is None:
        paths = search(ablation, config.least, report)
        heads = grown(ablation, pruned(ablation, paths.effects, config.least, report), most, config.least, report)
        if not heads:
            raise ValueError(f"--least {config.least:g}: no head has such an effect; give a smaller one")
    else:
        heads = options.named()
        if outside := next((head for head in heads if head not in ablation.every), None):
            raise ValueError(
                f"--heads {outside[0]}.{outside[1]}: the model has {ablation.sites.layers} layers of"
                f" {ablation.sites.heads} heads, counted from 0"
            )
        paths = Paths(direct={head: ablation.direct(head) / ablation.span for head in heads})
        for head in heads:
            if abs(paths.direct[head]) >= config.least:
                paths.add(head, Effect(OUTPUT, paths.direct[head]))
    return Circuit(heads, paths, seen, classes_of(heads, paths, seen, config.least))


def measured(options: CircuitOptions, ablation: Ablation, circuit: Circuit, report: Report) -> dict[str, Any]:
    """All that is said about a circuit."""
    heads, config, seed = circuit.heads, options.config, options.seed
    minimal = circuits.minimality(ablation, heads, circuit.classes)
    complete = circuits.completeness(ablation, heads, circuit.classes, seed, report)
    random = circuits.random_circuits(ablation, len(heads), config.random, seed, report)
    matched = circuits.random_circuits(ablation, len(heads), config.random, seed, report, heads)
    strongest = {head: max(circuit.paths.strongest(head), minimal.get(head, 0.0)) for head in ablation.every}
    alone = {head: abs(float(ablation.without([head]).mean()) - ablation.whole) for head in ablation.every}
    order = sorted(ablation.every, key=lambda head: (head not in minimal, -strongest[head], -alone[head], head))
    named = {head: name for name, members in circuit.classes.items() for head in members}
    names = {head: unit_name(head, ablation.sites.heads) for head in ablation.every}
    return {
        "heads": [
            {"layer": head[0], "head": head[1], "class": named[head], "minimality": minimal[head],
             "direct": circuit.paths.direct[head], "attention": asdict(circuit.seen[head]),
             "effects": [{"to": effect.to, "share": effect.share, "receivers": [names[r] for r in effect.receivers]}
                         for effect in circuit.paths.effects.get(head, [])]}
            for head in heads
        ],
        "total_heads": len(ablation.every), "layers": ablation.sites.layers,
        "share": len(heads) / len(ablation.every),
        "faithfulness": circuits.faithfulness(ablation, heads), "completeness": complete["score"],
        "minimality": min(minimal.values()), "random_p95": float(np.percentile(random, 95)),
        "matched_p95": float(np.percentile(matched, 95)),
        "f": {"model": ablation.whole, "circuit": circuits.mean(ablation, heads), "empty": ablation.empty,
              "without": float(ablation.without(heads).mean())},
        "classes": {name: [names[head] for head in members] for name, members in circuit.classes.items()},
        "paths": {names[head]: circuit.paths.strongest(head) for head in sorted(circuit.paths.effects)},
        "completeness_gaps": complete | {"greedy_heads": [names[head] for head in complete["greedy_heads"]]},
        "curve": circuits.curve(ablation, order, seed, report),
    }  # fmt: skip


def roles(
    model: Model, base: Model | None, tasks: dict[str, Task], ablation: Ablation, circuit: Circuit,
    options: CircuitOptions, report: Report,
) -> dict[str, Any]:  # fmt: skip
    """Heads that decide, that support (needed, hardly changed by training), and that compete (docs/circuits.md)."""
    every, least = ablation.every, options.config.least
    costs: dict[str, dict[Head, float]] = {}
    for kind, task in tasks.items():
        here = ablation if kind == DECISION else ablation_of(model, task)
        costs[kind] = {}
        for number, head in enumerate(every):
            report(f"ablations: {kind}", number, len(every))
            costs[kind][head] = (here.whole - float(here.without([head]).mean())) / max(abs(here.whole), 1e-9)
    changes = None if base is None else own_changes(base.net, model.net, tasks[DECISION].prompts)
    names = {head: unit_name(head, ablation.sites.heads) for head in every}
    against = [head for head in every if circuit.paths.direct.get(head, 0.0) >= least]
    other = [kind for kind in costs if kind != DECISION]
    competing = {
        kind: [names[head] for head in against if costs[kind][head] >= least] for kind in other
    }  # fmt: skip
    result: dict[str, Any] = {
        "decision": [names[head] for head in circuit.heads],
        "competing": competing,
        "costs": {kind: {names[head]: cost for head, cost in some.items()} for kind, some in costs.items()},
    }
    if changes is not None:
        result["own_change"] = {names[head]: changes[head] for head in every}
        result["supporting"] = [names[head] for head in circuit.heads if changes[head] < UNCHANGED]
    return result


def told(result: dict[str, Any], options: CircuitOptions) -> list[str]:
    """Lines for people."""
    count, total = len(result["heads"]), result["total_heads"]
    lines = [
        f"{options.task}: {count} of {total} heads ({count / total:.0%}), {result['right']:.0%} of prompts right",
        f"faithfulness {result['faithfulness']:.1%}, completeness {result['completeness']:.1%},"
        f" every head at least {result['minimality']:.1%}",
        f"random circuits of that size: 95 % of them below {result['random_p95']:.1%}",
        *on_others(result["unseen"]),
        *(f"{name}: {', '.join(members)}" for name, members in result["classes"].items()),
    ]
    for name in ("supporting", "competing"):
        if name in result.get("roles", {}):
            some: Any = result["roles"][name]
            members: Sequence[str] = (
                some if isinstance(some, list) else [f"{k}: {', '.join(v) or 'none'}" for k, v in some.items()]
            )
            lines.append(f"{name}: {', '.join(members) or 'none'}")
    curve = result["curve"]
    lines.append(f"areas over sizes: CPR {curve['cpr'][0]:.2f}, CMD {curve['cmd'][0]:.2f}")
    if options.out is not None:
        lines.append(f"written: {options.out}")
    return lines


def on_others(unseen: dict[str, Any] | None) -> list[str]:
    """The line about prompts that the search did not see; none where there were too few."""
    if unseen is None:
        return []
    share = "no head matters" if unseen["share"][0] is None else f"{unseen['share'][0]:.1%} of what the heads do"
    below = "" if unseen["matched_p95"] is None else f" (random ones alike in layers: {unseen['matched_p95']:.1%})"
    return [f"on {unseen['prompts']} other prompts: {share}{below}, faithfulness {unseen['faithfulness']:.1%}"]
