"""What the commands of a bad day count: a few hostile frames, and the simulated players' clock."""

from itertools import islice
from random import Random

import msgspec
import torch

from common.line.faults import BadMessage
from perception.messages import Perceive, Percept, ToMind
from perception.remote import MindCodec
from tests.bots.mind_faults import hostile, hostile_frames, lessons, taught
from tests.bots.mind_players import ASK_EVERY, Simulated, quantiles, scenes_of

torch.set_num_threads(1)


def test_hostile_frames_are_none_that_a_mind_takes() -> None:
    codec: MindCodec[ToMind] = MindCodec(ToMind)
    taken = []
    for data, opcode in islice(hostile_frames(Random(1)), 400):
        if opcode != 2:
            continue
        try:
            taken.append(codec.decode(data))
        except BadMessage:
            continue
    assert taken == []


def test_a_server_takes_none_of_them() -> None:
    counts = hostile(400, 2)
    assert counts["frames"] >= 400 and counts["accepted"] == 0


def test_lessons_differ_by_number_and_are_the_same_again() -> None:
    some = taught()
    first = [msgspec.msgpack.encode(lesson) for _, lesson in islice(lessons(some), 40)]
    assert len(set(first)) == 40
    assert [msgspec.msgpack.encode(lesson) for _, lesson in islice(lessons(some, 30), 10)] == first[30:]


def test_a_simulated_player_asks_every_eighth_of_a_second_and_answers_are_timed_by_their_scene() -> None:
    scenes = [sample.view.scene for sample in scenes_of(8, 2)]
    server = Simulated(scenes)
    server.ask(0)
    (event,) = server.poll(1.0)
    assert isinstance(event.what, Perceive) and server.poll() == [], "it is too early"
    sent = server.now
    (newer,) = server.poll(1.0)
    assert isinstance(newer.what, Perceive) and server.now - sent >= ASK_EVERY - 0.05, "whether it is answered or not"
    for what, least in ((event.what, ASK_EVERY - 0.05), (newer.what, 0.0)):
        server.send(0, Percept(what.scene.id, (), None, 0.1))  # type: ignore[arg-type]
        assert least <= server.took[-1] < least + 0.2
    assert len(server.gaps) == 1
    assert quantiles([0.3, 0.1, 0.2]) == {"count": 3, "p50_ms": 200.0, "p99_ms": 300.0}
