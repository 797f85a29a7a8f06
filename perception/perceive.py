"""Scenes -> percepts: one context, all questions at once.

Each scene's text is encoded once; its questions run packed in one row against that cache. `slowly` is the slow twin
(a whole forward for every question and candidate) that tests and the benchmark compare with.
"""

import time
from collections.abc import Sequence

import torch
from torch import Tensor

from perception.gaze import gaze
from perception.heads import Recorder, activity, attention_mass
from perception.language import LanguageError, answer_tokens, context_tokens, event_tokens, question_tokens
from perception.messages import HeadActivity, Percept, Scene
from perception.model import Model
from perception.packing import Decision, Packed, decide, encode_contexts, log_probabilities, pack


def _decisions(model: Model, scenes: Sequence[Scene]) -> tuple[list[Decision], list[list[list[int]]], bool]:
    """Decisions of all questions in order, each question's candidate tokens, and whether every candidate is one token.

    One-token candidates are all read off one row; otherwise every candidate is a decision of its own.
    """
    tokenizer, found, answers = model.tokenizer, [], []
    for number, scene in enumerate(scenes):
        for question in scene.questions:
            if not question.candidates:
                raise LanguageError(f"question {question.ask} {question.place}: it has no candidate answers")
            asked = tuple(question_tokens(tokenizer, question))
            options = answer_tokens(tokenizer, question, question.candidates)
            answers.append(options)
            found.append((number, asked))
    short = all(len(ids) == 1 for options in answers for ids in options)
    if short:
        return (
            [
                Decision(number, asked, tuple(options[0]))
                for (number, asked), options in zip(found, answers, strict=True)
            ],
            answers,
            True,
        )
    return (
        [Decision(n, asked, tuple(ids)) for (n, asked), options in zip(found, answers, strict=True) for ids in options],
        answers,
        False,
    )


def _beliefs(logits_NV: Tensor, packed: Packed, answers: list[list[list[int]]], short: bool) -> list[tuple[float, ...]]:
    """For each question, probabilities over its candidates: a softmax of their whole log-probabilities."""
    if short:
        rows = [
            logits_NV[i, [ids[0] for ids in options]].cpu().double().softmax(-1) for i, options in enumerate(answers)
        ]
    else:
        scores = log_probabilities(logits_NV, packed, sum(map(len, answers)))
        rows = [part.cpu().double().softmax(-1) for part in scores.split([len(options) for options in answers])]
    return [tuple(row.tolist()) for row in rows]


def _decision_rows(packed: Packed, scenes: int) -> tuple[Tensor, list[list[int]]]:
    """(B, R) last question token of each decision, -1 padded; and the decision numbers of each scene."""
    first = torch.ones_like(packed.owner_N, dtype=torch.bool)
    first[1:] = packed.owner_N[1:] != packed.owner_N[:-1]
    owners: list[list[int]] = [[] for _ in range(scenes)]
    columns: list[list[int]] = [[] for _ in range(scenes)]
    for row, column, owner in zip(
        packed.row_N[first].tolist(), packed.column_N[first].tolist(), packed.owner_N[first].tolist(), strict=True
    ):
        owners[row].append(owner)
        columns[row].append(column)
    rows = torch.full((scenes, max(1, *map(len, columns))), -1, dtype=torch.int64)
    for scene, found in enumerate(columns):
        rows[scene, : len(found)] = torch.tensor(found)
    return rows.to(packed.context_BC.device), owners


def cue_mask(model: Model, scene: Scene, keys: int, repeats: Sequence[int]) -> Tensor:
    """(1, R, K) bool: for each decision row, the context tokens naming what is sensed at the asked place."""
    tokens = event_tokens(model.tokenizer, scene)
    mask = torch.zeros(1, sum(repeats), keys, dtype=torch.bool)
    row = 0
    for question, count in zip(scene.questions, repeats, strict=True):
        cue = [
            index
            for event, ids in zip(scene.events, tokens, strict=True)
            if event.place == question.place
            for index in ids
        ]
        mask[0, row : row + count, cue] = True
        row += count
    return mask


@torch.no_grad()
def perceive(model: Model, scenes: Sequence[Scene], record: bool = True, head: int | None = None) -> list[Percept]:
    """What the model believes about every question of every scene; questions of all kinds may be mixed.

    record: also measure each head at the decision rows (bit-identical beliefs; needs one scene at a time to tell scenes
    apart, so several scenes are then perceived one after the other). head: index of the one head whose gaze is told.
    A scene without questions gives no beliefs. Raises LanguageError for texts that the model has no tokens for,
    ValueError for a head that it hasn't.
    """
    if record and len(scenes) > 1:
        return [percept for scene in scenes for percept in perceive(model, [scene], head=head)]
    began = time.perf_counter()
    asked = [scene for scene in scenes if scene.questions]
    if not asked:
        return [Percept(scene.id, (), HeadActivity(model.layers, model.heads), 0.0) for scene in scenes]
    decisions, answers, short = _decisions(model, asked)
    contexts = [context_tokens(model.tokenizer, scene) for scene in asked]
    packed = pack(contexts, decisions, model.net.dtype, model.tokenizer.pad_token_id or 0).to(model.device)
    cache = encode_contexts(model.net, packed)
    heads, seen = HeadActivity(model.layers, model.heads), None
    if record:
        rows, _ = _decision_rows(packed, 1)
        with Recorder(model.net, rows) as recorder:
            logits = decide(model.net, packed, cache)
        heard, repeats = recorder.record(), [1 if short else len(options) for options in answers]
        cue = cue_mask(model, asked[0], heard.patterns[0].shape[-1], repeats).to(model.device)
        heads = HeadActivity(model.layers, model.heads, tuple(activity(heard)), tuple(attention_mass(heard, cue)))
        seen = None if head is None else gaze(model.tokenizer, asked[0], heard, head, repeats)
    else:
        logits = decide(model.net, packed, cache)
    beliefs = iter(_beliefs(logits, packed, answers, short))
    seconds = (time.perf_counter() - began) / len(asked)
    return [
        Percept(scene.id, tuple(next(beliefs) for _ in scene.questions), heads, seconds, gaze=seen) for scene in scenes
    ]


@torch.no_grad()
def slowly(model: Model, scene: Scene) -> list[tuple[float, ...]]:
    """The slow twin: beliefs by one whole forward for every question and candidate."""
    context = context_tokens(model.tokenizer, scene)
    found = []
    for question in scene.questions:
        asked = question_tokens(model.tokenizer, question)
        scores = []
        for ids in answer_tokens(model.tokenizer, question, question.candidates):
            tokens = torch.tensor([[*context, *asked, *ids]], device=model.device)
            logs = model.net(tokens).logits[0].float().log_softmax(-1)
            start = len(context) + len(asked) - 1
            scores.append(sum(float(logs[start + i, token]) for i, token in enumerate(ids)))
        found.append(tuple(torch.tensor(scores, dtype=torch.float64).softmax(-1).tolist()))
    return found
