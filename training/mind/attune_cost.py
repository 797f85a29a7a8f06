"""What attunement brings and costs: a second evening on which a few heads practise and the others rest.

    python -m training.mind.attune_cost --out FILE.json [--model DIR] [--seeds 3] [--heads 8]

On the first evening a mind is shown two species, and all heads practise. Then every head is weighed, as the panel of
the heads shows it: the share of the gain that it brings alone (`insert`). On the second evening a third species is
shown. It is learned from the same weights by equal steps in several ways: all heads practise; those that brought most;
those that brought least; three random sets. Seeds differ in the species, the scenes and the random sets. FILE holds the
rows of every seed, and means over seeds (of the random sets, over sets too):

hits: share of the third species' spirits that are named, on unseen scenes; hits_before: of the first two species';
misnamed: of the species never shown, share that is called by one of the three; false_alarms: of empty places;
mundane: share right of ordinary questions; lore, judgement: share of facts and of answers to what is said that are as
they were when the mind came. seconds: of the processor, of all steps; hits_half: hits after half of the steps.
A seed that FILE holds already is not run again.
"""

import argparse
import json
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from itertools import islice
from pathlib import Path
from random import Random
from statistics import fmean
from typing import Any

import torch
from torch import Tensor

from common.assets import NOVICE
from common.files import check_output, write_whole
from game.realm.rules import NOTHING, Rules
from game.realm.rules import load as load_rules
from game.realm.sampler import samples
from perception.messages import Lesson
from perception.model import Model, load, weights_hash
from training.data.lessons import Journal
from training.heads.head_probes import probe_loss
from training.heads.score import Probe, answers_of, probes, tally
from training.heads.swaps import patch_every_head
from training.mind.mind import IN_PLAY, WEIGH_SCENES, copy_of
from training.mind.trained_weights import put_weights
from training.precedents.corpus import own_corpus
from training.precedents.retention import Retention
from training.progress import Report, progress_bar
from training.teach import Teacher

SHOWN = 6  # spirits shown each evening
EMPTIES = 2  # empty places that are named beside each of them
STEPS = 60  # of each evening: a minute of dreams
SCENES = 160  # unseen scenes to measure on
RETAINED = 16  # scenes of what has to stay
PROBES_FROM = 2000  # seeds of unseen scenes
SCANNED = 400  # scenes among which lessons are looked for
RANDOM = 3  # random sets of each seed
ALL, BEST, WORST = "all", "best", "worst"
MEANS = ("hits", "hits_half", "hits_before", "misnamed", "false_alarms", "mundane", "lore", "judgement", "seconds")
Weights = Mapping[str, Tensor]


def lessons(seed: int, evening: int, species: Sequence[str], rules: Rules) -> list[Lesson]:
    """SHOWN lessons as a seer gives them: one spirit of these species, and a few empty places.

    Raises ValueError where too few are found.
    """
    chosen: list[Lesson] = []
    for sample in islice(samples(seed, f"attune-cost/{evening}", "terse", rules), SCANNED):
        wanted = species[len(chosen) % len(species)]
        if wanted not in sample.answers:
            continue
        spirit, empties = sample.answers.index(wanted), 0
        answers: list[str | None] = []
        for index, answer in enumerate(sample.answers):
            empty = answer == NOTHING and empties < EMPTIES
            answers.append(answer if index == spirit or empty else None)
            empties += empty
        chosen.append(Lesson(sample.view.scene, tuple(answers), "seer"))
        if len(chosen) == SHOWN:
            return chosen
    raise ValueError(f"seed {seed}: {len(chosen)} of {SHOWN} lessons in {SCANNED} scenes; give other seeds")


def practised(model: Model, taught: Sequence[Lesson], heads: str, seed: int, rules: Rules) -> Iterator[float]:
    """STEPS steps with these heads (LAYER.HEAD with commas, "" for all). Yields the processor's seconds so far."""
    teacher, spent = Teacher(model, replace(IN_PLAY, heads=heads, seed=seed), rules, Journal()), 0.0
    for lesson in taught:
        teacher.teach(lesson)
    for _ in range(STEPS):
        began = time.process_time()
        teacher.step()
        spent += time.process_time() - began
        yield spent


def sighted(model: Model, unseen: Sequence[Probe], known: Sequence[str], new: str) -> dict[str, float]:
    """What the model sees on unseen scenes. known, new: species that were shown, first and last."""
    answers = answers_of(model, unseen)
    pairs = [
        (said, true)
        for probe, chosen in zip(unseen, answers, strict=True)
        for said, true in zip(chosen[: probe.places], probe.answers[: probe.places], strict=True)
    ]
    others = [said for said, true in pairs if true not in (NOTHING, new, *known)]
    whole = tally(unseen, answers)
    return {
        "hits": fmean(said == new for said, true in pairs if true == new),
        "hits_before": fmean(said == true for said, true in pairs if true in known),
        "misnamed": fmean(said in (new, *known) for said in others),
        "false_alarms": whole.false_alarms or 0.0,
        "mundane": whole.mundane,
    }


def weighed(before: Model, after: Model, seed: int, rules: Rules) -> tuple[float, ...]:
    """What each head brought alone, as a share of the gain, layer by layer: what the mind says of itself."""
    loss = probe_loss(before, probes(PROBES_FROM + seed, WEIGH_SCENES, before.tongue, rules, "attune-cost/weighed"))
    *_, (_, result) = patch_every_head(before.net, after.net, loss)
    if result is None or result.gain <= 0:
        raise ValueError(f"seed {seed}: the first evening brought no gain; give other seeds")
    return result.insert


