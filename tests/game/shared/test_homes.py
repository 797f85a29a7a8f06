"""Who lives in which of several regions: one home a name, on the disk before anybody is sent there."""

import os
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from game.shared.homes import HOMES, Homes, Residents
from game.shared.realm_folder import RealmFolder
from game.shared.shared_world import RealmError
from tests.faults.disk import little_room

ANNA, BEN = b"a" * 32, b"b" * 32


@pytest.fixture
def homes(tmp_path: Path) -> Iterator[Homes]:
    made = Homes(tmp_path, 2, 5)
    yield made
    made.close()


def test_a_name_has_one_home_for_good(homes: Homes, tmp_path: Path) -> None:
    assert [homes.find(name, name.encode() * 8) for name in ("Aki", "Ben", "Cho", "Dan")] == [0, 1, 0, 1]
    assert homes.find("Eve", ANNA, 1) == 1 and homes.find("EVE", ANNA) == 1 and homes.find("eve", ANNA, 1) == 1
    with pytest.raises(RealmError, match="lives in region 1"):
        homes.find("Eve", ANNA, 0)
    with pytest.raises(RealmError, match="somebody else's"):
        homes.find("eve", BEN)
    with pytest.raises(RealmError, match="no region 2 here"):
        homes.find("Fay", ANNA, 2)
    with pytest.raises(RealmError, match="needs a key"):
        homes.find("Fay", b"")
    assert homes.find("Fay", ANNA) == 0, "where fewest live, and of those that were refused nothing is noted"


def test_a_full_region_takes_nobody_new(homes: Homes, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("game.shared.homes.PLAYERS_MAX", 1)
    assert homes.find("Aki", ANNA, 0) == 0
    with pytest.raises(RealmError, match="all 1 places of region 0 are taken"):
        homes.find("Ben", BEN, 0)
    assert homes.find("Ben", BEN) == 1 and homes.find("Aki", ANNA) == 0


def test_a_home_is_on_the_disk_before_anybody_is_sent_there(homes: Homes, tmp_path: Path) -> None:
    homes.find("Aki", ANNA)
    here, there = Residents(tmp_path, 0), Residents(tmp_path, 1)
    assert here.refusal("aki", ANNA) == "" and "join through" in here.refusal("Aki", BEN)
    assert "join through" in there.refusal("Aki", ANNA) and "join through" in there.refusal("Ben", ANNA)
    homes.find("Ben", BEN)
    assert there.refusal("Ben", BEN) == "", "it hears of those who came later"
    for residents in (here, there):
        residents.close()


def test_a_full_disk_sends_nobody_on_and_gives_nobody_two_homes(homes: Homes, tmp_path: Path) -> None:
    homes.find("Aki", ANNA)
    size = (tmp_path / HOMES).stat().st_size
    with little_room(size + 10):
        for _ in range(2):
            with pytest.raises(OSError, match="homes"):
                homes.find("Ben", BEN)
    assert homes.find("Ben", BEN) == 1
    again = Homes(tmp_path, 2)
    assert again.find("Ben", BEN) == 1 and again.find("Cho", ANNA) == 0, "Ben is counted once"
    again.close()


def test_no_home_is_given_out_before_the_disk_has_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    real, synced, broken = os.fsync, list[int](), [False]

    def fsync(descriptor: int) -> None:
        if broken[0]:
            raise OSError("the disk is gone")
        real(descriptor)
        synced.append(os.fstat(descriptor).st_size)

    homes = Homes(tmp_path, 2)
    monkeypatch.setattr(os, "fsync", fsync)
    homes.find("Aki", ANNA)
    assert synced == [(tmp_path / HOMES).stat().st_size]
    homes.find("Aki", ANNA)
    assert len(synced) == 1, "what is safe is not waited for again"
    broken[0] = True
    for _ in range(2):  # it is written by now, but not on the disk
        with pytest.raises(OSError, match="gone"):
            homes.find("Ben", BEN)
    again = Homes(tmp_path, 2)
    with pytest.raises(OSError, match="gone"):
        again.find("Ben", BEN)  # what a killed front wrote isn't on the disk yet
    broken[0] = False
    assert again.find("Ben", BEN) == 1 and homes.find("Ben", BEN) == 1
    for each in (again, homes):
        each.close()


@settings(max_examples=25, deadline=None)
@given(st.lists(st.tuples(st.sampled_from("ABCDEFG"), st.integers(-1, 2)), max_size=12), st.data())
def test_homes_outlive_a_kill_at_any_byte(
    tmp_path_factory: pytest.TempPathFactory, comings: list[tuple[str, int]], data: st.DataObject
) -> None:
    folder = tmp_path_factory.mktemp("homes")
    homes, lived, sizes = Homes(folder, 3), dict[str, int](), []
    path = folder / HOMES
    sizes.append((path.stat().st_size, dict(lived)))
    for name, wish in comings:
        try:
            lived[name] = homes.find(name, ANNA, wish)
        except RealmError:
            assert wish not in (-1, lived[name])
        sizes.append((path.stat().st_size, dict(lived)))
    homes.close()
    cut = data.draw(st.integers(sizes[0][0], sizes[-1][0]))
    whole = next(known for size, known in reversed(sizes) if size <= cut)
    os.truncate(path, cut)
    again = Homes(folder, 3)
    assert {name: again.find(name, ANNA) for name in whole} == whole
    again.close()


def test_another_whole_is_refused(tmp_path: Path) -> None:
    Homes(tmp_path / "two", 2, 5).close()
    for count, seed, said in ((3, None, "give --regions 2"), (2, 6, "seed 5")):
        with pytest.raises(RealmError, match=said):
            Homes(tmp_path / "two", count, seed)
    RealmFolder(tmp_path / "one", 5).close()
    with pytest.raises(RealmError, match="one realm without regions"):
        Homes(tmp_path / "one", 2)
    (tmp_path / "odd").mkdir()
    (tmp_path / "odd" / HOMES).write_bytes((tmp_path / "one" / "realm.journal").read_bytes())
    with pytest.raises(RealmError, match="homes"):
        Homes(tmp_path / "odd", 2)
