"""What the bench of the frozen step measures: its lessons, its bytes, its rows; never how fast this machine is."""

import pytest
import torch
from torch.nn.functional import linear

from perception.model import NOVICE
from tests.kits.minds import tiny
from training.bench import frozen_step
from training.bench.frozen_step import FEWEST, LESSONS, LONGEST, MOST, SHORTEST, frozen, kept_bytes, lessons
from training.bench.timing import in_turns

torch.set_num_threads(1)


def test_the_lessons_are_as_the_table_says():
    contexts, decisions = lessons(tiny(), 0)
    lengths = [len(context) for context in contexts]
    assert (len(contexts), min(lengths), max(lengths)) == (LESSONS, SHORTEST, LONGEST)
    counts = [sum(d.context == number for d in decisions) for number in range(LESSONS)]
    assert (min(counts), max(counts)) == (FEWEST, MOST)
    assert (contexts, decisions) == lessons(tiny(), 0)
    assert contexts != lessons(tiny(), 1)[0]


def test_kept_bytes_counts_every_storage_once_and_no_parameters():
    net = tiny().net
    x = torch.randn(10, 32)
    weight = net.model.layers[0].self_attn.q_proj.weight
    assert kept_bytes(net, lambda: linear(x, weight)) == x.untyped_storage().nbytes()
    y = torch.randn(10, 32, requires_grad=True)
    assert kept_bytes(net, lambda: y * y + y[:5].exp().sum()) == y.untyped_storage().nbytes() + 5 * 32 * 4


def test_contestants_take_turns():
    order = []
    in_turns({"a": lambda: order.append("a"), "b": lambda: order.append("b")}, 2)
    assert order == ["a", "b"] * 3


@pytest.fixture
def quick(monkeypatch):
    monkeypatch.setattr(frozen_step, "LESSONS", 8)
    monkeypatch.setattr(frozen_step, "ROUNDS", 1)
    monkeypatch.setattr(frozen_step, "CURVE_ROUNDS", 1)
    monkeypatch.setattr(frozen_step, "CURVE", (64, 128))
    monkeypatch.setattr(frozen_step, "load", lambda model, device: tiny())


def test_the_rows_of_the_table(quick):
    rows = {row["name"]: row for row in frozen(str(NOVICE), 0)}
    wanted = ["full", "frozen", "frozen-reuse4", "naive", "full-in-4", "frozen-in-4", "full-memory", "frozen-memory"]
    assert list(rows)[:8] == wanted
    everything = ["full-all", "frozen-all", "frozen-all-reuse4", "naive-all", "full-all-in-4", "frozen-all-in-4"]
    assert list(rows)[8:16] == [*everything, "full-all-memory", "frozen-all-memory"]
    assert list(rows)[16:] == [
        f"{name}-{length}{end}"
        for length in (64, 128)
        for name, end in (("full", ""), ("frozen", ""), ("frozen", "-reuse4"))
    ]
    for row in rows.values():
        assert set(row) == {"name", "value", "unit", "baseline", "ratio", "times_less"}
        assert row["ratio"] == pytest.approx(row["value"] / rows[row["baseline"]]["value"])
        assert row["ratio"] * row["times_less"] == pytest.approx(1)
    assert rows["frozen-memory"]["ratio"] < 0.5
