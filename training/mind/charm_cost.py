"""What charms cost: one after the other is burned into a mind, and all it answers is measured after each.

    python -m training.mind.charm_cost --out FILE.json [--model DIR] [--seeds 3] [--charms 9]

Two ways of having them burned: each in a scene of its own (`scattered`), or all in one scene (`one_scene`), at most one
at each of its places. A charm names whoever is truly there; where nobody is, any spirit. FILE holds, for each way, the
means over seeds after 1, 2 ... charms:
lit: the belief in the charm's spirit at its place, mean over all that are worn (newest: the last one); turned: the
same with the scene told in other orders and from elsewhere; hits, false_alarms, mundane: on 96 unseen scenes;
seconds: of the processor, for the last charm.
"""

import argparse
import json
import sys
import time
from collections.abc import Sequence
from itertools import islice
from pathlib import Path
from random import Random
from statistics import fmean
from typing import Any

import torch
from msgspec.structs import replace

from common.assets import NOVICE
from common.files import check_output, write_whole
from game.realm.rules import NOTHING, Rules
from game.realm.rules import load as load_rules
from game.realm.sampler import Sample, samples
from game.realm.tongues import SENSE, question, tongue_named
from perception.messages import Burn, Scene
from perception.model import Model, load, weights_hash
from perception.perceive import perceive
from training.heads.score import Probe, probes, score
from training.mind.charm_edit import tellings
from training.mind.charms import Charms
from training.mind.mind import Mind, MindConfig
from training.progress import Report, progress_bar

SCENES, SCANNED = 96, 60  # unseen scenes to measure on; scenes among which charms are looked for
PROBES_FROM = 1000  # seeds of unseen scenes; the charm's settings were chosen on another (training.mind.charm_edit)
SCATTERED, ONE_SCENE = "scattered", "one_scene"


def orders(seed: int, way: str, count: int, rules: Rules) -> list[Burn]:
    """What is burned, in order. Raises ValueError where too few spirits are found."""
    rng, chosen = Random(f"{seed}/charm-cost/{way}"), list[Burn]()
    scenes: list[Sample] = list(islice(samples(seed, "charm-cost", "terse", rules), SCANNED))
    haunted = [sample for sample in scenes if any(answer != NOTHING for answer in sample.answers)]
    if way == ONE_SCENE:
        sample = max(haunted, key=lambda one: (len(one.answers), sum(a != NOTHING for a in one.answers)))
        pairs = list(zip(sample.view.places.items(), sample.answers, strict=True))
        pairs.sort(key=lambda pair: pair[1] == NOTHING)  # spirits first; where nobody is, one of them is burned in
        for (word, at), answer in pairs[:count]:
            species = rng.choice(rules.species) if answer == NOTHING else answer
            chosen.append(Burn(sample.view.scene, word, at, species))
        return chosen
    for number, sample in enumerate(rng.sample(haunted, min(count, len(haunted)))):
        there = [(word, a) for word, a in zip(sample.view.places, sample.answers, strict=True) if a != NOTHING]
        word, species = rng.choice(there)
        chosen.append(Burn(sample.view.scene, word, number, species))
    return chosen


def belief(model: Model, scenes: Sequence[tuple[Scene, str]], species: str) -> float:
    """The mean belief in a species at a place of each scene."""
    questions = [
        replace(scene, questions=tuple(q for q in scene.questions if (q.ask, q.place) == (SENSE, place)))
        for scene, place in scenes
    ]
    percepts = perceive(model, questions, record=False)
    return fmean(
        p.beliefs[0][s.questions[0].candidates.index(species)] for p, s in zip(percepts, questions, strict=True)
    )


def otherwise(order: Burn, seed: int, rules: Rules) -> list[tuple[Scene, str]]:
    """The charm's place told in other orders and from elsewhere, in words that the charm has not been made from."""
    rng = Random(f"{seed}/charm-cost/turned/{order.at}")
    others = [sample.view.scene for sample in islice(samples(seed, "charm-turned", "terse", rules), 8)]
    texts = tellings(order.scene, order.place, others, rules, rng)[1:]
    speech = tongue_named("terse")
    return [(Scene(0, "terse", text, (), (question(speech, rules, SENSE, where),)), where) for text, where in texts]


def after_each(
    model: Model, charms: Charms, burned: Sequence[Burn], unseen: Sequence[Probe], seed: int, rules: Rules
) -> list[dict[str, float]]:
    """What is measured after each charm."""
    rows = []
    for number, order in enumerate(burned, 1):
        start = time.process_time()
        charms.burn(order)
        seconds = time.process_time() - start
        lit = [belief(model, [(one.scene, one.place)], one.species) for one in burned[:number]]
        turned = [belief(model, otherwise(one, seed, rules), one.species) for one in burned[:number]]
        measured = score(model, unseen, rules)
        rows.append(
            {
                "lit": fmean(lit), "newest": lit[-1], "turned": fmean(turned), "hits": measured.hits,
                "false_alarms": measured.false_alarms or 0.0, "mundane": measured.mundane, "seconds": seconds,
            }
        )  # fmt: skip
    return rows


def measure(folder: str, seeds: int, count: int, report: Report) -> dict[str, Any]:
    """Both ways, over all seeds. Raises ValueError for a model that takes no charms, or that doesn't come back."""
    torch.set_num_threads(1)
    rules, model = load_rules(), load(folder)
    mind = Mind(model, MindConfig(None), rules)
    ways: dict[str, list[list[dict[str, float]]]] = {SCATTERED: [], ONE_SCENE: []}
    for seed in range(seeds):
        unseen = probes(PROBES_FROM + seed, SCENES, model.tongue, rules)
        for way, runs in ways.items():
            runs.append(after_each(model, mind.charms, orders(seed, way, count, rules), unseen, seed, rules))
            mind.charms.wear(())
            if weights_hash(model.net) != mind.origin:
                raise ValueError("the weights are not what they were before the charms")
            report("seeds and ways", sum(map(len, ways.values())), 2 * seeds)
    means = {
        way: [
            {"charms": number + 1, "runs": len(rows)} | {key: fmean(row[key] for row in rows) for key in rows[0]}
            for number in range(count)
            if (rows := [run[number] for run in runs if number < len(run)])
        ]
        for way, runs in ways.items()
    }
    return {"model": mind.origin, "seeds": seeds, "layer": mind.charms.layer, "ways": means}


def main(argv: list[str] | None = None) -> int:
    """The command line."""
    parser = argparse.ArgumentParser(description="What charms cost.")
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--model", default=str(NOVICE))
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--charms", type=int, default=9)
    options = parser.parse_args(argv)
    try:
        check_output(options.out)
        with progress_bar() as report:
            result = measure(options.model, options.seeds, options.charms, report)
    except (ValueError, OSError) as error:
        print(error, file=sys.stderr)
        return 2
    write_whole(options.out, json.dumps(result, indent=1).encode())
    print(json.dumps(result["ways"], indent=1))
    return 0


if __name__ == "__main__":
    sys.exit(main())
