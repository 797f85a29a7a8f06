"""The gain shared out chunk by chunk, along the line and a training's path; what moved in products of matrices."""

import copy

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from game.realm.rules import load
from perception.head_map import addresses
from perception.packing import Decision, pack
from tests.kits.minds import tiny
from training.heads import gain_allocation
from training.heads.chunks import allocations, in_both_halves, in_chunks, pooled
from training.heads.gain_allocation import NESTED, NESTED_WEIGHTS, allocate
from training.heads.head_probes import ProbeLoss, probe_loss
from training.heads.score import probes
from training.heads.trajectory import add_state
from training.heads.weight_change import product_change, weight_change
from training.optim.frozen import choose_parameters

torch.set_num_threads(1)
RULES = load()


@pytest.fixture(scope="module")
def learned():
    """(before, path, losses of four chunks): thirty steps of Adam, the attention alone, on the probes."""
    model = tiny()
    before = copy.deepcopy(model.net)
    losses = [probe_loss(model, part) for part in in_chunks(probes(3, 8, "terse", RULES), 4)]
    optimizer = torch.optim.Adam(choose_parameters(model.net, "attention"), lr=5e-3)
    path = []
    add_state(path, 0, model.net)
    for step in range(1, 31):
        optimizer.zero_grad()
        torch.stack([loss(model.net) for loss in losses]).mean().backward()
        optimizer.step()
        if step % 6 == 0:
            add_state(path, step, model.net)
    return before, path, losses


@pytest.mark.parametrize("along", ["path", "line"])
def test_heads_and_rest_sum_to_every_chunks_gain_within_two_percent(learned, along):
    before, path, losses = learned
    states = [state for _, state in path[1:]]
    gains = allocate(before, states if along == "path" else states[-1:], losses)
    for gain, loss in zip(gains, losses, strict=True):
        assert gain.gain > 0.05
        assert gain.before == pytest.approx(loss(before).item(), rel=1e-6)
        assert abs(gain.gain - float(gain.heads.sum()) - gain.rest) <= 0.02 * gain.gain
        assert gain.residual == pytest.approx(gain.gain - float(gain.heads.sum()) - gain.rest, abs=1e-12)
        assert gain.rest == pytest.approx(0, abs=1e-6)  # attention alone was trained


def test_shares_by_matrix_sum_to_the_heads_and_lie_where_the_weights_moved(learned):
    before, path, losses = learned
    at, end = addresses(before), path[-1][1]
    for number, matrix in enumerate("qkvo"):
        name = at.projections[1][matrix].parameter
        (gain,) = allocate(before, [{name: end[name]}], losses[:1])  # one matrix alone moves
        others = gain.matrices.clone()
        others[number, 1] = 0
        assert gain.matrices[number, 1].abs().max() > 0 and not others.any()
        assert torch.equal(gain.matrices.sum(0), gain.heads)


def test_the_chunks_together_are_what_their_whole_loss_is_shared_out_to(learned):
    before, path, losses = learned
    end = [path[-1][1]]
    whole = ProbeLoss([batch for loss in losses for batch in loss.batches])
    apart, together = pooled(allocate(before, end, losses, 4), losses), allocate(before, end, [whole], 4)[0]
    assert apart.gain == pytest.approx(together.gain, rel=1e-4)
    assert torch.allclose(apart.heads, together.heads, atol=1e-5)


def test_the_path_matters_and_a_straight_one_does_not(learned):
    """Halfway on the line is no other way; the training's own path is."""
    before, path, losses = learned
    start, end = dict(before.named_parameters()), path[-1][1]
    half = {name: (start[name].detach() + value) / 2 for name, value in end.items()}
    line, broken = (allocate(before, states, losses[:1])[0] for states in ([end], [half, end]))
    assert torch.allclose(line.heads, broken.heads, atol=0.01 * line.gain)
    bent = {name: value + 0.5 * (value - start[name].detach()).flip(0) for name, value in half.items()}
    detour = allocate(before, [bent, end], losses[:1])[0]
    assert detour.gain == pytest.approx(line.gain, rel=1e-5)
    assert (detour.heads - line.heads).abs().max() > 0.02 * line.gain


