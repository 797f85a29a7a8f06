"""Usable information of models on probes: allocation, swaps and contexts, with heads and MLPs as units."""

import copy
from dataclasses import replace
from typing import Any

import msgspec
import pytest
import torch

from game.realm.rules import load
from perception.contexts import encode_contexts
from perception.deciding import decide
from perception.units import every_unit
from tests.kits.minds import tiny
from training.heads import usable
from training.heads.chunks import in_chunks, pooled
from training.heads.gain_allocation import allocate
from training.heads.head_sets import each_swap
from training.heads.score import Probe, probes
from training.heads.swaps import measured
from training.heads.usable import UsableChunks, UsableLoss, usable_losses
from training.heads.usable_information import FREE, calibrate
from training.optim.frozen import choose_parameters

torch.set_num_threads(1)
RULES = load()
EVERY = every_unit(2, 4, True)


@pytest.fixture(scope="module")
def learned() -> tuple[Any, Any, UsableChunks]:
    """(before, after, usable losses of four chunks): thirty steps of Adam on the usable loss, all but embeddings."""
    model = tiny()
    before = copy.deepcopy(model.net)
    losses = usable_losses(model, in_chunks(probes(3, 8, "terse", RULES), 4))
    optimizer = torch.optim.Adam(choose_parameters(model.net, "all"), lr=5e-3)
    for _ in range(30):
        optimizer.zero_grad()
        losses.whole(model.net).backward()
        optimizer.step()
    return before, model.net, losses


def test_heads_mlps_and_rest_sum_to_the_gain_in_usable_information(learned: Any) -> None:
    before, after, losses = learned
    gains = allocate(before, [dict(after.named_parameters())], losses.chunks, None, losses.refit)
    whole = pooled(gains, losses.chunks)
    expected = measured(before, losses.whole) - measured(after, losses.whole)
    assert whole.gain == pytest.approx(expected, rel=1e-4)
    assert expected > 0.02
    assert abs(whole.residual) <= 0.01 * whole.gain
    assert whole.gain == pytest.approx(float(whole.heads.sum() + whole.mlps.sum()) + whole.rest + whole.residual)
    assert (whole.mlps.abs() > 0.01 * whole.gain).all()
    assert abs(whole.rest) < 0.2 * whole.gain  # norms


def test_an_mlps_share_is_what_its_parameters_alone_bring(learned: Any) -> None:
    before, after, losses = learned
    state = {name: value for name, value in after.named_parameters() if name.startswith("model.layers.1.mlp.")}
    (gain,) = allocate(before, [state], [losses.whole])
    assert float(gain.mlps[1]) == pytest.approx(gain.gain, rel=0.01)
    assert (float(gain.mlps[0]), float(gain.heads.abs().sum()), gain.rest) == (0, 0, pytest.approx(0, abs=1e-9))


