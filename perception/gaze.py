"""What one head looks at while it decides: which places, which words. For showing, never for a verdict.

Shape suffixes: B batch (one scene), R decision rows, K keys (the context's C tokens first), H heads.
"""

import re
from collections.abc import Sequence

import torch
from torch import Tensor
from transformers import PreTrainedTokenizerBase

from perception.heads import Record
from perception.language import token_spans
from perception.messages import Gaze, Glance, Scene

WORDS = 6  # words told of
QUESTION = "(question)"


def place_tokens(tokenizer: PreTrainedTokenizerBase, scene: Scene) -> dict[str, list[int]]:
    """For each place with events, in the order of the events, the context tokens that name it or what is sensed there.

    The place's name counts where it stands before the thing, in the same statement; statements are told in the order
    of the events. Needs a tokenizer with offsets.
    """
    _, offsets = token_spans(tokenizer, scene.text)
    tokens_of: dict[str, list[int]] = {}
    cursor = 0
    for event in scene.events:
        thing = re.compile(rf"\b{re.escape(event.thing)}\b").search(scene.text, cursor)
        if thing is None:
            continue
        named = re.compile(rf"\b{re.escape(event.place)}\b").finditer(scene.text, cursor, thing.start())
        spans = [thing.span(), *(name.span() for name in list(named)[-1:])]
        cursor = thing.end()
        tokens_of.setdefault(event.place, []).extend(
            index for index, (start, end) in enumerate(offsets) if any(start < b and end > a for a, b in spans)
        )
    return tokens_of


def gaze(
    tokenizer: PreTrainedTokenizerBase, scene: Scene, context: int, record: Record, head: int, repeats: Sequence[int]
) -> Gaze:
    """What head `head` (layer * heads + head) attended to in `record`, the decisions of one scene.

    context: how many tokens the scene's context has, the first of the record's keys. repeats: how many decision rows
    each question has; their mean is taken. Raises ValueError for a head that isn't
    there.
    """
    layers, heads = record.map.layers, record.map.heads
    if head >= layers * heads:
        raise ValueError(f"head {head}: the model has {layers * heads}; heads are counted from 0")
    layer, number = divmod(head, heads)
    pattern_RK = record.patterns[layer][0, number].cpu().double()
    places = place_tokens(tokenizer, scene)
    on_RP = [pattern_RK[:, sorted({index for index in ids if index < context})].sum(1) for ids in places.values()]
    masses_RP = torch.stack(on_RP, 1) if on_RP else pattern_RK.new_zeros(len(pattern_RK), 0)
    parts = masses_RP.split(list(repeats)) if repeats else ()
    glances = tuple(
        Glance(question.ask, question.place, _fractions(part.mean(0)))
        for question, part in zip(scene.questions, parts, strict=True)
    )
    return Gaze(head, tuple(places), glances, _words(tokenizer, scene, context, pattern_RK.mean(0)))


def _fractions(mass_P: Tensor) -> tuple[float, ...]:
    return tuple(mass_P.clamp(0, 1).tolist())  # rounding may leave a sum of attention just above 1


def _words(
    tokenizer: PreTrainedTokenizerBase, scene: Scene, context: int, mean_K: Tensor
) -> tuple[tuple[str, float], ...]:
    """What is read most: words of the context, each with all its occurrences, and the question itself as a whole."""
    ids, offsets = token_spans(tokenizer, scene.text)
    mass = {QUESTION: float(mean_K[context:].sum())}
    for index, (start, end) in enumerate(offsets[:context]):
        word = _word_at(scene.text, start, end) or tokenizer.decode([ids[index]]).strip()
        mass[word[:64]] = mass.get(word[:64], 0.0) + float(mean_K[index])
    ordered = sorted(mass.items(), key=lambda item: (-item[1], item[0]))
    return tuple((word, min(1.0, max(0.0, value))) for word, value in ordered[:WORDS])


def _word_at(text: str, start: int, end: int) -> str:
    """The whole word around a piece of the text, with nothing but its letters; "" if it holds none."""
    while start < end and not text[start].isalnum():
        start += 1
    if start >= end:
        return text[start:end].strip()
    while start > 0 and text[start - 1].isalnum():
        start -= 1
    while end < len(text) and text[end].isalnum():
        end += 1
    return text[start:end].strip()
