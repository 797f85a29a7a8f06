"""The realm's server over real lines on loopback."""

import itertools
import os
import shutil
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from threading import Thread

import pytest

from common.line.address import Address
from common.line.channel import Left
from common.line.client import Client
from common.line.codec import Codec
from common.line.faults import LineError
from common.line.hello import Visitor
from game.shared import joining
from game.shared import server as realm_server
from game.shared.joined import JoinedRealm
from game.shared.joining import joined, place_folder, place_key
from game.shared.messages import Enter, FromRealm, Leave, Welcome
from game.shared.realm_folder import SNAPSHOT, RealmFolder
from game.shared.server import RealmServer
from game.shared.shared_world import SharedWorld
from game.shared.terms import terms

TOKEN = b"a token of a test, long enough"


class Served:
    """A realm in this process, ticked by the test."""

    def __init__(self, folder: Path, port: int = 0, **options: object) -> None:
        self.server = RealmServer(RealmFolder(folder, 1, secret="s"), Address("127.0.0.1", port), **options)  # type: ignore[arg-type]
        self.address = Address("127.0.0.1", self.server.line.port)

    def until(self, done: Callable[[], bool], *players: JoinedRealm) -> None:
        end = time.monotonic() + 20
        while not done():
            assert time.monotonic() < end, "it did not come to that"
            self.server.tick()
            for player in players:
                player.tick((), False, "terse")
            time.sleep(0.005)

    def join(self, name: str, folder: Path, **options: object) -> JoinedRealm:
        """Joins while the server ticks."""
        box: list = []

        def go() -> None:
            try:
                box.append(joined(name, self.address, folder, **options))  # type: ignore[arg-type]
            except LineError as error:
                box.append(error)

        thread = Thread(target=go)
        thread.start()
        self.until(lambda: not thread.is_alive())
        if isinstance(box[0], LineError):
            raise box[0]
        return box[0]


@pytest.fixture
def served(tmp_path: Path) -> Iterator[Served]:
    realm = Served(tmp_path / "realm")
    yield realm
    realm.server.close()


def test_two_play_one_realm_over_real_lines(served: Served, tmp_path: Path) -> None:
    one, other = served.join("Aki", tmp_path / "a"), served.join("Ben", tmp_path / "b")
    one.tick((("ask",),), True, "terse")
    heard: list = []

    def done() -> bool:
        heard.extend(one.tick((("move", 1, 0),), False, "terse"))
        return bool(heard) and one.view.names == {1: "Ben"} and other.view.names == {0: "Aki"}

    served.until(done, other)
    assert heard[0].actions == (("ask",),)
    one.close()
    served.until(lambda: not other.view.names, other)
    assert any("Aki has left" in note for note in other.notes)
    other.close()


def test_a_realm_that_is_killed_and_comes_back_is_joined_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("game.shared.joined.AGAIN", 0.05)
    served = Served(tmp_path / "realm")
    one = served.join("Aki", tmp_path / "a")
    x = one.view.player.x
    for _ in range(20):
        one.tick((("move", 1, 0),), False, "terse")
        served.server.tick()
        time.sleep(0.01)
    served.until(lambda: one.view.player.x == x + 60, one)
    served.server.close()
    end = time.monotonic() + 10
    while not one.lost:
        one.tick((), False, "terse")
        assert time.monotonic() < end
        time.sleep(0.01)
    assert "trying to come back" in one.notes[-1]
    again = Served(tmp_path / "realm", served.address.port)
    again.until(lambda: not one.lost, one)
    assert one.view.player.x == x + 60 and one.notes[-1] == "The realm is there again"
    one.close()
    again.server.close()


def test_a_name_belongs_to_whoever_came_first(served: Served, tmp_path: Path) -> None:
    served.join("Aki", tmp_path / "a").close()
    served.until(lambda: not served.server.host.guests)
    with pytest.raises(LineError, match=r"name Aki is somebody else's.*--name"):
        served.join("aki", tmp_path / "b")
    served.join("Aki", tmp_path / "a").close()


def test_a_name_is_here_once(served: Served, tmp_path: Path) -> None:
    one = served.join("Aki", tmp_path / "a")
    with pytest.raises(LineError, match="here already"):
        served.join("Aki", tmp_path / "a")
    one.close()


def test_tokens_and_full_realms_and_nobody(tmp_path: Path) -> None:
    served = Served(tmp_path / "realm", token=TOKEN, players=1)
    with pytest.raises(LineError, match="wants a token"):
        served.join("Aki", tmp_path / "a")
    with pytest.raises(LineError, match="token is wrong"):
        served.join("Aki", tmp_path / "a", token=b"another token, long enough")
    one = served.join("Aki", tmp_path / "a", token=TOKEN)
    with pytest.raises(LineError, match="full"):
        served.join("Ben", tmp_path / "b", token=TOKEN)
    one.close()
    served.server.close()
    began = time.monotonic()
    with pytest.raises(LineError, match="nobody answers"):
        joined("Aki", served.address, tmp_path / "a", TOKEN)
    assert time.monotonic() - began < 4, "at once"


