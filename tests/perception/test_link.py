"""A line to a mind never makes the game wait, and outlives minds that die, hang, flood or talk nonsense.

Each test starts a small fake mind: real processes, real pipes, no torch.
"""
# long because: every way in which a mind can end stands beside the fakes that end that way.

import sys
import time
from collections.abc import Iterator
from pathlib import Path
from threading import enumerate as threads
from typing import Any

import pytest

from perception import link as link_module
from perception.link import WAITING_MAX, Line, Link
from perception.messages import (
    Event,
    FromMind,
    Keep,
    Lesson,
    Perceive,
    Practise,
    Quit,
    Ready,
    Scene,
    Teach,
    Trouble,
    WriteLog,
    Written,
)
from perception.wire import WireError
from tests.kits.mind_lines import troubles, until_heard

START = """
import os, signal, sys, time
from perception.messages import *
from perception.wire import encode, standard_stream
line = standard_stream()
ready = Ready("fake", "cpu", 1, 2, "terse", 0)
def messages():
    while (got := line.receive()) is not None:
        yield from got
"""
# Says back what it is told, as Written; dies of WriteLog("die").
ECHO = """
line.send(ready)
for message in messages():
    if message == WriteLog("die"):
        sys.exit("ValueError: the weights are torn")
    if isinstance(message, Perceive):
        line.send(Written(f"scene {message.scene.id}"))
    else:
        line.send(Written(repr(message)))
    if message == Quit():
        sys.exit(0)
"""


def scene(number: int) -> Scene:
    return Scene(number, "terse", "hear north hum", (), ())


