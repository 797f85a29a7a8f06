"""Path patching and ablation on tiny models of several families, held against identities and a network run by hand."""

from collections.abc import Callable

import pytest
import torch
from torch import Tensor
from transformers import AutoConfig, AutoModelForCausalLM

from perception.head_map import addresses
from perception.model import Model
from tests.kits.compiled import Chain
from tests.kits.minds import SMALL, tiny
from training.precedents.ablation import Ablation
from training.precedents.ioi import search
from training.precedents.own_change import own_changes
from training.precedents.path_patching import Head, Mixes, Prompts, direct, mean_mixes, mixes_of, path_patched
from training.precedents.sites import INPUTS, HeadSites, sites_of

torch.set_num_threads(1)
FAMILIES = ("llama", "gpt2", "gpt_neox", "phi3")
IDS = torch.tensor([[5, 9, 11, 30, 7], [20, 21, 5, 7, 0]])
OTHER = torch.tensor([[6, 19, 12, 31, 7], [22, 23, 8, 7, 0]])  # as long, and the last token is the same
LAST = torch.tensor([4, 3])


def wide(model: Model) -> Model:
    """In float64, with large attention, so that heads matter."""
    model.net.double()
    rows = addresses(model.net).projections
    for name in dict.fromkeys(projection.parameter for row in rows for projection in row.values()):
        model.net.get_parameter(name).data.mul_(10)
    return model


def setting(kind: str) -> tuple[HeadSites, Prompts, Mixes, Tensor, Mixes]:
    sites = sites_of(wide(tiny(kind)).net)
    prompts = Prompts(IDS, LAST)
    _, clean = mixes_of(sites, prompts)
    corrupted, other = mixes_of(sites, Prompts(OTHER, LAST))
    return sites, prompts, clean, corrupted, other


def every(sites: HeadSites) -> list[Head]:
    return [(layer, head) for layer in range(sites.layers) for head in range(sites.heads)]


@pytest.mark.parametrize("kind", FAMILIES)
def test_all_senders_at_once_are_the_corrupted_run(kind: str) -> None:
    sites, prompts, clean, corrupted, other = setting(kind)
    own = sites.forward(prompts.ids_BT, prompts.last_B)
    assert not torch.allclose(own, corrupted, atol=1e-3)
    # The last token is the same, so what differs there comes through heads alone.
    assert torch.allclose(direct(sites, prompts, clean, every(sites), other), corrupted, atol=1e-9)
    assert torch.allclose(mixes_of(sites, prompts, every(sites), other)[0], corrupted, atol=1e-9)


@pytest.mark.parametrize("kind", FAMILIES)
def test_a_head_patched_with_its_own_mix_changes_nothing(kind: str) -> None:
    sites, prompts, clean, _, _ = setting(kind)
    own = sites.forward(prompts.ids_BT, prompts.last_B)
    assert torch.equal(direct(sites, prompts, clean, [(0, 1)], clean), own)
    assert torch.equal(mixes_of(sites, prompts, [(0, 1), (1, 2)], clean)[0], own)
    for output in path_patched(sites, prompts, clean, [(0, 1)], [(1, 0), (1, 3)], INPUTS, clean).values():
        assert torch.allclose(output, own, atol=1e-12)


@pytest.mark.parametrize("kind", FAMILIES)
def test_receivers_hear_the_sender_alone_and_the_output_hears_the_receivers_alone(kind: str) -> None:
    """By hand: the layer behind is run on the residual stream that the sender alone has changed."""
    sites, prompts, clean, _, other = setting(kind)
    whole = path_patched(sites, prompts, clean, [(0, 1)], [(1, head) for head in range(4)], INPUTS, other)
    mixed, _ = mixes_of(sites, prompts, [(0, 1)], other)
    straight = direct(sites, prompts, clean, [(0, 1)], other)
    heard: dict[str, Tensor] = {}

    def replaced(matrix: str, give: bool) -> Callable[[Tensor], Tensor | None]:
        def hear(output: Tensor) -> Tensor | None:
            columns = sites.inputs[1][matrix].columns.flatten()
            if not give:
                heard[matrix] = output[..., columns].clone()
                return None
            changed = output.clone()
            changed[..., columns] = heard[matrix]
            return changed

        return hear

    for matrix in INPUTS:  # the sender's patched run, heard at this matrix
        with sites.projected({(1, matrix): replaced(matrix, give=False)}):
            mixes_of(sites, prompts, [(0, 1)], other)
        with sites.projected({(1, matrix): replaced(matrix, give=True)}):
            by_hand = sites.forward(prompts.ids_BT, prompts.last_B)
        assert torch.allclose(whole[matrix], by_hand, atol=1e-9)
        assert not torch.equal(whole[matrix], sites.forward(prompts.ids_BT, prompts.last_B))
    assert not torch.allclose(mixed, straight, atol=1e-9)  # the last layer's heads carry a part of the effect