def test_points_go_where_the_loss_bends():
    """A piece on which the loss is straight takes one backward pass, one on which it swings takes more."""
    net, taken = tiny().net, []
    name = "model.layers.0.self_attn.q_proj.weight"

    def swinging(rate):
        def loss(model):
            weight = dict(model.named_parameters())[name]
            taken.append(weight.requires_grad and torch.is_grad_enabled())
            return torch.sin(rate * weight.sum()) if rate else weight.sum()

        return loss

    start = dict(net.named_parameters())[name].detach()
    end = {name: start + torch.zeros_like(start).index_fill_(0, torch.tensor([0]), 1 / start.shape[1])}
    counts = []
    for rate in (0, 1, 9):
        taken.clear()
        (gain,) = allocate(net, [end], [swinging(rate)])
        counts.append(sum(taken))
        assert abs(gain.residual) <= 0.005 * abs(gain.gain)
    assert counts[0] == 1
    assert counts[0] < counts[1] <= counts[2]


@pytest.mark.parametrize("pieces", [1, 2, 5, 9])
def test_a_path_of_up_to_five_pieces_may_miss_a_hundredth_and_no_piece_of_a_longer_one_less(pieces):
    """The fewer pieces a path has, the more each of them may miss."""
    net, name = tiny().net, "model.layers.0.self_attn.q_proj.weight"
    start, bounds = dict(net.named_parameters())[name].detach(), []
    walk = gain_allocation._Walk.piece

    def noted(self, low, high, first, last, most, depth=0):
        bounds.append((depth, most))
        walk(self, low, high, first, last, most, depth)

    def loss(model):
        return torch.sigmoid(8 * (dict(model.named_parameters())[name] - start).mean() - 4)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(gain_allocation._Walk, "piece", noted)
        (gain,) = allocate(net, [{name: start + (step + 1) / pieces} for step in range(pieces)], [loss])
    assert gain.gain == pytest.approx(-0.964, abs=0.01) and abs(gain.residual) <= 0.01 * abs(gain.gain)
    each = [most / abs(gain.gain) for depth, most in bounds if not depth]
    assert each == pytest.approx([max(0.002, 0.01 / pieces)] * pieces, rel=1e-3)


@pytest.mark.parametrize("points", [1, 2, None])
def test_each_piece_begins_where_the_one_before_ended(points):
    """On a loss that is straight everywhere the shares are exact, whatever the points: nothing is crossed twice."""
    net, name = tiny().net, "model.layers.0.self_attn.q_proj.weight"
    start = dict(net.named_parameters())[name].detach()
    states = [{name: start + move} for move in (1.0, 3.0, 2.0)]
    (gain,) = allocate(net, states, [lambda model: -dict(model.named_parameters())[name].sum()], points)
    assert gain.gain == pytest.approx(2 * start.numel(), rel=1e-4)
    assert abs(gain.residual) < 1e-3 * gain.gain


def test_the_model_is_left_as_it_was_and_bad_ways_are_refused(learned):
    before, path, losses = learned
    state = {name: value.clone() for name, value in before.state_dict().items()}
    flags = [parameter.requires_grad for parameter in before.parameters()]
    allocate(before, [path[-1][1]], losses[:1], 1)
    assert all(torch.equal(value, state[name]) for name, value in before.state_dict().items())
    assert [parameter.requires_grad for parameter in before.parameters()] == flags
    with pytest.raises(ValueError, match="give at least one"):
        allocate(before, [], losses)
    with pytest.raises(ValueError, match=r"parameter 'nose.weight', which the model doesn't have"):
        allocate(before, [{"nose.weight": torch.zeros(1)}], losses)


def test_chunks_are_dealt_in_turns_and_never_empty():
    assert in_chunks(range(7), 3) == [[0, 3, 6], [1, 4], [2, 5]]
    assert in_chunks("ab", 16) == [["a"], ["b"]]
    assert in_chunks([], 16) == []
    assert in_chunks(range(9), 2, together=2) == [[0, 1, 4, 5, 8], [2, 3, 6, 7]]
    assert in_chunks("abc", 16, together=2) == [["a", "b"], ["c"]]


@given(st.lists(st.integers(), max_size=40), st.integers(1, 9), st.integers(1, 4))
def test_chunks_hold_every_item_once_and_neighbours_together(items, chunks, together):
    parts = in_chunks(list(enumerate(items)), chunks, together)
    assert sorted(item for chunk in parts for item in chunk) == list(enumerate(items))
    homes = {number: home for home, chunk in enumerate(parts) for number, _ in chunk}
    assert all(homes[n] == homes[n - n % together] for n in homes)
    assert all(parts), "no chunk is empty"


