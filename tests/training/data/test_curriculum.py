"""What a pretraining batch asks and what it never asks; how a seer's differs from a novice's."""

from collections import Counter
from dataclasses import replace
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from game.realm.held_out import held_pairs
from game.realm.lore import held_form, load_lore
from game.realm.rules import NONE, NOTHING, load
from game.realm.stories import load_stories
from game.realm.talk import load_talk
from game.realm.tongues import (
    COUNT,
    LOOK,
    NOWHERE,
    OMEN,
    SENSE,
    SEVERAL,
    TALLY,
    WHERE,
    WORK,
    candidates,
    mundane_answer,
)
from perception.messages import Event
from training.data.curriculum import COPY, FINAL, FROM_TALK, batch, held_out, questions
from training.data.splits import HELD_OBJECTS, HELD_PLACES, held_object, shown_held_pair, spirit_at
from training.novice.pretrain import build_tokenizer

RULES = load()
WORDS = build_tokenizer(RULES)
WORD = {number: word for word, number in WORDS.get_vocab().items()}
FORGE = (
    Event(LOOK, "north", "oak"), Event("hear", "north", "hammer"), Event("track", "north", "cinder"),
    Event(LOOK, "south", "oak"), Event("hear", "south", "hum"), Event("feel", "south", "warmth"),
    Event("track", "south", "net"), Event("hear", "east", "loom"), Event("glimpse", "east", "moth"),
    Event("glimpse", "west", "moth"), Event("feel", "west", "lint"),
)  # fmt: skip


def told(decision):
    return " ".join(WORD[token] for token in decision.question), WORD[decision.answer[0]]


def scene_of(tokens):
    sentences = " ".join(WORD[token] for token in tokens).removesuffix(" .").split(" . ")[1:]
    return [Event(*sentence.split()) for sentence in sentences]


@pytest.fixture(scope="module")
def batches():
    return [batch(0, step, FINAL, 16, RULES, WORDS) for step in range(12)]


@pytest.mark.parametrize(
    ("ask", "word", "answer"),
    [
        (COUNT, "oak", "two"),
        (COUNT, "moth", "two"),
        (COUNT, "hum", "one"),
        (COUNT, "sob", "zero"),
        (WHERE, "hum", "south"),
        (WHERE, "oak", SEVERAL),
        (WHERE, "sob", NOWHERE),
        (WHERE, "smith", "north"),
        (WHERE, "weaver", NOWHERE),  # its two signs are at two places
        (WHERE, "fisher", NOWHERE),  # one sign
    ],
)
def test_counting_and_looking_for(ask, word, answer):
    assert mundane_answer(RULES, FORGE, ask, word) == answer
    assert answer in candidates(RULES, ask)


def test_a_presence_at_two_places_is_at_several():
    twice = (*FORGE, Event("feel", "west", "sparks"), Event("glimpse", "west", "soot"))
    assert mundane_answer(RULES, twice, WHERE, "smith") == SEVERAL


def test_nothing_held_out_is_asked_and_the_rest_is(batches):
    counts = Counter()
    for data in batches:
        for decision in data.decisions:
            (_, ask, place), answer = told(decision)[0].split(), told(decision)[1]
            events = scene_of(data.contexts[decision.context])
            ask = TALLY if ask == COUNT and place in RULES.directions else ask
            counts[ask] += 1
            if ask == SENSE:
                assert answer == NOTHING
                assert shown_held_pair(RULES, events, place) is None
                continue
            assert answer == mundane_answer(RULES, events, ask, place)
            assert answer in candidates(RULES, ask)
            assert not held_out(RULES, events, ask, place, answer)
            if ask in (LOOK, *RULES.senses):
                assert answer == NONE or not held_object(answer, place)
            if ask == WORK:
                assert shown_held_pair(RULES, events, place) is None
    assert min(counts[ask] for ask in (LOOK, *RULES.senses, WORK, SENSE, COUNT, WHERE, TALLY)) > 40
    assert sum(count for ask, count in counts.items() if ask.startswith(OMEN)) > 200


def test_silence_and_absence_are_never_held_out():
    for place in RULES.directions:
        for ask in (LOOK, *RULES.senses):
            assert not held_out(RULES, [], ask, place, NONE)
    for trace in [trace for kind in RULES.kinds for trace in kind.traces]:
        assert not held_out(RULES, [], WHERE, trace, NOWHERE) and not held_out(RULES, [], WHERE, trace, SEVERAL)


