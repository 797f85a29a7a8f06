"""The mind's end of the line: a whole conversation with a game, in what order it is answered, how it ends."""

import os
import time
from contextlib import suppress
from threading import Thread

import torch

from perception.messages import (
    FromMind,
    Perceive,
    Percept,
    Ping,
    Pong,
    Practise,
    Progress,
    Quit,
    Ready,
    Teach,
    ToMind,
    WriteLog,
    Written,
)  # fmt: skip
from perception.model import weights_hash
from perception.wire import Stream
from tests.training.mind.test_mind import LESSONS, SCENE, awake, few_probes, renamed
from training.mind.inbox import Inbox
from training.mind.serve import serve

torch.set_num_threads(1)
__all__ = ["few_probes"]  # a fixture of every test here, too


class Talk:
    """A game at the other end of two pipes, with the mind's `serve` in a thread of its own."""

    def __init__(self, mind):
        here, there = os.pipe(), os.pipe()
        reads, writes = os.fdopen(here[0], "rb", 0), os.fdopen(there[1], "wb", 0)
        self.line = Stream(os.fdopen(there[0], "rb", 0), os.fdopen(here[1], "wb", 0), FromMind)
        self._mind_line = Stream(reads, writes, ToMind)
        self._heard = []
        self._thread = Thread(target=self._serve, args=(mind,), daemon=True)
        self._thread.start()

    def _serve(self, mind):
        serve(mind, self._mind_line, nice=0)
        self._mind_line._writes.close()

    def hear(self, kind):
        """The next message of a kind; those before it are dropped."""
        while True:
            while self._heard:
                message = self._heard.pop(0)
                if isinstance(message, kind):
                    return message
            self._heard += self.line.receive()

    def end(self):
        """Everything it still says, until it is gone."""
        rest, self._heard = self._heard, []
        while (messages := self.line.receive()) is not None:
            rest += messages
        self._thread.join(60)
        assert not self._thread.is_alive()
        for stream in (self.line, self._mind_line):
            with suppress(OSError):
                stream.close()
        return rest


def test_a_whole_conversation(tmp_path):
    mind = awake(tmp_path)
    talk = Talk(mind)
    hello = Ready("tiny-llama", "cpu", 2, 4, "terse", 0, ("you", "blind"), True, 0, attunes=True)
    assert talk.line.receive()[0] == mind.ready == hello
    talk.line.send(Perceive(SCENE))
    assert talk.hear(Percept).scene == SCENE.id
    for message in (*map(Teach, LESSONS), Practise(True)):
        talk.line.send(message)
    while talk.hear(Progress).step < 3:
        pass
    talk.line.send(Perceive(renamed(id=99)))
    assert talk.hear(Percept).scene == 99
    talk.line.send(WriteLog(str(tmp_path / "log.msgpack")))
    assert talk.hear(Written).path.endswith("log.msgpack")
    talk.line.send(Quit())
    talk.end()
    again = awake(tmp_path)
    assert again.teacher.steps == mind.teacher.steps >= 3
    assert weights_hash(again.model.net) == weights_hash(mind.model.net) != again.origin == mind.origin
    assert again.teacher.journal.lessons == LESSONS
    assert again.ready.step == again.progress().step == mind.teacher.steps
    assert again.progress().change == mind.progress().change


def test_what_was_said_right_before_quitting_is_still_done(tmp_path):
    talk = Talk(awake(tmp_path))
    for message in (Teach(LESSONS[0]), Teach(LESSONS[1]), WriteLog(str(tmp_path / "log.msgpack")), Quit()):
        talk.line.send(message)
    assert any(isinstance(message, Written) for message in talk.end())
    assert awake(tmp_path).teacher.journal.lessons == LESSONS[:2]


def in_the_middle(folder):
    """A mind that is taught and practises, and the talk with it."""
    mind = awake(folder)
    talk = Talk(mind)
    talk.line.send(Teach(LESSONS[0]))
    talk.line.send(Practise(True))
    while talk.hear(Progress).step < 2:
        pass
    return mind, talk


def test_a_game_that_goes_away_without_a_word_ends_it_and_it_saves(tmp_path):
    mind, talk = in_the_middle(tmp_path)
    talk.line._writes.close()
    talk.end()
    assert awake(tmp_path).teacher.steps == mind.teacher.steps
    assert weights_hash(awake(tmp_path).model.net) == weights_hash(mind.model.net)


def test_a_game_that_stops_listening_ends_it_and_it_saves(tmp_path):
    mind, talk = in_the_middle(tmp_path)
    talk.line._reads.close()
    talk._thread.join(60)
    assert not talk._thread.is_alive()
    talk._mind_line.close()
    talk.line._writes.close()
    assert awake(tmp_path).teacher.steps == mind.teacher.steps


def test_what_came_together_is_handed_on_together():
    """However slow the thread that listens: no practice between a lesson and the Quit that came with it."""

    class Together:
        def __init__(self):
            self.said, self.coming = [], [[Teach(LESSONS[0]), Ping(), Practise(True), Quit()]]

        def receive(self):
            return self.coming.pop() if self.coming else None

        def send(self, message):
            self.said.append(message)

    class Slow(Inbox):
        def put(self, messages):
            refused = super().put(messages)
            time.sleep(0.2)
            return refused

    mind, line = awake(), Together()
    serve(mind, line, nice=0, inbox=Slow())
    assert (mind.teacher.steps, len(mind.teacher.journal.lessons)) == (0, 1)
    assert sum(isinstance(message, Pong) for message in line.said) == 1
