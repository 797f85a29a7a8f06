"""What a mind keeps between lives: the weights that learned, the lessons, and how many steps were taken.

A folder with `weights.safetensors` and `journal.msgpack`, and of both the state before (NAME.bak). Each file is written
whole, holds a hash of itself, and says by itself what it is of: one is as good as it is without the other. A file that
is damaged is moved aside (NAME.old) and the state before takes its place; nothing that was saved is ever deleted.
"""

from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import NamedTuple, TypeVar

import msgspec
from torch import Tensor
from transformers import PreTrainedModel

from common.files import read_bytes, write_whole
from perception.messages import Lesson
from training.mind.sealed import digest_of, sealed
from training.mind.trained_weights import (
    HEADER_MAX,
    WeightsError,
    pack_weights,
    put_weights,
    trained_weights,
    unpack_weights,
)

WEIGHTS, JOURNAL = "weights.safetensors", "journal.msgpack"
VERSION = 1  # of journal.msgpack
LARGEST_JOURNAL = 64 * 2**20  # bytes: some ten thousand lessons
Content = TypeVar("Content")


class MindStoreError(ValueError):
    """A saved mind that cannot be used, though nothing is damaged: one line, the remedy first."""


class Damaged(ValueError):
    """A file that does not hold what was written: why, in a few words without its path."""


class SavedMind(msgspec.Struct, frozen=True):
    """journal.msgpack: the model the weights belong to, the steps taken, and every lesson."""

    model: str  # weights_hash of the model it started from
    steps: int
    lessons: tuple[Lesson, ...]
    version: int = VERSION
    taught_at: int = 0  # the step at which the last lesson came: the rate goes by it
    digest: str = ""  # hash of all the other fields; "" in files of earlier versions


class _JournalFile(msgspec.Struct, frozen=True):
    """SavedMind with each lesson as it lies on disk: one that is not a lesson costs itself alone."""

    model: str
    steps: int
    lessons: tuple[msgspec.Raw, ...]
    version: int = VERSION
    taught_at: int = 0
    digest: str = ""


class LoadedMind(NamedTuple):
    """What a folder held. has_weights: False if the net is as it was. notes: lines for the player, the remedy first."""

    saved: SavedMind
    has_weights: bool
    notes: list[str]


class _Header(NamedTuple):
    """What saved weights say of themselves; None: files of early versions don't say it."""

    model: str | None
    steps: int | None
    taught_at: int | None


def save_mind(folder: Path, net: PreTrainedModel | None, saved: SavedMind) -> None:
    """Write the weights that train (requires_grad), then the journal. net None: the weights are saved already.

    What is replaced becomes the backup, or is moved aside where it is damaged. Raises OSError.
    """
    folder.mkdir(parents=True, exist_ok=True)
    if net is not None:
        notes = {"model": saved.model, "steps": str(saved.steps), "taught_at": str(saved.taught_at)}
        _replace(folder / WEIGHTS, pack_weights(trained_weights(net), notes), _weights)
    _replace(folder / JOURNAL, pack_journal(saved), _journal)


def pack_journal(saved: SavedMind) -> bytes:
    """journal.msgpack, with its hash."""
    return sealed(saved)


def _replace(path: Path, data: bytes, check: Callable[[bytes], object]) -> None:
    if path.exists():
        try:
            before = path.read_bytes()
            check(before)
        except (Damaged, IsADirectoryError):
            move_aside(path)
        else:
            write_whole(backup_of(path), before)
    write_whole(path, data)


def backup_of(path: Path) -> Path:
    """Where the state before lies."""
    return path.with_name(path.name + ".bak")


def move_aside(path: Path) -> Path:
    """Move a file or folder to NAME.old, or the first such name that is free. Raises OSError."""
    number, aside = 1, path.with_name(path.name + ".old")
    while aside.exists() or aside.is_symlink():
        number += 1
        aside = path.with_name(f"{path.name}.old{number}")
    return path.rename(aside)


def load_mind(
    folder: Path, net: PreTrainedModel, model: str, check: Callable[[Lesson], None] = lambda lesson: None
) -> LoadedMind | None:
    """Put saved weights into `net`; None if nothing was saved.

    model: weights_hash of the net as it came. check: raises ValueError for a lesson that can't be learned from; it is
    left out. What is damaged is moved aside, and its backup goes on; weights and journal stand in for each other's
    faults. Raises MindStoreError, with the net unchanged, for a mind of another model or of a later version, and for
    files that may not be read.
    """
    weights_path, journal_path = folder / WEIGHTS, folder / JOURNAL
    if not any(path.exists() for whole in (weights_path, journal_path) for path in (whole, backup_of(whole))):
        return None
    largest = sum(p.nbytes for p in net.parameters()) + HEADER_MAX
    try:
        journal, journal_fault = _newest(journal_path, LARGEST_JOURNAL, partial(_own_journal, model))
        header, weights_fault = _newest(weights_path, largest, partial(_own_weights, net, model, journal))
    except MindStoreError as error:
        raise MindStoreError(f"{error} ({folder})") from error
    lessons, notes = _lessons(journal, check)
    steps, taught_at = (journal.steps, journal.taught_at) if journal else (0, 0)
    if header is None:
        steps = taught_at = 0
    elif header.steps is not None and header.steps != steps:  # the journal is of another moment
        steps, taught_at = header.steps, header.taught_at or 0
    steps = max(0, steps)
    if weights_fault:
        how = f"with the weights of step {steps}" if header else f"and learns anew from its {len(lessons)} lessons"
        notes.append(f"The mind goes on {how}: {weights_fault}")
    if journal_fault:
        how = f"with {len(lessons)} lessons" if journal else "without its old lessons"
        notes.append(f"The mind goes on {how}: {journal_fault}")
    return LoadedMind(
        SavedMind(model, steps, lessons, taught_at=min(max(0, taught_at), steps)), header is not None, notes
    )


