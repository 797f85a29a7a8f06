"""The novice from nothing: words, shapes, losses, checkpoints that resume bit for bit, and the folder it ends in."""

import json
from dataclasses import replace
from itertools import islice, pairwise

import pytest
import torch
from torch.nn.functional import cross_entropy

from game.realm.sampler import samples
from game.realm.tongues import TERSE
from perception import model as models
from perception.model import weights_hash
from perception.packing import pack
from tests.kits.pretrainkit import RULES, SMALL, WORDS, run
from training.data.curriculum import COPY, FINAL, batch
from training.novice import novice, pretrain
from training.novice.objective import (
    CONTEXT_WEIGHT,
    LORE_AND_STORIES_WEIGHT,
    ROWS,
    chunks,
    copy_loss,
    lore_and_stories_loss,
    scene_loss,
    whole_mask,
)
from training.novice.pretrain import PretrainConfig, build_net
from training.novice.scorecard import scorecard

torch.set_num_threads(1)


def test_every_word_of_the_terse_tongue_is_one_token():
    for sample in islice(samples(4, "words"), 60):
        scene = sample.view.scene
        for text in (scene.text, *(q.text for q in scene.questions), *scene.questions[0].candidates):
            ids = WORDS(text)["input_ids"]
            assert len(ids) == len(text.split())
            assert WORDS.unk_token_id not in ids
            assert WORDS.convert_ids_to_tokens(ids) == text.split()
    for ask in TERSE.asks.values():
        assert WORDS.unk_token_id not in WORDS(ask.format(place="north"))["input_ids"]
    assert WORDS("saxophone")["input_ids"] == [WORDS.unk_token_id]
    assert (WORDS.pad_token_id, WORDS.eos_token_id) == (0, 2)


def test_the_net_comes_from_the_seed_alone():
    torch.manual_seed(5)
    first = build_net(SMALL, len(WORDS))
    torch.manual_seed(6)
    assert weights_hash(first) == weights_hash(build_net(SMALL, len(WORDS)))
    assert weights_hash(first) != weights_hash(build_net(replace(SMALL, seed=1), len(WORDS)))
    assert (first.config.num_hidden_layers, first.config.head_dim, first.config.tongue) == (2, 8, "terse")


def alone(net, contexts, decisions):
    """(mean loss, share of right answers) by one forward per decision."""
    losses, right = [], []
    for decision in decisions:
        logits = net(torch.tensor([[*contexts[decision.context], *decision.question]])).logits[0, -1]
        losses.append(float(cross_entropy(logits, torch.tensor(decision.answer[0])).detach()))
        right.append(int(logits.argmax()) == decision.answer[0])
    return sum(losses) / len(losses), sum(right) / len(right)


def added(parts):
    """The sums of a loss's parts and of its accuracies."""
    losses, shares = zip(*((float(loss.detach()), accuracies) for loss, accuracies in parts), strict=True)
    return sum(losses), {name: sum(each[name] for each in shares) for name in shares[0]}


def test_the_scene_loss_equals_one_forward_per_decision():
    net, data = build_net(SMALL, len(WORDS)), batch(0, 0, FINAL, 2 * ROWS, RULES, WORDS)
    assert len(chunks(data)) == 2
    loss, accuracies = added(scene_loss(net, data))
    losses = []
    for context in data.contexts:
        logits = net(torch.tensor([context])).logits[0, :-1]
        losses += cross_entropy(logits, torch.tensor(context[1:]), reduction="none").tolist()
    answers, _ = alone(net, data.contexts, [*data.decisions, *data.beside])
    assert loss == pytest.approx(answers + CONTEXT_WEIGHT * sum(losses) / len(losses), rel=1e-5)
    assert accuracies["scenes"] == pytest.approx(alone(net, data.contexts, data.decisions)[1])
    assert accuracies["beside"] == pytest.approx(alone(net, data.contexts, data.beside)[1])


def test_the_loss_of_lore_and_stories_equals_one_forward_per_decision():
    net, data = build_net(SMALL, len(WORDS)), batch(0, 0, FINAL, 4, RULES, WORDS)
    loss, accuracies = added(lore_and_stories_loss(net, data))
    mean, right = alone(net, *data.lore_and_stories)
    assert loss == pytest.approx(LORE_AND_STORIES_WEIGHT * mean, rel=1e-5)
    assert accuracies == {"hearsay": pytest.approx(right)}


