"""Practice that is killed anywhere goes on bit for bit: the next steps give the weights that they would have given."""

from pathlib import Path

import pytest
import torch

from perception.messages import Rewind, Teach
from perception.model import weights_hash
from tests.kits.minds import tiny
from tests.training.mind.test_mind import LESSONS, RULES, TEACH, few_probes, steps
from training.mind import mind_store, practice_record, practice_state
from training.mind.mind import Mind, MindConfig
from training.mind.practice_state import STATE
from training.mind.replay import replay_journey

torch.set_num_threads(1)
__all__ = ["few_probes"]  # a fixture of every test here, too


def awake(folder: Path | None, resumes: bool = True) -> Mind:
    return Mind(tiny(), MindConfig(folder, TEACH, resumes=resumes), RULES)


def taught(folder: Path | None) -> Mind:
    mind = awake(folder)
    for lesson in LESSONS[:3]:
        mind.handle(Teach(lesson))
    return mind


def weights(mind: Mind) -> str:
    return weights_hash(mind.model.net)


@pytest.fixture(scope="module")
def course() -> list[str]:
    """The weights after each step of a practice that nothing interrupts."""
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr("training.mind.self_measurement.LIVE_PROBES", 6)
        mind = taught(None)
        hashes = [weights(mind)]
        for _ in range(9):
            steps(mind, 1)
            hashes.append(weights(mind))
    assert len(set(hashes)) == 10
    return hashes


def test_a_mind_that_is_saved_and_woken_goes_on_as_if_nothing_had_been(tmp_path: Path, course: list[str]) -> None:
    mind = taught(tmp_path)
    steps(mind, 4)
    mind.practise()  # a part of the fifth step: it is lost, and taken again
    mind.save()
    again = awake(tmp_path)
    assert (again.teacher.steps, weights(again)) == (4, course[4])
    steps(again, 5)
    assert weights(again) == course[9]


def test_without_its_state_it_goes_on_with_a_new_optimizer(tmp_path: Path, course: list[str]) -> None:
    mind = taught(tmp_path)
    steps(mind, 4)
    mind.save()
    for name in (STATE, f"{STATE}.bak"):
        (tmp_path / name).unlink(missing_ok=True)
    again = awake(tmp_path)
    assert weights(again) == course[4]
    steps(again, 1)
    assert weights(again) != course[5]


@pytest.mark.parametrize("damage", [b"", b"x" * 100, None])
def test_a_damaged_state_costs_itself(tmp_path: Path, course: list[str], damage: bytes | None) -> None:
    mind = taught(tmp_path)
    steps(mind, 2)
    mind.save()
    data = (tmp_path / STATE).read_bytes()
    for name in (STATE, f"{STATE}.bak"):
        (tmp_path / name).write_bytes(data[:-1] + bytes([data[-1] ^ 1]) if damage is None else damage)
    again = awake(tmp_path)
    assert weights(again) == course[2]
    steps(again, 1)
    again.save()
    assert weights(awake(tmp_path)) == weights(again)


class Killed(BaseException):
    """The process is gone."""


def test_a_kill_between_any_two_writes_loses_no_lesson_and_no_bit(
    tmp_path: Path, course: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """write_whole is atomic (tests/common/test_files.py): so a kill at any byte is one before or after a write."""
    whole = mind_store.write_whole
    kill = 0
    while True:
        folder, left = tmp_path / str(kill), [kill]

        def killed(path: Path, data: bytes, left: list[int] = left) -> None:
            if not left[0]:
                raise Killed
            left[0] -= 1
            whole(path, data)

        mind = taught(folder)
        steps(mind, 1)
        mind.save()
        steps(mind, 1)
        with monkeypatch.context() as patched:
            for room in (mind_store, practice_state, practice_record):
                patched.setattr(room, "write_whole", killed)
            try:
                mind.handle(Teach(LESSONS[0]))
            except Killed:
                pass
            else:
                break
        again = awake(folder)
        assert len(again.teacher.journal.lessons) >= 3
        at = again.teacher.steps
        assert at in (1, 2) and weights(again) == course[at]
        if len(again.teacher.journal.lessons) == 3:
            steps(again, 1)
            assert weights(again) == course[at + 1], f"killed at write {kill}"
        kill += 1
    assert kill >= 6


def test_a_rewind_begins_a_new_optimizer_and_that_is_resumed(tmp_path: Path) -> None:
    mind = taught(tmp_path)
    steps(mind, 3)
    mind.handle(Rewind(0))
    steps(mind, 2)
    mind.save()
    again = awake(tmp_path)
    steps(again, 2)
    steps(mind, 2)
    assert weights(again) == weights(mind)


def test_a_journey_with_resumed_lives_is_replayed_to_the_same_weights(tmp_path: Path, course: list[str]) -> None:
    mind = taught(tmp_path / "mind")
    steps(mind, 2)
    mind.practise()
    mind.save()
    for _ in range(2):
        mind = awake(tmp_path / "mind")
        steps(mind, 2)
        mind.practise()
        mind.save()
    assert weights(mind) == course[6]
    result = replay_journey(tmp_path / "mind", tiny(), tmp_path / "again", lambda *_: None)
    assert result["same_weights"] and result["steps"] == 6
