"""A journey is trained again: the same scenes, the same lessons, the same weights, bit for bit."""

import json
from dataclasses import replace

import msgspec
import pytest
import torch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import main
from game.realm.relive import relive
from game.realm.replay import ActionLog, state_hash
from game.realm.rules import load
from perception.messages import Mark, Practise, Quit, Rewind, Teach
from perception.model import save, weights_hash
from tests.bots.shown_around import WALK, Tour
from tests.kits.minds import tiny
from tests.kits.sources import ROOT
from tests.training.mind.test_mind import LESSONS, TEACH
from tests.training.mind.test_serve import Talk
from training.headlog.log import read_log
from training.mind import self_measurement
from training.mind.mind import Mind, MindConfig
from training.mind.mind_store import JOURNAL, MindStoreError, read_lessons
from training.mind.practice_record import PRACTICE, Event, PracticeError, chained, load_practice, save_practice
from training.mind.replay import replay_journey

torch.set_num_threads(1)
RULES = load()


@pytest.fixture(autouse=True, scope="module")
def few_probes():
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(self_measurement, "LIVE_PROBES", 4)
        yield


def woken(folder, teach=TEACH, seed=0):
    return Mind(tiny(seed=seed), MindConfig(folder, teach), RULES)


@pytest.fixture(scope="module")
def journey(tmp_path_factory):
    """(its folder, the mind at its end): two walks and two dreams, a rest turned back to, then one more."""
    folder = tmp_path_factory.mktemp("journey")
    mind = woken(folder)
    tour = Tour(mind, 3, every=2, late=3)
    for _ in range(2):
        tour.walk(25.0)
        tour.dream(1.2)
    tour.journey.rewind(1)
    tour.dream(0.5)
    tour.leave(folder)
    return folder, mind


@pytest.fixture(scope="module")
def again(journey, tmp_path_factory):
    """(the folder of its replay, what came of it)."""
    out = tmp_path_factory.mktemp("again")
    return out, replay_journey(journey[0], tiny(), out)


def test_the_replay_comes_to_the_same_weights_scenes_and_lessons(journey, again):
    (folder, mind), (_, result) = journey, again
    assert mind.teacher.steps >= 8 and len(mind.teacher.journal.lessons) > 1, "a journey that shows nothing"
    assert result["weights"] == weights_hash(mind.model.net) != mind.origin
    assert (result["same_weights"], result["same_scenes"]) == (True, True)
    assert result["same_lessons"] == result["realm_lessons"] == len(mind.teacher.journal.lessons)
    assert result["steps"] == mind.teacher.steps
    assert result["state_hash"] == state_hash(ActionLog.load(folder / WALK).replay())


def test_the_log_of_the_replay_tells_the_same_moments(journey, again):
    folder = journey[0]
    log, other = read_log(folder / "log.msgpack"), read_log(again[1]["log"])
    during = [snapshot for snapshot in log.snapshots if snapshot.phase == "during"]
    assert len(during) >= 2
    assert during == [snapshot for snapshot in other.snapshots if snapshot.phase == "during"]
    assert log.rows == other.rows
    views = relive(ActionLog.load(folder / WALK), [s.tick for s in during]).views
    for snapshot in during:
        assert snapshot.scene == views[snapshot.tick].scene.text
        assert snapshot.lesson.startswith("seer, tick ")
        assert {place for place, *_ in snapshot.beliefs} <= set(views[snapshot.tick].places)


def test_what_it_writes_goes_on_as_the_journey_would(journey, again):
    (folder, mind), (out, _) = journey, again
    assert load_practice(out).lives == load_practice(folder).lives
    assert (out / WALK).read_bytes() == (folder / WALK).read_bytes()
    assert weights_hash(woken(out).model.net) == weights_hash(mind.model.net)


def test_a_mind_that_woke_twice_is_replayed_through_both_lives(tmp_path):
    folder = tmp_path / "slot"
    for life in range(3):
        mind = woken(folder)
        mind.handle(Teach(LESSONS[life]))
        mind.handle(Practise(True))
        for _ in range(5 + life):  # ends in the middle of a step
            mind.practise()
        mind.save()
    assert [len(life.events) for life in load_practice(folder).lives] == [2, 2, 2]
    result = replay_journey(folder, tiny(), tmp_path / "again")
    assert result["weights"] == weights_hash(mind.model.net)
    assert (result["same_weights"], result["lives"], result["same_scenes"]) == (True, 3, None)