def test_some_chunks_are_of_both_halves():
    assert in_both_halves(range(16), 2) == [0, 1, 4, 5, 8, 9, 12, 13]
    assert in_both_halves(range(16), 8) == [0, 1] and in_both_halves(range(3), 1) == [0, 1, 2]


def test_chunks_become_records_with_their_numbers_and_sizes(learned):
    before, path, losses = learned
    gains = allocate(before, [path[-1][1]], losses, 1)
    records = allocations("path", gains, losses)
    assert [(record.chunk, record.along) for record in records] == [(n, "path") for n in range(4)]
    assert [record.decisions for record in records] == [loss.total for loss in losses]
    for record, gain in zip(records, gains, strict=True):
        assert record.whole == gain.gain
        assert sum(map(sum, record.heads)) + record.rest + record.residual == pytest.approx(record.whole)


def test_a_path_keeps_copies_of_what_trains_and_gives_up_every_other_state_when_it_grows_too_large(monkeypatch):
    net = tiny().net
    trained = choose_parameters(net, "q")
    path = []
    for step in range(5):
        add_state(path, step, net)
        with torch.no_grad():
            trained[0].add_(1)
    assert [step for step, _ in path] == [0, 1, 2, 3, 4]
    assert all(name.endswith("q_proj.weight") for name in path[0][1])
    assert float((path[4][1][min(path[4][1])] - path[0][1][min(path[0][1])]).mean()) == pytest.approx(4, rel=1e-5)
    size = sum(4 * value.numel() for value in path[0][1].values())
    monkeypatch.setattr("training.heads.trajectory.BYTES_MAX", 5 * size)
    for step in (5, 6, 7):
        add_state(path, step, net)
        assert len(path) <= 5
        assert (path[0][0], path[-1][0]) == (0, step)


def test_products_do_not_move_when_a_head_is_only_written_down_otherwise():
    before = tiny("llama").net
    after = copy.deepcopy(before)
    at = addresses(after)
    with torch.no_grad():
        at.weight(0, "k")[1].mul_(4)  # the group of heads 2 and 3
        at.weight(0, "q")[2:4].div_(4)
        at.weight(1, "o")[3].mul_(1.5)
    changed = product_change(before, after)
    assert set(changed) == {"vo", "qk"}
    assert float(changed["qk"].abs().max()) == 0  # powers of two: exact
    assert changed["vo"].nonzero().tolist() == [[1, 3]]
    assert float(changed["vo"][1, 3]) == pytest.approx(0.5)
    assert weight_change(before, after)["k"][0].tolist() == pytest.approx([0, 0, 3, 3])


@pytest.mark.parametrize("kind", ["llama", "gpt2", "qwen2"])
def test_product_change_is_that_of_the_matrices_by_hand(kind):
    before = tiny(kind).net
    after = copy.deepcopy(before)
    torch.manual_seed(2)
    with torch.no_grad():
        for parameter in after.parameters():
            parameter.add_(0.1 * torch.randn_like(parameter))
    a, b = addresses(before), addresses(after)
    old, new = (m.weight(1, "v")[3 // m.group].T.double() @ m.weight(1, "o")[3].double() for m in (a, b))
    wanted = ((new - old).norm() / old.norm()).item()
    assert float(product_change(before, after)["vo"][1, 3]) == pytest.approx(wanted, rel=1e-9)


def test_a_loss_without_a_size_weighs_as_much_as_any():
    net = tiny().net
    packed = pack([[3, 4, 5]], [Decision(0, (6,), (7,))])
    moved = {name: value + 0.1 for name, value in net.named_parameters()}
    losses = [lambda m: ProbeLoss([packed])(m), lambda m: 3 * ProbeLoss([packed])(m)]
    gains = allocate(net, [moved], losses, 1)
    assert pooled(gains, losses).gain == pytest.approx((gains[0].gain + gains[1].gain) / 2)


@pytest.mark.parametrize(
    ("weights", "degree"), [(NESTED_WEIGHTS[0], 1), (NESTED_WEIGHTS[1], 5), (NESTED_WEIGHTS[2], 11)]
)
def test_each_set_of_points_is_exact_up_to_its_degree(weights, degree):
    errors = [
        abs(
            sum(weight * at**power for weight, at in zip(weights, NESTED, strict=False))
            - (1 - power % 2) * 2 / (power + 1)
        )
        for power in range(degree + 2)
    ]
    assert max(errors[: degree + 1]) < 1e-12 < 1e-6 < errors[degree + 1]
