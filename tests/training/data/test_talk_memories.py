"""What was said to a companion: remembered from lessons, dreamt of without untold truth, practised, kept."""

from dataclasses import replace
from itertools import islice
from random import Random

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from msgspec import structs

from game.realm.rules import NOTHING, load
from game.realm.talk import KINDS, TALK, addressed, dangerous, dialogues, kind_of, load_talk, wanted
from game.realm.tongues import SENSE, mundane_answer
from perception.messages import Event, Lesson, Practise, Rewind, Teach, Trouble
from perception.perceive import perceive
from tests.kits.minds import tiny
from training.config import TeachConfig
from training.data.lessons import Journal, generated
from training.data.splits import spirit_at
from training.data.talk_dreams import talk_dream
from training.data.talk_memories import heading, heard, understood
from training.mind import self_measurement
from training.mind.mind import Mind, MindConfig
from training.teach import TALKING, Teacher

torch.set_num_threads(1)
RULES, WORDS = load(), load_talk()
DIALOGUES = list(islice(dialogues(3, "test", "terse", RULES), 16))
TAUGHT = [Lesson(d.scene, (wanted(WORDS, d.kind, True),), "listen") for d in DIALOGUES]
PLACES = generated(3, 4, "terse", RULES)
TEACH = TeachConfig(parts=2, rank=4, scenes=4, rehearse=2, warmup=1)


def journal(lessons=TAUGHT):
    mind_journal = Journal()
    for lesson in lessons:
        mind_journal.add(lesson)
    return mind_journal


KEPT = journal()


def events_of(text):
    """The events that a terse text tells."""
    return [Event(*sentence.split()) for sentence in text.removesuffix(" .").split(" . ")[1:]]


def test_lessons_about_talk_are_remembered_beside_those_about_places():
    mind_journal = journal([*TAUGHT, *PLACES])
    assert mind_journal.lessons == [*TAUGHT, *PLACES]
    assert len(mind_journal.talk_memories) == len(TAUGHT)
    assert len(mind_journal.sizes) == len(PLACES)  # of dreams about places
    assert mind_journal.spirits_shown + mind_journal.empties_shown == sum(len(lesson.answers) for lesson in PLACES)
    assert mind_journal.verbatim == []
    silent = journal([structs.replace(TAUGHT[0], answers=(None,))])
    assert (silent.lessons, silent.talk_memories) == ([], [])


def test_a_memory_holds_what_was_said_when_and_where():
    assert {d.kind for d in DIALOGUES} >= {"safe", "danger", "opinion", "idle"} <= set(KINDS)
    for dialogue, memory in zip(DIALOGUES, KEPT.talk_memories, strict=True):
        scene = dialogue.scene
        assert memory.said == dialogue.utterance
        assert scene.text.startswith("time {} weather {} ground {} .".format(*memory.header))
        assert memory.sensed == tuple((e.sense, e.thing) for e in scene.events if e.place == dialogue.utterance.place)
        assert memory.size == len({event.place for event in scene.events})
        there = {place: [(e.sense, e.thing) for e in scene.events if e.place == place] for place in RULES.directions}
        assert sorted(map(list, memory.spots)) == sorted(
            sensed for place, sensed in there.items() if sensed and place != dialogue.utterance.place
        )


def test_plain_english_is_understood_too():
    (plain,) = islice(dialogues(3, "test", "plain", RULES), 1)
    assert heading(plain.scene) == KEPT.talk_memories[0].header
    assert understood(plain.scene, plain.scene.questions[0]) == DIALOGUES[0].utterance == plain.utterance


