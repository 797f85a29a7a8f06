"""Contexts, questions and answers as text and as tokens.

The model reads running text: the context, the question right behind it, then the answer. `read` gives the tokens of
that running text, split into context, questions and answers, for every kind of tokenizer. The context is encoded once
for all its questions, so it ends before the first token that depends on a question. Where a tokenizer makes one token
of the context's end and a question's beginning (".\\n" in Llama 3), that token belongs to the question. In the same
way a token of a question's end and an answer's beginning belongs to the answer.

Tokenising the whole text again for each answer would be slow. Where a tokenizer never joins what stands before a space
with what stands behind it, only the last word of the context is tokenised together with the question. What a tokenizer
puts in front of a text (a space, <s>) falls on a word in front of that, which is cut off again.

A tokenizer with a chat template is spoken to in it (perception.chat): the context and the question are one turn of the
user, the answer is how the assistant begins.
"""

import re
from bisect import bisect_left, bisect_right
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import lru_cache, partial

from tokenizers.models import WordLevel
from transformers import PreTrainedTokenizerBase

from perception.chat import frame
from perception.errors import LanguageError
from perception.messages import Question, Scene
from perception.unknown_words import unknown_words

CUE = "cue"  # the sense of an event that is told by no tongue: words that somebody marked in a text of their own
KNOWN = 2**14  # short texts whose tokens are kept: the same few questions are asked of every scene
ANY = "a a"  # a context of which nothing is known but that it ends in a word
ANCHOR = "a"  # the word that stands in front of a context's end while that is tokenised
ACROSS_A_SPACE = re.compile(r"[^\sĠ▁Ċĉč][Ġ▁ ]")  # in a vocabulary's words: something, then a space

Ids = tuple[int, ...]
QuestionText = tuple[str, Sequence[str]]  # a question's text, and answers to it


@dataclass(frozen=True)
class Reading:
    """A context with its questions as the model reads them, as token ids.

    context + questions[i] + answers[i][j] are the tokens of the running text with the j-th answer to question i.
    """

    context: list[int]
    questions: list[list[int]]
    answers: list[list[list[int]]]


def read(
    tokenizer: PreTrainedTokenizerBase, text: str, questions: Sequence[QuestionText], where: str = "the context"
) -> Reading:
    """The tokens of a context, and of questions behind it with answers to them; a question may have no answer.

    where: what the context is called in an error. Raises LanguageError for an empty text, for words that the tokenizer
    lacks, and for a context that has no token of its own.
    """
    whole = text_tokens(tokenizer, text) if text else []
    if not whole:
        raise LanguageError(f"{where}: its text is empty; a scene needs at least one token")
    _refuse_unknown(tokenizer, whole, text, where)
    after, end = _behind_text(tokenizer, text, whole)
    parts = [_question_ids(tokenizer, after, question, answers) for question, answers in questions]
    # A context ends where its first question begins to differ from it, and each question has one token at least.
    length = min([len(end), *(min(_common(end, base), split - 1) for base, _, split in parts)])
    start = len(whole) - len(end)
    if start + length < 1:
        raise LanguageError(f"{where}: it makes one token with the question behind it; begin the question with a space")
    return Reading(
        whole[: start + length],
        [list(base[length:split]) for base, _, split in parts],
        [[list(ids[split:]) for ids in answer_ids] for _, answer_ids, split in parts],
    )


def read_scene(tokenizer: PreTrainedTokenizerBase, scene: Scene) -> Reading:
    """A scene with all its questions and all their candidates. Raises LanguageError as `read` does."""
    return read(tokenizer, scene.text, [(q.text, q.candidates) for q in scene.questions], f"scene {scene.id}")


def read_answered(
    tokenizer: PreTrainedTokenizerBase, text: str, answered: Sequence[tuple[Question, str]], where: str = "the context"
) -> tuple[list[int], list[tuple[Ids, Ids]]]:
    """A context, and the tokens of each question with its one answer. Raises LanguageError as `read` does."""
    reading = read(tokenizer, text, [(question.text, (answer,)) for question, answer in answered], where)
    pairs = zip(reading.questions, reading.answers, strict=True)
    return reading.context, [(tuple(question), tuple(answers[0])) for question, answers in pairs]


