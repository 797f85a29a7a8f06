"""What the heads of a circuit do, by stated criteria: classes after Wang 2022 (arXiv 2211.00593).

Attention is a mean over prompts, on the whole network. IO is where the answer stands in the prompt, S1 and S2 are where
the other name stands first and last, END is the last token. Where no name stands twice, the attention from S2 is taken
from all tokens that stood there before. `RULES` says each class in words; the first that holds is the head's.

Shape suffixes: B prompts, T tokens, L layers, H heads.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from perception.heads import Recorder
from perception.model import Model
from training.precedents.ioi import BACKUP, LEAST, OUTPUT, Paths
from training.precedents.path_patching import Head
from training.precedents.tasks import Task

ATTENTION = 0.2  # of a row: a head that looks somewhere
RULES = {
    "negative": "its direct effect on the output is against the task",
    "backup": "its direct effect appears only when the movers are knocked out",
    "S-inhibition": "END looks at S2, more than at IO; it works for the task through queries or the output",
    "name mover": "END looks at IO; its direct effect is for the task",
    "mover": "its direct effect is for the task; END looks at neither name",
    "duplicate token": "S2 looks at S1: a token at where it stood before",
    "induction": "S2 looks at the token behind S1",
    "previous token": "tokens look at the token before them",
    "other": "none of these",
}
LOOKS = ("io", "subject", "duplicate", "induction", "previous")


@dataclass(frozen=True)
class Looks:
    """Mean attention of one head, shares of a row; nan where there is no such token. See the module."""

    io: float
    subject: float
    duplicate: float
    induction: float
    previous: float


@torch.no_grad()
def looks(model: Model, task: Task) -> dict[Head, Looks]:
    """Where every head looks. Raises ValueError for attention that can't be heard."""
    ids_BT, last_B = task.prompts.ids_BT, task.prompts.last_B
    prompts, tokens = ids_BT.shape
    rows_BT = torch.arange(tokens, device=ids_BT.device).expand(prompts, -1).clone()
    rows_BT[rows_BT > last_B[:, None]] = -1
    with Recorder(model.net, rows_BT) as recorder:
        model.net(input_ids=ids_BT, use_cache=False)
    other_B = task.others_BK[:, 0]
    io_B, first_B, second_B = task.place(task.answer_B, True), task.place(other_B, False), task.place(other_B, True)
    twice_B = (first_B >= 0) & (second_B > first_B)
    before_BTT = (ids_BT[:, :, None] == ids_BT[:, None, :]).tril(-1)
    if twice_B.any():  # only from S2
        at_BT = torch.arange(tokens, device=ids_BT.device) == torch.where(twice_B, second_B, -1)[:, None]
        before_BTT &= at_BT[:, :, None]
    masks = {
        "duplicate": before_BTT, "induction": before_BTT.roll(1, -1).tril(-1),
        "previous": torch.eye(tokens, device=ids_BT.device).roll(-1, -1).tril(-1).bool().expand_as(before_BTT),
    }  # fmt: skip
    every = {}
    for layer, pattern_BHTT in enumerate(recorder.record().patterns):
        end_BHT = pattern_BHTT[torch.arange(prompts), :, last_B]
        there = {name: _mass(pattern_BHTT, mask, rows_BT >= 0) for name, mask in masks.items()}
        io_H = _at(end_BHT, io_B)
        subject_H = _at(end_BHT, torch.where(twice_B, second_B, -1))
        for head in range(pattern_BHTT.shape[1]):
            own = (io_H, subject_H, *(there[name] for name in LOOKS[2:]))
            every[layer, head] = Looks(*(float(mass_H[head]) for mass_H in own))
    return every


def _at(end_BHT: Tensor, at_B: Tensor) -> Tensor:
    """(H,) attention at these places, over the prompts that have one."""
    there_B = at_B >= 0
    if not there_B.any():
        return end_BHT.new_full((end_BHT.shape[1],), torch.nan)
    places_BH1 = at_B.clamp_min(0)[:, None, None].expand(-1, end_BHT.shape[1], 1)
    return end_BHT.gather(2, places_BH1)[..., 0][there_B].mean(0)


def _mass(pattern_BHTT: Tensor, mask_BTT: Tensor, valid_BT: Tensor) -> Tensor:
    """(H,) attention on the mask, over the rows that have any of it."""
    rows_BT = mask_BTT.any(-1) & valid_BT
    if not rows_BT.any():
        return pattern_BHTT.new_full((pattern_BHTT.shape[1],), torch.nan)
    mass_BHT = (pattern_BHTT * mask_BTT[:, None]).sum(-1)
    return mass_BHT.transpose(1, 2)[rows_BT].mean(0)


def class_of(head: Head, paths: Paths, seen: Looks, least: float = LEAST) -> str:
    """The first of RULES that holds."""
    effects = paths.effects.get(head, [])
    direct = paths.direct[head]
    for_task = direct <= -least
    feeds_queries = any(effect.to == "q" and effect.share < 0 for effect in effects)
    inhibits = seen.subject >= ATTENTION and not seen.io > seen.subject
    rules = {
        "negative": direct >= least,
        "backup": not for_task and any(effect.to == BACKUP for effect in effects),
        "S-inhibition": inhibits and (for_task or feeds_queries),
        "name mover": for_task and seen.io >= ATTENTION,
        "mover": for_task and any(effect.to == OUTPUT for effect in effects),
        "duplicate token": seen.duplicate >= ATTENTION,
        "induction": seen.induction >= ATTENTION,
        "previous token": seen.previous >= ATTENTION,
    }
    return next((name for name, holds in rules.items() if holds), "other")


def classes_of(
    heads: Sequence[Head], paths: Paths, seen: dict[Head, Looks], least: float = LEAST
) -> dict[str, list[Head]]:
    """The heads by class, in the order of RULES; classes without a head are left out."""
    named = {head: class_of(head, paths, seen[head], least) for head in heads}
    classes = {name: [head for head in heads if named[head] == name] for name in RULES}
    return {name: members for name, members in classes.items() if members}
