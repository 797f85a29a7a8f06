"""What the command line asks: a fact in words, its subject, and whether the model knows it."""

from dataclasses import dataclass

import torch

from game.realm.lore import load_lore, trained_forms
from perception.model import Model
from training.precedents.facts import sentence
from training.precedents.prompts import HOLE, answer, beliefs, check_length, encode, fill, placed, prompt, rows

LEAST_KNOWN = 0.1  # of the best answer's probability: below it, the model knows no answer


@dataclass(frozen=True)
class Fact:
    """A sentence with a hole, its subject, the model's best next word with its probability, and that word's token."""

    template: str
    subject: str
    says: str
    probability: float
    token: int


def template_of(text: str, subject: str | None, terse: bool, flag: str = "--fact") -> tuple[str, str]:
    """(sentence with a hole, subject) of a fact in words. flag: where they were written.

    Without a subject, a landmark of the lore is looked for; behind it a relation's name is enough, as in
    "amber spire maker".
    Raises ValueError where the subject isn't clear.
    """
    words = " ".join(text.split())
    if not words:
        raise ValueError(f"{flag}: it is empty; write a sentence that the answer follows")
    if subject is None:
        there = [name for name in load_lore().subjects if f" {name} " in f" {words} "] if terse else []
        if not there:
            raise ValueError(f"{flag} {words[:60]!r}: its subject isn't clear; name it: --subject WORDS")
        subject = there[0]
    if words.count(subject) != 1:
        raise ValueError(f"--subject {subject!r}: must stand once in {words[:60]!r}; write it as it stands there")
    template = words.replace(subject, HOLE)
    lore = load_lore()
    if terse and template.removeprefix(f"{HOLE} ") in lore.forms:
        relation = template.removeprefix(f"{HOLE} ")
        facts = [fact for fact in lore.facts if (fact.subject, fact.relation) == (subject, relation)]
        if facts:
            return sentence(lore, relation, trained_forms(facts[0])[0]), subject
    return template, subject


@torch.no_grad()
def known_fact(model: Model, text: str, subject: str | None, context: str, flag: str = "--fact") -> Fact:
    """A fact that the model knows.

    Raises ValueError for one that it doesn't know or can't read, or whose subject isn't clear.
    """
    template, name = template_of(text, subject, model.tongue == "terse", flag)
    with placed(f"{flag} {text[:60]!r}"):
        question = prompt(model.tokenizer, template, name, context)
        check_length(model.net, [question.ids])
    logits = model.net(rows([question.ids], model.net.device), use_cache=False).logits[0, -1]
    best = logits.double().softmax(-1).max(-1)
    probability, token = float(best.values), int(best.indices)
    says = str(model.tokenizer.decode([token])).strip()
    if probability < LEAST_KNOWN:
        raise ValueError(
            f"{flag} {text[:60]!r}: the model doesn't know this: its best answer is {says!r} at {probability:.0%};"
            " give a fact that it knows"
        )
    return Fact(template, name, says, probability, token)


def check_new(model: Model, fact: Fact, new: str, context: str) -> None:
    """Raise ValueError if the model says the new answer already, or has no token for it."""
    text = fill(fact.template, fact.subject, context)
    with placed(f"--to {new[:60]!r}"):
        pair = (encode(model.tokenizer, text), answer(model.tokenizer, text, new))
        says_so = bool(beliefs(model.net, [pair])[1][0])
    if says_so:
        raise ValueError(f"--to {new}: the model says so already; give another answer")
