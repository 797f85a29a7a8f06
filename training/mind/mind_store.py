"""What a mind keeps between lives: the weights that learned, the lessons, and how many steps were taken.

A folder with `weights.safetensors` and `journal.msgpack`; each file is written whole, the weights first. Their header
says which model and how many steps they are of, so that a save that was cut short between the two is no loss: the
weights go by their own header, and the journal is the one before (none after a first save: the game teaches again).
"""

from pathlib import Path

import msgspec
from safetensors import SafetensorError, safe_open
from safetensors.torch import load_file, save
from transformers import PreTrainedModel

from common.files import write_whole
from perception.messages import Lesson
from perception.model import Model
from perception.model import save as save_model

WEIGHTS, JOURNAL = "weights.safetensors", "journal.msgpack"
VERSION = 1  # of journal.msgpack
# Files of a Hugging Face folder: an export replaces one that holds nothing else.
EXPORTED = ("*config.json", "*token*", "vocab.*", "merges.txt", "chat_template.*", "model*.safetensors*")
LARGEST_JOURNAL = 64 * 2**20  # bytes: some ten thousand lessons


class MindStoreError(ValueError):
    """A saved mind that cannot be used: one line, which file, why, how to mend it."""


class SavedMind(msgspec.Struct, frozen=True):
    """journal.msgpack: the model the weights belong to, the steps taken, and every lesson."""

    model: str  # weights_hash of the model it started from
    steps: int
    lessons: tuple[Lesson, ...]
    version: int = VERSION
    taught_at: int = 0  # the step at which the last lesson came: the rate goes by it


def save_mind(folder: Path, net: PreTrainedModel, journey: SavedMind) -> None:
    """Weights that train (requires_grad), then the journal."""
    folder.mkdir(parents=True, exist_ok=True)
    learned = {name: p.detach().cpu().contiguous() for name, p in net.named_parameters() if p.requires_grad}
    told = {"model": journey.model, "steps": str(journey.steps), "taught_at": str(journey.taught_at)}
    write_whole(folder / WEIGHTS, save(learned, told))
    write_whole(folder / JOURNAL, msgspec.msgpack.encode(journey))


def load_mind(folder: Path, net: PreTrainedModel, model: str) -> SavedMind | None:
    """Put saved weights into `net`, return the journey; None if nothing was saved. Raises KeepError, net unchanged."""
    if not (folder / WEIGHTS).exists() and not (folder / JOURNAL).exists():
        return None
    try:
        journey, weights = _read(folder), load_file(folder / WEIGHTS)
    except MindStoreError:
        raise
    except (OSError, SafetensorError, ValueError, RecursionError) as error:  # ValueError: msgspec's own, and bad UTF-8
        what = " ".join(str(error).split())
        raise MindStoreError(f"{folder}: the saved mind cannot be read ({what}); move it away to start anew") from error
    if journey.version != VERSION:
        raise MindStoreError(f"{folder / JOURNAL}: version {journey.version}, this is {VERSION}; move the folder away")
    if journey.model != model:
        raise MindStoreError(f"{folder}: saved from another model; give that --model, or move the folder away")
    if any(len(lesson.answers) != len(lesson.scene.questions) for lesson in journey.lessons):
        raise MindStoreError(f"{folder / JOURNAL}: a lesson's answers do not fit; move the folder away")
    own = dict(net.named_parameters())
    for name, tensor in weights.items():
        if name not in own or own[name].shape != tensor.shape or not tensor.isfinite().all():
            raise MindStoreError(f"{folder / WEIGHTS}: {name} does not fit the model; move the folder away")
    for name, tensor in weights.items():
        own[name].data.copy_(tensor)
    return journey


def _read(folder: Path) -> SavedMind:
    """The journal, with what the weights say of themselves. Raises KeepError and whatever reading raises."""
    with safe_open(folder / WEIGHTS, "pt") as file:
        told = file.metadata() or {}
    if not (folder / JOURNAL).exists() and "model" in told:  # the first save was cut short
        journey = SavedMind(told["model"], 0, ())
    elif (folder / JOURNAL).stat().st_size > LARGEST_JOURNAL:
        raise MindStoreError(f"{folder / JOURNAL}: larger than {LARGEST_JOURNAL} bytes; move it away to start anew")
    else:
        journey = msgspec.msgpack.decode((folder / JOURNAL).read_bytes(), type=SavedMind)
    if told.get("model", journey.model) != journey.model:
        raise MindStoreError(f"{folder}: weights and journal are of different models; move the folder away")
    steps, taught_at = int(told.get("steps", journey.steps)), int(told.get("taught_at", journey.taught_at))
    return msgspec.structs.replace(journey, steps=max(0, steps), taught_at=max(0, taught_at))


def export_mind(model: Model, folder: Path) -> None:
    """Write a Hugging Face folder of the mind as it is. Replaces an older export; raises KeepError where the path
    holds anything else, OSError where it can't be written.
    """
    if folder.exists():
        files = sorted(folder.iterdir()) if folder.is_dir() else [folder]
        ours = all(file.is_file() and any(file.match(known) for known in EXPORTED) for file in files)
        if not ours or (files and not (folder / "config.json").is_file()):
            raise MindStoreError(f"{folder}: is in the way and no exported mind; give a new name")
    save_model(model, folder)