@pytest.mark.parametrize(
    "changes",
    [
        {"tongue": "martian"},
        {"text": "once upon a time"},
        {"events": ()},
        {"questions": (structs.replace(TAUGHT[0].scene.questions[0], text="? talk tell me all"),)},
    ],
)
def test_what_is_not_understood_is_kept_word_for_word(changes):
    scene = structs.replace(TAUGHT[0].scene, **changes)
    assert heard(scene, scene.questions[0], "accept") is None
    lesson = Lesson(scene, ("accept",), "listen")
    mind_journal = journal([lesson])
    assert (mind_journal.lessons, mind_journal.talk_memories, mind_journal.verbatim) == ([lesson], [], [lesson])
    again = talk_dream(Random(0), mind_journal, RULES, "terse", 0)
    assert (again.text, again.labelled) == (scene.text, ((scene.questions[0], "accept"),))


@given(seed=st.integers(0, 2**32), rehearse=st.integers(0, 5), sees=st.sampled_from([None, False, True]))
def test_dreams_of_talk_keep_their_answers_true(seed, rehearse, sees):
    dreamt = talk_dream(Random(seed), KEPT, RULES, "terse", rehearse, sees)
    assert dreamt == talk_dream(Random(seed), KEPT, RULES, "terse", rehearse, sees)
    events, (time, _, weather, _, ground) = events_of(dreamt.text), dreamt.text.split()[1:6]
    scene = structs.replace(TAUGHT[0].scene, text=dreamt.text, events=tuple(events))
    assert dreamt.labelled
    assert len({q.place for q, _ in dreamt.labelled}) == len(dreamt.labelled)
    for question, act in dreamt.labelled:
        said = understood(scene, question)
        danger = dangerous(WORDS, (time, weather, ground), events, question.place)
        assert act == wanted(WORDS, kind_of(said, danger), listening=True)
        assert act in question.candidates
        assert (said.kind, said.form) in {
            (talk.said.kind, talk.said.form) for talk in KEPT.talk_memories
        }  # no words unheard
    assert len(dreamt.rehearsed) == rehearse
    for question, answer in dreamt.rehearsed:
        if question.ask == SENSE:
            assert sees is not None
            assert answer == (spirit_at(RULES, events, question.place) if sees else NOTHING)
        elif question.ask == TALK:
            said = understood(scene, question)
            kind = kind_of(said, dangerous(WORDS, (time, weather, ground), events, question.place))
            assert kind != "safe"
            assert answer == wanted(WORDS, kind, listening=False)
            assert said.form < WORDS.trained[said.kind]
            assert question.place not in {q.place for q, _ in dreamt.labelled}  # nothing is gainsaid
        else:
            assert answer == mundane_answer(RULES, events, question.ask, question.place)


def test_dreams_of_talk_put_it_elsewhere_and_say_it_in_other_words():
    dreamt = [talk_dream(Random(seed), KEPT, RULES, "terse", 2) for seed in range(60)]
    assert len({item.text for item in dreamt} | {lesson.scene.text for lesson in TAUGHT}) == 60 + len(TAUGHT)
    texts = {q.text for item in dreamt for q, _ in item.labelled}
    assert len(texts - {lesson.scene.questions[0].text for lesson in TAUGHT}) > 20
    assert max(len(item.labelled) for item in dreamt) > 1  # what was said at one hour, in one weather
    assert all(len(e) == len(set(e)) for item in dreamt for e in [events_of(item.text)])
    blind = [talk_dream(Random(seed), KEPT, RULES, "terse", 6, False) for seed in range(40)]
    assert {a for item in blind for q, a in item.rehearsed if q.ask == SENSE} == {NOTHING}


def test_a_wrong_label_stays_what_it_was():
    """`Do as I say` where it is dangerous: the dream repeats it, and doesn't correct it."""
    lesson = next(one for one, d in zip(TAUGHT, DIALOGUES, strict=True) if d.kind == "danger")
    mind_journal = journal([structs.replace(lesson, answers=("accept",))])
    acts = {a for seed in range(10) for _, a in talk_dream(Random(seed), mind_journal, RULES, "terse", 0).labelled}
    assert acts == {"accept"}


