"""The minds that were shipped before: a journey that began with one of them goes on with it, and keeps what it learned.

Which one it was, the journey's own journal says, by the hash of the weights.
"""

from pathlib import Path

from common.assets import EARLIER, NOVICE, SEER
from perception.model import Model, choose_device, load, weights_hash
from training.mind.mind_store import model_named

PAIRS = {EARLIER / "novice-16": EARLIER / "seer-16"}  # novice -> the born seer of its first weights


def load_for(journey: Path | None, source: str, device: str, seer: Path | None = None) -> tuple[Model, Path | None]:
    """The model that a journey goes on with, and its born seer. journey: its folder, if it has one.

    source: what was asked for. Where that is the shipped novice, and the journey began with one that was shipped on
    another day, it is that one, and its seer; whatever else the player chose stays. Raises ModelError.
    """
    where = choose_device(device)
    model = load(source, where)
    if journey is None or Path(source).resolve() != NOVICE.resolve():
        return model, seer
    named = model_named(journey)
    if named in (None, weights_hash(model.net)):
        return model, seer
    for novice, born in PAIRS.items():
        if weights_hash((earlier := load(novice, where)).net) == named:
            return earlier, born if seer in (None, SEER) else seer
    return model, seer
