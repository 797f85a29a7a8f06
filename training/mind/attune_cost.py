"""What attunement brings and costs: a few heads practise after the first dream, and the others rest.

    python -m training.mind.attune_cost --out FILE.json [--model DIR] [--seeds 3] [--heads 8]

On the first evening a mind is shown two species, and all heads practise. Then every head is weighed, as the panel of
the heads shows it: the share of the gain that it brings alone (`insert`). On the second evening a third species is
shown, on the third a fourth. They are practised from the same state by equal steps in several ways: by all heads, by
those that brought most, by those that brought least, by three random sets. A dream has as many steps as in play: six
for each lesson. Seeds differ in the species, the scenes and the random sets. FILE holds the rows of every seed, and
means over seeds (of the random sets, over sets too), after each evening:

hits: share of the newest species' spirits that are named, on unseen scenes; hits_before: of those shown on evenings
before; misnamed: of the species never shown, share that is called by one of those shown; false_alarms: of empty places;
mundane: share right of ordinary questions; lore, judgement: share of facts and of answers to what is said that are as
they were when the mind came. seconds: of the processor, of the steps of both evenings.
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

from common.assets import NOVICE
from common.files import check_output, read_json, write_whole
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
from training.precedents.corpus import own_corpus
from training.precedents.retention import Retention
from training.progress import Report, progress_bar
from training.teach import Teacher

EVENINGS = (("first", 2, 4), ("second", 1, 3), ("third", 1, 3))  # name, new species, lessons
EMPTIES = 2  # empty places that are named in each lesson
STEPS_PER_LESSON = 6  # as game.journey lets a mind dream
SCENES = 160  # unseen scenes to measure on
RETAINED = 16  # scenes of what has to stay
PROBES_FROM = 2000  # seeds of unseen scenes
SCANNED = 400  # scenes among which lessons are looked for
RANDOM = 3  # random sets of each seed
ALL, BEST, WORST = "all", "best", "worst"


def lessons(seed: int, evening: str, species: Sequence[str], count: int, rules: Rules) -> list[Lesson]:
    """Lessons as a seer gives them: one spirit of these species in turn, and a few empty places.

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
        if len(chosen) == count:
            return chosen
    raise ValueError(f"seed {seed}: {len(chosen)} of {count} lessons in {SCANNED} scenes; give other seeds")


def practised(teacher: Teacher, taught: Sequence[Lesson]) -> Iterator[float]:
    """Teach these, and take the steps that they are worth. Yields the processor's seconds of each step."""
    for lesson in taught:
        teacher.teach(lesson)
    for _ in range(STEPS_PER_LESSON * len(taught)):
        began = time.process_time()
        teacher.step()
        yield time.process_time() - began


