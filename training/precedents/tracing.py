"""Causal tracing: which states carry a fact? Meng 2022 (arXiv 2202.05262), section 2.

The subject's embeddings are corrupted with noise of 3 σ, σ the deviation of the subject's embeddings. Then one state is
put back to what it was in the clean run, and the answer's probability is looked at: at each token and layer, the state
itself (the layer's output), or what the MLP or the attention writes, in a window of layers. Mean over the samples of
noise, the same ones at every place.

Shape legend, used as suffixes: B rows, S samples of noise, T tokens, L layers, M hidden size.
"""

from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn
from transformers import PreTrainedModel

from perception.deciding import logits_at
from perception.head_map import addresses
from perception.mlp_map import mlps
from training.precedents.prompts import Prompt

SIGMAS, SAMPLES = 3.0, 10
STATE, MLP, ATTENTION = "state", "mlp", "attention"
KINDS = (STATE, MLP, ATTENTION)
ROWS_TOKENS = 16_384  # tokens in one forward
Place = tuple[str, int, int]  # kind, layer, token: what is put back


@dataclass(frozen=True)
class Trace:
    """Probabilities of the answer: in the clean and the corrupted run, and with one place put back, (L, T) a kind."""

    clean: float
    corrupted: float
    restored: dict[str, Tensor]
    window: int
    sigma: float


def window_of(layers: int) -> int:
    """How many layers' MLPs or attentions are put back together: 10 of 48, as published, at least one."""
    return max(1, round(layers * 10 / 48))


def subject_sigma(net: PreTrainedModel, prompts: Sequence[Prompt]) -> float:
    """The standard deviation of the embeddings of these prompts' subjects, over all their numbers."""
    ids = [number for p in prompts for number in p.ids[p.first : p.last + 1]]
    with torch.no_grad():  # the module's own output, to which the noise is added: some models scale it inside
        embedded: Tensor = net.get_input_embeddings()(torch.tensor(ids, device=net.device))
    return float(embedded.double().std(correction=0))


