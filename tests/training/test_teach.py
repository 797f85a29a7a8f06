"""Teaching: lessons lower the loss, parts change nothing, what is not finite changes nothing, rates rise and settle."""

from dataclasses import replace
from itertools import pairwise

import pytest
import torch

from game.realm.rules import NOTHING, load
from perception.model import weights_hash
from tests.kits.minds import tiny
from training.config import RATES, TeachConfig
from training.data.lessons import generated
from training.optim import frozen
from training.optim.frozen import Broken
from training.teach import LEAST, Teacher

torch.set_num_threads(1)
RULES = load()
LESSONS = generated(0, 6, "terse", RULES)
SMALL = TeachConfig(rank=4, scenes=4, rehearse=2, warmup=2)


def teacher(config=SMALL, dtype=torch.float32, lessons=LESSONS):
    learner = Teacher(tiny(dtype=dtype), config, RULES)
    for lesson in lessons:
        learner.teach(lesson)
    return learner


def weights(learner):
    return {name: p.detach().clone() for name, p in learner.model.net.named_parameters()}


@pytest.mark.parametrize("optimizer", ["apollo", "adamw", "sgd"])
@pytest.mark.parametrize("full", [False, True])
def test_a_few_steps_on_one_memorised_journal_lower_the_loss(optimizer, full):
    learner = teacher(replace(SMALL, optimizer=optimizer, full=full, dreams=False, rehearse=0, train="all"))
    losses = [learner.step() for _ in range(25)]
    assert losses[-1] < losses[0] - 0.3  # nats; the embeddings do not learn, so it cannot go far down
    assert learner.steps == 25
    assert learner.loss == losses[-1]


def test_only_what_was_chosen_moves():
    for train, moved in (("q", {"q_proj"}), ("attention", {"q_proj", "k_proj", "v_proj", "o_proj"})):
        learner = teacher(replace(SMALL, train=train))
        before = weights(learner)
        learner.step()
        changed = {name for name, p in learner.model.net.named_parameters() if not torch.equal(p, before[name])}
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
    learner = teacher(replace(SMALL, parts=3))
    before = weights_hash(learner.model.net)
    pauses = 0
    for _ in learner.parts():
        pauses += 1
        assert weights_hash(learner.model.net) == before
        assert learner.steps == 0
    assert pauses == 3
    assert learner.steps == 1
    assert weights_hash(learner.model.net) != before


@pytest.mark.parametrize("bad", [float("nan"), float("inf")])
def test_a_loss_that_is_not_finite_leaves_the_weights_bit_identical(monkeypatch, bad):
    learner, well = teacher(), frozen.frozen_loss
    learner.step()
    before, steps = weights_hash(learner.model.net), learner.steps
    monkeypatch.setattr(frozen, "frozen_loss", lambda net, packed, cache: well(net, packed, cache) * bad)
    with pytest.raises(Broken):
        learner.step()
    assert weights_hash(learner.model.net) == before
    assert learner.steps == steps
    monkeypatch.setattr(frozen, "frozen_loss", well)
    learner.step()
    assert all(p.isfinite().all() for p in learner.model.net.parameters())
    assert weights_hash(learner.model.net) != before


def test_a_step_that_goes_wrong_in_the_optimizer_is_left_out_whole():
    learner = teacher()
    learner.step()
    before, loss, shares = weights_hash(learner.model.net), learner.loss, learner.meter.mark()
    well = learner.optimizer.step

    def badly():
        well()
        learner.parameters[0].data[1, 2] = float("inf")

    learner.optimizer.step = badly
    with pytest.raises(Broken, match="lower the rate"):
        learner.step()
    assert weights_hash(learner.model.net) == before
    assert (learner.steps, learner.loss) == (1, loss)
    assert torch.equal(learner.meter.mark(), shares)
    learner.optimizer.step = well
    learner.step()
    assert all(p.isfinite().all() for p in learner.model.net.parameters())


