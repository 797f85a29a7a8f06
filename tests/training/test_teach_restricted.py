"""Teaching chosen heads and MLPs alone: what moves, what the gradient meter says of it, what is refused."""

import pytest
import torch

from game.realm.rules import load
from tests.kits.minds import tiny
from training.config import TeachConfig
from training.data.lessons import generated
from training.teach import Teacher

torch.set_num_threads(1)
RULES = load()
LESSONS = generated(0, 6, "terse", RULES)


def teacher(**teach):
    learner = Teacher(tiny(), TeachConfig(rank=4, scenes=4, rehearse=2, warmup=2, **teach), RULES)
    for lesson in LESSONS:
        learner.teach(lesson)
    return learner


@pytest.mark.parametrize("optimizer", ["apollo", "adamw", "sgd"])
def test_chosen_heads_and_mlps_alone_move_and_are_measured(optimizer):
    learner = teacher(optimizer=optimizer, heads="0.2", mlps="1")
    before = {name: p.detach().clone() for name, p in learner.model.net.named_parameters()}
    for _ in range(3):
        learner.step()
    o = "model.layers.0.self_attn.o_proj.weight"
    changed = {name for name, p in learner.model.net.named_parameters() if not torch.equal(p, before[name])}
    assert {name.rpartition(".")[0].removeprefix("model.layers.") for name in changed} == {
        *(f"0.self_attn.{m}_proj" for m in "qkvo"), *(f"1.mlp.{m}_proj" for m in ("gate", "up", "down"))
    }  # fmt: skip
    moved = (learner.model.net.get_parameter(o) - before[o]).detach().abs().amax(0).reshape(4, 8).amax(1)
    assert [float(size) > 0 for size in moved] == [False, False, True, False]
    shares = learner.meter.shares()
    assert shares.heads["q"][0, 2] > 0
    assert shares.heads["q"].sum() == shares.heads["q"][0, 2]
    assert shares.rest["mlp"] > 0
    assert shares.rest["norm"] == 0


def test_a_head_that_is_not_there_is_refused():
    with pytest.raises(ValueError, match=r"^--heads 0.4: there is none; the model has 2 layers of 4 heads, 0.0 to 1.3"):
        teacher(heads="0.4")


def run(learner, heads, steps=2):
    learner.attune(heads)
    for _ in range(steps):
        learner.step()
    return {name: p.detach().clone() for name, p in learner.model.net.named_parameters()}


@pytest.mark.parametrize("optimizer", ["apollo", "adamw"])
def test_attuned_heads_alone_move_and_all_else_goes_on_as_it_was(optimizer):
    learner, twin = teacher(optimizer=optimizer), teacher(optimizer=optimizer)
    first = run(learner, [])
    second = run(learner, [(0, 2)])
    changed = {name for name in first if not torch.equal(first[name], second[name])}
    assert changed == {f"model.layers.0.self_attn.{m}_proj.weight" for m in "qkvo"}
    o = "model.layers.0.self_attn.o_proj.weight"
    moved = (second[o] - first[o]).abs().amax(0).reshape(4, 8).amax(1)
    assert [float(size) > 0 for size in moved] == [False, False, True, False]
    assert learner.steps == 4
    twin.attune([(1, 1)])
    twin.attune([])
    again = run(twin, [])
    assert all(torch.equal(first[name], again[name]) for name in first), "a choice that is taken back leaves nothing"
    with pytest.raises(ValueError, match=r"5\.0: there is none"):
        twin.attune([(5, 0)])
    with pytest.raises(ValueError, match="leave them out"):
        teacher(heads="0.2").attune([(0, 1)])
