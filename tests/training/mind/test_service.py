"""A mind that serves several players at once: each has a mind of their own, and lessons are safe before they are said
to be.

The service works in the test's own thread, round by round; players speak over real lines on loopback.
"""
# long because: what a service promises its players stands beside the players who test it

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from itertools import count
from pathlib import Path
from threading import Event
from typing import Any

import msgspec
import pytest
import torch

from common.files import OutputError
from common.line.address import Address
from common.line.channel import Left
from common.line.client import Client
from common.line.hello import Visitor
from common.line.server import Server
from common.locks import FolderInUse, hold
from perception.messages import (
    FromMind,
    Keep,
    Perceive,
    Percept,
    Practise,
    Progress,
    Quit,
    Ready,
    Taught,
    Teach,
    ToMind,
    Trouble,
    WriteLog,
    Written,
)
from perception.model import weights_hash
from perception.remote import LIMITS, TERMS, MindCodec
from perception.wire import lesson_digest
from tests.kits.minds import tiny
from tests.training.mind.test_mind import LESSONS, RULES, SCENE, TEACH, awake, few_probes, steps
from training.mind import mind_store, service
from training.mind.listen import serve_address
from training.mind.mind import Mind, MindConfig
from training.mind.service import Service, ServiceConfig

torch.set_num_threads(1)
__all__ = ["few_probes"]  # a fixture of every test here, too
ROUNDS = 4000  # after which a test gives up


class House:
    """A service, and the players who come to it."""

    def __init__(self, stack: ExitStack, folder: Path | None) -> None:
        self._stack = stack
        self.folder = folder
        server: Server[ToMind] = Server(Address("127.0.0.1", 0), TERMS, MindCodec(ToMind), limits=LIMITS)
        stack.callback(server.close)
        self.port = server.port
        config = ServiceConfig(folder, MindConfig(None, TEACH, local=False, resumes=True))
        self.service = Service(server, tiny(), config, RULES)

    def come(self, name: str) -> "Game":
        return self._stack.enter_context(Game(self, name))

    def mind(self, name: str) -> Mind:
        return self.service._players[name].mind


class Game:
    """A player's game."""

    def __init__(self, house: House, name: str) -> None:
        self._house, self.heard = house, list[FromMind]()
        codec: MindCodec[FromMind] = MindCodec(FromMind)
        self.line = Client(Address("127.0.0.1", house.port), TERMS, codec, Visitor(name))
        self.left: Left | None = None

    def say(self, *messages: ToMind) -> None:
        for message in messages:
            assert self.line.send(message)

    def hear(self, enough: Callable[[list[FromMind]], Any]) -> list[FromMind]:
        """What is said from now on, until it is enough."""
        heard: list[FromMind] = []
        for _ in range(ROUNDS):
            if enough(heard):
                return heard
            self._house.service.round(0.005)
            for what in self.line.poll():
                if isinstance(what, Left):
                    self.left = what
                else:
                    heard.append(what)
        raise AssertionError(f"heard only {heard[-5:]}")

    def until(self, kind: type, count: int = 1) -> list[Any]:
        heard = self.hear(lambda heard: sum(isinstance(each, kind) for each in heard) >= count)
        return [each for each in heard if isinstance(each, kind)]

    def __enter__(self) -> "Game":
        return self

    def __exit__(self, *_: object) -> None:
        self.line.close()


@pytest.fixture
def stack() -> Iterator[ExitStack]:
    with ExitStack() as opened:
        yield opened


@pytest.fixture
def house(stack: ExitStack, tmp_path: Path) -> House:
    return House(stack, tmp_path)


def gone(house: House, name: str) -> None:
    """Rounds until this player's mind has been saved and let go."""
    for _ in range(ROUNDS):
        if name not in house.service._players:
            return
        house.service.round(0.005)
    raise AssertionError(f"{name} is still there")


def alone(lessons: list, count: int) -> str:
    """The weights of a mind that nobody shares, after so many steps of these lessons."""
    mind = Mind(tiny(), MindConfig(None, TEACH), RULES)
    for lesson in lessons:
        mind.handle(Teach(lesson))
    steps(mind, count)
    return weights_hash(mind.model.net)


