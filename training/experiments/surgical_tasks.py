"""What is taught in `surgical`: sight, listening, or one fact of the lore; how far it is learned; what it costs.

A task holds a model, which methods change in place. `gain` is how far the model has learned what it was taught, the
same number for every method, 1 at most:

- sight: usable information on the taught lessons, a share of what there is to know;
- listen: (H(answers) - cross-entropy among the candidates) / H(answers) on them. The novice has nearly all usable
  information before any lesson: it knows which way is safe, and does not go there. So its beliefs count as they are;
- fact: the new answer's probability behind the taught sentence, in six contexts (geometric mean).
"""

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any

import torch
from torch import Tensor
from transformers import PreTrainedModel

from game.realm.rules import Rules
from perception.packing import Decision
from training.behaviours.registry import behaviour_of
from training.config import RATES, LearnConfig, TeachConfig
from training.heads.score import Probe, answers_of, d_prime
from training.heads.usable import UsableLoss, together, usable_losses
from training.heads.usable_information import Beliefs, Worth, calibrate
from training.optim.frozen import choose_parameters, frozen_step, guarded_step
from training.precedents.behaviour_edit import edit_behaviour, layer_effects, wrong_by_answer
from training.precedents.editor import Editor, request_of
from training.precedents.facts import Case
from training.precedents.prompts import answer, fill, prompt
from training.precedents.retention import Retention
from training.precedents.rivals import answer_loss, texts_of
from training.precedents.scores import score
from training.teach import Teacher, make_optimizer, restriction_of

SIGHT, LISTEN, FACT = "sight", "listen", "fact"
KINDS = (SIGHT, FACT, LISTEN)
NET = Callable[[PreTrainedModel], Tensor]
SPOT = {SIGHT: 4, LISTEN: 8}  # lessons of the batch that sharpness is measured on
SHARED = 10  # held-out probes over which the gain is shared out among units
TRACED = 6  # decisions that are traced
SETTLE = 10_000  # steps over which the rate would fall: it stays


@dataclass(frozen=True)
class Sizes:
    """lessons: taught scenes, all of them measured; probes: unseen scenes; facts: of a seed."""

    lessons: int = 24
    probes: int = 24
    facts: int = 4
    retained: int = 12  # scenes of what has to stay


class Task(ABC):
    """One thing to teach. name: of the kind; label: which one."""

    name: str
    label: str
    every = 4  # steps of a training between two measurements of the gain

    def __init__(self, editor: Editor, retention: Retention) -> None:
        self.editor, self.model, self.retention = editor, editor.model, retention

    @abstractmethod
    def gain(self) -> float:
        """How far the model has learned what it was taught."""

    @abstractmethod
    def stepper(self, teach: TeachConfig) -> Callable[[], object]:
        """A training of the model as it is: each call is one step. Raises ValueError for units that aren't there."""

    @abstractmethod
    def edit(self, layer: int, single: bool) -> None:
        """Rank-one edits of a layer's MLP, in place. single: of one lesson alone."""

    @abstractmethod
    def held(self) -> dict[str, float | None]:
        """On what was not taught: gain, hits, new, alarms (shares of 1)."""

    @abstractmethod
    def held_gain(self) -> float:
        """The gain on what was not taught: unseen scenes; of a fact, the share of other wordings that give it."""

    @abstractmethod
    def fixed_loss(self) -> NET:
        """The loss of what was taught, on a small batch; whatever is fitted is fitted to the model as it is now."""

    @abstractmethod
    def shared_loss(self) -> NET:
        """The held-out loss that is shared out over the units."""

    @abstractmethod
    def effects(self) -> Tensor:
        """(L,) causal tracing: what each layer's MLP at the last token brings back, in the model as it is now."""

    @abstractmethod
    def distance(self, net: PreTrainedModel) -> float:
        """d' on what was taught (of a fact: the new answer's probability), for the curves of sharpness."""


class PlainLoss:
    """Cross-entropy among the candidates, as the beliefs are."""

    def __init__(self, losses: UsableLoss) -> None:
        self._losses = losses

    def __call__(self, net: PreTrainedModel) -> Tensor:
        return self._losses.beliefs(net).plain()


