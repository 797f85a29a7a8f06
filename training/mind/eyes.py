"""Whose eyes a scene is seen through: the mind's own, the same mind as it came, or a model that was born seeing."""

from pathlib import Path

from perception.messages import Eyes
from perception.model import Model, load


class EyesError(ValueError):
    """Eyes that one cannot look through: one line, why."""


class Looks:
    """The models behind the eyes. seer: a Hugging Face folder, loaded when somebody first looks through it.

    like: of another mind of this model, with which the born seer is shared.
    """

    def __init__(self, you: Model, blind: Model, seer: Path | None = None, like: "Looks | None" = None) -> None:
        self._models: dict[str, Model] = {"you": you, "blind": blind}
        self._like = like
        self._seer = seer if seer is not None and (seer / "config.json").is_file() else None
        self._fault = ""

    @property
    def eyes(self) -> tuple[Eyes, ...]:
        """Those that one can look through."""
        if self._like is not None:
            return self._like.eyes
        return ("you", "blind", "seer") if self._seer is not None and not self._fault else ("you", "blind")

    def model(self, eyes: Eyes) -> Model:
        """Raises EyesError when there is no born seer, or one that cannot be used; it is tried only once."""
        if self._like is not None and eyes == "seer":
            return self._like.model(eyes)
        if eyes not in self._models:
            self._models[eyes] = self._born()
        return self._models[eyes]

    def _born(self) -> Model:
        if self._seer is None:
            raise EyesError("there is no born seer here; give the mind one with --seer DIR")
        if not self._fault:
            you = self._models["you"]
            try:
                seer = load(self._seer, you.device)
            except ValueError as error:  # ModelError
                self._fault = f"the born seer can't be used: {error}"
            else:
                if seer.tongue == you.tongue:
                    return seer
                self._fault = f"the born seer speaks {seer.tongue}, not {you.tongue}: it can't be told what you sense"
        raise EyesError(self._fault)
