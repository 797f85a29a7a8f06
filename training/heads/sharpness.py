"""How sharp the loss is around a model's weights: curvature, and what small changes of the weights cost.

- trace of the Hessian H (Hutchinson 1990): the mean of vᵀHv over random signs v, with its standard error;
- the largest and the lowest eigenvalue of H, by Lanczos' method with full reorthogonalisation;
- worst-case adaptive sharpness (Kwon 2021, arXiv 2102.11600; Andriushchenko 2023, arXiv 2302.07011): the most that the
  loss rises while no weight w moves by more than ρ |w|; by ascent along signs of the gradient;
- average-case adaptive sharpness: the mean rise while every weight moves by ρ |w| times a normal number;
- the curve along filter-normalised directions (Li 2018, arXiv 1712.09913): every row of a random direction is as
  long as the row of the matrix it is added to;
- directional sharpness vᵀHv / ‖v‖² along given directions, beside random ones of equal norm in every matrix.

Adaptive measures and the curve don't see a rescaling of weights that leaves the function as it is (W_q times c, W_k
over c); trace and eigenvalues do. Everything is a property of one loss on one batch, which the caller chooses.

Shape suffixes: N all numbers of the weights in question, one after the other.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.attention import SDPBackend, sdpa_kernel

Loss = Callable[[Any], Tensor]  # a net -> a scalar with gradient
Score = Callable[[Any], float]  # a net -> how well it does
Product = Callable[[Tensor], Tensor]  # (N,) v -> (N,) H v


@dataclass(frozen=True)
class SharpnessConfig:
    """How closely is looked.

    radii: ρ of the worst case, shares of a weight's size; spreads: ρ of the average case, which needs larger ones;
    amplitudes: of a direction as long as the weights.
    """

    signs: int = 6  # random signs that the trace is the mean over
    iterations: int = 12  # of Lanczos' method
    radii: tuple[float, ...] = (0.0005, 0.002, 0.008)
    ascent: int = 4  # gradients of one ascent; there are two
    spreads: tuple[float, ...] = (0.02, 0.1)
    draws: int = 3  # random changes of every average, each in both directions
    amplitudes: tuple[float, ...] = (0.1, 0.3, 1.0)
    directions: int = 2  # random ones: of the curve, and beside each given one


class Place:
    """A net at the weights that it has now, and a loss. names: the parameters that may move; all matrices by default.

    The net is as it was after every measurement. Raises ValueError for a name that the net doesn't have.
    """

    def __init__(self, net: nn.Module, loss: Loss, names: Sequence[str] | None = None) -> None:
        parameters = dict(net.named_parameters())
        chosen = [name for name, p in parameters.items() if p.dim() == 2] if names is None else list(names)
        if odd := [name for name in chosen if name not in parameters]:
            raise ValueError(f"{odd[0]}: the model has no such parameter")
        self.net, self.loss, self.names = net, loss, chosen
        self.parameters = [parameters[name] for name in chosen]
        self.sizes = [p.numel() for p in self.parameters]
        self.home_N = self.flat([p.detach() for p in self.parameters])

    def flat(self, tensors: Sequence[Tensor]) -> Tensor:
        """One tensor a parameter -> (N,)."""
        return torch.cat([tensor.reshape(-1) for tensor in tensors])

    def parts(self, vector_N: Tensor) -> list[Tensor]:
        """(N,) -> a view a parameter, in its shape."""
        views = vector_N.split(self.sizes)
        return [view.view_as(p) for view, p in zip(views, self.parameters, strict=True)]

    def of(self, values: Mapping[str, Tensor]) -> Tensor:
        """(N,) of changes by name; what isn't named doesn't change."""
        zero = [torch.zeros_like(p) if name not in values else values[name].detach().to(p)
                for name, p in zip(self.names, self.parameters, strict=True)]  # fmt: skip
        return self.flat(zero)

    @contextmanager
    def moved(self, by_N: Tensor) -> Iterator[None]:
        """A block in which the weights are by_N further on."""
        self._set(self.home_N + by_N)
        try:
            yield
        finally:
            self._set(self.home_N)

    @torch.no_grad()
    def _set(self, at_N: Tensor) -> None:
        for parameter, value in zip(self.parameters, self.parts(at_N), strict=True):
            parameter.copy_(value)

    @torch.no_grad()
    def value(self) -> float:
        """The loss where the weights stand now."""
        return float(self.loss(self.net))

    def gradient(self) -> Tensor:
        """(N,) where the weights stand now."""
        with _wanting(self.parameters):
            grads = torch.autograd.grad(self.loss(self.net), self.parameters, allow_unused=True)
        return self.flat(self._filled(grads))

    @contextmanager
    def hessian(self) -> Iterator[Product]:
        """A block with v -> H v where the weights stand now. The graph of one gradient is kept as long as it lasts."""
        with _wanting(self.parameters), sdpa_kernel(SDPBackend.MATH):  # other kernels have no second derivative
            first = self._filled(
                torch.autograd.grad(self.loss(self.net), self.parameters, create_graph=True, allow_unused=True)
            )
            moving = [grad for grad in first if grad.requires_grad]

            def product(vector_N: Tensor) -> Tensor:
                if not moving:
                    return torch.zeros_like(vector_N)
                sides = [v for v, grad in zip(self.parts(vector_N), first, strict=True) if grad.requires_grad]
                second = torch.autograd.grad(moving, self.parameters, sides, retain_graph=True, allow_unused=True)
                return self.flat(self._filled(second)).detach()

            yield product

    def _filled(self, grads: Sequence[Tensor | None]) -> list[Tensor]:
        return [torch.zeros_like(p) if g is None else g for g, p in zip(grads, self.parameters, strict=True)]


@contextmanager
def _wanting(parameters: Sequence[nn.Parameter]) -> Iterator[None]:
    """A block in which these parameters ask for a gradient, whether they learn or not."""
    before = [p.requires_grad for p in parameters]
    for p in parameters:
        p.requires_grad_(True)
    try:
        with torch.enable_grad():
            yield
    finally:
        for p, asks in zip(parameters, before, strict=True):
            p.requires_grad_(asks)


def normal(place: Place, generator: torch.Generator) -> Tensor:
    """(N,) standard normal numbers."""
    return torch.randn(place.home_N.shape, generator=generator, dtype=torch.float32).to(place.home_N)


def mean_and_error(values: Sequence[float]) -> tuple[float, float]:
    """The mean and its standard error; of a single value the error is NaN."""
    numbers = torch.tensor(values, dtype=torch.float64)
    return float(numbers.mean()), float(numbers.std() / len(values) ** 0.5) if len(values) > 1 else float("nan")


def trace(place: Place, product: Product, signs: int, generator: torch.Generator) -> tuple[float, float]:
    """(trace of H, standard error)."""
    values = []
    for _ in range(signs):
        v_N = normal(place, generator).sign()
        values.append(float(v_N.double() @ product(v_N).double()))
    return mean_and_error(values)


def eigenvalues(place: Place, product: Product, iterations: int, generator: torch.Generator) -> tuple[float, float]:
    """(lowest, highest) eigenvalue of H, from inside: more iterations move both outwards, not beyond the true ones."""
    q_N = normal(place, generator)
    basis, diagonal, beside = [q_N / q_N.norm()], list[float](), list[float]()
    for _ in range(min(iterations, len(q_N))):
        w_N = product(basis[-1])
        diagonal.append(float(w_N.double() @ basis[-1].double()))
        for _ in range(2):  # twice: rounding leaves a little of the old ones the first time
            for old_N in basis:
                w_N = w_N - (w_N @ old_N) * old_N
        beside.append(float(w_N.norm()))
        if beside[-1] < 1e-9 * max(map(abs, diagonal)) or beside[-1] == 0:
            break
        basis.append(w_N / beside[-1])
    size = len(diagonal)
    grid = torch.diag(torch.tensor(diagonal, dtype=torch.float64))
    for at in range(size - 1):
        grid[at, at + 1] = grid[at + 1, at] = beside[at]
    values = torch.linalg.eigvalsh(grid)
    return float(values[0]), float(values[-1])


def worst_case(place: Place, radius: float, steps: int, generator: torch.Generator) -> float:
    """The most that the loss rises while no weight w moves by more than radius |w|, as far as two ascents come.

    One begins at the weights, the other in a random corner: at a minimum the first gradient says little.
    """
    start, size_N = place.value(), place.home_N.abs()
    corner_N = radius * normal(place, generator).sign()
    most = 0.0
    for eps_N in (torch.zeros_like(corner_N), corner_N):
        step = radius
        for _ in range(steps):
            with place.moved(size_N * eps_N):
                slope_N = place.gradient()
            eps_N = (eps_N + step * slope_N.sign()).clamp(-radius, radius)
            step /= 2
            with place.moved(size_N * eps_N):
                most = max(most, place.value() - start)
    return most


def average_case(place: Place, radius: float, draws: int, generator: torch.Generator) -> tuple[float, float]:
    """(mean, standard error) of the rise of the loss while each weight w moves by radius |w| times a normal number.

    Each change is made forwards and backwards, so that the slope doesn't hide the curvature.
    """
    start, rises = place.value(), []
    for _ in range(draws):
        change_N = radius * place.home_N.abs() * normal(place, generator)
        both = []
        for sign in (1, -1):
            with place.moved(sign * change_N):
                both.append(place.value())
        rises.append(sum(both) / 2 - start)
    return mean_and_error(rises)


def filter_normalised(place: Place, generator: torch.Generator) -> Tensor:
    """(N,) a random direction, each row of it as long as the row of the weights that it goes with."""
    rows = []
    for d, weight in zip(place.parts(normal(place, generator)), place.parts(place.home_N), strict=True):
        rows.append(d * (weight.norm(dim=-1, keepdim=True) / d.norm(dim=-1, keepdim=True).clamp_min(1e-30)))
    return place.flat(rows)


def matched_random(place: Place, direction_N: Tensor, generator: torch.Generator) -> Tensor:
    """(N,) a random direction that has in every matrix the norm that the given one has there."""
    pairs = zip(place.parts(normal(place, generator)), place.parts(direction_N), strict=True)
    return place.flat([d * (like.norm() / d.norm().clamp_min(1e-30)) for d, like in pairs])


def directional(product: Product, direction_N: Tensor) -> float:
    """vᵀHv / ‖v‖²; NaN along nothing."""
    length = float(direction_N.double().square().sum())
    return float(direction_N.double() @ product(direction_N).double()) / length if length > 0 else float("nan")


@torch.no_grad()
def curve(place: Place, config: SharpnessConfig, score: Score, generator: torch.Generator) -> list[dict[str, float]]:
    """Means over filter-normalised directions: {amplitude, loss, score}; the first row is the place itself."""
    rows = [{"amplitude": 0.0, "loss": place.value(), "score": score(place.net)}]
    along = [filter_normalised(place, generator) for _ in range(config.directions)]
    for amplitude in config.amplitudes:
        losses, scores = [], []
        for direction_N in along:
            with place.moved(amplitude * direction_N):
                losses.append(place.value())
                scores.append(score(place.net))
        rows.append({"amplitude": amplitude, "loss": mean_and_error(losses)[0], "score": mean_and_error(scores)[0]})
    return rows


def sharpness(
    place: Place, config: SharpnessConfig, directions: Mapping[str, Tensor], score: Score, seed: int
) -> dict[str, Any]:
    """All measures of one place. directions: (N,) each, by name. The same seed draws the same random numbers.

    Keys: loss, gradient (its norm), trace, trace_error, highest, lowest, worst and average (by radius), curve,
    directional (by name, and beside each its mean over random directions of equal norm in every matrix).
    """

    def stream(purpose: int) -> torch.Generator:
        return torch.Generator().manual_seed(seed * 16 + purpose)

    with place.hessian() as product:
        middle, error = trace(place, product, config.signs, stream(0))
        lowest, highest = eigenvalues(place, product, config.iterations, stream(1))
        along = {}
        for name, direction_N in directions.items():
            draw = stream(2)
            beside = [directional(product, matched_random(place, direction_N, draw)) for _ in range(config.directions)]
            along[name] = {"along": directional(product, direction_N), "random": mean_and_error(beside)[0]}
    averages = {f"{r:g}": average_case(place, r, config.draws, stream(4)) for r in config.spreads}
    return {
        "loss": place.value(), "gradient": float(place.gradient().norm()),
        "trace": middle, "trace_error": error, "highest": highest, "lowest": lowest,
        "worst": {f"{r:g}": worst_case(place, r, config.ascent, stream(3)) for r in config.radii},
        "average": {radius: rise for radius, (rise, _) in averages.items()},
        "curve": curve(place, config, score, stream(5)),
        "directional": along,
    }  # fmt: skip
