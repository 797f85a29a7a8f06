"""Behaviours of the realm: sight as it always was, listening as it is scored, and both with their controls."""

import hashlib
import json
from dataclasses import replace

import pytest
import torch

from game.realm.rules import NOTHING, load
from game.realm.talk import SAFE, dangerous, kind_of, load_talk, wanted
from game.realm.tongues import LOOK, SENSE, mundane_answer
from perception.model import Model, weights_hash
from tests.kits.minds import tiny
from training.behaviours import listen
from training.behaviours.behaviour import Behaviour, filled
from training.behaviours.listen import MUNDANE, SPIRITS, Listen, as_before, talk_lessons, talk_probes
from training.behaviours.registry import behaviour_of
from training.behaviours.sight import Sight
from training.config import LearnConfig, TeachConfig
from training.data.talk_memories import understood
from training.heads.head_probes import chosen_places, head_probes
from training.heads.score import answers_of, tally
from training.learn import gain_losses, train
from training.teach import Teacher

torch.set_num_threads(1)
RULES, WORDS = load(), load_talk()
MODEL = tiny()
TEACH = TeachConfig(rank=4, scenes=3, rehearse=2, warmup=1)
SIGHT = LearnConfig(teach=TEACH, lessons=8, steps=6, probes=12, measure_every=2, device="cpu", seed=5)
LISTEN = replace(SIGHT, behaviour="listen", lessons=16, probes=8)
# What sight draws, trains and scores: a change of the realm, of dreams or of the questions rehearsed changes these.
DRAWN = {
    "dreams": (TEACH, "c6609ec4678370a6"),
    "waking": (replace(TEACH, dreams=False), "25d6f1c8664a8ba4"),
    "reuse": (replace(TEACH, reuse=2), "4f76cc6d24938e32"),
    "play": (replace(TEACH, haunted=0.15, parts=2), "8fefcd595038c0f1"),
}
LESSONS, PROBES = "aadf744a687c4d40", "b3afeb1ebb60838b"
CURVE = [(0, 1 / 9, 0.75, 1 / 36), (2, 0.0, 5 / 56, 8 / 72), (4, 0.0, 0.0, 9 / 72), (6, 0.0, 0.0, 9 / 72)]
LOSSES = [6.0775270, 5.9540491, 5.8474107]


def digest(value):
    return hashlib.blake2b(json.dumps(value).encode(), digest_size=8).hexdigest()


def fresh():
    return Model(tiny().net, MODEL.tokenizer, MODEL.tongue, MODEL.name)


def test_sight_has_the_lessons_and_probes_that_it_had():
    sight = Sight(SIGHT, MODEL, RULES)
    assert digest([[lesson.scene.text, list(lesson.answers)] for lesson in sight.lesson_counts.lessons]) == LESSONS
    contents = [[p.scene.text, [q.text for q in p.scene.questions], list(p.answers), p.places] for p in sight.probes]
    assert digest(contents) == PROBES


@pytest.mark.parametrize(("config", "wanted"), DRAWN.values(), ids=DRAWN.keys())
def test_sight_draws_what_it_drew(config, wanted):
    sight = Sight(SIGHT, MODEL, RULES)
    teacher, drawn = Teacher(MODEL, config, RULES, sight.journal, sight.source), []
    for _ in range(5):
        teacher._draw()
        drawn.append([[a.text, [[q.ask, q.place, answer] for q, answer in a.decisions]] for a in teacher._asked])
    assert digest(drawn) == wanted


def test_sight_gives_the_numbers_that_it_gave(monkeypatch):
    monkeypatch.setattr(Sight, "_fresh", [])  # new pairs take seconds to find
    run = train(SIGHT, fresh(), RULES, lambda *report: None)
    assert [point["loss"] for point in run.curve[1:]] == pytest.approx(LOSSES, rel=1e-5)
    for point, (step, hits, alarms, mundane) in zip(run.curve, CURVE, strict=True):
        assert point["step"] == step
        assert (point["hits"], point["false_alarms"]) == pytest.approx((hits, alarms), abs=0.02)
        assert point["mundane"] == pytest.approx(mundane, abs=0.03)
    assert (run.lesson_counts.spirits_shown, run.lesson_counts.empties_shown) == (1, 51)
    assert len(run.trajectory) == 1 and not any(grids for _, grids in run.history), (
        "nothing for a log that nobody writes"
    )


@pytest.fixture(scope="module")
def listening():
    return behaviour_of(LISTEN, MODEL, RULES)


