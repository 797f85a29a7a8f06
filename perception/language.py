"""Questions and answers as text and tokens.

A context is tokenised once, with whatever special tokens the tokenizer puts in front of a text; questions and
answers are tokenised without them. An answer is tokenised behind its question, so that every tokenizer sees the
same join as in running text. A tokenizer with a chat template is spoken to in it: the context and the question are one
turn of the user, the answer is how the assistant begins.
"""

import re
from bisect import bisect_left, bisect_right
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache

from transformers import PreTrainedTokenizerBase

from perception.messages import Question, Scene


class LanguageError(ValueError):
    """A text that this model cannot read: one line, what and how to mend it."""


CUE = "cue"  # the sense of an event that is told by no tongue: words that somebody marked in a text of their own
KNOWN = 2**14  # questions and answers kept as tokens: the same few are asked of every scene
SPOKEN = "\u2063context and question\u2063"  # stands for them in a template; no template trims or holds it


@dataclass(frozen=True)
class Frame:
    """What a chat template puts before a context and behind a question; `join` comes before an answer."""

    before: str = ""
    behind: str = ""
    join: str = " "


@lru_cache(maxsize=8)
def frame(tokenizer: PreTrainedTokenizerBase) -> Frame:
    """How this tokenizer's model is spoken to. Raises LanguageError for a chat template that can't be used."""
    if not getattr(tokenizer, "chat_template", None):
        return Frame()
    turn = [{"role": "user", "content": SPOKEN}]
    try:
        text = str(
            tokenizer.apply_chat_template(turn, tokenize=False, add_generation_prompt=True, enable_thinking=False)
        )
    except Exception as error:  # a template is a program of somebody else's
        why = (str(error).strip().splitlines() or [type(error).__name__])[0]
        raise LanguageError(f"the tokenizer's chat template fails ({why}); mend it, or remove it") from error
    parts = text.split(SPOKEN)
    if len(parts) != 2:
        raise LanguageError("the tokenizer's chat template doesn't hold the user's words once; mend it, or remove it")
    return Frame(parts[0], parts[1], "" if parts[1][-1:].isspace() else " ")


def told(tokenizer: PreTrainedTokenizerBase, text: str) -> tuple[list[int], list[tuple[int, int]]]:
    """Token ids of a context, and where in `text` each begins and ends (0, 0 for tokens of the chat template)."""
    before = frame(tokenizer).before
    encoded = tokenizer(before + text, return_offsets_mapping=True, add_special_tokens=not before)
    skip, size = len(before), len(encoded["input_ids"]) - _behind(tokenizer)
    spans = [(max(0, start - skip), max(0, end - skip)) for start, end in encoded["offset_mapping"]]
    return encoded["input_ids"][:size], spans[:size]


def text_tokens(tokenizer: PreTrainedTokenizerBase, text: str) -> list[int]:
    """Token ids of a context's text, as a model is told it."""
    before = frame(tokenizer).before
    ids: list[int] = tokenizer(before + text, add_special_tokens=not before)["input_ids"]
    return ids[: len(ids) - _behind(tokenizer)]


@lru_cache(maxsize=8)
def _behind(tokenizer: PreTrainedTokenizerBase) -> int:
    """How many special tokens this tokenizer puts behind a text (</s>): the question has to stand there instead."""
    if frame(tokenizer).before:
        return 0
    mark = tokenizer("north", add_special_tokens=False)["input_ids"]
    whole = tokenizer("north")["input_ids"]
    at = next((at for at in range(len(whole)) if whole[at : at + len(mark)] == mark), None) if mark else None
    return 0 if at is None else len(whole) - at - len(mark)


def context_tokens(tokenizer: PreTrainedTokenizerBase, scene: Scene) -> list[int]:
    """Token ids of a scene's text. Raises LanguageError for an empty one or for words that the tokenizer lacks."""
    ids = text_tokens(tokenizer, scene.text) if scene.text else []
    if not ids:
        raise LanguageError(f"scene {scene.id}: its text is empty; a scene needs at least one token")
    _refuse_unknown(tokenizer, ids, scene.text, f"scene {scene.id}")
    return ids


def question_tokens(tokenizer: PreTrainedTokenizerBase, question: Question) -> list[int]:
    """Token ids of a question, to stand right behind its context."""
    ids = list(_asked(tokenizer, question.text))
    if not ids or not question.text:
        raise LanguageError(f"question {question.ask} {question.place}: its text is empty")
    _refuse_unknown(tokenizer, ids, question.text, f"question {question.ask} {question.place}")
    return ids


def answer_tokens(tokenizer: PreTrainedTokenizerBase, question: Question, answers: Sequence[str]) -> list[list[int]]:
    """Token ids of each answer as it stands behind the question (joined by a space, in running text)."""
    return [list(_answer(tokenizer, question.text, answer)) for answer in answers]


@lru_cache(maxsize=KNOWN)
def _asked(tokenizer: PreTrainedTokenizerBase, question: str) -> tuple[int, ...]:
    return tuple(tokenizer(question + frame(tokenizer).behind, add_special_tokens=False)["input_ids"])


@lru_cache(maxsize=KNOWN)
def _answer(tokenizer: PreTrainedTokenizerBase, question: str, answer: str) -> tuple[int, ...]:
    spoken, asked = frame(tokenizer), _asked(tokenizer, question)
    text = f"{question}{spoken.behind}{spoken.join}{answer}"
    whole = tuple(tokenizer(text, add_special_tokens=False)["input_ids"])
    ids = whole[len(asked) :] if whole[: len(asked)] == asked else ()
    ids = ids or tuple(tokenizer(f"{spoken.join}{answer}", add_special_tokens=False)["input_ids"])
    _refuse_unknown(tokenizer, ids, answer, f"answer {answer!r}")
    return ids


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
    Events of sense CUE are any words of any text, wherever they first stand.
    """
    _, offsets = told(tokenizer, scene.text)
    starts, ends = [start for start, _ in offsets], [end for _, end in offsets]
    cursor = 0
    found: list[list[int]] = []
    for event in scene.events:
        free = event.sense == CUE
        pattern = re.escape(event.thing) if free else rf"\b{re.escape(event.thing)}\b"
        match = re.compile(pattern).search(scene.text, cursor)
        if match is None:
            found.append([])
            continue
        cursor = cursor if free else match.end()
        # Tokens stand in the order of the text: those that end behind its beginning and begin before its end.
        found.append(list(range(bisect_right(ends, match.start()), bisect_left(starts, match.end()))))
    return found
