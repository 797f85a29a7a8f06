"""The recorder against independent computations: hand-written head arithmetic, eager attention, unpacked forwards."""

import copy
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import torch
import transformers
from torch import Tensor, nn

from perception.head_map import addresses
from perception.heads import Recorder, activity, attention_mass

torch.set_num_threads(1)
SIZES = {"vocab_size": 61, "hidden_size": 24, "intermediate_size": 32, "num_hidden_layers": 2}
GROUPED = {"num_attention_heads": 4, "num_key_value_heads": 2, "head_dim": 8, "max_position_embeddings": 64}
KINDS = {
    "llama": ("Llama", SIZES | GROUPED | {"num_key_value_heads": 4, "attention_bias": True}),
    "llama-gqa": ("Llama", SIZES | GROUPED),
    "qwen2": ("Qwen2", SIZES | {"num_attention_heads": 4, "num_key_value_heads": 2, "max_position_embeddings": 64}),
    "qwen3": ("Qwen3", SIZES | GROUPED),
    "mistral": ("Mistral", SIZES | GROUPED),
    "mistral-window": ("Mistral", SIZES | GROUPED | {"sliding_window": 5}),
    "gemma": ("Gemma", SIZES | GROUPED | {"num_key_value_heads": 1}),
    "gpt2": ("GPT2", {"vocab_size": 61, "n_embd": 24, "n_layer": 2, "n_head": 4, "n_positions": 64}),
    "gpt2-upcast": (
        "GPT2",
        {"vocab_size": 61, "n_embd": 24, "n_layer": 2, "n_head": 4, "n_positions": 64, "reorder_and_upcast_attn": True},
    ),
}


def tiny(kind: str, attention: str = "sdpa", dtype: torch.dtype = torch.float64) -> Any:
    """A random model, far enough from its initialisation that heads differ and biases are not zero."""
    family, sizes = KINDS[kind]
    config = getattr(transformers, f"{family}Config")(**sizes, attn_implementation=attention)
    name = "GPT2LMHeadModel" if family == "GPT2" else f"{family}ForCausalLM"
    torch.manual_seed(1)
    model = getattr(transformers, name)(config).eval()
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.add_(torch.randn_like(parameter) * 0.3)
    return model.to(dtype)


def tokens(batch: int = 3, length: int = 12) -> Tensor:
    return torch.randint(1, 61, (batch, length), generator=torch.Generator().manual_seed(2))


ROWS = torch.tensor([[3, 11], [7, -1], [11, 0]])


@pytest.mark.parametrize("attention", ["sdpa", "eager"])
@pytest.mark.parametrize("kind", KINDS)
def test_logits_keep_every_bit_and_the_model_is_left_as_it_was(kind: str, attention: str) -> None:
    model, ids = tiny(kind, attention, torch.float32), tokens()
    plain = model(ids).logits
    with Recorder(model, ROWS) as recorder:
        heard = model(ids).logits
    assert torch.equal(plain, heard)
    assert len(recorder.record().z) == 2
    assert model.config._attn_implementation == attention
    assert not any(module._forward_pre_hooks for module in model.modules())
    assert torch.equal(plain, model(ids).logits)


@pytest.mark.parametrize("kind", ["llama-gqa", "gpt2-upcast"])
def test_value_slices_and_patterns_give_z_by_hand(kind: str) -> None:
    """z_h = pattern_h @ (norm(x) W_v + b): the address table against arithmetic that does not know it."""
    model, ids = tiny(kind), tokens()
    heads = addresses(model)
    entered: list[Tensor] = []
    hooks = [norm.register_forward_hook(lambda _m, _i, out: entered.append(out)) for norm in heads.norms]
    with Recorder(model, ROWS) as recorder, torch.no_grad():
        model(ids)
    for hook in hooks:
        hook.remove()
    record = recorder.record()
    for layer in range(heads.layers):
        for head in range(heads.heads):
            group = head // heads.group
            value_BKD = entered[layer] @ heads.weight(layer, "v")[group].T
            if "gpt2" in kind:
                value_BKD = value_BKD + heads.attentions[layer].c_attn.bias[48:].view(4, 6)[group]
            elif (bias := heads.attentions[layer].v_proj.bias) is not None:
                value_BKD = value_BKD + bias.view(heads.kv_heads, -1)[group]
            by_hand = record.patterns[layer][:, head] @ value_BKD
            assert (by_hand - record.z[layer][:, :, head]).abs().max() < 1e-9


