"""Tasks for circuits: prompts with an answer, what it competes with, and corrupted prompts to take heads' means over.

F of a prompt is the answer's logit minus the log of the summed exponentials of the others' logits: a logit difference
where there is one other. Two-name stories, scenes of sight and listen, and files all end as `Line`s of tokens.

Shape suffixes: B prompts, C corrupted prompts, T tokens, K others, V vocabulary.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import chain
from random import Random

import torch
from torch import Tensor

from common.assets import ASSETS
from game.realm.stories import ABC, Stories, Story, draw, load_stories, story_text
from game.realm.tables import read, words
from game.realm.tongues import Tongue, tongue_named
from perception.model import Model
from perception.windows import context_length
from training.precedents.circuit_config import NAMES, SUBJECT
from training.precedents.path_patching import Prompts
from training.precedents.prompts import answer, check_tokens, encode, placed

CORRUPTED = 4  # three-name stories beside each story
LEAST_RIGHT = 0.75  # of prompts; below it there is no behaviour to look for
NAMES_MIN = 8  # of one token each
NAMES_TOML = ASSETS / "names.toml"


@dataclass(frozen=True)
class Line:
    """One prompt as tokens. others: tokens that the answer competes with. template: the group that shares a mean."""

    prompt: tuple[int, ...]
    answer: int
    others: tuple[int, ...]
    corrupted: tuple[tuple[int, ...], ...]
    template: str


@dataclass(frozen=True)
class Task:
    """Lines as tensors. group_B, group_C: int64, the template of each prompt and each corrupted prompt."""

    name: str
    prompts: Prompts
    corrupted: Prompts
    group_B: Tensor
    group_C: Tensor
    answer_B: Tensor
    others_BK: Tensor  # -1 pads

    def measure(self, logits_BV: Tensor) -> Tensor:
        """(B,) F of each prompt."""
        own_B = logits_BV.gather(1, self.answer_B[:, None])[:, 0]
        others_BK = logits_BV.gather(1, self.others_BK.clamp_min(0)).masked_fill(self.others_BK < 0, -torch.inf)
        return own_B - others_BK.logsumexp(1)

    def right(self, logits_BV: Tensor) -> float:
        """The share of prompts whose answer is likelier than each of the others."""
        own_B = logits_BV.gather(1, self.answer_B[:, None])[:, 0]
        others_BK = logits_BV.gather(1, self.others_BK.clamp_min(0)).masked_fill(self.others_BK < 0, -torch.inf)
        return float((own_B > others_BK.amax(1)).double().mean())

    def place(self, token_B: Tensor, last: bool) -> Tensor:
        """(B,) where a token stands first or last in its prompt, the prompt's own length apart; -1: nowhere."""
        there_BT = self.prompts.ids_BT == token_B[:, None]
        there_BT &= torch.arange(there_BT.shape[1], device=there_BT.device) <= self.prompts.last_B[:, None]
        at_B = (there_BT.flip(1) if last else there_BT).int().argmax(1)
        at_B = there_BT.shape[1] - 1 - at_B if last else at_B
        return torch.where(there_BT.any(1), at_B, -1)


def padded(rows: Sequence[Sequence[int]], device: torch.device) -> Prompts:
    """Rows of tokens as prompts, padded with 0 to the right."""
    width = max(map(len, rows))
    ids = torch.tensor([[*row, *[0] * (width - len(row))] for row in rows], device=device)
    return Prompts(ids, torch.tensor([len(row) - 1 for row in rows], device=device))


