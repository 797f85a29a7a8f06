"""A shared realm's folder: its journal and its snapshot, opened, saved, and lived through again."""

import hashlib
import secrets
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgpack
import msgspec

from common.files import OutputError, make_folder, read_bytes, write_whole
from common.locks import hold
from game.realm.play_rules import load as load_play
from game.realm.replay import realm_mark, rules_marked
from game.realm.rules import Rules
from game.realm.snapshot import SnapshotError, restored, snapshot
from game.realm.world import World, check_seed, new_world
from game.shared.journal import Journal, JournalError
from game.shared.messages import Told, encode
from game.shared.shared_world import Place, RealmError, SharedWorld

FORMAT, VERSION = "second-sight-shared-realm", 1
JOURNAL, SNAPSHOT = "realm.journal", "realm.snapshot"
SECRET_BYTES = 16
SNAPSHOT_MAX = 256 << 20  # bytes

BROKEN = (ValueError, KeyError, TypeError, AttributeError, msgpack.UnpackException, msgspec.MsgspecError)
_told = msgspec.msgpack.Decoder(list[Told])


class RealmFolder:
    """Holds the folder of a realm while it is served. shared: the realm; note: what was unusual when it was opened."""

    def __init__(
        self, folder: Path, seed: int | None = None, rules: Rules | None = None, secret: str = "", wait: float = 0.0
    ) -> None:
        """Opens the realm that lies there, or makes one of this seed (0 for None) by the rules of play, unless others
        are given. secret: of its random streams; drawn if empty. wait: s for another server to let go of the folder.
        Raises RealmError, and OSError (FolderInUse while another server has it)."""
        self.folder, self.note = folder, ""
        self._follows = 0  # bytes of the journal that the last `saved` follows
        make_folder(folder)
        self._lock = hold(folder, "realm", wait)
        try:
            self._journal = Journal(folder / JOURNAL)
            self.shared = self._opened(seed, rules, secret)
        except BaseException:
            self._lock.release()
            raise

    def _opened(self, seed: int | None, rules: Rules | None, secret: str) -> SharedWorld:
        shared, start = self._from_snapshot(rules)
        try:
            records = self._journal.read(start)
            if shared is None:
                shared = begun(next(records, None), rules, str(self._journal.path))
            for record in records:
                if shared is not None:
                    shared.take(record)
        except JournalError as error:
            raise RealmError(str(error)) from error
        if shared is None:
            check_seed(seed or 0)
            world = new_world(seed or 0, rules or load_play(), secret=secret or secrets.token_hex(SECRET_BYTES))
            shared = SharedWorld(world)
            self._journal.append(header(world))
        if seed is not None and shared.world.seed != seed:
            raise RealmError(f"{self.folder}: holds a realm of seed {shared.world.seed}; leave out --seed, or give it")
        shared.journal = self._journal
        self._journal.append(["beat", shared.world.tick])  # else the next record may lie too far from the last one
        self._journal.flush()
        return shared

    def _from_snapshot(self, rules: Rules | None) -> tuple[SharedWorld | None, int]:
        """The realm as it was saved last, and how much of the journal that was. A broken one is said and left out."""
        path = self.folder / SNAPSHOT
        if not path.exists():
            return None, 0
        try:
            whole = msgpack.unpackb(read_bytes(path, SNAPSHOT_MAX), strict_map_key=False)
            body = whole["body"]
            if whole["format"] != FORMAT or whole["version"] != VERSION or whole["check"] != _digest(body):
                raise ValueError("damaged, or of another version")
            state = msgpack.unpackb(body, strict_map_key=False)
            shared = SharedWorld(restored(state["world"], rules))
            for name, claim, count, walk, entries in state["places"]:
                place = Place(len(shared.places), name, claim, count, walk=walk)
                place.told.extend(_told.decode(entries))
                shared.add(place)
            shared.pairs.put(state["pairs"])
            return shared, int(state["journal"])
        except SnapshotError as error:
            if "other rules" in str(error):
                raise RealmError(f"{path}: {error}") from error
            self.note = f"{path}: {error}; the realm is lived through again from its journal"
        except BROKEN as error:
            self.note = f"{path}: {str(error)[:200]}; the realm is lived through again from its journal"
        return None, 0

    def saved(self) -> bytes:
        """All of the realm now, for `save`. It takes some milliseconds; call it between two ticks."""
        shared = self.shared
        self._follows = self._journal.size
        state = {
            "world": snapshot(shared.world),
            "journal": self._journal.size,
            "pairs": shared.pairs.state(),
            "places": [(p.name, p.claim, p.count, p.walk, encode(list(p.told))) for p in shared.places],
        }
        body = msgpack.packb(state)
        return bytes(msgpack.packb({"format": FORMAT, "version": VERSION, "check": _digest(body), "body": body}))

    def save(self, saved: bytes) -> None:
        """Writes what `saved` gave, after the journal that it follows. May be called in another thread. Raises
        OSError; then the older snapshot stays."""
        self._journal.sync()
        if self._journal.written < self._follows:  # a snapshot of what the journal lacks could never be opened
            raise OutputError(self._journal.fault or f"{self._journal.path}: not written yet")
        write_whole(self.folder / SNAPSHOT, saved)

    def close(self) -> None:
        """Saves, and lets go of the folder. Raises OSError if that failed."""
        try:
            self._journal.append(["beat", self.shared.world.tick])
            self._journal.flush()
            self.save(self.saved())
        finally:
            self._journal.close()
            self._lock.release()


def header(world: World) -> list[Any]:
    """The first record of a journal."""
    return ["realm", 0, FORMAT, VERSION, realm_mark(world.rules), world.seed, world.secret, world.start_hour]


def begun(record: Any, rules: Rules | None, where: str) -> SharedWorld | None:
    """The realm that a journal's first record begins; None for None. rules: of the realm; None for any that this
    program has. Raises RealmError."""
    if record is None:
        return None
    if not (isinstance(record, tuple) and len(record) == 8 and record[0] == "realm" and record[2] == FORMAT):
        raise RealmError(f"{where}: not the journal of a shared realm; choose another --folder")
    _, _, _, version, mark, seed, secret, hour = record
    if version != VERSION:
        raise RealmError(f"{where}: version {version}, this program reads {VERSION}; update the program")
    own = rules_marked(mark) if rules is None else rules if mark == realm_mark(rules) else None
    if own is None:
        these = realm_mark(rules or load_play())
        raise RealmError(f"{where}: a realm of other rules ({mark}, these are {these}); use its own assets")
    return SharedWorld(new_world(seed, own, hour, secret=secret))


def live_again(folder: Path, rules: Rules | None = None) -> SharedWorld:
    """Lives through all of a journal from its first record, without writing. Raises RealmError, OSError."""
    path = folder / JOURNAL
    if not path.is_file():
        raise RealmError(f"{folder}: no shared realm lies there; give the --folder of one")
    journal = Journal(path, write=False)
    try:
        records: Iterator[Any] = journal.read()
        shared = begun(next(records, None), rules, str(path))
        if shared is None:
            raise RealmError(f"{path}: empty; no realm was begun there")
        for record in records:
            shared.take(record)
        return shared
    except JournalError as error:
        raise RealmError(str(error)) from error
    finally:
        journal.close()


def _digest(body: bytes) -> bytes:
    return hashlib.blake2b(body, digest_size=16).digest()
