"""Every sound by its name: how it is made, and the cache of sounds that were made.

Names: a voice's word as it is ("hum"), bed.wind, step.grass.0, cue.move, bell, door, music.realm.koto. A cache file
holds FORMAT, 16 bytes BLAKE2b of what follows, and the samples: int16, little-endian, mono, at synth.RATE. Its name
ends with a mark of all code and data that sounds are made from, so what an older version made is never heard.
"""

import hashlib
import os
import subprocess
import sys
from collections.abc import Callable, Mapping
from contextlib import suppress
from functools import lru_cache, partial
from pathlib import Path
from threading import Thread
from types import MappingProxyType
from typing import Any, NamedTuple

import numpy as np

from common import folders
from common.assets import ASSETS
from common.files import write_whole
from game.audio import ambience, crafts, music, sound_rules
from game.audio.synth import RATE, level, samples, stream

ROOT = Path(__file__).resolve().parents[2]
SOUND_TOML = ASSETS / "sound.toml"
MADE_FROM = ("synth", "voices", "crafts", "ambience", "music", "sound_bank")
FORMAT = b"second-sight sound 1\n"
LARGEST_FILE = 4 * 2**20  # bytes; 40 s are 1.8 MB
UNSEEN = getattr(subprocess, "CREATE_NO_WINDOW", 0)  # Windows would open a console
VARIANTS = 3  # of each footstep


class Recipe(NamedTuple):
    """kind: a key of [loud]; loops: it is a circle."""

    kind: str
    make: Callable[[np.random.Generator], np.ndarray]
    gain: float = 1.0
    loops: bool = False


@lru_cache(maxsize=1)
def data() -> Mapping[str, Any]:
    """assets/sound.toml, checked. Raises RulesError (a ValueError)."""
    return MappingProxyType(sound_rules.load(SOUND_TOML))


@lru_cache(maxsize=1)
def score() -> Mapping[str, music.Piece]:
    """The pieces of music by name."""
    return MappingProxyType(music.pieces(data()["music"]))


@lru_cache(maxsize=1)
def recipes() -> Mapping[str, Recipe]:
    """How each sound is made, in the order in which they are wanted first."""
    of_name: dict[str, Recipe] = {}
    for cue in ambience.CUES:
        of_name[f"cue.{cue.__name__}"] = Recipe("cue", cue)
    for piece, plan in score().items():
        for layer in plan.layers:
            name = f"music.{piece}.{layer.name}"
            of_name[name] = Recipe("music", partial(_layer, plan, layer, name), layer.loud, True)
        if len(of_name) == len(ambience.CUES) + len(plan.layers):  # after the first piece, what a walk needs
            _walk(of_name)
    return MappingProxyType(of_name)


def _walk(of_name: dict[str, Recipe]) -> None:
    for ground, step in data()["step"].items():
        for variant in range(VARIANTS):
            of_name[f"step.{ground}.{variant}"] = Recipe("step", partial(ambience.footstep, plan=step))
    for bed in ambience.BEDS:
        of_name[f"bed.{bed.__name__}"] = Recipe("bed", bed, 1.0, True)
    for voice in (*crafts.SPIRITS, *crafts.OTHERS):
        of_name[voice.__name__] = Recipe("voice", voice, 1.0, True)
    of_name["bell"] = Recipe("bell", ambience.bell)
    of_name["door"] = Recipe("step", ambience.door, 1.2)


def _layer(piece: music.Piece, layer: music.Layer, name: str, rng: np.random.Generator) -> np.ndarray:
    return music.play(piece, layer, name)


def make(name: str) -> np.ndarray:
    """(n,) int16 mono: a sound made anew. Raises KeyError for a name that isn't one."""
    recipe = recipes()[name]
    return samples(level(recipe.make(stream(name)), data()["loud"][recipe.kind] * recipe.gain))


def cache_folder() -> Path:
    """Where sounds are kept: $SECOND_SIGHT_CACHE, or where this platform keeps what can be made again."""
    return Path(os.environ.get("SECOND_SIGHT_CACHE") or folders.cache())


@lru_cache(maxsize=1)
def mark() -> str:
    """8 hex digits over the code and data that sounds are made from. Raises OSError where they can't be read."""
    digest = hashlib.blake2b(f"{RATE} {np.lib.NumpyVersion(np.__version__).major}".encode(), digest_size=4)
    for name in MADE_FROM:
        digest.update(Path(__file__).with_name(f"{name}.py").read_bytes())
    digest.update(SOUND_TOML.read_bytes())
    return digest.hexdigest()


class Bank:
    """Sounds from the cache, or made and put there. cache: the folder, None for none; where it can't be used, sounds
    are made each time.
    """

    def __init__(self, cache: Path | None) -> None:
        self.folder: Path | None = None
        self.made = 0  # sounds that were not in the cache
        with suppress(OSError):
            if cache is not None:
                self._mark = mark()
                (cache / "sound").mkdir(parents=True, exist_ok=True)
                self.folder = cache / "sound"

    def path(self, name: str) -> Path | None:
        """Where a sound is kept."""
        return self.folder / f"{name}-{self._mark}.pcm" if self.folder else None

    def get(self, name: str) -> np.ndarray:
        """(n,) int16 mono."""
        path = self.path(name)
        cached = _read(path) if path else None
        if cached is not None:
            return cached
        sound = make(name)
        self.made += 1
        if path:
            body = sound.tobytes()
            with suppress(OSError):
                write_whole(path, FORMAT + _digest(body) + body)
        return sound

    def fill(self) -> subprocess.Popen[bytes] | None:
        """Another process, of low priority, that makes whatever isn't in the cache, so that frames needn't wait for it.
        It ends when its standard input is closed, so it never outlives the game. None if there is nothing to do, no
        cache, or no way to start a process."""
        paths = [self.path(name) for name in recipes()]
        if all(path is None or path.exists() for path in paths):
            return None
        command = [sys.executable, "-m", "game.audio.sound_bank", str(self.folder)]
        nowhere = subprocess.DEVNULL
        with suppress(OSError):
            return subprocess.Popen(
                command, cwd=ROOT, stdin=subprocess.PIPE, stdout=nowhere, stderr=nowhere, creationflags=UNSEEN
            )
        return None

    def sweep(self) -> None:
        """Removes what an older version kept here."""
        with suppress(OSError):
            for path in self.folder.glob("*-????????.pcm") if self.folder else ():
                if not path.stem.endswith(self._mark):
                    path.unlink()


def _read(path: Path) -> np.ndarray | None:
    """The samples of a cache file; None if it isn't there or isn't whole."""
    with suppress(OSError):
        if path.stat().st_size <= LARGEST_FILE:
            content = path.read_bytes()
            head = len(FORMAT) + 16
            body = content[head:]
            if content[:head] == FORMAT + _digest(body) and body and len(body) % 2 == 0:
                return np.frombuffer(body, "<i2")
    return None


def _digest(body: bytes) -> bytes:
    return hashlib.blake2b(body, digest_size=16).digest()


def _end_with_game() -> None:
    os.read(0, 1)  # nothing is ever written: it returns when the game has closed its end, or was killed
    os._exit(1)


def main(folder: str) -> None:
    """What the process of `Bank.fill` does; folder: the cache's folder of sounds."""
    if hasattr(os, "nice"):
        os.nice(10)
    Thread(target=_end_with_game, name="ends with the game", daemon=True).start()
    bank = Bank(Path(folder).parent)
    for name in recipes():
        bank.get(name)


if __name__ == "__main__":
    main(sys.argv[1])