def test_lessons_in_listening_are_answered_as_one_who_listens_answers():
    lessons = talk_lessons(5, 16, "terse", RULES)
    acts = set()
    for lesson in lessons:
        (question,), (act,) = lesson.scene.questions, lesson.answers
        said, (time, _, weather, _, ground) = understood(lesson.scene, question), lesson.scene.text.split()[1:6]
        assert said.form < WORDS.trained[said.kind]
        danger = dangerous(WORDS, (time, weather, ground), lesson.scene.events, said.place)
        assert act == wanted(WORDS, kind_of(said, danger), listening=True)
        acts.add(act)
    assert {"accept", "refuse"} < acts
    assert "suggest" not in acts
    mixed = talk_lessons(5, 16, "terse", RULES, shuffled=True)
    assert [lesson.scene for lesson in mixed] == [lesson.scene for lesson in lessons]
    assert sorted(lesson.answers for lesson in mixed) == sorted(lesson.answers for lesson in lessons)
    assert [lesson.answers for lesson in mixed] != [lesson.answers for lesson in lessons]


def test_probes_of_listening_hold_directions_first_then_all_the_rest(listening):
    base = iter(answers_of(MODEL, listening.probes))
    for probe in listening.probes:
        own, decisions = next(base), list(zip(probe.scene.questions, probe.answers, probe.kinds, strict=True))
        assert 1 <= probe.places <= 4
        assert {kind for *_, kind in decisions[: probe.places]} <= {"safe", "danger"}
        assert not {kind for *_, kind in decisions[probe.places :]} & {"safe", "danger"}
        assert probe.kinds[-8:] == (MUNDANE,) * 6 + (SPIRITS,) * 2
        (time, weather), events = probe.scene.events[:2], probe.scene.events[2:]
        for index, (question, answer, kind) in enumerate(decisions):
            if kind == SPIRITS:
                assert (question.ask, answer) == (SENSE, own[index])
            elif kind == MUNDANE:
                assert answer == mundane_answer(RULES, events, question.ask, question.place)
            else:
                said = understood(probe.scene, question)
                danger = dangerous(WORDS, (time.thing, weather.thing, ""), events, question.place)
                assert kind == kind_of(said, danger)
                assert (answer, probe.wanted) == (wanted(WORDS, kind, True), ("accept",))
                assert said.form < WORDS.trained[said.kind]


def test_probes_are_realms_of_their_own_and_new_forms_are_held_out(listening):
    assert {p.scene.text for p in listening.probes}.isdisjoint(
        {lesson.scene.text for lesson in listening.lesson_counts.lessons} | {p.scene.text for p in listening._held}
    )
    for probe in listening._held:
        for question, kind in zip(probe.scene.questions, probe.kinds, strict=True):
            said = None if kind in (MUNDANE, SPIRITS) else understood(probe.scene, question)
            assert said is None or said.form >= WORDS.trained[said.kind]


def test_what_a_base_says_of_spirits_is_what_has_to_stay():
    (probe,) = talk_probes(1, 1, "terse", RULES, "test")
    expected = as_before(probe, ["kappa"] * len(probe.answers))
    assert expected.answers[-2:] == ("kappa", "kappa")
    assert expected.answers[:-2] == probe.answers[:-2]


@pytest.mark.parametrize(("sees", "says"), [(True, True), (False, False)])
def test_a_base_that_sees_rehearses_what_it_sees(monkeypatch, sees, says):
    truth = lambda model, probes: [list(p.answers) if sees else [NOTHING] * len(p.answers) for p in probes]  # noqa: E731
    monkeypatch.setattr(listen, "answers_of", truth)
    assert Listen(LISTEN, MODEL, RULES)._sees is says


def answered(probes, answer):
    """The score where each decision is answered by answer(kind, right)."""
    pairs = [zip(probe.kinds, probe.answers, strict=True) for probe in probes]
    return tally(probes, [[answer(kind, right) for kind, right in pair] for pair in pairs])


def test_scores_of_listening_by_planted_answers(listening):
    probes = listening.probes
    perfect = answered(probes, lambda kind, right: right)
    assert (perfect.hits, perfect.false_alarms, perfect.mundane) == (1, 0, 1)
    assert set(perfect.more.values()) == {1.0}
    base = answered(probes, lambda kind, right: "suggest" if kind == SAFE else right)
    assert (base.hits, base.false_alarms, base.mundane, base.more["right_safe"]) == (0, 0, 1, 0)
    yes_sayer = answered(probes, lambda kind, right: right if kind in (MUNDANE, SPIRITS) else "accept")
    assert (yes_sayer.hits, yes_sayer.false_alarms) == (1, 1)
    assert yes_sayer.mundane < 1
    assert yes_sayer.more["right_danger"] == 0
    afraid = answered(probes, lambda kind, right: "refuse" if kind == SAFE else right)
    assert (afraid.hits, afraid.false_alarms) == (0, 0)
    assert {"right_safe", "right_danger", "right_mundane", "right_spirits"} <= set(perfect.as_dict())