def test_players_learn_beside_each_other_as_each_would_alone(house: House) -> None:
    anna, bert, carl = (house.come(name) for name in ("anna", "bert", "carl"))
    for game, lessons in ((anna, LESSONS[:2]), (bert, LESSONS[2:5]), (carl, ())):
        game.until(Ready)
        game.say(*(Teach(lesson) for lesson in lessons), Perceive(SCENE))
        game.until(Percept)
    anna.say(Practise(True))
    bert.say(Practise(True))
    minds = [house.mind(name) for name in ("anna", "bert", "carl")]
    apart = 0
    for _ in range(ROUNDS):
        house.service.round()
        apart = max(apart, abs(minds[0].teacher.steps - minds[1].teacher.steps))
        if minds[0].teacher.steps == minds[1].teacher.steps == 6:
            break
    assert apart == 1, "they take turns by steps"
    for mind in minds:
        mind.practising = False
    assert weights_hash(minds[0].model.net) == alone(LESSONS[:2], 6)
    assert weights_hash(minds[1].model.net) == alone(LESSONS[2:5], 6)
    assert weights_hash(minds[2].model.net) == minds[2].origin == minds[0].origin
    carl.say(Perceive(SCENE))
    (percept,) = carl.until(Percept)
    assert percept.beliefs == awake().handle(Perceive(SCENE))[0].beliefs


def test_a_player_who_comes_back_finds_what_they_learned_and_nobody_elses(house: House) -> None:
    with house.come("anna") as anna:
        anna.say(Teach(LESSONS[0]), Practise(True))
        anna.hear(lambda heard: any(isinstance(each, Progress) and each.step == 3 for each in heard))
        before = house.mind("anna")
        before.practising = False
        anna.say(Quit())
        anna.hear(lambda heard: anna.left is not None)
        assert anna.left == Left("saved")
    gone(house, "anna")
    again = house.come("ANNA")
    ready, progress = again.hear(lambda heard: len(heard) >= 2)[:2]
    assert isinstance(ready, Ready) and isinstance(progress, Progress)
    assert (ready.step, progress.lessons, progress.step) == (3, 1, 3)
    assert progress.hits is None, "the weights that it woke with are not measured yet"
    assert again.until(Progress)[0].hits is not None
    assert weights_hash(house.mind("anna").model.net) == weights_hash(before.model.net)
    bert = house.come("bert")
    assert bert.until(Progress)[0].lessons == 0
    assert sorted(path.name for path in (house.folder / "players").iterdir()) == ["anna"]


def saved_lessons(house: House, name: str) -> list:
    path = house.folder / "players" / name / mind_store.JOURNAL
    return list(mind_store.read_lessons(path)) if path.exists() else []


def test_lessons_are_acknowledged_when_they_lie_on_disk_and_not_before(house: House, monkeypatch) -> None:
    anna = house.come("anna")
    (ready,) = anna.until(Ready)
    assert not ready.pulse
    anna.say(Teach(LESSONS[0]))
    assert anna.until(Taught) == [Taught(lesson_digest(LESSONS[0]))]
    assert saved_lessons(house, "anna") == [LESSONS[0]]

    def full(path: Path, data: bytes) -> None:
        raise OutputError(f"{path}: the disk is full; free some space", 28)

    with monkeypatch.context() as patched:
        patched.setattr(mind_store, "write_whole", full)
        anna.say(Teach(LESSONS[1]), Perceive(SCENE))
        heard = anna.hear(lambda heard: {Percept, Trouble, Progress} <= {type(each) for each in heard})
        (trouble,) = [each for each in heard if isinstance(each, Trouble)]
        assert "can't be saved now, it tries again later" in trouble.text and "the disk is full" in trouble.text
        assert not [each for each in heard if isinstance(each, Taught)]
        anna.say(Teach(LESSONS[2]))
        assert not [
            each for each in anna.hear(lambda h: any(isinstance(e, Progress) for e in h)) if isinstance(each, Taught)
        ]
        anna.line.close()
        for _ in range(50):
            house.service.round(0.005)
        assert house.mind("anna").unsaved, "it stays until it can be saved"
    monkeypatch.setattr(service, "AGAIN_S", 0.0)
    gone(house, "anna")
    assert saved_lessons(house, "anna") == LESSONS[:3]


