"""A mind: what it answers to each message, what it measures of itself, and a whole conversation with a game."""

import msgspec
import pytest
import torch

from game.realm.rules import load
from perception.head_map import addresses
from perception.messages import (
    Event,
    Lesson,
    Perceive,
    Percept,
    Practise,
    Progress,
    Teach,
    Trouble,
    WriteLog,
    Written,
)  # fmt: skip
from perception.model import weights_hash
from tests.kits.minds import tiny
from training.config import TeachConfig
from training.data.lessons import generated
from training.headlog.log import read_log
from training.headlog.table import diff_table
from training.mind import mind as minds
from training.mind import saving, self_measurement
from training.mind.mind import CHANGE_EVERY, MEASURE_EVERY, Mind, MindConfig
from training.mind.mind_store import MindStoreError
from training.optim import frozen

torch.set_num_threads(1)
RULES = load()
LESSONS = generated(0, 6, "terse", RULES)
SCENE = LESSONS[0].scene
TEACH = TeachConfig(parts=2, rank=4, scenes=2, rehearse=1, warmup=1)


@pytest.fixture(autouse=True)
def few_probes(monkeypatch):
    monkeypatch.setattr(self_measurement, "LIVE_PROBES", 6)


def awake(folder=None, seed=0):
    return Mind(tiny(seed=seed), MindConfig(folder, TEACH), RULES)


def taught(folder=None):
    mind = awake(folder)
    assert all(mind.handle(Teach(lesson)) for lesson in LESSONS)
    return mind


def steps(mind, count):
    """What it says while it takes so many steps."""
    said, wanted = [], mind.teacher.steps + count
    while mind.teacher.steps < wanted:
        said += mind.practise()
    return said


def renamed(**changes):
    return msgspec.structs.replace(SCENE, **changes)


def test_it_answers_a_scene_with_beliefs_about_every_question():
    (percept,) = awake().handle(Perceive(SCENE))
    assert percept.scene == SCENE.id
    assert [len(belief) for belief in percept.beliefs] == [len(q.candidates) for q in SCENE.questions]
    assert len(percept.heads.activity) == 8


def test_it_counts_what_it_is_taught_and_keeps_it_at_once(tmp_path):
    mind = awake(tmp_path)
    (progress,) = mind.handle(Teach(LESSONS[0]))
    assert (progress.lessons, progress.step, progress.practising) == (1, 0, False)
    assert progress.shown + progress.empties == len(LESSONS[0].answers)
    steps(mind, 2)
    mind.handle(Teach(LESSONS[1]))
    again = awake(tmp_path).teacher
    assert (again.journal.lessons, again.steps, again.taught_at) == (LESSONS[:2], 2, 2)


def test_practising_without_lessons_does_nothing():
    mind = awake()
    assert [m.practising for on in (False, True) for m in mind.handle(Practise(on))] == [False, True]
    before = weights_hash(mind.model.net)
    assert [mind.practise() for _ in range(5)] == [[]] * 5
    assert (mind.teacher.steps, weights_hash(mind.model.net)) == (0, before)


def test_it_says_how_far_it_came_after_every_step():
    mind = taught()
    mind.handle(Practise(True))
    assert mind.practise() == []  # the first of two parts
    first, *rest = steps(mind, MEASURE_EVERY + 1)
    assert [m.step for m in rest] == list(range(2, MEASURE_EVERY + 2))
    assert (first.loss > 0, first.steps_per_s) == (True, None)  # of one step there is no pace
    assert rest[0].steps_per_s > 0
    assert all(max(m.change) > 0 for m in rest if m.step >= CHANGE_EVERY)
    assert [step for step, *_ in mind.measured.history] == [MEASURE_EVERY]
    assert rest[-1].mundane == mind.measured.history[0].score.mundane


def test_a_mind_that_learned_nothing_has_not_changed_at_all():
    mind = awake()
    mind.handle(Perceive(SCENE))
    assert mind.progress().change == (0.0,) * 8