def test_another_version_and_other_rules_are_named(
    served: Served, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    own = terms()
    monkeypatch.setattr(joining, "terms", lambda: replace(own, version=9))
    with pytest.raises(LineError, match=r"version 2.*9"):
        served.join("Aki", tmp_path / "a")
    monkeypatch.setattr(joining, "terms", lambda: replace(own, rules={**own.rules, "quests.toml": "other"}))
    with pytest.raises(LineError, match=r"quests\.toml differs"):
        served.join("Aki", tmp_path / "a")


def test_what_is_no_message_ends_that_line_alone(served: Served, tmp_path: Path) -> None:
    one = served.join("Aki", tmp_path / "a")
    codec: Codec[FromRealm] = Codec(FromRealm)
    bad = Client(served.address, terms(), codec, Visitor("Bad", b"k" * 32))
    for message in ({"type": "fly"}, {"type": "deeds", "last": -1, "walks": b""}, [1, 2], "text"):
        bad.send(message)
    served.until(lambda: bool(bad.poll()), one)
    bad.close()
    served.until(lambda: set(served.server.host.guests) == {0}, one)
    assert not one.lost
    one.close()


def test_who_never_enters_has_no_place(served: Served) -> None:
    codec: Codec[FromRealm] = Codec(FromRealm)
    shy = Client(served.address, terms(), codec, Visitor("Shy", b"k" * 32))
    for _ in range(10):
        served.server.tick()
    assert not served.server.host.guests and not [m for m in shy.poll() if isinstance(m, Welcome)]
    shy.close()


def test_who_leaves_is_hung_up_on_and_others_are_not(served: Served, tmp_path: Path) -> None:
    stays = served.join("Ben", tmp_path / "b")
    codec: Codec[FromRealm] = Codec(FromRealm)
    with Client(served.address, terms(), codec, Visitor("Aki", b"k" * 32)) as line:
        heard: list = []
        line.send(Enter())
        served.until(lambda: bool(heard.extend(line.poll()) or heard), stays)
        line.send(Leave())
        served.until(lambda: bool(heard.extend(line.poll())) or isinstance(heard[-1], Left), stays)
    assert heard[-1] == Left("you left", again=False)
    assert set(served.server.host.guests) == {0} and not stays.lost
    stays.close()


def test_a_realm_is_saved_now_and_then_while_it_goes_on(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = RealmFolder(tmp_path / "realm", 1, secret="s")
    server, clock, saves = RealmServer(folder, Address("127.0.0.1", 0)), [100.0], []
    monkeypatch.setattr(realm_server, "monotonic", lambda: clock[0])
    monkeypatch.setattr(realm_server, "sleep", lambda seconds: clock.append(clock.pop() + seconds))
    monkeypatch.setattr(realm_server, "SAVE_EVERY", 1.0)
    real, world = server.save, folder.shared.world

    def save() -> None:
        saves.append(world.tick)
        real()
        assert server._saving is not None
        server._saving.join()

    monkeypatch.setattr(server, "save", save)
    server.run(lambda: world.tick < 122)
    assert len(saves) == 3 and all(28 <= later - earlier <= 33 for earlier, later in itertools.pairwise([0, *saves]))
    copy = tmp_path / "copy"
    shutil.copytree(tmp_path / "realm", copy, ignore=shutil.ignore_patterns(".*"))
    (copy / SNAPSHOT).replace(tmp_path / "snapshot")
    other = RealmFolder(copy)
    assert other.shared.world.tick == 120, "the journal alone leads to its last beat"
    other.close()
    (tmp_path / "snapshot").replace(copy / SNAPSHOT)
    monkeypatch.setattr(SharedWorld, "take", lambda self, record: taken.append(record[1]))
    taken: list[int] = []
    RealmFolder(copy).close()
    assert taken and min(taken) > saves[-1], "what is older is in the snapshot"
    server.close()


@pytest.mark.skipif(os.name != "posix", reason="permissions")
def test_the_key_of_a_place_is_its_owners_alone(tmp_path: Path) -> None:
    key = place_key(tmp_path / "p")
    assert place_key(tmp_path / "p") == key and len(key) == 32
    assert (tmp_path / "p" / joining.PLACE).stat().st_mode & 0o077 == 0
    (tmp_path / "p" / joining.PLACE).write_bytes(b"short")
    with pytest.raises(ValueError, match="not the key of a place"):
        place_key(tmp_path / "p")
    with pytest.raises(ValueError, match="no name for a player"):
        place_folder(Address("h", 1), "../up")