def task_of(name: str, lines: Sequence[Line], model: Model) -> Task:
    """A task of these lines. Raises ValueError for lines that the model can't read."""
    longest = max(len(line.prompt) for line in lines)
    if longest > (most := context_length(model.net)):
        raise ValueError(f"--task {name}: a prompt takes {longest} tokens, the model reads {most}; shorten it")
    with placed(f"--task {name}"):
        check_tokens(model.net, [(*x.prompt, x.answer, *x.others, *chain(*x.corrupted)) for x in lines])
    templates = list(dict.fromkeys(line.template for line in lines))
    pool: dict[str, list[tuple[int, ...]]] = {template: [] for template in templates}
    for line in lines:
        pool[line.template] += line.corrupted
    for line in lines:  # a template without corrupted prompts: the mean over its own prompts
        if not any(other.corrupted for other in lines if other.template == line.template):
            pool[line.template].append(line.prompt)
    device, width = model.device, max(len(line.others) for line in lines)
    corrupted = [(number, row) for number, template in enumerate(templates) for row in pool[template]]
    ids = padded([*(line.prompt for line in lines), *(row for _, row in corrupted)], device)
    count = len(lines)
    return Task(
        name,
        Prompts(ids.ids_BT[:count], ids.last_B[:count]),
        Prompts(ids.ids_BT[count:], ids.last_B[count:]),
        torch.tensor([templates.index(line.template) for line in lines], device=device),
        torch.tensor([number for number, _ in corrupted], device=device),
        torch.tensor([line.answer for line in lines], device=device),
        torch.tensor([[*line.others, *[-1] * (width - len(line.others))] for line in lines], device=device),
    )


def ioi_lines(model: Model, count: int, seed: int, against: str = SUBJECT) -> list[Line]:
    """Two-name stories, ABBA and BABA alike often, beside three-name stories (ABC) of the same form, place and thing.

    Names are the realm's, or in plain English common ones.

    against: what the answer competes with, the one who gives (as published) or all other names, that one first. Names
    of several tokens are left out. Raises ValueError where too few names are left.
    """
    tongue = tongue_named(model.tongue)
    stories = _one_token_names(model, tongue)
    rng = Random(f"{seed}/circuit/ioi")
    lines = []
    for _ in range(count):
        story = draw(rng, stories)
        prompt = _ids(model, tongue, stories, story)
        others = []
        for _ in range(CORRUPTED):
            first, second, third = rng.sample(stories.names, 3)
            others.append(
                _ids(model, tongue, stories, replace(story, order=ABC, first=first, second=second, subject=third))
            )
        text = " ".join(story_text(tongue, stories, story))
        rest = [name for name in stories.names if name not in (story.indirect, story.subject)]
        names = (story.indirect, story.subject, *(rest if against == NAMES else ()))
        own, *other = (_first(model, text, _name(tongue, name)) for name in names)
        lines.append(Line(prompt, own, tuple(other), tuple(others), f"{story.form}/{len(prompt)}"))
    return lines


def _name(tongue: Tongue, name: str) -> str:
    return name if tongue.name == "terse" else name.title()


def _first(model: Model, text: str, words: str) -> int:
    return answer(model.tokenizer, text.rstrip(), words)[0]


def _ids(model: Model, tongue: Tongue, stories: Stories, story: Story) -> tuple[int, ...]:
    parts = story_text(tongue, stories, story)
    return tuple(encode(model.tokenizer, (" " if tongue.name == "terse" else "").join(parts).rstrip()))


def _one_token_names(model: Model, tongue: Tongue) -> Stories:
    """The stories with names that the model has a token for: the realm's, or in plain English common ones."""
    stories = load_stories()
    known = (
        stories.names if tongue.name == "terse" else words(read(NAMES_TOML, ("names",))["names"], "names.toml names")
    )
    names = []
    for name in known:
        try:
            single = (
                len(answer(model.tokenizer, "tale and" if tongue.name == "terse" else "So", _name(tongue, name))) == 1
            )
        except ValueError:
            single = False
        if single:
            names.append(name)
    if len(names) < NAMES_MIN:
        raise ValueError(
            f"--task ioi: the model has one token for {len(names)} of the {len(known)} names; give sentences of"
            " your own: --task FILE.jsonl (docs/circuits.md)"
        )
    return replace(stories, names=tuple(names))
