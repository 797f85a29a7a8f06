"""Plants a behaviour in chosen heads (or MLPs) of a real network, in closed form, with chosen shares of the gain.

The behaviour: answer a question by the place it asks about, one word per place. What a head mixes at the decision
(its z) tells the place more or less well, by a ridge regression on lessons; what it must write to raise a word's
logit is the pseudo-inverse of the words' mean Jacobian at its layer, so that early heads are heard through all later
ones. The product is a change of the head's slice of W_O. Nothing else decides how the network uses it: losses,
allocations and swaps are measured on real forward passes (`training.validation.planted`).

Shape suffixes: R rows of contexts, N decisions, L layers, H heads, D head size, F width of an MLP, M hidden size,
A answers.
"""

import copy
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import islice
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.functional import cross_entropy
from transformers import PreTrainedModel

from game.realm import sampler
from game.realm.rules import Rules
from game.realm.tongues import SENSE, question, tongue_named
from perception.contexts import context_cache
from perception.deciding import decide
from perception.head_map import HeadMap, addresses
from perception.language import context_tokens, question_tokens
from perception.model import Model
from perception.packing import Decision, Packed, pack
from training.heads.head_probes import ProbeLoss

TOKENS = 15  # of each scene: its header and two events; short, so that an experiment takes seconds
LESSONS, PROBES = 64, 8  # scenes; each is asked about every place; a probe scene is a chunk
JACOBIAN = 12  # scenes over which it is averaged
QUIET = 1.0  # weight of "write nothing" at the contexts' tokens, beside 1 for the decisions
RIDGE = 1e-3  # of a head's mean square
CUT = 0.05  # singular values of the Jacobian below this part of the largest are left out
ABLE = 0.06  # a head that explains less of the answers than this can carry nothing
STRONG = 0.15  # a head of the first layer must explain so much: it is heard through all others, not linearly
SWAPPED = 4  # scenes on which sets are swapped


class Choice(ProbeLoss):
    """Mean cross-entropy of the right answer among the candidate words alone (nats), contexts with gradient."""

    def __init__(self, batches: list[Packed], words_A: Tensor) -> None:
        super().__init__(batches)
        self.words_A = words_A

    def __call__(self, net: PreTrainedModel) -> Tensor:
        parts = []
        for packed in self.batches:
            cache = context_cache(net, packed)
            logits_NA = decide(net, packed, cache)[:, self.words_A]
            parts.append(cross_entropy(logits_NA.float(), packed.target_N, reduction="sum"))
        return torch.stack(parts).sum() / self.total


@dataclass(frozen=True)
class Sites:
    """One kind of place to write at. x: inputs of the written matrix at the decisions (N, S, D), S sites.

    quiet: the same at tokens of contexts. toward: (S, A, M) what raises each answer's logit by 1 from there.
    """

    x: Tensor
    quiet: Tensor
    toward: Tensor

    def writes(self, chosen: Tensor, answer_N: Tensor) -> Tensor:
        """(S, D, M) ridge solutions from lessons `chosen` (row numbers of x), whose right answers are answer_N."""
        weights = self._readout(chosen, answer_N)
        return torch.einsum("sda,sam->sdm", weights, self.toward.double())

    def able(self, chosen: Tensor, answer_N: Tensor) -> Tensor:
        """(S,) how much of the right answer each site's input tells: 0 nothing, 1 all of it."""
        right_NA = _centred(answer_N, self.toward.shape[1])
        said = torch.einsum("nsd,sda->nsa", self.x[chosen].double(), self._readout(chosen, answer_N))
        return (said * right_NA[:, None]).sum(2).mean(0) / right_NA.pow(2).sum(1).mean()

    def _readout(self, chosen: Tensor, answer_N: Tensor) -> Tensor:
        x, quiet = self.x[chosen].double(), self.quiet.double()
        gram = torch.einsum("nsd,nse->sde", x, x) / len(x)
        own = gram.diagonal(dim1=1, dim2=2).mean(1)
        gram = gram + QUIET * torch.einsum("nsd,nse->sde", quiet, quiet) / len(quiet)
        gram = gram + (RIDGE * own + 1e-12)[:, None, None] * torch.eye(x.shape[2], dtype=x.dtype)
        moment = torch.einsum("nsd,na->sda", x, _centred(answer_N, self.toward.shape[1])) / len(x)
        return torch.linalg.solve(gram, moment)


