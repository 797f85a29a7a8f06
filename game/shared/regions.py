"""Several realms behind one address: a front that sends everybody on to where they live, and keeps the regions alive.

Each region is a whole realm in a process of its own, with a folder and a port of its own. The front holds no realm, and
no frame of a game goes through it. A region that ends is started again from its folder; the others go on.
"""

import json
import ssl
import subprocess
import time
from collections.abc import Callable, Sequence
from threading import Thread

from common.line.address import Address
from common.line.codec import Codec
from common.line.faults import LineError
from common.line.hello import Hello, Refused, SentOn
from common.line.server import Server
from game.shared.homes import Homes
from game.shared.messages import FromPlayer
from game.shared.server import PLAYERS, limits
from game.shared.shared_world import RealmError
from game.shared.terms import terms

LOOK_S = 0.1  # from one look at the processes to the next
STEADY_S = 30.0  # a region that lived so long is started again at once
AGAIN_S = (0.2, 10.0)  # from an end to the next start: at first; at most, doubled each time
PATIENCE_S = 30.0  # that a region has to save and end
HEAR_S = 2.0  # to read the rest of what an ended region said
Command = Callable[[int, int], Sequence[str]]  # a region and its port, 0 for any -> what starts it
Say = Callable[[str], None]


class Front:
    """Listens from its making on. ports: of the regions, 0 where none is served now. Raises LineError."""

    def __init__(
        self,
        homes: Homes,
        address: Address,
        *,
        token: bytes | None = None,
        tls: ssl.SSLContext | None = None,
        players: int = PLAYERS,
    ) -> None:
        """players: at once in each region."""
        self._homes, self.ports = homes, [0] * homes.regions
        codec: Codec[FromPlayer] = Codec(FromPlayer)
        bounds = limits(players * homes.regions)
        self.line = Server(address, terms(), codec, limits=bounds, token=token, tls=tls, send_on=self._send_on)

    def _send_on(self, hello: Hello) -> SentOn | Refused:
        try:
            region = self._homes.find(hello.name, hello.key, hello.region)
        except RealmError as error:
            return Refused(str(error)[:500])
        except OSError as error:
            return Refused(f"your place can't be noted: {error}; try again later"[:500], again=True)
        port = self.ports[region]
        return SentOn(port) if port else Refused(f"region {region} starts just now; try again in a moment", again=True)

    def close(self) -> None:
        """Listens no more."""
        self.line.close()
        self._homes.close()


class RegionProcess:
    """One region's process, started again whenever it ends. port: where it listens, 0 while it doesn't."""

    def __init__(self, region: int, port: int, command: Command, say: Say) -> None:
        self.region, self.port = region, 0
        self._wanted, self._command, self._say = port, command, say
        self._process: subprocess.Popen[str] | None = None
        self._hearing: list[Thread] = []
        self._came = False
        self._began = self._due = 0.0
        self._wait = AGAIN_S[0]

    @property
    def pid(self) -> int:
        """Of the process; 0 while there is none."""
        return 0 if self._process is None else self._process.pid

    def look(self, now: float) -> None:
        """Starts it if it isn't alive; later, if it ended soon. Raises LineError if it never came to listen."""
        if self._process is None:
            if now >= self._due:
                self._start_if_it_can(now)
            return
        status = self._process.poll()
        if status is None:
            return
        self.ask_to_end()
        for thread in self._hearing:  # else its port could come after its end
            thread.join(HEAR_S)
        self.port, self._process = 0, None
        if not self._came:
            raise LineError(f"region {self.region} doesn't start (status {status}); what it said stands above")
        self._put_off(now, steady=now - self._began > STEADY_S)
        self._say(f"region {self.region} ended (status {status}); it is started again")

    def _put_off(self, now: float, steady: bool) -> None:
        """The next start is due later, and each time later still unless it was steady."""
        self._wait = AGAIN_S[0] if steady else min(2 * self._wait, AGAIN_S[1])
        self._due = now + self._wait

    def _start_if_it_can(self, now: float) -> None:
        """A machine that is short of processes for a moment ends no other region."""
        try:
            self._start(now)
        except OSError as error:
            if not self._came:
                raise
            self._put_off(now, steady=False)
            self._say(f"region {self.region} can't be started: {error}; it is tried again")

    def _start(self, now: float) -> None:
        command = self._command(self.region, self._wanted)
        # In a session of its own: Ctrl-C is the front's alone. It ends when its stdin does, however the front ends.
        process = subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
            start_new_session=True,
        )  # fmt: skip
        self._process, self._began = process, now
        hears, name = (self._hear_port, self._hear_lines), f"hears region {self.region}"
        self._hearing = [Thread(target=hear, args=(process,), name=name, daemon=True) for hear in hears]
        for thread in self._hearing:
            thread.start()

    def _hear_port(self, process: "subprocess.Popen[str]") -> None:
        assert process.stdout is not None
        line = process.stdout.readline()
        if line:
            self.port = self._wanted = json.loads(line)["port"]
            self._came = True
        with process.stdout as stream:
            stream.read()

    def _hear_lines(self, process: "subprocess.Popen[str]") -> None:
        assert process.stderr is not None
        with process.stderr as stream:
            for line in stream:
                self._say(f"region {self.region}: {line.rstrip()}")

    def ask_to_end(self) -> None:
        """Lets it save and end."""
        if self._process is not None and self._process.stdin is not None:
            self._process.stdin.close()

    def end(self) -> None:
        """Waits for that; kills it if it takes too long."""
        if self._process is not None:
            try:
                self._process.wait(PATIENCE_S)
            except subprocess.TimeoutExpired:
                self._process.kill()
                self._process.wait()


def keep(front: Front, processes: Sequence[RegionProcess], going_on: Callable[[], bool]) -> None:
    """Keeps the regions alive until `going_on` is false, or an exception comes; then they save and end. Raises
    LineError for one that doesn't start."""
    try:
        while going_on():
            now = time.monotonic()
            for process in processes:
                process.look(now)
                front.ports[process.region] = process.port
            time.sleep(LOOK_S)
    finally:
        for process in processes:
            process.ask_to_end()
        for process in processes:
            process.end()
