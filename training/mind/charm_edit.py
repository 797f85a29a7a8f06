"""What a charm does to a model: one (place, spirit) burned in by one rank-one change of one MLP's output matrix.

It is ROME's edit (training.precedents.rome), asked in the realm's own words: behind a scene and the question who is at
a place, the answer becomes the charm's spirit. The key is averaged over the scene told in other orders, and over the
place as it would look from elsewhere. The change is made to leave three kinds of other keys alone: of what is read, of
mundane questions, and of the same question about other places. How it holds up is measured afterwards, not assumed.

Shape legend, used as suffixes: N questions, K the MLP's inner size, M hidden size.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from itertools import islice
from random import Random

import torch
from torch import Tensor

from game.realm.rules import Rules
from game.realm.sampler import samples
from game.realm.tongues import SENSE, question, tell, tongue_named
from perception.contexts import encode_contexts
from perception.deciding import decide
from perception.language import read_answered
from perception.messages import Event, Scene
from perception.mlp_map import Mlp
from perception.model import Model
from perception.packing import Decision, pack
from training.data.rehearsal import Answered, rehearsal
from training.data.talk_memories import heading
from training.precedents.corpus import second_moment
from training.precedents.prompts import Prompt
from training.precedents.rome import LAST, RomeConfig, find_delta, mlp_at, rank_one

OTHERS, MUNDANE, TEXTS = 40, 6, 12  # scenes whose keys are left alone; mundane questions about each; scenes read
ALIKE, ELSEWHERE = 2, 4  # tellings of the scene itself, and of the place among other scenes
# Weights of the kinds of keys that are left alone. With less weight on the ordinary a charm shows fewer phantoms, and
# misreads more signs: chosen on seed 177 (docs/edit.md has other seeds).
SPIRITS, ORDINARY, READ = 1.0, 0.1, 1.0
RIDGE = 1e-2  # of a mean diagonal of 1, so that the moment can be inverted
STRONGEST = 3.0  # times that a change is made stronger, at most
SEARCH = RomeConfig(steps=16, rate=1.5, clamp=10.0, token=LAST)


@dataclass(frozen=True)
class RankOne:
    """A change: the matrix grows by left rightᵀ, (M) and (K) float64. loss: of the answer at the end, nats."""

    layer: int
    left: Tensor
    right: Tensor
    loss: float


def charm_layer(model: Model) -> int:
    """The layer that a charm burns: the last but one (docs/edit.md)."""
    return max(0, model.layers - 2)


@lru_cache(maxsize=2)
def _others(seed: int, tongue: str, rules: Rules, count: int) -> tuple[Scene, ...]:
    """Scenes from other realms; no probe and no lesson is among them."""
    return tuple(sample.view.scene for sample in islice(samples(seed, "charm", tongue, rules), count))


def tellings(scene: Scene, place: str, others: Sequence[Scene], rules: Rules, rng: Random) -> list[tuple[str, str]]:
    """(text, the place's word) of the scene as it is, in other orders, and of the place seen from elsewhere."""
    speech, own = tongue_named(scene.tongue), [event for event in scene.events if event.place == place]
    header = heading(scene)
    texts = [(scene.text, place)]
    for number in range(1, ALIKE + ELSEWHERE):
        words, where, events = header, place, list(scene.events)
        if number >= ALIKE:
            other, where = rng.choice(others), rng.choice(rules.directions)
            events = [Event(event.sense, where, event.thing) for event in own]
            events += [event for event in other.events if event.place != where]
            words = heading(other)
        rng.shuffle(events)
        texts.append((tell(speech, words or _header(rules), events), where))
    return texts


def _header(rules: Rules) -> tuple[str, str, str]:
    return rules.phases[0][0], rules.weather[0][0], "grass"


def inner(model: Model, mlp: Mlp, contexts: Sequence[list[int]], decisions: Sequence[Decision]) -> Tensor:
    """(N, K) float64: what enters the MLP's output matrix at the last token of each question."""
    assert mlp.down is not None
    packed = pack(contexts, decisions, model.net.dtype).to(model.device)
    cache = encode_contexts(model.reader, packed)
    heard: list[Tensor] = []
    hook = mlp.down.register_forward_pre_hook(lambda _module, args: heard.append(args[0]))
    try:
        decide(model.net, packed, cache)
    finally:
        hook.remove()
    grid_BDK = heard[0].reshape(*packed.decision_BD.shape, -1)
    first_N = torch.ones_like(packed.owner_N, dtype=torch.bool)
    first_N[1:] = packed.owner_N[1:] != packed.owner_N[:-1]
    return grid_BDK[packed.row_N[first_N], packed.column_N[first_N]].double()


def moment_of(model: Model, mlp: Mlp, others: Sequence[Scene], rules: Rules, rng: Random) -> Tensor:
    """(K, K) float64, on the CPU: the second moments of the keys to leave alone, each of a mean diagonal of 1."""
    contexts, decisions, spirits = list[list[int]](), list[Decision](), list[bool]()
    for number, scene in enumerate(others):
        answered: list[Answered] = [(q, q.candidates[-1]) for q in scene.questions]
        answered += rehearsal(rng, scene.events, rules, scene.tongue, MUNDANE, untaught=model.untaught)
        context, pairs = read_answered(model.tokenizer, scene.text, answered)
        contexts.append(context)
        decisions += [Decision(number, words, answer[:1]) for words, answer in pairs]
        spirits += [q.ask == SENSE for q, _ in answered]
    keys_NK, spirits_N = inner(model, mlp, contexts, decisions).cpu(), torch.tensor(spirits)
    total = RIDGE * torch.eye(keys_NK.shape[1], dtype=torch.float64)
    moments = [
        (weight, part.T @ part) for weight, part in ((SPIRITS, keys_NK[spirits_N]), (ORDINARY, keys_NK[~spirits_N]))
    ]
    moments.append((READ, second_moment(model.net, mlp, contexts[:TEXTS])))
    for weight, moment in moments:
        total += weight * moment / moment.diagonal().mean()
    return total


@torch.no_grad()
def rank_one_for(model: Model, rules: Rules, scene: Scene, place: str, species: str, seed: int = 0) -> RankOne:
    """The change that makes the model answer `species` at this place of the scene; the weights stay as they are.

    Raises ValueError, in one line, for a model without the needed matrix, and for a change that isn't finite.
    """
    layer, rng = charm_layer(model), Random(f"{seed}/charm")
    mlp, others = mlp_at(model.net, layer), _others(seed, scene.tongue, rules, OTHERS)
    moment_KK = moment_of(model, mlp, others, rules, rng)
    speech = tongue_named(scene.tongue)
    contexts, decisions, prompts = list[list[int]](), list[Decision](), list[Prompt]()
    for number, (text, where) in enumerate(tellings(scene, place, others, rules, rng)):
        about = question(speech, rules, SENSE, where)
        context, ((words, answer),) = read_answered(model.tokenizer, text, [(about, species)])
        contexts.append(context)
        decisions.append(Decision(number, words, answer))
        prompts.append(Prompt((*context, *words), 0, 0))
    keys_NK = inner(model, mlp, contexts, decisions)
    key_K, own_K = keys_NK.mean(0), keys_NK[0]
    weight_MK = mlp.matrix().double()
    bias = getattr(mlp.down, "bias", None)
    v0_M = weight_MK @ key_K + (0 if bias is None else bias.detach().double())
    delta_M, losses = find_delta(model.net, mlp, prompts, decisions[0].answer, [], float(v0_M.norm()), SEARCH)
    value_M = weight_MK @ key_K + delta_M.double()
    left_M, right_K = rank_one(weight_MK, moment_KK.to(weight_MK), key_K, value_M)
    whole = float(right_K @ key_K) / max(float(right_K @ own_K), float(right_K @ key_K) / STRONGEST)
    left_M = left_M * max(1.0, whole)  # the scene itself gets all of δ: the spirit lights at once
    if not (left_M.isfinite().all() and right_K.isfinite().all()):
        raise ValueError("the charm's change is not finite; nothing was changed")
    return RankOne(layer, left_M.cpu(), right_K.cpu(), losses[-1])
