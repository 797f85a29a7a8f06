"""The game's end of the line to a mind: starts it, feeds it, hears it, starts it again when it dies.

A mind is a process started by command (or a server found by address); torch lives there and never here. Nothing
a game calls each frame waits: send puts a frame on a list, poll takes what has come. Threads do the waiting.

What a mind has to keep to (wire.py has its end of the line):
- It sends Ready first, unasked. Nothing but Quit is written to it before.
- The end of its input means that the game is gone: save and end, as after Quit.
- One whose Ready says `pulse` answers Ping with Pong at once, in the midst of work too. If it is silent for SILENT
  beats, or busy with one thing for longer than STUCK, it is taken for hung: ended and started again.
- Bad input (a broken model folder, say) is one line on stderr and exit status 2. It is not started again then.

What is sent and when:
- Of Perceive without a ticket, only the newest waits; the older one is dropped unseen. Everything else waits in
  order, up to WAITING_MAX bytes; past that, send refuses (returns False) and a Trouble says so once.
- What a dead mind had been given is lost with it: it restarts from what it saved, and the journal that the
  game keeps can teach again on Ready. What still waited goes to the next one. The only thing sent again
  unasked is Practise(on=True), if that was the last word on practising.
- With an outbox, a lesson is sent again on each Ready until the mind says Taught of it.
"""
# long because: the line's threads (its own, writer, watcher) share one lock and are judged together

from collections import OrderedDict, deque
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from pathlib import PurePath
from threading import Condition, Thread
from time import monotonic
from typing import Literal, Self

import msgspec

from common.line.faults import LineError
from perception.messages import (
    Export,
    FromMind,
    Perceive,
    Ping,
    Pong,
    Practise,
    Quit,
    Ready,
    Taught,
    Teach,
    ToMind,
    Trouble,
    WriteLog,
)
from perception.outbox import Outbox
from perception.remote import BAD_INPUT, Elsewhere, Remote
from perception.wire import FRAME_MAX, Child, Life, WireError, encode, lesson_digest

State = Literal["waking", "awake", "restarting", "dead"]

WAITING_MAX = 4 * FRAME_MAX  # bytes that may wait for a mind: some three thousand lessons
FRAME_COST = 256  # bytes that holding a frame costs beside its own
HEARD_MAX = 64  # messages that may wait for the game; then the mind is not read until the game polls
BACKOFF = 0.25  # seconds before the first restart; doubled each time
BACKOFF_MAX = 30.0
STEADY = 60.0  # seconds of life after which the wait starts small again
BEAT = 5.0  # seconds: after each such silence a mind is asked whether it lives
SILENT = 8  # beats in silence after which it is taken for hung; counted, since a machine may sleep between two
STUCK = 600.0  # seconds that it may be busy with one thing: a log of a large model takes minutes
SAVING = 5.0  # seconds that a mind has to save and end, once it is asked to
TRIED = "It is tried again."
UNSAFE = "A lesson is kept while the game runs, but not on disk"
PROGRAM = "main.py mind: "  # how a mind's own error begins; a screen has little room
BACKOFF_ELSEWHERE = 5.0  # as BACKOFF_MAX: a try costs little, and its machine may come back any moment
RESTARTS_ELSEWHERE = 10_000  # tries in a row: a night


