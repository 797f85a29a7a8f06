"""A saved mind comes back as it was; a damaged or foreign one is refused in one line and changes nothing."""

import os

import msgspec
import pytest
import torch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from safetensors.torch import load_file, save_file

from common.files import write_whole
from game.realm.rules import load
from perception.model import load as load_model
from perception.model import weights_hash
from tests.kits.minds import tiny
from training.data.lessons import generated
from training.mind import mind_store
from training.mind.mind_store import JOURNAL, WEIGHTS, MindStoreError, SavedMind, export_mind, load_mind, save_mind
from training.optim.frozen import choose_parameters

LESSONS = tuple(generated(0, 3, "terse", load()))
ORIGIN = weights_hash(tiny().net)


def fresh():
    net = tiny().net
    choose_parameters(net, "attention")
    return net


def learned(folder):
    """A net that moved, and was saved."""
    net = fresh()
    with torch.no_grad():
        for parameter in net.parameters():
            if parameter.requires_grad:
                parameter.add_(0.5)
    save_mind(folder, net, SavedMind(ORIGIN, 12, LESSONS, taught_at=9))
    return net


@pytest.fixture
def folder(tmp_path):
    learned(tmp_path / "mind")
    return tmp_path / "mind"


def refused(folder, says, model=ORIGIN):
    net = fresh()
    before = weights_hash(net)
    with pytest.raises(MindStoreError, match=says) as caught:
        load_mind(folder, net, model)
    assert "\n" not in str(caught.value)
    assert str(folder) in str(caught.value)
    assert weights_hash(net) == before


def test_what_was_saved_comes_back(tmp_path):
    folder = tmp_path / "deep" / "mind"
    net, again = learned(folder), fresh()
    assert weights_hash(again) == ORIGIN
    journey = load_mind(folder, again, ORIGIN)
    assert journey == SavedMind(ORIGIN, 12, LESSONS, taught_at=9)
    assert weights_hash(again) == weights_hash(net) != ORIGIN
    assert sorted(path.name for path in folder.iterdir()) == [JOURNAL, WEIGHTS]
    assert all("self_attn" in name for name in load_file(folder / WEIGHTS))


def test_nothing_saved_is_no_error(tmp_path):
    net = fresh()
    assert load_mind(tmp_path, net, ORIGIN) is None
    assert load_mind(tmp_path / "nowhere", net, ORIGIN) is None
    assert weights_hash(net) == ORIGIN


def test_the_mind_of_another_model_is_refused(folder):
    refused(folder, "saved from another model; give that --model", model="0" * 16)


def test_one_file_alone_is_refused(folder):
    weights = load_file(folder / WEIGHTS)
    (folder / WEIGHTS).rename(folder / "elsewhere")
    refused(folder, "cannot be read")
    (folder / JOURNAL).unlink()
    save_file(weights, folder / WEIGHTS)  # nothing says whose they are
    refused(folder, "cannot be read")


def cut_short(folder, net, journey):
    """A save that was ended between its two files."""

    def killed(_journey):
        raise KeyboardInterrupt

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(mind_store.msgspec.msgpack, "encode", killed)
        with pytest.raises(KeyboardInterrupt):
            save_mind(folder, net, journey)


def test_a_first_save_that_was_cut_short_comes_back_without_its_lessons(tmp_path):
    net = fresh()
    with torch.no_grad():
        next(p for p in net.parameters() if p.requires_grad).add_(0.5)
    cut_short(tmp_path / "mind", net, SavedMind(ORIGIN, 12, LESSONS, taught_at=9))
    assert [path.name for path in (tmp_path / "mind").iterdir()] == [WEIGHTS]
    again = fresh()
    assert load_mind(tmp_path / "mind", again, ORIGIN) == SavedMind(ORIGIN, 12, (), taught_at=9)
    assert weights_hash(again) == weights_hash(net)
    refused(tmp_path / "mind", "saved from another model", model="0" * 16)


def test_a_later_save_that_was_cut_short_has_the_weights_steps_and_the_lessons_before(folder):
    cut_short(folder, fresh(), SavedMind(ORIGIN, 5, LESSONS[:1], taught_at=5))  # the mind had been turned back
    again = fresh()
    assert load_mind(folder, again, ORIGIN) == SavedMind(ORIGIN, 5, LESSONS, taught_at=5)
    assert weights_hash(again) == ORIGIN


