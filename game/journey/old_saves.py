"""Journeys that an earlier version kept beside its source: found, offered once, and copied to where saves lie now."""

import shutil
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from common.files import write_whole
from common.whole_folders import writing_folder
from game.journey.save_slots import holds_journey

ANSWERED = ".old-journeys-offered"  # lies among the saves once the player has answered


@dataclass(frozen=True)
class OldSaves:
    """source: the folder of the earlier version; root: where saves lie now."""

    source: Path
    root: Path

    def waiting(self) -> list[Path]:
        """The journeys to offer, by name; none once the player has answered. Raises nothing."""
        try:
            if (self.root / ANSWERED).exists() or self.source.resolve() == self.root.resolve():
                return []
            return sorted(folder for folder in self.source.iterdir() if folder.is_dir() and holds_journey(folder))
        except OSError:
            return []

    def bring(self) -> str:
        """Copy the waiting journeys; the originals stay. A line for the player. Raises OSError, nothing half-copied."""
        journeys, count = self.waiting(), 0
        self.root.mkdir(parents=True, exist_ok=True)
        for folder in journeys:
            target = self.root / folder.name
            if target.exists() and any(target.iterdir()):
                continue
            with writing_folder(target) as copy:
                shutil.copytree(folder, copy, dirs_exist_ok=True)
            count += 1
        self.answer()
        left = len(journeys) - count
        return f"{count} brought; {left} stayed, because their slots are in use" if left else f"{count} brought"

    def answer(self) -> None:
        """The player has answered: nothing is offered again."""
        with suppress(OSError):  # a disk that takes nothing: offered again next time
            self.root.mkdir(parents=True, exist_ok=True)
            write_whole(self.root / ANSWERED, b"")