def test_no_head_between_sender_and_receivers_carries_anything() -> None:
    """By hand: the layer between is given its clean mixes as a patch."""
    torch.manual_seed(0)
    config = AutoConfig.for_model("llama", vocab_size=64, **(SMALL | {"num_hidden_layers": 3}))
    model = wide(Model(AutoModelForCausalLM.from_config(config).eval(), tiny().tokenizer, "terse", "three"))
    sites, prompts = sites_of(model.net), Prompts(IDS, LAST)
    _, clean = mixes_of(sites, prompts)
    _, other = mixes_of(sites, Prompts(OTHER, LAST))
    receivers = [(2, head) for head in range(4)]
    outputs = path_patched(sites, prompts, clean, [(0, 1)], receivers, ("v",), other)
    between = [(1, head) for head in range(4)]
    heard: list[Tensor] = []
    with sites.projected({(2, "v"): heard.append}):
        mixes_of(sites, prompts, [(0, 1), *between], (other[0], clean[1], clean[2]))
        mixes_of(sites, prompts, [(0, 1)], other)
    for number, same in enumerate((True, False)):
        with sites.projected({(2, "v"): lambda _output, number=number: heard[number]}):
            by_hand, _ = mixes_of(sites, prompts)
        assert torch.allclose(outputs["v"], by_hand, atol=1e-9) == same


@pytest.mark.parametrize("kind", FAMILIES)
def test_ablating_all_heads_is_the_mean_behaviour(kind: str) -> None:
    """Prompts of one template whose last tokens are the same can't be told apart any more."""
    sites = sites_of(wide(tiny(kind)).net)
    ids = torch.tensor([[5, 9, 11, 7], [20, 21, 5, 7], [3, 4, 5, 7]])
    prompts, group = Prompts(ids, torch.tensor([3, 3, 3])), torch.tensor([0, 0, 1])
    own, mixes = mixes_of(sites, prompts)
    means = mean_mixes(mixes, group, group)
    assert torch.allclose(means[0][0], (mixes[0][0] + mixes[0][1]) / 2)
    ablated, _ = mixes_of(sites, prompts, every(sites), means)
    assert torch.equal(ablated[0], ablated[1]) and torch.allclose(ablated[2], own[2], atol=1e-9)
    assert not torch.allclose(own[0], own[1], atol=1e-3)


def test_a_planted_circuit_is_found_and_no_other_head() -> None:
    """Only two heads write, the later one in what the earlier one wrote as well."""
    model = wide(tiny())
    at, planted = addresses(model.net), [(0, 2), (1, 1)]
    for layer, head in every(sites_of(model.net)):
        if (layer, head) not in planted:
            at.head(layer, "o", head).data.zero_()
    sites, prompts = sites_of(model.net), Prompts(IDS, LAST)
    _, other = mixes_of(sites, Prompts(OTHER, LAST))
    clean, _ = mixes_of(sites, prompts)
    paths = search(Ablation(sites, prompts, other, lambda logits: 5 - (logits - clean).norm(dim=1)), 0.001)
    assert sorted(paths.effects) == planted
    assert {effect.to for effect in paths.effects[0, 2]} >= {"v"}


def test_own_change_is_of_the_head_that_was_changed() -> None:
    before, after = tiny(), tiny()
    assert set(own_changes(before.net, after.net, Prompts(IDS, LAST)).values()) == {0.0}
    addresses(after.net).head(0, "o", 3).data.mul_(3)
    changes = own_changes(before.net, after.net, Prompts(IDS, LAST))
    assert changes.pop((0, 3)) == pytest.approx(2, abs=1e-5)  # what comes behind it is given the model before's inputs
    assert max(changes.values()) < 1e-6


def test_a_chain_is_followed_back_round_by_round() -> None:
    sites, prompts = Chain().sites(), Prompts(torch.tensor([[3, 5], [2, 7]]), torch.tensor([1, 1]))
    other = tuple(torch.zeros(2, 2, 2, 1, dtype=torch.float64) for _ in range(3))
    paths = search(Ablation(sites, prompts, other, lambda out: out[:, -1]))
    said = {head: [(e.to, e.share, e.receivers) for e in some] for head, some in paths.effects.items()}
    assert said == {(2, 0): [("output", -1, ())], (1, 0): [("v", -1, ((2, 0),))], (0, 0): [("v", -1, ((1, 0),))]}