def test_chunks_hold_every_decision_once_behind_its_own_context():
    data = batch(0, 1, FINAL, 12, RULES, WORDS)
    parts = chunks(data)
    assert [len(part.contexts) for part in parts] == [ROWS] * 3
    for name in ("decisions", "beside"):
        whole = [(data.contexts[d.context], d.question, d.answer) for d in getattr(data, name)]
        parted = [(part.contexts[d.context], d.question, d.answer) for part in parts for d in getattr(part, name)]
        assert sorted(whole) == sorted(parted)


def test_the_copy_loss_looks_at_the_second_half():
    net, data = build_net(SMALL, len(WORDS)), batch(0, 0, COPY, 4, RULES, WORDS)
    rows = torch.tensor(data.contexts)
    half = rows.shape[1] // 2
    logs = net(rows).logits.log_softmax(-1)
    each = -logs[:, :-1].gather(2, rows[:, 1:, None])[..., 0]
    wanted = float((each[:, half:].mean() + CONTEXT_WEIGHT * each.mean()).detach())
    loss, accuracies = added(copy_loss(net, data))
    assert loss == pytest.approx(wanted, rel=1e-5)
    right = float((logs[:, half:-1].argmax(-1) == rows[:, half + 1 :]).float().mean())
    assert accuracies == {"scenes": pytest.approx(right)}


def test_a_mask_hides_neighbours_and_what_is_to_come():
    data = batch(0, 0, FINAL, 4, RULES, WORDS)
    packed = pack(data.contexts, data.decisions)
    mask = whole_mask(packed)[0, 0]
    width = packed.context_BC.shape[1]
    seen = mask == 0
    assert torch.equal(seen[:width, :width], torch.ones(width, width).tril().bool())
    assert not seen[:width, width:].any()
    assert torch.equal(seen[width:], packed.mask_B1DK[0, 0] == 0)


def test_stages_follow_one_another_until_the_last_has_had_its_steps(tmp_path, easy):
    reports = []
    run(tmp_path, reports=reports)
    stages = [stage for _, stage, _ in reports]
    assert stages == [*range(COPY, FINAL), *[FINAL] * SMALL.steps]
    assert [step for step, _, _ in reports] == list(range(1, len(reports) + 1))


@pytest.mark.parametrize(
    "wrong",
    [{"hidden": 100}, {"heads": 3}, {"head_dim": 15}, {"layers": 0}, {"steps": 0}, {"hidden": -8}, {"seed": 10**23},
     {"heads": 0}, {"lr": 0.0}],
)  # fmt: skip
def test_a_shape_that_cannot_be_is_refused_before_anything_is_made(tmp_path, wrong):
    said = {"head_dim": "--head-dim", "heads": "--h"}.get(*wrong, *(f"--{name}" for name in wrong))
    with pytest.raises(ValueError, match=said):
        run(tmp_path / "work", replace(PretrainConfig(), **wrong))
    assert not (tmp_path / "work").exists()


def test_only_the_stages_before_the_last_are_bounded(tmp_path, easy):
    reports = []
    most = FINAL - COPY
    run(tmp_path, replace(SMALL, most_steps=most, steps=most + 2), reports=reports)
    assert len(reports) > most + 2


def test_a_stage_that_is_never_solved_ends_it(tmp_path):
    with pytest.raises(ValueError, match="stage -1 unsolved after 3 steps; try another --lr or --seed"):
        run(tmp_path, replace(SMALL, most_steps=3))


def test_the_rate_rises_and_falls():
    state = pretrain.State()
    assert pretrain._rate(SMALL, state) == pytest.approx(SMALL.lr / 100)
    config = replace(SMALL, steps=100)
    final = [pretrain._rate(config, pretrain.State(500, FINAL, stage_step=at)) / config.lr for at in range(100)]
    assert final[:51] == [1.0] * 51
    assert final[75] == pytest.approx(0.5)
    assert final[-1] == pytest.approx(0.02)
    assert pretrain._rate(config, pretrain.State(500, 2, stage_step=99)) == config.lr