class Line:
    """A line to a mind, whatever it runs on. Link starts one here, connect finds one elsewhere."""

    def __init__(
        self, wake: Callable[[], Life], restarts: int, plain_names: bool = False, outbox: Outbox | None = None
    ) -> None:
        """wake: begins a life. plain_names: of a path that the mind is to write to, its last name alone is sent.

        outbox: keeps every lesson until a mind says Taught of it; each life gets what it holds.
        """
        self._wake, self._plain_names, self._outbox = wake, plain_names, outbox
        self._restarts = restarts
        self.saving = SAVING
        self._changed = Condition()  # guards everything below; held only for moments
        self._state: State = "waking"
        self._waiting: OrderedDict[int, bytes] = OrderedDict()  # frames for the mind, by number
        self._weight = 0  # bytes of them
        self._number = 0
        self._newest: int | None = None  # the number of the Perceive that waits
        self._heard: deque[FromMind] = deque()
        self._life: Life | None = None
        self._reborn = self._practising = self._refusing = self._ending = self._stopping = False
        self._pulse, self._silence, self._hung = False, 0, ""  # answers Ping; beats without a word; why it was ended
        self._ping: int | None = None  # the number of the Ping that waits
        self._thread: Thread | None = None

    @property
    def keeps_lessons(self) -> bool:
        """Whether every lesson that is sent reaches a mind one day, whatever its state is."""
        return self._outbox is not None

    @property
    def state(self) -> State:
        """waking until the first Ready; restarting from a death to the next Ready; dead when given up or closed."""
        return self._state

    def start(self) -> None:
        """Starts the mind; returns at once. Does nothing while one lives; starts anew after it was given up."""
        with self._changed:
            if self._ending or (self._thread is not None and self._state != "dead"):
                return
            self._state = "waking"
            self._thread = Thread(target=self._run, name="line to the mind", daemon=True)
            self._thread.start()

    def send(self, message: ToMind) -> bool:
        """Leaves the message to be written; never waits. False if it was refused: dead, closing, or too much waits.

        Raises WireError if it is no message. Quit ends the mind for good: it is not started again.
        """
        if self._plain_names and isinstance(message, WriteLog | Export):
            message = msgspec.structs.replace(message, path=PurePath(message.path).name)
        frame = encode(message)
        with self._changed:
            if self._outbox is not None and isinstance(message, Teach):
                return self._keep(self._outbox, lesson_digest(message.lesson), frame)
            if self._ending or self._state == "dead":
                return False
            self._ending = isinstance(message, Quit)
            glance = isinstance(message, Perceive) and not message.ticket
            if self._newest is not None and (glance or self._ending):
                self._drop(self._newest)
            if self._weight + len(frame) > WAITING_MAX and not self._ending:
                self._refuse()
                return False
            if isinstance(message, Practise):
                self._practising = message.on
            self._queue(frame)
            if glance:
                self._newest = self._number
            self._changed.notify_all()
            return True

    def _keep(self, outbox: Outbox, digest: str, frame: bytes) -> bool:
        """A lesson waits until it is acknowledged; a mind that is awake gets it now, others when they wake."""
        before = outbox.fault
        if not outbox.add(digest, frame):
            self._refuse()
            return False
        if outbox.fault and outbox.fault != before:
            self._heard.append(Trouble(f"{UNSAFE} ({outbox.fault})"))
        if self._state == "awake" and not self._ending:
            self._queue(frame)
            self._changed.notify_all()
        return True

    def poll(self) -> list[FromMind]:
        """What has come since the last poll, in order; never waits."""
        with self._changed:
            heard = list(self._heard)
            self._heard.clear()
            self._changed.notify_all()
        return heard

    def close(self, timeout: float | None = None) -> None:
        """Asks the mind to save and end, waits `timeout` seconds, then ends it. Safe at any time, any number of times.
        timeout None: `saving`.

        What it said until the end can still be polled.
        """
        self.send(Quit())
        with self._changed:
            self._ending = True
            self._changed.notify_all()
            if self._thread is None:
                self._state = "dead"
                return
        self._thread.join(self.saving if timeout is None else timeout)
        for hard in (False, True):
            if self._thread.is_alive():
                self._stop(hard)
                self._thread.join(1.0 if not hard else 5.0)

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _stop(self, hard: bool) -> None:
        with self._changed:
            self._stopping = True
            life = self._life
        if life is not None:
            with suppress(OSError):
                life.stop(hard)

    def _queue(self, frame: bytes, first: bool = False) -> None:
        self._number += 1
        self._waiting[self._number] = frame
        self._weight += len(frame) + FRAME_COST
        if first:
            self._waiting.move_to_end(self._number, last=False)

    def _drop(self, number: int) -> bytes:
        frame = self._waiting.pop(number)
        self._weight -= len(frame) + FRAME_COST
        if number == self._newest:
            self._newest = None
        return frame

    def _refuse(self) -> None:
        if not self._refusing:
            self._heard.append(Trouble("The mind does not take what it is sent; what comes now is refused."))
        self._refusing = True

    def _take(self, life: Life) -> tuple[bytes, bool] | None:
        """Waits for the next frame for this life, and whether it is a Perceive; None when there will be none."""
        with self._changed:
            self._changed.wait_for(
                lambda: self._life is not life or self._ending or (self._waiting and self._state == "awake")
            )
            if self._life is not life or not self._waiting:
                return None
            number = next(iter(self._waiting))
            passing = number == self._newest
            frame = self._drop(number)
            self._refusing = self._refusing and self._weight > WAITING_MAX // 2
            return frame, passing

    def _write(self, life: Life) -> None:
        """The writer's thread, one per life."""
        with suppress(OSError):  # gone: the reader notices too, and says so
            while (taken := self._take(life)) is not None:
                try:
                    life.stream.write(taken[0])
                except OSError:  # not taken whole, so the dead mind had none of it
                    with self._changed:
                        if not taken[1] and self._outbox is None:
                            self._queue(taken[0], first=True)
                    break
            life.no_more()

    def _hear(self, life: Life) -> str:
        """Reads until the end of this life. Returns what was wrong with its speech, or nothing."""
        while True:
            try:
                messages = life.stream.receive()
            except WireError as error:
                self._take_in(list(error.before))
                return f"sent what is no message ({error})"
            except OSError:  # a connection that was torn: reap knows how it ended
                return ""
            if messages is None:
                return ""
            self._take_in(messages)

    def _take_in(self, messages: list[FromMind]) -> None:
        with self._changed:
            self._silence = 0
            for message in messages:
                if isinstance(message, Ready):
                    self._state, self._pulse = "awake", message.pulse
                    waiting = set(self._waiting.values())
                    for frame in self._outbox.frames if self._outbox is not None else ():
                        if frame not in waiting:
                            self._queue(frame)
                elif isinstance(message, Taught):
                    if self._outbox is not None:
                        self._outbox.remove(message.digest)
                elif isinstance(message, Pong) and message.busy > STUCK:
                    self._silence = SILENT + 1
            if any(isinstance(message, Ready) for message in messages):
                if self._reborn and self._practising:
                    self._queue(encode(Practise(on=True)), first=True)
                self._reborn = False
            self._heard.extend(message for message in messages if not isinstance(message, Pong | Taught))
            self._changed.notify_all()
            self._changed.wait_for(lambda: len(self._heard) <= HEARD_MAX or self._ending)
            while len(self._heard) > HEARD_MAX and self._ending:
                self._heard.popleft()

    def _watch(self, life: Life) -> None:
        """The watcher's thread, one per life: asks whether a silent mind lives, and ends one that is hung."""
        while True:
            with self._changed:
                self._changed.wait_for(lambda: self._life is not life or self._silence > SILENT, BEAT)
                if self._life is not life:
                    return
                if not self._pulse or len(self._heard) > HEARD_MAX:  # then it is the game that doesn't listen
                    self._silence = 0
                    continue
                self._silence += 1
                if self._silence > SILENT:
                    self._hung = "does not answer any more"
                    break
                if self._ping not in self._waiting:
                    self._queue(encode(Ping()), first=True)
                    self._ping = self._number
                    self._changed.notify_all()
        with suppress(OSError):
            life.stop(hard=True)

    def _live(self) -> tuple[str, list[str], int | None]:
        """One life of the mind, from start to reaping; what reap says of it."""
        try:
            life = self._wake()
        except LineError as error:
            return f"can't be reached: {error}", [], None if error.again else BAD_INPUT
        except (OSError, ValueError, OverflowError) as error:  # no such command, no such host, no such port
            return f"could not be reached: {error}", [], None
        with self._changed:
            self._life, self._pulse, self._silence, self._hung = life, False, 0, ""
            stop = self._stopping
        if stop:  # close gave up waiting while this one was being born
            life.stop(hard=True)
        writer = Thread(target=self._write, args=(life,), name="writer to the mind", daemon=True)
        watcher = Thread(target=self._watch, args=(life,), name="watcher of the mind", daemon=True)
        for thread in (writer, watcher):
            thread.start()
        fault = self._hear(life)
        with self._changed:
            fault, self._life = fault or self._hung, None
            self._reborn = True
            self._changed.notify_all()
        if fault:
            with suppress(OSError):
                life.stop(hard=False)
        how, words, status = life.reap()
        for thread in (writer, watcher):
            thread.join(timeout=2.0)
        if not writer.is_alive():
            life.close()
        return fault or how, words, status

    def _run(self) -> None:
        """The line's own thread: one life after the other, until closed or given up."""
        tries, wait, before = 0, BACKOFF, ""
        while True:
            born = monotonic()
            how, words, status = self._live()
            with self._changed:
                if self._ending:
                    break
                tries = 1 if self._state == "awake" else tries + 1
                again = status != BAD_INPUT and tries <= self._restarts
                elsewhere = self._outbox is not None
                how = "can't wake" if status == BAD_INPUT and words else how  # its own words say why
                then = TRIED if elsewhere else f"It is started again ({tries} of {self._restarts})."
                if not (elsewhere and again and tries > 1 and how == before):  # once is enough
                    self._mourn(how, words, then if again else None)
                before = how
                if not again:
                    break
                self._state = "restarting"
                wait = BACKOFF if monotonic() - born > STEADY else wait
                if self._changed.wait_for(lambda: self._ending, wait):
                    break
            wait = min(2 * wait, BACKOFF_ELSEWHERE if elsewhere else BACKOFF_MAX)
        with self._changed:
            self._state = "dead"
            self._changed.notify_all()

    def _mourn(self, how: str, words: list[str], then: str | None) -> None:
        """One line that can stand on a screen, then the last lines of stderr for who wants them."""
        last = f": {words[-1].removeprefix(PROGRAM)}" if words else ""
        first = f"The mind {how}{last}. {then or 'It is not started again.'}"
        self._heard.append(Trouble("\n".join([first, *words])))


class Link(Line):
    """A mind in a process of its own: a command whose stdin and stdout carry frames, and whose stderr is text.

    restarts: how many times in a row it is started again without a Ready in between. env: variables beside the
    game's own. low_priority: one thread for torch (and a lower class on Windows; elsewhere a mind nices itself).
    saving: seconds that it has to save and end, once it is asked to.
    """

    def __init__(
        self,
        command: Sequence[str],
        *,
        restarts: int = 3,
        env: Mapping[str, str] | None = None,
        low_priority: bool = True,
        saving: float = SAVING,
    ) -> None:
        super().__init__(lambda: Child(command, env, low_priority), restarts)
        self.saving = saving


def connect(mind: Elsewhere, *, restarts: int = RESTARTS_ELSEWHERE) -> Line:
    """A line to a mind that listens elsewhere (mind --listen). Returns at once, not started; errors are Troubles.

    Such a mind writes in a folder of its own, under plain names: so it gets the last name of a path alone.
    """
    return Line(lambda: Remote(mind), restarts, plain_names=True, outbox=Outbox(mind.outbox))
