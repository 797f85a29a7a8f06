"""A mind's other eyes, its rests, what its heads are worth, its export, and its pulse."""

import copy
from threading import Event

import msgspec
import pytest
import torch

from perception.messages import (
    Export,
    Mark,
    Perceive,
    Percept,
    Ping,
    Pong,
    Practise,
    Progress,
    Quit,
    Ready,
    RestorePoints,
    Rewind,
    Teach,
    Trouble,
    Weigh,
    Weights,
    Written,
)
from perception.model import load as load_model
from perception.model import save as save_model
from perception.model import weights_hash
from perception.perceive import perceive
from tests.kits.minds import tiny
from tests.training.mind.test_mind import LESSONS, RULES, SCENE, TEACH, awake, steps, taught
from tests.training.mind.test_serve import Talk
from training.heads.score import Score
from training.mind import mind as minds
from training.mind import self_measurement
from training.mind.mind import Mind, MindConfig
from training.mind.serve import Pulse

torch.set_num_threads(1)


@pytest.fixture(autouse=True)
def few_probes(monkeypatch):
    monkeypatch.setattr(self_measurement, "LIVE_PROBES", 6)


@pytest.fixture
def seer(tmp_path):
    save_model(tiny(seed=4), tmp_path / "seer")
    return tmp_path / "seer"


def with_seer(folder):
    return Mind(tiny(), MindConfig(None, TEACH, seer=folder), RULES)


def look(mind, **how):
    (answer,) = mind.handle(Perceive(SCENE, **how))
    return answer


def test_the_blind_eyes_stay_as_they_were_while_one_learns():
    mind = taught()
    first = look(mind, eyes="blind")
    assert first.beliefs == look(mind).beliefs
    steps(mind, 6)
    assert look(mind, eyes="blind").beliefs == first.beliefs != look(mind).beliefs
    assert (first.eyes, look(mind).eyes) == ("blind", "you")


def test_a_born_seer_is_loaded_when_somebody_looks_through_it(seer):
    mind = with_seer(seer)
    assert mind.ready.eyes == ("you", "blind", "seer")
    got = look(mind, eyes="seer", ticket=7)
    assert got.beliefs == perceive(load_model(seer), [SCENE])[0].beliefs
    assert (got.eyes, got.ticket) == ("seer", 7)


def test_a_seer_that_cannot_be_used_is_trouble_with_its_ticket_and_is_tried_once(seer):
    (seer / "model.safetensors").unlink()
    mind = with_seer(seer)
    first = look(mind, eyes="seer", ticket=3)
    assert isinstance(first, Trouble)
    assert "born seer can't be used" in first.text
    assert first.ticket == 3
    assert mind.ready.eyes == ("you", "blind")
    assert look(mind, eyes="seer", ticket=4) == Trouble(first.text, 4)
    assert isinstance(look(mind), Percept)


def test_a_seer_of_another_tongue_is_refused_and_none_is_no_eyes(tmp_path):
    other = tiny(seed=4)
    other.tongue = "plain"
    save_model(other, tmp_path / "plain")
    assert "speaks plain, not terse" in look(with_seer(tmp_path / "plain"), eyes="seer").text
    mind = with_seer(tmp_path / "nowhere")
    assert mind.ready.eyes == ("you", "blind")
    assert "--seer" in look(mind, eyes="seer").text


def test_a_head_is_looked_into_and_one_that_is_not_there_has_no_gaze():
    assert look(awake(), head=5).gaze.head == 5
    assert look(awake(), head=8).gaze is None


def turned(mind, number):
    rests, progress = mind.handle(Rewind(number))
    assert isinstance(rests, RestorePoints)
    assert isinstance(progress, Progress)
    return progress


@pytest.mark.parametrize("on_disk", [True, False], ids=["folder", "memory"])
def test_a_mind_is_turned_back_to_a_rest_and_to_the_day_it_came(tmp_path, on_disk):
    mind = taught(tmp_path if on_disk else None)
    first = look(mind).beliefs
    steps(mind, 3)
    (answer,) = mind.handle(Mark("by the well"))
    assert [(r.number, r.step, r.lessons, r.label) for r in answer.points] == [(0, 0, 0, ""), (1, 3, 6, "by the well")]
    rested = look(mind).beliefs
    steps(mind, 4)
    assert look(mind).beliefs != rested
    progress = turned(mind, 1)
    assert (progress.step, progress.lessons) == (3, len(LESSONS)), "what it was shown, it was shown"
    assert look(mind).beliefs == rested
    assert max(progress.change) > 0
    steps(mind, 2)
    progress = turned(mind, 0)
    assert (progress.step, max(progress.change)) == (0, 0.0)
    assert look(mind).beliefs == first
    assert weights_hash(mind.model.net) == mind.origin
    steps(mind, 1)
    assert look(mind).beliefs != first, "it goes on learning"
    if on_disk:
        again = awake(tmp_path)
        assert [rest.step for rest in again.restore_point_list().points] == [0, 3]
        assert turned(again, 1).step == 3
        assert look(again).beliefs == rested


def test_after_a_rewind_the_measured_past_ends_there():
    mind = taught()
    steps(mind, minds.MEASURE_EVERY + 1)
    mind.handle(Mark("later"))
    steps(mind, minds.MEASURE_EVERY)
    while mind.measured.busy:
        mind.practise()
    assert len(mind.measured.history) == 2
    turned(mind, 1)
    assert [step for step, *_ in mind.measured.history] == [minds.MEASURE_EVERY]
    assert turned(mind, 0).mundane == mind.measured.first.mundane


def test_a_rest_that_is_not_there_is_trouble_and_changes_nothing():
    mind = taught()
    steps(mind, 2)
    before = weights_hash(mind.model.net)
    (answer,) = mind.handle(Rewind(5))
    assert isinstance(answer, Trouble)
    assert (weights_hash(mind.model.net), mind.teacher.steps) == (before, 2)


