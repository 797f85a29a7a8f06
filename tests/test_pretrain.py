"""The novice from nothing: words, shapes, losses, checkpoints that resume bit for bit, and how it is scored."""

from collections import Counter
from dataclasses import replace
from itertools import islice

import pytest
import torch
from torch.nn.functional import cross_entropy

from game.realm.rules import NOTHING, load
from game.realm.sampler import samples
from game.realm.tongues import SENSE, TERSE, mundane_answer
from perception import model as models
from perception.model import weights_hash
from perception.packing import pack
from tests.minds import tiny
from training import novice, pretrain
from training.curriculum import COPY, FINAL, batch
from training.pretrain import CONTEXT_WEIGHT, PretrainConfig, build_net, build_tokenizer, copy_loss, scene_loss

torch.set_num_threads(1)
RULES = load()
WORDS = build_tokenizer(RULES)
CPU = torch.device("cpu")
SMALL = PretrainConfig(layers=2, heads=2, hidden=16, head_dim=8, mlp=24, batch=4, steps=6, save_every=4)


@pytest.fixture
def easy(monkeypatch):
    """Every stage is solved at once, so that a few steps go through all of them."""
    monkeypatch.setattr(pretrain, "SOLVED", -1.0)


def run(folder, config=SMALL, until=None, told=None):
    """Pretrain; with `until`, be killed after so many steps."""

    def report(state, loss):
        if told is not None:
            told.append((state.step, state.stage, loss))
        if state.step == until:
            raise KeyboardInterrupt

    return pretrain.pretrain(config, folder, CPU, report, RULES)


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


def test_the_scene_loss_equals_one_forward_per_decision():
    net, data = build_net(SMALL, len(WORDS)), batch(0, 0, FINAL, 4, RULES, WORDS)
    loss, accuracy = scene_loss(net, data)
    losses, right = [], []
    for decision in data.decisions:
        tokens = torch.tensor([[*data.contexts[decision.context], *decision.question]])
        logits = net(tokens).logits[0, -1]
        losses.append(float(cross_entropy(logits, torch.tensor(decision.answer[0])).detach()))
        right.append(int(logits.argmax()) == decision.answer[0])
    told = []
    for context in data.contexts:
        logits = net(torch.tensor([context])).logits[0, :-1]
        told += cross_entropy(logits, torch.tensor(context[1:]), reduction="none").tolist()
    wanted = sum(losses) / len(losses) + CONTEXT_WEIGHT * sum(told) / len(told)
    assert float(loss.detach()) == pytest.approx(wanted, rel=1e-5)
    assert accuracy == pytest.approx(sum(right) / len(right))


def test_the_copy_loss_looks_at_the_second_half():
    net, data = build_net(SMALL, len(WORDS)), batch(0, 0, COPY, 4, RULES, WORDS)
    rows = torch.tensor(data.contexts)
    half = rows.shape[1] // 2
    logs = net(rows).logits.log_softmax(-1)
    each = -logs[:, :-1].gather(2, rows[:, 1:, None])[..., 0]
    wanted = float((each[:, half:].mean() + CONTEXT_WEIGHT * each.mean()).detach())
    loss, accuracy = copy_loss(net, data)
    assert float(loss.detach()) == pytest.approx(wanted, rel=1e-5)
    assert accuracy == pytest.approx(float((logs[:, half:-1].argmax(-1) == rows[:, half + 1 :]).float().mean()))


def test_a_mask_hides_neighbours_and_what_is_to_come():
    data = batch(0, 0, FINAL, 4, RULES, WORDS)
    packed = pack(data.contexts, data.decisions)
    mask = pretrain.whole_mask(packed)[0, 0]
    width = packed.context_BC.shape[1]
    seen = mask == 0
    assert torch.equal(seen[:width, :width], torch.ones(width, width).tril().bool())
    assert not seen[:width, width:].any()
    assert torch.equal(seen[width:], packed.mask_B1DK[0, 0] == 0)


def test_stages_follow_one_another_until_the_last_has_had_its_steps(tmp_path, easy):
    told = []
    run(tmp_path, told=told)
    stages = [stage for _, stage, _ in told]
    assert stages == [*range(COPY, FINAL), *[FINAL] * SMALL.steps]
    assert [step for step, _, _ in told] == list(range(1, len(told) + 1))


