"""A saved mind comes back as it was. What is damaged is moved aside, its backup goes on; foreign minds are refused."""

import msgspec
import pytest
import torch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from safetensors.torch import load_file, save_file

from common.files import write_whole
from game.realm.rules import load
from perception.model import weights_hash
from tests.kits.minds import tiny
from training.data.lessons import generated
from training.mind import mind_store
from training.mind.mind_store import (
    JOURNAL,
    WEIGHTS,
    MindStoreError,
    SavedMind,
    backup_of,
    load_mind,
    pack_journal,
    save_mind,
)
from training.optim.frozen import choose_parameters

LESSONS = tuple(generated(0, 3, "terse", load()))
ORIGIN = weights_hash(tiny().net)
FIRST = SavedMind(ORIGIN, 5, LESSONS[:2], taught_at=4)
SECOND = SavedMind(ORIGIN, 12, LESSONS, taught_at=9)


def fresh(moved=0.0):
    """A net whose learning weights moved this far."""
    net = tiny().net
    with torch.no_grad():
        for parameter in choose_parameters(net, "attention"):
            parameter.add_(moved)
    return net


HASHES = {moved: weights_hash(fresh(moved)) for moved in (0.0, 0.25, 0.5)}


@pytest.fixture
def folder(tmp_path):
    """A mind that was saved twice: FIRST, then SECOND."""
    save_mind(tmp_path / "mind", fresh(0.25), FIRST)
    save_mind(tmp_path / "mind", fresh(0.5), SECOND)
    return tmp_path / "mind"


def plain(saved):
    return msgspec.structs.replace(saved, digest="")


def woken(folder, check=lambda lesson: None):
    """(what came back, how far the weights had moved, the notes)."""
    net = fresh()
    loaded = load_mind(folder, net, ORIGIN, check)
    moved = next(moved for moved, known in HASHES.items() if known == weights_hash(net))
    assert loaded.has_weights == (moved > 0)
    assert all("\n" not in note and note.startswith("The mind goes on ") for note in loaded.notes)
    return plain(loaded.saved), moved, loaded.notes


def refused(folder, says, model=ORIGIN):
    net, before = fresh(), {path.name: path.read_bytes() for path in folder.iterdir()}
    with pytest.raises(MindStoreError, match=says) as caught:
        load_mind(folder, net, model)
    assert "\n" not in str(caught.value)
    assert str(folder) in str(caught.value)
    assert weights_hash(net) == ORIGIN
    assert {path.name: path.read_bytes() for path in folder.iterdir()} == before, "it is left alone"


def test_what_was_saved_comes_back(tmp_path):
    folder = tmp_path / "deep" / "mind"
    save_mind(folder, fresh(0.5), SECOND)
    assert woken(folder) == (SECOND, 0.5, [])
    assert sorted(path.name for path in folder.iterdir()) == [JOURNAL, WEIGHTS]
    assert all("self_attn" in name for name in load_file(folder / WEIGHTS))


def test_nothing_saved_is_no_error(tmp_path):
    net = fresh()
    assert load_mind(tmp_path, net, ORIGIN) is None
    assert load_mind(tmp_path / "nowhere", net, ORIGIN) is None
    assert weights_hash(net) == ORIGIN


def test_the_state_before_is_kept_beside(folder):
    names = (JOURNAL, WEIGHTS)
    assert sorted(path.name for path in folder.iterdir()) == sorted([*names, *(f"{name}.bak" for name in names)])
    for name in names:
        (folder / name).unlink()
    saved, moved, notes = woken(folder)
    assert (saved, moved) == (FIRST, 0.25)
    assert notes == [
        "The mind goes on with the weights of step 5: weights.safetensors is missing",
        "The mind goes on with 2 lessons: journal.msgpack is missing",
    ]


def test_a_journal_alone_may_be_saved_while_the_weights_stand(folder):
    before = (folder / WEIGHTS).stat().st_mtime_ns
    save_mind(folder, None, msgspec.structs.replace(SECOND, lessons=LESSONS * 2, taught_at=12))
    assert (folder / WEIGHTS).stat().st_mtime_ns == before
    saved, moved, notes = woken(folder)
    assert (saved.steps, saved.taught_at, len(saved.lessons), moved, notes) == (12, 12, 6, 0.5, [])


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


