"""A behaviour taught by rank-one edits, as a fact is: what that can mean, and where tracing says to do it.

A lesson's decision is taken for a fact: scene and question are the prompt, the right answer is what has to follow. The
edited token is the question's last one, where the model answers. Two ways:

- one decision, as if it were a single fact of that scene;
- all decisions of the lessons that the model gets wrong, by their right answer: for each answer one rank-one change.
  Its key is the mean over their prompts, its value makes the answer follow all of them. For sight that is an edit a
  species, for listening a single one.

The subject of a decision is the place that its question names: that is what tracing corrupts.
"""

import re
from collections.abc import Mapping, Sequence

import torch
from torch import Tensor
from transformers import PreTrainedTokenizerBase

from perception.language import read
from perception.messages import Question
from perception.model import Model
from training.heads.score import Probe
from training.precedents.editor import Editor
from training.precedents.prompts import Prompt
from training.precedents.rome import Change, edit_prompts
from training.precedents.tracing import MLP, Tracer

PROMPTS = 8  # of one edit at most
Decided = tuple[Prompt, tuple[int, ...]]  # scene and question, and the tokens of the right answer


def decided(model: Model, probe: Probe, index: int) -> Decided:
    """One decision of a probe as a prompt whose subject is the place that is asked about."""
    question, answer = probe.scene.questions[index], probe.answers[index]
    reading = read(model.tokenizer, probe.scene.text, [(question.text, (answer,))], f"scene {probe.scene.id}")
    first, last = _subject(model.tokenizer, question, reading.questions[0])
    start = len(reading.context)
    return Prompt((*reading.context, *reading.questions[0]), start + first, start + last), tuple(reading.answers[0][0])


def _subject(tokenizer: PreTrainedTokenizerBase, question: Question, ids: Sequence[int]) -> tuple[int, int]:
    """Where the place stands among the question's tokens; the whole question where it isn't named as a word."""
    if re.search(rf"\b{re.escape(question.place)}\b", question.text):
        for text in (f" {question.place}", question.place):  # as a word behind others; where a space is no part of one
            place = tokenizer(text, add_special_tokens=False)["input_ids"]
            for start in range(len(ids) - len(place) + 1):
                if list(ids[start : start + len(place)]) == place:
                    return start, start + len(place) - 1
    return 0, len(ids) - 1


def wrong_by_answer(
    model: Model, probes: Sequence[Probe], answers: Sequence[Sequence[str]]
) -> dict[str, list[Decided]]:
    """The probes' decisions that these answers get wrong, by the right answer, in the order of lessons."""
    groups: dict[str, list[Decided]] = {}
    for probe, answers_there in zip(probes, answers, strict=True):
        for index in range(probe.places):
            if answers_there[index] != probe.answers[index]:
                groups.setdefault(probe.answers[index], []).append(decided(model, probe, index))
    return groups


def edit_behaviour(editor: Editor, groups: Mapping[str, Sequence[Decided]], layer: int, single: bool) -> list[Change]:
    """Edit the model in place, an answer after the other; `rome.undo` in reverse takes it back.

    single: the first decision alone. Raises ValueError for a layer without an output matrix.
    """
    some = {answer: list(group)[:PROMPTS] for answer, group in groups.items() if group}
    if single and some:
        first = next(iter(some))
        some = {first: some[first][:1]}
    moment = editor.moment(layer)
    changes = []
    for group in some.values():
        prompts, answers = [prompt for prompt, _ in group], [ids for _, ids in group]
        changes.append(edit_prompts(editor.model.net, prompts, answers[0], layer, moment, editor.config))
    return changes


@torch.no_grad()
def layer_effects(model: Model, decisions: Sequence[Decided]) -> Tensor:
    """(L,) what putting back one layer's MLP at the last token brings to the answer's probability under noise, mean."""
    rows = []
    for number, (question, answer_ids) in enumerate(decisions):
        tracer, last = Tracer(model.net, question, answer_ids[0], seed=number), len(question.ids) - 1
        probabilities = tracer.probabilities([[], *([(MLP, layer, last)] for layer in range(model.layers))])
        rows.append(probabilities[1:] - probabilities[0])
    return torch.stack(rows).mean(0)