def test_the_mind_as_it_is_now_is_exported(tmp_path):
    mind = taught(tmp_path)
    steps(mind, 2)
    assert mind.handle(Export(str(tmp_path / "out"))) == [Written(str(tmp_path / "out"))]
    assert weights_hash(load_model(tmp_path / "out").net) == weights_hash(mind.model.net) != mind.origin
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "diary.txt").write_text("dear diary")
    assert isinstance(mind.handle(Export(str(tmp_path / "mine")))[0], Trouble)


def weighed(mind):
    said = []
    while mind.head_effects is not None:
        said += [answer for answer in mind.work() if isinstance(answer, Weights)]
    return said


def test_what_heads_are_worth_is_measured_in_pieces_on_the_weights_of_that_moment():
    mind = taught()
    steps(mind, 25)
    twin = copy.deepcopy(mind.model)
    alone = awake()
    alone.model.net.load_state_dict(twin.net.state_dict())
    alone.teacher.steps = 25
    for each in (alone, mind):
        assert each.handle(Weigh()) == []
    (*_, wanted) = weighed(alone)
    mind.handle(Practise(True))
    messages = []
    while mind.head_effects is not None:  # perceiving and practising go on in between
        messages += [answer for answer in mind.work() if isinstance(answer, Weights)]
        assert isinstance(look(mind), Percept)
    assert mind.teacher.steps > 25
    assert [message.done for message in messages] == sorted(message.done for message in messages)
    assert len(messages) >= 8
    assert not any(message.insert for message in messages[:-1])
    assert messages[-1] == wanted
    assert (wanted.step, wanted.done, wanted.of, len(wanted.insert)) == (25, 8, 8, 8)


def test_an_untrained_mind_has_no_causal_weight():
    mind = awake()
    mind.handle(Weigh())
    assert weighed(mind)[-1] == Weights(0, 8, 8, 0.0, (0.0,) * 8, (0.0,) * 8)
    assert not mind.busy


def test_a_warning_comes_when_the_ordinary_blurs_and_goes_when_it_is_turned_back():
    mind = taught()
    at = mind.measured.first
    assert mind.progress().warning == ""
    mind.handle(Mark("before"))
    for lost, wanted in ((0.015, ""), (0.03, "grounding")):
        mind.measured.latest = Score(at.hits, None, at.false_alarms, at.d_prime, at.mundane - lost)
        assert mind.progress(anew=False).warning == wanted
    assert turned(mind, 1).warning == ""


def test_a_ping_is_answered_in_the_midst_of_work(monkeypatch):
    begun, go_on = Event(), Event()

    def slow(*_args, **_options):
        begun.set()
        assert go_on.wait(60)
        raise ValueError("that was all")

    monkeypatch.setattr(minds, "perceive", slow)
    talk = Talk(awake())
    assert talk.hear(Ready).pulse
    talk.line.send(Perceive(SCENE))
    assert begun.wait(60)
    talk.line.send(Ping())
    assert talk.hear(Pong).busy >= 0
    go_on.set()
    assert talk.hear(Trouble).text == "that was all"
    talk.line.send(Quit())
    talk.end()


def test_a_pulse_counts_work_and_no_waiting():
    now = [10.0]
    pulse = Pulse(lambda: now[0])
    seen = [pulse.busy]
    pulse.work()
    now[0] = 14.0
    seen.append(pulse.busy)
    pulse.wait()
    now[0] = 99.0
    assert [*seen, pulse.busy] == [0.0, 4.0, 0.0]


def test_rests_are_told_when_a_mind_with_rests_wakes(tmp_path):
    mind = taught(tmp_path)
    steps(mind, 1)
    mind.handle(Mark("once"))
    talk = Talk(awake(tmp_path))
    assert [rest.label for rest in talk.hear(RestorePoints).points] == ["", "once"]
    talk.line.send(Teach(msgspec.structs.replace(LESSONS[0], source="touch")))
    assert talk.hear(Progress).lessons == len(LESSONS) + 1
    talk.line.send(Quit())
    talk.end()


def test_the_same_scene_is_read_once_while_nothing_has_changed(monkeypatch: pytest.MonkeyPatch) -> None:
    mind, reads = taught(), []
    real = minds.perceive
    monkeypatch.setattr(minds, "perceive", lambda *args, **how: reads.append(1) or real(*args, **how))

    def look(scene: int, **how: object) -> Percept:
        said = mind.handle(Perceive(msgspec.structs.replace(SCENE, id=scene), **how))[0]
        assert isinstance(said, Percept) and said.scene == scene
        return said

    def anew(scene: int, **how: object) -> bool:
        before, fresh = len(reads), real(mind.looks.model(how.get("eyes", "you")), [SCENE])[0]
        assert look(scene, **how).beliefs == fresh.beliefs
        return len(reads) > before

    assert anew(1) and not anew(2) and not anew(3, ticket=5) and look(4, ticket=6).heads.activity
    assert anew(6, head=3) and anew(7) and anew(8, eyes="blind") and anew(9) and not anew(10)
    mind.practising = True
    while mind.teacher.steps == 0:
        assert not anew(11), "the weights move at the end of a step"
        mind.practise()
    assert anew(12) and not anew(13)
    mind.handle(Rewind(0))
    assert anew(14)
    mind.handle(Teach(LESSONS[0]))
    assert anew(16)
    mind.records = False
    assert not anew(17)
    mind.handle(Mark(""))
    assert anew(18) and not look(19).heads.activity
    mind.records = True
    assert anew(20) and look(21).heads.activity, "what the heads did has to be measured now"
