"""How well facts were edited: efficacy, paraphrase, neighbourhood, and what the edit spoilt. Meng 2022, section 3.4.

efficacy (ES): the new answer is more likely than the old one behind the edited prompt. paraphrase (PS): so it is behind
other wordings. neighbourhood (NS): behind prompts about other subjects, the true answer is more likely than the new
one. score: the harmonic mean of the three. All are means over facts, in percent.

Stricter, beside them: `said`, the new answer is the most likely of all words; `neighbours_said` and `own_said`, the
true answers about other subjects and about the subject itself still are.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import torch

from perception.model import Model
from training.precedents.facts import Case
from training.precedents.prompts import AskedAnswer, answer, beliefs, check_length, encode, fill, placed, prompt

Scores = dict[str, float | None]
MAIN = ("efficacy", "paraphrase", "neighbourhood")


@dataclass(frozen=True)
class _Item:
    """A prompt with two answers, of which the first has to be the more likely. groups: what that counts for."""

    case: int
    groups: tuple[str, ...]
    said: str  # the group in which the first answer has to be the most likely of all
    text: str
    first: str
    second: str


def harmonic(values: Sequence[float]) -> float:
    """Harmonic mean; 0 where a value is 0."""
    return 0.0 if min(values) <= 0 else len(values) / sum(1 / value for value in values)


def _items(number: int, case: Case, context: str, prepend: bool) -> list[_Item]:
    edited = fill(case.template, case.subject, context)
    before = f"{edited} {case.new}" if prepend else context
    items = [_Item(number, ("efficacy",), "said", edited, case.new, case.true)]
    for sentence in case.paraphrases:
        groups = ("paraphrase", "held") if sentence == case.held else ("paraphrase",)
        items.append(_Item(number, groups, "", fill(sentence, case.subject, context), case.new, case.true))
    for sentence, subject, true in case.neighbours:
        text = fill(sentence, subject, before)
        items.append(_Item(number, ("neighbourhood",), "neighbours_said", text, true, case.new))
    for sentence, subject, true in case.own:
        items.append(_Item(number, (), "own_said", fill(sentence, subject, context), true, case.new))
    return items


def score(model: Model, cases: Sequence[Case], context: str, prepend: bool = False) -> Scores:
    """The scores of these facts with the model as it is, in percent; None where no prompt counts.

    context: what every prompt stands behind. prepend: the edited sentence with its new answer stands in front of every
    prompt about a neighbour. Raises ValueError for words without tokens.
    """
    items = [item for number, case in enumerate(cases) for item in _items(number, case, context, prepend)]
    pairs: list[AskedAnswer] = []
    for item in items:
        ids = encode(model.tokenizer, item.text)
        pairs += [(ids, answer(model.tokenizer, item.text, words)) for words in (item.first, item.second)]
    logs, says = beliefs(model.net, pairs)
    more = (logs[0::2] > logs[1::2]).tolist()
    said = says[0::2].tolist()
    means: dict[str, dict[int, list[bool]]] = {}
    for item, right, first_said in zip(items, more, said, strict=True):
        for group in item.groups:
            means.setdefault(group, {}).setdefault(item.case, []).append(right)
        if item.said:
            means.setdefault(item.said, {}).setdefault(item.case, []).append(first_said)
    whole: Scores = {
        name: _percent(means.get(name, {})) for name in (*MAIN, "held", "said", "neighbours_said", "own_said")
    }
    three = [value for name in MAIN if (value := whole[name]) is not None]
    return {"score": harmonic(three) if len(three) == len(MAIN) else None} | whole


def _percent(by_case: dict[int, list[bool]]) -> float | None:
    """Mean over cases of each one's share, in percent."""
    if not by_case:
        return None
    return 100 * float(torch.tensor([sum(some) / len(some) for some in by_case.values()], dtype=torch.float64).mean())


def pooled(scores: Sequence[Scores]) -> Scores:
    """Of single facts, each scored after its own edit: means, and the harmonic mean of the means."""
    whole: Scores = {}
    for name in scores[0]:
        values = [value for one in scores if (value := one[name]) is not None]
        whole[name] = sum(values) / len(values) if values else None
    three = [value for name in MAIN if (value := whole[name]) is not None]
    whole["score"] = harmonic(three) if len(three) == len(MAIN) else None
    return whole


def check(model: Model, cases: Sequence[Case], context: str) -> None:
    """Raise ValueError, with the place of a case from a file, for words that the model has no token for, and for
    prompts that are too long for it.
    """
    for case in cases:
        with placed(case.where):
            prompt(model.tokenizer, case.template, case.subject, context)
            for item in _items(0, case, context, prepend=False):
                ids = encode(model.tokenizer, item.text)
                for words in (item.first, item.second):
                    check_length(model.net, [(*ids, *answer(model.tokenizer, item.text, words)[:-1])])


def check_edited(model: Model, cases: Sequence[Case], contexts: Sequence[str]) -> None:
    """Raise ValueError, with the place of a case from a file, where what its edit reads is too long for the model.

    That is the prompt with the new answer behind each of the contexts, and prompts behind the edited sentence.
    """
    for case in cases:
        with placed(case.where):
            new = answer(model.tokenizer, fill(case.template, case.subject, contexts[0]), case.new)
            texts = [fill(case.template, case.subject, context) for context in contexts]
            texts += [fill(sentence, case.subject, contexts[0]) for sentence in case.essence]
            check_length(model.net, [(*encode(model.tokenizer, text), *new) for text in texts])
            for item in (item for item in _items(0, case, contexts[0], prepend=True) if item.said == "neighbours_said"):
                ids = encode(model.tokenizer, item.text)
                for words in (item.first, item.second):
                    check_length(model.net, [(*ids, *answer(model.tokenizer, item.text, words)[:-1])])


def known(model: Model, cases: Sequence[Case], context: str) -> list[bool]:
    """Whether the model says each fact's true answer behind its prompt."""
    pairs: list[AskedAnswer] = []
    for case in cases:
        text = fill(case.template, case.subject, context)
        pairs.append((encode(model.tokenizer, text), answer(model.tokenizer, text, case.true)))
    says: list[bool] = beliefs(model.net, pairs)[1].tolist()
    return says
