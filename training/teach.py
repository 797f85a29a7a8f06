"""Teaching: steps of context-frozen learning from a journal of lessons.

One step draws scenes (dreams, unless switched off) with mundane questions rehearsed beside, takes the gradient in
parts so that a mind can perceive in between, and lets the optimizer move the weights. A step whose loss, gradient or
outcome is not finite is left out whole. With `reuse`, a drawn set of scenes and its cache serve several steps, each of
which rehearses other mundane questions about them.
"""

import copy
from collections.abc import Callable, Iterator, Mapping, Sequence
from random import Random
from typing import Any

import torch
from torch import Tensor
from transformers import DynamicCache

from game.realm.rules import Rules
from perception.messages import Lesson
from perception.model import Model
from perception.packing import Decision, Packed, pack
from training.config import RATES, TeachConfig
from training.data.lessons import Asked, Journal, dream, tokens, waking
from training.data.talk_dreams import talk_dream
from training.optim.apollo import Apollo
from training.optim.context_store import store_of
from training.optim.frozen import (
    Broken,
    Contexts,
    accumulate,
    arithmetic,
    check_weights,
    choose_parameters,
    deal,
    guarded_step,
)
from training.optim.gradients import GradientMeter
from training.optim.ranks import is_sharded
from training.optim.restricted import Place, Restriction, attuned, restrict
from training.optim.sharded_apollo import ShardedApollo
from training.optim.shared_reads import shared_contexts

LEAST = 0.02  # of the rate: practice never stops wholly
TALKING = 0.3  # of the scenes, where both places and talk were taught

# What one step trains on: (random stream, scenes, rehearsed questions per scene) -> that many scenes or more
Source = Callable[[Random, int, int], list[Asked]]


