"""Chosen heads practise and the others rest: refused, saved, turned back, exported, replayed; nothing else is reset."""

import json
from pathlib import Path

import msgspec
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from perception.messages import Attune, Export, Mark, Perceive, Practise, Progress, Rewind, Teach, Trouble, WriteLog
from perception.model import load as load_model
from perception.model import weights_hash
from tests.kits.minds import tiny
from tests.training.mind.test_mind import LESSONS, RULES, SCENE, TEACH, steps
from training.config import TeachConfig
from training.headlog.log import read_log
from training.mind import self_measurement
from training.mind.attunement import ATTUNEMENT, AttunementError, AttunementFile, read_attunement
from training.mind.inbox import Inbox
from training.mind.mind import Mind, MindConfig
from training.mind.outputs import ATTUNED
from training.mind.practice_record import HEADS, Event, PracticeError, load_practice, save_practice
from training.mind.replay import replay_journey
from training.mind.sealed import sealed

torch.set_num_threads(1)
CHOSEN = (1, 6)  # of two layers of four heads: 0.1 and 1.2


@pytest.fixture(autouse=True)
def few_probes(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(self_measurement, "LIVE_PROBES", 2)


def awake(folder: Path | None = None, teach: TeachConfig = TEACH, resumes: bool = False) -> Mind:
    return Mind(tiny(), MindConfig(folder, teach, resumes=resumes), RULES)


def taught(folder: Path | None = None, **config: bool) -> Mind:
    mind = awake(folder, **config)
    for lesson in LESSONS[:3]:
        mind.handle(Teach(lesson))
    return mind


def moved(mind: Mind, before: dict[str, torch.Tensor]) -> set[int]:
    """The heads whose query slice is not what it was, by index."""
    heads = set()
    for layer in range(2):
        name = f"model.layers.{layer}.self_attn.q_proj.weight"
        gap = (mind.model.net.get_parameter(name) - before[name]).abs().reshape(4, -1).amax(1)
        heads |= {4 * layer + head for head in range(4) if gap[head] > 0}
    return heads


def weights_of(mind: Mind) -> dict[str, torch.Tensor]:
    return {name: p.detach().clone() for name, p in mind.model.net.named_parameters()}


def attuned(mind: Mind, *heads: int) -> Progress:
    (progress,) = mind.handle(Attune(heads))
    assert isinstance(progress, Progress)
    return progress


def test_the_chosen_alone_move_until_all_practise_again() -> None:
    mind = taught()
    steps(mind, 2)
    before = weights_of(mind)
    assert mind.ready.attunes and mind.progress().attuned == ()
    assert attuned(mind, *CHOSEN[::-1]).attuned == CHOSEN, "in order, whatever the order of the choice"
    steps(mind, 2)
    assert moved(mind, before) == set(CHOSEN) and mind.teacher.steps == 4
    before = weights_of(mind)
    assert attuned(mind).attuned == ()
    steps(mind, 1)
    assert moved(mind, before) == set(range(8))


def test_a_choice_that_is_taken_back_in_the_midst_of_a_step_resets_nothing() -> None:
    one, other = taught(), taught()
    for mind in (one, other):
        steps(mind, 2)
        mind.practise()
    attuned(one, *CHOSEN)
    attuned(one)
    for mind in (one, other):
        steps(mind, 2)
    assert weights_hash(one.model.net) == weights_hash(other.model.net)


@given(st.lists(st.integers(0, 2**53), max_size=5))
@settings(max_examples=40, deadline=None)
def test_heads_that_are_not_there_or_named_twice_are_refused_and_nothing_changes(heads: list[int]) -> None:
    mind = MIND
    attuned(mind, 3)
    (answer,) = mind.handle(Attune(tuple(heads)))
    good = all(head < 8 for head in heads) and len(set(heads)) == len(heads)
    refused = isinstance(answer, Trouble) and answer.text.startswith("choose ")
    assert isinstance(answer, Progress) if good else refused
    assert mind.progress(anew=False).attuned == (tuple(sorted(heads)) if good else (3,))


MIND = Mind(tiny(), MindConfig(None, TEACH), RULES)


def test_a_mind_whose_heads_were_chosen_or_do_not_train_takes_no_choice() -> None:
    for teach in (TeachConfig(heads="0.1"), TeachConfig(train="mlps")):
        mind = awake(teach=teach)
        assert not mind.ready.attunes
        (answer,) = mind.handle(Attune((1,)))
        assert isinstance(answer, Trouble) and "--heads" in answer.text
        assert isinstance(mind.handle(Attune(()))[0], Progress)


def test_the_choice_is_saved_at_once_and_an_old_save_has_none(tmp_path: Path) -> None:
    mind = taught(tmp_path)
    assert not (tmp_path / ATTUNEMENT).exists()
    attuned(mind, *CHOSEN)
    again = awake(tmp_path)
    assert again.attunement.heads == CHOSEN and not again.notes
    before = weights_of(again)
    steps(again, 1)
    assert moved(again, before) == set(CHOSEN)
    attuned(again)
    assert awake(tmp_path).attunement.heads == ()
    (tmp_path / ATTUNEMENT).unlink()
    assert awake(tmp_path).attunement.heads == ()


@pytest.mark.parametrize("damage", ["torn", "flipped", "version", "foreign", "unknown"])
def test_a_damaged_choice_costs_itself_and_is_said(tmp_path: Path, damage: str) -> None:
    mind = taught(tmp_path)
    attuned(mind, *CHOSEN)
    path = tmp_path / ATTUNEMENT
    data = path.read_bytes()
    file = AttunementFile(mind.origin, CHOSEN)
    path.write_bytes(
        {
            "torn": data[:-3],
            "flipped": data.replace(b"\x01\x06", b"\x02\x06"),
            "version": sealed(msgspec.structs.replace(file, version=9)),
            "foreign": sealed(msgspec.structs.replace(file, model="other")),
            "unknown": sealed(msgspec.structs.replace(file, heads=(64,))),
        }[damage]
    )
    assert path.read_bytes() != data
    again = awake(tmp_path)
    assert again.attunement.heads == () and len(again.teacher.journal.lessons) == 3
    assert [note.startswith("The mind goes on with all its heads") for note in again.notes] == [True]


@given(st.binary(max_size=80))
def test_no_bytes_break_the_reader(tmp_path_factory: pytest.TempPathFactory, data: bytes) -> None:
    path = tmp_path_factory.getbasetemp() / ATTUNEMENT
    path.write_bytes(data)
    with pytest.raises(AttunementError):
        read_attunement(path)


def test_a_rest_remembers_who_practised(tmp_path: Path) -> None:
    mind = taught(tmp_path)
    steps(mind, 2)
    attuned(mind, *CHOSEN)
    mind.handle(Mark("chosen"))
    attuned(mind, 0)
    steps(mind, 1)
    mind.handle(Mark("another"))
    again = awake(tmp_path)
    assert [point.attuned for point in again.restore_point_list().points] == [(), CHOSEN, (0,)]
    again.handle(Rewind(1))
    assert again.progress().attuned == CHOSEN
    before = weights_of(again)
    steps(again, 1)
    assert moved(again, before) == set(CHOSEN)
    again.handle(Rewind(0))
    assert awake(tmp_path).attunement.heads == ()


def test_a_rest_whose_choice_cannot_be_is_refused_and_nothing_changes(tmp_path: Path) -> None:
    mind = taught(tmp_path)
    steps(mind, 1)
    attuned(mind, *CHOSEN)
    mind.handle(Mark("chosen"))
    attuned(mind)
    steps(mind, 1)
    mind.save()
    again = awake(tmp_path, TeachConfig(heads="0.1"))
    before = weights_hash(again.model.net)
    assert [type(answer) for answer in again.handle(Rewind(1))] == [Trouble]
    assert (weights_hash(again.model.net), again.attunement.heads, again.teacher.steps) == (before, (), 2)


def test_export_and_log_tell_of_it(tmp_path: Path) -> None:
    mind = taught(tmp_path)
    attuned(mind, *CHOSEN)
    steps(mind, 2)
    mind.handle(Export("mind"))
    assert json.loads((tmp_path / "mind" / ATTUNED).read_text()) == {"practises": ["0.1", "1.2"]}
    assert weights_hash(load_model(tmp_path / "mind").net) == weights_hash(mind.model.net)
    mind.handle(WriteLog("log.msgpack"))
    assert read_log(tmp_path / "log.msgpack").header.config["attuned"] == "0.1,1.2"
    attuned(mind)
    mind.handle(Export("mind"))
    assert not (tmp_path / "mind" / ATTUNED).exists()


@pytest.mark.parametrize("resumes", [False, True])
def test_a_journey_with_choices_is_replayed_bit_for_bit(tmp_path: Path, resumes: bool) -> None:
    folder = tmp_path / "slot"
    mind = taught(folder, resumes=resumes)
    mind.handle(Practise(True))
    for part in range(5):
        mind.practise()
        if part == 2:
            attuned(mind, *CHOSEN)  # in the midst of a step
    mind.handle(Mark())
    attuned(mind, 0, 3, 5)
    mind.handle(Perceive(SCENE))
    mind.practise()
    mind.save()
    mind = awake(folder, resumes=resumes)
    steps(mind, 2)
    mind.save()
    mind = awake(folder, resumes=resumes)  # chooses, and learns nothing
    attuned(mind, 2)
    mind.save()
    mind = awake(folder, resumes=resumes)
    steps(mind, 1)
    mind.handle(Rewind(1))
    steps(mind, 2)
    mind.save()
    result = replay_journey(folder, tiny(), tmp_path / "again")
    assert (result["weights"], result["same_weights"]) == (weights_hash(mind.model.net), True)
    lives, again = load_practice(folder).lives, load_practice(tmp_path / "again").lives
    assert [life.events for life in again] == [life.events for life in lives] and len(lives) == 3
    assert read_attunement(tmp_path / "again" / ATTUNEMENT).heads == CHOSEN
    assert [event.number for event in lives[0].events if event.kind == HEADS] == [2, 3]


def test_a_choice_that_a_life_began_with_is_told_from_its_first_order(tmp_path: Path) -> None:
    mind = taught(tmp_path / "slot")
    steps(mind, 1)
    mind.save()
    mind = awake(tmp_path / "slot")
    mind.handle(Perceive(SCENE))
    attuned(mind, *CHOSEN)
    steps(mind, 1)
    mind.save()
    mind = awake(tmp_path / "slot")
    steps(mind, 1)
    mind.save()
    assert replay_journey(tmp_path / "slot", tiny(), tmp_path / "again")["same_weights"]
    lives, again = load_practice(tmp_path / "slot").lives, load_practice(tmp_path / "again").lives
    assert [life.woke_with for life in lives] == [(), (), CHOSEN]
    assert [life.events for life in again] == [life.events for life in lives]


@pytest.mark.parametrize("events", [[("heads", 2), ("head", 1)], [("head", 1)], [("heads", 1), ("heads", 0)]])
def test_a_record_that_names_too_few_heads_is_refused(tmp_path: Path, events: list[tuple[str, int]]) -> None:
    mind = taught(tmp_path / "slot")
    steps(mind, 1)
    mind.save()
    practice = load_practice(tmp_path / "slot")
    practice.lives[0].events += [Event(kind, None, number) for kind, number in events]
    save_practice(tmp_path / "slot", practice)
    with pytest.raises(PracticeError, match="heads"):
        replay_journey(tmp_path / "slot", tiny(), tmp_path / "again")
    assert not (tmp_path / "again").exists()


def test_of_choices_that_wait_the_last_one_counts() -> None:
    inbox = Inbox()
    inbox.put([Attune((1,)), Practise(True), Attune((2,))])
    assert inbox.take(wait=False) == [Practise(True), Attune((2,))]
