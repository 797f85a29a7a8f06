"""What is learned from: memories of labelled places, dreams made of them, and mundane questions rehearsed beside.

A lesson labels some places of a scene; each labelled place is remembered with what was sensed there. A dream puts
remembered places together anew: other directions, another order of events, another hour. It needs no new truth.
Without dreams a lesson's own scene is taught again and again; without rehearsal the mundane is forgotten
(prototypes/README.md). Both are arms that an experiment can switch off. What was said to a companion, and how it was to
be answered, is remembered beside (training.data.talk_memories); training.data.talk_dreams dreams of it.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import combinations
from random import Random
from typing import Protocol

from transformers import PreTrainedTokenizerBase

from game.realm import sampler
from game.realm.rules import NOTHING, Rules
from game.realm.talk import TALK
from game.realm.terrain import UNDERFOOT
from game.realm.tongues import SENSE, question, tell, tongue_named
from perception.language import read_answered
from perception.messages import Event, Lesson, Scene
from perception.packing import Decision
from training.config import HAUNTED
from training.data.rehearsal import Answered, rehearsal
from training.data.talk_memories import TalkMemory, heard

DRIFT = 0.8  # of dreamt places where a stray omen can drift in get one
FADING = 0.5  # of dreamt places lose an omen, if what is left still means the same

Pair = tuple[str, str, str]  # species, one sense, another sense


@dataclass(frozen=True)
class Memory:
    """A labelled place: what was sensed there, and who was there (a species or "nothing")."""

    sensed: tuple[tuple[str, str], ...]  # (sense, thing)
    answer: str


@dataclass(frozen=True)
class Asked:
    """A scene's text and the decisions to learn about it, as words: those that a lesson labelled, and the rehearsed."""

    text: str
    labelled: tuple[Answered, ...]
    rehearsed: tuple[Answered, ...] = ()

    @property
    def decisions(self) -> tuple[Answered, ...]:
        return (*self.labelled, *self.rehearsed)


class LessonCounts(Protocol):
    """What was taught: the lessons, and how often the wanted decision was shown, and one without it (DESIGN.md)."""

    lessons: list[Lesson]

    @property
    def spirits_shown(self) -> int: ...

    @property
    def empties_shown(self) -> int: ...


class Journal:
    """All lessons so far: what they say about places and about talk, and counts of what was shown."""

    def __init__(self) -> None:
        self.lessons: list[Lesson] = []
        self.memories: list[Memory] = []
        self.sizes: list[int] = []  # places per lesson scene: dreams have the same sizes
        self.talk_memories: list[TalkMemory] = []
        self.verbatim: list[Lesson] = []  # about talk in words that nobody knows: it can't be dreamt of, only repeated
        self._haunted: dict[str, list[Memory]] = {}  # by who was there
        self._empty: list[Memory] = []

    def add(self, lesson: Lesson) -> None:
        """Remember what a lesson labels. A lesson that labels neither a place nor talk changes nothing."""
        answered = [(q, a) for q, a in zip(lesson.scene.questions, lesson.answers, strict=True) if a is not None]
        labelled = [(q, a) for q, a in answered if q.ask == SENSE]
        talked = [(q, a) for q, a in answered if q.ask == TALK]
        if not labelled and not talked:
            return
        remembered = [heard(lesson.scene, q, a) for q, a in talked]
        self.lessons.append(lesson)
        self.talk_memories += [memory for memory in remembered if memory is not None]
        if None in remembered:
            self.verbatim.append(lesson)
        if labelled:
            self.sizes.append(len(lesson.scene.questions))
        for q, answer in labelled:
            sensed = tuple((e.sense, e.thing) for e in lesson.scene.events if e.place == q.place)
            self.memories.append(Memory(sensed, answer))
            pool = self._empty if answer == NOTHING else self._haunted.setdefault(answer, [])
            pool.append(self.memories[-1])

    @property
    def spirits_shown(self) -> int:
        return sum(map(len, self._haunted.values()))

    @property
    def empties_shown(self) -> int:
        return len(self._empty)

    def recall(self, rng: Random, haunted: float = HAUNTED) -> Memory:
        """A remembered place; `haunted` of the time one with a spirit, if there are both, each species as often as any.

        Whoever was shown once is dreamt of as often as whoever was shown twenty times: docs/LOG.md.
        """
        if not self._haunted or not self._empty:
            return rng.choice(self.memories)
        if rng.random() >= haunted:
            return rng.choice(self._empty)
        return rng.choice(self._haunted[rng.choice(list(self._haunted))])


def _header(rng: Random, rules: Rules) -> tuple[str, str, str]:
    ground = rng.choice([g.name.lower() for g in UNDERFOOT])
    return rng.choice(rules.phases)[0], rng.choice(rules.weather)[0], ground


def _varied(rng: Random, memory: Memory, journal: Journal, omens: dict[str, str]) -> list[tuple[str, str]]:
    """A memory as a dream has it; who was there stays the same, by the folklore and the rule that the mind knows.

    What is ordinary about the place (what stands there, too) comes from another memory. An omen may fade, if what is
    left means the same; a stray omen may drift in from elsewhere, if nobody's pair comes of it. No truth is added.
    """
    other = rng.choice(journal.memories)
    traces = {sense: thing for sense, thing in memory.sensed if thing in omens}
    own = sum(omens[thing] == memory.answer for thing in traces.values())
    loose = [sense for sense, thing in traces.items() if omens[thing] != memory.answer or own > 2]
    if loose and rng.random() < FADING:
        del traces[rng.choice(loose)]
    there = [omens[thing] for thing in traces.values()]
    strays = [(s, t) for s, t in other.sensed if t in omens and omens[t] not in there and s not in traces]
    if strays and rng.random() < DRIFT:
        traces |= [rng.choice(strays)]
    ordinary = [(sense, thing) for sense, thing in other.sensed if thing not in omens and sense not in traces]
    return [*traces.items(), *ordinary]