class Tracer:
    """One prompt under noise. `probabilities` runs any places put back together; `sweep` all of them one by one.

    answer: the token whose probability is looked at. sigma: of the embeddings; the subject's own by default. Raises
    ValueError for a model whose layers have no address.
    """

    def __init__(
        self,
        net: PreTrainedModel,
        question: Prompt,
        answer: int,
        sigma: float | None = None,
        samples: int = SAMPLES,
        seed: int = 0,
    ) -> None:
        self.net, self.question, self.answer = net, question, answer
        self.sigma = SIGMAS * (subject_sigma(net, [question]) if sigma is None else sigma)
        heads, there = addresses(net), mlps(net)
        self.modules: dict[str, tuple[nn.Module, ...]] = {
            STATE: heads.blocks, MLP: tuple(mlp.output for mlp in there), ATTENTION: heads.attentions
        }  # fmt: skip
        embedding: Any = net.get_input_embeddings()
        generator = torch.Generator().manual_seed(seed)
        width = question.last - question.first + 1
        noise = torch.randn(samples, width, embedding.weight.shape[1], generator=generator) * self.sigma
        self.noise = noise.to(embedding.weight)
        self.states: dict[tuple[str, int], Tensor] = {}
        self.clean = self._run_clean()

    @torch.no_grad()
    def _run_clean(self) -> float:
        """The answer's probability without noise; every state is remembered."""

        def remember(kind: str, layer: int) -> Callable[..., None]:
            def hear(_module: object, _args: object, output: Any) -> None:
                # A copy: some blocks add to their MLP's output in place.
                self.states[kind, layer] = tensor(output).reshape(len(self.question.ids), -1).clone()

            return hear

        with ExitStack() as stack:
            for kind, modules in self.modules.items():
                for layer, module in enumerate(modules):
                    stack.callback(module.register_forward_hook(remember(kind, layer)).remove)
            logits_1V = self._last_logits(torch.tensor([self.question.ids], device=self.net.device))
        return float(logits_1V[0].double().softmax(-1)[self.answer])

    def _last_logits(self, ids_BT: Tensor) -> Tensor:
        """(B, V) behind each row: of all tokens they would be gigabytes."""
        rows, tokens = ids_BT.shape
        at_B = torch.arange(1, rows + 1, device=ids_BT.device) * tokens - 1
        return logits_at(self.net, at_B, input_ids=ids_BT, use_cache=False)

    @torch.no_grad()
    def probabilities(self, places: Sequence[Sequence[Place]]) -> Tensor:
        """The answer's probability under noise, with these places put back together: (len(places),) float64.

        Mean over the samples. No place at all is the corrupted run.
        """
        samples, most = len(self.noise), max(1, ROWS_TOKENS // (len(self.noise) * len(self.question.ids)))
        means = []
        for start in range(0, len(places), most):
            part = places[start : start + most]
            ids = torch.tensor([self.question.ids], device=self.net.device).expand(len(part) * samples, -1)
            with self._corrupted(len(part)), self._put_back(part):
                logits_BV = self._last_logits(ids)
            means.append(logits_BV.double().softmax(-1)[:, self.answer].view(len(part), samples).mean(1).cpu())
        return torch.cat(means)

    @contextmanager
    def _corrupted(self, repeats: int) -> Iterator[None]:
        subject = slice(self.question.first, self.question.last + 1)

        def add(_module: object, _args: object, output: Tensor) -> Tensor:
            noisy = output.clone()
            noisy[:, subject] += self.noise.repeat(repeats, 1, 1)
            return noisy

        hook = self.net.get_input_embeddings().register_forward_hook(add)
        try:
            yield
        finally:
            hook.remove()

    @contextmanager
    def _put_back(self, places: Sequence[Sequence[Place]]) -> Iterator[None]:
        """Hooks that set (rows, tokens) of each module's output to the clean run's."""
        samples, cells = len(self.noise), dict[tuple[str, int], list[tuple[int, int]]]()
        for number, some in enumerate(places):
            for kind, layer, token in some:
                here = cells.setdefault((kind, layer), [])
                here += [(number * samples + sample, token) for sample in range(samples)]

        def restore(key: tuple[str, int]) -> Callable[..., Any]:
            rows_N, tokens_N = torch.tensor(cells[key], device=self.net.device).T

            def put(_module: object, _args: object, output: Any) -> Any:
                whole = tensor(output)
                grid = whole.reshape(len(places) * samples, len(self.question.ids), -1).clone()
                grid[rows_N, tokens_N] = self.states[key][tokens_N]
                fixed = grid.reshape(whole.shape)
                return (fixed, *output[1:]) if isinstance(output, tuple) else fixed

            return put

        with ExitStack() as stack:
            for kind, layer in cells:
                module = self.modules[kind][layer]
                stack.callback(module.register_forward_hook(restore((kind, layer))).remove)
            yield

    def sweep(self, window: int | None = None, kinds: Sequence[str] = KINDS) -> Trace:
        """Every place of these kinds put back by itself: a state alone, an MLP or attention with its window."""
        layers, tokens = len(self.modules[STATE]), len(self.question.ids)
        wide = window_of(layers) if window is None else window
        grids = {}
        for kind in kinds:
            places: list[list[Place]] = []
            for layer in range(layers):
                low = max(0, layer - wide // 2)
                near = [layer] if kind == STATE else range(low, min(layers, layer - wide // 2 + wide))
                places += [[(kind, one, token) for one in near] for token in range(tokens)]
            grids[kind] = self.probabilities(places).view(layers, tokens)
        return Trace(self.clean, float(self.probabilities([[]])[0]), grids, wide, self.sigma)


def tensor(output: Any) -> Tensor:
    """A module's output, or the first of several."""
    first: Tensor = output[0] if isinstance(output, tuple) else output
    return first
