"""What a novice or a seer knows, task by task and split by split, all through scenes, questions and candidates.

An answer is the most believed candidate. Splits are what no pretraining asked (training.data.splits): forms of
words, pairs
of names, things at places, pairs of traces, a number of places.
"""

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import islice
from random import Random
from typing import Any

from msgspec.structs import replace

from game.realm import sampler
from game.realm.held_out import held_pairs
from game.realm.lore import fact_question, fact_scene, held_form, load_lore
from game.realm.rules import NOTHING, Rules
from game.realm.stories import SPLITS, draw, load_stories, story_scene
from game.realm.talk import KINDS, dialogues, load_talk, wanted
from game.realm.tongues import (
    ABOUT_WORDS,
    COUNT,
    LOOK,
    OMEN,
    TALLY,
    WHERE,
    WORK,
    mundane_answer,
    question,
    tongue_named,
)
from perception.messages import Question, Scene
from perception.model import Model
from perception.perceive import perceive
from training.data.curriculum import left_out
from training.data.splits import HELD_PLACES, held_object, traces_at

CHUNK = 16  # scenes perceived at once
SCENES = 300
SCANNED = 5  # times as many scenes are searched for held-out pairs of traces
STORIES = 400  # of each split
TALKS = 600  # of trained forms, and again of held-out forms
WORDS_PER_SCENE = 4  # `count` and `where` questions, each
Checks = tuple[tuple[str, str], ...]  # the groups that an answer counts for, and what is right in each


@dataclass(frozen=True)
class Exam:
    """A scene and, for each of its questions, what it counts for."""

    scene: Scene
    checks: tuple[Checks, ...]


def mark(model: Model, exams: Sequence[Exam]) -> tuple[Counter[str], Counter[str]]:
    """(right, asked) by group."""
    right: Counter[str] = Counter()
    totals: Counter[str] = Counter()
    for start in range(0, len(exams), CHUNK):
        part = exams[start : start + CHUNK]
        for exam, percept in zip(part, perceive(model, [e.scene for e in part], record=False), strict=True):
            for q, belief, checks in zip(exam.scene.questions, percept.beliefs, exam.checks, strict=True):
                said = q.candidates[belief.index(max(belief))]
                for group, answer in checks:
                    totals[group] += 1
                    right[group] += said == answer
    return right, totals


def _words(scene: Scene, rules: Rules, rng: Random) -> list[tuple[str, str]]:
    """Things and presences to count and to look for: most of them are there."""
    there = [event.thing for event in scene.events] or [rules.ordinary[0][0]]
    away = [*rules.presences, *(trace for kind in rules.kinds for trace in kind.traces)]
    words = [
        (ask, rng.choice(away if number == 0 else there)) for ask in (COUNT, WHERE) for number in range(WORDS_PER_SCENE)
    ]
    at_work = {mundane_answer(rules, scene.events, WORK, q.place) for q in scene.questions} - {NOTHING}
    return [*words, *((WHERE, name) for name in sorted(at_work))]


def _mundane(
    sample: sampler.Sample, rules: Rules, rng: Random, untaught: Sequence[str] = ()
) -> list[tuple[Question, Checks]]:
    """Every kind of mundane question about a scene, and a few about words; none that the model was never taught."""
    scene = sample.view.scene
    tongue, places = tongue_named(scene.tongue), [q.place for q in scene.questions]
    asks = [
        (ask, p) for p in places for ask in (LOOK, *rules.senses, WORK, TALLY, f"{OMEN}_{rng.choice(rules.senses)}")
    ]
    exam_questions = []
    for ask, place in [*asks, *_words(scene, rules, rng)]:
        if left_out(rules, scene.events, ask, place, untaught):
            continue
        answer = mundane_answer(rules, scene.events, ask, place)
        groups = ["mundane", "senses" if ask in rules.senses else ask.split("_")[0]]
        if ask == WORK and answer != NOTHING:
            groups.append("work_present")
        if len(places) == HELD_PLACES:
            groups.append("places")
        if ask not in (*ABOUT_WORDS, WORK) and _about_held_object(scene, ask, place):
            groups.append("object")
        if ask == WORK and _only_held_pair(scene, rules, answer, place):
            groups.append("pair")
        exam_questions.append((question(tongue, rules, ask, place), tuple((group, answer) for group in groups)))
    return exam_questions


def _about_held_object(scene: Scene, ask: str, place: str) -> bool:
    sense = ask.removeprefix(OMEN + "_")
    return any(held_object(e.thing, place) for e in scene.events if (e.sense, e.place) == (sense, place))


def _only_held_pair(scene: Scene, rules: Rules, name: str, place: str) -> bool:
    """Whether somebody shows at this place just the two traces that were never asked about together."""
    if name == NOTHING:
        return False
    (traces,) = (kind.traces for kind in rules.kinds if kind.name == name)
    seen_traces = [trace for trace in traces_at(scene.events, place) if trace in traces]
    return sorted(seen_traces) == sorted(held_pairs(rules)[name])


def _spirits(sample: sampler.Sample, rules: Rules, split: str = "") -> list[Checks]:
    """Checks of a scene's own questions. split: how the groups' names end; then only held-out pairs count as hits."""
    scene = sample.view.scene
    checks: list[Checks] = []
    for q, answer in zip(scene.questions, sample.answers, strict=True):
        seen: Checks = (("quiet" + split, NOTHING),) if answer == NOTHING else (("spirits_seen" + split, answer),)
        if split and answer != NOTHING and not _only_held_pair(scene, rules, answer, q.place):
            seen = ()
        checks.append((("blind", NOTHING), *seen))
    return checks


