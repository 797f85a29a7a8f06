"""One realm of many players: what they did and were told comes back after any end."""

import shutil
from pathlib import Path
from random import Random
from zlib import crc32

import msgpack
import pytest

from common.locks import FolderInUse
from game.realm.policy import RandomPolicy
from game.realm.replay import state_hash
from game.realm.senses import in_sight
from game.shared.journal import HEAD
from game.shared.messages import STAND, Told, encode, walk_code, walk_of
from game.shared.realm_folder import JOURNAL, SNAPSHOT, RealmFolder, header, live_again
from game.shared.shared_world import RealmError, SharedWorld


def key(name: str) -> bytes:
    return name.encode() * 4


def play(shared: SharedWorld, ticks: int, seed: int) -> list[list[Told]]:
    """Everybody who is here acts as chance has it, and some come and go. Returns what each was told."""
    rng, policy = Random(seed), RandomPolicy(seed)
    heard: list[list[Told]] = [[] for _ in range(16)]
    for tick in range(ticks):
        if tick % 40 == 0 and len(shared.places) < 5:
            name = f"player{len(shared.places)}"
            shared.come(shared.claim(name, key(name)))
        deeds = {}
        for place in shared.places:
            if place.number not in shared.here:
                continue
            player = shared.world.players[place.number]
            acts = policy(shared.world, player)
            place.walk = next((walk_code(act[1:]) for act in acts if act[0] == "move"), STAND)
            others = [act for act in acts if act[0] != "move"]
            if rng.random() < 0.05:
                spot = rng.choice(in_sight(shared.world, player))[1]
                others.append(("name", spot, rng.choice(shared.world.rules.species)))
            if others:
                deeds[place.number] = others
        for place in shared.tick(deeds):
            heard[place.number].append(place.told[-1])
        if rng.random() < 0.02:
            place = rng.choice(shared.places)
            (shared.go if place.number in shared.here else shared.come)(place)
    return heard


def all_told(shared: SharedWorld) -> list[bytes]:
    return [encode(list(place.told)) for place in shared.places]


def test_all_of_it_can_be_lived_through_again(tmp_path: Path) -> None:
    folder = RealmFolder(tmp_path / "r", 3)
    heard = play(folder.shared, 400, 1)
    state, tick = state_hash(folder.shared.world), folder.shared.world.tick
    folder.close()
    again = live_again(tmp_path / "r")
    assert (state_hash(again.world), again.world.tick) == (state, tick)
    assert sum(map(len, heard)) > 20 and [list(place.told) for place in again.places] == heard[: len(again.places)]
    assert [place.name for place in again.places] == [f"player{number}" for number in range(5)]


@pytest.mark.parametrize("saved_at", [None, 130])
def test_after_a_kill_the_realm_goes_on_as_it_would_have(tmp_path: Path, saved_at: int | None) -> None:
    """A kill is a copy of the folder at that moment: nothing that the process would still have written is in it."""
    folder = RealmFolder(tmp_path / "r", 5)
    if saved_at:
        play(folder.shared, saved_at, 1)
        folder.save(folder.saved())
    play(folder.shared, 170, 2)
    heard = all_told(folder.shared)
    shutil.copytree(tmp_path / "r", tmp_path / "killed")
    rescued = RealmFolder(tmp_path / "killed")
    world, was = rescued.shared.world, folder.shared.world
    assert all_told(rescued.shared) == heard, "what was told is told again until it is acknowledged"
    assert was.tick - 30 <= world.tick <= was.tick
    for place in rescued.shared.places:  # those who were in play come back, and the ticks after the last record pass
        assert rescued.shared.named[place.name].claim == folder.shared.named[place.name].claim
    while world.tick < was.tick:
        rescued.shared.tick({})
    assert state_hash(world) == state_hash(was)
    play(rescued.shared, 30, 3)
    rescued.close()
    folder.close()
    assert live_again(tmp_path / "killed").world.tick == world.tick


def test_a_kill_at_any_byte_leaves_a_realm_that_goes_on(tmp_path: Path) -> None:
    folder = RealmFolder(tmp_path / "r", 6)
    play(folder.shared, 120, 1)
    folder.close()
    (tmp_path / "r" / SNAPSHOT).unlink()
    raw, rng, last = (tmp_path / "r" / JOURNAL).read_bytes(), Random(0), -1
    for size in sorted(rng.sample(range(len(raw)), 12)):
        cut = tmp_path / f"cut{size}"
        cut.mkdir()
        (cut / JOURNAL).write_bytes(raw[:size])
        again = RealmFolder(cut, 6)
        assert again.shared.world.tick >= last
        last = again.shared.world.tick
        again.close()


def test_a_snapshot_that_is_broken_is_said_and_the_journal_tells_all(tmp_path: Path) -> None:
    folder = RealmFolder(tmp_path / "r", 7)
    play(folder.shared, 80, 1)
    state = state_hash(folder.shared.world)
    folder.close()
    path = tmp_path / "r" / SNAPSHOT
    path.write_bytes(path.read_bytes()[:-9] + b"000000000")
    again = RealmFolder(tmp_path / "r")
    assert "lived through again" in again.note and state_hash(again.shared.world) == state
    again.close()


