"""Lessons: what a journal remembers, what dreams may change, and that dreaming adds no falsehood."""

from collections import Counter
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from game.realm.rules import NOTHING, load
from game.realm.tongues import COUNT, LOOK, SENSE, TALLY, WORK, candidates, mundane_answer
from perception.messages import Event
from tests.kits.minds import tiny
from training.data import lessons
from training.data.curriculum import COPY, FINAL, STAGES, batch, vocabulary
from training.data.lessons import (
    Journal,
    Memory,
    dream,
    generated,
    held_out_pairs,
    pairs_at,
    shown_pairs,
    tokens,
    waking,
)

RULES = load()
OMENS = RULES.omens()
MODEL = tiny()
WORDS = MODEL.tokenizer
LESSONS = generated(0, 24, "terse", RULES)


def journal(taught=LESSONS):
    mind_journal = Journal()
    for lesson in taught:
        mind_journal.add(lesson)
    return mind_journal


def events_of(text):
    """The events that a terse text tells."""
    return [Event(*sentence.split()) for sentence in text.removesuffix(" .").split(" . ")[1:]]


def species_at(events, place):
    """Species with two or more traces at a place: by the realm's invariant at most one, and it is there."""
    owners = Counter(OMENS.get(event.thing) for event in events if event.place == place)
    return [name for name in RULES.species if owners[name] >= 2]


def test_a_journal_counts_what_it_was_shown():
    mind_journal = journal()
    answers = [answer for lesson in LESSONS for answer in lesson.answers]
    assert len(mind_journal.lessons) == 24
    assert mind_journal.empties_shown == answers.count(NOTHING)
    assert mind_journal.spirits_shown == len(answers) - answers.count(NOTHING) > 5
    assert mind_journal.sizes == [len(lesson.answers) for lesson in LESSONS]
    for memory, answer in zip(mind_journal.memories, answers, strict=True):
        assert memory.answer == answer
        assert memory.sensed


def test_a_lesson_that_labels_nothing_changes_nothing():
    mind_journal = Journal()
    mind_journal.add(replace(LESSONS[0], answers=tuple(None for _ in LESSONS[0].answers)))
    assert (
        mind_journal.lessons,
        mind_journal.memories,
        mind_journal.sizes,
        mind_journal.spirits_shown,
        mind_journal.empties_shown,
    ) == ([], [], [], 0, 0)


def labelled_once():
    """A lesson in which only the last place is labelled."""
    lesson = next(candidate for candidate in LESSONS if len(candidate.answers) > 4)
    return replace(lesson, answers=(*(None for _ in lesson.answers[:-1]), lesson.answers[-1]))


def test_dreams_use_labelled_places_only():
    lesson = labelled_once()
    mind_journal, place = journal([lesson]), lesson.scene.questions[-1].place
    known = {(e.sense, e.thing) for e in lesson.scene.events if e.place == place}
    assert len(mind_journal.memories) == 1
    for seed in range(20):
        dreamt = dream(Random(seed), mind_journal, RULES, "terse", 0)
        assert {(e.sense, e.thing) for e in events_of(dreamt.text)} <= known
        assert {answer for _, answer in dreamt.decisions} == {lesson.answers[-1]}
        assert len(dreamt.decisions) == len(lesson.answers)


SHARE = st.sampled_from([0.0, 0.5, 1.0])


@given(seed=st.integers(0, 2**32), fading=SHARE, drift=SHARE, haunted=SHARE, rehearse=st.integers(0, 6))
def test_dreams_keep_their_answers_true(seed, fading, drift, haunted, rehearse):
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(lessons, "FADING", fading)
        patch.setattr(lessons, "DRIFT", drift)
        dreamt = dream(Random(seed), journal(), RULES, "terse", rehearse, haunted)
    events = events_of(dreamt.text)
    sensed = [(q, answer) for q, answer in dreamt.decisions if q.ask == SENSE]
    assert len({q.place for q, _ in sensed}) == len(sensed) in {len(lesson.answers) for lesson in LESSONS}
    for question, answer in sensed:
        assert species_at(events, question.place) == [answer] * (answer != NOTHING)
        senses = [event.sense for event in events if event.place == question.place]
        assert len(set(senses)) == len(senses)
        assert LOOK in senses
    rest = [(q, answer) for q, answer in dreamt.decisions if q.ask != SENSE]
    assert len(rest) == rehearse
    for question, answer in rest:
        assert answer == mundane_answer(RULES, events, question.ask, question.place)
        assert answer in question.candidates == candidates(RULES, question.ask)


