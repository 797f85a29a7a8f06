"""Causal tracing: its two ends, and each place against a forward that is changed by hand."""

from typing import Any

import pytest
import torch
from torch import Tensor

from perception.head_map import addresses
from perception.mlp_map import mlps
from tests.kits.families import net_of
from training.precedents.prompts import Prompt
from training.precedents.tracing import ATTENTION, KINDS, MLP, STATE, Tracer, subject_sigma, window_of

torch.set_num_threads(1)
ASKED = Prompt((5, 9, 11, 30, 7, 8), 1, 2)
CASES = ("llama", "gpt2", "falcon groups", "gemma2 mixed", "opt", "olmoe")


def tracer(case: str) -> Tracer:
    return Tracer(net_of(case), ASKED, 33, samples=4, seed=3)


def everything(of: Tracer, kind: str = STATE) -> list[tuple[str, int, int]]:
    return [(kind, layer, token) for layer in range(len(of.modules[kind])) for token in range(len(ASKED.ids))]


@pytest.mark.parametrize("case", CASES)
def test_with_everything_put_back_the_answer_is_as_likely_as_ever(case: str) -> None:
    traced = tracer(case)
    with torch.no_grad():
        clean = net_of(case)(torch.tensor([ASKED.ids])).logits[0, -1].softmax(-1)[33]
    assert traced.clean == pytest.approx(float(clean), abs=1e-12)
    whole, nothing = traced.probabilities([everything(traced), []])
    assert float(whole) == pytest.approx(traced.clean, abs=1e-12)
    assert abs(float(nothing) - traced.clean) > 1e-6


def noisy(net: Any, traced: Tracer) -> Tensor:
    """(S, T, M) the corrupted embeddings, from the weights."""
    table = net.get_input_embeddings().weight.detach()
    embedded = table[torch.tensor(ASKED.ids)].repeat(len(traced.noise), 1, 1)
    embedded[:, ASKED.first : ASKED.last + 1] += traced.noise
    return embedded


def test_with_nothing_put_back_the_answer_is_that_of_the_corrupted_embeddings() -> None:
    net, traced = net_of("llama"), tracer("llama")
    with torch.no_grad():
        wanted = net(inputs_embeds=noisy(net, traced)).logits[:, -1].softmax(-1)[:, 33].mean()
    assert float(traced.probabilities([[]])[0]) == pytest.approx(float(wanted), abs=1e-12)


def test_noise_is_measured_where_it_is_added() -> None:
    """Gemma's embeddings are scaled inside their own module."""
    net = net_of("gemma2 mixed")
    with torch.no_grad():
        embedded = net.get_input_embeddings()(torch.tensor(ASKED.ids[ASKED.first : ASKED.last + 1]))
    assert subject_sigma(net, [ASKED]) == pytest.approx(float(embedded.double().std(correction=0)))
    table = net.get_input_embeddings().weight.detach()[list(ASKED.ids[ASKED.first : ASKED.last + 1])]
    assert subject_sigma(net, [ASKED]) > 2 * float(table.double().std(correction=0))


@pytest.mark.parametrize("kind", KINDS)
def test_each_place_against_a_forward_with_that_one_output_replaced_by_hand(kind: str) -> None:
    net, traced = net_of("llama"), tracer("llama")
    modules = {STATE: addresses(net).blocks, MLP: [m.output for m in mlps(net)], ATTENTION: addresses(net).attentions}
    clean: list[Tensor] = []
    for layer, module in enumerate(modules[kind]):
        hook = module.register_forward_hook(
            lambda _m, _i, out: clean.append((out[0] if isinstance(out, tuple) else out).clone())
        )
        with torch.no_grad():
            net(torch.tensor([ASKED.ids]))
        hook.remove()
        for token in (2, 4):

            def replace(_m: Any, _i: Any, out: Any, token: int = token, layer: int = layer) -> Any:
                (out[0] if isinstance(out, tuple) else out)[:, token] = clean[layer][0, token]
                return out

            hook = module.register_forward_hook(replace)
            with torch.no_grad():
                wanted = net(inputs_embeds=noisy(net, traced)).logits[:, -1].softmax(-1)[:, 33].mean()
            hook.remove()
            value = float(traced.probabilities([[(kind, layer, token)]])[0])
            assert value == pytest.approx(float(wanted), abs=1e-12)


def test_a_sweep_is_its_places_one_by_one() -> None:
    traced = tracer("gpt2")
    trace = traced.sweep(window=2)
    assert trace.restored[STATE].shape == (2, 6) and set(trace.restored) == set(KINDS)
    assert trace.corrupted == pytest.approx(float(traced.probabilities([[]])[0]))
    one = traced.probabilities([[(STATE, 1, 3)], [(MLP, 0, 2), (MLP, 1, 2)], [(MLP, 0, 2)]])
    assert float(trace.restored[STATE][1, 3]) == pytest.approx(float(one[0]), abs=1e-12)
    assert float(trace.restored[MLP][1, 2]) == pytest.approx(float(one[1]), abs=1e-12), "layers 0 and 1"
    assert float(trace.restored[MLP][0, 2]) == pytest.approx(float(one[2]), abs=1e-12), "layer 0: none stands below"
    assert [window_of(layers) for layers in (2, 8, 12, 48)] == [1, 2, 2, 10]


def test_putting_back_the_state_before_the_noise_reaches_it_changes_nothing() -> None:
    """A causal model's tokens in front of the subject never see the noise."""
    traced = tracer("llama")
    corrupted, before = traced.probabilities([[], [(STATE, 0, 0), (STATE, 1, 0)]])
    assert float(before) == pytest.approx(float(corrupted), abs=1e-12)


def test_noise_is_three_deviations_of_the_subjects_embeddings_and_comes_from_its_seed() -> None:
    net = net_of("llama")
    table = net.get_input_embeddings().weight.detach().numpy()
    assert subject_sigma(net, [ASKED]) == pytest.approx(table[[9, 11]].std())
    traced = Tracer(net, ASKED, 33, samples=4000, seed=0)
    assert float(traced.noise.std()) == pytest.approx(3 * table[[9, 11]].std(), rel=0.02)
    assert torch.equal(tracer("llama").noise, tracer("llama").noise)
