"""A mind at its end of the line: it listens, answers the newest scene first, practises in between, and saves.

`main.py mind` starts one for a game (stdin and stdout) or waits for games on an address.
"""

import os
import queue
import socket
import sys
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from threading import Thread

from game.realm.rules import load as load_rules
from perception.messages import Perceive, Ping, Pong, Quit, ToMind
from perception.model import NOVICE, Model
from perception.wire import Stream, WireError, socket_stream
from training.mind.mind import PROBE_SEED, Mind, MindConfig

SEER = NOVICE.with_name("seer")  # shipped beside the novice


def newest_scene_only(messages: list[ToMind]) -> list[ToMind]:
    """All messages in order, but of passing glances only the last: an old scene is not worth a look."""
    glances = [i for i, message in enumerate(messages) if isinstance(message, Perceive) and not message.ticket]
    return [m for i, m in enumerate(messages) if i not in glances[:-1]]


class Pulse:
    """When the mind last came round to its messages; it may wait for them as long as it likes. now: a clock, s."""

    def __init__(self, now: Callable[[], float] = time.monotonic) -> None:
        self._now = now
        self._since: float | None = None

    def work(self) -> None:
        """Work begins, or goes on."""
        self._since = self._now()

    def wait(self) -> None:
        """Nothing to do."""
        self._since = None

    @property
    def busy(self) -> float:
        """s since work began."""
        since = self._since
        return 0.0 if since is None else self._now() - since


def _listen(line: Stream[ToMind], inbox: "queue.Queue[list[ToMind]]", pulse: Pulse) -> None:
    """In a thread of its own: what comes in; the end of the line is a Quit. Here a Ping is answered, at once.

    What came together is handed on together: a mind doesn't begin to practise between a lesson and a Quit behind it.
    """
    with suppress(OSError, WireError):
        while (messages := line.receive()) is not None:
            for _ in range(sum(isinstance(message, Ping) for message in messages)):
                line.send(Pong(pulse.busy))
            others: list[ToMind] = [message for message in messages if not isinstance(message, Ping)]
            if others:
                inbox.put(others)
    inbox.put([Quit()])


def serve(mind: Mind, line: Stream[ToMind], nice: int = 10) -> None:
    """Speak with a game until it quits or goes away; then save."""
    if nice and hasattr(os, "nice"):
        os.nice(nice)  # measured: an un-niced mind takes frames from the game (DESIGN.md)
    inbox: queue.Queue[list[ToMind]] = queue.Queue()
    pulse = Pulse()
    Thread(target=_listen, args=(line, inbox, pulse), name="the game's words", daemon=True).start()
    messages: list[ToMind] = []
    ending = False
    try:
        line.send(mind.ready)
        line.send(mind.progress())
        if mind.rests.rests:
            line.send(mind.rested())
        while not ending:
            pulse.work()
            ending = any(isinstance(message, Quit) for message in messages)  # what came before it is still done
            answers = [answer for message in newest_scene_only(messages) for answer in mind.handle(message)]
            busy = mind.busy and not ending
            answers += mind.work() if busy else []
            for answer in answers:
                line.send(answer)
            pulse.wait()
            messages = [] if busy or ending else inbox.get()
            with suppress(queue.Empty):
                while True:
                    messages += inbox.get_nowait()
    except (BrokenPipeError, ConnectionError):
        pass  # the game is gone: save and end
    mind.keep()


def _config(folder: Path | None, seed: int, seer: Path | None) -> MindConfig:
    return MindConfig(folder, seed=PROBE_SEED + seed, seer=SEER if seer is None else seer)


def serve_stream(
    line: Stream[ToMind], model: Model, folder: Path | None, nice: int, seed: int, seer: Path | None = None
) -> None:
    """A mind for the game at the other end of `line`. seer: folder of a born seer; None for the shipped one, if any."""
    serve(Mind(model, _config(folder, seed, seer), load_rules()), line, nice)


def serve_address(address: str, model: Model, folder: Path | None, seed: int, seer: Path | None = None) -> None:
    """Wait for games on HOST:PORT, one after the other; each finds what the one before has learned.

    Whoever reaches the port can teach the mind and name files for it to write: keep it on a network you trust.
    """
    host, _, port = address.rpartition(":")
    if not host or not port.isdecimal() or not 0 <= int(port) <= 65_535:
        raise ValueError(f"--listen {address}: give HOST:PORT, for example 127.0.0.1:7777")
    mind = Mind(model, _config(folder, seed, seer), load_rules())
    with socket.create_server((host, int(port))) as server:
        print(f"listening on {host}:{server.getsockname()[1]}", file=sys.stderr, flush=True)
        while True:
            connection, _ = server.accept()
            with connection:
                serve(mind, socket_stream(connection, ToMind), nice=0)
