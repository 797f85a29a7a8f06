"""What a mind keeps between lives: the weights that learned, the lessons, and how many steps were taken.

A folder with `weights.safetensors` and `journal.msgpack`; each file is written whole.
"""

from pathlib import Path

import msgspec
from safetensors import SafetensorError
from safetensors.torch import load_file, save
from transformers import PreTrainedModel

from game.realm.replay import write_whole
from perception.messages import Lesson

WEIGHTS, JOURNAL = "weights.safetensors", "journal.msgpack"
VERSION = 1  # of journal.msgpack
LARGEST_JOURNAL = 64 * 2**20  # bytes: some ten thousand lessons


class KeepError(ValueError):
    """A saved mind that cannot be used: one line, which file, why, how to mend it."""


class Journey(msgspec.Struct, frozen=True):
    """journal.msgpack: the model the weights belong to, the steps taken, and every lesson."""

    model: str  # weights_hash of the model it started from
    steps: int
    lessons: tuple[Lesson, ...]
    version: int = VERSION
    taught_at: int = 0  # the step at which the last lesson came: the rate goes by it


def save_mind(folder: Path, net: PreTrainedModel, journey: Journey) -> None:
    """Weights that train (requires_grad), then the journal."""
    folder.mkdir(parents=True, exist_ok=True)
    learned = {name: p.detach().cpu().contiguous() for name, p in net.named_parameters() if p.requires_grad}
    write_whole(folder / WEIGHTS, save(learned))
    write_whole(folder / JOURNAL, msgspec.msgpack.encode(journey))


def load_mind(folder: Path, net: PreTrainedModel, model: str) -> Journey | None:
    """Put saved weights into `net`, return the journey; None if nothing was saved. Raises KeepError, net unchanged."""
    if not (folder / WEIGHTS).exists() and not (folder / JOURNAL).exists():
        return None
    try:
        if (folder / JOURNAL).stat().st_size > LARGEST_JOURNAL:
            raise KeepError(f"{folder / JOURNAL}: larger than {LARGEST_JOURNAL} bytes; move it away to start anew")
        journey = msgspec.msgpack.decode((folder / JOURNAL).read_bytes(), type=Journey)
        weights = load_file(folder / WEIGHTS)
    except KeepError:
        raise
    except (OSError, SafetensorError, ValueError, RecursionError) as error:  # ValueError: msgspec's own, and bad UTF-8
        what = " ".join(str(error).split())
        raise KeepError(f"{folder}: the saved mind cannot be read ({what}); move it away to start anew") from error
    if journey.version != VERSION:
        raise KeepError(f"{folder / JOURNAL}: version {journey.version}, this is {VERSION}; move the folder away")
    if journey.model != model:
        raise KeepError(f"{folder}: saved from another model; give that --model, or move the folder away to start anew")
    if any(len(lesson.answers) != len(lesson.scene.questions) for lesson in journey.lessons):
        raise KeepError(f"{folder / JOURNAL}: a lesson's answers do not fit; move the folder away to start anew")
    own = dict(net.named_parameters())
    for name, tensor in weights.items():
        if name not in own or own[name].shape != tensor.shape or not tensor.isfinite().all():
            raise KeepError(f"{folder / WEIGHTS}: {name} does not fit the model; move the folder away to start anew")
    for name, tensor in weights.items():
        own[name].data.copy_(tensor)
    return journey