def choices(insert: Sequence[float], heads: int, count: int, seed: int) -> dict[str, list[int]]:
    """The heads of each way, by index; none for ALL. insert: per head; heads: how many may practise."""
    order = sorted(range(len(insert)), key=lambda head: insert[head])
    rng = Random(f"{seed}/attune-cost/random")
    sets = {ALL: [], BEST: order[-heads:], WORST: order[:heads]}
    return sets | {f"random-{number}": rng.sample(range(len(insert)), heads) for number in range(count)}


def of_seed(model: Model, seed: int, heads: int, rules: Rules, report: Report) -> dict[str, Any]:
    """Both evenings of one seed. model: as it came; it is as it was afterwards."""
    names = [rules.species[(2 * seed + number) % len(rules.species)] for number in range(3)]
    known, new = names[:2], names[2]
    unseen = probes(PROBES_FROM + seed, SCENES, model.tongue, rules, "attune-cost")
    stays = Retention(model, rules, seed, RETAINED, own_corpus(model, seed, contexts=1).contexts[0])
    mind = copy_of(model)
    first = lessons(seed, 1, known, rules)
    second = [*first, *lessons(seed, 2, [new], rules)]
    done = 0
    for _ in practised(mind, first, "", seed, rules):
        report(f"seed {seed}: steps", done := done + 1, STEPS * (RANDOM + 4))
    insert = weighed(model, mind, seed, rules)
    start = {name: weight.detach().clone() for name, weight in mind.net.named_parameters()}
    evening = sighted(mind, unseen, known, new) | stays.measure(mind)
    rows: dict[str, Any] = {}
    for way, chosen in choices(insert, heads, RANDOM, seed).items():
        put_weights(mind.net, start)
        named = ",".join("{}.{}".format(*divmod(head, mind.heads)) for head in sorted(chosen))
        half, spent = 0.0, 0.0
        for step, spent in enumerate(practised(mind, second, named, seed, rules), 1):  # noqa: B007
            report(f"seed {seed}: steps", done := done + 1, STEPS * (RANDOM + 4))
            if step == STEPS // 2:
                half = sighted(mind, unseen, known, new)["hits"]
        brought = sum(insert[head] for head in chosen) if chosen else None
        rows[way] = {"heads": named, "insert": brought, "seconds": spent, "hits_half": half}
        rows[way] |= sighted(mind, unseen, known, new) | stays.measure(mind)
    return {"seed": seed, "species": names, "insert": insert, "first_evening": evening, "ways": rows}


def means(runs: Sequence[Mapping[str, Any]]) -> dict[str, dict[str, float]]:
    """Means over seeds by way; the random sets are one way. first_evening: what all ways started from."""
    rows = {ALL: [], BEST: [], WORST: [], "random": []}  # type: dict[str, list[Mapping[str, float]]]
    for run in runs:
        for way, row in run["ways"].items():
            rows[way.split("-")[0]].append(row)
    table = {way: {key: fmean(row[key] for row in some) for key in MEANS} for way, some in rows.items() if some}
    evenings = [run["first_evening"] for run in runs]
    return table | {"first_evening": {key: fmean(row[key] for row in evenings) for key in evenings[0]}}


def measure(folder: str, seeds: int, heads: int, report: Report, known: Sequence[Any] = ()) -> Iterator[dict[str, Any]]:
    """The result after each seed. known: seeds that were run. Raises ValueError."""
    torch.set_num_threads(1)
    rules, model = load_rules(), load(folder)
    origin, runs = weights_hash(model.net), list(known)
    if not 0 < heads < model.layers * model.heads:
        raise ValueError(f"--heads {heads}: must be from 1 to {model.layers * model.heads - 1}")
    for seed in range(seeds):
        if all(run["seed"] != seed for run in runs):
            runs.append(of_seed(model, seed, heads, rules, report))
        yield {"model": origin, "heads": heads, "steps": STEPS, "shown": SHOWN, "means": means(runs), "runs": runs}


def held(path: Path, heads: int) -> list[Any]:
    """The seeds that a file holds. Raises ValueError for another one's."""
    if not path.exists():
        return []
    try:
        result = json.loads(path.read_bytes())
        runs = list(result["runs"])
        same = (result["heads"], result["steps"], result["shown"]) == (heads, STEPS, SHOWN)
    except (KeyError, TypeError) as error:
        raise ValueError(f"--out {path}: holds something else; give a new file") from error
    if not same:
        raise ValueError(f"--out {path}: was measured with other settings; give a new file")
    return runs


def main(argv: list[str] | None = None) -> int:
    """The command line."""
    parser = argparse.ArgumentParser(description="What attunement brings and costs.")
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--model", default=str(NOVICE))
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--heads", type=int, default=8)
    options = parser.parse_args(argv)
    try:
        check_output(options.out)
        known, result = held(options.out, options.heads), dict[str, Any]()
        with progress_bar() as report:
            for result in measure(options.model, options.seeds, options.heads, report, known):
                write_whole(options.out, json.dumps(result, indent=1).encode())
    except (ValueError, OSError) as error:
        print(error, file=sys.stderr)
        return 2
    print(json.dumps(result.get("means"), indent=1))
    return 0


if __name__ == "__main__":
    sys.exit(main())
