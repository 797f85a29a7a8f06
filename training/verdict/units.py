"""How many units an experiment has: heads and, where MLPs were trained, each layer's MLP (`perception.units`)."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Shape:
    """layers; heads of a layer; mlps: whether each layer's MLP is a unit."""

    layers: int
    heads: int
    mlps: bool = False

    @property
    def columns(self) -> int:
        """Units of a layer."""
        return self.heads + self.mlps

    @property
    def units(self) -> int:
        """In all layers."""
        return self.layers * self.columns
