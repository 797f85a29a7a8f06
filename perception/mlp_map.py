"""The MLPs of one model, by the table of addresses: their modules, their parameters, and the matrix that writes.

Shape legend, used as suffixes: M hidden size, K the MLP's inner size.
"""

from dataclasses import dataclass

from torch import Tensor, nn

from perception.addresses import ADDRESSES, check_known


@dataclass(frozen=True)
class Mlp:
    """One layer's MLP. `output` returns what it writes, before any norm behind it and any scale of the residual."""

    layer: int
    modules: tuple[nn.Module, ...]
    parameters: tuple[str, ...]  # all of it, as in model.named_parameters()
    down: nn.Module | None  # the module of the output matrix; None where experts have one each
    parameter: str  # the output matrix, as in model.named_parameters(); "" where down is None
    transposed: bool  # whether the output matrix is stored as (K, M) (Conv1D); else (M, K)

    @property
    def output(self) -> nn.Module:
        return self.modules[-1]

    def matrix(self) -> Tensor:
        """(M, K), a live view: what the MLP writes is matrix() @ inner activations, plus a bias if there is one.

        Raises ValueError where there is no such matrix.
        """
        if self.down is None:
            raise ValueError(f"layer {self.layer}: its MLP is a set of experts, without one output matrix")
        weight: Tensor = self.down.get_parameter("weight").data
        return weight.T if self.transposed else weight


def mlps(model: nn.Module) -> tuple[Mlp, ...]:
    """The MLP of every layer of a causal language model of transformers.

    Raises ValueError for an architecture that ADDRESSES does not list, or that does not look as it says.
    """
    check_known(model.config)
    kind = str(model.config.model_type)  # type: ignore[union-attr]
    at = ADDRESSES[kind]
    names = {id(parameter): name for name, parameter in model.named_parameters()}
    rows = []
    try:
        for layer, block in enumerate(model.get_submodule(at.layers).children()):
            modules = tuple(block.get_submodule(name) for name in at.mlp)
            parameters = tuple(names[id(p)] for module in modules for p in module.parameters())
            down = block.get_submodule(at.down) if at.down else None
            parameter = "" if down is None else names[id(down.get_parameter("weight"))]
            rows.append(Mlp(layer, modules, parameters, down, parameter, at.transposed))
    except AttributeError as error:
        raise ValueError(f"model type {kind!r} is not laid out as ADDRESSES says: {error}") from None
    return tuple(rows)