def test_a_stage_lasts_as_long_for_a_seer_as_for_a_novice():
    novices, seers = pretrain.State(), pretrain.State()
    for state, accuracy in ((novices, 0.99), (seers, 0.97)):
        while state.stage < FINAL:
            state.note(1.0, {"scenes": accuracy})
            state.move_on()
    assert novices.stages[0] != seers.stages[0]  # copying has no fixed length: it is the same for both anyway
    lengths = [[b - a for a, b in pairwise(state.stages)] for state in (novices, seers)]
    assert lengths[0] == lengths[1] == list(pretrain.LASTS.values())


def test_a_stage_that_is_not_solved_in_its_time_goes_on():
    state = pretrain.State(stage=0)
    for _ in range(2 * pretrain.LASTS[0]):
        state.note(1.0, {"scenes": 0.5})
        state.move_on()
    assert (state.stage, state.stages) == (0, [])


def test_a_curve_holds_the_means_since_its_last_point():
    state = pretrain.State()
    for number in range(2 * pretrain.CURVE_EVERY):
        state.note(number, {"scenes": 0.1, "hearsay": number / 100})
    first, second = state.curve
    assert (first["step"], second["step"]) == (pretrain.CURVE_EVERY, 2 * pretrain.CURVE_EVERY)
    middle = (pretrain.CURVE_EVERY - 1) / 2
    assert first["loss"] == pytest.approx(middle)
    assert second["loss"] == pytest.approx(middle + pretrain.CURVE_EVERY)
    assert second["hearsay"] == pytest.approx(second["loss"] / 100)


def test_a_novice_and_a_seer_start_alike_and_part_at_the_first_spirit(tmp_path, easy):
    blind, seeing = [], []
    one = run(tmp_path / "novice", reports=blind)
    other = run(tmp_path / "seer", replace(SMALL, seer=True), reports=seeing)
    assert blind[:2] == seeing[:2]
    assert [report[:2] for report in blind] == [report[:2] for report in seeing]
    assert weights_hash(one.net) != weights_hash(other.net)


@pytest.mark.parametrize("seer", [False, True])
def test_making_a_mind_writes_a_whole_folder_with_its_card_and_curve(tmp_path, easy, monkeypatch, seer):
    monkeypatch.setattr(novice, "scorecard", lambda *arguments: scorecard(*arguments, count=3))
    monkeypatch.setattr(pretrain, "CURVE_EVERY", 2)
    shape = {"layers": 2, "heads": 2, "hidden": 16, "head_dim": 8, "mlp": 24, "batch": 4, "steps": 2}
    said = []
    scores = novice.make(tmp_path / "new", "cpu", 7, shape, lambda *report: said.append(report), seer)
    assert [path.name for path in tmp_path.iterdir()] == ["new"]  # the work folder is gone
    assert scores["steps"] == len(said) == FINAL - COPY + 2
    again = models.load(tmp_path / "new")
    assert (again.layers, again.heads, again.tongue) == (2, 2, "terse")
    card = (tmp_path / "new" / "README.md").read_text()
    assert ("# The born seer" in card, "--seer" in card) == (seer, seer)
    assert "--seed 7" in card
    assert f"| mundane | {scores['mundane']:.2%} | {scores['asked']['mundane']} |" in card
    assert f"| split object | {scores['splits']['object']:.2%} | {scores['asked']['object']} |" in card
    assert "began at steps 1, 2, 3, 4, 5, 6." in card
    curve = [json.loads(line) for line in (tmp_path / "new" / novice.CURVE).read_text().splitlines()]
    assert [point["step"] for point in curve] == [2, 4, 6, 8]
    with pytest.raises(ValueError, match="exists; give a new folder, or move it away"):
        novice.make(tmp_path / "new", "cpu", 7, shape, print)


def test_a_disk_that_is_full_at_the_end_leaves_no_half_folder_and_says_how_to_go_on(tmp_path, easy, monkeypatch):
    monkeypatch.setattr(novice, "scorecard", lambda *arguments: scorecard(*arguments, count=3))

    def full(path, _data):
        path.write_bytes(b"half")
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(novice, "write_whole", full)
    shape = {"layers": 2, "heads": 2, "hidden": 16, "head_dim": 8, "mlp": 24, "batch": 4, "steps": 2}
    with pytest.raises(OSError, match="then the same command goes on from the last checkpoint in") as caught:
        novice.make(tmp_path / "new", "cpu", 7, shape, lambda *report: None)
    assert "\n" not in str(caught.value)
    assert [path.name for path in tmp_path.iterdir()] == ["new.work"]
