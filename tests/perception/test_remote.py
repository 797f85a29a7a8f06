"""A mind on another machine: a line that is mended, lessons that are kept until they are acknowledged, names.

The minds here are servers of a line that a test answers for; no torch.
"""

import getpass
import socket
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from threading import Thread
from threading import enumerate as threads
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from common.line.address import Address
from common.line.hello import Visitor
from common.line.names import check_player_name
from common.line.server import Joined, Server
from perception import link as link_module
from perception.link import connect
from perception.messages import (
    Event,
    Export,
    Keep,
    Lesson,
    Perceive,
    Practise,
    Quit,
    Ready,
    Scene,
    Taught,
    Teach,
    ToMind,
    WriteLog,
    Written,
)
from perception.outbox import Outbox
from perception.remote import LIMITS, TERMS, Elsewhere, MindCodec, elsewhere, login_name, name_there
from perception.wire import encode, lesson_digest
from tests.kits.mind_lines import troubles, until_heard

TOKEN = b"sixteen bytes or more"
PATIENCE = 20.0  # s


def lesson(number: int) -> Lesson:
    return Lesson(Scene(number, "terse", "hear north hum", (Event("hear", "north", "hum"),), ()), (), "touch")


def framed(number: int) -> tuple[str, bytes]:
    """A lesson's digest and frame."""
    return lesson_digest(lesson(number)), encode(Teach(lesson(number)))


@pytest.fixture(autouse=True)
def nothing_is_left_behind(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setattr(link_module, "BACKOFF", 0.01)
    before = set(threads())
    yield
    assert set(threads()) - before == set()


class Mind:
    """A mind that a test plays: it says Ready, then Written of all it hears. acknowledges: whether it says Taught."""

    def __init__(self, port: int = 0, acknowledges: bool = True, **settings: Any) -> None:
        codec: MindCodec[ToMind] = MindCodec(ToMind)
        self.server: Server[ToMind] = Server(Address("127.0.0.1", port), TERMS, codec, limits=LIMITS, **settings)
        self.port, self.acknowledges = self.server.port, acknowledges
        self.heard: list[ToMind] = []
        self.names: list[str] = []
        self.number = 0
        self._ending = False
        self._thread = Thread(target=self._serve)
        self._thread.start()

    def _serve(self) -> None:
        while not self._ending:
            for number, what in self.server.poll(0.02):
                if isinstance(what, Joined):
                    self.names.append(what.name)
                    self.number = number
                    self.server.send(number, Ready("fake", "cpu", 1, 2, "terse", 0))
                    continue
                if isinstance(what, tuple):  # Left
                    continue
                self.heard.append(what)
                if isinstance(what, Teach) and self.acknowledges:
                    self.server.send(number, Taught(lesson_digest(what.lesson)))
                else:
                    self.server.send(number, Written(repr(what)))
                if isinstance(what, Quit):
                    self.server.hang_up(number, "saved", again=True)

    def lessons(self) -> list[int]:
        return [message.lesson.scene.id for message in list(self.heard) if isinstance(message, Teach)]

    def __enter__(self) -> "Mind":
        return self

    def __exit__(self, *_: object) -> None:
        self.server.close()
        self._ending = True
        self._thread.join()


def at(port: int, outbox: Path | None = None, **settings: Any) -> Elsewhere:
    return Elsewhere(Address("127.0.0.1", port), Visitor("anna", b"key"), outbox=outbox, **settings)


def until(done: Callable[[], Any]) -> None:
    end = time.monotonic() + PATIENCE
    while not done():
        assert time.monotonic() < end
        time.sleep(0.005)


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as server:
        return int(server.getsockname()[1])


def test_a_mind_elsewhere_answers_under_a_token() -> None:
    with Mind(token=TOKEN) as mind, connect(at(mind.port, token=TOKEN)) as line:
        line.send(Keep())
        said = until_heard(line, lambda said: len(said) == 2)
        assert isinstance(said[0], Ready) and said[1] == Written("Keep()")
        assert line.state == "awake" and mind.names == ["anna"]
        line.close()
        assert mind.heard[-1] == Quit() and line.state == "dead"


def test_a_torn_line_is_mended_and_practice_goes_on() -> None:
    with ExitStack() as stack:
        mind = stack.enter_context(Mind())
        line = stack.enter_context(connect(at(mind.port)))
        line.send(Practise(True))
        until_heard(line, lambda said: len(said) == 2)
        mind.server.hang_up(mind.number, "a moment", again=True)
        said = until_heard(line, lambda said: sum(isinstance(each, Ready) for each in said) == 1)
        assert troubles(said) == ["The mind hung up (a moment). It is tried again."]
        until(lambda: mind.heard.count(Practise(True)) == 2)


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({"token": b"another token, long enough"}, "can't be reached: 127.0.0.1:{port}: the token is wrong"),
        ({"token": None}, "can't be reached: 127.0.0.1:{port}: the server wants a token; give --token FILE"),
    ],
)
def test_what_stays_wrong_is_not_tried_again(settings: Any, words: str) -> None:
    with Mind(token=TOKEN) as mind, connect(at(mind.port, **settings)) as line:
        (said,) = troubles(until_heard(line, bool))
        assert words.format(port=mind.port) in said and said.endswith("It is not started again.")
        until(lambda: line.state == "dead")


