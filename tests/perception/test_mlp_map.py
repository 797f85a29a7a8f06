"""The MLPs of every family of architectures: the table against forwards that don't know it."""

from typing import Any

import pytest
import torch
from torch import Tensor

from perception.addresses import ADDRESSES
from perception.head_map import addresses
from perception.mlp_map import mlps
from tests.kits.families import CASES, TOKENS, net_of

torch.set_num_threads(1)
BEHIND = ("post_feedforward_layernorm", "post_mlp_layernorm")  # norms between an MLP and the residual stream
EXPERTS = {"granitemoe", "mixtral", "olmoe", "qwen2_moe", "qwen3_moe"}


def tensor(output: Any) -> Tensor:
    return (output[0] if isinstance(output, tuple) else output).clone()  # Falcon adds to it in place


def heard(net: Any, modules: dict[str, Any]) -> dict[str, tuple[Tensor, Tensor]]:
    """(input, output) of modules in one forward."""
    records: dict[str, tuple[Tensor, Tensor]] = {}

    def hook(name: str) -> Any:
        return lambda _m, args, out: records.update({name: (args[0] if args else None, tensor(out))})

    hooks = [module.register_forward_hook(hook(name)) for name, module in modules.items()]
    with torch.no_grad():
        net(TOKENS)
    for handle in hooks:
        handle.remove()
    return records


def test_families_with_experts_have_no_output_matrix_and_all_others_have_one() -> None:
    assert {kind for kind, at in ADDRESSES.items() if not at.down} == EXPERTS
    with pytest.raises(ValueError, match="layer 1: its MLP is a set of experts"):
        mlps(net_of("olmoe"))[1].matrix()


@pytest.mark.parametrize("case", [case for case in CASES if case.split()[0] not in EXPERTS])
def test_the_output_matrix_times_what_enters_it_is_what_the_mlp_writes(case: str) -> None:
    net = net_of(case)
    for mlp in mlps(net):
        records = heard(net, {"down": mlp.down, "whole": mlp.output})
        wanted = records["down"][0] @ mlp.matrix().T
        if getattr(mlp.down, "bias", None) is not None:
            wanted = wanted + net.get_parameter(mlp.parameter.removesuffix("weight") + "bias")
        assert torch.allclose(records["whole"][1].flatten(), wanted.flatten(), atol=1e-9)
        assert mlp.parameter in mlp.parameters
        assert mlp.matrix().data_ptr() == net.get_parameter(mlp.parameter).data_ptr()


@pytest.mark.parametrize("case", CASES)
def test_a_layer_whose_mlp_has_no_weights_writes_less_by_just_what_the_mlp_wrote(case: str) -> None:
    """Also that `parameters` is all of the MLP, for experts too: without them it writes nothing."""
    net = net_of(case)
    mlp, block = mlps(net)[-1], addresses(net).blocks[-1]
    behind = next((module for name, module in block.named_children() if name in BEHIND), mlp.output)
    before = heard(net, {"block": block, "written": behind})
    weights = {name: net.get_parameter(name) for name in mlp.parameters}
    start = {name: weight.detach().clone() for name, weight in weights.items()}
    with torch.no_grad():
        for weight in weights.values():
            weight.zero_()
        after = heard(net, {"block": block, "written": behind})
        for name, weight in weights.items():
            weight.copy_(start[name])
    assert after["written"][1].abs().max() < 1e-12
    difference = before["block"][1] - after["block"][1]
    wanted = before["written"][1].reshape(difference.shape) * addresses(net).residual_scale
    assert difference.abs().max() > 1e-3 and torch.allclose(difference, wanted, atol=1e-9)