def test_what_could_not_be_saved_is_acknowledged_later(house: House, monkeypatch) -> None:
    anna = house.come("anna")
    anna.until(Ready)
    with monkeypatch.context() as patched:
        patched.setattr(mind_store, "write_whole", lambda path, data: (_ for _ in ()).throw(OutputError("full")))
        anna.say(Teach(LESSONS[0]))
        anna.until(Trouble)
    anna.say(Keep())
    assert anna.until(Taught) == [Taught(lesson_digest(LESSONS[0]))]
    assert saved_lessons(house, "anna") == [LESSONS[0]]


def test_a_lesson_that_comes_again_is_learned_once(house: House) -> None:
    digest = lesson_digest(LESSONS[0])
    with house.come("anna") as anna:
        anna.say(Teach(LESSONS[0]), Teach(LESSONS[0]), Teach(LESSONS[1]))
        both = {digest, lesson_digest(LESSONS[1])}  # what comes twice may be acknowledged twice
        anna.hear(lambda heard: {each.digest for each in heard if isinstance(each, Taught)} == both)
    gone(house, "anna")
    anna = house.come("anna")
    anna.say(Teach(LESSONS[0]))
    assert anna.until(Taught) == [Taught(digest)]
    assert house.mind("anna").teacher.journal.lessons == LESSONS[:2]


def test_a_lesson_that_cannot_be_learned_from_is_not_sent_for_ever(house: House) -> None:
    anna = house.come("anna")
    wrong = msgspec.structs.replace(LESSONS[0], answers=("a dragon",) * len(LESSONS[0].answers))
    anna.say(Teach(wrong))
    heard = anna.hear(lambda heard: any(isinstance(each, Taught) for each in heard))
    assert heard[-1] == Taught(lesson_digest(wrong), kept=False)
    assert any(isinstance(each, Trouble) for each in heard)


def test_a_scene_overtakes_lessons_and_the_log_of_another(house: House) -> None:
    anna, bert = house.come("anna"), house.come("bert")
    anna.until(Ready)
    bert.until(Ready)
    anna.say(Teach(LESSONS[0]), WriteLog("log.msgpack"), Keep(), Perceive(SCENE))
    bert.say(Perceive(SCENE))
    while sum(player.inbox.waiting for player in house.service._numbers.values()) < 5:  # all that was said is there
        for event in house.service._server.poll(1.0):
            house.service._hear(event)
    for percepts in (1, 2):
        house.service.round()
        assert house.service.percepts == percepts
    heard = anna.hear(lambda heard: any(isinstance(each, Written) for each in heard))
    assert [type(each) for each in heard].index(Percept) == 0
    assert (house.folder / "players" / "anna" / "log.msgpack").is_file()


def test_whose_last_scene_lies_furthest_back_is_next(house: House) -> None:
    games = [house.come(name) for name in ("anna", "bert", "carl")]
    for game in games:
        game.until(Ready)
    players = [house.service._players[name] for name in ("anna", "bert", "carl")]
    players[0].inbox.put([Perceive(SCENE, ticket=number) for number in range(1, 9)])
    for player in players[1:]:
        player.inbox.put([Perceive(SCENE, ticket=1), Perceive(SCENE, ticket=2)])
    waiting = []
    for _ in range(6):
        house.service.round()
        waiting.append([player.inbox.waiting for player in players])
    assert waiting == [[7, 2, 2], [7, 1, 2], [7, 1, 1], [6, 1, 1], [6, 0, 1], [6, 0, 0]]


def test_whose_last_order_lies_furthest_back_is_next_whoever_else_comes_and_goes(house: House) -> None:
    """Anna and Carl give orders by turns. Bert waits all the time, and has his turn."""
    games = [house.come(name) for name in ("anna", "bert", "carl")]
    for game in games:
        game.until(Ready)
    anna, bert, carl = (house.service._players[name] for name in ("anna", "bert", "carl"))
    for one, other in ((carl, anna), (anna, carl)):
        bert.inbox.put([Keep()])
        for player in (one, other, one):
            player.inbox.put([Keep()])
            house.service._act()
        assert not bert.inbox.waiting
        while house.service._act():
            pass