def question_tokens(tokenizer: PreTrainedTokenizerBase, question: Question) -> list[int]:
    """A question's tokens behind any context that ends in a word of its own; `read` gives those behind a given one."""
    return read(tokenizer, ANY, [(question.text, ())]).questions[0]


After = Callable[[str], Ids]  # the tokens of the context's end with a text right behind it


def _behind_text(tokenizer: PreTrainedTokenizerBase, text: str, whole: list[int]) -> tuple[After, Ids]:
    """How to tokenise what stands behind a context, and the tokens of the context's end by itself.

    The end is the context's last word, or all of it where a tokenizer may join words.
    """
    cut = _last_word(tokenizer, text)
    if cut is not None:
        after: After = partial(_after_end, tokenizer, text[cut:])
        end = after("")
        if len(end) < len(whole) and tuple(whole[len(whole) - len(end) :]) == end:
            return after, end
    return partial(_after_all, tokenizer, text), tuple(whole)


def _last_word(tokenizer: PreTrainedTokenizerBase, text: str) -> int | None:
    """Where the space before the last word stands, if nothing depends on what stands before that; else None."""
    if _whole_words(tokenizer):
        return len(text)
    if not _splits_at_spaces(tokenizer):
        return None
    cut = len(text)
    while (cut := text.rfind(" ", 1, cut)) > 0:
        before, behind = text[cut - 1], text[cut + 1 : cut + 2]
        if not before.isspace() and behind.isascii() and behind.isalnum():
            return cut
    return None


@lru_cache(maxsize=8)
def _splits_at_spaces(tokenizer: PreTrainedTokenizerBase) -> bool:
    """Whether no token holds a space with something before it: then texts part before every space between words."""
    return not any(ACROSS_A_SPACE.search(word) for word in tokenizer.get_vocab())


@lru_cache(maxsize=8)
def _whole_words(tokenizer: PreTrainedTokenizerBase) -> bool:
    """Whether every token is a word of a list (the terse tongue): spaces then mean nothing to it."""
    backend = getattr(tokenizer, "backend_tokenizer", None)
    return backend is not None and isinstance(backend.model, WordLevel)


@lru_cache(maxsize=8)
def _anchor(tokenizer: PreTrainedTokenizerBase) -> Ids:
    return tuple(_ids(tokenizer, ANCHOR))


@lru_cache(maxsize=KNOWN)
def _after_end(tokenizer: PreTrainedTokenizerBase, end: str, rest: str) -> Ids:
    space = " " if _whole_words(tokenizer) else ""
    return tuple(_ids(tokenizer, f"{ANCHOR}{end}{space}{rest}")[len(_anchor(tokenizer)) :])


def _after_all(tokenizer: PreTrainedTokenizerBase, text: str, rest: str) -> Ids:
    return tuple(text_tokens(tokenizer, text + rest))


def _question_ids(
    tokenizer: PreTrainedTokenizerBase, after: After, question: str, answers: Sequence[str]
) -> tuple[Ids, list[Ids], int]:
    """Tokens of the context's end with the question behind it, and with each answer behind that; where answers begin.

    Answers begin at the first token that depends on which of them it is.
    """
    chat = frame(tokenizer)
    text = question + chat.behind
    base, where = after(text), f"question {question.strip()[:64]!r}"
    if not question or base == after(""):
        raise LanguageError(f"{where}: its text is empty; it needs at least one token")
    _refuse_unknown(tokenizer, base, question, where)
    join = "" if text[-1:].isspace() else chat.join
    answer_ids, split = [], len(base)
    for answer in answers:
        ids = after(f"{text}{join}{answer}")
        same = _common(base, ids)
        if not answer or len(ids) == same:
            raise LanguageError(f"answer {answer!r}: it has no token of its own; give it a word")
        _refuse_unknown(tokenizer, ids[same:], answer, f"answer {answer!r}")
        answer_ids.append(ids)
        split = min(split, same)
    return base, answer_ids, split