def test_directions_rest_on_hour_weather_and_what_stands_there(listening):
    chosen = chosen_places(listening.probes, 8)
    kinds = [probe.kinds[index] for probe, index in chosen]
    assert kinds == sorted(kinds, reverse=True)  # safe, then danger
    batches = head_probes(MODEL, listening.probes, RULES, 8)
    rows = [(batch, row) for batch in batches for row in range(len(batch.input_ids))]
    for (batch, row), (probe, index) in zip(rows, chosen, strict=True):
        question, (time, weather) = probe.scene.questions[index], probe.scene.events[:2]
        ids = batch.input_ids[row][batch.cue_mask[row, 0]].tolist()
        landmark = next(e.thing for e in probe.scene.events if (e.sense, e.place) == (LOOK, question.place))
        assert MODEL.tokenizer.convert_ids_to_tokens(ids) == [time.thing, weather.thing, landmark]
        rivals = MODEL.tokenizer.convert_ids_to_tokens([i for i in batch.rivals[row, 0].tolist() if i >= 0])
        assert ("accept" in rivals) == (probe.answers[index] != "accept")


def told(teacher, wanted_only=False):
    teacher._draw()
    return [(item.text, item.rehearsed, item.labelled) for item in teacher._asked]


def test_listening_trains_on_talk_the_mundane_and_nothing_untold(listening):
    teacher = Teacher(MODEL, replace(TEACH, scenes=30, rehearse=6), RULES, listening.journal, listening.source)
    drawn = told(teacher)
    assert {q.ask for *_, labelled in drawn for q, _ in labelled} == {"talk"}
    asks = {q.ask for _, rehearsed, _ in drawn for q, _ in rehearsed}
    assert {"count", "where", "work", SENSE} <= asks
    assert {a for _, rehearsed, _ in drawn for q, a in rehearsed if q.ask == SENSE} == {NOTHING}
    assert {a for *_, labelled in drawn for _, a in labelled} <= {
        a for lesson in listening.lesson_counts.lessons for a in lesson.answers
    }


@pytest.mark.parametrize("config", [SIGHT, LISTEN], ids=["sight", "listen"])
def test_the_rehearsal_control_leaves_out_what_is_labelled_and_nothing_else(config, monkeypatch):
    monkeypatch.setattr(Sight, "_fresh", [])
    monkeypatch.setattr(Listen, "_held", [])
    behaviour = behaviour_of(config, MODEL, RULES)
    whole, rest = (
        Teacher(MODEL, TEACH, RULES, behaviour.journal, behaviour.source, labelled) for labelled in (True, False)
    )
    for _ in range(3):
        (all_of_it,), (some,) = whole._draw(), rest._draw()
        assert whole._asked == rest._asked
        assert torch.equal(all_of_it.context_BC, some.context_BC)
        assert len(some.owner_N.unique()) == sum(len(item.rehearsed) for item in rest._asked)
        assert len(all_of_it.owner_N.unique()) == sum(len(item.decisions) for item in rest._asked)
    quick = replace(config, steps=2, lessons=4, probes=3, control="rehearsal")
    run, true = (
        train(replace(quick, control=control), fresh(), RULES, lambda *report: None) for control in ("rehearsal", "")
    )
    assert run.scores["before"] == true.scores["before"]
    assert weights_hash(run.model.net) != weights_hash(true.model.net)


def test_a_training_in_listening_tells_its_kinds_apart(monkeypatch):
    run = train(replace(LISTEN, steps=2, probes=3), fresh(), RULES, lambda *report: None)
    result = run.result()
    assert {"hits_new_forms", "false_alarms_new_forms", "right_safe", "right_mundane"} <= set(result["after"])
    assert result["after"]["hits_new_pairs"] is None
    acts = [lesson.answers[0] for lesson in run.lesson_counts.lessons]
    assert (result["spirits_shown"], result["empties_shown"]) == (acts.count("accept"), 16 - acts.count("accept"))
    assert {point["step"] for point in result["curve"]} == {0, 2}
    assert run.judged == [probe for chunk in run.behaviour.judged_chunks() for probe in chunk]


def test_the_seed_of_the_probes_can_be_set_apart(listening):
    one, two = (behaviour_of(replace(LISTEN, seed=seed, probe_seed=5), MODEL, RULES) for seed in (5, 6))
    assert [p.scene for p in one.probes] == [p.scene for p in two.probes] == [p.scene for p in listening.probes]
    assert one.lesson_counts.lessons != two.lesson_counts.lessons


def test_the_losses_of_the_gain_are_those_of_the_chunks(listening):
    losses = gain_losses(LISTEN, MODEL, RULES)
    chunks = listening.judged_chunks()
    assert (len(losses), len(listening.judged)) == (4, 8), "both scenes of a realm in one chunk"
    assert [loss.total for loss in losses.chunks] == [sum(probe.places for probe in chunk) for chunk in chunks]
    assert [probe for chunk in chunks for probe in chunk] == listening.judged


def test_a_probe_that_was_taught_is_leakage(listening):
    class Leaky(Behaviour):
        probes, lesson_counts = listening.probes, filled(talk_lessons(5, 4, "terse", RULES))

    Leaky(MODEL, RULES).check()
    Leaky.probes = [*listening.probes, replace(listening.probes[0], scene=Leaky.lesson_counts.lessons[2].scene)]
    with pytest.raises(ValueError, match="probe 8 tells the same scene as lesson 2: leakage"):
        Leaky(MODEL, RULES).check()
