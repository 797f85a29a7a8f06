"""The per-head table: identities that hold whatever was learned, and changes planted where the truth is known."""

import copy
from typing import Any

import pytest
import torch
import transformers
from torch import Tensor

from perception.head_map import addresses
from training.heads.baseline import Baseline, ProbeBatch
from training.heads.gain_allocation import gain_allocation
from training.heads.head_diff import glance, head_diff, jensen_shannon

torch.set_num_threads(1)
LAYERS, HEADS = 2, 4
SIZES = {
    "vocab_size": 31, "hidden_size": 16, "intermediate_size": 24, "num_hidden_layers": LAYERS,
    "num_attention_heads": HEADS, "head_dim": 8, "max_position_embeddings": 32,
}  # fmt: skip
GPT2 = {"vocab_size": 31, "n_embd": 16, "n_layer": LAYERS, "n_head": HEADS, "n_positions": 32}


def tiny(kind: str, attention: str = "sdpa", dtype: torch.dtype = torch.float32) -> Any:
    torch.manual_seed(3)
    if kind == "gpt2":
        model: Any = transformers.GPT2LMHeadModel(transformers.GPT2Config(**GPT2, attn_implementation=attention))
    else:
        sizes = SIZES | {"num_key_value_heads": 2 if kind == "grouped" else HEADS}
        model = transformers.LlamaForCausalLM(transformers.LlamaConfig(**sizes, attn_implementation=attention))
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.add_(torch.randn_like(parameter) * 0.2)
    return model.eval().to(dtype)


def moved(model: Any, size: float = 0.05, seed: int = 5) -> Any:
    """A copy whose every weight moved a little."""
    after, generator = copy.deepcopy(model), torch.Generator().manual_seed(seed)
    with torch.no_grad():
        for parameter in after.parameters():
            parameter.add_(torch.randn(parameter.shape, generator=generator).to(parameter.dtype) * size)
    return after


def probes(count: int = 2) -> list[ProbeBatch]:
    generator = torch.Generator().manual_seed(7)
    batches = []
    for length in (9, 12)[:count]:
        ids = torch.randint(0, 31, (3, length), generator=generator)
        mask = torch.ones_like(ids)
        mask[1, length - 2 :] = 0
        rows = torch.tensor([[2, length - 1], [length - 3, -1], [4, 5]])
        cues = torch.rand(3, 2, length, generator=generator) < 0.3
        answers, rivals = torch.randint(0, 31, (2, 3, 2), generator=generator)
        batches.append(ProbeBatch(ids, mask, rows, cues, answers, rivals))
    return batches


def loss(model: Any) -> Tensor:
    probe = probes(1)[0]
    return model(input_ids=probe.input_ids, labels=probe.input_ids, use_cache=False).loss


@pytest.mark.parametrize("attention", ["sdpa", "eager"])
@pytest.mark.parametrize("kind", ["plain", "grouped", "gpt2"])
def test_a_model_differs_from_itself_by_nothing(kind: str, attention: str) -> None:
    model = tiny(kind, attention)
    diff = head_diff(model, copy.deepcopy(model), probes(), loss)
    for name in ("own", "inherited", "pattern"):
        assert torch.equal(getattr(diff, name), torch.zeros(LAYERS, HEADS, dtype=torch.float64)), name
    assert torch.equal(diff.cue_before, diff.cue_after)
    assert torch.equal(diff.entropy_before, diff.entropy_after)
    assert torch.equal(diff.direct_before, diff.direct_after)
    assert all((weights == 0).all() for weights in diff.weights.values())
    assert diff.gain is not None
    assert (float(diff.gain.heads.abs().sum()), diff.gain.rest, diff.gain.gain) == (0.0, 0.0, 0.0)


