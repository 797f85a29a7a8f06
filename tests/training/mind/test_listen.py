"""A mind that waits for games on an address: one at a time; nobody can hold it, fill it or leave a thread behind."""

import socket
import threading
from contextlib import closing

import pytest
import torch

from perception.messages import (
    FromMind,
    HeadActivity,
    Perceive,
    Percept,
    Ping,
    Pong,
    Progress,
    Quit,
    Ready,
    Teach,
    Trouble,
    WriteLog,
)
from perception.wire import HEADER, Stream, encode, socket_stream
from tests.training.mind.test_mind import LESSONS, SCENE, awake, few_probes
from training.mind import listen, saving
from training.mind.inbox import TICKETS_MAX
from training.mind.listen import TAKEN, Door, serve_games
from training.mind.mind import Mind, MindConfig

torch.set_num_threads(1)
__all__ = ["few_probes"]  # a fixture of every test here, too
OPEN: list = []  # games that hold their line until the mind has ended
WORDS = "the game's words"  # the thread that listens to a game


class Game:
    """A game on the other end of a connection."""

    def __init__(self, port):
        self.socket = socket.socket()
        self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        self.socket.connect(("127.0.0.1", port))
        self.line: Stream = socket_stream(self.socket, FromMind, 60.0)
        self._heard = []

    def hear(self, kind):
        """The next message of a kind, or None at the end; those before it are dropped."""
        while True:
            while self._heard:
                message = self._heard.pop(0)
                if isinstance(message, kind):
                    return message
            try:
                messages = self.line.receive()
            except OSError:
                return None
            if messages is None:
                return None
            self._heard += messages

    def close(self):
        self.socket.close()


@pytest.fixture
def house(tmp_path, monkeypatch):
    """(the mind, its port)."""
    monkeypatch.setattr(listen, "TURN", 0.05)
    mind = awake(tmp_path)
    with socket.create_server(("127.0.0.1", 0)) as server:
        server.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 4096)  # a deaf game is soon noticed
        port, door = server.getsockname()[1], Door(server)
        thread = threading.Thread(target=serve_games, args=(mind, door), daemon=True)
        thread.start()
        yield mind, port
        door.close()
        thread.join(60)
        assert not thread.is_alive()
    while OPEN:
        OPEN.pop().close()
    assert WORDS not in [each.name for each in threading.enumerate()]


@pytest.fixture
def hasty(monkeypatch):
    monkeypatch.setattr(listen, "SILENCE", 0.3)


def test_one_game_after_the_other_finds_what_the_one_before_has_taught(house):
    _, port = house
    for before in (0, 1):
        with closing(Game(port)) as game:
            assert game.hear(Ready).tongue == "terse"
            assert game.hear(Progress).lessons == before
            game.line.send(Teach(LESSONS[before]))
            assert game.hear(Progress).lessons == before + 1
            game.line.send(Quit())
            assert game.hear(Pong) is None


def test_who_comes_while_another_plays_is_told_so_and_the_game_goes_on(house):
    _, port = house
    with closing(Game(port)) as game:
        game.hear(Ready)
        for _ in range(3):
            with closing(Game(port)) as other:
                assert other.hear((Ready, Trouble)) == Trouble(TAKEN)
                assert other.hear(Ready) is None
        game.line.send(Perceive(SCENE))
        assert game.hear(Percept).scene == SCENE.id


def test_a_silent_connection_is_hung_up_on_and_the_next_game_gets_in(hasty, house):
    _, port = house
    with closing(Game(port)) as silent:
        assert silent.hear(Trouble) is None
        with closing(Game(port)) as game:
            assert game.hear(Ready)


def test_one_that_drips_bytes_and_never_says_anything_is_hung_up_on_too(hasty, house):
    _, port = house
    with closing(Game(port)) as dripping:
        dripping.hear(Progress)
        dripping.socket.sendall((1_000_000).to_bytes(HEADER, "big"))
        dripping.socket.settimeout(0.05)
        ended = False
        while not ended:
            try:
                dripping.socket.sendall(b"\x00")
                ended = dripping.socket.recv(1) == b""
            except TimeoutError:
                continue
            except OSError:
                ended = True
        with closing(Game(port)) as game:
            assert game.hear(Ready)


