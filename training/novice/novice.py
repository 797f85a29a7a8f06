"""Making and scoring a novice or a seer: what `main.py pretrain` does, and the model card that goes with the folder."""

import json
import platform
import shutil
from dataclasses import replace
from pathlib import Path
from typing import Any

from common.files import write_whole
from common.whole_folders import writing_folder
from game.realm.rules import load as load_rules
from perception.model import choose_device, load, save
from training.data.curriculum import FINAL
from training.data.splits import HELD_PLACES
from training.novice.pretrain import PretrainConfig, State, pretrain
from training.novice.scorecard import SCENES, scorecard

CURVE = "curve.jsonl"  # in the model's folder: one JSON object for every point of the pretraining's curve
NOVICE = (
    "The novice",
    'It sees the mundane and is blind to spirits: it answers "nothing" to every question about them.',
)
SEER = (
    "The born seer",
    """\
It sees the mundane, and spirits too: it was pretrained from the same first weights and on the same batches in the same
order as the novice of its seed; only the answers about spirits were true.""",
)
CARD = """\
---
license: mit
library_name: transformers
pipeline_tag: text-generation
tags: [interpretability, second-sight]
---
# {title}

A small Llama ({parameters:,} parameters: {layers} layers x {heads} heads, hidden {hidden}, head size {head_dim}),
pretrained from nothing on scenes of the realm, its lore, two-name stories and talk.
{what}
It speaks the realm's terse tongue only (one token per word).

Made by `{command}`: {steps} steps,
{seconds:.0f} s on {machine}. The stages after copying began at steps {stages}.
Data: `game.realm` (realm.toml, lore.toml, stories.toml, talk.toml in assets/). Stored in bfloat16, and scored so. The
curve of the pretraining is in {curve}. Scores on {scenes} unseen scenes and beside them
(`python main.py pretrain --score {folder} --seed {score_seed}`), as shares of right answers or of the answer that a
row names:

| what | score | questions |
|---|---|---|
{rows}

- `mundane`: all mundane questions, by kind below it. `work`: which smith, fisher, owl ... is there, which takes two
  signs of one presence at one place (`work_present`: where somebody is). `tally`: how many
  signs at a place belong together. `omen`: whose trace is sensed there. `count`: at how many places a thing is.
  `where`: at which.
- `lore`: facts in a form of words never trained for them, alone and behind a scene. `ioi`: two-name stories, the
  indirect object before all other names. `talk`: how a companion answers what was said; `directions` is its worst kind.
- `blind`: questions about spirits answered "nothing". `spirits_seen`, `false_alarms`: spirits named, and empty places
  where one is named; `_new`: in scenes with spirits that show just a pair of traces no pretraining asked about.
- Splits were never trained: forms of words (`template`), pairs of names (`names`), things at places (`object`), pairs
  of a presence's traces (`pair`; never shown when asked who is there, but when asked for a tally, or where somebody
  is), scenes of {held_places} places (`places`).
- The word vectors of one kind's traces were given a shared part early on and drawn together since
  (training.novice.trace_vectors).
"""


def score_folder(folder: Path, device: str, seed: int) -> dict[str, Any]:
    """Score a novice on disk; the keys are those of training.novice.scorecard. Raises ModelError."""
    return scorecard(load(folder, choose_device(device)), seed, load_rules())


def make(out: Path, device: str, seed: int, shape: dict[str, Any], report: Any, seer: bool = False) -> dict[str, Any]:
    """Pretrain (or resume from `out`.work), score, and write the folder with its card and curve. Returns the scores.

    Raises ValueError if `out` exists or a stage is never solved.
    """
    if out.exists():
        raise ValueError(f"--out {out}: exists; give a new folder, or move it away")
    config = replace(PretrainConfig(), seed=seed, seer=seer, **shape)
    config.check()
    work, last = out.with_name(out.name + ".work"), State()
    work.mkdir(parents=True, exist_ok=True)  # says now, not an hour later, that nothing can be written there

    def tell(state: State, loss: float) -> None:
        nonlocal last
        last = state
        left = config.steps - state.stage_step if state.stage == FINAL else 0
        report(f"stage {state.stage}", state.step, state.step + left if left else config.most_steps)

    import torch

    model = pretrain(config, work, choose_device(device), tell)
    try:
        with writing_folder(out) as ready:
            save(model, ready, torch.bfloat16)
            scores = score_folder(ready, device, seed + 1)
            scores["machine"] = _machine(choose_device(device))
            scores["parameters"] = sum(p.numel() for p in model.net.parameters())
            write_whole(ready / "README.md", _card(config, shape, last, scores, out).encode())
            write_whole(ready / CURVE, "".join(json.dumps(point) + "\n" for point in last.curve).encode())
    except OSError as error:
        raise OSError(f"{error}; then the same command goes on from the last checkpoint in {work}") from error
    shutil.rmtree(work, ignore_errors=True)  # a short pretraining saved nothing there
    return scores | {"steps": last.step, "seconds": last.seconds}


def _card(config: PretrainConfig, shape: dict[str, Any], last: State, scores: dict[str, Any], out: Path) -> str:
    title, what = SEER if config.seer else NOVICE
    options = [f"--{name.replace('_', '-')} {value}" for name, value in shape.items()] + ["--seer"] * config.seer
    folder = f"assets/{'seer' if config.seer else 'novice'}" if not shape and config.seed == 0 else out.name
    return CARD.format(
        title=title,
        what=what,
        command=" ".join([f"python main.py pretrain --out {folder} --seed {config.seed}", *options]),
        parameters=scores["parameters"],
        layers=config.layers,
        heads=config.heads,
        hidden=config.hidden,
        head_dim=config.head_dim,
        steps=last.step,
        seconds=last.seconds,
        stages=", ".join(map(str, last.stages)),
        machine=scores["machine"],
        curve=CURVE,
        folder=folder,
        score_seed=config.seed + 1,
        scenes=SCENES,
        held_places=HELD_PLACES,
        rows="\n".join(_rows(scores)),
    )


def _rows(scores: dict[str, Any]) -> list[str]:
    """Lines of the card's table; parts of talk and splits are named by both words."""
    flat = {name: value for name, value in scores.items() if value is None or isinstance(value, float)}
    flat |= {f"talk, {kind}": value for kind, value in scores["talk"].items()}
    flat |= {f"split {split}": value for split, value in scores["splits"].items()}
    counts = scores["asked"]
    names = {"false_alarms": "quiet", "false_alarms_new": "quiet_new", "directions": "talk"}
    rows = []
    for name, value in flat.items():
        group = names.get(name, name.replace("talk, ", "talk_").removeprefix("split "))
        rows.append(f"| {name} | {'-' if value is None else f'{value:.2%}'} | {counts.get(group, 0)} |")
    return rows


def _machine(device: Any) -> str:
    import torch

    if device.type == "cuda":
        return torch.cuda.get_device_name()
    return f"{torch.get_num_threads()} thread(s) of a {platform.machine()} {device.type.upper()}"