@pytest.mark.parametrize(("layer", "head", "matrix"), [(0, 2, "q"), (1, 0, "o"), (1, 3, "q"), (0, 1, "o")])
def test_a_head_that_is_moved_shows_in_its_cell_and_no_other(layer, head, matrix):
    mind = awake()
    with torch.no_grad():
        addresses(mind.model.net).weight(layer, matrix)[head].mul_(1.5).add_(0.1)
    changed = [index for index, value in enumerate(mind.progress().change) if value != 0]
    assert changed == [layer * 4 + head]


TROUBLING = {
    "a word the model lacks": Perceive(renamed(text=SCENE.text + " hear north saxophone .")),
    "no text": Perceive(renamed(text="")),
    "no candidates": Perceive(renamed(questions=(msgspec.structs.replace(SCENE.questions[0], candidates=()),))),
    "a foreign answer": Teach(Lesson(SCENE, ("dragon", *LESSONS[0].answers[1:]), "seer")),
    "too few answers": Teach(Lesson(SCENE, (), "seer")),
    "a foreign sense": Teach(Lesson(renamed(events=(Event("smell", "north", "hum"),)), LESSONS[0].answers, "seer")),
    "a path elsewhere": WriteLog("/dev/null/journey.msgpack"),
}


@pytest.mark.parametrize("message", TROUBLING.values(), ids=TROUBLING.keys())
def test_what_it_cannot_do_is_trouble_and_it_goes_on(message):
    mind = taught()
    (answer,) = mind.handle(message)
    assert isinstance(answer, Trouble)
    assert "\n" not in answer.text
    assert len(mind.teacher.journal.lessons) == len(LESSONS)
    steps(mind, 1)
    assert isinstance(mind.handle(Perceive(SCENE))[0], Percept)


def test_a_full_disk_while_practising_is_trouble(tmp_path, monkeypatch):
    mind = taught(tmp_path)
    monkeypatch.setattr(minds, "SAVE_EVERY", -1.0)

    def full(*_args):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(saving, "save_mind", full)
    said = steps(mind, 2)
    assert [type(message) for message in said] == [Progress, Trouble, Progress], "it is said once"
    assert said[1].text == "The mind can't be saved now, it tries again later: [Errno 28] No space left on device"
    monkeypatch.undo()
    monkeypatch.setattr(minds, "SAVE_EVERY", -1.0)
    assert [type(message) for message in steps(mind, 1)] == [Progress]
    assert awake(tmp_path).teacher.steps == 3, "and tried again"


def test_a_step_that_is_not_finite_is_trouble_and_the_next_one_is_taken(monkeypatch):
    mind, well = taught(), frozen.frozen_loss
    before = weights_hash(mind.model.net)
    monkeypatch.setattr(frozen, "frozen_loss", lambda net, packed, cache: well(net, packed, cache) * float("nan"))
    said = [answer for _ in range(3) for answer in mind.practise()]
    assert [type(message) for message in said] == [Trouble]
    assert weights_hash(mind.model.net) == before
    monkeypatch.setattr(frozen, "frozen_loss", well)
    assert [message.step for message in steps(mind, 1)] == [1]


@pytest.mark.parametrize("count", [0, MEASURE_EVERY])
def test_the_log_of_a_journey_can_be_read(tmp_path, count):
    mind = taught(tmp_path)
    steps(mind, count)
    path = tmp_path / "log.msgpack"
    (tmp_path / "folder.msgpack").mkdir()
    assert isinstance(mind.handle(WriteLog("folder.msgpack"))[0], Trouble)  # a folder, not a file
    assert mind.handle(WriteLog(str(path))) == [Written(str(path))]
    log = read_log(path)
    assert (log.header.layers, log.header.heads, log.header.model_hash) == (2, 4, weights_hash(tiny().net))
    assert log.header.config["in_play"] is True
    assert (log.summary.steps, log.summary.lessons) == (count, len(LESSONS))
    assert [point.step for point in log.curve] == [MEASURE_EVERY] * (count // MEASURE_EVERY)
    assert len(diff_table(log)["heads"]) == 8
    assert all((row.own > 0) == (count > 0) for row in log.rows)


def test_the_mind_of_another_model_is_not_taken_over(tmp_path):
    taught(tmp_path).save()
    with pytest.raises(MindStoreError, match="saved from another model"):
        awake(tmp_path, seed=1)