def test_one_that_asks_and_never_reads_is_hung_up_on(hasty, house):
    _, port = house
    with closing(Game(port)) as deaf:
        flood = b"".join(map(encode, [Perceive(SCENE, ticket=1), Ping()])) * 5000
        with pytest.raises(ConnectionError):
            deaf.socket.sendall(flood)
    with closing(Game(port)) as game:
        assert game.hear(Ready)


def test_a_door_that_closes_waits_for_nobody_who_is_deaf(house):
    """A signal ends the mind while both its threads wait to send: the teardown sees that it ends."""
    _, port = house
    deaf = Game(port)
    deaf.hear(Progress)
    deaf.socket.settimeout(0.5)
    with pytest.raises(TimeoutError):
        deaf.socket.sendall(b"".join(map(encode, [Perceive(SCENE, ticket=1), Ping()])) * 5000)
    OPEN.append(deaf)


def test_a_flood_of_tickets_is_refused_aloud_and_a_ping_is_answered_in_the_midst_of_it(house, monkeypatch):
    mind, port = house
    begun, go_on = threading.Event(), threading.Event()

    def wait(message):
        begun.set()
        assert go_on.wait(60)
        return Percept(SCENE.id, (), HeadActivity(2, 4), 0.0, ticket=message.ticket)

    monkeypatch.setattr(mind, "_look", wait)
    with closing(Game(port)) as game:
        game.hear(Progress)
        game.line.send(Perceive(SCENE, ticket=1))
        assert begun.wait(60)
        for ticket in range(2, TICKETS_MAX + 52):
            game.line.send(Perceive(SCENE, ticket=ticket))
        game.line.send(Ping())
        heard = [game.hear((Trouble, Pong)) for _ in range(51)]  # while the mind works
        go_on.set()
        assert sum(isinstance(message, Pong) for message in heard) == 1
        refused = [message.ticket for message in heard if isinstance(message, Trouble)]
        assert refused == list(range(TICKETS_MAX + 2, TICKETS_MAX + 52))
        assert [game.hear(Percept).ticket for _ in range(TICKETS_MAX + 1)] == list(range(1, TICKETS_MAX + 2))


def test_a_quit_leaves_no_thread_though_the_game_keeps_the_line_open(house):
    _, port = house
    with closing(Game(port)) as game:
        game.hear(Ready)
        game.line.send(Quit())
        assert game.hear(Trouble) is None
        with closing(Game(port)) as next_game:
            assert next_game.hear(Ready)
            assert [each.name for each in threading.enumerate()].count(WORDS) == 1


def test_what_is_no_message_ends_the_talk_and_not_the_mind(house):
    _, port = house
    for noise in (b"\xff" * 64, (4).to_bytes(HEADER, "big") + b"\xc1\xc1\xc1\xc1", b"GET / HTTP/1.1\r\n\r\n"):
        with closing(Game(port)) as vandal:
            vandal.socket.sendall(noise)
            assert vandal.hear(Trouble) is None
    with closing(Game(port)) as game:
        assert game.hear(Ready)


def test_a_game_that_leaves_while_the_disk_is_full_leaves_a_mind_for_the_next_one(house, monkeypatch, capfd):
    mind, port = house

    def full(*_args):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(saving, "save_mind", full)
    with closing(Game(port)) as game:
        game.hear(Progress)
        game.line.send(Teach(LESSONS[0]))
        assert "No space left" in game.hear(Trouble).text
        game.line.send(Quit())
        assert "No space left" in game.hear(Trouble).text, "what is lost is said at the end"
        assert game.hear(Progress) is None
    monkeypatch.undo()
    with closing(Game(port)) as game:
        assert game.hear(Progress).lessons == 1
        game.line.send(Quit())
        assert game.hear(Trouble) is None
    assert capfd.readouterr().err.count("main.py mind: The mind can't be saved now") == 1
    assert awake(mind.config.folder).teacher.journal.lessons == [LESSONS[0]]


def test_a_remote_game_names_no_place(tmp_path):
    mind = Mind(awake().model, MindConfig(tmp_path / "mind", awake().config.teach, local=False), awake().rules)
    (said,) = mind.handle(WriteLog(str(tmp_path / "mind" / "log.msgpack")))
    assert said.text.startswith("give a plain name: this mind writes in its own folder alone")
