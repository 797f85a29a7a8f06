"""Charms: they light their place, cost what they cost, come off bit for bit, and survive what a mind survives."""

import msgspec
import pytest
import torch
from transformers import AutoConfig, AutoModelForCausalLM

from game.realm.rules import load
from game.realm.tongues import SENSE
from perception.messages import (
    Burn,
    Export,
    Mark,
    Perceive,
    Practise,
    Progress,
    Rewind,
    TakeOff,
    Teach,
    Trouble,
    Written,
)
from perception.model import NOVICE, Model, weights_hash
from perception.model import load as load_model
from tests.kits.families import EXPERTS, LLAMA
from tests.kits.minds import tiny
from training.config import TeachConfig
from training.data.lessons import generated
from training.mind import charm_edit, charms, self_measurement
from training.mind.charms import CHARMS, CharmError, CharmFile, read_charms
from training.mind.mind import Mind, MindConfig
from training.mind.replay import replay_journey
from training.mind.sealed import sealed

torch.set_num_threads(1)
RULES = load()
LESSONS = generated(0, 6, "terse", RULES)
SCENES = [lesson.scene for lesson in LESSONS]
TEACH = TeachConfig(parts=2, rank=4, scenes=2, rehearse=1, warmup=1)


@pytest.fixture(autouse=True)
def small(monkeypatch):
    monkeypatch.setattr(self_measurement, "LIVE_PROBES", 4)
    monkeypatch.setattr(charm_edit, "OTHERS", 6)
    monkeypatch.setattr(charm_edit, "TEXTS", 2)


def awake(folder=None, model=None, teach=TEACH):
    return Mind(model or tiny(), MindConfig(folder, teach), RULES)


def order(number, at=None, species="oni"):
    scene = SCENES[number % len(SCENES)]
    return Burn(scene, scene.questions[0].place, number if at is None else at, species)


def answer_to(mind, message):
    """The last thing that it says to a message."""
    return mind.handle(message)[-1]


def belief(mind, burn):
    (percept,) = mind.handle(Perceive(burn.scene))
    places = [(q.ask, q.place) for q in burn.scene.questions]
    number = places.index((SENSE, burn.place))
    return percept.beliefs[number][burn.scene.questions[number].candidates.index(burn.species)]


def bits(mind):
    return weights_hash(mind.model.net)


def test_a_real_mind_sees_at_once_what_was_burned_and_as_before_once_it_is_off(monkeypatch):
    monkeypatch.undo()
    mind = awake(model=load_model(NOVICE))
    one, other, before = order(0, 3, "kitsune"), order(2, 5, "oni"), bits(mind)
    assert belief(mind, one) < 0.01 and mind.ready.burns == 6
    said = answer_to(mind, one)
    assert isinstance(said, Progress) and belief(mind, one) > 0.9
    assert [(c.number, c.at, c.species, c.layer) for c in said.charms] == [(0, 3, "kitsune", 6)]
    (elsewhere,) = mind.handle(Perceive(SCENES[3]))
    assert all(p[-1] > 0.5 for p in elsewhere.beliefs)  # "nothing" is still the answer at most places
    with_one = bits(mind)
    assert isinstance(answer_to(mind, other), Progress) and belief(mind, other) > 0.9
    assert answer_to(mind, TakeOff(0)).charms[0].number == 1 and belief(mind, other) > 0.9 > belief(mind, one)
    assert belief(mind, other) > 0.9, "the last look before it is taken off"
    assert answer_to(mind, TakeOff(1)).charms == () and bits(mind) == before and belief(mind, other) < 0.1
    mind.charms.wear((0,))
    assert bits(mind) == with_one


def test_what_a_charm_costs_is_measured_while_nobody_practises():
    mind = awake()
    answer_to(mind, order(0))
    assert mind.busy
    said = [message for _ in range(10) if mind.busy for message in mind.work()]
    assert [type(message) for message in said] == [Progress] and not mind.busy
    assert said[0].mundane == mind.measured.measure().mundane and mind.measured.history == []


def test_practice_leaves_a_charm_in_place_and_taking_it_off_leaves_what_was_practised():
    mind, plain = awake(), awake()
    for each in (mind, plain):
        each.handle(Teach(LESSONS[0]))
    answer_to(mind, order(0))
    matrix = charm_edit.mlp_at(mind.model.net, 0).matrix().clone()
    while mind.teacher.steps < 2:
        mind.practise()
    assert torch.equal(charm_edit.mlp_at(mind.model.net, 0).matrix(), matrix)
    moved = bits(mind)
    answer_to(mind, TakeOff(0))
    assert torch.equal(charm_edit.mlp_at(mind.model.net, 0).matrix(), charm_edit.mlp_at(plain.model.net, 0).matrix())
    assert bits(mind) not in (moved, bits(plain))


