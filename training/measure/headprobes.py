"""Scored probes -> the fixed token batches on which heads are compared.

One row per (scene, place): the context and the question, decided at the question's last token. Cues are the
tokens that name what the present spirit shows (at an empty place: all that is sensed there).
"""

from collections.abc import Sequence
from itertools import islice

import torch
from torch import Tensor
from torch.nn.functional import cross_entropy
from transformers import PreTrainedModel

from game.realm.rules import NOTHING, Rules
from perception.language import answer_tokens, context_tokens, event_tokens, question_tokens
from perception.model import Model
from perception.packing import Decision, Packed, decide, pack
from training.measure.headdiff import ProbeBatch
from training.measure.score import Probe

ROWS = 64  # decisions per batch
BALANCE = 0.5  # share of decisions at spirits


def _cue_things(rules: Rules, answer: str) -> tuple[str, ...]:
    return next((kind.traces for kind in rules.kinds if kind.name == answer and answer != NOTHING), ())


def chosen_places(probes: Sequence[Probe], count: int) -> list[tuple[Probe, int]]:
    """`count` decisions, half at spirits and half at empty places, in the probes' order."""
    places = [(probe, index) for probe in probes for index in range(probe.places)]
    spirits = [p for p in places if p[0].answers[p[1]] != NOTHING]
    empties = [p for p in places if p[0].answers[p[1]] == NOTHING]
    half = int(count * BALANCE)
    return [*islice(spirits, half), *islice(empties, count - half)]


def head_probes(model: Model, probes: Sequence[Probe], rules: Rules, count: int = 4 * ROWS) -> list[ProbeBatch]:
    """Token batches for Baseline and head_diff; see ProbeBatch. Needs answers of one token (the first is taken)."""
    chosen = chosen_places(probes, count)
    return [_batch(model, chosen[start : start + ROWS], rules) for start in range(0, len(chosen), ROWS)]


def _batch(model: Model, chosen: Sequence[tuple[Probe, int]], rules: Rules) -> ProbeBatch:
    tokenizer, rows, cues, answers, rivals = model.tokenizer, [], [], [], []
    for probe, index in chosen:
        scene, question, answer = probe.scene, probe.scene.questions[index], probe.answers[index]
        rows.append([*context_tokens(tokenizer, scene), *question_tokens(tokenizer, question)])
        things = _cue_things(rules, answer)
        told = zip(scene.events, event_tokens(tokenizer, scene), strict=True)
        cues.append(
            [
                i
                for event, ids in told
                if event.place == question.place and (not things or event.thing in things)
                for i in ids
            ]
        )
        # At an empty place the rival is the first species; which one is strongest differs from model to model.
        rival = NOTHING if answer != NOTHING else rules.species[0]
        answers.append(answer_tokens(tokenizer, question, [answer])[0][0])
        rivals.append(answer_tokens(tokenizer, question, [rival])[0][0])
    longest = max(map(len, rows))
    ids, mask = torch.zeros(len(rows), longest, dtype=torch.int64), torch.zeros(len(rows), longest, dtype=torch.int64)
    cue = torch.zeros(len(rows), 1, longest, dtype=torch.bool)
    for row, tokens in enumerate(rows):
        ids[row, : len(tokens)] = torch.tensor(tokens)
        mask[row, : len(tokens)] = 1
        cue[row, 0, cues[row]] = True
    last = mask.sum(1, keepdim=True) - 1
    return ProbeBatch(ids, mask, last, cue, torch.tensor(answers)[:, None], torch.tensor(rivals)[:, None])


def probe_loss(model: Model, probes: Sequence[Probe], chunk: int = 8) -> "ProbeLoss":
    """The held-out loss whose fall is shared out over the heads: mean cross-entropy of the places' answers."""
    batches = []
    for start in range(0, len(probes), chunk):
        contexts, decisions = [], []
        for number, probe in enumerate(probes[start : start + chunk]):
            contexts.append(context_tokens(model.tokenizer, probe.scene))
            for question, answer in zip(probe.scene.questions[: probe.places], probe.answers, strict=False):
                ids = answer_tokens(model.tokenizer, question, [answer])[0]
                decisions.append(Decision(number, tuple(question_tokens(model.tokenizer, question)), tuple(ids)))
        batches.append(pack(contexts, decisions).to(model.device))
    return ProbeLoss(batches)


class ProbeLoss:
    """loss(net) -> scalar tensor with gradient through everything, contexts too."""

    def __init__(self, batches: list[Packed]) -> None:
        self.batches = batches
        self.total = sum(len(packed.target_N) for packed in batches)

    def __call__(self, net: PreTrainedModel) -> Tensor:
        parts = []
        for packed in self.batches:
            cache = net.base_model(input_ids=packed.context_BC, use_cache=True).past_key_values
            logits = decide(net, packed, cache)
            parts.append(cross_entropy(logits.float(), packed.target_N, reduction="sum"))
        return torch.stack(parts).sum() / self.total
