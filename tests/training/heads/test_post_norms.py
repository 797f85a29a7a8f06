"""Norms behind the attention: by what they multiply what heads write, their scale frozen."""

import pytest
import torch
import transformers

from perception.head_map import addresses
from tests.training.heads.test_head_diff import SIZES, probes
from training.heads.baseline import Baseline
from training.heads.head_diff import _passed

torch.set_num_threads(1)


@pytest.mark.parametrize("kind", ["olmo2", "gemma2"])
def test_a_norm_behind_the_attention_is_taken_at_what_it_reads(kind: str) -> None:
    """The output's bias, too: of the heads alone the norm's scale would be another one."""
    config = transformers.AutoConfig.for_model(kind, **SIZES, num_key_value_heads=2, attention_bias=True)
    torch.manual_seed(3)
    model, read, probe = transformers.AutoModelForCausalLM.from_config(config).eval(), [], probes(1)
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.add_(torch.randn_like(parameter) * 0.2)
    heads = addresses(model)
    hook = heads.post_norms[0].register_forward_pre_hook(lambda _module, args: read.append(args[0].detach()))
    base = Baseline.record(model, probe)
    hook.remove()
    rows = probe[0].decision_rows.clamp_min(0)
    wanted = heads.norm_scale(heads.post_norms[0], read[0][torch.arange(3)[:, None], rows])
    valid = probe[0].decision_rows >= 0
    assert torch.allclose(_passed(heads, 0, base.outputs[0][0])[valid], wanted[valid], rtol=1e-4)
