"""The minds that were shipped before: a journey that began with one of them goes on with it, and keeps what it learned.

Which one it was, the journey's own journal says, by the hash of the weights.
"""

from pathlib import Path

from common.assets import EARLIER, NOVICE, SEER
from perception.model import Model, load, weights_hash
from training.mind.mind_store import model_named

PAIRS = {EARLIER / "novice-16": EARLIER / "seer-16"}  # novice -> the born seer of its first weights


def mind_of(chosen: Path, model: Model, folder: Path | None, seer: Path | None) -> tuple[Model, Path | None]:
    """The model that a journey in `folder` learned with, and its born seer: today's, or those shipped on another day.

    chosen: whence `model` was loaded. Whatever the player chose himself stays.
    """
    if folder is None or chosen.resolve() != NOVICE.resolve():
        return model, seer
    named = model_named(folder)
    if named in (None, weights_hash(model.net)):
        return model, seer
    for novice, born in PAIRS.items():
        if novice.is_dir() and weights_hash((earlier := load(str(novice), model.device.type)).net) == named:
            return earlier, born if seer in (None, SEER) else seer
    return model, seer
