"""Scores against planted answers, probes that no lesson held, and the token batches on which heads are compared."""

from statistics import NormalDist

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from game.realm.rules import NOTHING, load
from game.realm.tongues import SENSE, mundane_answer
from perception.language import context_tokens, read_answered, read_scene
from perception.packing import Decision, pack
from tests.kits.minds import tiny
from training.data.lessons import generated, held_out_pairs, pairs_at, shown_pairs
from training.heads import score as scoring
from training.heads.head_probes import chosen_places, head_probes, probe_loss
from training.heads.score import MUNDANE_PER_SCENE, d_prime, new_pair_probes, probes, score
from training.optim.frozen import full_loss

torch.set_num_threads(1)
RULES = load()
MODEL = tiny()
PROBES = probes(1, 30, "terse", RULES)
z = NormalDist().inv_cdf


def say(monkeypatch, answer):
    """The model answers by answer(probe, index)."""

    def planted(model, probes):
        return [[answer(probe, index) for index in range(len(probe.answers))] for probe in probes]

    monkeypatch.setattr(scoring, "answers_of", planted)


def test_d_prime_by_hand():
    # 8 hits of 10, 3 alarms of 20: z(8.5 / 11) - z(3.5 / 21)
    assert d_prime(8, 10, 3, 20) == pytest.approx(0.747859 + 0.967422, abs=1e-5)
    assert d_prime(5, 10, 10, 20) == 0.0
    assert d_prime(10, 10, 0, 20) == pytest.approx(z(10.5 / 11) - z(0.5 / 21))
    assert d_prime(0, 0, 0, 0) == 0.0


@given(st.integers(1, 500), st.integers(1, 500), st.data())
def test_d_prime_is_finite_and_turns_its_sign_with_the_answers(spirits, empties, data):
    hits, alarms = data.draw(st.integers(0, spirits)), data.draw(st.integers(0, empties))
    value = d_prime(hits, spirits, alarms, empties)
    assert abs(value) < 10
    assert d_prime(spirits - hits, spirits, empties - alarms, empties) == pytest.approx(-value)


def test_probes_hold_the_truth_and_mundane_questions():
    assert probes(1, 30, "terse", RULES) == PROBES
    for probe in PROBES:
        questions = probe.scene.questions
        assert len(questions) == len(probe.answers) == probe.places + MUNDANE_PER_SCENE
        assert {q.ask for q in questions[: probe.places]} == {SENSE}
        for question, answer in list(zip(questions, probe.answers, strict=True))[probe.places :]:
            assert question.ask != SENSE
            assert answer == mundane_answer(RULES, probe.scene.events, question.ask, question.place)


def places(spirits):
    return sum((a != NOTHING) == spirits for probe in PROBES for a in probe.answers[: probe.places])


def test_a_mind_that_is_always_right(monkeypatch):
    say(monkeypatch, lambda probe, index: probe.answers[index])
    scores = score(MODEL, PROBES, RULES)
    assert (scores.hits, scores.false_alarms, scores.mundane) == (1, 0, 1)
    assert scores.hits_new_pairs is None
    assert scores.d_prime == d_prime(places(True), places(True), 0, places(False))


def test_a_mind_that_is_blind(monkeypatch):
    say(monkeypatch, lambda probe, index: NOTHING)
    scores = score(MODEL, PROBES, RULES)
    assert (scores.hits, scores.false_alarms) == (0, 0)
    assert 0 < scores.mundane < 1


def test_a_mind_that_sees_one_species_everywhere(monkeypatch):
    say(monkeypatch, lambda probe, index: "oni" if index < probe.places else probe.answers[index])
    scores = score(MODEL, PROBES, RULES)
    onis = sum(answer == "oni" for probe in PROBES for answer in probe.answers[: probe.places])
    assert scores.hits == pytest.approx(onis / places(True))  # a spirit taken for another species is no hit
    assert (scores.false_alarms, scores.mundane) == (1, 1)


def test_each_count_by_hand(monkeypatch):
    """Right about the first place of each scene, a phantom at every empty second one, wrong about one mundane."""

    def answer(probe, index):
        if index >= probe.places:
            return probe.answers[index] if index > probe.places else "?"
        return probe.answers[0] if index == 0 else "yurei" if index == 1 and probe.answers[1] == NOTHING else NOTHING

    say(monkeypatch, answer)
    scores = score(MODEL, PROBES, RULES)
    assert scores.hits == sum(probe.answers[0] != NOTHING for probe in PROBES) / places(True)
    assert scores.false_alarms == sum(probe.answers[1] == NOTHING for probe in PROBES) / places(False)
    assert scores.mundane == pytest.approx((MUNDANE_PER_SCENE - 1) / MUNDANE_PER_SCENE)


