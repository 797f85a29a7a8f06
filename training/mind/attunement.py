"""Which heads of a mind practise: all of them, or those alone that the player chose. The others rest: they keep what
they learned, bit for bit.

attunement.msgpack lies beside the weights. Where it is damaged all heads practise, and the mind says so.
"""

from collections.abc import Sequence
from pathlib import Path

from msgspec import Struct

from common.files import write_whole
from perception.model import Model
from training.config import TeachConfig
from training.mind.sealed import read_sealed, sealed
from training.optim.restricted import Place, attuned

ATTUNEMENT = "attunement.msgpack"
VERSION = 1
LARGEST = 2**16  # bytes


class AttunementError(ValueError):
    """Heads that can't be chosen, or a file that can't be used: one line."""


class AttunementFile(Struct, frozen=True):
    """attunement.msgpack. model: weights_hash of the mind as it came; heads: by index, none for all."""

    model: str
    heads: tuple[int, ...]
    version: int = VERSION
    digest: str = ""


class Attunement:
    """heads: those that practise, by index (layer * heads + head), in order; none: all of them.

    origin: weights_hash of the model as it came; folder: where it is kept, None for nowhere.
    """

    def __init__(self, model: Model, teach: TeachConfig, origin: str, folder: Path | None) -> None:
        self._model, self.teach, self._origin, self._folder = model, teach, origin, folder
        self._saved = True
        self.heads: tuple[int, ...] = ()

    @property
    def possible(self) -> bool:
        """Whether heads can be chosen here: attention trains, and no setting chose already."""
        if self.teach.restricted:
            return False
        try:
            attuned(self._model.net, [(0, 0)])
        except ValueError:
            return False
        return True

    def places(self, heads: Sequence[int] | None = None) -> list[Place]:
        """(layer, head) of these heads, or of those that practise."""
        return [divmod(head, self._model.heads) for head in (self.heads if heads is None else heads)]

    def named(self) -> str:
        """Those that practise as LAYER.HEAD, with commas; empty for all."""
        return ",".join(f"{layer}.{head}" for layer, head in self.places())

    def checked(self, heads: Sequence[int]) -> tuple[int, ...]:
        """A choice in order. Raises AttunementError for heads that aren't there, and where none can be chosen."""
        count = self._model.layers * self._model.heads
        if unknown := [head for head in heads if not 0 <= head < count]:
            raise AttunementError(f"choose other heads: there is no head {unknown[0]}, this mind has 0 to {count - 1}")
        if len(set(heads)) < len(heads):
            raise AttunementError("choose each head once")
        if heads and not self.possible:
            raise AttunementError("start the mind without --heads and --mlps, and let attention train, to choose heads")
        return tuple(sorted(heads))

    def choose(self, heads: tuple[int, ...]) -> None:
        """These practise from now on; they are checked already."""
        self._saved = self._saved and heads == self.heads
        self.heads = heads

    def save(self, folder: Path | None = None) -> None:
        """Write what isn't written yet to the mind's folder, or all of it to another. Raises OSError."""
        target = folder or (None if self._saved else self._folder)
        if target is not None and (folder is None or self.heads):
            write_whole(target / ATTUNEMENT, sealed(AttunementFile(self._origin, self.heads)))
            self._saved = self._saved or folder is None

    def load(self) -> str:
        """Choose what was saved; a line for the player if that can't be, else empty."""
        if self._folder is None or not (self._folder / ATTUNEMENT).exists():
            return ""
        try:
            file = read_attunement(self._folder / ATTUNEMENT)
            if file.model != self._origin:
                raise AttunementError(f"{ATTUNEMENT} is of another model")
            self.heads = self.checked(file.heads)
        except (OSError, AttunementError) as error:
            return f"The mind goes on with all its heads, choose again: {error}"
        return ""


def read_attunement(path: Path) -> AttunementFile:
    """A file of chosen heads. Raises AttunementError in one line, OSError."""
    return read_sealed(path, AttunementFile, LARGEST, VERSION, AttunementError)