@pytest.fixture(autouse=True)
def nothing_is_left_behind(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setattr(link_module, "BACKOFF", 0.01)
    before = set(threads())
    yield
    assert set(threads()) - before == set()


def fake(body: str, **options: Any) -> Link:
    env = {"PYTHONPATH": str(Path(__file__).parents[2])}
    return Link([sys.executable, "-c", START + body], env=env, **options)


def written(heard: list[FromMind]) -> list[str]:
    return [message.path for message in heard if isinstance(message, Written)]


def awake(line: Line, times: int = 1) -> list[FromMind]:
    return until_heard(line, lambda heard: sum(isinstance(message, Ready) for message in heard) == times)


def test_a_mind_wakes_answers_and_ends() -> None:
    with fake(ECHO) as line:
        assert line.state == "waking"
        awake(line)
        assert line.state == "awake"
        for message in (Teach(Lesson(scene(1), (), "seer")), Perceive(scene(5)), Keep()):
            assert line.send(message)
        heard = until_heard(line, lambda heard: len(heard) == 3)
        assert [text.split("(")[0] for text in written(heard)] == ["Teach", "scene 5", "Keep"]
    assert line.state == "dead"
    assert written(line.poll()) == ["Quit()"]  # its last words can still be heard


def test_lessons_outlive_a_mind_that_dies_while_it_loads(tmp_path: Path) -> None:
    once = tmp_path / "once"
    dies_once = f"""
if not os.path.exists({str(once)!r}):
    open({str(once)!r}, "w").close()
    time.sleep(0.2)
    sys.exit("died while loading")
"""
    with fake(dies_once + ECHO) as line:
        line.send(Keep())
        line.send(WriteLog("a"))
        heard = until_heard(line, lambda heard: len(written(heard)) == 2)
        assert written(heard) == ["Keep()", "WriteLog(path='a')"]
        assert "died while loading" in troubles(heard)[0]


def test_of_perceive_only_the_newest_waits_and_nothing_else_is_dropped() -> None:
    line = fake("time.sleep(0.3)" + ECHO)
    for number in range(500):
        assert line.send(Perceive(scene(number)))
        if number % 100 == 0:
            assert line.send(WriteLog(str(number)))
    with line:
        heard = until_heard(line, lambda heard: "scene 499" in written(heard))
    logs = [text for text in written(heard) if text.startswith("Write")]
    assert logs == [f"WriteLog(path='{number}')" for number in range(0, 500, 100)]
    assert [text for text in written(heard) if text.startswith("scene")] == ["scene 499"]


@pytest.mark.parametrize("hello", ["line.send(ready)", ""], ids=["awake", "waking"])
def test_a_mind_that_never_reads_holds_nobody_up(hello: str) -> None:
    """The pipe is full after some 64 kB; a thousand sends of more than that return all the same."""
    with fake(f"{hello}\nsignal.signal(signal.SIGTERM, signal.SIG_IGN)\ntime.sleep(600)") as line:
        if hello:
            awake(line)
        lesson = Teach(Lesson(Scene(1, "terse", "x" * 2000, (), ()), (), "seer"))
        assert all(line.send(lesson) for _ in range(1000))
        assert all(line.send(Perceive(scene(number))) for number in range(1000))
        assert line.poll() == []
        line.close(timeout=0.1)  # neither Quit nor SIGTERM reaches it
        assert line.state == "dead"


def test_what_waits_is_bounded_and_a_refusal_is_said_once() -> None:
    line = fake(ECHO)
    lesson = Teach(Lesson(Scene(1, "terse", "x" * 60_000, (), ()), (), "seer"))
    taken = sum(line.send(lesson) for _ in range(1000))
    assert WAITING_MAX - 61_000 < taken * 60_500 < WAITING_MAX + 61_000
    assert not line.send(lesson)
    assert len(troubles(line.poll())) == 1
    with pytest.raises(WireError):  # what is no message is the sender's fault
        line.send(WriteLog("x" * 5000))
    with line:
        heard = until_heard(line, lambda heard: len(written(heard)) == taken)
        assert line.send(lesson)  # there is room again
        assert troubles(heard) == []


def test_a_flood_waits_for_the_game_and_loses_nothing() -> None:
    with fake("line.send(ready)\nfor n in range(20000): line.send(Written(str(n)))\nlist(messages())") as line:
        time.sleep(0.5)
        most, got = 0, []
        while len(got) < 20_000:
            heard = line.poll()
            most = max(most, len(heard))
            got += written(heard)
        assert got == [str(number) for number in range(20000)]
        assert most < 5000  # one chunk of small messages beyond the bound, not everything


def test_a_mind_that_dies_is_mourned_and_started_again() -> None:
    with fake(ECHO) as line:
        awake(line)
        line.send(WriteLog("die"))
        heard = awake(line)
        last = "ValueError: the weights are torn"
        first = f"The mind ended with status 1: {last}. It is started again (1 of 3)."
        assert troubles(heard) == [f"{first}\n{last}"]
        assert line.state == "awake"
        line.send(Keep())
        assert written(until_heard(line, lambda heard: len(heard) == 1)) == ["Keep()"]
        for _ in range(5):  # a Ready in between starts the count anew
            line.send(WriteLog("die"))
            awake(line)


@pytest.mark.parametrize("kind", [Teach, Perceive])
def test_what_a_dying_mind_did_not_take_whole_goes_to_the_next(tmp_path: Path, kind: type) -> None:
    """The first never reads and dies with a full pipe; a scene is stale by then if a newer one waits."""
    once = tmp_path / "once"
    dies_once = f"""
if not os.path.exists({str(once)!r}):
    line.send(ready)
    while not os.path.exists({str(once)!r}):
        time.sleep(0.01)
    sys.exit()
"""
    events = tuple(Event("hear", "north", "hum") for _ in range(4000))  # some 130 kB; a pipe holds 64
    big = Scene(1, "terse", "", events, ())
    with fake(dies_once + ECHO) as line:
        awake(line)
        line.send(Teach(Lesson(big, (), "seer")) if kind is Teach else Perceive(big))
        while line._waiting:
            time.sleep(0.01)
        line.send(Perceive(scene(2)))
        once.touch()
        heard = until_heard(line, lambda heard: "scene 2" in written(heard))
        assert [text.split("(")[0] for text in written(heard)] == ["Teach"] * (kind is Teach) + ["scene 2"]


@pytest.mark.parametrize("last", [True, False])
def test_practising_goes_on_after_a_death_and_nothing_else_is_sent_again(last: bool) -> None:
    with fake(ECHO) as line:
        for message in (Practise(on=not last), Practise(on=last), Keep(), WriteLog("die")):
            line.send(message)
        heard = awake(line, times=2)
        line.send(WriteLog("end"))
        heard += until_heard(line, lambda heard: "WriteLog(path='end')" in written(heard))
        (death,) = (at for at, message in enumerate(heard) if isinstance(message, Trouble))
        assert written(heard[:death])[:2] == [f"Practise(on={on})" for on in (not last, last)]
        assert written(heard[death:]) == ["Practise(on=True)"] * last + ["WriteLog(path='end')"]


def test_a_mind_that_never_wakes_is_given_up() -> None:
    with fake("sys.exit('ImportError: no torch here')", restarts=2) as line:
        heard = until_heard(line, lambda heard: line.state == "dead") + line.poll()
        said = "The mind ended with status 1: ImportError: no torch here. It is "
        then = ("started again (1 of 2).", "started again (2 of 2).", "not started again.")
        assert [text.splitlines()[0] for text in troubles(heard)] == [said + text for text in then]
        assert not line.send(Keep())
        line.start()  # the player asks for another try
        assert line.state != "dead"


def test_bad_input_is_not_tried_again() -> None:
    with fake("print('main.py mind: give another folder: it is none', file=sys.stderr); sys.exit(2)") as line:
        heard = until_heard(line, lambda heard: line.state == "dead") + line.poll()
        assert troubles(heard)[0].startswith("The mind can't wake: give another folder: it is none. It is not")
    with Link([str(Path("no") / "such" / "command")], restarts=0) as line:
        assert "could not be reached" in troubles(until_heard(line, bool))[0]


@pytest.mark.parametrize(
    ("body", "words"),
    [
        ("os.kill(os.getpid(), signal.SIGKILL)", "ended by signal 9"),
        ("line._writes.write(encode(ready) + b'loading: 100 %'); time.sleep(600)", "a frame claims"),
        ("line.send(ready); line._writes.close(); time.sleep(600)", "ended by signal 15"),
        ("sys.stderr.write('x' * 40_000_000 + '\\n' + 'last' + '\\n' * 5); sys.exit(1)", "last"),
    ],
)
def test_other_ends(body: str, words: str) -> None:
    with fake(body, restarts=0) as line:
        heard = until_heard(line, lambda heard: bool(troubles(heard)))
        assert any(isinstance(message, Ready) for message in heard) == ("ready" in body)
        (text,) = troubles(heard)
        assert words in text.splitlines()[0]
        assert len(text) < 10_000


def test_closing_is_safe_at_any_time() -> None:
    line = fake(ECHO)
    line.close()  # before it was started
    line.close()
    assert line.state == "dead"
    line.start()
    assert (line.state, line.send(Keep())) == ("dead", False)
    with fake("time.sleep(600)") as line:
        line.close(timeout=0.0)  # it has hardly begun
        assert line.state == "dead"
    with fake(ECHO) as line:
        awake(line)
        assert line.send(Quit())  # the game may also say so itself; that is no death
    assert troubles(line.poll()) == []


def test_a_child_gets_one_thread_and_the_games_variables(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OMP_NUM_THREADS", "7")
    body = "line.send(Written(os.environ['OMP_NUM_THREADS'] + os.environ['HF_HUB_OFFLINE'])); list(messages())"
    for low, wanted in ((True, "11"), (False, "71")):
        with fake(body, low_priority=low) as line:
            assert written(until_heard(line, bool)) == [wanted]


PULSE = ECHO.replace("line.send(ready)", 'line.send(Ready("fake", "cpu", 1, 2, "terse", 0, pulse=True))')


def hung_at_first(tmp_path: Path, how: str) -> str:
    """A mind that, in its first life, goes on as `how` says; from its second on it is well."""
    once = tmp_path / "once"
    first = f"""
if not os.path.exists({str(once)!r}):
    open({str(once)!r}, "w").close()
    line.send(Ready("fake", "cpu", 1, 2, "terse", 0, pulse=True))
    {how}
"""
    return first + PULSE.replace(
        "if isinstance(message, Perceive)",
        "if isinstance(message, Ping):\n        line.send(Pong(0.0))\n    elif isinstance(message, Perceive)",
    )


@pytest.mark.parametrize(
    "how",
    [
        "time.sleep(600)",
        "os.kill(os.getpid(), signal.SIGSTOP)",
        "for message in messages(): line.send(Pong(601.0))",
    ],
    ids=["deaf", "stopped", "busy for ever"],
)
def test_a_hung_mind_is_noticed_and_started_again(monkeypatch: pytest.MonkeyPatch, tmp_path: Path, how: str) -> None:
    monkeypatch.setattr(link_module, "BEAT", 0.05)
    with fake(hung_at_first(tmp_path, how)) as line:
        awake(line)
        heard = awake(line)
        assert troubles(heard)[0].splitlines()[0] == (
            "The mind does not answer any more. It is started again (1 of 3)."
        )
        line.send(Keep())
        assert written(until_heard(line, lambda heard: bool(written(heard)))) == ["Keep()"]


def test_a_mind_that_answers_its_ping_lives_on_and_no_pong_reaches_the_game(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(link_module, "BEAT", 0.02)
    body = """
line.send(Ready("fake", "cpu", 1, 2, "terse", 0, pulse=True))
count = 0
for message in messages():
    if isinstance(message, Ping):
        line.send(Pong(599.0))
        count += 1
        if count == 30:
            line.send(Written("thirty"))
    elif message == Quit():
        sys.exit(0)
"""
    with fake(body) as line:
        heard = until_heard(line, lambda heard: "thirty" in written(heard))
        assert [type(message) for message in heard] == [Ready, Written]


def test_a_mind_without_a_pulse_is_never_pinged(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(link_module, "BEAT", 0.01)
    with fake(ECHO) as line:
        awake(line)
        time.sleep(0.3)
        line.send(Keep())
        assert written(until_heard(line, bool)) == ["Keep()"]


def test_a_game_that_does_not_listen_is_no_fault_of_the_minds(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(link_module, "BEAT", 0.02)
    body = """
line.send(Ready("fake", "cpu", 1, 2, "terse", 0, pulse=True))
for number in range(20000):
    line.send(Written(str(number)))
for message in messages():
    if isinstance(message, Ping):
        line.send(Pong(0.0))
"""
    with fake(body) as line:
        time.sleep(1.0)  # fifty beats in which nobody polls
        heard = until_heard(line, lambda heard: len(written(heard)) == 20_000)
        assert troubles(heard) == []


def test_scenes_with_a_ticket_are_all_looked_at() -> None:
    line = fake("time.sleep(0.3)" + ECHO)
    for number in range(50):
        line.send(Perceive(scene(number), ticket=number % 2))
    with line:
        heard = until_heard(line, lambda heard: len(written(heard)) == 26)
    assert written(heard) == [*(f"scene {number}" for number in range(1, 49, 2)), "scene 48", "scene 49"]
