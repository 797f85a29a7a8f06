"""Learning on contexts that the model as it was has read: gradients, teaching, a whole run, its folder."""

import copy
from contextlib import nullcontext
from dataclasses import replace

import pytest
import torch
from torch.nn.functional import cross_entropy

from game.realm.rules import load as load_rules
from perception.contexts import context_cache, encode_contexts, filled
from perception.deciding import decide
from perception.model import load, save, weights_hash
from perception.packing import Decision, pack
from perception.perceive import perceive
from tests.kits.minds import tiny
from training.behaviours.registry import behaviour_of
from training.config import LearnConfig, TeachConfig
from training.data.lessons import generated
from training.heads.swaps import measured
from training.heads.usable import usable_losses
from training.learn import gain_losses, learn
from training.optim import frozen, shared_reads
from training.optim.frozen import choose_parameters, frozen_step
from training.teach import Teacher

torch.set_num_threads(1)
RULES = load_rules()
TEACH = TeachConfig(rank=4, scenes=2, rehearse=1, warmup=1, base_cache=True)
CONTEXTS = [[5, 6, 7, 8, 9, 10], [11, 12, 13, 14]]
DECISIONS = [Decision(0, (20, 21), (30,)), Decision(1, (22,), (31,)), Decision(1, (20, 23), (32,))]


@pytest.mark.parametrize("parts", [1, 2])
def test_the_gradient_is_that_of_a_full_forward_with_the_base_keys_and_values_detached(parts):
    base, net = tiny("llama", torch.float64).net, tiny("llama", torch.float64, seed=1).net
    parameters = choose_parameters(net, "all")
    step = frozen_step(net, CONTEXTS, DECISIONS, parts=parts, reader=base)
    held = [p.grad.clone() for p in parameters]
    net.zero_grad()
    packed = pack(CONTEXTS, DECISIONS, torch.float64)
    detached = filled([(layer.keys.detach(), layer.values.detach()) for layer in context_cache(base, packed).layers])
    loss = cross_entropy(decide(net, packed, detached), packed.target_N)
    loss.backward()
    assert step.loss == pytest.approx(float(loss.detach()), rel=1e-12)
    for one, parameter in zip(held, parameters, strict=True):
        torch.testing.assert_close(one, parameter.grad, rtol=1e-9, atol=1e-12)
    assert all(p.grad is None for p in base.parameters())


@pytest.mark.parametrize("base_cache", [True, False])
def test_gains_are_shared_out_on_contexts_that_the_folders_own_reader_has_read(base_cache):
    """A base model that was itself trained with --base-cache has one."""
    model = tiny(seed=1)
    model.context = tiny().net
    config = LearnConfig(lessons=6, probes=40, teach=replace(TEACH, base_cache=base_cache), device="cpu")
    chunks = behaviour_of(config, model, RULES).judged_chunks()
    wanted = measured(model.net, usable_losses(model, chunks, context=model.context).whole)
    assert measured(model.net, gain_losses(config, model, RULES).whole) == pytest.approx(wanted, abs=1e-6)
    assert abs(measured(model.net, usable_losses(model, chunks).whole) - wanted) > 1e-6


@pytest.mark.parametrize("reuse", [0, 3])
def test_a_teacher_lets_the_model_as_it_was_read_for_all_its_steps(monkeypatch, reuse):
    model, readers = tiny(), []
    origin = copy.deepcopy(model.net)
    encode = encode_contexts
    monkeypatch.setattr(frozen, "encode_contexts", lambda net, packed: readers.append(net) or encode(net, packed))
    teacher = Teacher(model, replace(TEACH, reuse=reuse), RULES)
    for lesson in generated(0, 6, "terse", RULES):
        teacher.teach(lesson)
    for _ in range(4):
        teacher.step()
    assert weights_hash(model.net) != weights_hash(origin)
    assert weights_hash(model.context) == weights_hash(origin)
    assert len(readers) == (2 if reuse else 4)
    assert all(reader is model.context for reader in readers)


def test_trainings_of_a_seed_share_what_was_read_and_learn_the_same_to_the_bit(monkeypatch, tmp_path):
    save(tiny(), tmp_path / "base")
    reads, encode = [], encode_contexts
    monkeypatch.setattr(shared_reads, "_latest", None)
    monkeypatch.setattr(shared_reads, "encode_contexts", lambda net, packed: reads.append(1) or encode(net, packed))
    config = LearnConfig(
        model=str(tmp_path / "base"),
        teach=replace(TEACH, precision="bfloat16", parts=2),
        steps=3,
        lessons=8,
        probes=12,
        measure_every=3,
        gain_only=True,
    )
    hashes, counts = [], []
    for number, block in enumerate((nullcontext(), shared_reads.shared_reads("0"), shared_reads.shared_reads("0"))):
        with block:
            learn(replace(config, out=tmp_path / str(number)))
        hashes.append(weights_hash(load(str(tmp_path / str(number) / "model")).net))
        counts.append(len(reads))
    assert counts[0] == 0 and counts[2] == counts[1]
    assert counts[1] > 3 * 2, "three steps of two parts, and the probes"
    assert len(set(hashes)) == 1 and hashes[0] != weights_hash(tiny().net)


def test_one_part_of_a_step_is_read_after_the_other(monkeypatch):
    """So that memory holds the contexts of one part, whoever reads them."""
    net, order = tiny().net, []
    backward = torch.Tensor.backward

    class Reads:
        def read(self, packed):
            order.append("read")
            return encode_contexts(net, packed)

    monkeypatch.setattr(torch.Tensor, "backward", lambda loss: order.append("backward") or backward(loss))
    packs = [pack([context], [Decision(0, (20,), (30,))], torch.float32) for context in CONTEXTS]
    assert len(list(frozen.accumulate(net, packs, reader=net, contexts=Reads()))) == 2
    assert order == ["read", "backward"] * 2


def test_full_gradients_have_no_base_cache():
    with pytest.raises(ValueError, match=r"^--base-cache: with --full"):
        replace(TEACH, full=True).check()
    model = tiny()
    model.context = tiny().net
    with pytest.raises(ValueError, match=r"^--full: tiny-llama decides on contexts that another model reads"):
        Teacher(model, TeachConfig(full=True), RULES)


def test_a_run_scores_and_keeps_a_mind_that_decides_on_old_contexts(tmp_path):
    save(tiny(), tmp_path / "base")
    config = LearnConfig(
        model=str(tmp_path / "base"), teach=TEACH, lessons=6, steps=4, probes=6, measure_every=2, device="cpu",
        out=tmp_path / "run",
    )  # fmt: skip
    learn(config)
    mind = load(tmp_path / "run" / "model")
    assert weights_hash(mind.reader) == weights_hash(tiny().net) != weights_hash(mind.net)
    scene = generated(0, 1, "terse", RULES)[0].scene
    own = copy.copy(mind)
    own.context = None
    assert perceive(mind, [scene], record=False)[0].beliefs != perceive(own, [scene], record=False)[0].beliefs