def test_a_realm_that_was_killed_between_two_beats_can_be_lived_through_again(tmp_path: Path) -> None:
    folder = RealmFolder(tmp_path / "r", 3)
    for _ in range(20):
        folder.shared.tick({})
    folder.save(folder.saved())  # the journal ends 20 ticks before this
    shutil.copytree(tmp_path / "r", tmp_path / "killed")
    again = RealmFolder(tmp_path / "killed")
    for _ in range(29):
        again.shared.tick({})
    again.shared.come(again.shared.claim("Aki", key("Aki")))
    again.close()
    assert live_again(tmp_path / "killed").world.tick == 49
    folder.close()


def test_a_snapshot_never_follows_a_journal_that_is_not_written(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = RealmFolder(tmp_path / "r", 3)
    folder.save(folder.saved())
    with monkeypatch.context() as patched:
        patched.setattr(folder.shared.journal, "flush", lambda: False)  # the disk refuses
        folder.shared.come(folder.shared.claim("Aki", key("Aki")))
        with pytest.raises(OSError, match="not written"):
            folder.save(folder.saved())
    shutil.copytree(tmp_path / "r", tmp_path / "killed")
    RealmFolder(tmp_path / "killed").close()
    folder.close()


def test_a_place_is_claimed_by_its_key_alone(tmp_path: Path) -> None:
    folder = RealmFolder(tmp_path / "r", 0)
    shared = folder.shared
    place = shared.claim("Aki", key("a"))
    assert shared.claim("aki", key("a")) is place, "capitals make no other name"
    with pytest.raises(RealmError, match="somebody else's"):
        shared.claim("AKI", key("b"))
    with pytest.raises(RealmError, match="key"):
        shared.claim("Ben", b"")
    folder.close()
    again = RealmFolder(tmp_path / "r")
    assert again.shared.refusal("Aki", key("b")) and not again.shared.refusal("Aki", key("a"))
    again.close()


def test_a_folder_has_one_server_and_one_seed(tmp_path: Path) -> None:
    folder = RealmFolder(tmp_path / "r", 1)
    with pytest.raises(FolderInUse):
        RealmFolder(tmp_path / "r")
    folder.close()
    with pytest.raises(RealmError, match="seed 1"):
        RealmFolder(tmp_path / "r", 2)
    RealmFolder(tmp_path / "r", 1).close()


def test_two_realms_of_one_seed_share_the_map_and_not_the_spirits(tmp_path: Path) -> None:
    one, other = RealmFolder(tmp_path / "a", 4), RealmFolder(tmp_path / "b", 4)
    first, second = one.shared.world, other.shared.world
    assert first.map == second.map and first.traces.here != second.traces.here
    one.close()
    other.close()


def forge(path: Path, records: list) -> None:
    body = [msgpack.packb(record) for record in records]
    path.write_bytes(b"".join(HEAD.pack(len(raw), crc32(raw)) + raw for raw in body))


@pytest.mark.parametrize(
    ("extra", "fault"),
    [
        (["tick", 10**6, {}, {}], "tick"),
        (["tick", 0, {9: 1}, {}], "no realm wrote"),
        (["tick", 0, {}, {0: [["fly", 1]]}], "no realm wrote"),
        (["odd", 0], "odd"),
        ("text", "no realm wrote"),
    ],
)
def test_records_that_no_realm_wrote_are_refused(tmp_path: Path, extra: object, fault: str) -> None:
    folder = RealmFolder(tmp_path / "r", 0)
    folder.close()
    begins = ["realm", 0, "second-sight-shared-realm", 1, *_own(folder)]
    (tmp_path / "r" / SNAPSHOT).unlink()
    forge(tmp_path / "r" / JOURNAL, [begins, extra])
    with pytest.raises(RealmError, match=fault):
        RealmFolder(tmp_path / "r")


def _own(folder: RealmFolder) -> list:
    return header(folder.shared.world)[4:]


@pytest.mark.parametrize(("version", "mark", "fault"), [(9, None, "version 9"), (1, "other", "other rules")])
def test_other_versions_and_rules_are_named(tmp_path: Path, version: int, mark: str | None, fault: str) -> None:
    folder = RealmFolder(tmp_path / "r", 0)
    folder.close()
    own = _own(folder)
    forge(tmp_path / "r" / JOURNAL, [["realm", 0, "second-sight-shared-realm", version, mark or own[0], *own[1:]]])
    (tmp_path / "r" / SNAPSHOT).unlink()
    with pytest.raises(RealmError, match=fault):
        RealmFolder(tmp_path / "r")


def test_walks_have_codes() -> None:
    walks = [(dx, dy) for dx in (-1, 0, 1) for dy in (-1, 0, 1)]
    assert [walk_of(walk_code(walk)) for walk in walks] == walks and walk_of(99) == (0, 0)
    assert walk_code((0, 0)) == STAND
