"""How a mind came to its weights: every lesson, piece of practice, turn back and charm, in their order.

practice.msgpack lies beside the journal, whose lessons it numbers. With both, the same model and the same program, a
CPU comes to the same weights again (`training.mind.replay`). Ticks are those of the scene that the mind was looking at:
a scene's id is the tick of its realm.
"""

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Annotated, Any, Literal

import torch
from msgspec import Meta, Struct

from common.files import write_whole
from perception.messages import Number, Scene
from training.config import TeachConfig
from training.mind.sealed import read_sealed, sealed

PRACTICE = "practice.msgpack"
VERSION = 1
LARGEST = 32 * 2**20  # bytes; an hour of practice takes some hundred kB
Setting = str | int | float | bool | None
Kind = Literal["lesson", "parts", "mark", "rewind", "charm", "taken_off", "resume", "heads", "head"]
RESUME: Literal["resume"] = "resume"  # first in a life whose optimizer and random stream went on
HEADS: Literal["heads"] = "heads"  # how many heads practise alone, 0 for all; so many events of the next kind follow
HEAD: Literal["head"] = "head"  # one of them
STATED = (RESUME, HEADS, HEAD)  # what a life says of itself as it begins


class Event(Struct, frozen=True, array_like=True):
    """tick: None where the mind had seen no scene. number: of a lesson in the journal, of parts of steps that were
    taken one after the other, of the restore point that was turned back to, of a charm, of a head; how many heads
    practise alone; of a mark and a resume 0."""

    kind: Kind
    tick: Number | None
    number: Number


class Life(Struct, kw_only=True):
    """From one waking to the next. steps, taught_at, lessons, weights: as it woke; weights: a hash. teach: how it
    learns; threads: of torch; scenes: a digest of the scenes at which it practised."""

    steps: Number
    taught_at: Number
    lessons: Number
    weights: str
    teach: dict[str, Setting]
    threads: Annotated[int, Meta(ge=1, le=256)]
    events: list[Event] = []
    scenes: str = ""

    @property
    def woke_with(self) -> tuple[int, ...]:
        """The heads that practised alone as it began, before any scene was seen; none if all did."""
        events = self.events[1:] if self.events and self.events[0].kind == RESUME else self.events
        count = events[0].number if events and events[0].kind == HEADS and events[0].tick is None else 0
        return tuple(event.number for event in events[1 : 1 + count])


class Practice(Struct, kw_only=True):
    """A file. model: weights_hash of the mind as it came; steps, lessons, weights: as it was saved; seed: of probes."""

    version: int = VERSION
    model: str
    seed: Number
    torch: str
    lives: list[Life]
    steps: Number
    lessons: Number
    weights: str
    digest: str = ""


class PracticeError(ValueError):
    """A record of practice that can't be used: one line."""


class PracticeRecord:
    """Written as it happens. scene: what the mind looked at last."""

    def __init__(self, model: str, seed: int, teach: TeachConfig) -> None:
        self.scene: Scene | None = None
        self._model, self._seed = model, seed
        self._lives: list[Life] = []
        self.parts = 0  # of steps, taken in this life
        self.teach(teach)

    def teach(self, config: TeachConfig) -> None:
        """How the mind learns in the lives that begin from now on."""
        self._teach: dict[str, Setting] = dict(asdict(config))

    @property
    def tick(self) -> int | None:
        """The tick of the scene that is looked at; None before the first."""
        return None if self.scene is None or not 0 <= self.scene.id <= 2**53 else self.scene.id

    @property
    def scenes(self) -> str:
        """The digest of this life's scenes."""
        return self._lives[-1].scenes

    def wake(self, steps: int, taught_at: int, lessons: int, weights: str, before: Practice | None = None) -> None:
        """A life begins. before: what was saved; it is gone on with if it is of the mind as it woke."""
        woke = (self._model, steps, lessons, weights)
        if before is not None and woke == (before.model, before.steps, before.lessons, before.weights):
            self._lives = [life for life in before.lives if any(event.kind not in STATED for event in life.events)]
        threads, self.parts, self.scene = torch.get_num_threads(), 0, None
        self._lives.append(
            Life(steps=steps, taught_at=taught_at, lessons=lessons, weights=weights, teach=self._teach, threads=threads)
        )

    def lesson(self, number: int, scene: Scene) -> None:
        """Lesson `number` of the journal came, of this scene."""
        self._add(Event("lesson", scene.id if 0 <= scene.id <= 2**53 else None, number))

    def part(self) -> None:
        """A part of a step is taken now."""
        events, tick = self._lives[-1].events, self.tick
        self.parts += 1
        if events and events[-1].kind == "parts" and events[-1].tick == tick:
            events[-1] = Event("parts", tick, events[-1].number + 1)
            return
        self._add(Event("parts", tick, 1))
        if self.scene is not None:
            life = self._lives[-1]
            life.scenes = chained(life.scenes, self.scene)

    def mark(self) -> None:
        """The mind remembered itself."""
        self._add(Event("mark", self.tick, 0))

    def rewind(self, number: int) -> None:
        """The mind was turned back to a restore point."""
        self._add(Event("rewind", self.tick, number))

    def resume(self) -> None:
        """This life goes on with the practice of the one before."""
        self._add(Event(RESUME, None, 0))

    def charm(self, number: int, worn: bool) -> None:
        """A charm was burned, or (worn False) taken off."""
        self._add(Event("charm" if worn else "taken_off", self.tick, number))

    def attune(self, heads: Sequence[int]) -> None:
        """These heads alone practise from now on; none: all. A life that begins so says it, too."""
        self._add(Event(HEADS, self.tick, len(heads)))
        for head in heads:
            self._add(Event(HEAD, self.tick, head))

    def _add(self, event: Event) -> None:
        self._lives[-1].events.append(event)

    def practice(self, steps: int, lessons: int, weights: str) -> Practice:
        """All of it, to be saved with a mind of these steps, lessons and weights."""
        return Practice(
            model=self._model, seed=self._seed, torch=str(torch.__version__), lives=self._lives,
            steps=steps, lessons=lessons, weights=weights,
        )  # fmt: skip


def chained(digest: str, scene: Scene) -> str:
    """The digest of some scenes, 16 hex digits, with one more."""
    return hashlib.blake2b(f"{digest}/{scene.id}/{scene.text}".encode(), digest_size=8).hexdigest()


def teach_config(settings: Mapping[str, Any]) -> TeachConfig:
    """How a life learned. Raises PracticeError for settings that this program doesn't know."""
    try:
        config = TeachConfig(**settings)
        config.check()
    except (TypeError, ValueError) as error:
        raise PracticeError(f"its settings are none of this program's ({error})") from error
    return config


def save_practice(folder: Path, practice: Practice) -> None:
    """Write it whole. Raises OSError."""
    write_whole(folder / PRACTICE, sealed(practice))


def load_practice(folder: Path) -> Practice:
    """Read it. Raises PracticeError with the path, the fault and the remedy."""
    path = folder / PRACTICE
    try:
        return read_sealed(path, Practice, LARGEST, VERSION, PracticeError)
    except FileNotFoundError as error:
        raise PracticeError(f"{path}: not there; a mind writes it as it learns, beside its journal") from error
    except OSError as error:
        raise PracticeError(f"{path}: cannot be read ({error.strerror}); give the folder of a mind") from error
    except PracticeError as error:
        raise PracticeError(f"{folder}: {error}; take a copy of it, or update the program") from error