class Teacher:
    """A model, an optimizer, and the lessons so far.

    source: what steps train on; None for scenes of the journal's lessons, dreamt unless that is switched off.
    labelled: False leaves the labelled decisions of the same scenes out: only what is rehearsed is trained. With
    `base_cache`, a copy of the model as it is now reads all contexts from here on, unless another net does already.
    """

    def __init__(
        self,
        model: Model,
        config: TeachConfig,
        rules: Rules,
        journal: Journal | None = None,
        source: Source | None = None,
        labelled: bool = True,
    ) -> None:
        config.check()
        arithmetic(model.net, config.precision)
        check_weights(model.net)
        self.model, self.config, self.rules = model, config, rules
        self.journal = journal or Journal()
        if config.base_cache and model.context is None:
            model.context = copy.deepcopy(model.net).requires_grad_(False)
        if config.full and model.context is not None:
            raise ValueError(f"--full: {model.name} decides on contexts that another model reads; leave --full out")
        self._restriction = restriction_of(config, model)
        self._attunement: Restriction | None = None
        chosen = self._restriction
        self.parameters = choose_parameters(model.net, config.train) if chosen is None else chosen.parameters
        self.rate = RATES[config.optimizer] if config.lr is None else config.lr
        self.optimizer = make_optimizer(config, self.parameters, self.rate)
        self.steps, self.loss = 0, float("nan")
        self.taught_at = 0  # the step at which the last lesson came
        self.meter = GradientMeter(model.net)  # where the gradient went, over all steps
        self._rng = Random(f"{config.seed}/teach")
        self._source, self._labelled = source or self._scenes, labelled
        self._uses, self._turn = max(1, config.reuse), 0  # how many steps a drawn set serves, and has served
        self._draws = 0  # sets of scenes so far
        self._asked: list[Asked] = []
        self._caches: list[DynamicCache | None] = []
        self._contexts: Contexts | None = shared_contexts(None if self._uses > 1 else model.context, config.precision)
        self._answers: float | None = None  # what answers are counted against, if not those of the packs

    def teach(self, lesson: Lesson) -> None:
        """Remember a lesson; what is new is learned at the full rate again."""
        self.journal.add(lesson)
        self.taught()

    def taught(self) -> None:
        """The journal has a new lesson: it is learned at the full rate again."""
        self.taught_at = self.steps
        self._turn = 0  # the set at hand does not know of it

    def attune(self, heads: Sequence[Place]) -> None:
        """From now on these heads alone move; none: all that trains. Weights, momenta and random stream stay.

        Raises ValueError, with all as it was, for heads that aren't there or don't train, and where a config chose
        what trains.
        """
        if heads and self._restriction is not None:
            raise ValueError("--heads, --mlps: say already what practises here; leave them out")
        self._attunement = attuned(self.model.net, heads) if heads else None

    def keep_contexts(self) -> None:
        """From now on a context that was drawn before is not read again. Raises ValueError without base-cache."""
        if self.model.context is None:
            raise ValueError(f"{self.model.name} reads its own contexts, and learns: they would grow stale")
        self._contexts = store_of(self.model.context, self.config.precision)

    @property
    def settled(self) -> bool:
        """Whether the rate has come to rest since the last lesson."""
        return self.steps - self.taught_at >= self.config.settle

    @property
    def between_sets(self) -> bool:
        """Whether the next step draws its scenes anew."""
        return self._turn % self._uses == 0

    def state(self) -> tuple[dict[str, Any], dict[str, Tensor]]:
        """All that later steps depend on but the settings and the lessons: plain values, and tensors by name.

        Only between two sets of scenes.
        """
        plain: dict[str, Any] = {"steps": self.steps, "taught_at": self.taught_at, "loss": self.loss}
        plain |= {"draws": self._draws, "optimizer": {}}
        tensors = {f"weight/{name}": p.detach() for name, p in self.learning().items()}
        tensors["energy"] = self.meter.mark()
        for number, values in self.optimizer.state_dict()["state"].items():
            for name, value in values.items():
                if isinstance(value, Tensor):
                    tensors[f"optimizer/{number}/{name}"] = value
                else:
                    plain["optimizer"].setdefault(str(number), {})[name] = value
        return plain, tensors

    @property
    def stream(self) -> tuple[Any, ...]:
        """Where its random stream stands."""
        return self._rng.getstate()

    def go_on_from(
        self, plain: dict[str, Any], tensors: Mapping[str, Tensor], stream: Sequence[Any] | None = None
    ) -> None:
        """Become the teacher whose `state` this was; of the same settings and lessons, and fresh.

        What its steps drew is drawn again: random streams and sources then stand as they stood. stream: where its
        random stream stood; then nothing is drawn, and lessons may have come meanwhile. Raises KeyError, TypeError,
        ValueError or RuntimeError for a state that doesn't fit.
        """
        if stream is None and not 0 <= plain["draws"] <= plain["steps"]:
            raise KeyError(f"{plain['draws']} draws in {plain['steps']} steps")
        optimizer = self.optimizer.state_dict()
        optimizer["state"] = {int(number): dict(values) for number, values in plain["optimizer"].items()}
        for name, tensor in tensors.items():
            kind, _, rest = name.partition("/")
            if kind == "optimizer":
                number, _, name_there = rest.partition("/")
                optimizer["state"].setdefault(int(number), {})[name_there] = tensor
        self.optimizer.load_state_dict(optimizer)
        with torch.no_grad():
            for name, parameter in self.learning().items():
                if tensors[f"weight/{name}"].shape != parameter.shape:
                    raise KeyError(f"{name} has another shape")
                parameter.copy_(tensors[f"weight/{name}"])
        self.meter.go_on_from(tensors["energy"])
        self.steps, self.taught_at, self.loss = plain["steps"], plain["taught_at"], plain["loss"]
        if stream is not None:
            version, words, gauss = stream
            self._rng.setstate((version, tuple(words), gauss))
            self._draws = plain["draws"]
        while self._draws < plain["draws"]:
            self._draw_set()

    def learning(self) -> dict[str, torch.nn.Parameter]:
        """What trains, by name."""
        return {name: p for name, p in self.model.net.named_parameters() if p.requires_grad}

    def current_rate(self) -> float:
        """Warm-up, full, then linearly down to LEAST of it as the lessons settle."""
        left = 1 - (self.steps - self.taught_at) / self.config.settle
        return self.rate * min(1.0, (self.steps + 1) / self.config.warmup) * max(LEAST, min(1.0, 1.5 * left))

    def step(self) -> float:
        """One whole step; returns its loss (nats). Raises Broken, with the weights as before, if it is not finite."""
        for _ in self.parts():
            pass
        return self.loss

    def parts(self) -> Iterator[None]:
        """One step, pausing after each part of its gradient; the weights move when it is exhausted."""
        config, net, reader = self.config, self.model.net, self.model.context
        self.optimizer.zero_grad(set_to_none=False)
        packs = self._draw()
        caches = self._caches if self._uses > 1 else None
        total = torch.zeros((), device=self.model.device)
        counted = self._answers
        for total in accumulate(net, packs, caches, config.precision, config.full, reader, counted, self._contexts):  # noqa: B007
            yield
        total = self._shared(total)
        self._move(total)
        self.steps += 1
        self.loss = float(total)

    def _move(self, loss: Tensor) -> None:
        """The optimizer's step at the current rate, and a note of where the gradient was."""
        for group in self.optimizer.param_groups:
            group["lr"] = self.current_rate()
        try:
            guarded_step(self.optimizer, loss, self._attunement or self._restriction)
        except Broken:
            self.optimizer.zero_grad(set_to_none=False)
            self._turn = 0
            raise
        self.meter.add(self.meter.measure())  # gradients lie where they were, masked

    def _draw(self) -> list[Packed]:
        """The decisions of one step, dealt out over its parts; their scenes are those of the step before, if reused."""
        config, model = self.config, self.model
        if self.between_sets:
            self._asked = self._draw_set()
            self._caches, self._turn = [None] * config.parts, 0
        scenes = [_at_turn(item, self._turn, config.rehearse, self._uses) for item in self._asked]
        if not self._labelled:
            scenes = [Asked(scene.text, (), scene.rehearsed) for scene in scenes if scene.rehearsed]
        self._turn += 1
        return self._packed(*tokens(model.tokenizer, scenes))

    def _packed(self, contexts: list[list[int]], decisions: list[Decision]) -> list[Packed]:
        """Those of this process: here, all."""
        parts, net = deal(contexts, decisions, self.config.parts), self.model.net
        return [pack(*part, net.dtype).to(self.model.device) for part in parts]

    def _shared(self, loss: Tensor) -> Tensor:
        """The step's loss (0-dim) from that of this process: here, the same."""
        return loss

    def collect(self) -> None:
        """Let `model` hold the weights as they are now; a teacher whose weights are elsewhere fetches them."""

    def _draw_set(self) -> list[Asked]:
        self._draws += 1
        return self._source(self._rng, self.config.scenes, self.config.rehearse * self._uses)

    def _scenes(self, rng: Random, scenes: int, rehearse: int) -> list[Asked]:
        return [self._scene(rng, rehearse) for _ in range(scenes)]

    def _scene(self, rng: Random, rehearse: int) -> Asked:
        journal, about = self.journal, (self.rules, self.model.tongue, rehearse)
        if not self.config.dreams:
            return waking(rng, journal.lessons, *about, untaught=self.model.untaught)
        talk = bool(journal.talk_memories or journal.verbatim)
        if talk and (not journal.memories or rng.random() < TALKING):
            return talk_dream(rng, journal, *about)
        return dream(rng, journal, *about, self.config.haunted, self.model.untaught)


