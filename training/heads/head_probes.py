"""Scored probes -> the fixed token batches on which heads are compared.

One row per decision that the behaviour is about: the context and the question, decided at the question's last token.
Cues are the tokens on which the decision rests; for sight, those that name what the present spirit shows (at an empty
place: all that is sensed there). An answer's rivals are the candidates on the other side: "nothing" at a spirit, the
species at an empty place. Where all begin with the same tokens, the row goes on to the token at which they part.
"""

from collections.abc import Iterable, Sequence
from itertools import islice

import torch
from torch import Tensor
from torch.nn.functional import cross_entropy
from torch.nn.utils.rnn import pad_sequence
from transformers import DynamicCache, PreTrainedModel

from game.realm.rules import Rules
from game.realm.tongues import SENSE
from perception.contexts import context_cache, encode_contexts
from perception.deciding import decide
from perception.language import event_tokens, read, read_answered
from perception.model import Model
from perception.packing import Decision, Packed, pack
from training.heads.baseline import ProbeBatch
from training.heads.score import Probe

ROWS = 64  # decisions per batch
BALANCE = 0.5  # share of wanted decisions


def chosen_places(probes: Sequence[Probe], count: int) -> list[tuple[Probe, int]]:
    """`count` decisions, half of them wanted and half where a wanted one would be wrong, in the probes' order."""
    places = [(probe, index) for probe in probes for index in range(probe.places)]
    wanted = [(probe, index) for probe, index in places if probe.answers[index] in probe.wanted]
    others = [(probe, index) for probe, index in places if probe.answers[index] not in probe.wanted]
    half = int(count * BALANCE)
    return [*islice(wanted, half), *islice(others, count - half)]


def _cues(rules: Rules, probe: Probe, index: int) -> tuple[int, ...]:
    """Numbers of the events on which a decision rests."""
    question, answer = probe.scene.questions[index], probe.answers[index]
    if question.ask != SENSE:
        return probe.cues[index] if probe.cues else ()
    things = next((kind.traces for kind in rules.spirits if kind.name == answer), None)
    events = enumerate(probe.scene.events)
    return tuple(i for i, e in events if e.place == question.place and (things is None or e.thing in things))


def head_probes(model: Model, probes: Sequence[Probe], rules: Rules, count: int = 4 * ROWS) -> list[ProbeBatch]:
    """Token batches for Baseline and head_diff; see ProbeBatch."""
    chosen = chosen_places(probes, count)
    return [_batch(model, chosen[start : start + ROWS], rules) for start in range(0, len(chosen), ROWS)]


def _parting(model: Model, probe: Probe, index: int) -> tuple[list[int], int, list[int]]:
    """The tokens up to where the answer and its rivals part, then the answer's next one, and theirs that differ."""
    question, answer = probe.scene.questions[index], probe.answers[index]
    rest = [option for option in question.candidates if option != answer]
    across = [option for option in rest if (option in probe.wanted) != (answer in probe.wanted)]
    question_answers = (question.text, (answer, *(across or rest)))
    reading = read(model.tokenizer, probe.scene.text, [question_answers], f"scene {probe.scene.id}")
    own, *others = reading.answers[0]
    steps = enumerate(zip(own, *others, strict=False))
    at = next((number for number, alike in steps if len(set(alike)) > 1), 0)  # 0: one is the beginning of another
    rivals = dict.fromkeys(ids[at] for ids in others if len(ids) > at and ids[at] != own[at])
    return [*reading.context, *reading.questions[0], *own[:at]], own[at], list(rivals) or [own[at]]


def _batch(model: Model, chosen: Sequence[tuple[Probe, int]], rules: Rules) -> ProbeBatch:
    tokenizer, rows, cues, answers, others = model.tokenizer, [], [], [], []
    for probe, index in chosen:
        tokens, answer, rivals = _parting(model, probe, index)
        rows.append(tokens)
        tokens_of_event = event_tokens(tokenizer, probe.scene)
        cues.append([token for event in _cues(rules, probe, index) for token in tokens_of_event[event]])
        answers.append(answer)
        others.append(torch.tensor(rivals))
    longest = max(map(len, rows))
    ids, mask = torch.zeros(len(rows), longest, dtype=torch.int64), torch.zeros(len(rows), longest, dtype=torch.int64)
    cue = torch.zeros(len(rows), 1, longest, dtype=torch.bool)
    for row, tokens in enumerate(rows):
        ids[row, : len(tokens)] = torch.tensor(tokens)
        mask[row, : len(tokens)] = 1
        cue[row, 0, cues[row]] = True
    last = mask.sum(1, keepdim=True) - 1
    rivals_BC = pad_sequence(others, batch_first=True, padding_value=-1)
    return ProbeBatch(ids, mask, last, cue, torch.tensor(answers)[:, None], rivals_BC[:, None])


def probe_loss(
    model: Model, probes: Sequence[Probe], chunk: int = 8, context: PreTrainedModel | None = None
) -> "ProbeLoss":
    """Mean cross-entropy of the places' answers among all words: the plain loss on held-out probes.

    context: a model that reads the contexts, whoever decides; see `ProbeLoss`.
    """
    batches = []
    for start in range(0, len(probes), chunk):
        contexts, decisions = [], []
        for number, probe in enumerate(probes[start : start + chunk]):
            answered = list(zip(probe.scene.questions[: probe.places], probe.answers, strict=False))
            context_ids, pairs = read_answered(model.tokenizer, probe.scene.text, answered, f"scene {probe.scene.id}")
            contexts.append(context_ids)
            decisions += [Decision(number, question_ids, ids) for question_ids, ids in pairs]
        batches.append(pack(contexts, decisions).to(model.device))
    return ProbeLoss(batches, None if context is None else [encode_contexts(context, p) for p in batches])


class ProbeLoss:
    """loss(net) -> scalar tensor with gradient through everything, contexts too.

    caches: contexts that another model has read, one for each batch; then no gradient goes through them.
    """

    def __init__(self, batches: list[Packed], caches: Sequence[DynamicCache] | None = None) -> None:
        self.batches, self._caches = batches, caches
        self.total = sum(len(packed.target_N) for packed in batches)

    def __call__(self, net: PreTrainedModel) -> Tensor:
        return self._mean(net, self.caches(net))

    def caches(self, net: PreTrainedModel) -> Iterable[DynamicCache]:
        """The contexts of every batch: as they were read beforehand, or as this model reads them now."""
        return self._caches or (context_cache(net, packed) for packed in self.batches)

    def crossed(self, net: PreTrainedModel, reader: PreTrainedModel) -> Tensor:
        """The loss of one model's decisions on contexts that the other has read."""
        return self._mean(net, (encode_contexts(reader, packed) for packed in self.batches))

    def _mean(self, net: PreTrainedModel, caches: Iterable[DynamicCache]) -> Tensor:
        parts = []
        for packed, cache in zip(self.batches, caches, strict=True):
            logits = decide(net, packed, cache)
            parts.append(cross_entropy(logits.float(), packed.target_N, reduction="sum"))
        return torch.stack(parts).sum() / self.total
