"""Several realms behind one address: a name has one home, on the disk before anybody is sent there."""

import os
import signal
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from threading import Thread

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec import ValidationError
from msgspec.msgpack import decode
from msgspec.structs import replace

from common.line.address import Address
from common.line.faults import LineError
from common.line.hello import Hello, Refused, SentOn, Visitor, hello_for
from game.shared import regions
from game.shared.homes import HOMES, Homes, Residents, folder_of
from game.shared.joined import JoinedRealm
from game.shared.joining import joined
from game.shared.messages import encode
from game.shared.realm_folder import RealmFolder
from game.shared.regions import Front, RegionProcess
from game.shared.server import RealmServer
from game.shared.shared_world import RealmError
from game.shared.terms import terms
from tests.faults import regions as faults
from tests.faults.disk import little_room
from tests.kits.raw_line import RawLine

TOKEN = b"a token of a test, long enough"
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


class Whole:
    """Two regions in this process, ticked by the test, and their front."""

    def __init__(self, stack: ExitStack, folder: Path) -> None:
        self.front = Front(Homes(folder, 2, 1), Address("127.0.0.1", 0), token=TOKEN)
        stack.callback(self.front.close)
        self.servers = []
        for region in range(2):
            realm = RealmFolder(folder_of(folder, region), 1 + region, secret="s")
            residents = Residents(folder, region)
            server = RealmServer(realm, Address("127.0.0.1", 0), token=TOKEN, residents=residents)
            stack.callback(server.close)
            self.servers.append(server)
            self.front.ports[region] = server.line.port

    def join(self, name: str, port: int, folder: Path, **options: object) -> JoinedRealm:
        box: list = []

        def go() -> None:
            try:
                box.append(joined(name, Address("127.0.0.1", port), folder, **options))  # type: ignore[arg-type]
            except LineError as error:
                box.append(error)

        thread = Thread(target=go)
        thread.start()
        while thread.is_alive():
            for server in self.servers:
                server.tick()
            time.sleep(0.005)
        if isinstance(box[0], LineError):
            raise box[0]
        return box[0]


def test_everybody_is_sent_on_to_where_they_live(tmp_path: Path) -> None:
    with ExitStack() as stack:
        whole = Whole(stack, tmp_path / "realm")
        port = whole.front.line.port
        one = whole.join("Aki", port, tmp_path / "a", token=TOKEN)
        other = whole.join("Ben", port, tmp_path / "b", token=TOKEN)
        friend = whole.join("Cho", port, tmp_path / "c", token=TOKEN, region=1)
        assert [realm.view.seed for realm in (one, other, friend)] == [1, 2, 2]
        assert [len(server.host.guests) for server in whole.servers] == [1, 2]
        for name, options, said in (
            ("Dan", {}, "wants a token"),
            ("Dan", {"token": TOKEN + b"x"}, "token is wrong"),
            ("Aki", {"token": TOKEN}, "somebody else's"),
        ):
            with pytest.raises(LineError, match=said):
                whole.join(name, port, tmp_path / "d", **options)
        with pytest.raises(LineError, match="no place in region 0"):
            whole.join("Dan", whole.front.ports[0], tmp_path / "d", token=TOKEN)
        whole.front.ports[0] = 0
        with pytest.raises(LineError, match="starts just now") as refused:
            whole.join("Eve", port, tmp_path / "e", token=TOKEN, region=0)
        assert refused.value.again
        whole.front.ports[0] = port
        with pytest.raises(LineError, match="from port to port"):
            whole.join("Eve", port, tmp_path / "e", token=TOKEN)
        for realm in (one, other, friend):
            realm.close()


def test_a_front_lets_nobody_in_and_says_where_to_go(tmp_path: Path) -> None:
    front = Front(Homes(tmp_path, 2), Address("127.0.0.1", 0))
    front.ports[:] = [1234, 2345]
    for visitor, said in (
        (Visitor("Aki"), Refused("a name needs a key that claims its place; update your program")),
        (Visitor("Aki", ANNA), SentOn(1234)),
        (Visitor("Ben", BEN, region=1), SentOn(2345)),
        (Visitor("Aki", BEN), Refused("the name Aki is somebody else's in this realm; choose another --name")),
    ):
        with RawLine(front.line.port) as raw:
            raw.send(encode(hello_for(raw.said(), terms(), visitor, None)))
            assert raw.said() == said and raw.closed() == "sent on"
    assert front.line.poll() == []
    front.close()


