"""Journeys that began with a mind that was shipped before go on with it."""

import os
from pathlib import Path

import pytest

from commands.minds import mind
from commands.parser import build_parser
from common.assets import NOVICE, SEER
from perception.model import load, save, weights_hash
from tests.kits.minds import tiny
from training.mind import earlier
from training.mind.mind_store import SavedMind, model_named, save_mind


@pytest.fixture(scope="module")
def shipped():
    return load(NOVICE)


def began_with(folder: Path, model: str) -> Path:
    save_mind(folder, None, SavedMind(model, 3, ()))
    return folder


def test_an_old_journey_keeps_its_own_mind_and_its_born_seer(tmp_path: Path, shipped) -> None:
    (novice, seer), *_ = earlier.PAIRS.items()
    named = weights_hash(load(novice).net)
    folder = began_with(tmp_path / "slot", named)
    model, born = earlier.mind_of(NOVICE, shipped, folder, None)
    assert (weights_hash(model.net), born) == (named, seer) and seer.is_dir()
    assert earlier.mind_of(NOVICE, shipped, folder, SEER)[1] == seer
    assert earlier.mind_of(NOVICE, shipped, folder, tmp_path)[1] == tmp_path  # the player's own choice
    (folder / "journal.msgpack.bak").write_bytes((folder / "journal.msgpack").read_bytes())
    (folder / "journal.msgpack").write_bytes(b"torn")
    assert model_named(folder) == named


def test_a_journey_of_today_or_of_ones_own_model_stays_as_it_is(tmp_path: Path, shipped) -> None:
    own = tiny()
    save(own, tmp_path / "own")
    old = began_with(tmp_path / "old", weights_hash(load(next(iter(earlier.PAIRS))).net))
    assert earlier.mind_of(NOVICE, shipped, None, None) == (shipped, None)
    assert earlier.mind_of(NOVICE, shipped, tmp_path / "new", None) == (shipped, None)
    today = began_with(tmp_path / "today", weights_hash(shipped.net))
    assert earlier.mind_of(NOVICE, shipped, today, None) == (shipped, None)
    assert earlier.mind_of(tmp_path / "own", own, old, None) == (own, None)  # refused as before, by the mind's store
    foreign = began_with(tmp_path / "foreign", "0" * 16)
    assert earlier.mind_of(NOVICE, shipped, foreign, None) == (shipped, None)


def test_the_command_that_a_game_starts_goes_on_with_the_journeys_own_mind(tmp_path: Path, monkeypatch) -> None:
    (novice, seer), *_ = earlier.PAIRS.items()
    named = weights_hash(load(novice).net)
    folder = began_with(tmp_path / "slot", named)
    served = list[tuple[str, Path | None, Path | None]]()
    monkeypatch.setattr("perception.wire.standard_stream", lambda: None)
    monkeypatch.setattr(
        "training.mind.serve.serve_stream",
        lambda line, model, place, nice, seed, seer: served.append((weights_hash(model.net), place, seer)),
    )
    reads, writes = os.pipe()  # nobody hangs up while it loads
    with open(reads, "rb") as stdin, open(writes, "wb"):
        monkeypatch.setattr("sys.stdin", stdin)
        assert mind(build_parser().parse_args(["mind", "--folder", str(folder), "--device", "cpu"])) == 0
    assert served == [(named, folder, seer)]