class BehaviourTask(Task):
    """Sight or listening, taught by the lessons of one seed."""

    def __init__(self, name: str, editor: Editor, retention: Retention, seed: int, sizes: Sizes, rules: Rules) -> None:
        super().__init__(editor, retention)
        self.name, self.label, self._rules = name, f"seed {seed}", rules
        config = LearnConfig(behaviour=name, lessons=sizes.lessons, probes=sizes.probes, seed=seed)
        self.behaviour = behaviour_of(config, self.model, rules)
        lessons = self.behaviour.lesson_counts.lessons
        self.wanted = next(probe.wanted for probe in self.behaviour.probes)
        self.taught = [
            Probe(lesson.scene, tuple(map(str, lesson.answers)), len(lesson.answers), self.wanted) for lesson in lessons
        ]
        self._losses = usable_losses(self.model, [self.taught])
        spot = usable_losses(self.model, [self.taught[: SPOT[name]], self.taught[SPOT[name] :]])
        self._spot = spot.chunks[0]
        judged = self.behaviour.judged
        self._held = usable_losses(self.model, [judged])
        self._shared = usable_losses(self.model, [judged[:SHARED], judged[SHARED:]]).chunks[0]

    def _gain(self, worth: Worth) -> float:
        return worth.share if self.name == SIGHT else (worth.entropy - worth.plain) / worth.entropy

    def gain(self) -> float:
        return self._gain(self._losses.worth(self._losses.beliefs(self.model.net)))

    def stepper(self, teach: TeachConfig) -> Callable[[], object]:
        settled = replace(teach, settle=SETTLE)
        behaviour = self.behaviour
        return Teacher(self.model, settled, self._rules, behaviour.journal, behaviour.source).step

    def edit(self, layer: int, single: bool) -> None:
        groups = wrong_by_answer(self.model, self.taught, answers_of(self.model, self.taught))
        edit_behaviour(self.editor, groups, layer, single)

    def held(self) -> dict[str, float | None]:
        whole = self.behaviour.score(self.model)
        new = whole.more.get("hits_new_forms") if self.name == LISTEN else whole.hits_new_pairs
        return {"gain": self.held_gain(), "hits": whole.hits, "new": new, "alarms": whole.false_alarms}

    def held_gain(self) -> float:
        return self._gain(self._held.worth(self._held.beliefs(self.model.net)))

    def fixed_loss(self) -> NET:
        if self.name == LISTEN:
            return PlainLoss(self._spot)
        with torch.no_grad():
            fitted = calibrate(self._losses.whole.beliefs(self.model.net))
        spot = together([self._spot])
        spot.held = fitted
        return spot

    def shared_loss(self) -> NET:
        return PlainLoss(self._shared) if self.name == LISTEN else self._shared

    def effects(self) -> Tensor:
        right = [
            [answer if answer not in self.wanted else "" for answer in probe.answers] for probe in self.taught
        ]  # all wanted decisions count as wrong, so that they are the ones that are traced
        groups = wrong_by_answer(self.model, self.taught, right)
        each = [group[0] for group in groups.values()] + [one for group in groups.values() for one in group[1:]]
        return layer_effects(self.model, each[:TRACED])

    @torch.no_grad()
    def distance(self, net: PreTrainedModel) -> float:
        return distance_of(self._spot.beliefs(net), self.taught[: SPOT[self.name]], self.wanted)


def distance_of(beliefs: Beliefs, probes: list[Probe], wanted: tuple[str, ...]) -> float:
    """d' of the most believed answers to the probes' decisions, which the beliefs are of."""
    counts = {"hits": 0, "spirits": 0, "alarms": 0, "empties": 0}
    decisions = [(probe, index) for probe in probes for index in range(probe.places)]
    for (probe, index), best in zip(decisions, beliefs.z_NC.argmax(1).tolist(), strict=True):
        said, true = sorted(probe.scene.questions[index].candidates)[best], probe.answers[index]
        counts["spirits" if true in wanted else "empties"] += 1
        if true in wanted:
            counts["hits"] += said == true
        else:
            counts["alarms"] += said in wanted
    return d_prime(counts["hits"], counts["spirits"], counts["alarms"], counts["empties"])


class FactTask(Task):
    """One fact of the lore and its new answer, taught behind the editor's contexts."""

    name = FACT
    every = 1

    def __init__(self, editor: Editor, retention: Retention, case: Case) -> None:
        super().__init__(editor, retention)
        self.case, self.label = case, fill(case.template, case.subject)
        self._texts = texts_of(editor, case)

    def _loss(self, net: PreTrainedModel) -> Tensor:
        return answer_loss(net, self._texts.prompts, self._texts.answer)

    @torch.no_grad()
    def gain(self) -> float:
        return float((-self._loss(self.model.net)).exp())

    def stepper(self, teach: TeachConfig) -> Callable[[], object]:
        net, texts = self.model.net, self._texts
        restriction = restriction_of(teach, self.model)
        parameters = choose_parameters(net, teach.train) if restriction is None else restriction.parameters
        optimizer = make_optimizer(teach, parameters, RATES[teach.optimizer] if teach.lr is None else teach.lr)
        contexts = [ids[:split] for ids, split in zip(texts.prompts, texts.splits, strict=True)]
        decisions = [
            Decision(number, ids[split:], texts.answer)
            for number, (ids, split) in enumerate(zip(texts.prompts, texts.splits, strict=True))
        ]

        def step() -> None:
            guarded_step(optimizer, torch.tensor(frozen_step(net, contexts, decisions).loss), restriction)

        return step

    def edit(self, layer: int, single: bool) -> None:
        self.editor.edit(request_of(self.case), layer)

    def held(self) -> dict[str, float | None]:
        scores = score(self.model, [self.case], self.editor.corpus.contexts[0])
        share: Mapping[str, Any] = {key: None if value is None else value / 100 for key, value in scores.items()}
        alarms = None if share["neighbourhood"] is None else 1 - share["neighbourhood"]
        return {"gain": share["paraphrase"], "hits": share["said"], "new": share["held"], "alarms": alarms,
                "own": share["own_said"], "score": share["score"]}  # fmt: skip

    def held_gain(self) -> float:
        return self.held()["gain"] or 0.0

    def fixed_loss(self) -> NET:
        return self._loss

    def shared_loss(self) -> NET:
        """Of the sentence in other words: nobody taught them."""
        texts = [fill(text, self.case.subject, self.editor.corpus.contexts[0]) for text in self.case.paraphrases]
        ids = [tuple(self.model.tokenizer(text)["input_ids"]) for text in texts]
        return lambda net: answer_loss(net, ids, self._texts.answer)

    def effects(self) -> Tensor:
        """Of the true answer, in the model as it is: it knows the fact."""
        context, tokenizer = self.editor.corpus.contexts[0], self.model.tokenizer
        question = prompt(tokenizer, self.case.template, self.case.subject, context)
        target = answer(tokenizer, fill(self.case.template, self.case.subject, context), self.case.true)
        return layer_effects(self.model, [(question, target)])

    @torch.no_grad()
    def distance(self, net: PreTrainedModel) -> float:
        return float((-self._loss(net)).exp())