@pytest.mark.parametrize("until", [5, 10])
def test_an_interrupted_pretraining_resumes_to_the_same_bits(tmp_path, easy, until):
    whole, parted = [], []
    wanted = run(tmp_path / "whole", told=whole)
    with pytest.raises(KeyboardInterrupt):
        run(tmp_path / "parted", until=until, told=parted)
    assert [path.name for path in (tmp_path / "parted").iterdir()] == ["checkpoint.safetensors"]
    kept = until // SMALL.save_every * SMALL.save_every
    again = []
    found = run(tmp_path / "parted", told=again)
    assert again[0][0] == kept + 1
    assert parted[:kept] + again == whole  # every loss, to the last bit
    assert weights_hash(found.net) == weights_hash(wanted.net)
    assert weights_hash(found.net) != weights_hash(build_net(SMALL, len(WORDS)))
    assert not found.net.training


def test_a_checkpoint_of_other_settings_is_refused_and_kept(tmp_path, easy):
    with pytest.raises(KeyboardInterrupt):
        run(tmp_path, until=5)
    file = tmp_path / "checkpoint.safetensors"
    before = file.read_bytes()
    with pytest.raises(ValueError, match="made with other settings; give the same settings or another --out"):
        run(tmp_path, replace(SMALL, lr=1e-3))
    assert file.read_bytes() == before
    file.write_bytes(before[: len(before) // 2])
    with pytest.raises(ValueError, match="cannot be read") as caught:
        run(tmp_path)
    assert "\n" not in str(caught.value)


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


def planted(monkeypatch, answer):
    """A mind that answers every question by answer(scene, question)."""

    def perceive(model, scenes, record):
        (scene,) = scenes
        beliefs = [[float(c == answer(scene, q)) for c in q.candidates] for q in scene.questions]
        return [type("Percept", (), {"beliefs": beliefs})]

    monkeypatch.setattr(novice, "perceive", perceive)


def knowing(scene, question):
    return NOTHING if question.ask == SENSE else mundane_answer(RULES, scene.events, question.ask, question.place)


def test_a_novice_is_scored_by_kind_of_question(monkeypatch):
    planted(monkeypatch, knowing)
    whole = novice.score_novice(tiny(), 0, 20)
    assert whole == dict.fromkeys(("mundane", "look", "senses", "work", "work_present", "omen", "blind"), 1.0)
    planted(monkeypatch, lambda scene, q: "kitsune" if q.ask == SENSE else knowing(scene, q))
    assert novice.score_novice(tiny(), 0, 20) == whole | {"blind": 0.0}
    planted(monkeypatch, lambda scene, q: NOTHING if q.ask == "work" else knowing(scene, q))
    lazy = novice.score_novice(tiny(), 0, 20)
    assert (lazy["work_present"], lazy["look"], lazy["omen"]) == (0, 1, 1)
    assert 0.5 < lazy["work"] < lazy["mundane"] < 1


def test_every_place_is_asked_about_every_sense():
    scene = next(samples(0, "score")).view.scene
    asked = Counter(q.ask for q, _ in novice._questions(scene, RULES, novice.Random(0)))
    places = len(scene.questions)
    assert all(asked[ask] == places for ask in ("look", "hear", "feel", "glimpse", "track", "work"))
    assert sum(count for ask, count in asked.items() if ask.startswith("omen")) == places


def test_making_a_novice_writes_a_whole_folder_with_its_card(tmp_path, easy, monkeypatch):
    monkeypatch.setattr(novice, "SCORED_SCENES", 3)
    monkeypatch.setattr(novice.score_novice, "__defaults__", (3,))
    shape = {"layers": 2, "heads": 2, "hidden": 16, "head_dim": 8, "mlp": 24, "batch": 4, "steps": 2}
    said = []
    scores = novice.make(tmp_path / "new", "cpu", 7, shape, lambda *report: said.append(report))
    assert [path.name for path in tmp_path.iterdir()] == ["new"]  # the work folder is gone
    assert scores["steps"] == len(said) == FINAL - COPY + 2
    again = models.load(tmp_path / "new")
    assert (again.layers, again.heads, again.tongue) == (2, 2, "terse")
    card = (tmp_path / "new" / "README.md").read_text()
    assert "--seed 7" in card
    assert f"| mundane | {scores['mundane']:.2%} |" in card
    with pytest.raises(ValueError, match="exists; give a new folder, or move it away"):
        novice.make(tmp_path / "new", "cpu", 7, shape, print)