@pytest.mark.parametrize("matrix", ["q", "k", "v", "o"])
@pytest.mark.parametrize("kind", ["plain", "grouped", "gpt2"])
def test_perturbing_one_head_changes_that_cell_and_no_other(kind: str, matrix: str) -> None:
    """The heads overlay of the game rests on this: exact zeros everywhere else, bit for bit."""
    model = tiny(kind)
    baseline = Baseline.record(model, probes())
    assert (baseline.own_change(model) == 0).all()
    grouped = kind == "grouped" and matrix in "kv"
    for layer in range(LAYERS):
        for head in range(2 if grouped else HEADS):
            after = copy.deepcopy(model)
            with torch.no_grad():
                addresses(after).weight(layer, matrix)[head].mul_(1.3)
            cells = [[layer, 2 * head], [layer, 2 * head + 1]] if grouped else [[layer, head]]
            assert baseline.own_change(after).nonzero().tolist() == cells


def test_own_change_is_the_distance_of_head_outputs_by_hand() -> None:
    """Scaling one head's W_O by 1.5 moves its output by half its length, on unchanged inputs."""
    model = tiny("plain", dtype=torch.float64)
    baseline = Baseline.record(model, probes())
    after = copy.deepcopy(model)
    with torch.no_grad():
        addresses(after).weight(1, "o")[2].mul_(1.5)
    lengths, streams = [], []
    for entry, written in zip(baseline.inputs, baseline.outputs, strict=True):
        valid = entry.record.valid
        lengths.append(written[1][:, :, 2].norm(dim=-1)[valid])
        streams.append(entry.record.residual[1].norm(dim=-1)[valid])
    wanted = 0.5 * torch.cat(lengths).mean() / torch.cat(streams).mean()
    assert float(baseline.own_change(after)[1, 2]) == pytest.approx(float(wanted), rel=1e-9)


def test_a_change_in_the_first_layer_is_inherited_by_the_second() -> None:
    model = tiny("plain")
    after = copy.deepcopy(model)
    with torch.no_grad():
        addresses(after).weight(0, "o")[1].mul_(3)
    diff = head_diff(model, after, probes())
    assert diff.own.nonzero().tolist() == [[0, 1]]
    assert (diff.inherited[0] == 0).all()
    assert (diff.inherited[1] > 0).all()
    assert (diff.pattern[0] == 0).all()
    assert (diff.pattern[1] > 0).all()
    assert diff.gain is None
    assert diff.weights["o"].nonzero().tolist() == [[0, 1]]
    assert float(diff.weights["o"][0, 1]) == pytest.approx(2.0)
    assert all((diff.weights[matrix] == 0).all() for matrix in "qkv")


def test_replay_equals_the_forward() -> None:
    """Replayed on its own inputs, a model's heads write what they wrote in the recorded forward."""
    for kind in ("plain", "grouped", "gpt2"):
        model = tiny(kind, dtype=torch.float64)
        baseline = Baseline.record(model, probes())
        for entry, written in zip(baseline.inputs, baseline.outputs, strict=True):
            for layer in range(LAYERS):
                o = torch.einsum("brhd,hdm->brhm", entry.record.z[layer], addresses(model).weight(layer, "o"))
                assert (o - written[layer]).abs().max() < 1e-9


@pytest.mark.parametrize("kind", ["plain", "grouped", "gpt2"])
def test_gain_is_shared_out_whole_and_changes_sign_on_the_way_back(kind: str) -> None:
    before, after = tiny(kind), moved(tiny(kind))
    there, back = gain_allocation(before, after, loss, 8), gain_allocation(after, before, loss, 8)
    assert there.gain == pytest.approx(float(loss(before).detach() - loss(after).detach()), rel=1e-4)
    assert abs(there.residual) < 0.02 * abs(there.gain)
    assert there.residual == pytest.approx(
        there.gain - float(there.heads.sum() + there.mlps.sum()) - there.rest, abs=1e-9
    )
    assert torch.allclose(there.heads, -back.heads, atol=1e-5)
    assert torch.allclose(there.mlps, -back.mlps, atol=1e-4)
    assert there.rest == pytest.approx(-back.rest, abs=1e-4)


