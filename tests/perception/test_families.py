"""The heads of every family of architectures: patterns, value mixes and slices, against eager attention and by hand."""

from typing import Any

import pytest
import torch
from torch import Tensor
from transformers import AutoConfig

from perception.addresses import ADDRESSES, ALL, BY_LAYER, METHOD, REFUSED, REGISTRY, SDPA, check_known
from perception.head_map import addresses, head_outputs
from perception.heads import Recorder, activity
from tests.kits.families import CASES, NORMS_ALL_HEADS, ROWS, TOKENS, net_of
from training.heads.head_diff import unembedding

torch.set_num_threads(1)


def listened(net: Any, **options: Any) -> Any:
    with Recorder(net, ROWS, **options) as recorder, torch.no_grad():
        net(TOKENS)
    return recorder.record()


def at_rows(x_BT: Tensor) -> Tensor:
    return x_BT[torch.arange(3)[:, None], ROWS.clamp_min(0)]


def test_every_family_of_the_table_is_tested() -> None:
    assert {case.split()[0] for case in CASES} == set(ADDRESSES)
    assert len(ADDRESSES) >= 30


@pytest.mark.parametrize("case", CASES)
def test_logits_keep_every_bit_and_heads_sum_to_the_attention_output(case: str) -> None:
    net, outputs = net_of(case), []
    heads = addresses(net)
    with torch.no_grad():
        plain = net(TOKENS).logits
        hooks = [
            module.register_forward_hook(lambda _m, _i, out: outputs.append(out[0])) for module in heads.attentions
        ]
        with Recorder(net, ROWS) as recorder:
            heard = net(TOKENS).logits
        for hook in hooks:
            hook.remove()
        assert torch.equal(plain, heard) and torch.equal(plain, net(TOKENS).logits)
    record = recorder.record()
    for layer in range(heads.layers):
        written = head_outputs(record.z[layer], heads.weight(layer, "o")).sum(-2)
        bias = net.get_submodule(heads.projections[layer]["o"].parameter.removesuffix(".weight")).bias
        written = written if bias is None else written + bias
        assert (written - at_rows(outputs[layer]))[record.valid].abs().max() < 1e-6
    assert min(activity(record)) > 0 and len(activity(record)) == heads.layers * heads.heads


@pytest.mark.parametrize("case", CASES)
def test_patterns_are_those_of_eager_attention(case: str) -> None:
    record = listened(net_of(case))
    with torch.no_grad():
        eager = net_of(case, "eager")(TOKENS, output_attentions=True, use_cache=False).attentions
    for layer, whole in enumerate(eager):
        difference = record.patterns[layer] - at_rows(whole.transpose(1, 2)).transpose(1, 2)
        assert difference.masked_fill(~record.valid[:, None, :, None], 0).abs().max() < 1e-5