def test_no_scene_of_the_last_stage_has_the_held_out_number_of_places(batches):
    sizes = Counter(len({e.place for e in scene_of(context)}) for data in batches for context in data.contexts)
    assert sizes[HELD_PLACES] == 0
    assert min(sizes[HELD_PLACES - 1], sizes[HELD_PLACES + 1]) > 5


def test_a_seer_reads_the_same_and_answers_differently_about_spirits_only():
    changed = Counter()
    for step in range(6):
        novice, seer = (batch(4, step, FINAL, 16, RULES, WORDS, seer=flag) for flag in (False, True))
        assert replace(novice, decisions=[]) == replace(seer, decisions=[])
        for one, other in zip(novice.decisions, seer.decisions, strict=True):
            assert (one.context, one.question) == (other.context, other.question)
            (_, ask, place), answer = told(other)[0].split(), told(other)[1]
            if ask == SENSE:
                assert answer == spirit_at(RULES, scene_of(seer.contexts[other.context]), place)
                changed[answer] += 1
            else:
                assert one.answer == other.answer
    assert changed[NOTHING] > 20 and sum(changed[name] for name in RULES.species) > 20


def test_at_first_nobody_talks_or_is_asked_who_is_at_work():
    for stage in range(FROM_TALK):
        data = batch(0, stage, stage, 8, RULES, WORDS)
        assert {told(d)[0].split()[1] for d in data.decisions} & {COUNT, WHERE, WORK} == {COUNT, WHERE}
        assert len(data.beside) == len(data.contexts)  # a fact each
    assert batch(0, 0, COPY, 8, RULES, WORDS).lore_and_stories == ((), ())


def test_lore_and_stories_never_tells_a_held_out_form_or_pair(batches):
    lore, stories = load_lore(), load_stories()
    held = {form.format(subject=f.subject) for f in lore.facts for form in [lore.forms[f.relation][held_form(f)]]}
    true = {(form.format(subject=f.subject), f.value) for f in lore.facts for form in lore.forms[f.relation]}
    facts, names = [], []
    for data in batches:
        for decision in (*data.lore_and_stories[1], *data.beside):
            text, answer = told(decision)
            if text.startswith("? talk"):
                assert answer in load_talk().base.values()
            elif answer in stories.names:
                named = [word for word in text.split() if word in stories.names]
                assert answer in named[:2] and answer != named[2]
                names.append((text, answer))
            else:
                facts.append((text, answer))
    assert set(facts) <= true and not {text for text, _ in facts} & held
    assert len(facts) > 300 and len(names) > 150
    assert all(len(context) == 1 for data in batches for context in data.lore_and_stories[0])


@given(st.integers(0, 2**32))
def test_rehearsal_neither_asks_for_spirits_nor_counts_unless_told_to(seed):
    rng = Random(seed)
    plain = questions(rng, FORGE, [LOOK, *RULES.senses], FINAL, RULES, 8, blind=False)
    assert not {ask for ask, _, _ in plain} & {SENSE, COUNT, WHERE}
    assert len(plain) == 8


def test_a_part_of_the_objects_and_one_pair_of_each_kind_is_held_out():
    things = [trace for kind in RULES.kinds for trace in kind.traces]
    held = sum(held_object(thing, place) for thing in things for place in RULES.directions)
    assert 0.5 < held / (len(things) * len(RULES.directions)) * HELD_OBJECTS < 1.6
    assert list(held_pairs(RULES)) == [kind.name for kind in RULES.kinds]
    for kind in RULES.kinds:
        pair = held_pairs(RULES)[kind.name]
        assert len(set(pair)) == 2 and set(pair) <= set(kind.traces)
        events = [Event(RULES.senses[kind.traces.index(trace)], "north", trace) for trace in pair]
        assert shown_held_pair(RULES, events, "north") == kind.name
        assert shown_held_pair(RULES, events[:1], "north") is shown_held_pair(RULES, events, "south") is None
        assert spirit_at(RULES, events, "north") == (kind.name if kind in RULES.spirits else NOTHING)
        assert spirit_at(RULES, events[1:], "north") == NOTHING