def test_query_and_key_slices_give_the_pattern_by_hand() -> None:
    """GPT-2 has no rotary embedding, so a pattern is softmax(q k / sqrt d) of plain slices."""
    model, ids = tiny("gpt2"), tokens()
    heads = addresses(model)
    with Recorder(model, ROWS) as recorder, torch.no_grad():
        model(ids)
    record = recorder.record()
    with torch.no_grad():
        x = model.transformer.ln_f.__class__.forward(
            heads.norms[0], model.transformer.wte(ids) + model.transformer.wpe.weight[:12]
        )
    bias = heads.attentions[0].c_attn.bias
    for head in range(4):
        q = x @ heads.weight(0, "q")[head].T + bias[:24].view(4, 6)[head]
        k = x @ heads.weight(0, "k")[head].T + bias[24:48].view(4, 6)[head]
        for batch, row in ((0, 3), (1, 7), (2, 11)):
            by_hand = (q[batch, row] @ k[batch, : row + 1].T / 6**0.5).softmax(-1)
            at = ROWS[batch].tolist().index(row)
            assert (record.patterns[0][batch, head, at, : row + 1] - by_hand).abs().max() < 1e-9


@pytest.mark.parametrize("attention", ["sdpa", "eager"])
@pytest.mark.parametrize("side", ["left", "right"])
@pytest.mark.parametrize("kind", ["llama-gqa", "mistral-window", "gpt2"])
def test_patterns_equal_those_of_eager_attention_under_padding(kind: str, side: str, attention: str) -> None:
    ids = tokens()
    mask = torch.ones_like(ids)
    mask[1, slice(0, 4) if side == "left" else slice(8, 12)] = 0
    # In float32: under float64, eager attention casts its lowest mask to -inf and padded rows become NaN.
    with torch.no_grad():
        eager = tiny(kind, "eager", torch.float32)(ids, attention_mask=mask, output_attentions=True).attentions
    model = tiny(kind, attention, torch.float32)
    with Recorder(model, ROWS) as recorder, torch.no_grad():
        model(ids, attention_mask=mask)
    record = recorder.record()
    for layer, full in enumerate(eager):
        there = full[torch.arange(3)[:, None], :, ROWS.clamp_min(0)].transpose(1, 2)
        difference = (record.patterns[layer] - there).masked_fill(~record.valid[:, None, :, None], 0)
        assert difference.abs().max() < 1e-5
    window = 5 if "window" in kind else 99
    assert record.visible[0].tolist() == [
        [min(4, window), min(12, window)],
        [min(4 if side == "left" else 8, window), 0],
        [min(12, window), 1],
    ]


@pytest.fixture
def exact_softmax(monkeypatch: pytest.MonkeyPatch) -> None:
    """Eager attention casts to float32 for its softmax: the last bits then differ from processor to processor."""
    softmax = nn.functional.softmax
    monkeypatch.setattr(nn.functional, "softmax", lambda x, dim, dtype=None: softmax(x, dim=dim))


@pytest.mark.parametrize("attention", ["sdpa", "eager"])
@pytest.mark.parametrize("kind", ["llama-gqa", "qwen3", "gpt2"])
def test_packed_rows_against_a_cache_equal_one_row_each(kind: str, attention: str, exact_softmax: None) -> None:
    """Two questions of two tokens behind one cached context, packed by an additive float 4-D mask."""
    model, ids = tiny(kind, attention), tokens(1, 9)
    context, questions = ids[:, :5], (ids[:, 5:7], ids[:, 7:9])
    with torch.no_grad():
        cache = model(context, use_cache=True).past_key_values
        lowest = torch.finfo(torch.float64).min
        mask = torch.full((1, 1, 4, 9), lowest, dtype=torch.float64)
        mask[..., :5] = 0
        for row, keys in ((0, (5,)), (1, (5, 6)), (2, (7,)), (3, (7, 8))):
            mask[0, 0, row, list(keys)] = 0
        rows = torch.tensor([[1, 3]])
        with Recorder(model, rows) as recorder:
            model(
                torch.cat(questions, 1),
                attention_mask=mask,
                position_ids=torch.tensor([[5, 6, 5, 6]]),
                past_key_values=copy.deepcopy(cache),
            )
        packed = recorder.record()
        assert packed.visible[0].tolist() == [[7, 7]]
        for which, question in enumerate(questions):
            with Recorder(model, torch.tensor([[6]])) as recorder:
                model(torch.cat([context, question], 1))
            alone = recorder.record()
            keys = [0, 1, 2, 3, 4, 5 + 2 * which, 6 + 2 * which]
            for layer in range(2):
                assert (packed.patterns[layer][:, :, which, keys] - alone.patterns[layer][:, :, 0]).abs().max() < 1e-9
                assert (packed.z[layer][:, which] - alone.z[layer][:, 0]).abs().max() < 1e-9


