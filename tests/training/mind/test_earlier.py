"""Journeys that began with a mind that was shipped before go on with it."""

from argparse import Namespace
from pathlib import Path

import pytest

from commands import minds
from common.assets import NOVICE, SEER
from perception.messages import FromMind, Quit, Ready
from perception.model import Model, load, save, weights_hash
from perception.wire import Decoder, encode
from tests.kits.commandkit import run
from tests.kits.minds import tiny
from training.mind import replay
from training.mind.earlier import PAIRS, load_for
from training.mind.mind_store import SavedMind, model_named, save_mind

((EARLIER, BORN),) = PAIRS.items()


def began_with(folder: Path, model: Model) -> Path:
    save_mind(folder, None, SavedMind(weights_hash(model.net), 3, ()))
    return folder


@pytest.fixture(scope="module")
def old(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of a journey that began with the earlier novice."""
    return began_with(tmp_path_factory.mktemp("old") / "slot", load(EARLIER))


def loaded(journey: Path | None, source: Path = NOVICE, seer: Path | None = None) -> tuple[str, Path | None]:
    model, born = load_for(journey, str(source), "cpu", seer)
    return model.name, born


def test_an_old_journey_keeps_its_own_mind_and_its_born_seer(old: Path, tmp_path: Path) -> None:
    assert loaded(old) == loaded(old, seer=SEER) == ("novice-16", BORN) and BORN.is_dir()
    assert loaded(old, seer=tmp_path) == ("novice-16", tmp_path)  # the player's own choice
    (old / "journal.msgpack.bak").write_bytes((old / "journal.msgpack").read_bytes())
    (old / "journal.msgpack").write_bytes(b"torn")
    assert model_named(old) is not None and loaded(old)[0] == "novice-16"
    (old / "journal.msgpack.bak").rename(old / "journal.msgpack")


def test_a_journey_of_today_or_of_ones_own_model_stays_as_it_is(old: Path, tmp_path: Path) -> None:
    own = tiny()
    save(own, tmp_path / "own")
    today = began_with(tmp_path / "today", load(NOVICE))
    foreign = began_with(tmp_path / "foreign", own)
    for journey in (None, tmp_path / "new", today, foreign):
        assert loaded(journey) == ("novice", None)
    assert loaded(old, tmp_path / "own") == ("own", None)  # refused as before, by the mind's store


def test_the_mind_of_a_game_wakes_as_that_one(old: Path) -> None:
    """The command that a game starts, in a process of its own."""
    status, out, _ = run("mind", "--folder", str(old), "--device", "cpu", "--nice", "0", stdin=encode(Quit()))
    ready = Decoder[FromMind](FromMind).feed(out)[0]
    assert status == 0 and isinstance(ready, Ready) and ready.model == "novice-16"


def test_a_replay_lives_with_that_one(old: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    models = []

    def stop(folder: Path, model: Model, *rest: object) -> None:
        models.append(model.name)
        raise ValueError("far enough")

    monkeypatch.setattr(replay, "replay_journey", stop)
    options = Namespace(listen=None, folder=tmp_path / "new", replay=old, model=str(NOVICE), device="cpu")
    with pytest.raises(ValueError, match="far enough"):
        minds.replay_mind(options)
    assert models == ["novice-16"]