def _common(one: Ids, other: Ids) -> int:
    """How many tokens both begin with."""
    if other[: len(one)] == one:
        return len(one)
    return next((at for at, (a, b) in enumerate(zip(one, other, strict=False)) if a != b), min(len(one), len(other)))


def text_tokens(tokenizer: PreTrainedTokenizerBase, text: str) -> list[int]:
    """Token ids of a context by itself, with what stands in front of it."""
    before = frame(tokenizer).before
    ids = _ids(tokenizer, before + text, specials=not before)
    return ids[: len(ids) - _specials_behind(tokenizer)]


def _ids(tokenizer: PreTrainedTokenizerBase, text: str, specials: bool = False) -> list[int]:
    """Token ids of a text. Raises LanguageError where the tokenizer itself fails."""
    try:
        ids: list[int] = tokenizer(text, add_special_tokens=specials)["input_ids"]
    except Exception as error:  # some have no token for what they don't know, and end there
        first = (str(error).strip().splitlines() or [type(error).__name__])[0]
        raise LanguageError(f"the tokenizer can't read {text[:40]!r} ({first}); restore its tokenizer.json") from error
    return ids


def token_spans(tokenizer: PreTrainedTokenizerBase, text: str) -> tuple[list[int], list[tuple[int, int]]]:
    """Token ids of a context, and where in `text` each begins and ends (0, 0 for tokens of the chat template)."""
    before = frame(tokenizer).before
    encoded = tokenizer(before + text, return_offsets_mapping=True, add_special_tokens=not before)
    skip, size = len(before), len(encoded["input_ids"]) - _specials_behind(tokenizer)
    spans = [(max(0, start - skip), max(0, end - skip)) for start, end in encoded["offset_mapping"]]
    return encoded["input_ids"][:size], spans[:size]


@lru_cache(maxsize=8)
def _specials_behind(tokenizer: PreTrainedTokenizerBase) -> int:
    """How many special tokens this tokenizer puts behind a text (</s>): the question has to stand there instead."""
    if frame(tokenizer).before:
        return 0
    word, whole = _ids(tokenizer, ANCHOR), _ids(tokenizer, ANCHOR, specials=True)
    places = (at for at in range(len(whole)) if whole[at : at + len(word)] == word)
    at = next(places, None) if word else None
    return 0 if at is None else len(whole) - at - len(word)


def context_tokens(tokenizer: PreTrainedTokenizerBase, scene: Scene) -> list[int]:
    """Token ids of a scene's text by itself. Raises LanguageError for an empty one or for words without a token."""
    return read(tokenizer, scene.text, (), f"scene {scene.id}").context


def _refuse_unknown(tokenizer: PreTrainedTokenizerBase, ids: Sequence[int], text: str, where: str) -> None:
    if words := unknown_words(tokenizer, ids, text):
        raise LanguageError(f"{where}: the model has no token for {', '.join(words[:3])}; use its own tongue")


def event_tokens(tokenizer: PreTrainedTokenizerBase, scene: Scene) -> list[list[int]]:
    """For each event of a scene, the indices of the context tokens that name its thing (empty if it is not told).

    Events are told in order, so each thing is searched for behind the one before; needs a tokenizer with offsets.
    Events of sense CUE are any words of any text, wherever they first stand.
    """
    _, offsets = token_spans(tokenizer, scene.text)
    starts, ends = [start for start, _ in offsets], [end for _, end in offsets]
    cursor = 0
    tokens_of: list[list[int]] = []
    for event in scene.events:
        free = event.sense == CUE
        pattern = re.escape(event.thing) if free else rf"\b{re.escape(event.thing)}\b"
        match = re.compile(pattern).search(scene.text, cursor)
        if match is None:
            tokens_of.append([])
            continue
        cursor = cursor if free else match.end()
        # Tokens stand in the order of the text: those that end behind its beginning and begin before its end.
        tokens_of.append(list(range(bisect_right(ends, match.start()), bisect_left(starts, match.end()))))
    return tokens_of
