"""Well-formed messages with odd values, thousands of them: each is answered, none ends the mind or its next life."""

from random import Random

import msgspec
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from game.realm.rules import load
from game.realm.talk import dialogues
from perception.messages import (
    Event,
    Export,
    FromMind,
    Keep,
    Lesson,
    Mark,
    Perceive,
    Percept,
    Practise,
    Progress,
    Question,
    RestorePoints,
    Rewind,
    Scene,
    Teach,
    Trouble,
    Weigh,
    WriteLog,
    Written,
)
from perception.model import weights_hash
from perception.packing import check_length, pack
from perception.wire import Decoder, encode
from tests.kits.minds import tiny
from tests.training.mind.test_mind import TEACH, few_probes
from training.data.lessons import Journal, dream, generated, tokens, waking
from training.data.talk_dreams import talk_dream
from training.mind.mind import Mind, MindConfig
from training.mind.mind_store import JOURNAL, SavedMind, pack_journal, save_mind

torch.set_num_threads(1)
__all__ = ["few_probes"]
RULES, MODEL = load(), tiny()
GOOD = generated(0, 4, "terse", RULES)
SPOKEN = next(iter(dialogues(0, "fuzz", "terse", RULES))).scene
ORIGIN = weights_hash(MODEL.net)
EXAMPLES = 400  # calls of the test; each holds several messages

words = st.sampled_from(
    [
        "", " ", "north", "south", "up", "hum", "glint", "nothing", "none", "kitsune", "dragon", "<unk>", "<eos>",
        "<pad>", "hear", "sense", "talk", "look", "count", "a b", "{place}", "%s", "\0", "\n", "\u202e",
        "\ud7ff", "é" * 20, "\U0001f409", "north north", "x" * 64, "Nothing", "nothing ", "\u200b", ".", "?",
    ]
)  # fmt: skip
texts = st.one_of(
    words,
    st.sampled_from([GOOD[0].scene.text, SPOKEN.text, "hear north hum . " * 300, "x" * 65_536, "time night"]),
    st.text(max_size=40),
    st.builds(lambda text, odd: f"{text} {odd}", st.just(GOOD[1].scene.text), words),
)
numbers = st.sampled_from([0, 1, 7, 2**31, 2**53])
real_events = st.sampled_from([event for lesson in GOOD for event in lesson.scene.events])
events = st.one_of(
    real_events,
    st.builds(Event, words, words, words),
    st.builds(lambda event, thing: msgspec.structs.replace(event, thing=thing), real_events, words),
)
real_questions = st.sampled_from([*GOOD[0].scene.questions, *SPOKEN.questions])
candidates = st.lists(words, max_size=5).map(tuple)
questions = st.one_of(
    real_questions,
    st.builds(Question, words, words, texts.map(lambda text: text[:1024]), candidates),
    st.builds(lambda q, text: msgspec.structs.replace(q, text=text), real_questions, words),
    st.builds(lambda q, odd: msgspec.structs.replace(q, candidates=odd), real_questions, candidates),
    st.builds(lambda q, place: msgspec.structs.replace(q, place=place), real_questions, words),
)
event_lists = st.one_of(
    st.lists(events, max_size=6).map(tuple),
    st.builds(lambda event, count: (event,) * count, real_events, st.sampled_from([2, 40])),
    st.sampled_from([GOOD[0].scene.events, SPOKEN.events]),
)
odd_scenes = st.builds(
    Scene, numbers, st.one_of(st.just("terse"), words), texts, event_lists, st.lists(questions, max_size=4).map(tuple)
)
real_scenes = st.sampled_from([*(lesson.scene for lesson in GOOD), SPOKEN])


def changed(scene, name, value):
    return msgspec.structs.replace(scene, **{name: value})


changes = st.one_of(
    st.tuples(st.just("text"), texts),
    st.tuples(st.just("events"), event_lists),
    st.tuples(st.just("questions"), st.lists(questions, max_size=4).map(tuple)),
    st.tuples(st.just("tongue"), words),
)
scenes = st.one_of(
    real_scenes, odd_scenes, st.builds(lambda scene, change: changed(scene, *change), real_scenes, changes)
)


@st.composite
def lessons(draw):
    """A lesson of the realm, one with a change, or an odd one, whose answers fit in number or don't."""
    scene = draw(scenes)
    count = draw(st.sampled_from([len(scene.questions)] * 4 + [0, 1, len(scene.questions) + 1]))
    answers = []
    for index in range(count):
        own = scene.questions[index].candidates if index < len(scene.questions) else ()
        answers.append(draw(st.one_of(st.sampled_from(own) if own else words, st.none(), words)))
    return Lesson(scene, tuple(answers), draw(words))