def test_one_reading_serves_the_fit_and_all_chunks(learned: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    _, after, losses = learned
    for most in (usable.GRAPH_MAX, 0):
        monkeypatch.setattr(usable, "GRAPH_MAX", most)
        values = []
        for loss in losses.refit(after):
            after.zero_grad()
            loss.backward()
            values.append((loss.item(), after.model.layers[0].mlp.up_proj.weight.grad.clone()))
        with torch.no_grad():
            union = losses.whole.beliefs(after)
        sizes = torch.tensor([chunk.total for chunk in losses.chunks], dtype=torch.float64)
        mean = float(sum(value * size for (value, _), size in zip(values, sizes, strict=True)) / sizes.sum())
        assert mean == pytest.approx(float(calibrate(union).loss(union)), rel=1e-5)
        after.zero_grad()
        losses.whole(after).backward()
        together = sum(size * grad for size, (_, grad) in zip(sizes, values, strict=True)) / sizes.sum()
        assert torch.allclose(after.model.layers[0].mlp.up_proj.weight.grad, together.float(), atol=1e-6)
        with torch.no_grad():
            assert [float(loss) for loss in losses.refit(after)] == pytest.approx(
                [value for value, _ in values], rel=1e-4
            )


def test_contexts_that_were_read_beforehand_hold_little(learned: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    before, after, losses = learned
    based = [
        UsableLoss([replace(batch, cache=encode_contexts(before, batch.packed)) for batch in chunk.batches])
        for chunk in losses.chunks
    ]
    packs = [batch.packed for chunk in based for batch in chunk.batches]
    numbers = sum(24 * packed.decision_BD.numel() + 2 * packed.context_BC.numel() for packed in packs)
    bytes_held = 4 * numbers * after.config.num_hidden_layers * after.config.hidden_size
    reads = []
    monkeypatch.setattr(usable, "decide", lambda *given: reads.append(1) or decide(*given))
    monkeypatch.setattr(usable, "GRAPH_MAX", bytes_held)
    list(UsableChunks(based).refit(after))
    assert len(reads) == sum(len(chunk.batches) for chunk in based), "each batch is read once"


@pytest.mark.parametrize("what", ["output", "weight"])
@pytest.mark.parametrize("kind", ["llama", "gpt2"])
def test_all_units_carry_everything_where_only_units_moved(kind: str, what: str) -> None:
    model = tiny(kind, torch.float64)
    before, after = model.net, copy.deepcopy(model.net)
    torch.manual_seed(5)
    with torch.no_grad():
        for name, parameter in after.named_parameters():
            if ("mlp" in name or "attn" in name) and "bias" not in name:
                parameter.add_(0.2 * torch.randn_like(parameter))
    losses = usable_losses(model, [probes(3, 8, "terse", RULES)])
    if measured(before, losses.whole) < measured(after, losses.whole):
        before, after = after, before
    sets = [("all", EVERY), ("heads", EVERY[:4] + EVERY[5:9]), ("mlps", [(0, 4), (1, 4)]), ("none", [])]
    whole, heads, mlps, nothing = each_swap(before, after, losses.whole, sets, what)  # type: ignore[arg-type]
    assert (whole.insert, whole.remove) == pytest.approx((1, 1), abs=1e-6)
    assert (nothing.insert, nothing.remove) == pytest.approx((0, 0), abs=1e-6)
    assert heads.insert is not None
    assert mlps.insert is not None
    assert abs(heads.insert - 1) > 1e-3
    assert abs(mlps.insert) > 1e-3
    if what == "weight":
        complement = [
            each_swap(before, after, losses.whole, [("x", few)], "weight") for few in (sets[1][1], sets[2][1])
        ]
        assert next(complement[0]).remove == pytest.approx(1 - mlps.insert, abs=1e-6)
        assert next(complement[1]).remove == pytest.approx(1 - heads.insert, abs=1e-6)


def test_an_mlps_output_swap_is_a_run_with_that_output_by_hand(learned: Any) -> None:
    before, after, losses = learned
    (swap,) = each_swap(before, after, losses.whole, [("mlp 1", [(1, 4)])])
    outputs: list[torch.Tensor] = []
    handle = after.model.layers[1].mlp.register_forward_hook(lambda _m, _args, out: outputs.append(out))
    new = measured(after, losses.whole)
    handle.remove()
    queue = iter(outputs)
    handle = before.model.layers[1].mlp.register_forward_hook(lambda _m, _args, _out: next(queue))
    inserted = measured(before, losses.whole)
    handle.remove()
    old = measured(before, losses.whole)
    assert swap.insert == pytest.approx((old - inserted) / (old - new), rel=1e-5)
    assert swap.heads == ((1, 4),)


def test_a_model_against_itself_has_no_gain(learned: Any) -> None:
    before, _, losses = learned
    gains = allocate(before, [dict(before.named_parameters())], losses.chunks, 2, losses.refit)
    for gain in gains:
        assert (gain.gain, gain.rest, gain.residual) == (0, 0, 0)
        assert float(gain.heads.abs().sum() + gain.mlps.abs().sum()) == 0


def test_contexts_that_another_model_has_read_stay_as_they_are(learned: Any) -> None:
    before, after, losses = learned
    model = replace(tiny(), net=before)
    chunks = in_chunks(probes(3, 8, "terse", RULES), 4)
    based = usable_losses(model, chunks, context=before)
    assert measured(before, based.whole) == pytest.approx(measured(before, losses.whole), rel=1e-5)
    with torch.no_grad():
        assert float(based.whole(after)) == pytest.approx(float(losses.whole.crossed(after, before)), rel=1e-6)
    assert measured(after, based.whole) != pytest.approx(measured(after, losses.whole), rel=1e-4)
    after.zero_grad()
    based.whole(after).backward()
    last = after.model.layers[1]
    assert last.mlp.up_proj.weight.grad.abs().sum() > 0  # of the decisions
    gains = allocate(before, [dict(after.named_parameters())], based.chunks, None, based.refit)
    assert abs(pooled(gains, based.chunks).residual) <= 0.01 * abs(pooled(gains, based.chunks).gain)


def test_candidates_of_several_tokens_are_whole_answers() -> None:
    model, some = tiny("gpt2", tongue="plain"), probes(3, 8, "plain", RULES)
    whole = usable_losses(model, [some]).whole
    assert whole.batches[0].first_NC is None
    with torch.no_grad():
        beliefs = whole.beliefs(model.net)
    assert beliefs.z_NC.shape == (sum(probe.places for probe in some), len(some[0].scene.questions[0].candidates))
    assert torch.allclose(beliefs.z_NC.exp().sum(1), torch.ones(len(beliefs.z_NC)), atol=1e-5)


def asked(probe: Probe, answer: str, candidates: tuple[str, ...]) -> Probe:
    question = msgspec.structs.replace(probe.scene.questions[0], candidates=candidates)
    return replace(
        probe, scene=msgspec.structs.replace(probe.scene, questions=(question,)), answers=(answer,), places=1
    )


def test_nothing_to_know_and_too_little_to_fit_are_said_in_one_line() -> None:
    model, some = tiny(), probes(3, 24, "terse", RULES)
    with pytest.raises(ValueError, match=r"too few to tell .* at least \d+ such decisions$"):
        usable_losses(model, [[replace(some[0], places=4)]])
    same = [replace(probe, answers=("nothing",) * len(probe.answers)) for probe in some]
    with pytest.raises(ValueError, match="nothing to know"):
        usable_losses(model, [same])
    with pytest.raises(ValueError, match="no probe holds a decision"):
        usable_losses(model, [[replace(probe, places=0) for probe in some]])


def test_kinds_of_questions_have_biases_of_their_own_if_they_are_asked_often() -> None:
    model, some = tiny(), probes(3, 24, "terse", RULES)
    words = some[0].scene.questions[0].candidates
    often = [asked(probe, words[n % 2], (words[1], words[0])) for n, probe in enumerate(some[:12])]
    other = [asked(probe, words[n % 2], (words[0], words[1])) for n, probe in enumerate(some[12:20])]
    seldom = [asked(probe, words[2], (words[0], words[2])) for probe in some[20:22]]
    whole = usable_losses(model, [[*often, *other, *seldom]]).whole
    kinds = torch.cat([batch.kind_N for batch in whole.batches])
    assert kinds.tolist() == [0] * 20 + [FREE] * 2  # the order of candidates makes no kind
    many = [asked(probe, words[n], (words[n], words[n + 1])) for n, probe in enumerate(some[:5])]
    assert set(torch.cat([b.kind_N for b in usable_losses(model, [many]).whole.batches]).tolist()) == {FREE}