def dream(
    rng: Random,
    journal: Journal,
    rules: Rules,
    tongue: str,
    rehearse: int,
    haunted: float = HAUNTED,
    untaught: Sequence[str] = (),
) -> Asked:
    """A scene that never was, of remembered places, with their answers and `rehearse` mundane questions."""
    size = min(rng.choice(journal.sizes), len(rules.directions))
    places = {place: journal.recall(rng, haunted) for place in rng.sample(rules.directions, size)}
    omens = rules.omens()
    events = [
        Event(sense, place, thing)
        for place, memory in places.items()
        for sense, thing in _varied(rng, memory, journal, omens)
    ]
    rng.shuffle(events)
    speech = tongue_named(tongue)
    labelled = tuple((question(speech, rules, SENSE, place), memory.answer) for place, memory in places.items())
    text = tell(speech, _header(rng, rules), events)
    return Asked(text, labelled, tuple(rehearsal(rng, events, rules, tongue, rehearse, untaught=untaught)))


def waking(
    rng: Random,
    lessons: Sequence[Lesson],
    rules: Rules,
    tongue: str,
    rehearse: int,
    sees: bool | None = None,
    untaught: Sequence[str] = (),
) -> Asked:
    """One lesson's own scene again, as it was: the arm without dreams. About talk one is asked to count, too."""
    lesson = rng.choice(lessons)
    labelled = [(q, a) for q, a in zip(lesson.scene.questions, lesson.answers, strict=True) if a is not None]
    talk = any(q.ask == TALK for q, _ in labelled)
    rehearsed = rehearsal(rng, lesson.scene.events, rules, tongue, rehearse, talk, sees, untaught)
    return Asked(lesson.scene.text, tuple(labelled), tuple(rehearsed))


def tokens(tokenizer: PreTrainedTokenizerBase, scenes: Sequence[Asked]) -> tuple[list[list[int]], list[Decision]]:
    """Contexts and decisions as token ids, ready to pack."""
    contexts: list[list[int]] = []
    decisions: list[Decision] = []
    for number, item in enumerate(scenes):
        context, pairs = read_answered(tokenizer, item.text, item.decisions)
        contexts.append(context)
        decisions += [Decision(number, question_ids, ids) for question_ids, ids in pairs]
    return contexts, decisions


def _pair(species: str, one: str, other: str) -> Pair:
    return (species, one, other) if one < other else (species, other, one)


def pairs_at(rules: Rules, scene: Scene, place: str, species: str) -> list[Pair]:
    """The pairs of senses in which a species shows itself at a place of a scene."""
    traces = next(kind.traces for kind in rules.spirits if kind.name == species)
    senses = [
        rules.senses[traces.index(event.thing)]
        for event in scene.events
        if event.place == place and event.thing in traces
    ]
    return [_pair(species, *pair) for pair in combinations(senses, 2)]


def shown_pairs(rules: Rules, scene: Scene, answers: Sequence[str | None]) -> list[Pair]:
    """All pairs that the spirits of a scene show."""
    spirits = [(q.place, a) for q, a in zip(scene.questions, answers, strict=True) if a not in (None, NOTHING)]
    return [pair for place, species in spirits for pair in pairs_at(rules, scene, place, str(species))]


def held_out_pairs(rules: Rules, seed: int) -> list[Pair]:
    """One pair of senses per species that no lesson of this seed will show."""
    rng = Random(f"{seed}/held-out")
    return [_pair(species, *rng.sample(rules.senses, 2)) for species in rules.species]


def _named(answers: Sequence[str | None], most: int) -> tuple[tuple[str | None, ...], int]:
    """The answers with the first `most` spirits alone, and how many more there might have been."""
    named: list[str | None] = []
    for answer in answers:
        spirit = answer != NOTHING
        named.append(answer if most or not spirit else None)
        most -= spirit and most > 0
    return tuple(named), most


def generated(
    seed: int, count: int, tongue: str, rules: Rules, shuffled: bool = False, spirits: int = 0
) -> list[Lesson]:
    """Lessons from the generator: whole scenes with every place labelled; none shows a held-out pair.

    shuffled: the control. The same scenes, with the answers dealt out anew over all places of all lessons.
    spirits: end with the one that shows the so-manyeth spirit (0: only `count` ends it); more in it stay unnamed.
    """
    barred = held_out_pairs(rules, seed)
    lessons: list[Lesson] = []
    left = spirits
    for sample in sampler.samples(seed, "lessons", tongue, rules):
        if len(lessons) == count:
            break
        if any(pair in barred for pair in shown_pairs(rules, sample.view.scene, sample.answers)):
            continue
        answers: tuple[str | None, ...] = sample.answers
        if spirits:
            answers, left = _named(answers, left)
        lessons.append(Lesson(sample.view.scene, answers, "generator"))
        if spirits and not left:
            break
    if shuffled:
        deck = [answer for lesson in lessons for answer in lesson.answers]
        Random(f"{seed}/shuffled").shuffle(deck)
        dealt = iter(deck)
        lessons = [Lesson(lesson.scene, tuple(next(dealt) for _ in lesson.answers), "shuffled") for lesson in lessons]
    return lessons
