"""A mind at its end of the line: it listens, answers the newest scene first, practises in between, and saves.

`main.py mind` starts one for a game (stdin and stdout) or waits for games on an address.
"""

import os
import queue
import socket
import sys
from contextlib import suppress
from pathlib import Path
from threading import Thread

from game.realm.rules import load as load_rules
from perception.messages import Perceive, Quit, ToMind
from perception.model import Model
from perception.wire import Stream, WireError, socket_stream
from training.mind import PROBE_SEED, Mind, MindConfig


def newest_scene_only(messages: list[ToMind]) -> list[ToMind]:
    """All messages in order, but of the scenes only the last: an old scene is not worth a look."""
    scenes = [index for index, message in enumerate(messages) if isinstance(message, Perceive)]
    return [m for index, m in enumerate(messages) if not isinstance(m, Perceive) or index == scenes[-1]]


def _listen(line: Stream[ToMind], inbox: "queue.Queue[ToMind]") -> None:
    """In a thread of its own: what comes in; the end of the line is a Quit."""
    with suppress(OSError, WireError):
        while (messages := line.receive()) is not None:
            for message in messages:
                inbox.put(message)
    inbox.put(Quit())


def serve(mind: Mind, line: Stream[ToMind], nice: int = 10) -> None:
    """Speak with a game until it quits or goes away; then save."""
    if nice and hasattr(os, "nice"):
        os.nice(nice)  # measured: an un-niced mind takes frames from the game (DESIGN.md)
    inbox: queue.Queue[ToMind] = queue.Queue()
    Thread(target=_listen, args=(line, inbox), name="the game's words", daemon=True).start()
    messages: list[ToMind] = []
    ending = False
    try:
        line.send(mind.ready)
        line.send(mind.progress())
        while not ending:
            ending = any(isinstance(message, Quit) for message in messages)  # what came before it is still done
            answers = [answer for message in newest_scene_only(messages) for answer in mind.handle(message)]
            busy = mind.practising and not ending and bool(mind.teacher.journal.memories)
            answers += mind.practise() if busy else []
            for answer in answers:
                line.send(answer)
            messages = [] if busy or ending else [inbox.get()]
            with suppress(queue.Empty):
                while True:
                    messages.append(inbox.get_nowait())
    except (BrokenPipeError, ConnectionError):
        pass  # the game is gone: save and end
    mind.keep()


def serve_stream(line: Stream[ToMind], model: Model, folder: Path | None, nice: int, seed: int) -> None:
    """A mind for the game at the other end of `line`."""
    serve(Mind(model, MindConfig(folder, seed=PROBE_SEED + seed), load_rules()), line, nice)


def serve_address(address: str, model: Model, folder: Path | None, seed: int) -> None:
    """Wait for games on HOST:PORT, one after the other; each finds what the one before has learned.

    Whoever reaches the port can teach the mind and name files for it to write: keep it on a network you trust.
    """
    host, _, port = address.rpartition(":")
    if not host or not port.isdecimal() or not 0 <= int(port) <= 65_535:
        raise ValueError(f"--listen {address}: give HOST:PORT, for example 127.0.0.1:7777")
    mind = Mind(model, MindConfig(folder, seed=PROBE_SEED + seed), load_rules())
    with socket.create_server((host, int(port))) as server:
        print(f"listening on {host}:{server.getsockname()[1]}", file=sys.stderr, flush=True)
        while True:
            connection, _ = server.accept()
            with connection:
                serve(mind, socket_stream(connection, ToMind), nice=0)