def _centred(answer_N: Tensor, answers: int) -> Tensor:
    return torch.nn.functional.one_hot(answer_N, answers).double() - 1 / answers


@dataclass(frozen=True)
class Ground:
    """A network and all that is needed to plant in it; made once, used by every planted experiment.

    losses: one per chunk of held-out probes (a scene each); whole: all of them; few: those for swaps. answer_N: right
    answers of the lessons' decisions; row_N: their scenes.
    """

    net: PreTrainedModel
    at: HeadMap
    heads: Sites  # site = layer * heads + head
    mlps: Sites  # site = layer
    answer_N: Tensor
    row_N: Tensor
    losses: list[Choice]
    whole: Choice
    few: Choice

    def able(self, sites: Sites) -> Tensor:
        """(S,) how much each site tells of the answers, over all lessons."""
        return sites.able(torch.arange(len(self.answer_N)), self.answer_N)

    def planted(self, heads_LH: Tensor, mlps_L: Tensor, seed: int, shuffled: bool = False, noise: float = 0.0) -> Any:
        """A copy of the network whose sites write what they learned from this seed's lessons, times their factor.

        heads_LH, mlps_L: logits that each raises the right answer by, about. shuffled: right answers dealt out anew.
        noise: Gaussian, in all attention matrices, as a part of each matrix's root mean square.
        """
        dice = torch.Generator().manual_seed(seed)
        rows = torch.randperm(int(self.row_N.max()) + 1, generator=dice)
        chosen = torch.isin(self.row_N, rows[: len(rows) * 3 // 4]).nonzero()[:, 0]
        answer_N = self.answer_N[chosen]
        if shuffled:
            answer_N = answer_N[torch.randperm(len(answer_N), generator=dice)]
        net = copy.deepcopy(self.net)
        at = addresses(net)
        with torch.no_grad():
            for sites, factor_S, name in ((self.heads, heads_LH.flatten(), "o"), (self.mlps, mlps_L, "mlp")):
                if not bool(factor_S.any()):
                    continue
                able_S = self.able(sites).clamp_min(ABLE)
                change = sites.writes(chosen, answer_N) * (factor_S.double() / able_S)[:, None, None]
                for layer, change_HDM in enumerate(change.float().unflatten(0, (at.layers, -1))):
                    if name == "o":
                        at.weight(layer, "o").add_(change_HDM)
                    else:
                        _down(net, layer).weight.add_(change_HDM[0].T)
            _shake(at, noise, dice)
        return net


def _shake(at: HeadMap, noise: float, dice: torch.Generator) -> None:
    if not noise:
        return
    for layer in range(at.layers):
        for matrix in ("q", "k", "v", "o"):
            weight = at.weight(layer, matrix)
            step = torch.randn(weight.shape, generator=dice) * weight.pow(2).mean().sqrt() * noise
            weight.add_(step)


def _down(net: Any, layer: int) -> nn.Linear:
    """The matrix that an MLP writes by. Raises ValueError for another kind of network than Llama's."""
    try:
        matrix: nn.Linear = net.model.layers[layer].mlp.down_proj
    except AttributeError as error:
        raise ValueError("planting knows networks of the Llama kind; give such a model") from error
    return matrix


def prepare(model: Model, rules: Rules, seed: int = 0) -> Ground:
    """Lessons, probes, inputs of all sites and Jacobians, from one network (on the CPU). Takes seconds."""
    net, at = model.net, addresses(model.net)
    samples = islice(sampler.samples(seed, "planted", model.tongue, rules), LESSONS + PROBES)
    scenes = [sample.view.scene for sample in samples]
    contexts = [context_tokens(model.tokenizer, scene)[:TOKENS] for scene in scenes]
    speech = tongue_named(model.tongue)
    question_ids = [
        tuple(question_tokens(model.tokenizer, question(speech, rules, SENSE, p))) for p in rules.directions
    ]

    def packed(some: Sequence[Sequence[int]]) -> Packed:
        return pack(some, [Decision(r, ids, (a,)) for r in range(len(some)) for a, ids in enumerate(question_ids)])

    lessons, probes = packed(contexts[:LESSONS]), contexts[LESSONS:]
    seen, logits_NV = _inputs(net, at, lessons)
    words_A = _alike(logits_NV, len(question_ids))
    toward_o, toward_mlp = _jacobians(net, at, packed(contexts[:JACOBIAN]), words_A)
    real = torch.arange(lessons.context_BC.shape[1])[None] < lessons.lengths_B[:, None]

    def sites(name: str, heads: int, toward_LAM: Tensor) -> Sites:
        x = torch.stack([pair[1][lessons.row_N, lessons.column_N] for pair in seen[name]], 1)
        quiet = torch.stack([pair[0][real] for pair in seen[name]], 1)
        x, quiet = (grid.unflatten(2, (heads, -1)).flatten(1, 2) for grid in (x, quiet))
        return Sites(x, quiet, toward_LAM.repeat_interleave(heads, 0))

    return Ground(
        net, at, sites("o", at.heads, toward_o), sites("mlp", 1, toward_mlp),
        lessons.target_N, lessons.row_N,
        [Choice([packed([one])], words_A) for one in probes], Choice([packed(probes)], words_A),
        Choice([packed(probes[:SWAPPED])], words_A),
    )  # fmt: skip


def _writers(net: Any, at: HeadMap) -> dict[str, list[nn.Module]]:
    """The modules that write into the residual stream, by kind and layer."""
    names = [at.projections[layer]["o"].parameter.removesuffix(".weight") for layer in range(at.layers)]
    return {"o": [net.get_submodule(n) for n in names], "mlp": [_down(net, layer) for layer in range(at.layers)]}


@contextmanager
def _hooks(handles: list[Any]) -> Iterator[None]:
    try:
        yield
    finally:
        for handle in handles:
            handle.remove()


@torch.no_grad()
def _inputs(net: Any, at: HeadMap, packed: Packed) -> tuple[dict[str, list[list[Tensor]]], Tensor]:
    """What enters each writer, first at the contexts and then at the decisions: kind -> layer -> [context, decisions].

    And the logits (N, V).
    """
    seen: dict[str, list[list[Tensor]]] = {kind: [[] for _ in range(at.layers)] for kind in ("o", "mlp")}
    handles = [
        module.register_forward_pre_hook(lambda _m, arguments, into=into: into.append(arguments[0]))
        for kind, modules in _writers(net, at).items()
        for module, into in zip(modules, seen[kind], strict=True)
    ]
    with _hooks(handles):
        cache = context_cache(net, packed)
        logits_NV = decide(net, packed, cache)
    return seen, logits_NV


def _alike(logits_NV: Tensor, count: int) -> Tensor:
    """The words among which the network has least preference: neighbours in mean logit that vary little."""
    mean, spread = logits_NV.mean(0), logits_NV.std(0)
    order = mean.argsort(stable=True)
    runs = order.unfold(0, count, 1)
    return runs[(mean[runs[:, -1]] - mean[runs[:, 0]] + 2 * spread[runs].mean(1)).argmin()]


def _jacobians(net: Any, at: HeadMap, packed: Packed, words_A: Tensor) -> tuple[Tensor, Tensor]:
    """(L, A, M) each, for what attention and what MLPs write: the least write that raises an answer's logit by 1."""
    written: Mapping[str, list[Tensor]] = {"o": [], "mlp": []}
    with torch.no_grad():
        cache = context_cache(net, packed)
    handles = [
        module.register_forward_hook(lambda _m, _arguments, out, into=into: into.append(out))
        for (kind, modules) in _writers(net, at).items()
        for module in modules
        for into in [written[kind]]
    ]
    with _hooks(handles):
        logits_NA = decide(net, packed, cache)[:, words_A]
    outputs = [*written["o"], *written["mlp"]]
    by_answer = []
    for a in range(len(words_A)):
        grads = torch.autograd.grad(logits_NA[:, a].sum(), outputs, retain_graph=True)
        by_answer.append(torch.stack([grad[packed.row_N, packed.column_N].mean(0) for grad in grads]))
    rises = torch.stack(by_answer, 1)  # (2 L, A, M)
    rises = rises - rises.mean(1, keepdim=True)
    least = torch.linalg.pinv(rises.double(), rtol=CUT).transpose(1, 2).float()
    return least[: at.layers], least[at.layers :]