def test_a_mind_that_is_not_there_yet_is_waited_for() -> None:
    port = free_port()
    with connect(at(port)) as line:
        assert "nobody answers" in troubles(until_heard(line, bool))[0]
        time.sleep(0.2)  # some tries
        with Mind(port):
            said = until_heard(line, lambda said: any(isinstance(each, Ready) for each in said))
        assert troubles(said) == [], "the same is not said at every try"


def test_a_lesson_is_kept_until_it_is_acknowledged_and_sent_again_to_each_life(tmp_path: Path) -> None:
    path = tmp_path / "untaught.msgpack"
    with Mind(acknowledges=False) as deaf, connect(at(deaf.port, path)) as line:
        assert line.keeps_lessons
        line.send(Teach(lesson(1)))
        until_heard(line, lambda said: len(said) == 2)
        line.send(Teach(lesson(2)))
        until(lambda: deaf.lessons() == [1, 2])
    assert Outbox(path).frames == Outbox(path).frames != []
    with Mind() as mind, connect(at(mind.port, path)) as line:  # the game was killed meanwhile
        until(lambda: mind.lessons() == [1, 2] and path.stat().st_size == 0)
        line.send(Teach(lesson(3)))
        until(lambda: mind.lessons() == [1, 2, 3])
        mind.server.hang_up(mind.number, "a moment", again=True)
        until(lambda: len(mind.names) == 2)
        line.send(Keep())
        until(lambda: Keep() in mind.heard)
        assert mind.lessons() == [1, 2, 3]


def test_lessons_that_come_while_nobody_is_there_wait_on_disk(tmp_path: Path) -> None:
    path, port = tmp_path / "untaught.msgpack", free_port()
    line = connect(at(port, path))
    assert line.send(Teach(lesson(7))), "not even started"
    with line, Mind(port) as mind:
        until(lambda: mind.lessons() == [7] and path.stat().st_size == 0)
    assert line.send(Teach(lesson(8))), "closed: the next game teaches it"
    assert len(Outbox(path).frames) == 1


def test_a_mind_elsewhere_is_given_the_name_of_a_file() -> None:
    with Mind() as mind, connect(at(mind.port)) as line:
        until_heard(line, bool)
        line.send(WriteLog("/slot/log.msgpack"))
        line.send(Export("/slot/export"))
        line.send(Perceive(Scene(1, "terse", "hear", (), ())))
        until(lambda: len(mind.heard) == 3)
        assert mind.heard[:2] == [WriteLog("log.msgpack"), Export("export")]


def test_an_outbox_outlives_a_torn_file_and_a_full_disk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "outbox"
    box = Outbox(path)
    for number in range(3):
        assert box.add(*framed(number)) and box.add(*framed(number)), "twice is once"
    whole = path.read_bytes()
    for size in range(0, len(whole), 7):
        path.write_bytes(whole[:size])
        cut = Outbox(path)
        assert cut.frames == box.frames[: len(cut.frames)]
        assert len(cut.frames) == size // len(box.frames[0])
        cut.add(*framed(9))
        assert Outbox(path).frames == cut.frames
    path.write_bytes(whole)
    box.remove(lesson_digest(lesson(1)))
    assert len(box.frames) == 2
    path.unlink()
    path.mkdir()  # nothing can be written there
    box.add(*framed(4))
    assert "directory" in box.fault and len(box.frames) == 3
    path.rmdir()
    box.add(*framed(5))
    assert box.fault == "" and Outbox(path).frames == box.frames
    monkeypatch.setattr("perception.outbox.LARGEST", 10)
    assert not box.add(*framed(6))


def test_an_outbox_that_is_never_empty_does_not_grow(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("perception.outbox.SLACK", 1000)
    path = tmp_path / "outbox"
    box = Outbox(path)
    for number in range(200):
        box.add(*framed(number))
        if number:
            box.remove(lesson_digest(lesson(number - 1)))
        assert path.stat().st_size < 1500
    assert len(box.frames) == 1 and Outbox(path).frames[-1:] == box.frames


def test_a_fault_of_the_disk_is_said_once(tmp_path: Path) -> None:
    (tmp_path / "outbox").mkdir()
    line = connect(at(free_port(), tmp_path / "outbox"))
    for number in range(3):
        assert line.send(Teach(lesson(number)))
    (said,) = troubles(line.poll())
    assert said.startswith("A lesson is kept while the game runs, but not on disk (")


@given(st.text(max_size=64))
def test_every_slot_has_a_plain_name_of_its_own_there(slot: str) -> None:
    for player in ("a", "x" * 24):
        name = name_there(player, slot)
        check_player_name(name)
        assert name.startswith(player[:15])
        assert name != name_there(player, slot + "'")


def test_names_of_slots_and_logins(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    assert name_there("anna", "first") == "anna-first"
    for user, name in (("bert", "bert"), ("x y", "player"), ("v" * 40, "v" * 24)):
        monkeypatch.setattr(getpass, "getuser", lambda user=user: user)
        assert login_name() == name
    monkeypatch.setenv("SECOND_SIGHT_HOME", str(tmp_path))
    one, other = (
        elsewhere(Address("h", 1), "anna", TOKEN, None, tmp_path, tmp_path / slot) for slot in ("first", "second")
    )
    assert (one.visitor.name, one.outbox) == ("anna-first", tmp_path / "first" / "untaught.msgpack")
    assert one.visitor.key != other.visitor.key and TOKEN.decode() not in repr(one)