def contexts(packs):
    return [[row[:length].tolist() for row, length in zip(p.context_BC, p.lengths, strict=True)] for p in packs]


def questions(packs):
    """What is asked about each context: the decisions' tokens with their targets, in order."""
    row_questions = []
    for packed in packs:
        for number in packed.owner_N.unique().tolist():
            at = (packed.owner_N == number).nonzero()[0, 0]
            row, column = int(packed.row_N[at]), int(packed.column_N[at])
            row_questions.append((row, tuple(packed.decision_BD[row, column - 2 : column + 1].tolist())))
    return row_questions


@pytest.mark.parametrize("dreams", [True, False])
@pytest.mark.parametrize("parts", [1, 3])
def test_a_drawn_set_serves_as_many_steps_as_the_settings_say_and_each_asks_anew(dreams, parts):
    learner = teacher(replace(SMALL, reuse=3, rehearse=2, parts=parts, dreams=dreams))
    drawn = [learner._draw() for _ in range(7)]
    texts = [contexts(packs) for packs in drawn]
    assert texts[0] == texts[1] == texts[2] != texts[3]
    assert texts[3] == texts[4] == texts[5] != texts[6]
    drawn_questions = [questions(packs) for packs in drawn]
    assert len(drawn_questions[0]) == len(drawn_questions[1]) == len(drawn_questions[2])
    shared = set(drawn_questions[0]) & set(drawn_questions[1])
    labelled = {q for q in drawn_questions[0] if learner.model.tokenizer.convert_ids_to_tokens(q[1][1]) == "sense"}
    assert labelled <= shared  # the places are asked each time
    assert set(drawn_questions[0]) != set(drawn_questions[1]) != set(drawn_questions[2])  # the mundane is not


@pytest.mark.parametrize("parts", [1, 2])
def test_a_context_is_encoded_once_for_the_steps_it_serves(monkeypatch, parts):
    counted = []
    encode = frozen.encode_contexts
    monkeypatch.setattr(frozen, "encode_contexts", lambda net, packed: counted.append(1) or encode(net, packed))
    learner = teacher(replace(SMALL, reuse=4, parts=parts))
    for _ in range(9):
        learner.step()
    assert len(counted) == 3 * parts


def test_reused_contexts_learn_nearly_as_fresh_ones_and_a_new_lesson_is_drawn_at_once():
    fresh, old = (teacher(replace(SMALL, reuse=reuse, rehearse=0, lr=1e-3), torch.float64) for reuse in (0, 4))
    assert fresh.step() == pytest.approx(old.step(), rel=1e-12)  # the first step is the same one
    old.step()
    before = contexts(old._draw())
    old.teach(LESSONS[0])
    assert contexts(old._draw()) != before


def test_reuse_of_nothing_and_of_one_are_fresh_each_step():
    learners = [teacher(replace(SMALL, reuse=reuse)) for reuse in (0, 1)]
    for _ in range(2):
        for one in learners:
            one.step()
    assert weights_hash(learners[0].model.net) == weights_hash(learners[1].model.net)


def test_bfloat16_arithmetic_keeps_weights_and_state_in_float32_and_learns():
    learner = teacher(replace(SMALL, precision="bfloat16", dreams=False, rehearse=0, train="all"))
    losses = [learner.step() for _ in range(25)]
    assert losses[-1] < losses[0] - 0.3
    assert {p.dtype for p in learner.model.net.parameters()} == {torch.float32}
    exact = teacher(replace(SMALL, dreams=False, rehearse=0, train="all"))
    assert exact.step() == pytest.approx(losses[0], rel=0.02)
    assert exact.loss != losses[0]


