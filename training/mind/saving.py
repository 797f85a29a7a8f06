"""Saving a mind in mid-life: weights only when they moved, a fault said once, tried again the next time."""

from collections.abc import Callable, Sequence
from pathlib import Path

from transformers import PreTrainedModel

from common.files import make_folder
from perception.messages import FromMind, Lesson
from perception.model import weights_hash
from training.mind.attunement import Attunement
from training.mind.charms import Charms
from training.mind.mind_store import SavedMind, save_mind
from training.mind.practice_record import PracticeRecord, save_practice
from training.mind.trouble import trouble


class Saver:
    """Writes one mind to its folder. folder None: nowhere. model: weights_hash of the net as it came; record: of how
    it practised; beside: the charms that it wears, the heads that it practises with.
    """

    def __init__(
        self,
        folder: Path | None,
        net: PreTrainedModel,
        model: str,
        record: PracticeRecord,
        beside: Sequence[Charms | Attunement],
    ) -> None:
        self._folder, self._net, self._model, self._record, self._beside = folder, net, model, record, beside
        self._weights = ""  # the hash of those on disk
        self._step: int | None = None  # of the weights on disk; None: not those of now
        self._fault = ""  # of the last save

    @property
    def unsaved(self) -> bool:
        """Whether the last save failed."""
        return bool(self._fault)

    def save(
        self,
        steps: int,
        taught_at: int,
        lessons: Sequence[Lesson],
        again: bool = False,
        state: Callable[[Path, str], None] | None = None,
    ) -> list[FromMind]:
        """Save, if there is a place. What there is to say: a Trouble if it failed, and didn't the last time.

        again: say it whatever was said before. state: writes to the folder what goes with weights of this hash.
        """
        if self._folder is None:
            return []
        saved = SavedMind(self._model, steps, tuple(lessons), taught_at=taught_at)
        try:
            if self._step != steps:
                self._weights = weights_hash(self._net)
                if state is not None:
                    make_folder(self._folder)
                    state(self._folder, self._weights)
            save_mind(self._folder, None if self._step == steps else self._net, saved)
            for one in self._beside:
                one.save()
            save_practice(self._folder, self._record.practice(steps, len(lessons), self._weights))
        except OSError as error:
            known, self._fault = self._fault, str(error)
            reason = str(error).removeprefix(f"{self._folder}").lstrip("/\\")
            said = trouble(f"The mind can't be saved now, it tries again later: {reason}")
            return [said] if again or not known else []
        self._step, self._fault = steps, ""
        return []

    def weights_changed(self) -> None:
        """The weights are others, though of a step that was saved before."""
        self._step = None