def _at_turn(scene: Asked, turn: int, rehearse: int, uses: int) -> Asked:
    """What a step asks about a scene that serves `uses` of them: all labelled decisions, its own of the rehearsed.

    A scene that rehearses fewer than all steps need asks the same ones each time.
    """
    if len(scene.rehearsed) < rehearse * uses:
        return scene
    return Asked(scene.text, scene.labelled, scene.rehearsed[rehearse * turn : rehearse * (turn + 1)])


def restriction_of(config: TeachConfig, model: Model) -> Restriction | None:
    """What a checked config lets learn, if chosen units do. Raises ValueError for units that the model hasn't."""
    if not config.restricted:
        return None
    return restrict(model.net, config.trained_heads, config.trained_mlps, config.others)


def make_optimizer(config: TeachConfig, parameters: list[torch.nn.Parameter], rate: float) -> torch.optim.Optimizer:
    """The optimizer that a checked config names."""
    if config.optimizer == "apollo":
        kind = ShardedApollo if any(map(is_sharded, parameters)) else Apollo
        return kind(
            parameters,
            lr=rate,
            rank=config.rank,
            scaling=config.scaling,
            projection=config.projection,
            seed=config.seed,
        )
    if config.optimizer == "adamw":
        return torch.optim.AdamW(parameters, lr=rate, weight_decay=0.0)
    return torch.optim.SGD(parameters, lr=rate)
