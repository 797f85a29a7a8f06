"""A saved mind comes back as it was. What is damaged is moved aside, its backup goes on; foreign minds are refused."""

import msgspec
import pytest
import torch
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
    metadata = {"model": ORIGIN, "steps": "12", "taught_at": "9"}
    weights = {name: p for name, p in fresh(0.5).named_parameters() if p.requires_grad}
    save_file(weights, tmp_path / WEIGHTS, metadata)
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
