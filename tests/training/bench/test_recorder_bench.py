"""What the benches of measuring tell: their rows and bytes; never how fast this machine is."""

from tests.kits.minds import tiny
from training.bench import recorder
from training.bench.run import bench


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


def test_a_large_model_hears_half_as_many_tokens(monkeypatch):
    monkeypatch.setattr(recorder, "load", lambda model: tiny())
    for name, value in (("ROUNDS", 1), ("CONTEXTS", 2), ("TOKENS", 64), ("FEWER", 32), ("LARGE", 1)):
        monkeypatch.setattr(recorder, name, value)
    rows = {row["name"]: row for row in bench("recorder", "tiny", 0)["rows"]}
    assert rows["eager-attentions-memory"]["value"] == 2 * 2 * 4 * 32 * 32 * 4


def test_the_logs_rows():
    rows = {row["name"]: row for row in bench("log", "", 0)["rows"]}
    assert 7_000_000 < rows["size"]["value"] <= 8_000_000
    assert rows["read"]["baseline"] == "write"
