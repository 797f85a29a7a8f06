"""Save slots. Each holds a journey's action log with its backup, a card that describes it, and the mind's own files.

The log is written at the start, every minute and on leaving; it is replayed to go on. Nothing is overwritten that can't
be had again: a log that is replaced becomes NAME.bak; what can't be read is moved aside, and so is a journey that a new
one takes the place of.
"""

import hashlib
import json
from collections.abc import Callable
from contextlib import suppress
from dataclasses import asdict, dataclass, field
from pathlib import Path
from threading import Thread

import pygame as pg

from common.files import make_folder, write_whole
from common.locks import FolderInUse, FolderLock, hold
from game.art.pixels.png import save_png
from game.journey.slot_card import CARD, PICTURE, Beside, Card, read_card
from game.realm.play_rules import load as load_play
from game.realm.replay import ActionLog, ReplayError, realm_mark

NAME = "journey.replay"
SAVE_EVERY = 60.0  # s of play
COUNT = 3  # slots
FIRST = "first"  # the one slot that the first version had
LONGEST = 40 * 108_000  # ticks: forty hours of play take half a minute to live through again
OLDER = "from an older realm: your mind and its lessons stay, the walk begins anew"


@dataclass(frozen=True)
class Slot:
    """One slot as the title shows it. state: empty, journey, backup, older or broken; fault: what is wrong with it."""

    number: int
    folder: Path
    state: str
    card: Card | None = None
    fault: str = ""
    saved: float = 0.0  # when, s since 1970

    @property
    def playable(self) -> bool:
        """True if there is something to go on with: a walk, or at least a mind."""
        return self.state != "empty"


def resume(folder: Path, seed: int | None) -> tuple[ActionLog | None, str]:
    """(the log of the journey to go on with or None, a line for the player or nothing).

    seed None takes whatever journey lies there. One of another seed, of an older realm, or one that can't be read is
    moved aside; for one that can't be read its backup goes on.
    """
    path = folder / NAME
    log, note = _read(path)
    if log is None:
        return None, note
    if not log.fits():
        older = path if path.exists() else _backup(path)
        old = f"{path.name} is {OLDER}. It lies as {_aside(older).name} now"
        log, _ = _read(path)
        if log is None or not log.fits():
            return None, old
        note = f"{old}; its backup goes on"
    if seed is not None and log.seed != seed:
        aside = _aside(path if path.exists() else _backup(path))
        return None, f"A new journey. That of seed {log.seed} lies as {aside.name} now"
    return log, note


def lock(folder: Path) -> FolderLock:
    """Holds a slot for this game. The system lets go of it when the game ends, however it ends. Raises SlotInUse."""
    try:
        return hold(folder, "game")
    except FolderInUse as error:
        raise SlotInUse(f"{folder}: another game plays this slot; leave that one first, or choose another") from error


class SlotInUse(OSError):
    """Another game plays the slot: one line, what and how to go on."""


def begin(folder: Path, seed: int) -> None:
    """Writes a new journey's log before anything is done in it, so that its seed outlives a crash. Raises OSError."""
    path = folder / NAME
    if not path.exists():
        make_folder(folder)
        ActionLog(seed, realm_mark(load_play())).save(path)


def adopt(folder: Path, file: Path) -> None:
    """Makes a replay from elsewhere the journey of an empty slot. Raises ReplayError, OSError; then nothing changed."""
    log = load(file)
    log.check_fits()
    if holds_journey(folder):
        raise ReplayError(f"{folder}: holds a journey; choose another slot for {file}")
    make_folder(folder)
    log.save(folder / NAME)


def load(path: Path) -> ActionLog:
    """A log that can be replayed in bearable time. Raises ReplayError."""
    log = ActionLog.load(path)
    if log.ticks > LONGEST:
        raise ReplayError(f"{path}: more than {LONGEST // 108_000} hours of play; no journey is so long")
    return log


def _backup(path: Path) -> Path:
    return path.with_name(path.name + ".bak")


def _read(path: Path) -> tuple[ActionLog | None, str]:
    """A log, or else its backup, which takes its place; broken files are moved aside."""
    fault = ""
    if path.exists():
        try:
            return load(path), ""
        except ReplayError as error:
            fault = f"{_plainly(error, path)}. It lies as {_aside(path).name} now"
    backup = _backup(path)
    if not backup.exists():
        return None, fault
    try:
        log = load(backup)
    except ReplayError as error:
        fault = fault or _plainly(error, backup)
        return None, f"{fault}; its backup can't be read either: it lies as {_aside(backup).name} now"
    return log, f"{fault or f'{path.name} is missing'}; its backup goes on"


def _plainly(error: ReplayError, path: Path) -> str:
    """A fault for players: the file's name instead of its path, and no remedy for those who record replays."""
    return f"{path.name}: " + str(error).removeprefix(f"{path}: ").split(";")[0]


def _aside(path: Path) -> Path:
    """Moves a file or a folder to NAME.old, or the first such name that is free."""
    number, old = 1, path.with_name(path.name + ".old")
    while old.exists():
        number += 1
        old = path.with_name(f"{path.name}.old{number}")
    return path.rename(old)


