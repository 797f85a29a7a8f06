"""Several realms behind one address: everybody is sent on to where they live, and the regions are kept alive."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path
from threading import Thread

import pytest
from msgspec import ValidationError
from msgspec.msgpack import decode
from msgspec.structs import replace

from common.line.address import Address
from common.line.faults import LineError
from common.line.hello import Hello, Refused, SentOn, Visitor, hello_for
from common.locks import hold
from game.shared import regions
from game.shared.homes import Homes, Residents, folder_of
from game.shared.joined import JoinedRealm
from game.shared.joining import joined
from game.shared.messages import encode
from game.shared.realm_folder import SNAPSHOT, RealmFolder, live_again
from game.shared.regions import Front, RegionProcess
from game.shared.server import RealmServer
from game.shared.terms import terms
from tests.faults import regions as faults
from tests.kits.raw_line import RawLine

ROOT = Path(__file__).parents[3]
TOKEN = b"a token of a test, long enough"
ANNA, BEN = b"a" * 32, b"b" * 32


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
    for lived in (0.0, 0.0, 0.0, regions.STEADY_S + 1.0):
        end = time.monotonic() + 20
        while not process.port:
            assert time.monotonic() < end
            time.sleep(0.01)
        os.kill(process.pid, signal.SIGKILL)
        now += lived
        while process.pid:
            process.look(now)
        began = now
        while not process.pid:
            now += 1.0
            process.look(now)
        waits.append(now - began)
    process.ask_to_end()
    process.end()
    assert waits == [20.0, 30.0, 30.0, 10.0]


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

    with monkeypatch.context() as patch:
        patch.setattr(regions.subprocess, "Popen", none_free)
        with pytest.raises(BlockingIOError):
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


def test_a_region_that_does_not_end_is_killed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(regions, "PATIENCE_S", 0.05)
    deaf = SERVES.replace("sys.stdin.read()", "import time; time.sleep(60)")
    process = RegionProcess(0, 0, lambda region, port: [sys.executable, "-S", "-c", deaf, "5"], lambda line: None)
    _looks_until(process, lambda: process.port == 5)
    process.ask_to_end()
    process.end()
    with pytest.raises(ProcessLookupError):
        os.kill(process.pid, 0)


def test_the_command_serves_a_region_that_saves_when_its_front_is_killed(tmp_path: Path) -> None:
    command = [sys.executable, "main.py", "realm", "--listen", "127.0.0.1:0", "--folder", str(tmp_path / "r")]
    command += ["--regions", "1", "--seed", "5"]
    realm, end = None, time.monotonic() + 60
    with subprocess.Popen(command, cwd=ROOT, stderr=subprocess.PIPE, text=True) as front:
        assert front.stderr is not None
        try:
            said = next(line for line in front.stderr if "listening on" in line)
            port = int(said.split(";")[0].rsplit(":", 1)[1])
            while realm is None:
                try:
                    realm = joined("Aki", Address("127.0.0.1", port), tmp_path / "a")
                except LineError as error:  # its region starts just now
                    assert error.again and time.monotonic() < end, error
                    time.sleep(0.1)
            seed = realm.view.seed
            own_port = realm._wire._line.remote_address[1]  # type: ignore[attr-defined]
            with pytest.raises(LineError, match="no place in region 0"):  # nobody comes by the back door
                joined("Ben", Address("127.0.0.1", own_port), tmp_path / "b")
        finally:
            front.kill()
    with hold(folder_of(tmp_path / "r", 0), "realm", 20.0):
        assert [place.name for place in live_again(folder_of(tmp_path / "r", 0)).places] == ["Aki"] and seed == 5
        assert (folder_of(tmp_path / "r", 0) / SNAPSHOT).exists(), "it saved"
    realm.close()


def test_kills_of_a_region_are_noticed_in_no_other(tmp_path: Path) -> None:
    row = faults.kills(tmp_path / "realm", 1, 0, lambda *how_far: None)
    assert row.good and row.numbers["came_back"] == 1, row.came