def test_gain_goes_to_the_heads_that_moved() -> None:
    before = tiny("grouped", dtype=torch.float64)
    after = copy.deepcopy(before)
    heads = addresses(after)
    with torch.no_grad():
        heads.weight(0, "q")[3].add_(0.3)
        heads.weight(1, "v")[1].add_(0.3)  # the group of heads 2 and 3
    gain = gain_allocation(before, after, loss, 12)
    assert gain.heads.nonzero().tolist() == [[0, 3], [1, 2], [1, 3]]
    assert gain.heads[1, 2] == gain.heads[1, 3]
    assert gain.rest == pytest.approx(0.0, abs=1e-12)
    assert abs(gain.residual) < 1e-3 * abs(gain.gain)
    assert all(p.grad is None and p.requires_grad for p in (*before.parameters(), *after.parameters()))


def test_signed_rows_are_antisymmetric() -> None:
    a, b = tiny("plain"), moved(tiny("plain"))
    there, back = head_diff(a, b, probes()), head_diff(b, a, probes())
    for name in ("cue", "entropy", "direct"):
        rise = getattr(there, f"{name}_after") - getattr(there, f"{name}_before")
        fall = getattr(back, f"{name}_after") - getattr(back, f"{name}_before")
        assert torch.equal(rise, -fall)
        assert (rise != 0).all()


@pytest.mark.parametrize("kind", ["plain", "gpt2"])
def test_direct_effects_add_up_to_the_logits(kind: str) -> None:
    """Without MLPs, logit differences are the embedding's and the heads' direct effects, final scale frozen."""
    model = tiny(kind, dtype=torch.float64)
    with torch.no_grad():
        for name, parameter in model.named_parameters():
            if "mlp" in name or name.endswith("bias"):
                parameter.zero_()
    probe = probes(1)
    diff = head_diff(model, model, probe)
    batch, valid = probe[0], probe[0].decision_rows >= 0
    rows = batch.decision_rows.clamp_min(0)
    with torch.no_grad():
        logits = model(batch.input_ids, attention_mask=batch.attention_mask).logits[torch.arange(3)[:, None], rows]
        base = model.transformer if kind == "gpt2" else model.model
        embedded = (
            base.wte(batch.input_ids) + base.wpe.weight[:9] if kind == "gpt2" else base.embed_tokens(batch.input_ids)
        )
        final = Baseline.record(model, probe).inputs[0].final_BRM
        start = embedded[torch.arange(3)[:, None], rows]
        if kind == "gpt2":
            start, final = start - start.mean(-1, keepdim=True), final - final.mean(-1, keepdim=True)
        norm = base.ln_f if kind == "gpt2" else base.norm
        scale = norm.weight * torch.rsqrt(
            final.pow(2).mean(-1, keepdim=True) + (norm.eps if kind == "gpt2" else norm.variance_epsilon)
        )
        out = model.lm_head.weight
        by_embedding = ((start * scale) * (out[batch.answer_ids] - out[batch.rival_ids])).sum(-1)
    wanted = logits.gather(-1, batch.answer_ids[..., None]) - logits.gather(-1, batch.rival_ids[..., None])
    by_heads = (wanted[..., 0] - by_embedding)[valid].mean()
    assert float(diff.direct_before.sum()) == pytest.approx(float(by_heads), abs=1e-6)  # Llama's norm is float32


def test_a_glance_along_the_way_is_the_diff_from_the_start() -> None:
    before, after = tiny("grouped"), moved(tiny("grouped"))
    diff, seen = head_diff(before, after, probes()), glance(Baseline.record(before, probes()), after, probes())
    assert set(seen) == {"own", "pattern", "cue_mass", "entropy"}
    for name, wanted in (("own", diff.own), ("pattern", diff.pattern), ("cue_mass", diff.cue_after)):
        assert torch.equal(seen[name], wanted), name
    assert torch.equal(seen["entropy"], diff.entropy_after)