def test_rows_only_hears_the_same_heads() -> None:
    model, ids = tiny("llama-gqa"), tokens()
    with Recorder(model, ROWS) as whole, torch.no_grad():
        model(ids)
    with Recorder(model, ROWS, rows_only=True) as replay, torch.no_grad():
        quick = model(ids)  # attention itself is left out, so that a replay is cheap
    assert (whole.record().z[0] - replay.record().z[0]).abs().max() < 1e-9
    assert not torch.equal(quick.logits, model(ids).logits)
    assert replay.record().residual == ()


def test_bfloat16_patterns_are_float32_and_sum_to_one() -> None:
    model, ids = tiny("llama-gqa", dtype=torch.bfloat16), tokens()
    with Recorder(model, ROWS) as recorder, torch.no_grad():
        model(ids)
    record = recorder.record()
    assert record.patterns[0].dtype == torch.float32
    assert record.z[0].dtype == torch.bfloat16
    sums = record.patterns[0].sum(-1).transpose(1, 2)
    assert torch.allclose(sums[record.valid], torch.ones(()), atol=1e-5)
    assert (sums[~record.valid] == 0).all()


def test_training_goes_on_under_the_recorder() -> None:
    model, ids = tiny("llama-gqa", dtype=torch.float32).train(), tokens()
    model(ids, labels=ids).loss.backward()
    plain = [parameter.grad.clone() for parameter in model.parameters()]
    model.zero_grad()
    with Recorder(model, ROWS) as recorder:
        model(ids, labels=ids).loss.backward()
    assert all(torch.equal(a, b.grad) for a, b in zip(plain, model.parameters(), strict=True))
    assert not recorder.record().z[0].requires_grad


def test_activity_is_what_a_head_writes_over_the_residual_norm() -> None:
    model, ids = tiny("llama-gqa"), tokens()
    heads = addresses(model)
    with Recorder(model, ROWS) as recorder, torch.no_grad():
        model(ids)
    record = recorder.record()
    numbers = torch.tensor(activity(record)).view(2, 4)
    for layer, head in ((0, 0), (1, 3)):
        written = record.z[layer][record.valid][:, head] @ heads.weight(layer, "o")[head].detach()
        stream = record.residual[layer][record.valid].norm(dim=-1).mean()
        assert numbers[layer, head] == pytest.approx(float(written.norm(dim=-1).mean() / stream), rel=1e-5)
    assert torch.equal(record.residual[0][0, 0], model.model.embed_tokens(ids)[0, 3])
    everything = torch.ones(3, 2, 12, dtype=torch.bool)
    assert attention_mass(record, everything) == pytest.approx([1.0] * 8)
    with torch.no_grad():
        heads.weight(1, "o")[2] = 0
    assert activity(record)[6] == 0
    assert activity(record)[5] == pytest.approx(float(numbers[1, 1]), rel=1e-6)


def test_without_decisions_activity_is_zero_not_nan() -> None:
    model, ids = tiny("llama-gqa"), tokens()
    with Recorder(model, torch.full((3, 2), -1)) as recorder, torch.no_grad():
        model(ids)
    assert activity(recorder.record()) == [0.0] * 8


def test_the_model_is_restored_after_an_error() -> None:
    model = tiny("llama-gqa")
    with pytest.raises(ZeroDivisionError), Recorder(model, ROWS):
        raise ZeroDivisionError
    with pytest.raises(RuntimeError, match="another recorder"), Recorder(model, ROWS), Recorder(model, ROWS):
        pass
    assert model.config._attn_implementation == "sdpa"
    with Recorder(model, ROWS) as recorder:
        twin = copy.deepcopy(model)  # a copy made inside must still run, unheard
        twin(tokens())
    with pytest.raises(RuntimeError, match="nothing recorded"):
        recorder.record()


def test_bad_input_is_refused_with_a_remedy() -> None:
    model = tiny("llama-gqa")
    with pytest.raises(ValueError, match="do not fit a forward of 3 x 6"), Recorder(model, ROWS):
        model(tokens(length=6))
    with pytest.raises(ValueError, match="int64"):
        Recorder(model, torch.zeros(3, 2))
    model.config._attn_implementation = "flash_attention_2"
    with pytest.raises(ValueError, match="attn_implementation='sdpa'"):
        Recorder(model, ROWS)

    class Unknown(nn.Module):
        config = transformers.CodeGenConfig()

    with pytest.raises(ValueError, match="'codegen': no address"):
        addresses(Unknown())
    misfit = tiny("gpt2")
    misfit.config.model_type = "llama"
    with pytest.raises(ValueError, match="not laid out"):
        addresses(misfit)


def test_importing_registers_and_loads_nothing() -> None:
    code = "import sys, perception.heads; sys.exit('transformers' in sys.modules)"
    subprocess.run([sys.executable, "-c", code], check=True, cwd=Path(__file__).parents[2])