def test_charms_survive_a_restart_a_rewind_and_an_export(tmp_path):
    mind = awake(tmp_path)
    mind.handle(Teach(LESSONS[0]))
    answer_to(mind, order(0))
    worn = bits(mind)
    mind.handle(Mark("with one"))
    answer_to(mind, order(1))
    both = bits(mind)
    again = awake(tmp_path)
    assert bits(again) == both and [c.number for c in again.progress().charms] == [0, 1]
    again.handle(TakeOff(0))
    number = again.restore_point_list().points[-1].number
    assert again.restore_point_list().points[-1].charms == (0,)
    again.handle(Rewind(number))
    assert bits(again) == worn and again.charms.worn == (0,)
    assert isinstance(answer_to(again, Export("out")), Written)
    assert bits(again) == weights_hash(load_model(tmp_path / "out").net)
    again.handle(Rewind(0))
    assert bits(again) == again.origin == bits(awake(tmp_path)) and again.charms.worn == ()
    assert answer_to(again, order(2)).charms[0].number == 2  # numbers go on


def test_a_journey_with_charms_is_replayed_to_the_same_bits(tmp_path):
    mind = awake(tmp_path / "journey")
    mind.handle(Teach(LESSONS[0]))
    answer_to(mind, order(0))
    for _ in range(3):
        mind.practise()
    mind.handle(Practise(False))
    answer_to(mind, order(1))
    answer_to(mind, TakeOff(0))
    mind.save(again=True)
    result = replay_journey(tmp_path / "journey", tiny(), tmp_path / "again")
    assert result["same_weights"] and result["weights"] == bits(mind)
    assert read_charms(tmp_path / "again" / CHARMS).worn == (1,)


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({"place": "nowhere"}, "no charm for nowhere: the scene asks about"),
        ({"species": "nothing"}, "it is no spirit of this realm"),
        ({"species": "dragon"}, "it is no spirit of this realm"),
        ({"at": 0, "species": "oni"}, "is worn already"),
    ],
)
def test_an_order_that_makes_no_sense_is_one_line_and_costs_nothing(change, says):
    mind = awake()
    answer_to(mind, order(0))
    before = bits(mind)
    said = answer_to(mind, msgspec.structs.replace(order(1), **change))
    assert isinstance(said, Trouble) and says in said.text and "\n" not in said.text
    assert bits(mind) == before and len(mind.charms.burned) == 1
    said = answer_to(mind, TakeOff(7))
    assert isinstance(said, Trouble) and said.text == "charm 7 is not worn; worn are 0"


def test_there_is_a_most_that_can_be_worn(monkeypatch):
    monkeypatch.setattr(charms, "WORN_MOST", 1)
    mind = awake()
    assert isinstance(answer_to(mind, order(0)), Progress)
    assert "have one taken off" in answer_to(mind, order(1)).text


def test_minds_without_the_matrix_or_that_train_it_say_so_in_one_line():
    words = tiny().tokenizer
    sizes = LLAMA | EXPERTS | {"max_position_embeddings": 512, "vocab_size": len(words)}
    net = AutoModelForCausalLM.from_config(AutoConfig.for_model("olmoe", **sizes)).float().eval()
    experts = awake(model=Model(net, words, "terse", "experts"))
    trains = awake(teach=TeachConfig(parts=2, train="all", rank=4))
    for mind, says in (
        (experts, "its MLP is a set of experts"),
        (trains, "this mind takes no charms: practice trains"),
    ):
        said = answer_to(mind, order(0))
        assert mind.ready.burns is None and isinstance(said, Trouble) and says in said.text and "\n" not in said.text


def test_a_file_of_charms_that_is_damaged_or_foreign_costs_the_charms_alone(tmp_path):
    mind = awake(tmp_path)
    answer_to(mind, order(0))
    data, plain = (tmp_path / CHARMS).read_bytes(), mind.origin
    file = read_charms(tmp_path / CHARMS)
    for bad, says in (
        (data[:-9] + b"x" + data[-8:], "doesn't match its hash"),
        (data[:99], "can't be read"),
        (sealed(msgspec.structs.replace(file, model="0" * 16)), "is of another model"),
        (sealed(msgspec.structs.replace(file, version=2)), "is of version 2"),
        (sealed(msgspec.structs.replace(file, worn=(4,))), "was never burned"),
    ):
        (tmp_path / CHARMS).write_bytes(bad)
        woken = awake(tmp_path)
        assert bits(woken) == plain and woken.progress().charms == ()
        assert any("goes on without its charms" in note and says in note for note in woken.notes)


def test_charms_that_are_lost_with_the_journal_are_said_too(tmp_path):
    (tmp_path / CHARMS).write_bytes(b"torn")
    assert any("goes on without its charms" in note for note in awake(tmp_path).notes)


def test_a_mind_that_dies_while_it_burns_wakes_as_it_was(tmp_path, monkeypatch):
    mind = awake(tmp_path)
    answer_to(mind, order(0))
    before = bits(mind)

    def dies(*_args):
        raise KeyboardInterrupt

    for step in ("rank_one_for", "write_whole"):
        monkeypatch.setattr(f"training.mind.charms.{step}", dies)
        with pytest.raises(KeyboardInterrupt):
            mind.handle(order(1))
        woken = awake(tmp_path)
        assert bits(woken) == before and [c.number for c in woken.progress().charms] == [0]
        monkeypatch.undo()


def test_a_file_claims_no_more_than_can_be(tmp_path):
    mind = awake()
    answer_to(mind, order(0))
    path = tmp_path / CHARMS
    path.write_bytes(sealed(CharmFile(mind.origin, mind.charms.burned, (0, 0))))
    with pytest.raises(CharmError, match="holds more charms than can be"):
        read_charms(path)