def test_dreams_put_remembered_places_together_anew():
    mind_journal, taught = journal(), {lesson.scene.text for lesson in LESSONS}
    dreamt = [dream(Random(seed), mind_journal, RULES, "terse", 2) for seed in range(60)]
    assert len({item.text for item in dreamt} | taught) == 60 + len(taught)
    assert dream(Random(3), mind_journal, RULES, "terse", 2) == dreamt[3]
    looks = {event.thing for item in dreamt[:5] for event in events_of(item.text) if event.sense == LOOK}
    assert len(looks) > 5


@pytest.mark.parametrize(("fading", "drift"), [(0, 0), (1, 0), (0, 1)])
def test_a_dreamt_place_has_its_omens_less_what_fades_and_with_what_drifts_in(monkeypatch, fading, drift):
    monkeypatch.setattr(lessons, "FADING", fading)
    monkeypatch.setattr(lessons, "DRIFT", drift)
    mind_journal, rng = journal(), Random(0)
    changed = []
    for memory in mind_journal.memories * 3:
        whole = {pair for pair in memory.sensed if pair[1] in OMENS}
        dreamt = {pair for pair in lessons._varied(rng, memory, mind_journal, OMENS) if pair[1] in OMENS}
        assert len(whole - dreamt) <= fading
        assert len(dreamt - whole) <= drift
        changed.append(dreamt != whole)
    assert any(changed) == bool(fading or drift)
    assert not all(changed)  # two traces of a spirit alone can lose none; not everywhere is there one to come


def places_by_the_rule():
    """Any memory that the rule allows: two or three traces of a species, or none; and one at most of anybody else."""

    def remembered(spirit, trace_count, others, senses):
        things = [kind.traces for kind in ([spirit] * trace_count if spirit else [])]
        things += [kind.traces for kind in others if kind is not spirit]
        sensed = [(RULES.senses[sense], traces[sense]) for sense, traces in zip(senses, things, strict=False)]
        return Memory(((LOOK, "oak"), *sensed), spirit.name if spirit else NOTHING)

    kinds = st.sampled_from(RULES.kinds[:3])  # few, so that they meet
    return st.builds(
        remembered,
        st.none() | st.sampled_from(RULES.spirits[:2]),
        st.integers(2, 3),
        st.lists(kinds, max_size=4, unique=True),
        st.permutations(range(4)),
    )


@given(st.lists(places_by_the_rule(), min_size=2, max_size=4), st.integers(0, 2**32))
def test_whatever_fades_or_drifts_in_nobodys_pair_comes_or_goes(memories, seed):
    mind_journal = Journal()
    mind_journal.memories = memories
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(lessons, "DRIFT", 1)
        for memory in memories:
            pairs = lessons._varied(Random(seed), memory, mind_journal, OMENS)
            events = [Event(sense, "north", thing) for sense, thing in pairs]
            assert species_at(events, "north") == [memory.answer] * (memory.answer != NOTHING)


def test_waking_teaches_the_lessons_own_scene():
    lesson = labelled_once()
    woken = waking(Random(0), [lesson], RULES, "terse", 4)
    assert woken.text == lesson.scene.text
    assert woken.decisions[0] == (lesson.scene.questions[-1], lesson.answers[-1])
    assert len(woken.decisions) == 5
    assert all(q.ask != SENSE for q, _ in woken.decisions[1:])


def test_the_shuffled_control_deals_the_same_answers_to_the_same_scenes():
    control = generated(0, 24, "terse", RULES, shuffled=True)
    assert [lesson.scene for lesson in control] == [lesson.scene for lesson in LESSONS]
    assert [lesson.answers for lesson in control] != [lesson.answers for lesson in LESSONS]
    assert Counter(a for lesson in control for a in lesson.answers) == Counter(a for x in LESSONS for a in x.answers)
    assert {lesson.source for lesson in control} == {"shuffled"}


@pytest.mark.parametrize("seed", range(4))
def test_held_out_pairs_never_appear_in_generated_lessons(seed):
    barred = held_out_pairs(RULES, seed)
    assert [species for species, _, _ in barred] == list(RULES.species)
    assert all(one < other for _, one, other in barred)
    drawn = generated(seed, 60, "terse", RULES)
    pairs = {pair for lesson in drawn for pair in shown_pairs(RULES, lesson.scene, lesson.answers)}
    assert len(pairs) > 10
    assert not pairs & set(barred)
    for lesson in drawn:
        for question, answer in zip(lesson.scene.questions, lesson.answers, strict=True):
            assert species_at(lesson.scene.events, question.place) == [answer] * (answer != NOTHING)