def _newest(path: Path, limit: int, read: Callable[[bytes], Content]) -> tuple[Content | None, str]:
    """What a file of at most `limit` bytes holds, or else its backup, and why not the file itself.

    What is damaged is moved aside. Raises MindStoreError for what may not be read.
    """
    faults: list[str] = []
    for file in (path, backup_of(path)):
        try:
            if not file.is_file() and (file.exists() or file.is_symlink()):
                raise Damaged("is no file")
            return read(_bytes(file, limit)), "; ".join(faults)
        except FileNotFoundError:
            faults += [f"{file.name} is missing"] * (file is path)
        except PermissionError as error:
            raise MindStoreError(f"allow this program to read {file.name}, or move its folder away") from error
        except (Damaged, OSError) as error:
            why = str(error) if isinstance(error, Damaged) else f"cannot be read ({error.strerror})"
            faults.append(f"{file.name} {why} and {_removed(file)}")
    return None, "; ".join(faults)


def _bytes(file: Path, limit: int) -> bytes:
    try:
        return read_bytes(file, limit)
    except ValueError as error:
        raise Damaged(f"is larger than {limit:,} bytes") from error


def _removed(file: Path) -> str:
    try:
        return f"lies as {move_aside(file).name} now"
    except OSError as error:  # a read-only disk, say
        return f"can't be moved aside ({error.strerror})"


def _weights(data: bytes) -> tuple[dict[str, Tensor], _Header]:
    """Saved weights and what they say of themselves. Raises Damaged."""
    try:
        weights, notes = unpack_weights(data)
        numbers = [int(notes[key]) if key in notes else None for key in ("steps", "taught_at")]
    except ValueError as error:  # WeightsError too
        raise Damaged(str(error)) from error
    return weights, _Header(notes.get("model"), *numbers)


def _own_weights(net: PreTrainedModel, model: str, journal: _JournalFile | None, data: bytes) -> _Header:
    """Weights of this model, put into the net. Raises Damaged or MindStoreError."""
    weights, header = _weights(data)
    if header.model is None and journal is None:
        raise Damaged("does not say whose it is")
    _refuse_foreign(header.model or model, model)
    try:
        put_weights(net, weights)
    except WeightsError as error:
        raise Damaged(str(error)) from error
    return header


def _journal(data: bytes) -> _JournalFile:
    """A journal as it lies on disk. Raises Damaged, and MindStoreError for a later version."""
    try:
        journal = msgspec.msgpack.decode(data, type=_JournalFile)
    except (msgspec.MsgspecError, ValueError, RecursionError) as error:  # ValueError: bad UTF-8
        raise Damaged(f"cannot be read ({' '.join(str(error).split())[:120]})") from error
    if journal.version != VERSION:
        mismatch = f"it is of version {journal.version}, this program knows {VERSION}"
        raise MindStoreError(f"update this program, or move the mind's folder away: {mismatch}")
    if journal.digest not in ("", digest_of(journal)):
        raise Damaged("does not match its hash")
    return journal


def read_lessons(path: Path) -> tuple[Lesson, ...]:
    """The lessons of a journal, which stays as it is. Raises MindStoreError with the path, the fault and the remedy."""
    try:
        raw = _journal(_bytes(path, LARGEST_JOURNAL)).lessons
        return tuple(msgspec.msgpack.decode(lesson, type=Lesson) for lesson in raw)
    except MindStoreError as error:
        raise MindStoreError(f"{path}: {error}") from error
    except FileNotFoundError as error:
        raise MindStoreError(f"{path}: not there; give the folder of a journey") from error
    except OSError as error:
        raise MindStoreError(f"{path}: cannot be read ({error.strerror}); give the folder of a journey") from error
    except ValueError as error:  # Damaged, and msgspec's own
        raise MindStoreError(f"{path}: {' '.join(str(error).split())[:120]}; take a copy of it") from error


def model_named(folder: Path) -> str | None:
    """The hash of the model that a saved mind started from; None where no journal can be read."""
    for path in (folder / JOURNAL, backup_of(folder / JOURNAL)):
        try:
            return _journal(_bytes(path, LARGEST_JOURNAL)).model
        except (OSError, ValueError):  # Damaged, a later version: whoever loads it says so
            continue
    return None


def _own_journal(model: str, data: bytes) -> _JournalFile:
    journal = _journal(data)
    _refuse_foreign(journal.model, model)
    return journal


def _refuse_foreign(saved: str, model: str) -> None:
    if saved != model:
        raise MindStoreError(
            "give the --model it learned with, or move its folder away: it was saved from another model"
        )


def _lessons(journal: _JournalFile | None, check: Callable[[Lesson], None]) -> tuple[tuple[Lesson, ...], list[str]]:
    """The lessons that can be learned from, and a line about those that can't."""
    lessons: list[Lesson] = []
    faults: list[str] = []
    for raw in journal.lessons if journal else ():
        try:
            lesson = msgspec.msgpack.decode(raw, type=Lesson)
            check(lesson)
        except Exception as error:  # whatever is wrong with a lesson costs that lesson
            faults.append(" ".join(str(error).split())[:120])
        else:
            lessons.append(lesson)
    some = f"{len(faults)} of its {len(lessons) + len(faults)} lessons"
    notes = [f"The mind goes on without {some}: it can't learn from them ({faults[0]})"] if faults else []
    return tuple(lessons), notes
