"""How far a mind's practice has come beside its weights: optimizer, random stream, counts. Saved with the weights, so
that on a CPU a mind that was killed goes on bit for bit as if it had only paused.

state.safetensors says which weights it belongs to. It is written before them, and the one before it stays as its
backup: whichever weights a kill leaves, their state is one of the two.
"""

import hashlib
import json
from pathlib import Path
from typing import Any

from safetensors import SafetensorError
from safetensors.torch import load, save
from torch import Tensor

from common.files import read_bytes, write_whole
from perception.model import tensors_hash
from training.mind.mind_store import backup_of
from training.teach import Teacher

STATE = "state.safetensors"
VERSION = 1
LARGEST = 2**31  # bytes
PLAIN, DIGEST = "plain", "digest"  # keys of the header
Stream = tuple[Any, ...]  # random.Random.getstate()


def save_state(folder: Path, teacher: Teacher, stream: Stream, weights: str) -> None:
    """Write what later steps depend on. stream: of the teacher, as it was before the step under way; weights: their
    hash. Raises OSError.
    """
    plain, tensors = teacher.state()
    plain |= {"version": VERSION, "weights": weights, "stream": stream}
    kept = {name: tensor.detach().cpu().contiguous() for name, tensor in tensors.items() if not _is_weight(name)}
    text = json.dumps(plain)
    path = folder / STATE
    if path.exists() and _read(path) is not None:
        write_whole(backup_of(path), path.read_bytes())
    write_whole(path, save(kept, {PLAIN: text, DIGEST: _digest(kept, text)}))


def resume_state(folder: Path, teacher: Teacher, weights: str) -> bool:
    """Let a fresh teacher go on as it was saved with weights of this hash. False if nothing whole belongs to them."""
    path = folder / STATE
    for file in (path, backup_of(path)):
        content = _read(file)
        if content is None or content[0].get("weights") != weights:
            continue
        plain, tensors = content
        whole = tensors | {f"weight/{name}": p.detach() for name, p in teacher.learning().items()}
        try:
            teacher.go_on_from(plain, whole, plain["stream"])
        except (KeyError, TypeError, ValueError, RuntimeError, IndexError, AttributeError):
            return False
        return True
    return False


def _read(path: Path) -> tuple[dict[str, Any], dict[str, Tensor]] | None:
    """What a file holds; None if it isn't there, or not as it was written."""
    try:
        data = read_bytes(path, LARGEST)
        header = json.loads(data[8 : 8 + int.from_bytes(data[:8], "little")])["__metadata__"]
        tensors = load(data)
        if header[DIGEST] != _digest(tensors, header[PLAIN]):
            return None
        plain = json.loads(header[PLAIN])
    except (OSError, SafetensorError, ValueError, KeyError, TypeError, RecursionError):
        return None
    return (plain, tensors) if isinstance(plain, dict) and plain.get("version") == VERSION else None


def _digest(tensors: dict[str, Tensor], plain: str) -> str:
    return hashlib.blake2b(f"{plain}/{tensors_hash(sorted(tensors.items()))}".encode(), digest_size=8).hexdigest()


def _is_weight(name: str) -> bool:
    return name.startswith("weight/")