def test_practice_gets_its_share_while_scenes_wait(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    anna = house.come("anna")
    anna.say(Teach(LESSONS[0]))
    anna.until(Taught)
    player, pieces, clock = house.service._players["anna"], [], count()
    monkeypatch.setattr(player, "work", lambda: pieces.append(1) or [])
    monkeypatch.setattr(service.time, "perf_counter", lambda: float(next(clock)))  # looks and pieces take one second
    player.mind.practising = True
    player.inbox.put([Perceive(SCENE, ticket=1 + number) for number in range(60)])
    for _ in range(50):
        house.service.round()
    assert player.inbox.waiting == 10 and len(pieces) == pytest.approx(service.SHARE * 50, abs=3)


def test_after_a_step_that_failed_a_scene_is_read_anew(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    mind = awake()
    mind.handle(Teach(LESSONS[0]))
    before = mind.handle(Perceive(SCENE))[0]

    def fails() -> Iterator[None]:
        torch.nn.init.zeros_(mind.model.net.get_output_embeddings().weight)
        raise RuntimeError("in its midst")
        yield

    monkeypatch.setattr(mind.teacher, "parts", fails)
    assert isinstance(mind.practise()[0], Trouble)
    assert mind.handle(Perceive(SCENE))[0].beliefs != before.beliefs


def test_where_many_wait_what_heads_did_is_told_now_and_then(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    anna = house.come("anna")
    anna.until(Ready)
    player, measured = house.service._players["anna"], []
    for busy, now in ((False, 0.0), (False, 0.1), (True, 0.2), (True, 2.0), (True, 2.1), (True, 2.2), (False, 2.3)):
        player.inbox.put([Perceive(msgspec.structs.replace(SCENE, id=round(10 * now), text=SCENE.text))])
        (percept,) = player.look(busy, now)
        assert isinstance(percept, Percept) and percept.scene == round(10 * now)
        measured.append(bool(percept.heads.activity))
        player.mind._seen = None
    assert measured == [True, True, False, False, True, False, True]


@pytest.mark.parametrize("path", ["../bert/log.msgpack", "/etc/log.msgpack", "journal.msgpack", "state.safetensors"])
def test_a_player_writes_in_their_own_folder_under_plain_names(house: House, path: str) -> None:
    anna = house.come("anna")
    anna.say(WriteLog(path))
    (said,) = anna.until(Trouble)
    assert "give a" in said.text
    assert not (house.folder / "players" / "bert").exists()


def test_a_mind_that_cannot_be_woken_is_said_to_its_player_alone(house: House, capfd) -> None:
    folder = house.folder / "players" / "anna"
    awake(folder, seed=1).save()  # of another model
    anna = house.come("anna")
    (said,) = anna.until(Trouble)
    assert "give the --model it learned with" in said.text
    anna.hear(lambda heard: anna.left is not None)
    assert anna.left is not None and not anna.left.again
    assert house.come("bert").until(Ready)
    assert "main.py mind: anna: give the --model" in capfd.readouterr().err


def test_what_is_no_number_is_told_as_trouble(house: House, monkeypatch) -> None:
    anna = house.come("anna")
    anna.until(Ready)
    percept = awake().handle(Perceive(SCENE))[0]
    broken = msgspec.structs.replace(percept, seconds=float("nan"), ticket=7)
    monkeypatch.setattr(Mind, "answers", lambda self, messages: [broken])
    anna.say(Perceive(SCENE, ticket=7))
    (said,) = anna.until(Trouble)
    assert said.ticket == 7


def test_it_ends_saved_and_says_so(house: House) -> None:
    anna = house.come("anna")
    anna.say(Teach(LESSONS[0]))
    anna.until(Taught)
    house.mind("anna").practising = True
    ended = Event()
    ended.set()
    house.service.run(ended)
    while anna.left is None:
        anna.left = next((what for what in anna.line.poll(1.0) if isinstance(what, Left)), None)
    assert anna.left == Left("the mind's machine ends it; it is saved")
    assert saved_lessons(house, "anna") == [LESSONS[0]]


def test_a_folder_has_one_service(tmp_path: Path, monkeypatch) -> None:
    monkeypatch.setattr("training.mind.listen.LOCK_WAIT", 0.0)
    with hold(tmp_path, "minds"), pytest.raises(FolderInUse, match="in use by another program"):
        serve_address(Address("127.0.0.1", 0), tiny(), tmp_path, 0)
