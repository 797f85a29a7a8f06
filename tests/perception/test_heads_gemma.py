"""The recorder on architectures that cap scores, look through windows in some layers, or norm what attention writes."""

import copy
from typing import Any

import pytest
import torch
import transformers
from torch import Tensor

from perception.head_map import addresses, head_outputs
from perception.head_numbers import cue_lift
from perception.heads import Recorder
from training.heads.baseline import Baseline, ProbeBatch
from training.heads.head_diff import direct_effects

torch.set_num_threads(1)
SIZES = {
    "vocab_size": 61, "hidden_size": 24, "intermediate_size": 32, "num_hidden_layers": 2, "num_attention_heads": 4,
    "num_key_value_heads": 2, "head_dim": 8, "max_position_embeddings": 64, "sliding_window": 5,
    "layer_types": ["sliding_attention", "full_attention"], "query_pre_attn_scalar": 8,
}  # fmt: skip
KINDS = ("gemma2", "gemma2-uncapped", "gemma3")
ROWS = torch.tensor([[3, 11], [7, -1], [11, 0]])


def tiny(kind: str, attention: str, dtype: torch.dtype = torch.float32) -> Any:
    family = "Gemma3Text" if kind == "gemma3" else "Gemma2"
    capped = {} if kind == "gemma3" else {"attn_logit_softcapping": None if "un" in kind else 2.0}
    config = getattr(transformers, f"{family}Config")(**SIZES, **capped, attn_implementation=attention)
    torch.manual_seed(1)
    model = getattr(transformers, f"{family.removesuffix('Text')}ForCausalLM")(config).eval()
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.add_(torch.randn_like(parameter) * 0.3)
    return model.to(dtype)


def tokens() -> Tensor:
    return torch.randint(1, 61, (3, 12), generator=torch.Generator().manual_seed(2))


@pytest.mark.parametrize(("kind", "attention"), [*((kind, "eager") for kind in KINDS), ("gemma3", "sdpa")])
def test_patterns_are_those_of_eager_attention_and_logits_keep_every_bit(kind: str, attention: str) -> None:
    ids = tokens()
    mask = torch.ones_like(ids)
    mask[1, 8:] = 0
    with torch.no_grad():
        eager = tiny(kind, "eager")(ids, attention_mask=mask, output_attentions=True).attentions
        model = tiny(kind, attention)
        plain = model(ids, attention_mask=mask).logits
        with Recorder(model, ROWS) as recorder:
            heard = model(ids, attention_mask=mask).logits
    assert torch.equal(plain, heard)
    record = recorder.record()
    for layer, full in enumerate(eager):
        there = full[torch.arange(3)[:, None], :, ROWS.clamp_min(0)].transpose(1, 2)
        difference = (record.patterns[layer] - there).masked_fill(~record.valid[:, None, :, None], 0)
        assert difference.abs().max() < 1e-5
    assert record.visible[0].tolist() == [[4, 5], [5, 0], [5, 1]]  # through a window of five
    assert record.visible[1].tolist() == [[4, 12], [8, 0], [12, 1]]


@pytest.mark.parametrize("kind", KINDS)
def test_heads_sum_to_what_the_attention_hands_to_its_norm(kind: str) -> None:
    model, ids, outputs = tiny(kind, "eager", torch.float64), tokens(), []
    heads = addresses(model)
    hooks = [norm.register_forward_pre_hook(lambda _m, args: outputs.append(args[0])) for norm in heads.post_norms]
    with Recorder(model, ROWS) as recorder, torch.no_grad():
        model(ids)
    for hook in hooks:
        hook.remove()
    record = recorder.record()
    for layer in range(2):
        written = head_outputs(record.z[layer], heads.weight(layer, "o")).sum(-2)
        there = outputs[layer][torch.arange(3)[:, None], ROWS.clamp_min(0)]
        assert (written - there)[record.valid].abs().max() < 1e-6


def test_capped_scores_under_sdpa_are_refused() -> None:
    model = tiny("gemma2", "eager")  # transformers does not even load it under sdpa
    recorder = Recorder(model, ROWS, implementation="sdpa")
    with pytest.raises(ValueError, match="load it with eager attention"), recorder:
        model(tokens())
    assert model.config._attn_implementation == "eager"


