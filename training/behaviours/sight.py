"""Sight: spirits are named at places where they were silent, empty places stay empty, and so does the mundane."""

from functools import cached_property

from game.realm.rules import Rules
from game.realm.sampler import SCENES_PER_REALM
from perception.model import Model
from training.behaviours.behaviour import Behaviour, filled
from training.config import LearnConfig
from training.data.lessons import Journal, LessonCounts, generated, held_out_pairs, shown_pairs
from training.heads.score import Probe, Score, new_pair_probes, probes, score


class Sight(Behaviour):
    """Lessons from the generator, every place labelled; probes beside them with pairs of traces that no lesson held."""

    name = "sight"
    together = SCENES_PER_REALM

    def __init__(self, config: LearnConfig, model: Model, rules: Rules) -> None:
        super().__init__(model, rules)
        self._seed, self._count, self._shuffled = config.seed, config.lessons, config.control == "shuffled"
        self._spirits, self._probing, self._probes = config.spirits, config.probing, config.probes

    @cached_property
    def journal(self) -> Journal:
        return filled(generated(self._seed, self._count, self.model.tongue, self.rules, self._shuffled, self._spirits))

    @property
    def lesson_counts(self) -> LessonCounts:
        return self.journal

    @cached_property
    def probes(self) -> list[Probe]:
        return probes(self._probing, self._probes, self.model.tongue, self.rules, untaught=self.model.untaught)

    @cached_property
    def _taught(self) -> list[tuple[str, str, str]]:
        lessons = self.journal.lessons
        return [pair for lesson in lessons for pair in shown_pairs(self.rules, lesson.scene, lesson.answers)]

    @cached_property
    def _fresh(self) -> list[Probe]:
        barred = held_out_pairs(self.rules, self._seed)
        return new_pair_probes(self._seed, self.model.tongue, self.rules, self._taught, barred)

    def score(self, model: Model) -> Score:
        return score(model, self.probes, self.rules, self._fresh, self._taught)
