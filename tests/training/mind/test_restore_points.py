"""States a mind can be turned back to: bounded, exact, and none of a broken file or another model."""

import pytest
import torch

from perception.messages import RestorePoint
from perception.model import weights_hash
from tests.kits.minds import tiny
from training.mind import restore_points
from training.mind.restore_points import MOST, RestorePointError, RestorePointStore
from training.mind.trained_weights import WeightsError, put_weights, trained_weights
from training.optim.frozen import choose_parameters


def fresh():
    net = tiny().net
    choose_parameters(net, "attention")
    return net


def move(net, by):
    with torch.no_grad():
        for parameter in net.parameters():
            if parameter.requires_grad:
                parameter.add_(by)
    return net


@pytest.mark.parametrize("on_disk", [True, False], ids=["folder", "memory"])
def test_every_rest_comes_back_bit_for_bit(tmp_path, on_disk):
    folder = tmp_path if on_disk else None
    net, known, hashes = fresh(), RestorePointStore(folder, "m"), []
    for step in (10, 20, 30):
        known.add(RestorePoint(0, step, 2, f"rest of {step}", mundane=0.5), move(net, 0.25))
        hashes.append(weights_hash(net))
    again = RestorePointStore(folder, "m") if on_disk else known
    assert [(rest.number, rest.step, rest.label) for rest in again.points] == [
        (1, 10, "rest of 10"),
        (2, 20, "rest of 20"),
        (3, 30, "rest of 30"),
    ]
    for rest, wanted in zip(again.points, hashes, strict=True):
        point, weights = again.find(rest.number)
        put_weights(net, weights)
        assert point == rest
        assert weights_hash(net) == wanted


def test_a_rest_after_which_nothing_was_learned_is_not_kept_twice():
    known, net = RestorePointStore(None, "m"), fresh()
    for step, lessons in ((5, 1), (5, 1), (5, 2), (6, 2)):
        known.add(RestorePoint(0, step, lessons), net)
    assert [(rest.step, rest.lessons) for rest in known.points] == [(5, 1), (5, 2), (6, 2)]


def test_what_is_kept_is_bounded_and_the_newest_and_the_far_ones_stay(tmp_path, monkeypatch):
    known, net = RestorePointStore(tmp_path, "m"), fresh()
    for step in (*range(100, 112), 1000, 2000, 3000):
        known.add(RestorePoint(0, step, 1), net)
    assert len(known.points) == MOST == len(list((tmp_path / restore_points.FOLDER).iterdir()))
    assert [rest.step for rest in known.points][-3:] == [1000, 2000, 3000]
    assert [rest.number for rest in known.points] == sorted(rest.number for rest in known.points)
    monkeypatch.setattr(restore_points, "LARGEST", 1)
    known.add(RestorePoint(0, 4000, 1), net)
    assert [rest.step for rest in known.points] == [4000], "one is always kept"
    assert [rest.step for rest in RestorePointStore(tmp_path, "m").points] == [4000]


def test_broken_and_foreign_files_are_left_out_and_left_alone(tmp_path):
    known, net = RestorePointStore(tmp_path, "m"), fresh()
    for step in (1, 2, 3):
        known.add(RestorePoint(0, step, 1), net)
    files = sorted((tmp_path / restore_points.FOLDER).iterdir())
    files[0].write_bytes(files[0].read_bytes()[:40])
    (tmp_path / restore_points.FOLDER / "notes.safetensors").write_bytes(b"")
    assert [rest.step for rest in RestorePointStore(tmp_path, "m").points] == [2, 3]
    assert RestorePointStore(tmp_path, "another").points == []
    assert len(list((tmp_path / restore_points.FOLDER).iterdir())) == 4
    with pytest.raises(RestorePointError, match="choose another rest: number 1 cannot be read"):
        known.find(1)
    with pytest.raises(RestorePointError, match="rest 9: not remembered; known: 1, 2, 3"):
        known.find(9)


def test_weights_that_do_not_fit_change_nothing():
    net = fresh()
    before, good = weights_hash(net), trained_weights(net)
    name = sorted(good)[-1]
    for odd in (good[name][:-1], torch.full_like(good[name], float("nan"))):
        with pytest.raises(WeightsError, match=r"does not fit|holds NaN"):
            put_weights(net, {key: value + 1 for key, value in good.items()} | {name: odd})
        assert weights_hash(net) == before
