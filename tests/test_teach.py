"""Teaching: lessons lower the loss, parts change nothing, what is not finite changes nothing, rates rise and settle."""

from dataclasses import replace
from itertools import pairwise

import pytest
import torch

from game.realm.rules import NOTHING, load
from perception.model import weights_hash
from tests.minds import tiny
from training import teach
from training.frozen import Broken
from training.lessons import generated
from training.teach import LEAST, RATES, TeachConfig, Teacher

torch.set_num_threads(1)
RULES = load()
LESSONS = generated(0, 6, "terse", RULES)
SMALL = TeachConfig(rank=4, scenes=4, rehearse=2, warmup=2)


def teacher(config=SMALL, dtype=torch.float32, lessons=LESSONS):
    found = Teacher(tiny(dtype=dtype), config, RULES)
    for lesson in lessons:
        found.teach(lesson)
    return found


def weights(found):
    return {name: p.detach().clone() for name, p in found.model.net.named_parameters()}


@pytest.mark.parametrize("optimizer", ["apollo", "adamw", "sgd"])
@pytest.mark.parametrize("full", [False, True])
def test_a_few_steps_on_one_memorised_journal_lower_the_loss(optimizer, full):
    found = teacher(replace(SMALL, optimizer=optimizer, full=full, dreams=False, rehearse=0, train="all"))
    losses = [found.step() for _ in range(25)]
    assert losses[-1] < losses[0] - 0.3  # nats; the embeddings do not learn, so it cannot go far down
    assert found.steps == 25
    assert found.loss == losses[-1]


def test_only_what_was_chosen_moves():
    for train, moved in (("q", {"q_proj"}), ("attention", {"q_proj", "k_proj", "v_proj", "o_proj"})):
        found = teacher(replace(SMALL, train=train))
        before = weights(found)
        found.step()
        changed = {name for name, p in found.model.net.named_parameters() if not torch.equal(p, before[name])}
        assert {name.split(".")[-2] for name in changed} == moved
        assert len(changed) == 2 * len(moved)


@pytest.mark.parametrize("parts", [2, 3, 4])
@pytest.mark.parametrize("full", [False, True])
def test_a_step_in_parts_is_the_same_step(parts, full):
    config = replace(SMALL, full=full, optimizer="sgd")
    whole, split = teacher(config, torch.float64), teacher(replace(config, parts=parts), torch.float64)
    for _ in range(3):
        assert whole.step() == pytest.approx(split.step(), rel=1e-6)
    for (name, one), other in zip(weights(whole).items(), weights(split).values(), strict=True):
        assert float((one - other).abs().max()) <= 1e-6, name


def test_weights_move_only_when_the_last_part_is_done():
    found = teacher(replace(SMALL, parts=3))
    before = weights_hash(found.model.net)
    pauses = 0
    for _ in found.parts():
        pauses += 1
        assert weights_hash(found.model.net) == before
        assert found.steps == 0
    assert pauses == 3
    assert found.steps == 1
    assert weights_hash(found.model.net) != before


@pytest.mark.parametrize("bad", [float("nan"), float("inf")])
def test_a_loss_that_is_not_finite_leaves_the_weights_bit_identical(monkeypatch, bad):
    found, well = teacher(), teach.frozen_loss
    found.step()
    before, steps = weights_hash(found.model.net), found.steps
    monkeypatch.setattr(teach, "frozen_loss", lambda net, packed: well(net, packed) * bad)
    with pytest.raises(Broken):
        found.step()
    assert weights_hash(found.model.net) == before
    assert found.steps == steps
    monkeypatch.setattr(teach, "frozen_loss", well)
    found.step()
    assert all(p.isfinite().all() for p in found.model.net.parameters())
    assert weights_hash(found.model.net) != before


def test_unknown_settings_are_refused():
    with pytest.raises(ValueError, match="--optimizer adam: unknown; choose apollo, adamw, sgd"):
        teacher(replace(SMALL, optimizer="adam"))
    with pytest.raises(ValueError, match="rank must be an integer of at least 1"):
        teacher(replace(SMALL, rank=0))
    with pytest.raises(ValueError, match="--train mlp: unknown"):
        teacher(replace(SMALL, train="mlp"))


def test_each_optimizer_has_a_rate_of_its_own_unless_one_is_given():
    for optimizer, rate in RATES.items():
        assert teacher(replace(SMALL, optimizer=optimizer)).rate == rate
    assert teacher(replace(SMALL, lr=0.25)).rate == 0.25
    still = teacher(replace(SMALL, lr=0.0))  # a rate of nothing is a rate: the control that learns nothing
    before = weights_hash(still.model.net)
    still.step()
    assert weights_hash(still.model.net) == before


def test_the_rate_rises_stays_falls_and_rises_again_with_a_new_lesson():
    found = teacher(replace(SMALL, lr=1.0, warmup=4, settle=30))
    rates = []
    for found.steps in range(40):
        rates.append(found.current_rate())
    assert rates[:4] == [0.25, 0.5, 0.75, 1.0]
    assert rates[4:10] == [1.0] * 6  # the first third
    assert all(b < a for a, b in pairwise(rates[10:30]))
    assert rates[20] == pytest.approx(1.5 * (1 - 20 / 30))
    assert rates[30:] == [LEAST] * 10
    assert found.settled
    found.teach(LESSONS[0])
    assert not found.settled
    assert found.current_rate() == 1.0


def test_the_optimizer_steps_at_the_current_rate():
    found = teacher(replace(SMALL, lr=0.5, warmup=4))
    found.step()
    assert {group["lr"] for group in found.optimizer.param_groups} == {0.125}


def test_the_same_seed_gives_the_same_weights_and_another_one_others():
    def after(seed):
        found = teacher(replace(SMALL, seed=seed))
        for _ in range(3):
            found.step()
        return weights_hash(found.model.net)

    torch.manual_seed(1)
    first = after(0)
    torch.manual_seed(2)
    assert after(0) == first != after(1)


def test_as_many_dreamt_places_are_haunted_as_the_settings_say():
    def answers(haunted):
        found = teacher(replace(SMALL, haunted=haunted, rehearse=0))
        return set(found.model.tokenizer.convert_ids_to_tokens(found._draw()[0].target_N.tolist()))

    assert answers(0.0) == {NOTHING}
    assert answers(1.0) <= set(RULES.species)


def test_without_dreams_the_lessons_own_scenes_are_taught():
    asleep, awake = teacher(), teacher(replace(SMALL, dreams=False))
    words = asleep.model.tokenizer

    def told(found):
        (packed,) = found._draw()
        return {
            " ".join(words.convert_ids_to_tokens(row[:length].tolist()))
            for row, length in zip(packed.context_BC, packed.lengths_B, strict=True)
        }

    own = {lesson.scene.text for lesson in LESSONS}
    assert told(awake) <= own
    assert not told(asleep) & own