def test_a_lesson_in_the_middle_of_a_step_counts_from_there(tmp_path):
    """The rate goes by the step of the last lesson: a replay that taught it a part later would come to others."""
    folder = tmp_path / "slot"
    mind = woken(folder, replace(TEACH, settle=3))
    mind.handle(Teach(LESSONS[0]))
    for part in range(14):
        mind.practise()
        if part == 6:
            mind.handle(Teach(LESSONS[1]))
    mind.save()
    assert replay_journey(folder, tiny(), tmp_path / "again")["same_weights"] is True
    practice = load_practice(folder)
    first, *rest = practice.lives[0].events
    late = [first, *sorted(rest, key=lambda event: event.kind != "parts")]
    life = msgspec.structs.replace(practice.lives[0], events=late)
    save_practice(folder, msgspec.structs.replace(practice, lives=[life]))
    assert replay_journey(folder, tiny(), tmp_path / "late")["same_weights"] is False


def test_a_whole_conversation_by_the_clock_is_replayed(tmp_path):
    folder = tmp_path / "slot"
    mind = woken(folder)
    talk = Talk(mind)
    for message in (Teach(LESSONS[0]), Practise(True)):
        talk.line.send(message)
    while mind.teacher.steps < 3:
        pass
    for message in (Mark(), Teach(LESSONS[1])):
        talk.line.send(message)
    while mind.teacher.steps < 6:
        pass
    talk.line.send(Rewind(1))
    talk.line.send(Teach(LESSONS[2]))
    while len(mind.teacher.journal.lessons) < 3 or mind.teacher.steps < 5:
        pass
    talk.line.send(Quit())
    talk.end()
    assert replay_journey(folder, tiny(), tmp_path / "again")["weights"] == weights_hash(mind.model.net)


def test_another_walk_beside_it_is_noticed(journey, tmp_path):
    folder, _ = journey
    for name in (PRACTICE, JOURNAL):
        (tmp_path / name).write_bytes((folder / name).read_bytes())
    walk = ActionLog.load(folder / WALK)
    other = ActionLog(walk.seed + 1)
    other.ticks, other.actions = walk.ticks, walk.actions
    other.save(tmp_path / WALK)
    result = replay_journey(tmp_path, tiny(), tmp_path / "again")
    assert (result["same_weights"], result["same_scenes"]) == (True, False)
    assert result["same_lessons"] < result["realm_lessons"]


def test_what_can_not_be_replayed_is_said_in_one_line(journey, tmp_path):
    folder, _ = journey
    with pytest.raises(PracticeError, match="give the --model that it began with"):
        replay_journey(folder, tiny(seed=1), tmp_path / "again")
    with pytest.raises(PracticeError, match="is in use"):
        replay_journey(folder, tiny(), folder)
    with pytest.raises(PracticeError, match=f"{PRACTICE}: not there"):
        replay_journey(tmp_path, tiny(), tmp_path / "again")
    data = (folder / PRACTICE).read_bytes()
    for broken, fault in ((data[:-3], "can't be read"), (data.replace(b"lesson", b"lessen", 1), "can't be read"),
                          (data.replace(b"seed\x4d", b"seed\x4e"), "doesn't match its hash")):  # fmt: skip
        (tmp_path / PRACTICE).write_bytes(broken)
        with pytest.raises(PracticeError, match=fault):
            replay_journey(tmp_path, tiny(), tmp_path / "again")
    (tmp_path / PRACTICE).write_bytes(data)
    with pytest.raises(MindStoreError, match=f"{JOURNAL}: not there"):
        replay_journey(tmp_path, tiny(), tmp_path / "again")
    assert not (tmp_path / "again").exists()