def test_weights_and_journal_of_two_models_are_refused(folder):
    (folder / JOURNAL).write_bytes(msgspec.msgpack.encode(SavedMind("0" * 16, 12, LESSONS)))
    refused(folder, "different models")


def test_an_exported_mind_is_a_model_that_loads_with_its_tongue(tmp_path):
    model = tiny(seed=3)
    for _ in range(2):  # an older export is replaced
        export_mind(model, tmp_path / "out")
    again = load_model(tmp_path / "out")
    assert weights_hash(again.net) == weights_hash(model.net)
    assert again.tongue == "terse"


@pytest.mark.parametrize("name", ["diary.txt", "notes/config.json", "README.md"])
def test_an_export_overwrites_nothing_else(tmp_path, name):
    export_mind(tiny(), tmp_path / "out")
    (tmp_path / "out" / name).parent.mkdir(exist_ok=True)
    (tmp_path / "out" / name).write_text("dear diary")
    with pytest.raises(MindStoreError, match="is in the way"):
        export_mind(tiny(seed=1), tmp_path / "out")
    assert (tmp_path / "out" / name).read_text() == "dear diary"
    (tmp_path / "file").write_text("mine")
    with pytest.raises(MindStoreError, match="is in the way"):
        export_mind(tiny(), tmp_path / "file")


@pytest.mark.parametrize("name", [WEIGHTS, JOURNAL])
@pytest.mark.parametrize("share", [0.0, 0.001, 0.5, 0.999])
def test_a_truncated_file_is_refused(folder, name, share):
    data = (folder / name).read_bytes()
    (folder / name).write_bytes(data[: int(share * len(data))])
    refused(folder, "cannot be read")


@settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
def test_a_damaged_journal_is_refused_or_still_a_journal(folder, data):
    whole = msgspec.msgpack.encode(SavedMind(ORIGIN, 12, LESSONS[:1], taught_at=9))
    at = data.draw(st.integers(0, len(whole) - 1))
    (folder / JOURNAL).write_bytes(whole[:at] + data.draw(st.binary(min_size=1, max_size=3)) + whole[at + 1 :])
    net = fresh()
    try:
        journey = load_mind(folder, net, ORIGIN)
    except MindStoreError as error:
        assert "\n" not in str(error)
        assert weights_hash(net) == ORIGIN
    else:
        assert all(len(x.answers) == len(x.scene.questions) for x in journey.lessons)


def test_bytes_that_are_no_text_are_refused(folder):
    (folder / JOURNAL).write_bytes((folder / JOURNAL).read_bytes().replace(b"terse", b"\xff\xfe\xff\xfe\xff"))
    refused(folder, "cannot be read")


def test_weights_of_another_shape_or_not_finite_are_refused(folder):
    whole = load_file(folder / WEIGHTS)
    name = sorted(whole)[-1]  # the last one: those before it must not have been taken over
    for odd in (whole[name][:-1], torch.full_like(whole[name], float("nan"))):
        save_file(whole | {name: odd.contiguous()}, folder / WEIGHTS)
        refused(folder, f"{name} does not fit the model")
    save_file(whole | {"z.weight": torch.zeros(2)}, folder / WEIGHTS)
    refused(folder, "z.weight does not fit")


def test_a_journal_of_a_later_version_is_refused(folder):
    (folder / JOURNAL).write_bytes(msgspec.msgpack.encode(SavedMind(ORIGIN, 1, (), version=2)))
    refused(folder, "version 2, this is 1")


def test_lessons_whose_answers_do_not_fit_are_refused(folder):
    short = msgspec.structs.replace(LESSONS[0], answers=LESSONS[0].answers[1:])
    (folder / JOURNAL).write_bytes(msgspec.msgpack.encode(SavedMind(ORIGIN, 1, (short,))))
    refused(folder, "answers do not fit")


def test_a_journal_too_large_is_refused_unread(folder, monkeypatch):
    monkeypatch.setattr(mind_store, "LARGEST_JOURNAL", 100)
    refused(folder, "larger than 100 bytes")


def test_a_file_is_written_whole_or_not_at_all(tmp_path, monkeypatch):
    file = tmp_path / "file"
    write_whole(file, b"old")

    def full(number):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(OSError, match="No space left"):
        write_whole(file, b"a new and longer one")
    assert file.read_bytes() == b"old"
    monkeypatch.undo()
    write_whole(file, b"new")
    assert file.read_bytes() == b"new"
    assert [path.name for path in tmp_path.iterdir()] == ["file"]
