"""Scenes -> percepts: one context, all questions at once.

Each scene's text is read once, and its questions run packed in one row: behind it in one forward where it stands
alone and is short, else against a cache of it. `slowly` is the slow twin (a whole forward for every question and
candidate) that tests and the benchmark compare with.
"""

import math
import time
from collections.abc import Callable, Sequence
from functools import partial
from typing import TypeAlias

import numpy as np
import torch
from torch import Tensor
from transformers import DynamicCache

from perception.contexts import encode_contexts
from perception.deciding import decide, decide_at_once, log_probabilities
from perception.errors import LanguageError
from perception.gaze import gaze
from perception.heads import Record, Recorder, activity, attention_mass
from perception.language import event_tokens, read_scene
from perception.messages import HeadActivity, Percept, Scene
from perception.model import Model
from perception.packing import Decision, Packed, pack

MASK, LOGITS = 2**25, 2**27  # numbers at once: of a pack's mask, and of its targets' logits
ONCE = 1_024  # tokens of context and decisions: longer ones go through a cache, whose mask has no square of the context


Contexts: TypeAlias = list[list[int]]
Answers: TypeAlias = list[list[list[int]]]  # by question, by candidate: token ids


def _decisions(model: Model, scenes: Sequence[Scene]) -> tuple[Contexts, list[Decision], Answers, bool]:
    """Contexts and decisions of all questions in order, their candidates' tokens, and whether each is one token.

    One-token candidates are all read off one row; otherwise every candidate is a decision of its own.
    """
    contexts: Contexts = []
    questions: list[tuple[int, tuple[int, ...]]] = []
    answers: Answers = []
    for number, scene in enumerate(scenes):
        for question in scene.questions:
            if not question.candidates:
                raise LanguageError(f"question {question.ask} {question.place}: it has no candidate answers")
            if len(set(question.candidates)) < len(question.candidates) or "" in question.candidates:
                raise LanguageError(f"question {question.ask} {question.place}: a candidate is empty, or stands twice")
        reading = read_scene(model.tokenizer, scene)
        contexts.append(reading.context)
        questions += [(number, tuple(ids)) for ids in reading.questions]
        answers += reading.answers
    short = all(len(ids) == 1 for options in answers for ids in options)
    decisions = [
        Decision(number, question, tuple(ids))
        for (number, question), options in zip(questions, answers, strict=True)
        for ids in (options[:1] if short else options)
    ]
    return contexts, decisions, answers, short