def test_steps_share_their_scenes_between_places_and_talk():
    def kinds(lessons, **changes):
        teacher = Teacher(tiny(), replace(TEACH, scenes=40, **changes), RULES, journal(lessons))
        teacher._draw()
        return [item.labelled[0][0].ask for item in teacher._asked]

    assert set(kinds(TAUGHT)) == {TALK}
    assert set(kinds(PLACES)) == {SENSE}
    both = kinds([*TAUGHT, *PLACES])
    assert both.count(TALK) / len(both) == pytest.approx(TALKING, abs=0.2)
    assert set(kinds([*TAUGHT, *PLACES], dreams=False)) == {TALK, SENSE}


def test_one_that_sees_is_not_told_to_be_blind_while_it_practises_talk():
    teacher = Teacher(tiny(), replace(TEACH, scenes=40, rehearse=6), RULES, KEPT)
    teacher._draw()
    assert SENSE not in {q.ask for item in teacher._asked for q, _ in item.rehearsed}


@pytest.fixture
def awake(monkeypatch):
    monkeypatch.setattr(self_measurement, "LIVE_PROBES", 2)
    return lambda folder=None, teach=TEACH: Mind(tiny(), MindConfig(folder, teach), RULES)


def test_a_mind_practises_talk_alone_and_keeps_it_between_lives(awake, tmp_path):
    mind = awake(tmp_path)
    for lesson in TAUGHT[:3]:
        (progress,) = mind.handle(Teach(lesson))
    assert (progress.lessons, progress.shown, progress.empties) == (3, 0, 0)
    mind.handle(Practise(True))
    assert mind.busy
    while mind.teacher.steps < 2:
        mind.work()
    mind.save()
    again = awake(tmp_path).teacher
    assert (again.journal.lessons, len(again.journal.talk_memories), again.steps) == (TAUGHT[:3], 3, 2)
    mind.handle(Rewind(0))
    assert mind.teacher.journal.talk_memories == KEPT.talk_memories[:3]


def test_talk_that_a_mind_cannot_read_is_trouble(awake):
    question = TAUGHT[0].scene.questions[0]
    strange = structs.replace(TAUGHT[0].scene, questions=(structs.replace(question, text="? talk yodel"),))
    mind = awake()
    for lesson in (Lesson(strange, ("accept",), "listen"), structs.replace(TAUGHT[0], answers=("sing",))):
        (said,) = mind.handle(Teach(lesson))
        assert isinstance(said, Trouble)
    assert mind.teacher.journal.lessons == []


def test_a_mind_that_is_taught_both_listens_refuses_danger_and_sees():
    """Learned by heart, with no dreams: the model is tiny. That it holds elsewhere is measured by `learn`."""
    safe, danger = (next(i for i, d in enumerate(DIALOGUES) if d.kind == kind) for kind in ("safe", "danger"))
    haunted = next(lesson for lesson in PLACES if set(lesson.answers) != {NOTHING})
    lessons = [TAUGHT[safe], TAUGHT[danger], haunted]
    config = TeachConfig(scenes=6, rehearse=0, dreams=False, train="all", optimizer="adamw", lr=1e-2, warmup=1)
    teacher = Teacher(tiny(), config, RULES, journal(lessons))
    for _ in range(40):
        teacher.step()
    for lesson in lessons:
        (percept,) = perceive(teacher.model, [lesson.scene], record=False)
        answered = zip(lesson.scene.questions, percept.beliefs, strict=True)
        assert tuple(q.candidates[belief.index(max(belief))] for q, belief in answered) == lesson.answers
    assert [lesson.answers for lesson in lessons[:2]] == [("accept",), ("refuse",)]


def test_the_companion_of_the_game_sends_lessons_that_are_understood():
    scene = addressed(DIALOGUES[0].scene, WORDS, DIALOGUES[0].utterance)
    assert heard(scene, scene.questions[0], "refuse").act == "refuse"