def test_a_record_that_says_what_cannot_be_is_refused(journey, tmp_path):
    """Each of these has a hash that fits: somebody wrote it so."""
    folder, _ = journey
    (tmp_path / JOURNAL).write_bytes((folder / JOURNAL).read_bytes())
    practice = load_practice(folder)
    (life,) = practice.lives
    teach = life.teach | {"rank": 10**9}
    lives = {
        "what came before is lost": [],
        "none of this program's": [msgspec.structs.replace(life, teach=teach)],
        "lessons are missing": [msgspec.structs.replace(life, events=[Event("lesson", 3, 10**6)])],
        "no journey is so long": [msgspec.structs.replace(life, events=[Event("parts", 3, 2**53)])],
        "without lessons": [msgspec.structs.replace(life, events=[Event("parts", 3, 2)])],
        "the mind refuses what it did once: rest 7": [msgspec.structs.replace(life, events=[Event("rewind", 3, 7)])],
    }
    for fault, some in lives.items():
        save_practice(tmp_path, msgspec.structs.replace(practice, lives=some))
        with pytest.raises(PracticeError, match=fault):
            replay_journey(tmp_path, tiny(), tmp_path / "again")
    assert not (tmp_path / "again").exists()


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
def test_a_damaged_record_is_never_taken(journey, tmp_path, data):
    whole = bytearray((journey[0] / PRACTICE).read_bytes())
    at = data.draw(st.integers(0, len(whole) - 1))
    change = data.draw(st.integers(1, 255) | st.just(0))
    broken = whole[:at] if not change else whole[:at] + bytes([whole[at] ^ change]) + whole[at + 1 :]
    (tmp_path / PRACTICE).write_bytes(broken)
    with pytest.raises(PracticeError) as fault:
        load_practice(tmp_path)
    assert "\n" not in str(fault.value) and len(str(fault.value)) < 600


def test_a_record_that_lost_its_beginning_is_refused(tmp_path):
    folder = tmp_path / "slot"
    mind = woken(folder)
    mind.handle(Teach(LESSONS[0]))
    (folder / PRACTICE).unlink()
    mind = woken(folder)
    mind.handle(Teach(LESSONS[1]))
    with pytest.raises(PracticeError, match="what came before is lost"):
        replay_journey(folder, tiny(), tmp_path / "again")


def test_the_command_line_replays_a_journey_and_shows_it_at_a_tick(journey, tmp_path, capsys):
    folder, _ = journey
    save(tiny(), tmp_path / "model")
    command = ["mind", "--model", str(tmp_path / "model"), "--device", "cpu", "--replay", str(folder)]
    assert main.main([*command, "--folder", str(tmp_path / "again"), "--json"]) == 0
    result = json.loads(capsys.readouterr().out)
    assert (result["same_weights"], result["log"]) == (True, str(tmp_path / "again" / "log.msgpack"))
    during = [s for s in read_log(result["log"]).snapshots if s.phase == "during"]
    assert main.main(["diff", result["log"], "--at", str(during[-1].tick), "--json"]) == 0
    table = json.loads(capsys.readouterr().out)
    assert (table["step"], table["scene"]) == (during[-1].step, during[-1].scene)
    assert main.main(["diff", result["log"], "--at", str(during[-1].tick)]) == 0
    assert capsys.readouterr().out.startswith(f"tick {during[-1].tick}, step {during[-1].step}:")
    assert main.main(["diff", result["log"], "--at", "1"]) == 2
    assert main.main([*command, "--folder", str(tmp_path / "again")]) == 2
    assert main.main(command) == 2
    lines = capsys.readouterr().err.splitlines()
    assert len(lines) == 3 and "its ticks go from" in lines[0] and "is in use" in lines[1] and "--folder" in lines[2]


def test_the_committed_journey_leads_to_its_scenes_and_lessons():
    """Its training takes a minute, and is not repeated here: docs/replays.md names the command."""
    folder = ROOT / "docs" / "logs" / "journey"
    walk, (life,) = ActionLog.load(folder / WALK), load_practice(folder).lives
    if not walk.fits():
        pytest.skip("the committed walk is of an older realm")
    relived = relive(walk, [event.tick for event in life.events])
    digest = ""
    for event in life.events:
        digest = chained(digest, relived.views[event.tick].scene) if event.kind == "parts" else digest
    assert digest == life.scenes
    again = [lesson for tick in sorted(relived.lessons) for lesson in relived.lessons[tick]]
    assert again == list(read_lessons(folder / JOURNAL))
    views = {s.tick: s.scene for s in read_log(folder / "log.msgpack").snapshots if s.tick is not None}
    assert len(views) > 30 and all(relived.views[tick].scene.text == scene for tick, scene in views.items())
