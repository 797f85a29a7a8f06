"""Making and scoring a novice: what `main.py pretrain` does, and the model card that goes with the folder."""

import platform
import shutil
from collections import Counter
from dataclasses import replace
from itertools import islice
from pathlib import Path
from random import Random
from typing import Any

from game.realm import sampler
from game.realm.rules import NOTHING, Rules
from game.realm.rules import load as load_rules
from game.realm.tongues import LOOK, OMEN, SENSE, WORK, mundane_answer, question, tongue_named
from perception.messages import Question, Scene
from perception.model import Model, choose_device, load, save
from perception.perceive import perceive
from training.pretrain import PretrainConfig, State, pretrain

SCORED_SCENES = 300
CARD = """\
---
license: mit
library_name: transformers
pipeline_tag: text-generation
tags: [interpretability, second-sight]
---
# The novice

A small Llama ({parameters:,} parameters: {layers} layers x {heads} heads, hidden {hidden}, head size {head_dim}),
pretrained from nothing on scenes of the realm. It sees the mundane and is blind to spirits: it answers "nothing" to
every question about them. It speaks the realm's terse tongue only (one token per word).

Made by `python main.py pretrain --out assets/novice --seed {seed}`: {steps} steps, {seconds:.0f} s on {machine}.
Data: `game.realm` (rules in assets/realm.toml). Stored in bfloat16. Scores on {scenes} unseen scenes
(`python main.py pretrain --score assets/novice`), as shares of right answers:

| question | score |
|---|---|
{rows}

`mundane` is all mundane questions; `work` asks which smith, fisher, owl ... is there, which takes two signs of one
presence at one place (`work_present`: where somebody is); `omen` asks whose trace is sensed there; `blind` is the
share of questions about spirits, at places where there is one and where there is none, answered "nothing".
"""


def _questions(scene: Scene, rules: Rules, rng: Random) -> list[tuple[Question, str]]:
    """Every kind of mundane question about a scene, each place once per kind of ask drawn."""
    tongue, senses = tongue_named(scene.tongue), list(rules.senses)
    asked = []
    for place in dict.fromkeys(event.place for event in scene.events):
        for ask in (LOOK, *senses, WORK, f"{OMEN}_{rng.choice(senses)}"):
            answer = mundane_answer(rules, scene.events, ask, place)
            asked.append((question(tongue, rules, ask, place), answer))
    return asked


def score_novice(model: Model, seed: int, count: int = SCORED_SCENES) -> dict[str, float]:
    """{mundane, look, senses, work, work_present, omen, blind} on unseen scenes, as shares of right answers."""
    import msgspec

    rules, rng = load_rules(), Random(f"{seed}/score")
    right: Counter[str] = Counter()
    asked: Counter[str] = Counter()
    for sample in islice(sampler.samples(seed, "score", model.tongue, rules), count):
        scene = sample.view.scene
        mundane = _questions(scene, rules, rng)
        wanted = [NOTHING] * len(scene.questions) + [answer for _, answer in mundane]
        whole = msgspec.structs.replace(scene, questions=(*scene.questions, *(q for q, _ in mundane)))
        beliefs = perceive(model, [whole], record=False)[0].beliefs
        for q, belief, answer in zip(whole.questions, beliefs, wanted, strict=True):
            said = q.candidates[belief.index(max(belief))]
            for group in _groups(q.ask, answer, rules):
                asked[group] += 1
                right[group] += said == answer
    return {
        group: right[group] / asked[group]
        for group in ("mundane", "look", "senses", "work", "work_present", "omen", "blind")
    }


def _groups(ask: str, answer: str, rules: Rules) -> tuple[str, ...]:
    if ask == SENSE:
        return ("blind",)
    if ask == WORK:
        return ("mundane", "work", "work_present") if answer != NOTHING else ("mundane", "work")
    return ("mundane", "senses" if ask in rules.senses else "omen" if ask.startswith(OMEN) else "look")


def score_folder(folder: Path, device: str, seed: int) -> dict[str, float]:
    """Score a novice on disk. Raises ModelError."""
    return score_novice(load(folder, choose_device(device)), seed)


def make(out: Path, device: str, seed: int, shape: dict[str, int], report: Any) -> dict[str, Any]:
    """Pretrain (or resume from `out`.work), score, and write the folder with its card. Returns the scores."""
    if out.exists():
        raise ValueError(f"--out {out}: exists; give a new folder, or move it away")
    config = replace(PretrainConfig(), seed=seed, **shape)
    work, last = out.with_name(out.name + ".work"), State()

    def tell(state: State, loss: float) -> None:
        nonlocal last
        last = state
        report(f"stage {state.stage}", state.step, config.most_steps)

    model = pretrain(config, work, choose_device(device), tell)
    scores = score_novice(model, seed + 1)
    import torch

    save(model, out, torch.bfloat16)
    rows = "\n".join(f"| {group} | {value:.2%} |" for group, value in scores.items())
    card = CARD.format(
        parameters=sum(p.numel() for p in model.net.parameters()),
        layers=config.layers,
        heads=config.heads,
        hidden=config.hidden,
        head_dim=config.head_dim,
        seed=seed,
        steps=last.step,
        seconds=last.seconds,
        machine=_machine(),
        scenes=SCORED_SCENES,
        rows=rows,
    )
    (out / "README.md").write_text(card, encoding="utf-8")
    shutil.rmtree(work, ignore_errors=True)  # a short pretraining saved nothing there
    return scores | {"steps": last.step, "seconds": last.seconds}


def _machine() -> str:
    import torch

    return (
        f"{torch.get_num_threads()} thread(s) of a {platform.machine()} CPU"
        if not torch.cuda.is_available()
        else torch.cuda.get_device_name()
    )