def scenes(seed: int, count: int, tongue: str, rules: Rules, untaught: Sequence[str] = ()) -> Iterator[Exam]:
    """Whole scenes: who is where, and everything mundane. untaught: Model.untaught."""
    rng = Random(f"{seed}/score")
    for sample in islice(sampler.samples(seed, "score", tongue, rules), count):
        mundane = _mundane(sample, rules, rng, untaught)
        questions = (*sample.view.scene.questions, *(q for q, _ in mundane))
        yield Exam(
            replace(sample.view.scene, questions=questions),
            (*_spirits(sample, rules), *(checks for _, checks in mundane)),
        )


def new_pairs(seed: int, count: int, tongue: str, rules: Rules, untaught: Sequence[str] = ()) -> Iterator[Exam]:
    """Those of `count` scenes in which a spirit or a presence shows just its held-out pair of traces."""
    speech = tongue_named(tongue)
    for sample in islice(sampler.samples(seed, "score/pairs", tongue, rules), count):
        scene, questions = sample.view.scene, list[Question]()
        checks: list[Checks] = []
        for place in (q.place for q in scene.questions):
            worker = mundane_answer(rules, scene.events, WORK, place)
            if WORK not in untaught and _only_held_pair(scene, rules, worker, place):
                questions.append(question(speech, rules, WORK, place))
                checks.append((("pair", worker),))
        answered = zip(scene.questions, sample.answers, strict=True)
        if any(_only_held_pair(scene, rules, answer, q.place) for q, answer in answered):
            questions += scene.questions
            checks += _spirits(sample, rules, "_new")
        if questions:
            yield Exam(replace(scene, questions=tuple(questions)), tuple(checks))


def lore(seed: int, count: int, tongue: str, rules: Rules) -> Iterator[Exam]:
    """The first `count` facts, each in the form never trained for it, alone and behind a scene."""
    known, speech = load_lore(), tongue_named(tongue)
    for fact, sample in zip(known.facts[:count], sampler.samples(seed, "score/lore", tongue, rules), strict=False):
        yield Exam(fact_scene(speech, known, fact, held_form(fact)), ((("lore", fact.value),),))
        lore_question = fact_question(speech, known, fact, held_form(fact))
        yield Exam(replace(sample.view.scene, questions=(lore_question,)), ((("lore_in_scenes", fact.value),),))


def stories(seed: int, count: int, tongue: str) -> Iterator[Exam]:
    """ABBA and BABA; of trained forms, of held-out forms, of held-out pairs of names."""
    known, speech, rng = load_stories(), tongue_named(tongue), Random(f"{seed}/score/stories")
    groups = {"trained": ("ioi",), "template": ("ioi_template", "template"), "pair": ("names",)}
    for split in SPLITS:
        for number in range(count):
            scene = story_scene(speech, known, story := draw(rng, known, split=split), number)
            answer = story.indirect if tongue == "terse" else story.indirect.title()
            yield Exam(scene, (tuple((group, answer) for group in groups[split]),))


def talks(seed: int, count: int, tongue: str, rules: Rules) -> Iterator[Exam]:
    """Talk in scenes of the realm, in trained and in held-out forms, as the base companion answers it."""
    talk = load_talk()
    for held in (False, True):
        for dialogue in islice(dialogues(seed, f"score/{held}", tongue, rules, held), count):
            groups = ("talk_template", "template") if held else ("talk", f"talk_{dialogue.kind}")
            act = wanted(talk, dialogue.kind, listening=False)
            yield Exam(dialogue.scene, (tuple((group, act) for group in groups),))


def scorecard(model: Model, seed: int, rules: Rules, count: int = SCENES) -> dict[str, Any]:
    """{mundane, ..., lore, ioi, directions, talk: {kind: share}, spirits_seen, false_alarms, blind, splits: {...}}.

    Shares of right answers. directions: the worst kind's. spirits_seen and false_alarms: as a seer's are counted; the
    same with _new: in scenes with spirits that show just a pair of traces no pretraining asked about.
    """
    share = count / SCENES
    exams = [
        *scenes(seed, count, model.tongue, rules, model.untaught),
        *new_pairs(seed, SCANNED * count, model.tongue, rules, model.untaught),
        *lore(seed, max(8, round(len(load_lore().facts) * share)), model.tongue, rules),
        *stories(seed, max(1, round(STORIES * share)), model.tongue),
        *talks(seed, max(1, round(TALKS * share)), model.tongue, rules),
    ]
    right, totals = mark(model, exams)

    def got(group: str) -> float | None:
        return right[group] / totals[group] if totals[group] else None

    def alarms(group: str) -> float | None:
        return 1 - right[group] / totals[group] if totals[group] else None

    talk = {kind: got(f"talk_{kind}") for kind in KINDS}
    mundane = ("mundane", LOOK, "senses", WORK, "work_present", TALLY, OMEN, COUNT, WHERE)
    splits = ("template", "ioi_template", "talk_template", "names", "object", "pair", "places")
    return {
        **{group: got(group) for group in (*mundane, "lore", "lore_in_scenes", "ioi")},
        "directions": min((score for score in talk.values() if score is not None), default=None),
        "talk": talk,
        "blind": got("blind"),
        "spirits_seen": got("spirits_seen"),
        "false_alarms": alarms("quiet"),
        "spirits_seen_new": got("spirits_seen_new"),
        "false_alarms_new": alarms("quiet_new"),
        "splits": {split: got(split) for split in splits},
        "asked": {group: totals[group] for group in sorted(totals)},
    }