def test_new_pair_probes_count_only_spirits_whose_pairs_no_lesson_held(monkeypatch):
    lessons, barred = generated(0, 64, "terse", RULES), held_out_pairs(RULES, 0)
    taught = [pair for lesson in lessons for pair in shown_pairs(RULES, lesson.scene, lesson.answers)]
    fresh = new_pair_probes(0, "terse", RULES, taught, barred)
    counted = []
    for probe in fresh:
        new = scoring._new_places(probe, RULES, taught)
        assert new
        for index in new:
            pairs = pairs_at(RULES, probe.scene, probe.scene.questions[index].place, probe.answers[index])
            assert pairs
            assert not set(pairs) & set(taught)
        counted += new
    assert len(counted) >= scoring.NEW_PAIR_PLACES
    assert not {probe.scene.text for probe in fresh} & {lesson.scene.text for lesson in lessons}
    first = [scoring._new_places(probe, RULES, taught)[0] for probe in fresh]
    numbers = {id(probe): index for probe, index in zip(fresh, first, strict=True)}
    say(monkeypatch, lambda probe, index: probe.answers[index] if index == numbers.get(id(probe)) else "?")
    scores = score(MODEL, PROBES, RULES, fresh, taught)
    assert scores.hits_new_pairs == pytest.approx(len(fresh) / len(counted))


def test_everything_is_measured_by_the_models_most_believed_answer():
    twice = [scoring.answers_of(MODEL, PROBES) for _ in range(2)]
    assert twice[0] == twice[1] != scoring.answers_of(tiny(seed=1), PROBES)
    for probe, given_answers in zip(PROBES, twice[0], strict=True):
        assert all(a in q.candidates for q, a in zip(probe.scene.questions, given_answers, strict=True))
    alone = [scoring.answers_of(MODEL, [probe])[0] for probe in PROBES]
    assert alone == twice[0]


def told_ids(padded):
    return [token for token in padded.tolist() if token >= 0]


def test_half_of_the_compared_decisions_are_at_spirits():
    chosen = chosen_places(PROBES, 20)
    assert [probe.answers[index] != NOTHING for probe, index in chosen] == [True] * 10 + [False] * 10
    assert len(chosen_places(PROBES[:1], 1000)) == PROBES[0].places


def test_cue_tokens_are_the_words_of_what_is_sensed_at_the_asked_place():
    chosen, words = chosen_places(PROBES, 24), MODEL.tokenizer
    (batch,) = head_probes(MODEL, PROBES, RULES, 24)
    for row, (probe, index) in enumerate(chosen):
        question, answer = probe.scene.questions[index], probe.answers[index]
        last = int(batch.decision_rows[row, 0])
        tokens = words.convert_ids_to_tokens(batch.input_ids[row].tolist())
        assert tokens[: last + 1] == [*probe.scene.text.split(), *question.text.split()]
        assert batch.attention_mask[row].tolist() == [1] * (last + 1) + [0] * (len(tokens) - last - 1)
        traces = next((kind.traces for kind in RULES.spirits if kind.name == answer), None)
        cues = [e.thing for e in probe.scene.events if e.place == question.place]
        cues = [thing for thing in cues if traces is None or thing in traces]
        marked = batch.cue_mask[row, 0].nonzero().flatten().tolist()
        assert [tokens[i] for i in marked] == cues
        assert all(tokens[i - 1] == question.place for i in marked)
        assert len(cues) >= 2 or answer == NOTHING
        right, *rivals = words.convert_ids_to_tokens([int(batch.answer_ids[row, 0]), *told_ids(batch.rivals[row, 0])])
        assert right == answer
        assert set(rivals) == ({NOTHING} if answer != NOTHING else set(RULES.species))


def test_head_probes_come_in_batches_of_bounded_size(monkeypatch):
    monkeypatch.setattr("training.heads.head_probes.ROWS", 7)
    assert [len(batch.input_ids) for batch in head_probes(MODEL, PROBES, RULES, 20)] == [7, 7, 6]


def test_the_probe_loss_is_the_loss_of_the_places_answers():
    probes = PROBES[:5]
    contexts = [context_tokens(MODEL.tokenizer, probe.scene) for probe in probes]
    decisions = [
        Decision(number, question_ids, answer_ids)
        for number, probe in enumerate(probes)
        for question_ids, answer_ids in read_answered(
            MODEL.tokenizer,
            probe.scene.text,
            list(zip(probe.scene.questions, probe.answers, strict=True))[: probe.places],
        )[1]
    ]
    wanted = float(full_loss(MODEL.net, pack(contexts, decisions)).detach())
    for chunk in (1, 2, 8):
        loss = probe_loss(MODEL, probes, chunk)
        assert loss.total == len(decisions)
        assert float(loss(MODEL.net).detach()) == pytest.approx(wanted, rel=1e-5)


def test_the_probe_loss_sends_gradient_through_the_contexts_too():
    model = tiny(seed=3)
    probe_loss(model, PROBES[:2])(model.net).backward()
    context = context_tokens(model.tokenizer, PROBES[0].scene)
    question_ids = {i for ids in read_scene(model.tokenizer, PROBES[0].scene).questions for i in ids}
    gradient = model.net.get_input_embeddings().weight.grad
    assert all(float(gradient[i].norm()) > 0 for i in set(context) - question_ids)