def test_the_settings_of_apollo_reach_it():
    learner = teacher(replace(SMALL, scaling="tensor", projection="sketch", rank=1))
    assert {(g["scaling"], g["projection"], g["rank"]) for g in learner.optimizer.param_groups} == {
        ("tensor", "sketch", 1)
    }
    learner.step()


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        ({"parts": 0}, "--parts 0: must be a whole number from 1 to 4096"),
        ({"parts": 5}, "--parts 5: must be from 1 to the number of scenes, 4"),
        ({"reuse": -1}, "--reuse -1"),
        ({"reuse": 2, "full": True}, "--reuse: with --full"),
        ({"precision": "half"}, "--precision half: unknown; choose float32, bfloat16"),
        ({"scaling": "row"}, "--scaling row: unknown; choose channel, tensor"),
        ({"projection": "fourier"}, "--projection fourier: unknown; choose gaussian, sketch"),
    ],
)
def test_settings_that_cannot_be_are_refused(changes, says):
    with pytest.raises(ValueError, match=says):
        teacher(replace(SMALL, **changes))


def test_a_mind_with_broken_weights_is_refused():
    model = tiny()
    with torch.no_grad():
        model.net.model.layers[0].self_attn.o_proj.weight[0, 0] = float("inf")
    with pytest.raises(ValueError, match=r"o_proj\.weight holds NaN or infinity"):
        Teacher(model, SMALL, RULES)


def test_each_optimizer_has_a_rate_of_its_own_unless_one_is_given():
    for optimizer, rate in RATES.items():
        assert teacher(replace(SMALL, optimizer=optimizer)).rate == rate
    assert teacher(replace(SMALL, lr=0.25)).rate == 0.25
    still = teacher(replace(SMALL, lr=0.0))  # a rate of nothing is a rate: the control that learns nothing
    before = weights_hash(still.model.net)
    still.step()
    assert weights_hash(still.model.net) == before


def test_the_rate_rises_stays_falls_and_rises_again_with_a_new_lesson():
    learner = teacher(replace(SMALL, lr=1.0, warmup=4, settle=30))
    rates = []
    for learner.steps in range(40):
        rates.append(learner.current_rate())
    assert rates[:4] == [0.25, 0.5, 0.75, 1.0]
    assert rates[4:10] == [1.0] * 6  # the first third
    assert all(b < a for a, b in pairwise(rates[10:30]))
    assert rates[20] == pytest.approx(1.5 * (1 - 20 / 30))
    assert rates[30:] == [LEAST] * 10
    assert learner.settled
    learner.teach(LESSONS[0])
    assert not learner.settled
    assert learner.current_rate() == 1.0


def test_the_optimizer_steps_at_the_current_rate():
    learner = teacher(replace(SMALL, lr=0.5, warmup=4))
    learner.step()
    assert {group["lr"] for group in learner.optimizer.param_groups} == {0.125}


def test_the_same_seed_gives_the_same_weights_and_another_one_others():
    def after(seed):
        learner = teacher(replace(SMALL, seed=seed))
        for _ in range(3):
            learner.step()
        return weights_hash(learner.model.net)

    torch.manual_seed(1)
    first = after(0)
    torch.manual_seed(2)
    assert after(0) == first != after(1)


def test_as_many_dreamt_places_are_haunted_as_the_settings_say():
    def answers(haunted):
        learner = teacher(replace(SMALL, haunted=haunted, rehearse=0))
        return set(learner.model.tokenizer.convert_ids_to_tokens(learner._draw()[0].target_N.tolist()))

    assert answers(0.0) == {NOTHING}
    assert answers(1.0) <= set(RULES.species)


def test_without_dreams_the_lessons_own_scenes_are_taught():
    asleep, awake = teacher(), teacher(replace(SMALL, dreams=False))
    words = asleep.model.tokenizer

    def scenes_of(learner):
        (packed,) = learner._draw()
        return {
            " ".join(words.convert_ids_to_tokens(row[:length].tolist()))
            for row, length in zip(packed.context_BC, packed.lengths_B, strict=True)
        }

    own = {lesson.scene.text for lesson in LESSONS}
    assert scenes_of(awake) <= own
    assert not scenes_of(asleep) & own
