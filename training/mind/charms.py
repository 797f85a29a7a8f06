"""The charms of one mind: which were ever burned, which it wears, and the weights that follow from that.

A charm is a rank-one change of one MLP's output matrix (training.mind.charm_edit). Practice trains the attention
alone, so the matrix with no charm is always the one that the mind came with; with charms it is that one and each
change added in order. So one can be taken off in the middle, and the bits come back: worn charms decide them alone.

charms.msgpack lies beside the journal: every charm that was burned, with its scene, so that a journey can be replayed,
and the numbers of those that are worn.
"""

from collections.abc import Sequence
from pathlib import Path
from typing import Annotated

import torch
from msgspec import Meta, Struct
from torch import Tensor
from transformers import PreTrainedModel

from common.files import write_whole
from game.realm.rules import NOTHING, Rules
from game.realm.tongues import SENSE
from perception.messages import Burn, Charm, Number, Scene, Word
from perception.mlp_map import mlps
from perception.model import Model
from training.data.lesson_check import check_scene
from training.mind.charm_edit import charm_layer, rank_one_for
from training.mind.sealed import read_sealed, sealed
from training.precedents.rome import mlp_at

CHARMS = "charms.msgpack"
VERSION = 1
WORN_MOST = 9
BURNED_MOST = 512  # in one journey: all of them are kept
LARGEST = 64 * 2**20  # bytes of the file
Half = Annotated[bytes, Meta(max_length=2**20)]  # of a change: float64, little-endian


class Burned(Struct, frozen=True):
    """A charm as it was burned. place: the scene's word; at: the game's number of it; left, right: the change."""

    scene: Scene
    place: Word
    at: Number
    species: Word
    layer: Number
    left: Half
    right: Half


class CharmFile(Struct, frozen=True):
    """charms.msgpack. model: weights_hash of the mind as it came; worn: numbers of `burned`, in order."""

    model: str
    burned: tuple[Burned, ...]
    worn: tuple[Number, ...]
    version: int = VERSION
    digest: str = ""


class CharmError(ValueError):
    """A charm that can't be burned or taken off, or a file of charms that can't be used: one line."""


