"""What a behaviour is: lessons, what a step trains on, probes, how it is scored, which decisions heads are compared on.

A behaviour is made for one training, and for one model as it is before. It has wanted decisions, decisions at which the
wanted answer would be wrong, and all the rest, which has to stay as it was.
"""

from abc import ABC, abstractmethod
from collections.abc import Sequence
from functools import cached_property

from transformers import PreTrainedModel

from game.realm.rules import Rules
from perception.messages import Lesson
from perception.model import Model
from training.data.lessons import Journal, LessonCounts
from training.heads.balanced import judged_chunks
from training.heads.score import Probe, Score, answers_of, tally
from training.heads.usable import UsableChunks, usable_losses
from training.teach import Source


class Behaviour(ABC):
    """name: as on the command line. curve_probes: how many the curve is drawn on; judged_probes: over how many the gain
    is shared out where its chunks can't be balanced. together: so many neighbours among the probes belong to one realm,
    and share a chunk. finite: whether steps draw the same contexts again and again."""

    name: str
    curve_probes = 48
    judged_probes = 32
    together = 1
    finite = False

    def __init__(self, model: Model, rules: Rules) -> None:
        self.model, self.rules = model, rules

    @property
    @abstractmethod
    def lesson_counts(self) -> LessonCounts:
        """What the lessons show."""

    @cached_property
    @abstractmethod
    def probes(self) -> list[Probe]:
        """What is measured before and after; nothing of it stands in a lesson."""

    @property
    def journal(self) -> Journal | None:
        """The lessons to dream of; None where `source` says what steps train on."""
        return None

    @property
    def source(self) -> Source | None:
        """What steps train on; None for scenes of the journal's lessons."""
        return None

    @property
    def judged(self) -> list[Probe]:
        """Probes over which the gain is shared out: each holds a decision that the behaviour is about."""
        return [probe for chunk in self.judged_chunks() for probe in chunk]

    def score(self, model: Model) -> Score:
        """All that is measured before and after."""
        return tally(self.probes, answers_of(model, self.probes))

    def glance(self, model: Model) -> Score:
        """A point of the curve."""
        probes = self.probes[: self.curve_probes]
        return tally(probes, answers_of(model, probes))

    def gain_losses(self, context: PreTrainedModel | None = None) -> UsableChunks:
        """The losses over which the gain is shared out, one for each chunk of probes: usable information.

        context: a model that reads the contexts, whoever decides; by default the one that reads them for the
        behaviour's model, if there is one. Raises ValueError where the probes hold nothing to know, or too few
        decisions to tell it from how often each answer comes.
        """
        return usable_losses(self.model, self.judged_chunks(), context=context or self.model.context)

    def judged_chunks(self) -> list[list[Probe]]:
        """The probes over which the gain is shared out, chunk by chunk: in each, every answer comes as often.

        Where they are too few for that, the first `judged_probes` as they are.
        """
        return self._chunks

    @cached_property
    def _chunks(self) -> list[list[Probe]]:
        return judged_chunks([probe for probe in self.probes if probe.places], self.together, self.judged_probes)

    def check(self) -> None:
        """Raises ValueError if a probe tells the same scene as a lesson."""
        taught = {lesson.scene.text: number for number, lesson in enumerate(self.lesson_counts.lessons)}
        for number, probe in enumerate(self.probes):
            if probe.scene.text in taught:
                raise ValueError(f"probe {number} tells the same scene as lesson {taught[probe.scene.text]}: leakage")


def filled(lessons: Sequence[Lesson]) -> Journal:
    """A journal of these lessons."""
    journal = Journal()
    for lesson in lessons:
        journal.add(lesson)
    return journal
