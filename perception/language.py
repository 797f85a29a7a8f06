"""Questions and answers as text and tokens.

A context is tokenised once, with whatever special tokens the tokenizer puts in front of a text; questions and
answers are tokenised without them. An answer is tokenised behind its question, so that every tokenizer sees the
same join as in running text.
"""

import re
from collections.abc import Sequence

from transformers import PreTrainedTokenizerBase

from perception.messages import Question, Scene


class LanguageError(ValueError):
    """A text that this model cannot read: one line, what and how to mend it."""


def context_tokens(tokenizer: PreTrainedTokenizerBase, scene: Scene) -> list[int]:
    """Token ids of a scene's text. Raises LanguageError for an empty one or for words that the tokenizer lacks."""
    ids: list[int] = tokenizer(scene.text)["input_ids"]
    if not ids:
        raise LanguageError(f"scene {scene.id}: its text is empty; a scene needs at least one token")
    _refuse_unknown(tokenizer, ids, scene.text, f"scene {scene.id}")
    return ids


def question_tokens(tokenizer: PreTrainedTokenizerBase, question: Question) -> list[int]:
    """Token ids of a question, to stand right behind its context."""
    ids: list[int] = tokenizer(question.text, add_special_tokens=False)["input_ids"]
    if not ids:
        raise LanguageError(f"question {question.ask} {question.place}: its text is empty")
    _refuse_unknown(tokenizer, ids, question.text, f"question {question.ask} {question.place}")
    return ids


def answer_tokens(tokenizer: PreTrainedTokenizerBase, question: Question, answers: Sequence[str]) -> list[list[int]]:
    """Token ids of each answer as it stands behind the question (joined by a space)."""
    asked = tokenizer(question.text, add_special_tokens=False)["input_ids"]
    found = []
    for answer in answers:
        whole = tokenizer(f"{question.text} {answer}", add_special_tokens=False)["input_ids"]
        ids = whole[len(asked) :] if whole[: len(asked)] == asked else []
        ids = ids or tokenizer(f" {answer}", add_special_tokens=False)["input_ids"]
        _refuse_unknown(tokenizer, ids, answer, f"answer {answer!r}")
        found.append(ids)
    return found


def _refuse_unknown(tokenizer: PreTrainedTokenizerBase, ids: Sequence[int], text: str, where: str) -> None:
    unknown = tokenizer.unk_token_id
    if unknown is None or unknown not in ids or unknown == tokenizer.eos_token_id:
        return
    words = [word for word in text.split() if tokenizer(word, add_special_tokens=False)["input_ids"] == [unknown]]
    raise LanguageError(
        f"{where}: the model has no token for {', '.join(words[:3]) or 'part of it'}; use its own tongue"
    )


def event_tokens(tokenizer: PreTrainedTokenizerBase, scene: Scene) -> list[list[int]]:
    """For each event of a scene, the indices of the context tokens that name its thing (empty if it is not told).

    Events are told in order, so each thing is searched for behind the one before; needs a tokenizer with offsets.
    """
    offsets = tokenizer(scene.text, return_offsets_mapping=True)["offset_mapping"]
    cursor = 0
    found: list[list[int]] = []
    for event in scene.events:
        match = re.compile(rf"\b{re.escape(event.thing)}\b").search(scene.text, cursor)
        if match is None:
            found.append([])
            continue
        cursor = match.end()
        found.append(
            [index for index, (start, end) in enumerate(offsets) if start < match.end() and end > match.start()]
        )
    return found