class Charms:
    """folder: where they are kept, None for nowhere. before: the net as it came; origin: its hash."""

    def __init__(self, model: Model, before: PreTrainedModel, rules: Rules, origin: str, folder: Path | None) -> None:
        self._model, self._before, self._rules = model, before, rules
        self._origin, self._folder = origin, folder
        self._saved = True
        self.burned: tuple[Burned, ...] = ()
        self.worn: tuple[int, ...] = ()

    @property
    def layer(self) -> int | None:
        """The layer that a charm burns; None if this model takes none."""
        try:
            self._check_model()
        except ValueError:
            return None
        return charm_layer(self._model)

    def _check_model(self) -> None:
        """Raises ValueError for a model whose matrix isn't there, or learns by practice."""
        mlp = mlp_at(self._model.net, charm_layer(self._model))
        if self._model.net.get_parameter(mlp.parameter).requires_grad:
            raise CharmError(f"this mind takes no charms: practice trains {mlp.parameter}, which a charm burns")

    def described(self) -> tuple[Charm, ...]:
        """The charms that are worn, for the game."""
        return tuple(
            Charm(number, one.at, one.species, one.layer)
            for number, one in ((number, self.burned[number]) for number in self.worn)
        )

    def burn(self, order: Burn) -> int:
        """Burn a charm; its number. Raises ValueError in one line, with the weights as they were."""
        self._check(order)
        change = rank_one_for(self._model, self._rules, order.scene, order.place, order.species)
        halves = (half.numpy().astype("<f8").tobytes() for half in (change.left, change.right))
        charm = Burned(order.scene, order.place, order.at, order.species, change.layer, *halves)
        number = len(self.burned)
        self.burned += (charm,)
        try:
            self.wear((*self.worn, number))
        except ValueError:
            self.burned = self.burned[:number]
            raise
        return number

    def _check(self, order: Burn) -> None:
        self._check_model()
        check_scene(self._model, order.scene)
        places = [q.place for q in order.scene.questions if q.ask == SENSE]
        if order.place not in places:
            raise CharmError(f"no charm for {order.place}: the scene asks about {', '.join(places) or 'nothing'}")
        if order.species not in self._rules.species or order.species == NOTHING:
            raise CharmError(f"no charm for {order.species!r}: it is no spirit of this realm")
        if len(self.worn) >= WORN_MOST:
            raise CharmError(f"{WORN_MOST} charms are worn already; have one taken off at a shrine first")
        if len(self.burned) >= BURNED_MOST:
            raise CharmError(f"{BURNED_MOST} charms were burned on this journey; begin a new one")
        if any((self.burned[n].at, self.burned[n].species) == (order.at, order.species) for n in self.worn):
            raise CharmError(f"a charm of {order.species} there is worn already")

    def take_off(self, number: int) -> None:
        """Take a charm off. Raises CharmError."""
        if number not in self.worn:
            raise CharmError(f"charm {number} is not worn; worn are {', '.join(map(str, self.worn)) or 'none'}")
        self.wear([worn for worn in self.worn if worn != number])

    @torch.no_grad()
    def wear(self, numbers: Sequence[int]) -> None:
        """Wear these charms and no other, in this order: the matrices follow, bit for bit.

        Raises CharmError, with the weights as they were, for one that was never burned or doesn't fit the model.
        """
        if unknown := [number for number in numbers if number >= len(self.burned)]:
            raise CharmError(f"charm {unknown[0]} was never burned, or its file is lost")
        changed = sorted({self.burned[number].layer for number in (*self.worn, *numbers)})
        matrices = {layer: self._matrix(layer, [self.burned[n] for n in numbers]) for layer in changed}
        for layer, matrix in matrices.items():
            mlp_at(self._model.net, layer).matrix().copy_(matrix)
        self._saved = self._saved and tuple(numbers) == self.worn
        self.worn = tuple(numbers)

    def _matrix(self, layer: int, worn: Sequence[Burned]) -> Tensor:
        """(M, K) of a layer with these charms, on the CPU, where sums come out alike on every machine."""
        if layer >= len(mlps(self._before)):
            raise CharmError(f"a charm burns layer {layer}, which this model hasn't got")
        plain = mlp_at(self._before, layer).matrix().detach().cpu()
        matrix = plain.clone()
        for one in worn:
            if one.layer != layer:
                continue
            left, right = (torch.frombuffer(bytearray(half), dtype=torch.float64) for half in (one.left, one.right))
            if (len(left), len(right)) != tuple(plain.shape):
                raise CharmError(f"a charm of {one.species} doesn't fit the model")
            matrix = (matrix.double() + torch.outer(left, right)).to(plain.dtype)
        if not matrix.isfinite().all():
            raise CharmError("the charm's change is not finite; nothing was changed")
        return matrix

    def save(self, folder: Path | None = None) -> None:
        """Write what isn't written yet to the mind's folder, or all of it to another. Raises OSError."""
        target = folder or (None if self._saved else self._folder)
        if target is not None and self.burned:
            write_whole(target / CHARMS, sealed(CharmFile(self._origin, self.burned, self.worn)))
            self._saved = self._saved or folder is None

    def load(self) -> str:
        """Wear what was saved; a line for the player if that can't be, else empty."""
        if self._folder is None or not (self._folder / CHARMS).exists():
            return ""
        try:
            file = read_charms(self._folder / CHARMS)
            if file.model != self._origin:
                raise CharmError(f"{CHARMS} is of another model")
            self.burned = file.burned
            self.wear(file.worn)
            self._saved = True
        except (OSError, ValueError) as error:
            self.burned = ()
            return f"The mind goes on without its charms: {error}"
        return ""


def read_charms(path: Path) -> CharmFile:
    """A file of charms. Raises CharmError in one line, OSError."""
    file = read_sealed(path, CharmFile, LARGEST, VERSION, CharmError)
    if len(file.burned) > BURNED_MOST or len(file.worn) > WORN_MOST or len(set(file.worn)) < len(file.worn):
        raise CharmError(f"{path.name} holds more charms than can be")
    return file
