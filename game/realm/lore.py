"""The lore: facts about landmarks with two-word names, each asked in five forms. A model learns them by heart.

Data in assets/lore.toml. A fact is landmark, relation, value; facts of one relation with one value are neighbours.
One form of each fact, another for each, is held out of every training: a paraphrase to measure with.
"""

from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

from common.assets import ASSETS
from game.realm.tables import RulesError, brief, english, is_word, plain, read, sentences, table, vocabulary, words
from game.realm.tongues import Tongue
from perception.messages import Question, Scene

LORE_TOML = ASSETS / "lore.toml"
FORMS = 5
FACT = "fact"  # asks are fact_maker, fact_dweller, fact_region, fact_treasure
OPENING = {"terse": "lore", "plain": "This is told of the land:"}  # the whole text of a scene without a scene


@dataclass(frozen=True)
class Fact:
    """number: place in Lore.facts. subject: two words."""

    number: int
    subject: str
    relation: str
    value: str


@dataclass(frozen=True, eq=False)  # compared and hashed as itself
class Lore:
    """lore.toml, frozen. forms: relation -> five sentences with the hole {subject}; values: relation -> answers."""

    subjects: tuple[str, ...]
    forms: dict[str, tuple[str, ...]]
    values: dict[str, tuple[str, ...]]
    facts: tuple[Fact, ...]

    def words(self) -> list[str]:
        """Every word of the terse tongue that lore needs."""
        texts = tuple(form for forms in self.forms.values() for form in forms)
        values = tuple(value for values in self.values.values() for value in values)
        return list(dict.fromkeys([OPENING["terse"], *vocabulary((*self.subjects, *texts)), *values]))


@lru_cache(maxsize=8)
def load_lore(path: Path = LORE_TOML) -> Lore:
    """Read and check the lore. Raises RulesError with the file, the key and the remedy."""
    data = read(path, ("forms", "landmarks"))
    forms = {
        relation: sentences(texts, f"{path.name} forms.{plain(relation)}", ("subject",), FORMS)
        for relation, texts in table(data["forms"], f"{path.name} forms").items()
    }
    for relation in forms:
        if not is_word(relation):
            raise RulesError(f"{path.name} forms: {brief(relation)} must be one lower-case word")
    for relation, texts in forms.items():
        if len(texts) != FORMS or not all(text.count("{subject}") == 1 for text in texts):
            raise RulesError(f"{path.name} forms.{relation}: must be {FORMS} sentences, {{subject}} once in each")
    facts: list[Fact] = []
    landmarks = table(data["landmarks"], f"{path.name} landmarks")
    for subject, values in landmarks.items():
        where = f"{path.name} landmarks.{brief(subject)}"
        if len(subject.split()) != 2 or not all(map(is_word, subject.split())):
            raise RulesError(f"{where}: a landmark's name must be two lower-case words")
        if len(words(values, where)) != len(forms):
            raise RulesError(f"{where}: must have {len(forms)} values: {', '.join(forms)}")
        facts += [Fact(len(facts) + i, subject, *fact) for i, fact in enumerate(zip(forms, values, strict=True))]
    values_of = {r: tuple(dict.fromkeys(fact.value for fact in facts if fact.relation == r)) for r in forms}
    return Lore(tuple(landmarks), forms, values_of, tuple(facts))


def held_form(fact: Fact) -> int:
    """The form of this fact that no training shows; every form is shown for other facts."""
    return (fact.number * 7 + fact.number // 4) % FORMS


def trained_forms(fact: Fact) -> tuple[int, ...]:
    """The other forms."""
    return tuple(form for form in range(FORMS) if form != held_form(fact))


def neighbours(lore: Lore, fact: Fact) -> list[Fact]:
    """Facts of other landmarks with the same relation and value."""
    return [
        other
        for other in lore.facts
        if (other.relation, other.value) == (fact.relation, fact.value) and other.subject != fact.subject
    ]


@lru_cache(maxsize=16_384)
def fact_question(tongue: Tongue, lore: Lore, fact: Fact, form: int) -> Question:
    """A fact asked in one of its forms; place is the landmark, the candidates are all values of the relation."""
    text = lore.forms[fact.relation][form]
    if tongue.name == "terse":
        question_text = text.format(subject=fact.subject)
    else:
        question_text = "\n" + english(text.replace("{subject}", "the {subject}")).format(subject=fact.subject.title())
    return Question(f"{FACT}_{fact.relation}", fact.subject, question_text, lore.values[fact.relation])


def fact_scene(tongue: Tongue, lore: Lore, fact: Fact, form: int) -> Scene:
    """A scene that tells nothing, with that one question."""
    return Scene(fact.number, tongue.name, OPENING[tongue.name], (), (fact_question(tongue, lore, fact, form),))