class Slots:
    """The slots below a folder. The one folder of the first version counts as a slot while it holds a journey."""

    def __init__(self, root: Path) -> None:
        self.root = root

    def folder(self, number: int) -> Path:
        """Where slot 1..COUNT lies."""
        own = [self.root / str(n) for n in range(1, COUNT + 1)]
        free = [n for n, path in enumerate(own, 1) if not holds_journey(path)]
        if free and number == free[0] and holds_journey(self.root / FIRST):
            return self.root / FIRST
        return own[number - 1]

    def all(self) -> list[Slot]:
        """Every slot as it is now; nothing on the disk is changed, nothing raised."""
        return [look(number, self.folder(number)) for number in range(1, COUNT + 1)]

    def newest(self) -> Slot | None:
        """The slot that was played last."""
        played = [slot for slot in self.all() if slot.playable]
        return max(played, key=lambda slot: slot.saved, default=None)

    def clear(self, number: int) -> str:
        """Makes room for a new journey: what lies there is moved aside. A line for the player. Raises OSError,
        SlotInUse while another game plays the slot."""
        folder = self.folder(number)
        if not folder.exists():
            return ""
        lock(folder).release()
        return f"What slot {number} held is kept in {_aside(folder)}"


def holds_journey(folder: Path) -> bool:
    """True if a slot's folder holds a journey or a mind."""
    try:
        return any(folder.glob(f"{NAME}*")) or any(folder.glob("*.safetensors"))
    except OSError:
        return False


def look(number: int, folder: Path) -> Slot:
    """What a folder holds, without changing it. Raises nothing."""
    path = folder / NAME
    if not holds_journey(folder):
        return Slot(number, folder, "empty")
    saved = 0.0
    with suppress(OSError):
        saved = max(file.stat().st_mtime for file in folder.iterdir())
    state, fault = "journey", ""
    log = None
    for file, kind in ((path, "journey"), (_backup(path), "backup")):
        try:
            if file.exists() and (log is None or not log.fits()):
                older, log, state = log is not None, load(file), kind
                fault = fault or ("of another realm" if older else "")
        except ReplayError as error:
            fault = fault or _plainly(error, file).removeprefix(f"{file.name}: ")
    if state == "backup" and not fault:
        fault = "its walk is missing"
    if log is None:
        return Slot(number, folder, "broken", read_card(folder), fault or "its walk is missing", saved)
    if not log.fits():
        state, fault = "older", OLDER
    card = read_card(folder)
    if card is None or card.seed != log.seed:
        card = Card(log.seed, seconds=log.ticks / 30)
    return Slot(number, folder, state, card, fault, saved)


@dataclass
class AutoSave:
    """Writes an action log every minute in a thread, so that no frame waits for the disk. folder None: nowhere; a log
    of None is kept elsewhere, and only what lies beside it is written."""

    folder: Path | None
    fault: str = ""  # why the last writing failed, in one line
    _since: float = 0.0
    _written: bytes = b""  # the digest of the log as this keeper wrote it last
    _thread: Thread | None = field(default=None, repr=False)

    def advance(self, dt: float, log: ActionLog | None, card: Callable[[], Beside] | None = None) -> None:
        """Lets dt seconds pass. card: makes what the slot shows, asked only when it is written."""
        self._since += dt
        if self._since < SAVE_EVERY or self.folder is None or (self._thread and self._thread.is_alive()):
            return
        self._since = 0.0
        copy, beside = log.copy() if log is not None else None, card() if card else None
        self._thread = Thread(target=self._try, args=(copy, beside), name="writes the journey", daemon=True)
        self._thread.start()

    def _try(self, log: ActionLog | None, beside: Beside | None) -> None:
        try:
            self._write(log, beside)
            self.fault = ""
        except OSError as error:
            self.fault = f"The journey can't be saved: {error}"

    def _write(self, log: ActionLog | None, beside: Beside | None) -> None:
        if self.folder is None:
            return
        make_folder(self.folder)
        path = self.folder / NAME
        if log is not None:
            self._keep_backup(path)
            log.save(path)
            self._written = _digest(path.read_bytes())
        if beside is not None:
            for name, data in {**beside.papers, CARD: json.dumps(asdict(beside.card)).encode()}.items():
                write_whole(self.folder / name, data)
            with suppress(pg.error):  # a picture is a nicety
                save_png(beside.picture, self.folder / PICTURE)

    def _keep_backup(self, path: Path) -> None:
        """Makes a backup of the log that is about to be replaced, if it can be read; else moves it aside. What this
        AutoSave wrote itself can be read. Raises OSError.
        """
        if not path.exists():
            return
        data = path.read_bytes()
        if _digest(data) != self._written:
            try:
                if load(path).ticks == 0:  # as `begin` wrote it: nothing to go back to
                    return
            except ReplayError:
                _aside(path)
                return
        write_whole(_backup(path), data)

    def close(self, log: ActionLog | None, card: Callable[[], Beside] | None = None) -> None:
        """Writes a last time, and waits for it. Raises OSError."""
        if self._thread is not None:
            self._thread.join()
        if self.folder is not None:
            self._write(log, card() if card else None)


def _digest(data: bytes) -> bytes:
    return hashlib.blake2b(data, digest_size=16).digest()
