"""What the benches of measuring tell: their rows and bytes; never how fast this machine is."""

import pytest
import torch

from perception.model import ModelError
from tests.kits.minds import tiny
from training.bench import recorder
from training.bench.areas import AREAS, ELSEWHERE, bench


def test_the_recorders_rows(monkeypatch):
    monkeypatch.setattr(recorder, "load", lambda model: tiny())
    for name, value in (("ROUNDS", 1), ("CONTEXTS", 2), ("TOKENS", 64)):
        monkeypatch.setattr(recorder, name, value)
    rows = {row["name"]: row for row in bench("recorder", "tiny", 0)["rows"]}
    assert list(rows) == [
        "plain", "recorder", "recorder-8", "eager-attentions",
        "recorder-memory", "recorder-8-memory", "eager-attentions-memory",
    ]  # fmt: skip
    assert rows["plain"]["ratio"] == 1
    assert (
        rows["eager-attentions-memory"]["value"] == 2 * 2 * 4 * 64 * 64 * 4
    )  # layers, contexts, heads, tokens squared
    # patterns (4, 64), z (4, 8) and the residual (32) in float32, and one int64: of two layers and contexts
    assert rows["recorder-memory"]["value"] == 2 * 2 * (4 * (4 * 64 + 4 * 8 + 32) + 8)


def test_the_logs_rows():
    rows = {row["name"]: row for row in bench("log", "", 0)["rows"]}
    assert 7_000_000 < rows["size"]["value"] <= 8_000_000
    assert rows["read"]["baseline"] == "write"


def test_an_unknown_area_is_refused():
    with pytest.raises(ValueError, match=r"bench souls: unknown; choose realm, .*, optimizers$"):
        bench("souls", "", 0)
    assert {"recorder", "log"} <= set(AREAS)


def test_a_device_is_looked_for_where_an_area_can_use_it_and_refused_elsewhere(monkeypatch):
    seen = []
    for area in ELSEWHERE:
        monkeypatch.setitem(ELSEWHERE, area, lambda model, seed, device: seen.append(device) or [])
        assert bench(area, "", 0, "cpu") == {"area": area, "device": "cpu", "rows": []}
        with pytest.raises(ModelError, match="--device tpu: unknown"):
            bench(area, "", 0, "tpu")
    assert seen == [torch.device("cpu")] * len(ELSEWHERE)
    with pytest.raises(
        ValueError, match="--device cuda: bench log is about the CPU; only perceive, frozen, optimizers"
    ):
        bench("log", "", 0, "cuda")