def test_a_lesson_that_cannot_be_learned_from_costs_itself_alone(folder):
    def check(lesson):
        if lesson == LESSONS[1]:
            raise ValueError("lesson 7: it is of no use")

    saved, moved, notes = woken(folder, check)
    assert (saved.lessons, saved.steps, moved) == ((LESSONS[0], LESSONS[2]), 12, 0.5)
    assert notes == [
        "The mind goes on without 1 of its 3 lessons: it can't learn from them (lesson 7: it is of no use)"
    ]


def test_what_is_no_lesson_at_all_costs_itself_alone(folder):
    whole = msgspec.msgpack.decode((folder / JOURNAL).read_bytes())
    del whole["digest"]  # as earlier versions saved it
    whole["lessons"][1] = {"scene": 3}
    whole["lessons"].append(None)
    (folder / JOURNAL).write_bytes(msgspec.msgpack.encode(whole))
    saved, _, (note,) = woken(folder)
    assert saved.lessons == (LESSONS[0], LESSONS[2])
    assert note.startswith("The mind goes on without 2 of its 4 lessons")


def test_minds_of_earlier_versions_have_no_hashes_and_come_back(tmp_path):
    told = {"model": ORIGIN, "steps": "12", "taught_at": "9"}
    weights = {name: p for name, p in fresh(0.5).named_parameters() if p.requires_grad}
    save_file(weights, tmp_path / WEIGHTS, told)
    old = msgspec.to_builtins(SECOND)
    del old["digest"]
    (tmp_path / JOURNAL).write_bytes(msgspec.msgpack.encode(old))
    assert woken(tmp_path) == (SECOND, 0.5, [])
    save_file(weights, tmp_path / WEIGHTS)  # nor a header: the journal says whose they are
    assert woken(tmp_path) == (SECOND, 0.5, [])
    (tmp_path / JOURNAL).unlink()
    assert "does not say whose it is" in woken(tmp_path)[2][0]


def test_the_mind_of_another_model_or_of_a_later_version_is_refused(folder):
    refused(folder, "give the --model it learned with, or move its folder away", model="0" * 16)
    write_whole(folder / JOURNAL, pack_journal(SavedMind("0" * 16, 12, LESSONS)))
    refused(folder, "saved from another model")
    write_whole(folder / JOURNAL, pack_journal(SavedMind(ORIGIN, 1, (), version=2)))
    refused(folder, "update this program, or move the mind's folder away: it is of version 2")


def test_files_that_may_not_be_read_are_refused_and_not_moved(folder, monkeypatch):
    def denied(*_args):
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(mind_store, "read_bytes", denied)
    refused(folder, "allow this program to read journal.msgpack, or move its folder away")


def cut_short(folder, net, saved):
    """A save that was ended between its two files."""

    def killed(_saved):
        raise KeyboardInterrupt

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(mind_store, "pack_journal", killed)
        with pytest.raises(KeyboardInterrupt):
            save_mind(folder, net, saved)


def test_a_first_save_that_was_cut_short_comes_back_without_its_lessons(tmp_path):
    cut_short(tmp_path, fresh(0.5), SECOND)
    assert [path.name for path in tmp_path.iterdir()] == [WEIGHTS]
    saved, moved, notes = woken(tmp_path)
    assert (saved, moved) == (msgspec.structs.replace(SECOND, lessons=()), 0.5)
    assert notes == ["The mind goes on without its old lessons: journal.msgpack is missing"]


def test_a_later_save_that_was_cut_short_has_the_weights_steps_and_the_lessons_before(folder):
    cut_short(folder, fresh(0.25), SavedMind(ORIGIN, 5, LESSONS[:1], taught_at=5))  # the mind had been turned back
    assert woken(folder) == (SavedMind(ORIGIN, 5, LESSONS, taught_at=5), 0.25, [])


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


@pytest.mark.parametrize("failing", range(4))
def test_a_full_disk_at_any_write_leaves_a_whole_mind(folder, monkeypatch, failing):
    """Backup and file, of weights and journal: whichever can't be written, what was there is there."""
    writes = []

    def full(path, data):
        writes.append(path)
        if len(writes) > failing:
            raise OSError(28, "No space left on device")
        write_whole(path, data)

    monkeypatch.setattr(mind_store, "write_whole", full)
    with pytest.raises(OSError, match="No space left"):
        save_mind(folder, fresh(0.25), SavedMind(ORIGIN, 20, LESSONS * 2, taught_at=15))
    monkeypatch.undo()
    saved, moved, notes = woken(folder)
    assert (saved.lessons, notes) == (LESSONS, [])
    assert (saved.steps, moved) == ((12, 0.5) if failing < 2 else (20, 0.25))
    assert not list(folder.glob("*.part"))