@pytest.mark.parametrize("kind", KINDS)
def test_direct_effects_go_through_the_norm_behind_the_attention(kind: str) -> None:
    """Without MLPs, logit differences are the embedding's and the heads' direct effects, all scales frozen."""
    model, ids = tiny(kind, "eager", torch.float64), tokens()
    model.config.final_logit_softcapping = None
    with torch.no_grad():
        for layer in model.model.layers:
            layer.mlp.down_proj.weight.zero_()
    answers, rivals = torch.tensor([[5, 6], [7, 0], [8, 9]]), torch.tensor([[9, 8], [6, 0], [5, 4]])
    probe = ProbeBatch(ids, torch.ones_like(ids), ROWS, torch.zeros(3, 2, 12, dtype=torch.bool), answers, rivals)
    base = Baseline.record(model, [probe])
    effects = torch.stack(direct_effects(model, base, [probe])[0]).sum((0, 2))  # (B, R)
    at, rows = torch.arange(3)[:, None], ROWS.clamp_min(0)
    with torch.no_grad():
        logits = model(ids).logits[at, rows]
        final, start = base.inputs[0].final_BRM, base.inputs[0].residual_BTM[0][at, rows]
        norm = model.model.norm
        scale = (norm.weight + 1) * torch.rsqrt(final.pow(2).mean(-1, keepdim=True) + norm.eps)
        out = model.lm_head.weight
        by_embedding = (start * scale * (out[answers] - out[rivals])).sum(-1)
    wanted = (logits.gather(-1, answers[..., None]) - logits.gather(-1, rivals[..., None]))[..., 0] - by_embedding
    valid = ROWS >= 0
    assert torch.allclose(effects[valid], wanted[valid], rtol=1e-4, atol=1e-5)  # norms compute in float32
    assert effects[valid].abs().min() > 1e-3


def test_the_rival_is_the_candidate_that_each_model_believes_most() -> None:
    model, ids = tiny("gemma3", "sdpa"), tokens()
    at, rows = torch.arange(3)[:, None], ROWS.clamp_min(0)
    candidates = torch.tensor([[[4, 5, 6], [7, 8, -1]], [[9, 3, 2], [0, 0, 0]], [[10, 11, 12], [13, -1, -1]]])
    other = copy.deepcopy(model)
    with torch.no_grad():
        other.lm_head.weight.mul_(-1)  # tied to the embedding: this one believes otherwise
    strongest = []
    for one in (model, other):
        probe = ProbeBatch(
            ids, torch.ones_like(ids), ROWS, torch.zeros(3, 2, 12, dtype=torch.bool), torch.full((3, 2), 30), candidates
        )
        with torch.no_grad():
            logits = one(ids).logits[at, rows].gather(-1, candidates.clamp_min(0))
        best = candidates.gather(-1, logits.masked_fill(candidates < 0, -1e9).argmax(-1, keepdim=True))[..., 0]
        base = Baseline.record(one, [probe])
        best_rivals = ProbeBatch(**(vars(probe) | {"rival_ids": best}))
        for a, b in zip(
            direct_effects(one, base, [probe])[0], direct_effects(one, base, [best_rivals])[0], strict=True
        ):
            assert torch.equal(a, b)
        strongest.append(best)
    assert not torch.equal(*strongest)


def test_lift_is_attention_over_chance() -> None:
    pattern = torch.tensor([[[[0.5, 0.5, 0.0, 0.0], [0.25] * 4, [1.0, 0, 0, 0]]]])
    cue = torch.tensor([[[True, False, False, False], [True, True, True, False], [False] * 4]])
    assert torch.allclose(cue_lift(pattern, cue, torch.tensor([[2, 4, 1]])), torch.tensor([[[1.0, 1.0, 0.0]]]))
    assert torch.allclose(cue_lift(pattern, cue, torch.tensor([[4, 4, 4]]))[0, 0], torch.tensor([2.0, 1.0, 0.0]))