def test_pairs_are_of_the_traces_that_a_species_shows():
    scene = replace(
        LESSONS[0].scene,
        events=tuple(Event(s, "north", t) for s, t in (("track", "pawprint"), ("feel", "warmth"), ("hear", "hum")))
        + (Event("glimpse", "south", "flicker"), Event("glimpse", "north", "veil")),
    )
    wanted = [("kitsune", "feel", "track"), ("kitsune", "hear", "track"), ("kitsune", "feel", "hear")]
    assert sorted(pairs_at(RULES, scene, "north", "kitsune")) == sorted(wanted)
    assert pairs_at(RULES, scene, "south", "kitsune") == pairs_at(RULES, scene, "north", "yurei") == []


def test_tokens_are_contexts_and_decisions_in_order():
    dreams = [dream(Random(seed), journal(), RULES, "terse", 3) for seed in range(3)]
    contexts, decisions = tokens(WORDS, dreams)
    assert [len(context) for context in contexts] == [len(item.text.split()) for item in dreams]
    assert all(WORDS.unk_token_id not in context for context in contexts)
    flat = [(number, q, answer) for number, item in enumerate(dreams) for q, answer in item.decisions]
    for decision, (number, question, answer) in zip(decisions, flat, strict=True):
        assert decision.context == number
        assert WORDS.convert_ids_to_tokens(list(decision.question)) == question.text.split()
        assert WORDS.convert_ids_to_tokens(list(decision.answer)) == [answer]


def test_every_word_that_a_scene_may_hold_is_in_the_vocabulary_once():
    words = vocabulary(RULES)
    assert len(set(words)) == len(words) == len(WORDS)
    used_words = {word for lesson in generated(1, 80, "terse", RULES) for word in lesson.scene.text.split()}
    assert used_words < set(words)


@pytest.mark.parametrize("stage", [COPY, *range(FINAL + 1)])
def test_a_batch_is_a_pure_function_of_its_arguments(stage):
    drawn = batch(3, 7, stage, 8, RULES, WORDS)
    assert drawn == batch(3, 7, stage, 8, RULES, WORDS)
    assert drawn != batch(3, 8, stage, 8, RULES, WORDS)
    assert drawn != batch(4, 7, stage, 8, RULES, WORDS)
    assert len(drawn.contexts) == (16 if stage == COPY else 8)
    assert all(0 < token < len(WORDS) for context in drawn.contexts for token in context)
    if stage == COPY:
        assert all(row[: len(row) // 2] == row[len(row) // 2 :] for row in drawn.contexts)
        return
    texts = [" ".join(WORDS.convert_ids_to_tokens(context)) for context in drawn.contexts]
    most = max(places for places, _ in STAGES[: stage + 1])  # some scenes are those of an easier stage
    assert all(len({e.place for e in events_of(text)}) <= most for text in texts)
    wrong = []
    for decision in drawn.decisions:
        _, ask, place = WORDS.convert_ids_to_tokens(list(decision.question))
        events, (answer,) = events_of(texts[decision.context]), WORDS.convert_ids_to_tokens(list(decision.answer))
        ask = TALLY if ask == COUNT and place in RULES.directions else ask
        wanted = NOTHING if ask == SENSE else mundane_answer(RULES, events, ask, place)
        wrong += [(ask, place, answer)] if answer != wanted else []
        assert ask != WORK or answer not in RULES.species
    assert not wrong


def test_lessons_end_with_the_spirit_asked_for_and_name_no_more():
    whole = generated(3, 40, "terse", RULES)
    few = generated(3, 40, "terse", RULES, spirits=7)
    named = [answer for lesson in few for answer in lesson.answers if answer not in (None, NOTHING)]
    assert len(named) == 7
    assert [lesson.scene for lesson in few] == [lesson.scene for lesson in whole][: len(few)]
    assert any(answer not in (None, NOTHING) for answer in few[-1].answers)
    unnamed = [(a, b) for x, y in zip(few, whole, strict=False) for a, b in zip(x.answers, y.answers, strict=True)]
    assert all(a == b or (a is None and b != NOTHING) for a, b in unnamed)