@pytest.mark.parametrize("case", CASES)
def test_value_slices_and_patterns_give_z_by_hand(case: str) -> None:
    """z_h = pattern_h @ (what enters the attention W_v + b): the table against arithmetic that doesn't know it."""
    net, streams = net_of(case), []
    heads = addresses(net)
    hooks = [heads.on_residual(layer, streams.append) for layer in range(heads.layers)]
    record = listened(net)
    for hook in hooks:
        hook.remove()
    for layer in range(heads.layers):
        entered = heads.entering(layer, streams[layer])
        projection = heads.projections[layer]["v"]
        bias = net.get_submodule(projection.parameter.removesuffix(".weight")).bias
        for head in range(heads.heads):
            value_BKD = entered @ heads.head(layer, "v", head // heads.group).T
            if bias is not None:
                value_BKD = value_BKD + projection.blocks(bias)[head // heads.group]
            by_hand = record.patterns[layer][:, head] @ value_BKD
            assert (by_hand - record.z[layer][:, :, head]).abs().max() < 1e-6


@pytest.mark.parametrize("case", CASES)
def test_query_and_key_slices_move_the_patterns_of_their_heads_alone(case: str) -> None:
    net = net_of(case)
    heads, before = addresses(net), listened(net).patterns[0]
    for matrix, head in (("q", 2), ("k", 0)):
        slice_DM = heads.head(0, matrix, head)
        assert torch.equal(slice_DM, heads.weight(0, matrix)[head])
        start = slice_DM.detach().clone()
        with torch.no_grad():
            slice_DM.mul_(torch.linspace(0.2, 3, slice_DM.shape[-1], dtype=slice_DM.dtype))
            moved_H = (listened(net).patterns[0] - before).abs().amax((0, 2, 3)) > 1e-9
            slice_DM.copy_(start)
        own = {head} if matrix == "q" else set(range(head * heads.group, (head + 1) * heads.group))
        if case.split()[0] not in NORMS_ALL_HEADS:
            assert {number for number, moved in enumerate(moved_H.tolist()) if moved} == own
        assert moved_H[sorted(own)].all()
    assert torch.equal(listened(net).patterns[0], before)


@pytest.mark.parametrize("case", CASES)
def test_logits_follow_from_the_final_norm_with_its_scale_frozen(case: str) -> None:
    net, final = net_of(case), []
    heads, out = addresses(net), net.get_output_embeddings()
    hook = heads.final_norm.register_forward_pre_hook(lambda _module, args: final.append(args[0]))
    with pytest.MonkeyPatch.context() as patch, torch.no_grad():
        patch.setattr(net.config, "final_logit_softcapping", None, raising=False)
        logits_BTV = net(TOKENS).logits
        hook.remove()
        stream_BTM = final[0] - final[0].mean(-1, keepdim=True) if heads.address.centred else final[0]
        table = unembedding(net)
        direction_M = table[7] - table[9]
        wanted_BT = stream_BTM * heads.norm_scale(heads.final_norm, stream_BTM) @ direction_M
        if getattr(heads.final_norm, "bias", None) is not None:
            wanted_BT = wanted_BT + heads.final_norm.bias @ direction_M
        if getattr(out, "bias", None) is not None:
            wanted_BT = wanted_BT + out.bias[7] - out.bias[9]
    difference_BT = logits_BTV[..., 7] - logits_BTV[..., 9]
    assert torch.allclose(difference_BT, wanted_BT * heads.logit_scale, rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize("case", CASES)
def test_a_replay_of_the_rows_alone_hears_the_same_heads(case: str) -> None:
    whole, replay = listened(net_of(case)), listened(net_of(case), rows_only=True)
    assert (whole.z[0] - replay.z[0])[whole.valid].abs().max() < 1e-6
    assert replay.residual == ()


@pytest.mark.parametrize(
    ("kind", "options", "says"),
    [
        ("bloom", {}, "ALiBi tells positions by the place of a key"),
        ("mpt", {}, "ALiBi tells positions"),
        ("falcon", {"alibi": True}, "'falcon' with alibi: ALiBi"),
        ("opt", {"do_layer_norm_before": False}, "a norm lies on its residual stream"),
        ("gpt_oss", {}, "attention has sinks"),
        ("mamba", {}, "no attention heads"),
        ("codegen", {}, "no address of its heads is known; add a row"),
    ],
)
def test_what_cannot_work_is_refused_with_its_reason(kind: str, options: dict[str, Any], says: str) -> None:
    with pytest.raises(ValueError, match=says) as caught:
        check_known(AutoConfig.for_model(kind, **options))
    assert "\n" not in str(caught.value)


def test_the_table_names_what_there_is() -> None:
    assert not set(ADDRESSES) & set(REFUSED)
    assert {at.heard for at in ADDRESSES.values()} == {REGISTRY, SDPA, METHOD}
    assert {at.windows for at in ADDRESSES.values()} == {"", ALL, BY_LAYER}
    with pytest.raises(ValueError, match="load the model with attn_implementation='sdpa'"):
        Recorder(net_of("falcon groups", "eager"), ROWS)