def test_lift_is_the_mean_over_decisions_that_have_a_cue() -> None:
    model, batch = tiny("plain"), probes(1)[0]
    cues = batch.cue_mask.clone()
    cues[0, 0], cues[2] = False, False
    cues[0, 1, :4], cues[0, 1, 4:] = True, False  # four of nine keys
    cues[1, 0], cues[1, 1] = False, True  # nothing at one decision; the other row is padding
    diff = head_diff(model, model, [ProbeBatch(**(vars(batch) | {"cue_mask": cues}))])
    record = Baseline.record(model, [batch]).inputs[0].record
    wanted = record.patterns[1][0, :, 1, :4].sum(-1).double() / (4 / 9)
    assert torch.allclose(diff.lift_before[1], wanted, atol=1e-6)
    blind = ProbeBatch(**(vars(batch) | {"cue_mask": torch.zeros_like(cues)}))
    assert (head_diff(model, model, [blind]).lift_after == 0).all()


def test_direct_effects_are_kept_decision_by_decision() -> None:
    diff = head_diff(tiny("plain"), moved(tiny("plain")), probes())
    assert diff.each_before.shape == diff.each_after.shape == (10, LAYERS * HEADS)
    assert torch.allclose(diff.each_after.mean(0).view(LAYERS, HEADS), diff.direct_after, atol=1e-6)
    assert diff.each_after.std(0).min() > 0


def test_jensen_shannon_of_known_rows() -> None:
    sure, other = torch.tensor([1.0, 0.0]), torch.tensor([0.0, 1.0])
    half = torch.tensor([0.5, 0.5])
    assert float(jensen_shannon(sure, other)) == 1.0
    assert float(jensen_shannon(half, half)) == 0.0
    assert float(jensen_shannon(sure, half)) == pytest.approx(0.311278, abs=1e-6)


def test_rows_carry_the_table() -> None:
    diff = head_diff(tiny("grouped"), moved(tiny("grouped")), probes(), loss)
    rows = diff.rows()
    assert [(row.layer, row.head) for row in rows] == [(i, j) for i in range(LAYERS) for j in range(HEADS)]
    assert diff.gain is not None
    row = rows[6]
    assert (row.own, row.inherited, row.pattern) == (diff.own[1, 2], diff.inherited[1, 2], diff.pattern[1, 2])
    assert row.gain == diff.gain.heads[1, 2]
    assert (row.cue_mass_after, row.entropy_before) == (diff.cue_after[1, 2], diff.entropy_before[1, 2])
    assert (row.cue_lift_after, row.products["vo"]) == (diff.lift_after[1, 2], diff.products["vo"][1, 2])
    assert row.weights["k"] == diff.weights["k"][1, 3] == diff.weights["k"][1, 2]


def test_train_mode_and_weights_are_left_as_they_were() -> None:
    model = tiny("plain").train()
    state = {name: value.clone() for name, value in model.state_dict().items()}
    baseline = Baseline.record(model, probes())
    baseline.own_change(model)
    assert model.training
    assert all(torch.equal(state[name], value) for name, value in model.state_dict().items())
    assert model.config._attn_implementation == "sdpa"
    assert not any(module._forward_pre_hooks for module in model.modules())


def test_bad_input_is_refused() -> None:
    model, probe = tiny("plain"), probes(1)[0]
    with pytest.raises(ValueError, match=r"cue_mask is \(3, 2, 5\), expected \(3, 2, 9\)"):
        ProbeBatch(**(vars(probe) | {"cue_mask": probe.cue_mask[..., :5]}))
    silent = ProbeBatch(**(vars(probe) | {"decision_rows": torch.full((3, 2), -1)}))
    for nothing in ([], [silent]):
        with pytest.raises(ValueError, match="no decision"):
            Baseline.record(model, nothing)
    with pytest.raises(ValueError, match="differ in shape at"):
        head_diff(model, tiny("grouped"), [probe])
    with pytest.raises(ValueError, match="points"):
        gain_allocation(model, model, loss, 0)