messages = st.one_of(
    st.builds(Perceive, scenes, st.sampled_from(["you", "blind", "seer"]), numbers, st.one_of(st.none(), numbers)),
    st.builds(Perceive, scenes),
    st.builds(Teach, lessons()),
    st.builds(Teach, lessons()),
    st.builds(Practise, st.booleans()),
    st.builds(Mark, words),
    st.builds(Rewind, numbers),
    st.builds(WriteLog, st.one_of(words, st.sampled_from(["../log.msgpack", "/etc/passwd", "journal.msgpack"]))),
    st.builds(Export, st.one_of(words.filter(lambda word: "\0" in word or "/" in word), st.just("../../model"))),
    st.just(Keep()),
    st.just(Weigh()),
)
ANSWERS = {
    Perceive: Percept, Teach: Progress, Practise: Progress, Mark: RestorePoints, Rewind: RestorePoints,
    WriteLog: Written, Export: Written,
}  # fmt: skip


@pytest.fixture(scope="module")
def mind():
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("training.mind.self_measurement.LIVE_PROBES", 2)
        new_mind = Mind(MODEL, MindConfig(None, TEACH), RULES)
    new_mind.handle(Teach(GOOD[0]))
    return new_mind


def check(mind, message):
    """It crosses the wire, is answered by what answers it or by one line, and the answers cross the wire back."""
    (arrived,) = Decoder(type(message)).feed(encode(message))
    answers = mind.handle(arrived)
    assert Decoder(FromMind).feed(b"".join(map(encode, answers))) == answers
    assert all(each.text and each.text.isprintable() for each in answers if isinstance(each, Trouble))
    if type(message) in ANSWERS:
        assert any(isinstance(each, ANSWERS[type(message)] | Trouble) for each in answers)
    return answers


def learnable(lesson):
    """Whether every way to learn from this lesson gives decisions that the model can be trained on."""
    journal, rng = Journal(), Random(0)
    journal.add(lesson)
    ways = [waking(rng, [lesson], RULES, "terse", 2)]
    ways += [dream(rng, journal, RULES, "terse", 2) for _ in range(2 * bool(journal.memories))]
    ways += [
        talk_dream(rng, journal, RULES, "terse", 2) for _ in range(2 * bool(journal.talk_memories or journal.verbatim))
    ]
    packed = pack(*tokens(MODEL.tokenizer, ways))
    check_length(MODEL.net, packed)
    return MODEL.tokenizer.unk_token_id not in packed.target_N


@settings(max_examples=EXAMPLES)
@given(batch=st.lists(messages, min_size=4, max_size=8))
def test_no_message_ends_a_mind(mind, batch):
    before = len(mind.teacher.journal.lessons)
    for message in batch:
        answers = check(mind, message)
        assert not any("Error:" in each.text for each in answers if isinstance(each, Trouble)), "a check was missing"
    assert all(learnable(lesson) for lesson in mind.teacher.journal.lessons[before:])


def test_every_lesson_that_was_kept_is_there_in_the_next_life(mind, tmp_path):
    """After the fuzz: the journal holds lessons that can be learned from, and all of them."""
    lessons = mind.teacher.journal.lessons
    assert len(lessons) > 20
    save_mind(tmp_path, mind.model.net, SavedMind(mind.origin, 3, tuple(lessons)))
    again = Mind(tiny(), MindConfig(tmp_path, TEACH), RULES)
    assert (again.teacher.journal.lessons, again.notes) == (lessons, [])
    for _ in range(20):
        assert not any(isinstance(each, Trouble) for each in again.practise())


@settings(max_examples=12)
@given(odd=st.lists(lessons(), min_size=1, max_size=6))
def test_no_journal_ends_a_mind_at_its_start_or_at_its_first_practice(tmp_path_factory, odd):
    """What an earlier version kept: odd lessons beside good ones. Those that can't be learned from are left out."""
    folder = tmp_path_factory.mktemp("journal")
    (folder / JOURNAL).write_bytes(pack_journal(SavedMind(ORIGIN, 3, (GOOD[0], *odd, GOOD[1]))))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("training.mind.self_measurement.LIVE_PROBES", 1)
        mind = Mind(tiny(), MindConfig(folder, TEACH), RULES)
    lessons = mind.teacher.journal.lessons
    assert [lessons[0], lessons[-1]] == GOOD[:2]
    assert all(map(learnable, lessons))
    for _ in range(3):
        assert not any(isinstance(each, Trouble) for each in mind.practise())