def test_a_hello_without_a_wish_is_as_ever() -> None:
    plain = Hello("p", 1, {}, "Aki", b"p" * 32, b"k", b"v")
    assert b"region" not in encode(plain)
    for region in (0, 63):
        assert decode(encode(replace(plain, region=region)), type=Hello).region == region
    with pytest.raises(ValidationError):
        decode(encode(replace(plain, region=64)), type=Hello)


def _looks_until(process: RegionProcess, done: Callable[[], bool]) -> None:
    end = time.monotonic() + 20
    while not done():
        assert time.monotonic() < end
        process.look(time.monotonic())
        time.sleep(0.01)


SERVES = "import json, sys; print(json.dumps({'port': int(sys.argv[1]) or 77}), flush=True); sys.stdin.read()"


def test_a_region_is_started_again_where_it_was_and_ends_with_the_front(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(regions, "AGAIN_S", (0.01, 0.01))
    said: list[str] = []
    ports: list[int] = []

    def command(region: int, port: int) -> list[str]:
        ports.append(port)
        return [sys.executable, "-S", "-c", SERVES, str(port)]

    process = RegionProcess(3, 0, command, said.append)
    _looks_until(process, lambda: process.port == 77)
    pid = process.pid
    os.kill(pid, signal.SIGKILL)
    _looks_until(process, lambda: process.pid not in (0, pid) and process.port == 77)
    assert said == ["region 3 ended (status -9); it is started again"] and ports == [0, 77]
    process.ask_to_end()
    process.end()
    _looks_until(process, lambda: not process.pid)
    assert said[-1] == "region 3 ended (status 0); it is started again"


def test_a_region_that_ends_soon_is_tried_ever_more_seldom(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(regions, "AGAIN_S", (10.0, 30.0))
    process = RegionProcess(0, 0, lambda region, port: [sys.executable, "-S", "-c", SERVES, "5"], lambda line: None)
    process.look(0.0)
    waits, now = [], 1.0
    for _ in range(3):
        end = time.monotonic() + 20
        while not process.port:
            assert time.monotonic() < end
            time.sleep(0.01)
        os.kill(process.pid, signal.SIGKILL)
        while process.pid:
            process.look(now)
        began = now
        while not process.pid:
            now += 1.0
            process.look(now)
        waits.append(now - began)
    process.ask_to_end()
    process.end()
    assert waits == [20.0, 30.0, 30.0]


def test_a_region_that_ends_as_soon_as_it_listens_is_no_port_and_is_started_again(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    real = regions.json.loads

    def late(line: str) -> object:
        time.sleep(0.3)
        return real(line)

    monkeypatch.setattr(regions.json, "loads", late)
    said: list[str] = []
    command = [sys.executable, "-S", "-c", "print('{\"port\": 5}')"]
    process = RegionProcess(2, 0, lambda region, port: command, said.append)
    _looks_until(process, lambda: bool(said))
    assert said == ["region 2 ended (status 0); it is started again"] and (process.port, process.pid) == (0, 0)
    time.sleep(0.4)
    assert process.port == 0, "nor does its port come later"


def test_a_machine_without_a_free_process_ends_no_region_for_good(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(regions, "AGAIN_S", (0.01, 0.01))
    said: list[str] = []
    process = RegionProcess(0, 0, lambda region, port: [sys.executable, "-S", "-c", SERVES, "5"], said.append)

    def none_free(*words: object, **options: object) -> None:
        raise BlockingIOError("no process is free")

    with monkeypatch.context() as patch, pytest.raises(BlockingIOError):
        patch.setattr(regions.subprocess, "Popen", none_free)
        process.look(1.0)
    _looks_until(process, lambda: process.port == 5)
    os.kill(process.pid, signal.SIGKILL)
    _looks_until(process, lambda: not process.pid)
    with monkeypatch.context() as patch:
        patch.setattr(regions.subprocess, "Popen", none_free)
        _looks_until(process, lambda: len(said) == 2)
    assert said[1] == "region 0 can't be started: no process is free; it is tried again"
    _looks_until(process, lambda: process.port == 5)
    process.ask_to_end()
    process.end()


def test_a_region_that_never_starts_ends_all_in_one_line() -> None:
    said: list[str] = []
    command = [sys.executable, "-S", "-c", "import sys; print('no such folder', file=sys.stderr); sys.exit(2)"]
    process = RegionProcess(1, 0, lambda region, port: command, said.append)
    with pytest.raises(LineError, match=r"region 1 doesn't start \(status 2\)"):
        _looks_until(process, lambda: False)
    assert said == ["region 1: no such folder"], "it stands above"


def test_kills_of_a_region_are_noticed_in_no_other(tmp_path: Path) -> None:
    row = faults.kills(tmp_path / "realm", 1, 0, lambda *how_far: None)
    assert row.good and row.numbers["came_back"] == 1, row.came
