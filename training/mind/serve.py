"""A mind at its end of the line: it listens, answers the newest scene first, practises in between, and saves.

`main.py mind` starts one for a game, at the other end of stdin and stdout; `training.mind.listen` waits for games.
"""

import os
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from threading import Thread

from common.assets import SEER
from common.locks import hold
from game.realm.rules import load as load_rules
from perception.messages import FromMind, Ping, Pong, Quit, ToMind, Trouble
from perception.model import Model
from perception.wire import Stream, WireError
from training.mind.ending import Ending
from training.mind.inbox import Inbox
from training.mind.mind import PROBE_SEED, Mind, MindConfig
from training.mind.talk_mind import TALKED_TO, TalkMind, check_chat
from training.mind.trouble import trouble_with

PAUSE = 0.05  # s in which nothing more is read after a refusal: else a flood leaves the mind no time to answer
LOCK_WAIT = 10.0  # s for a mind before this one to save and let go of the folder


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


class _Gone(Exception):
    """Nobody is at the other end of the line any more."""


def _listen(line: Stream[ToMind], inbox: Inbox, pulse: Pulse) -> None:
    """In a thread of its own: what comes in; the end of the line is a Quit. Here a Ping is answered, at once.

    What came together is handed on together: a mind doesn't begin to practise between a lesson and a Quit behind it.
    """
    with suppress(OSError, WireError):
        while (messages := line.receive()) is not None:
            for _ in range(sum(isinstance(message, Ping) for message in messages)):
                line.send(Pong(pulse.busy))
            refused = inbox.put([message for message in messages if not isinstance(message, Ping)])
            for refusal in refused:
                line.send(refusal)
            if refused:
                time.sleep(PAUSE)
    inbox.put([Quit()])


def _say(line: Stream[ToMind], message: FromMind) -> None:
    """Send it; in place of what is no message (NaN, say), what is wrong with it. Raises _Gone."""
    try:
        try:
            line.send(message)
        except WireError as error:
            line.send(trouble_with(message, error))
    except OSError as error:
        raise _Gone from error


def serve(
    mind: Mind,
    line: Stream[ToMind],
    nice: int = 10,
    inbox: Inbox | None = None,
) -> None:
    """Speak with a game until it quits or goes away; then save. Raises OSError if it can't be saved.

    inbox: where a Quit may come from elsewhere.
    """
    if nice and hasattr(os, "nice"):
        os.nice(nice)  # measured: an un-niced mind takes frames from the game
    inbox, pulse = inbox or Inbox(), Pulse()
    listener = Thread(target=_listen, args=(line, inbox, pulse), name="the game's words", daemon=True)
    listener.start()
    faults: list[FromMind] = []
    try:
        _converse(mind, line, inbox, pulse)
        faults = mind.save(again=True)
        for fault in faults:
            _say(line, fault)
    except _Gone:
        faults = faults or mind.save(again=True)
    for fault in faults:
        raise OSError(fault.text if isinstance(fault, Trouble) else str(fault))


def _converse(mind: Mind, line: Stream[ToMind], inbox: Inbox, pulse: Pulse) -> None:
    """Say what it is; then answer, and work in between, until a Quit; what came before it is still done."""
    for message in mind.opening():
        _say(line, message)
    messages: list[ToMind] = []
    ending = False
    while not ending:
        pulse.work()
        ending = any(isinstance(message, Quit) for message in messages)
        for answer in mind.answers([message for message in messages if not isinstance(message, Quit)]):
            _say(line, answer)
        busy = mind.busy and not ending
        for answer in mind.work() if busy else []:
            _say(line, answer)
        pulse.wait()
        messages = [] if ending else inbox.take(wait=not busy)


@contextmanager
def awake(
    model: Model, folder: Path | None, seed: int, seer: Path | None = None, local: bool = True, talks: bool = False
) -> Iterator[Mind]:
    """A mind that has its folder for itself. seer: folder of a born seer; None for the shipped one, if any. talks: it
    is only talked to.

    Raises FolderInUse, MindStoreError, and ModelError for a model that can't be talked to.
    """
    config = MindConfig(folder, seed=PROBE_SEED + seed, seer=SEER if seer is None else seer, local=local)
    if talks:
        check_chat(model)
        config = MindConfig(folder, TALKED_TO, seed, local=local)
    lock = None if folder is None else hold(folder, "mind", LOCK_WAIT)
    try:
        mind = (TalkMind if talks else Mind)(model, config, load_rules())
        for note in mind.notes:
            print(note, file=sys.stderr, flush=True)
        yield mind
    finally:
        if lock is not None:
            lock.release()


def serve_stream(
    line: Stream[ToMind],
    model: Model,
    folder: Path | None,
    nice: int,
    seed: int,
    seer: Path | None = None,
    talks: bool = False,
) -> None:
    """A mind for the game on this machine at the other end of `line`. Raises as `awake` and `serve` do."""
    inbox = Inbox()
    with awake(model, folder, seed, seer, talks=talks) as mind, Ending(lambda: inbox.put([Quit()])):
        serve(mind, line, nice, inbox)
