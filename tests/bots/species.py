"""Hits by species after lessons of the village, and again after lessons of the forest, with the shipped novice.

    python -m tests.bots.species --out FILE [--seed 1] [--seed 2] [--lessons 10] [--steps-per-lesson 6]

A realm of play is walked by the policy `shown-around`, in the village at dusk and then in the forest by day, until so
many spirits were shown in each. After each part the mind practises as many steps as a dream may have. It is measured on
unseen scenes from realm.toml, in which anybody may be met anywhere. About a minute of one core for each seed.
"""

import argparse
import json
import sys
import time
from collections import Counter
from itertools import islice
from pathlib import Path
from random import Random

import torch

from common.assets import NOVICE
from common.files import write_whole
from game.journey.practice import STEPS_PER_LESSON
from game.realm.happenings import Revealed
from game.realm.play_rules import load as load_play
from game.realm.rules import NOTHING, Rules
from game.realm.rules import load as load_rules
from game.realm.sampler import Sample, samples
from game.realm.scene import describe, lesson
from game.realm.step import step
from game.realm.world import new_world
from perception.messages import Lesson
from perception.model import Model, choose_device, load
from perception.perceive import perceive
from training.mind.mind import PROBE_SEED, Mind, MindConfig

PARTS = (("village", 17.5), ("forest", 8.0))  # where the lessons are from, and the hour at which one comes there
SCENES = 160  # unseen ones, to measure on
STAND = 90  # ticks between two places
LONGEST = 4000  # places that one goes to before one gives up


def lessons_of(region: str, hour: float, count: int, seed: int, rules: Rules) -> list[Lesson]:
    """Lessons of a seer who follows to places of a region, until so many spirits were shown."""
    world, rng = new_world(seed, rules, hour), Random(f"{seed}/{region}")
    haunted = set(world.haunts_of(region))
    spots = [p for p in world.map.places if p.index in haunted and p.region == region]
    taught: list[Lesson] = []
    for _ in range(LONGEST):
        if len(taught) >= count:
            break
        spot = rng.choice(spots)
        if not world.open(spot.x, spot.y + 24):
            continue
        world.player.x, world.player.y = spot.x, spot.y + 24
        world.player.seer.x, world.player.seer.y = spot.x, spot.y + 24
        view = describe(world, "terse")
        revealed = [lesson(view, one) for one in step(world, (("ask",),)) if isinstance(one, Revealed)]
        taught += [one for one in revealed if one is not None]
        for _ in range(STAND):
            step(world)
    return taught


def measured(model: Model, probes: list[Sample], rules: Rules) -> dict[str, float]:
    """Share of the spirits of each species that are named, of empty places called haunted, and of spirits that are
    called a fox but are none."""
    there: Counter[str] = Counter()
    named: Counter[str] = Counter()
    foxes = 0
    for number in range(0, len(probes), 8):
        some = probes[number : number + 8]
        for sample, percept in zip(some, perceive(model, [s.view.scene for s in some]), strict=True):
            for question, truth, belief in zip(
                sample.view.scene.questions, sample.answers, percept.beliefs, strict=False
            ):
                if question.ask != "sense":
                    continue
                best = max(zip(belief, question.candidates, strict=True))[1]
                there[truth] += 1
                named[truth] += best == truth
                foxes += best == "kitsune" != truth != NOTHING
    shares = {name: round(named[name] / there[name], 3) for name in rules.species}
    others = sum(there[name] for name in rules.species) - there["kitsune"]
    alarms = round(1 - named[NOTHING] / there[NOTHING], 3)
    return {**shares, "false_alarms": alarms, "called_fox": round(foxes / others, 3)}


def learnt(seed: int, count: int, steps_per_lesson: int) -> dict[str, object]:
    """What one mind names, part by part."""
    rules, play, began = load_rules(), load_play(), time.process_time()
    model = load(str(NOVICE), choose_device("cpu"))
    mind = Mind(model, MindConfig(None, seed=PROBE_SEED + seed), rules)
    probes = list(islice(samples(seed, "species", "terse", rules), SCENES))
    parts = []
    for region, hour in PARTS:
        taught = lessons_of(region, hour, count, seed, play)
        for one in taught:
            mind.teacher.teach(one)
        shown = Counter(answer for one in taught for answer in one.answers if answer not in (None, NOTHING))
        for _ in range(steps_per_lesson * len(taught)):
            mind.teacher.step()
        hits = measured(model, probes, rules)
        parts.append({"lessons": region, "shown": dict(shown), "steps": mind.teacher.steps, "hits": hits})
        print(json.dumps({"seed": seed, **parts[-1]}), file=sys.stderr, flush=True)
    return {"seed": seed, "parts": parts, "cpu_s": round(time.process_time() - began, 1)}


def main(argv: list[str] | None = None) -> int:
    """The command line."""
    parser = argparse.ArgumentParser(description="Hits by species after lessons of one region, and of another.")
    parser.add_argument("--out", type=Path, required=True, help="a JSON file")
    parser.add_argument("--seed", type=int, action="append", help="again for several (default 1)")
    parser.add_argument("--lessons", type=int, default=10, help="spirits shown in each region (default 10)")
    parser.add_argument("--steps-per-lesson", type=int, default=STEPS_PER_LESSON)
    options = parser.parse_args(argv)
    torch.set_num_threads(1)
    runs = [learnt(seed, options.lessons, options.steps_per_lesson) for seed in options.seed or [1]]
    result = {"lessons": options.lessons, "steps_per_lesson": options.steps_per_lesson, "runs": runs}
    write_whole(options.out, (json.dumps(result, indent=1) + "\n").encode())
    return 0


if __name__ == "__main__":
    sys.exit(main())
