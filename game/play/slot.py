"""A save slot: the journey's action log, written every minute and on leaving, and lived through again to go on."""

from dataclasses import dataclass, field
from pathlib import Path
from threading import Thread

from game.realm.replay import ActionLog, ReplayError

NAME = "journey.replay"
SAVE_EVERY = 60.0  # s of play


def resume(folder: Path, seed: int | None) -> tuple[ActionLog | None, str]:
    """(the log of the journey to go on with or None, a line for the player or nothing).

    seed None takes whatever journey lies there. One of another seed, or one that can't be read, is moved aside.
    """
    path = folder / NAME
    if not path.exists():
        return None, ""
    try:
        log = ActionLog.load(path)
    except ReplayError as error:
        return None, f"{error}. It lies as {_aside(path).name} now"
    if seed is not None and log.seed != seed:
        return None, f"A new journey. That of seed {log.seed} lies as {_aside(path).name} now"
    return log, ""


def _aside(path: Path) -> Path:
    """Moves a file to NAME.old, or the first such name that is free."""
    number, old = 1, path.with_name(path.name + ".old")
    while old.exists():
        number += 1
        old = path.with_name(f"{path.name}.old{number}")
    return path.rename(old)


@dataclass
class Keeper:
    """Writes an action log now and then, beside the game: a frame doesn't wait for the disk. folder None: nowhere."""

    folder: Path | None
    fault: str = ""  # why the last writing failed, in one line
    _since: float = 0.0
    _thread: Thread | None = field(default=None, repr=False)

    def advance(self, dt: float, log: ActionLog) -> None:
        """Lets dt seconds pass."""
        self._since += dt
        if self._since < SAVE_EVERY or self.folder is None or (self._thread and self._thread.is_alive()):
            return
        self._since = 0.0
        copy = ActionLog(log.seed)
        copy.ticks, copy.actions = log.ticks, list(log.actions)
        self._thread = Thread(target=self._try, args=(copy,), name="writes the journey", daemon=True)
        self._thread.start()

    def _try(self, log: ActionLog) -> None:
        try:
            self._write(log)
            self.fault = ""
        except OSError as error:
            self.fault = f"The journey can't be saved: {error}"

    def _write(self, log: ActionLog) -> None:
        if self.folder is not None:
            self.folder.mkdir(parents=True, exist_ok=True)
            log.save(self.folder / NAME)

    def close(self, log: ActionLog) -> None:
        """The last writing, waited for. Raises OSError."""
        if self._thread is not None:
            self._thread.join()
        self._write(log)