def _parts(contexts: Sequence[Sequence[int]], decisions: Sequence[Decision], vocabulary: int) -> list[list[int]]:
    """Numbers of the decisions that are packed together: all of them, or as many as bounded memory holds.

    A part's mask has at most MASK numbers and its logits LOGITS, or it has one decision a context.
    """
    rows, longest = len(contexts), max(map(len, contexts))
    width = max(1, (math.isqrt(longest**2 + 4 * (MASK // rows)) - longest) // 2)  # width * (longest + width) * rows
    most = max(1, LOGITS // (vocabulary * rows))
    parts: list[list[int]] = [[]]
    tokens, count, part = [0] * rows, [0] * rows, [0] * rows
    for number, decision in enumerate(decisions):
        row, size = decision.context, len(decision.question) + len(decision.answer) - 1
        targets = len(decision.answer)
        if count[row] and (tokens[row] + size > width or count[row] + targets > most):
            tokens[row], count[row], part[row] = 0, 0, part[row] + 1
            if part[row] == len(parts):
                parts.append([])
        tokens[row], count[row] = tokens[row] + size, count[row] + targets
        parts[part[row]].append(number)
    return parts


def _scores(logits_NV: Tensor, packed: Packed, answers: Answers | None, count: int) -> list[Tensor]:
    """For each of `count` decisions, float64 on the CPU: its whole answer's log-probability, or, given each one's
    one-token candidates, their logits."""
    if answers is None:
        return list(log_probabilities(logits_NV, packed, count).cpu().double())
    return [logits_NV[i, [ids[0] for ids in options]].cpu().double() for i, options in enumerate(answers)]


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
    for scene, of_scene in enumerate(columns):
        rows[scene, : len(of_scene)] = torch.tensor(of_scene)
    return rows.to(packed.context_BC.device), owners


def cue_mask(model: Model, scene: Scene, context: int, keys: int, repeats: Sequence[int]) -> Tensor:
    """(1, R, K) bool: for each decision row, the context tokens naming what is sensed at the asked place.

    context: how many tokens the scene's context has; keys: K; repeats: how many rows each question has.
    """
    cues: dict[str, list[int]] = {}
    for event, ids in zip(scene.events, event_tokens(model.tokenizer, scene), strict=True):
        cues.setdefault(event.place, []).extend(index for index in ids if index < context)
    mask = np.zeros((1, sum(repeats), keys), bool)
    row = 0
    for question, count in zip(scene.questions, repeats, strict=True):
        mask[0, row : row + count, cues.get(question.place, [])] = True
        row += count
    return torch.from_numpy(mask)


def _decider(model: Model, packed: Packed) -> tuple[Callable[[], Tensor], int]:
    """What decides a pack whose contexts serve once, and how many tokens of its forward stand before the decisions'.

    One context that is short enough for a mask of all tokens needs no cache, if the model reads it itself.
    """
    if model.context is None and len(packed.lengths) == 1 and packed.mask_B1DK.shape[-1] <= ONCE:
        return partial(decide_at_once, model.net, packed), packed.context_BC.shape[1]
    return partial(decide, model.net, packed, encode_contexts(model.reader, packed)), 0


def _decided(model: Model, contexts: Contexts, decisions: list[Decision], answers: Answers | None) -> list[Tensor]:
    """`_scores` of all decisions: at once, or part by part against one cache. One that comes again is decided once."""
    if answers is None and len(first := list(dict.fromkeys(decisions))) < len(decisions):
        once = dict(zip(first, _decided(model, contexts, first, None), strict=True))
        return [once[decision] for decision in decisions]
    scores: list[Tensor] = [torch.empty(0)] * len(decisions)
    cache = None
    parts = _parts(contexts, decisions, _vocabulary(model))
    for part in parts:
        packed = pack(contexts, [decisions[number] for number in part], model.net.dtype, share=True).to(model.device)
        candidates = None if answers is None else [answers[number] for number in part]
        if len(parts) == 1:
            logits_NV = _decider(model, packed)[0]()
        else:
            cache = encode_contexts(model.reader, packed) if cache is None else cache
            logits_NV = decide(model.net, packed, cache)
        for number, score in zip(part, _scores(logits_NV, packed, candidates, len(part)), strict=True):
            scores[number] = score
    return scores


def _decided_and_recorded(
    model: Model, contexts: Contexts, decisions: list[Decision], answers: Answers | None
) -> tuple[list[Tensor], Record]:
    """The same of one context, with what its heads did; all at once, as their record is of one forward."""
    if len(_parts(contexts, decisions, _vocabulary(model))) > 1:
        raise ValueError("perceive: too many questions to overhear heads at once; ask fewer, or with record=False")
    packed = pack(contexts, decisions, model.net.dtype, share=True).to(model.device)
    rows, (decided, before) = _decision_rows(packed, 1)[0], _decider(model, packed)
    with Recorder(model.net, rows.where(rows < 0, rows + before)) as recorder:
        logits = decided()
    return _scores(logits, packed, answers, len(decisions)), recorder.record()


def _vocabulary(model: Model) -> int:
    return int(model.net.get_output_embeddings().weight.shape[0])


@torch.no_grad()
def perceive(model: Model, scenes: Sequence[Scene], record: bool = True, head: int | None = None) -> list[Percept]:
    """What the model believes about every question of every scene; questions of all kinds may be mixed.

    record: also measure each head at the decision rows (bit-identical beliefs, unless a question comes twice; needs one
    scene at a time to tell scenes apart, so several scenes are then perceived one after the other). head: index of the
    one head whose gaze is told. A scene without questions gives no beliefs. A candidate whose tokens begin another's is
    never less likely than that. Raises LanguageError for texts that the model has no tokens for, and for candidates
    that are none or repeat; ValueError for a head that it hasn't, and for more than one forward holds, with record.
    """
    if record and len(scenes) > 1:
        return [percept for scene in scenes for percept in perceive(model, [scene], head=head)]
    began = time.perf_counter()
    with_questions = [scene for scene in scenes if scene.questions]
    if not with_questions:
        return [Percept(scene.id, (), HeadActivity(model.layers, model.heads), 0.0) for scene in scenes]
    contexts, decisions, answers, short = _decisions(model, with_questions)
    heads, seen = HeadActivity(model.layers, model.heads), None
    if record:
        scene, context = with_questions[0], len(contexts[0])
        repeats = [1 if short else len(options) for options in answers]
        scores, heard = _decided_and_recorded(model, contexts, decisions, answers if short else None)
        cue = cue_mask(model, scene, context, heard.patterns[0].shape[-1], repeats).to(model.device)
        heads = HeadActivity(model.layers, model.heads, tuple(activity(heard)), tuple(attention_mass(heard, cue)))
        seen = None if head is None else gaze(model.tokenizer, scene, context, heard, head, repeats)
    else:
        scores = _decided(model, contexts, decisions, answers if short else None)
    if not short:
        scores = list(torch.stack(scores).split([len(options) for options in answers]))
    beliefs = iter([tuple(one.softmax(-1).tolist()) for one in scores])
    seconds = (time.perf_counter() - began) / len(with_questions)
    return [
        Percept(scene.id, tuple(next(beliefs) for _ in scene.questions), heads, seconds, gaze=seen) for scene in scenes
    ]


@torch.no_grad()
def slowly(model: Model, scene: Scene) -> list[tuple[float, ...]]:
    """The slow twin: beliefs by one whole forward for every question and candidate."""
    if not scene.questions:
        return []
    reading = read_scene(model.tokenizer, scene)
    beliefs = []
    for question, options in zip(reading.questions, reading.answers, strict=True):
        scores = []
        for ids in options:
            logs = _one_by_one(model, reading.context, [*question, *ids]).float().log_softmax(-1)
            start = len(question) - 1
            scores.append(sum(float(logs[start + i, token]) for i, token in enumerate(ids)))
        beliefs.append(tuple(torch.tensor(scores, dtype=torch.float64).softmax(-1).tolist()))
    return beliefs


def _one_by_one(model: Model, context: list[int], decision: list[int]) -> Tensor:
    """(tokens, vocabulary) logits at each token of one decision."""
    whole, size = torch.tensor([[*context, *decision]], device=model.device), len(context)
    if model.context is None:
        logits: Tensor = model.net(whole).logits[0, size:]
        return logits
    cache = DynamicCache()
    model.context.base_model(whole[:, :size], past_key_values=cache, use_cache=True)
    against: Tensor = model.net(whole[:, size:], past_key_values=cache).logits[0]
    return against
