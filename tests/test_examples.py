"""The examples in Python that the documents give: they run, one after the other, and do what is said of them."""

import re
from typing import Any

import pytest
import torch

from tests.kits.commandkit import ROOT, needs_novice


def blocks(name: str) -> list[str]:
    """The Python blocks of a document."""
    return re.findall(r"```python\n(.*?)```", (ROOT / "docs" / name).read_text(encoding="utf-8"), flags=re.S)


@needs_novice
def test_the_recorder_and_the_frozen_step_work_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(ROOT)
    names: dict[str, Any] = {}
    load, record, learn = blocks("cluster.md")
    exec(load, names)
    net = names["net"]
    with torch.no_grad():
        before = net(names["tokenizer"]("the old well is quiet", return_tensors="pt").input_ids).logits
    exec(record, names)
    layers, heads, size = net.config.num_hidden_layers, net.config.num_attention_heads, net.config.head_dim
    tokens = names["ids"].shape[1]
    assert [tuple(pattern.shape) for pattern in names["record"].patterns] == [(1, heads, 1, tokens)] * layers
    assert [tuple(z.shape) for z in names["record"].z] == [(1, 1, heads, size)] * layers
    assert all(torch.allclose(p.sum(-1), torch.ones(1, heads, 1), atol=1e-5) for p in names["record"].patterns)
    with torch.no_grad():
        assert torch.equal(net(names["ids"]).logits, before), "the recorder is gone without a trace"
    exec(learn, names)
    assert names["step"].loss > 0 and set(names["step"].gradients) == {
        name for name, parameter in net.named_parameters() if parameter.requires_grad
    }
    with torch.no_grad():
        assert not torch.equal(net(names["ids"]).logits, before), "a step was taken"
