"""Damaged minds: whatever happened to a file, it is moved aside, its backup goes on, and one line says so."""

import msgspec
import pytest
import torch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from safetensors.torch import load_file, save_file

from tests.training.mind.test_mind_store import FIRST, LESSONS, SECOND, folder, fresh, woken
from training.mind import mind_store
from training.mind.mind_store import JOURNAL, WEIGHTS, MindStoreError, backup_of, save_mind

__all__ = ["folder"]  # a fixture


DAMAGES = {
    "empty": lambda data: b"",
    "zeros": lambda data: bytes(len(data)),
    "cut": lambda data: data[: len(data) // 2],
    "one byte less": lambda data: data[:-1],
    "one bit": lambda data: data[:-3] + bytes([data[-3] ^ 4]) + data[-2:],
    "noise": lambda data: bytes((i * 89 + 7) % 251 for i in range(len(data))),
    "another file": lambda data: b'{"hello": 1}',
}


@pytest.mark.parametrize("damage", DAMAGES.values(), ids=DAMAGES.keys())
def test_damaged_weights_are_moved_aside_and_those_before_go_on_with_all_lessons(folder, damage):
    data = damage((folder / WEIGHTS).read_bytes())
    (folder / WEIGHTS).write_bytes(data)
    saved, moved, (note,) = woken(folder)
    assert (saved.steps, saved.taught_at, saved.lessons, moved) == (5, 4, LESSONS, 0.25)
    assert note.startswith("The mind goes on with the weights of step 5: weights.safetensors ")
    assert note.endswith("and lies as weights.safetensors.old now")
    assert (folder / "weights.safetensors.old").read_bytes() == data
    save_mind(folder, fresh(0.5), SECOND)
    assert woken(folder) == (SECOND, 0.5, []), "it is said once"


@pytest.mark.parametrize("damage", DAMAGES.values(), ids=DAMAGES.keys())
def test_a_damaged_journal_is_moved_aside_and_the_one_before_goes_on_with_the_newest_weights(folder, damage):
    (folder / JOURNAL).write_bytes(damage((folder / JOURNAL).read_bytes()))
    saved, moved, (note,) = woken(folder)
    assert (saved, moved) == (msgspec.structs.replace(SECOND, lessons=LESSONS[:2]), 0.5)
    assert note.startswith("The mind goes on with 2 lessons: journal.msgpack ")
    assert note.endswith("and lies as journal.msgpack.old now")


def test_without_any_good_weights_the_lessons_stay_and_without_any_good_journal_the_weights_do(folder, tmp_path):
    other = tmp_path / "other"
    for copy in (folder, other):
        save_mind(copy, fresh(0.25), FIRST)
        save_mind(copy, fresh(0.5), SECOND)
    for path in (folder / WEIGHTS, backup_of(folder / WEIGHTS), other / JOURNAL, backup_of(other / JOURNAL)):
        path.write_bytes(bytes(100))
    saved, moved, (note,) = woken(folder)
    assert (saved.steps, saved.taught_at, saved.lessons, moved) == (0, 0, LESSONS, 0.0)
    assert note.startswith("The mind goes on and learns anew from its 3 lessons: weights.safetensors cannot be read")
    assert note.endswith("lies as weights.safetensors.bak.old now")
    saved, moved, (note,) = woken(other)
    assert (saved, moved) == (msgspec.structs.replace(SECOND, lessons=()), 0.5)
    assert note.startswith("The mind goes on without its old lessons: ")


def test_a_damaged_file_never_becomes_the_backup(folder):
    for name in (WEIGHTS, JOURNAL):
        (folder / name).write_bytes(bytes(64))  # while the mind lives
    save_mind(folder, fresh(0.5), SECOND)
    assert {path.name for path in folder.iterdir()} >= {f"{WEIGHTS}.old", f"{JOURNAL}.old"}
    for name in (WEIGHTS, JOURNAL):
        (folder / name).unlink()
    assert woken(folder)[:2] == (FIRST, 0.25)


def test_a_folder_or_a_dangling_link_in_place_of_a_file_is_moved_aside(folder):
    (folder / WEIGHTS).unlink()
    (folder / WEIGHTS).mkdir()
    (folder / JOURNAL).unlink()
    (folder / JOURNAL).symlink_to(folder / "nowhere")
    saved, moved, notes = woken(folder)
    assert (saved.steps, saved.lessons, moved, len(notes)) == (5, LESSONS[:2], 0.25, 2)
    assert all("is no file and lies as" in note for note in notes)


def test_names_that_are_taken_are_not_overwritten_when_something_is_moved_aside(folder):
    (folder / "weights.safetensors.old").write_bytes(b"older")
    (folder / WEIGHTS).write_bytes(b"")
    assert "lies as weights.safetensors.old2 now" in woken(folder)[2][0]
    assert (folder / "weights.safetensors.old").read_bytes() == b"older"


def test_what_cannot_be_moved_aside_is_said_and_its_backup_goes_on(folder, monkeypatch):
    def read_only(_path):
        raise OSError(30, "Read-only file system")

    (folder / WEIGHTS).write_bytes(b"")
    monkeypatch.setattr(mind_store, "move_aside", read_only)
    saved, moved, (note,) = woken(folder)
    assert (saved.steps, moved) == (5, 0.25)
    assert note.endswith("can't be moved aside (Read-only file system)")
    with pytest.raises(OSError, match="Read-only"):
        save_mind(folder, fresh(0.5), SECOND)
    assert woken(folder)[1] == 0.25, "the backup is as it was"


@settings(max_examples=25, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data(), name=st.sampled_from([WEIGHTS, JOURNAL]))
def test_no_damage_whatever_kills_a_mind_or_changes_a_lesson(tmp_path_factory, data, name):
    folder = tmp_path_factory.mktemp("mind")
    save_mind(folder, fresh(0.25), FIRST)
    save_mind(folder, fresh(0.5), SECOND)
    whole = (folder / name).read_bytes()
    at = data.draw(st.integers(0, len(whole) - 1))
    harm = data.draw(st.binary(min_size=1, max_size=3).filter(lambda harm: harm != whole[at : at + len(harm)]))
    (folder / name).write_bytes(whole[:at] + harm + whole[at + len(harm) :])
    try:
        saved, moved, _ = woken(folder)
    except MindStoreError:  # the harm hit the version
        return
    assert set(saved.lessons) <= set(LESSONS)
    assert moved in (0.25, 0.5)


def test_weights_of_another_shape_or_not_finite_are_moved_aside(folder):
    whole = load_file(folder / WEIGHTS)
    name = sorted(whole)[-1]  # the last one: those before it must not have been taken over
    for odd, says in ((whole[name][:-1], "does not fit the model"), (whole[name] * float("nan"), "holds NaN")):
        save_file(whole | {name: odd.contiguous()}, folder / WEIGHTS)
        saved, moved, (note, *_) = woken(folder)
        assert (saved.steps, moved) == (5, 0.25)
        assert f"{name} {says}" in note
    save_file(whole | {"z.weight": torch.zeros(2)}, folder / WEIGHTS)
    assert "z.weight does not fit" in woken(folder)[2][0]


def test_files_that_are_too_large_are_moved_aside_unread(folder, monkeypatch):
    monkeypatch.setattr(mind_store, "LARGEST_JOURNAL", 100)
    assert "journal.msgpack is larger than 100 bytes and lies as" in woken(folder)[2][0]
