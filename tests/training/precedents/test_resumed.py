"""Runs that begin where they differ from another one give what whole runs give, to the last bit, for every family."""

import pytest
import torch
from transformers import AutoConfig, AutoModelForCausalLM

from perception.model import Model
from tests.kits.families import CASES, TOKENS, net_of
from tests.kits.minds import SMALL, tiny
from tests.training.precedents.test_path_patching import LAST, every, setting, wide
from training.precedents.ablation import Ablation
from training.precedents.circuits import mean
from training.precedents.ioi import grown, pruned
from training.precedents.path_patching import Mixes, Prompts, direct, mixes_of, patched, path_patched
from training.precedents.sites import INPUTS, HeadSites, sites_of

torch.set_num_threads(1)


def five_layers() -> tuple[HeadSites, Prompts, Mixes]:
    """A tiny model of five layers, prompts, and the mixes of others."""
    torch.manual_seed(0)
    config = AutoConfig.for_model("llama", vocab_size=64, **(SMALL | {"num_hidden_layers": 5}))
    model = wide(Model(AutoModelForCausalLM.from_config(config).eval(), tiny().tokenizer, "terse", "three"))
    sites = sites_of(model.net)
    return sites, Prompts(TOKENS[:2] % 64, LAST), mixes_of(sites, Prompts(TOKENS[1:] % 64, LAST))[1]


@pytest.mark.parametrize("case", CASES)
def test_a_run_begun_in_its_first_changed_layer_is_the_whole_run(case: str) -> None:
    sites, prompts = sites_of(net_of(case)), Prompts(TOKENS[:2], LAST)
    assert len(sites.blocks) == sites.layers
    other = mixes_of(sites, Prompts(TOKENS[1:], LAST))[1]
    with sites.recorded() as heard:
        own, clean = mixes_of(sites, prompts)
    blocks = heard()
    for layer in range(sites.layers):
        heads = [(layer, 1), (sites.layers - 1, 0)]
        with sites.resumed(layer, blocks):
            resumed = patched(sites, prompts, heads, other)
        assert torch.equal(resumed, patched(sites, prompts, heads, other)) and not torch.equal(resumed, own)
        outputs = [direct(sites, prompts, clean, heads[:1], other, some) for some in (blocks, ())]
        assert torch.equal(*outputs)
    receivers = [(sites.layers - 1, 1), (sites.layers - 1, 2)]
    begun = path_patched(sites, prompts, clean, [(0, 1)], receivers, INPUTS, other, blocks)
    whole = path_patched(sites, prompts, clean, [(0, 1)], receivers, INPUTS, other)
    assert all(torch.equal(begun[matrix], whole[matrix]) for matrix in INPUTS)
    assert not any("forward" in block.__dict__ for block in sites.blocks), "every layer has its own forward back"
    assert torch.equal(sites.forward(prompts.ids_BT, prompts.last_B), own)


@pytest.mark.parametrize("blocks_known", [True, False])
def test_receivers_on_both_sides_of_the_sender(blocks_known: bool) -> None:
    """One that lies no later than the sender hears nothing of it; the later ones are as they are alone."""
    sites, prompts, other = five_layers()
    with sites.recorded() as heard:
        own, clean = mixes_of(sites, prompts)
    blocks = heard() if blocks_known else ()
    both = path_patched(sites, prompts, clean, [(2, 0)], [(0, 1), (2, 1), (4, 2)], INPUTS, other, blocks)
    later = path_patched(sites, prompts, clean, [(2, 0)], [(4, 2)], INPUTS, other)
    assert all(torch.equal(both[matrix], later[matrix]) and not torch.equal(both[matrix], own) for matrix in INPUTS)
    deaf = path_patched(sites, prompts, clean, [(2, 0)], [(0, 1), (2, 1)], INPUTS, other, blocks)
    assert all(torch.equal(deaf[matrix], own) for matrix in INPUTS)


@pytest.mark.parametrize("kind", ["llama", "gpt2"])
def test_sets_near_a_circuit_are_what_they_are_without_it(kind: str) -> None:
    sites, prompts, _, _, other = setting(kind)
    plain, begun = (Ablation(sites, prompts, other, lambda logits: logits[:, 3] - logits[:, 9]) for _ in range(2))
    circuit = every(sites)[::2]
    begun.near(circuit)
    for head in every(sites):
        wanted = patched(sites, prompts, set(plain.every) - (set(circuit) ^ {head}), other)
        assert torch.equal(begun.only(set(circuit) ^ {head}), plain.measure(wanted).double())
    smaller = pruned(begun, circuit, 0.001)
    assert smaller == pruned(plain, circuit, 0.001)
    assert grown(begun, smaller, 8, 0.001) == grown(plain, smaller, 8, 0.001)
    assert mean(begun, smaller) == mean(plain, smaller)


def test_what_a_begun_run_recorded_serves_runs_that_begin_earlier() -> None:
    """Of five layers: a circuit near another one is recorded from layer 3 on, and layers before it are the other's."""
    sites, prompts, other = five_layers()
    ablation = Ablation(sites, prompts, other, lambda logits: logits[:, 3])
    ablation.without(())
    for ablated in ({(1, 3)}, {(1, 3), (3, 1)}):
        ablation.near(set(ablation.every) - ablated)
        for layer in range(5):
            wanted = patched(sites, prompts, ablated | {(layer, 0)}, other)
            assert torch.equal(ablation.without(ablated | {(layer, 0)}), wanted[:, 3].double())


def test_a_layer_that_changes_what_it_reads_in_place_spoils_no_record() -> None:
    def add_in_place(_block: object, inputs: tuple[torch.Tensor, ...]) -> None:
        inputs[0].add_(1)

    sites, prompts, _ = five_layers()
    sites.blocks[2].register_forward_pre_hook(add_in_place)
    with torch.no_grad(), sites.recorded() as heard:
        own = sites.forward(prompts.ids_BT, prompts.last_B)
    for _ in range(2):  # nor does a run that begins there
        with torch.no_grad(), sites.resumed(2, heard()):
            assert torch.equal(sites.forward(prompts.ids_BT, prompts.last_B), own)


def test_layers_before_the_start_are_not_run() -> None:
    sites, prompts, _, _, other = setting("llama")
    ablation, runs = Ablation(sites, prompts, other, lambda logits: logits[:, 3]), []
    ablation.without(())
    hook = sites.outputs[0].register_forward_pre_hook(lambda *_: runs.append(1))
    ablation.without([(1, 2)])
    assert runs == [], "a head of the last layer leaves the first one as it was"
    ablation.without([(0, 2)])
    hook.remove()
    assert runs == [1]
