"""The fault table itself: a few of its rows, quickly; and that a row turns bad when something breaks."""

import json
from pathlib import Path
from random import Random

import pytest
from msgspec.structs import replace

from common.line.codec import Codec
from common.line.faults import BadMessage
from game.realm.senses import in_sight
from game.shared.messages import FromPlayer, encode
from game.shared.realm_folder import live_again
from game.shared.shared_world import SharedWorld
from tests.faults import disk, frames, kills, lives, minds, visitors
from tests.faults.__main__ import main
from tests.faults.frames import HONEST, MAKERS, accepts
from tests.faults.house import served
from tests.faults.table import lines_of, tally
from tests.kits.sharedkit import Realm
from training.mind.mind import Mind
from training.mind.mind_store import SavedMind, pack_journal


def silent(what: str, done: int, of: int) -> None:
    """No progress is shown."""


def test_hostile_frames_are_refused_and_honest_ones_taken() -> None:
    row = frames.decoded(400, 1, silent)
    assert row.good and (row.times, row.numbers["accepted"], row.numbers["crashes"]) == (400, 0, 0)
    assert [accepts(Codec(FromPlayer), encode(message)) for message in HONEST] == [(True, "")] * len(HONEST)


def test_a_decoder_that_is_brought_down_is_seen(monkeypatch: pytest.MonkeyPatch) -> None:
    def careless(self: object, data: bytes) -> None:
        if data.startswith(b"\x91\x91"):
            raise RecursionError
        raise BadMessage("no")

    monkeypatch.setattr(Codec, "decode", careless)
    row = frames.decoded(64, 0, silent)
    assert not row.good and row.numbers["crashes"]


@pytest.mark.parametrize("name", MAKERS)
def test_frames_are_drawn_from_a_seed(name: str) -> None:
    first, other = Random(5), Random(5)
    assert [MAKERS[name](first) for _ in range(5)] == [MAKERS[name](other) for _ in range(5)]


def test_some_visitors(tmp_path: Path) -> None:
    with served(tmp_path / "realm") as house:
        for attempt in (visitors.wrong_order, visitors.second_hello, visitors.anothers_place, visitors.full):
            assert attempt(house, f"V{attempt.__name__}".replace("_", "")[:20]) == ""


def test_a_realm_that_lets_anybody_in_is_seen(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(SharedWorld, "refusal", lambda self, name, key: "")
    with served(tmp_path / "realm") as house:
        assert visitors.anothers_place(house, "Aki") == "let in"


def test_a_full_disk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(disk, "WATCHED_S", 0.3)
    monkeypatch.setattr(disk, "ROOM", 100)
    assert disk.full_disk(tmp_path / "realm", 0) == ""


def test_a_minds_full_disk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert minds.full_disk(tmp_path / "mind", 0) == ""
    monkeypatch.setattr(Mind, "unsaved", False)
    assert "2 acknowledged too early" in minds.full_disk(tmp_path / "hasty", 0)


def test_a_damaged_snapshot(tmp_path: Path) -> None:
    assert disk.damaged(tmp_path / "realm", 0) == ""


def test_lessons_that_are_lost_or_strange_are_counted(tmp_path: Path) -> None:
    homes = {name: tmp_path / name for name in kills.SHARES}
    own = homes["mind"] / "players" / lives.NAME.casefold()
    own.mkdir(parents=True)
    realm = Realm(homes["realm"], 1)
    one = realm.join(lives.NAME)
    for _, place in in_sight(realm.world)[:3]:
        one.tick((("name", place, "oni"),), True, "terse")
        for _ in range(3):
            realm.host.tick()
    realm.folder.close()
    taught = kills.lessons_of(live_again(homes["realm"]))
    counts = {"realm": 1, "game": 0, "mind": 0, "died": 0}
    invented = replace(taught[0], source="nobody")
    for held, lost, strange in ((taught, 0, 0), (taught[1:], 1, 0), ([*taught, invented], 0, 1)):
        (own / "journal.msgpack").write_bytes(pack_journal(SavedMind("m", 0, tuple(held))))
        row = kills._row(homes, counts, True, [])
        assert (row.numbers["told"], row.numbers["lost"], row.numbers["strange"]) == (3, lost, strange)
        assert row.good == (not lost and not strange)
    assert not kills._row(homes, counts, False, []).good and not kills._row(homes, counts, True, ["x"]).good


def test_rows_say_what_came() -> None:
    row = tally("a fault", "nothing", ["", "fell over", ""])
    assert not row.good and row.came == "2 of 3 as expected; else: fell over"
    assert lines_of({"a": row})[0].startswith("BAD a fault (3)")
    assert tally("a fault", "nothing", ["", ""]).good


def test_the_command_writes_its_table(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    flags = ["--only", "frames", "--frames", "50", "--lines", "24", "--json", "--out", str(tmp_path / "t.json")]
    assert main(flags) == 0
    result = json.loads((tmp_path / "t.json").read_text())
    assert json.loads(capsys.readouterr().out) == result and result["bad"] == 0
    assert result["rows"]["frames_on_lines"]["refused"] == 24
    with pytest.raises(SystemExit):
        main(["--kills", "0"])
