"""Which of several realms each name has its place in: one file, which only grows and which only the front writes.

A region of it takes in a player once the file on the disk says that they live there, so that nobody has two places.
"""

import hmac
from pathlib import Path

from common.files import make_folder
from common.line.hello import REGIONS_MAX
from game.realm.world import PLAYERS_MAX
from game.shared.journal import Journal, JournalError
from game.shared.realm_folder import JOURNAL
from game.shared.shared_world import RealmError, claim_of

HOMES, FORMAT, VERSION = "homes.journal", "second-sight-regions", 1


def folder_of(folder: Path, region: int) -> Path:
    """Where a region's realm lies."""
    return folder / f"region-{region}"


def check_folder(folder: Path, regions: int | None) -> None:
    """Raises RealmError for a folder that holds one realm where several are wanted, or the other way around. regions:
    None for one realm without regions."""
    if regions is None and (folder / HOMES).exists():
        raise RealmError(f"{folder}: holds several regions; give --regions N, or the --folder of one of them")
    if regions is not None and (folder / JOURNAL).exists():
        raise RealmError(f"{folder}: holds one realm without regions; leave out --regions, or choose another --folder")


class Homes:
    """regions, seed: of the whole; seed None: as it is written, or 0. Raises RealmError, OSError."""

    def __init__(self, folder: Path, regions: int, seed: int | None = None) -> None:
        check_folder(folder, regions)
        make_folder(folder)
        self.regions = regions
        self._homes: dict[str, tuple[bytes, int]] = {}  # the claim and the region of each name
        self._counts = [0] * regions
        self._synced = 0  # bytes that the disk has; of what an earlier front wrote nobody knows
        self._journal = Journal(folder / HOMES)
        try:
            records = list(self._journal.read())
            if not records:
                records = [("regions", FORMAT, VERSION, regions, seed or 0)]
                self._journal.append(list(records[0]))
                if not self._journal.flush():
                    raise OSError(self._journal.fault)
            self.seed = _begun(records, folder, regions, seed)
            for name, claim, region in records[1:]:
                self._note(str(name), bytes(claim), range(regions)[region])
        except (JournalError, ValueError, TypeError, IndexError) as error:
            self._journal.close()
            raise error if isinstance(error, RealmError) else RealmError(f"{folder / HOMES}: {error}") from error
        except BaseException:
            self._journal.close()
            raise

    def _note(self, name: str, claim: bytes, region: int) -> None:
        self._homes[name] = claim, region
        self._counts[region] += 1

    def find(self, name: str, key: bytes, wish: int = -1) -> int:
        """The region of this name. A new one gets its wish, or where fewest live; that is on the disk before this
        returns. Raises RealmError with a line for whoever comes, OSError if it can't be written."""
        if not key:
            raise RealmError("a name needs a key that claims its place; update your program")
        if wish >= self.regions:
            raise RealmError(f"there is no region {wish} here; give --region 0 to {self.regions - 1}, or leave it out")
        claim, known = claim_of(key), self._homes.get(name.casefold())
        if known is None:
            region = wish if wish >= 0 else self._counts.index(min(self._counts))
            if self._counts[region] >= PLAYERS_MAX:
                raise RealmError(f"all {PLAYERS_MAX} places of region {region} are taken; choose another --region")
            known = claim, region
            self._journal.append([name.casefold(), *known])
            self._note(name.casefold(), *known)
        if not hmac.compare_digest(claim, known[0]):
            raise RealmError(f"the name {name} is somebody else's in this realm; choose another --name")
        if wish not in (-1, known[1]):
            raise RealmError(f"{name} lives in region {known[1]}; leave out --region, or choose another --name")
        if self._synced < self._journal.size:
            if not self._journal.flush():
                raise OSError(self._journal.fault)
            self._journal.sync()
            self._synced = self._journal.size
        return known[1]

    def close(self) -> None:
        """Lets go of the file."""
        self._journal.close()


class Residents:
    """Who lives in one region, by the file that the front writes. Raises OSError where there is none."""

    def __init__(self, folder: Path, region: int) -> None:
        self._journal, self._region = Journal(folder / HOMES, write=False), region
        self._homes: dict[str, tuple[bytes, int]] = {}

    def refusal(self, name: str, key: bytes) -> str:
        """Why this name has no place here, in one line; empty if it has."""
        try:
            if name.casefold() not in self._homes:
                for record in self._journal.read(self._journal.written):
                    if len(record) == 3:
                        self._homes[record[0]] = record[1], record[2]
        except (OSError, JournalError) as error:
            return f"it can't be read where {name} lives: {error}"
        claim, region = self._homes.get(name.casefold(), (b"", -1))
        if region != self._region or not hmac.compare_digest(claim, claim_of(key)):
            return f"{name} has no place in region {self._region}; join through the realm's own address"
        return ""

    def close(self) -> None:
        """Lets go of the file."""
        self._journal.close()


def _begun(records: list, folder: Path, regions: int, seed: int | None) -> int:
    """The seed of a file that is begun. Raises RealmError where this is another whole."""
    kind, form, version, count, first = records[0]
    if (kind, form) != ("regions", FORMAT) or not 1 <= count <= REGIONS_MAX:
        raise RealmError(f"{folder / HOMES}: not the homes of a realm's players; choose another --folder")
    if version != VERSION:
        raise RealmError(f"{folder / HOMES}: version {version}, this program reads {VERSION}; update the program")
    if count != regions:
        raise RealmError(f"{folder}: holds {count} regions; give --regions {count}")
    if seed not in (None, first):
        raise RealmError(f"{folder}: holds regions of seed {first}; leave out --seed, or give it")
    return int(first)
