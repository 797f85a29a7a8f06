"""`main.py bench perceive`: packed questions against one forward for each question or candidate."""

from collections.abc import Callable
from itertools import islice

import torch

from game.realm import sampler
from game.realm.rules import load as load_rules
from perception.language import read
from perception.messages import Question, Scene
from perception.model import Model, load
from perception.perceive import perceive, slowly
from training.bench.timing import CPU, Row, Work, in_turns, row

ROUNDS = 7


def perceiving(model: str, seed: int, device: torch.device = CPU) -> list[Row]:
    """Milliseconds to answer all questions of a scene of eight places, mean of five scenes.

    one-by-one: one forward for each question, all its one-token candidates read off the last row. every-candidate: one
    for each candidate, as answers of several tokens need (`slowly`). packed: one context, all questions, heads
    recorded, as in play; unrecorded: the same without the record.
    """
    mind = load(model, device)
    stream = sampler.samples(seed, "bench", mind.tongue, load_rules())
    scenes = list(islice((s.view.scene for s in stream if len(s.answers) == 8), 5))
    methods: dict[str, Callable[[Scene], object]] = {
        "one-by-one": lambda scene: [_believed(mind, scene, question) for question in scene.questions],
        "packed": lambda scene: perceive(mind, [scene]),
        "unrecorded": lambda scene: perceive(mind, [scene], record=False),
        "every-candidate": lambda scene: slowly(mind, scene),
    }
    works: dict[str, Work] = {name: lambda m=method: [m(scene) for scene in scenes] for name, method in methods.items()}  # type: ignore[misc]
    ms = {name: taken / len(scenes) for name, taken in in_turns(works, ROUNDS, device).items()}
    return [row(name, value, "ms", "one-by-one", ms["one-by-one"]) for name, value in ms.items()]


@torch.no_grad()
def _believed(mind: Model, scene: Scene, question: Question) -> list[float]:
    """Beliefs by one whole forward; where a candidate has several tokens, by its first."""
    reading = read(mind.tokenizer, scene.text, [(question.text, question.candidates)])
    ids = [*reading.context, *reading.questions[0]]
    logits_V = mind.net(torch.tensor([ids], device=mind.device), logits_to_keep=1).logits[0, -1]
    return list(logits_V[[tokens[0] for tokens in reading.answers[0]]].cpu().double().softmax(-1).tolist())
