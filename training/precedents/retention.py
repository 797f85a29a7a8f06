"""What a change must leave as it was: mundane answers, lore, and the judgement of what is said."""

from collections.abc import Collection

from game.realm.rules import Rules
from game.realm.talk import SAFE
from perception.model import Model
from training.behaviours.listen import MUNDANE, SPIRITS, talk_probes
from training.heads.score import answers_of, probes, tally
from training.precedents.facts import lore_cases
from training.precedents.scores import known


class Retention:
    """Answers of a model as it is, and how many of them it still gives later.

    mundane: the share right of ordinary questions about scenes. lore: the share still said of the facts that it knew.
    judgement: the share of its answers to what is said (danger, opinions, questions, idle talk; no safe directions)
    that are as they were.
    """

    def __init__(self, model: Model, rules: Rules, seed: int, scenes: int, context: str) -> None:
        self._context = context
        self._probes = probes(seed, scenes, model.tongue, rules, "surgical/mundane", untaught=model.untaught)
        self._talk = talk_probes(seed, scenes, model.tongue, rules, "surgical/judgement")
        self._answers = answers_of(model, self._talk)
        cases = [case for half in lore_cases() for case in half]
        self._cases = [case for case, knows in zip(cases, known(model, cases, context), strict=True) if knows]

    def mundane(self, model: Model) -> float:
        """The share right of ordinary questions."""
        return tally(self._probes, answers_of(model, self._probes)).mundane

    def measure(self, model: Model, changed: Collection[tuple[str, str]] = ()) -> dict[str, float]:
        """changed: (subject, true answer) of facts that were changed on purpose; they don't count."""
        cases = [case for case in self._cases if (case.subject, case.true) not in changed]
        lore = known(model, cases, self._context) if cases else []
        same = [
            said == before
            for probe, now, then in zip(self._talk, answers_of(model, self._talk), self._answers, strict=True)
            for said, before, kind in zip(now, then, probe.kinds, strict=True)
            if kind not in (SAFE, MUNDANE, SPIRITS)
        ]
        return {
            "mundane": self.mundane(model),
            "lore": sum(lore) / max(1, len(lore)),
            "judgement": sum(same) / max(1, len(same)),
        }