def sighted(model: Model, unseen: Sequence[Probe], known: Sequence[str], new: Sequence[str]) -> dict[str, float]:
    """What the model sees on unseen scenes. known, new: species that were shown on evenings before, and last."""
    answers = answers_of(model, unseen)
    pairs = [
        (said, true)
        for probe, chosen in zip(unseen, answers, strict=True)
        for said, true in zip(chosen[: probe.places], probe.answers[: probe.places], strict=True)
    ]
    others = [said for said, true in pairs if true not in (NOTHING, *new, *known)]
    whole = tally(unseen, answers)
    return {
        "hits": fmean(said == true for said, true in pairs if true in new),
        "hits_before": fmean(said == true for said, true in pairs if true in known),
        "misnamed": fmean(said in (*new, *known) for said in others),
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


class Evenings:
    """All evenings of one seed. model: as it came; report: of how many steps are done."""

    def __init__(self, model: Model, seed: int, heads: int, rules: Rules, report: Report) -> None:
        self._model, self._seed, self._heads, self._rules, self._report = model, seed, heads, rules, report
        self._unseen = probes(PROBES_FROM + seed, SCENES, model.tongue, rules, "attune-cost")
        context = own_corpus(model, seed, contexts=1).contexts[0]
        self._stays = Retention(model, rules, seed, RETAINED, context)
        self._species, self._lessons = list[list[str]](), list[list[Lesson]]()
        rest = [rules.species[(2 * seed + number) % len(rules.species)] for number in range(len(rules.species))]
        for name, new, count in EVENINGS:
            self._species.append(rest[:new])
            self._lessons.append(lessons(seed, name, rest[:new], count, rules))
            rest = rest[new:]
        self._done = 0

    def _dream(self, teacher: Teacher, evening: int) -> tuple[float, dict[str, float]]:
        """(the processor's seconds, what is measured after it) of an evening, by number."""
        after = sum(map(len, self._lessons[1:])) * (RANDOM + 3)
        seconds = 0.0
        for spent in practised(teacher, self._lessons[evening]):
            seconds, self._done = seconds + spent, self._done + 1
            of = STEPS_PER_LESSON * (len(self._lessons[0]) + after)
            self._report(f"seed {self._seed}: steps", self._done, of)
        before = [name for names in self._species[:evening] for name in names] or self._species[0]
        seen = sighted(teacher.model, self._unseen, before, self._species[evening])
        return seconds, seen | self._stays.measure(teacher.model)

    def run(self) -> dict[str, Any]:
        """The rows. Raises ValueError."""
        config = replace(IN_PLAY, seed=self._seed)
        mind = copy_of(self._model)
        teacher = Teacher(mind, config, self._rules, Journal())
        _, first = self._dream(teacher, 0)
        insert = weighed(self._model, mind, self._seed, self._rules)
        plain, tensors = teacher.state()
        start = {name: tensor.clone() for name, tensor in tensors.items()}
        rows: dict[str, Any] = {}
        for way, chosen in choices(insert, self._heads, RANDOM, self._seed).items():
            again = Teacher(copy_of(self._model), config, self._rules, Journal())
            for lesson in self._lessons[0]:
                again.teach(lesson)
            again.go_on_from(plain, start, teacher.stream)
            places = [divmod(head, mind.heads) for head in sorted(chosen)]
            again.attune(places)
            evenings = [self._dream(again, evening) for evening in range(1, len(EVENINGS))]
            rows[way] = {
                "heads": ",".join(f"{layer}.{head}" for layer, head in places),
                "insert": sum(insert[head] for head in chosen) if chosen else None,
                "seconds": sum(seconds for seconds, _ in evenings),
            } | {name: seen for (name, *_), (_, seen) in zip(EVENINGS[1:], evenings, strict=True)}
        return {"seed": self._seed, "species": self._species, "insert": insert, "first": first, "ways": rows}


def means(runs: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """Means over seeds by way and evening; the random sets are one way. first: what all ways started from."""
    rows = dict[str, list[Mapping[str, Any]]]()
    for run in runs:
        for way, row in run["ways"].items():
            rows.setdefault(way.split("-")[0], []).append(row)

    def mean(some: Sequence[Mapping[str, float]]) -> dict[str, float]:
        return {key: fmean(row[key] for row in some) for key in some[0]}

    table: dict[str, Any] = {"first": mean([run["first"] for run in runs])}
    for way, some in rows.items():
        table[way] = {name: mean([row[name] for row in some]) for name, *_ in EVENINGS[1:]}
        table[way]["seconds"] = fmean(row["seconds"] for row in some)
    return table


def measure(folder: str, seeds: int, heads: int, report: Report, out: Path) -> Iterator[dict[str, Any]]:
    """The result after each seed. out: a file that may hold seeds already. Raises ValueError, OSError."""
    torch.set_num_threads(1)
    rules, model = load_rules(), load(folder)
    origin = weights_hash(model.net)
    if not 0 < heads < model.layers * model.heads:
        raise ValueError(f"--heads {heads}: must be from 1 to {model.layers * model.heads - 1}")
    runs = held(out, origin, heads)
    for seed in range(seeds):
        if seed not in runs:
            runs[seed] = Evenings(model, seed, heads, rules, report).run()
        rows = list(runs.values())
        yield {"model": origin, "heads": heads, "evenings": EVENINGS, "means": means(rows), "runs": rows}


def held(path: Path, origin: str, heads: int) -> dict[int, Any]:
    """What a file holds, by seed. origin: weights_hash of the model. Raises ValueError for another one's, OSError."""
    if not path.exists():
        return {}
    try:
        result = read_json(path)
        runs = {run["seed"]: run for run in result["runs"]}
        settings = (result["model"], result["heads"], result["evenings"])
    except (ValueError, LookupError, TypeError) as error:
        raise ValueError(f"--out {path}: holds something else; give a new file") from error
    if settings != (origin, heads, [list(evening) for evening in EVENINGS]):
        raise ValueError(f"--out {path}: was measured with other settings or another model; give a new file")
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
        result = dict[str, Any]()
        with progress_bar() as report:
            for result in measure(options.model, options.seeds, options.heads, report, options.out):
                write_whole(options.out, json.dumps(result, indent=1).encode())
    except (ValueError, OSError) as error:
        print(error, file=sys.stderr)
        return 2
    print(json.dumps(result.get("means"), indent=1))
    return 0


if __name__ == "__main__":
    sys.exit(main())
