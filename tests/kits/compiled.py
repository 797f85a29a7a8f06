"""Networks with a known circuit: those in tracr.json, and a toy whose value follows from a formula."""

import json
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from training.precedents.path_patching import Head, Prompts
from training.precedents.sites import HeadSites, Projection

FILE = Path(__file__).parents[1] / "training" / "precedents" / "tracr.json"
DECOYS = 2  # heads beside each compiled one


def dense(matrix: list[Any]) -> Tensor:
    rows, columns, cells = matrix
    full = torch.zeros(rows, columns, dtype=torch.float64)
    for row, column, number in cells:
        full[row, column] = number
    return full


def linear(weight: Tensor, bias: Tensor) -> nn.Linear:
    module = nn.Linear(*weight.shape, dtype=torch.float64)
    module.weight.data, module.bias.data = weight.T.contiguous(), bias
    return module


class Compiled(nn.Module):
    """One network of tracr.json in torch: no norm, no causal mask, relu. decoys: heads whose writing nobody reads."""

    def __init__(self, name: str, decoys: int = 0) -> None:
        super().__init__()
        data = json.loads(FILE.read_text(encoding="utf-8"))[name]
        assert data["heads"] == 1
        self.tokens: dict[str, int] = data["tokens"]
        self.outputs = list(data["outputs"].values())
        self.register_buffer("token", dense(data["token"]))
        self.register_buffer("position", dense(data["position"]))
        self.heads = 1 + decoys
        self.layers = nn.ModuleList(nn.ModuleDict(self._layer(layer, decoys)) for layer in data["layers"])
        self.head_dim = self.layers[0]["o"].weight.shape[1] // self.heads
        self.width = self.token.shape[1]
        self.compiled: list[Head] = [(number, 0) for number, layer in enumerate(data["layers"]) if layer["o"][2]]

    def _layer(self, layer: dict[str, Any], decoys: int) -> dict[str, nn.Module]:
        width = dense(layer["q"]).shape[0]
        modules: dict[str, nn.Module] = {}
        for matrix in "qkv":
            weight, bias = dense(layer[matrix]), dense(layer[f"{matrix}_bias"])[0]
            other = torch.randn(
                width, weight.shape[1] * decoys, dtype=torch.float64, generator=torch.Generator().manual_seed(1)
            )
            modules[matrix] = linear(torch.cat([weight, other], 1), torch.cat([bias, bias.new_zeros(other.shape[1])]))
        # A decoy writes to a direction of its own, behind those of the compiled network, that no module reads.
        o, size = dense(layer["o"]), dense(layer["o"]).shape[0]
        wide = torch.zeros(size * (1 + decoys), width + decoys, dtype=torch.float64)
        wide[:size, :width] = o
        for decoy in range(decoys):
            wide[size * (1 + decoy) : size * (2 + decoy), width + decoy] = 1.0
        bias = torch.cat([dense(layer["o_bias"])[0], torch.zeros(decoys, dtype=torch.float64)])
        modules["o"] = linear(wide, bias)
        for matrix in ("up", "down"):
            modules[matrix] = linear(dense(layer[matrix]), dense(layer[f"{matrix}_bias"])[0])
        return modules

    def forward(self, ids_BT: Tensor) -> Tensor:
        """(B, T, outputs)."""
        seen_B11T = (ids_BT != self.tokens["compiler_pad"])[:, None, None]
        x_BTM = self.token[ids_BT] + self.position[: ids_BT.shape[1]]
        x_BTM = torch.cat([x_BTM, x_BTM.new_zeros(*ids_BT.shape, self.heads - 1)], -1)
        for layer in self.layers:
            q, k, v = (
                layer[m](x_BTM[..., : self.width]).unflatten(-1, (self.heads, -1)).transpose(1, 2) for m in "qkv"
            )
            scores = (q @ k.transpose(-1, -2) / self.head_dim**0.5).masked_fill(~seen_B11T, -1e30)
            x_BTM = x_BTM + layer["o"]((scores.softmax(-1) @ v).transpose(1, 2).flatten(-2))
            written = layer["down"](layer["up"](x_BTM[..., : self.width]).relu())
            x_BTM = torch.cat([x_BTM[..., : self.width] + written, x_BTM[..., self.width :]], -1)
        return x_BTM[..., self.outputs]

    def encode(self, texts: list[str]) -> Tensor:
        """(B, T): BOS, then a letter a token, padded to the right."""
        rows = [[self.tokens["BOS"], *(self.tokens[letter] for letter in text)] for text in texts]
        width = max(map(len, rows))
        return torch.tensor([[*row, *[self.tokens["compiler_pad"]] * (width - len(row))] for row in rows])

    def sites(self) -> HeadSites:
        columns = torch.arange(self.heads * self.head_dim).view(self.heads, -1)
        return HeadSites(
            len(self.layers),
            self.heads,
            self.head_dim,
            tuple(layer["o"] for layer in self.layers),
            tuple({m: Projection(layer[m], columns) for m in "qkv"} for layer in self.layers),
            lambda ids_BT, _last_B: self(ids_BT),
        )


@dataclass
class Toy:
    """A network of one layer whose measure is a formula of its heads' values: each is 1, or 0 when ablated."""

    heads: int
    formula: Callable[[Tensor], Tensor]  # (B, H) -> (B,)

    def sites(self) -> HeadSites:
        output = nn.Identity()

        def forward(ids_BT: Tensor, _last_B: Tensor) -> Tensor:
            z_BTH: Tensor = output(torch.ones(*ids_BT.shape, self.heads))
            return self.formula(z_BTH[:, -1])[:, None]

        return HeadSites(1, self.heads, 1, (output,), ({},), forward)

    def prompts(self) -> Prompts:
        return Prompts(torch.zeros(2, 3, dtype=torch.int64), torch.tensor([2, 2]))


class Chain(nn.Module):
    """Three layers of two heads without attention: head 0 of each copies one direction on to the next, head 1 idles.

    The token stands in direction 0, the output is direction 3: only the last layer's head 0 writes to it.
    """

    def __init__(self) -> None:
        super().__init__()
        self.q, self.k, self.v, self.o = (
            nn.ModuleList(nn.Linear(*sizes, bias=False, dtype=torch.float64) for _ in range(3))
            for sizes in ((5, 2), (5, 2), (5, 2), (2, 5))
        )
        for layer in range(3):
            for module in (self.v[layer], self.o[layer]):
                module.weight.data.zero_()
            self.v[layer].weight.data[0, layer] = self.o[layer].weight.data[layer + 1, 0] = 1
            self.v[layer].weight.data[1, 0] = self.o[layer].weight.data[4, 1] = 1  # nobody reads direction 4

    def forward(self, ids_BT: Tensor) -> Tensor:
        """(B, T)."""
        x_BTM = torch.zeros(*ids_BT.shape, 5, dtype=torch.float64)
        x_BTM[..., 0] = ids_BT.double()
        for q, k, v, o in zip(self.q, self.k, self.v, self.o, strict=True):
            x_BTM = x_BTM + o(v(x_BTM) + 0 * (q(x_BTM) + k(x_BTM)))
        return x_BTM[..., 3]

    def sites(self) -> HeadSites:
        columns = torch.arange(2)[:, None]
        modules = ({"q": self.q[n], "k": self.k[n], "v": self.v[n]} for n in range(3))
        inputs = tuple({name: Projection(module, columns) for name, module in row.items()} for row in modules)
        return HeadSites(3, 2, 1, tuple(self.o), inputs, lambda ids_BT, _last_B: self(ids_BT))
