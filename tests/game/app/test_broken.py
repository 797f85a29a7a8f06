"""Saves that are broken, of an older realm or too long: said in a line, put aside, never overwritten."""

import json
from dataclasses import asdict
from functools import lru_cache
from pathlib import Path
from tempfile import TemporaryDirectory

import pygame as pg
from hypothesis import given
from hypothesis import strategies as st

from game.journey.save_slots import NAME, OLDER, AutoSave, look, resume
from game.journey.slot_card import CARD, PICTURE, Card, read_card, read_picture
from game.realm.replay import ActionLog
from tests.kits.playkit import walked


def test_a_broken_journey_is_moved_aside_and_said(tmp_path: Path) -> None:
    walked(tmp_path)
    whole = (tmp_path / NAME).read_bytes()
    (tmp_path / NAME).write_bytes(whole[:-7])
    log, note = resume(tmp_path, None)
    assert log is None
    assert "not a whole msgpack file" in note and f"{NAME}.old" in note
    assert (tmp_path / f"{NAME}.old").read_bytes() == whole[:-7]


def test_a_journey_of_an_older_realm_is_put_aside_and_said(tmp_path: Path) -> None:
    for realm in ("", "0123456789abcdef"):
        log = ActionLog(4, realm)
        log.append((("move", 1, 0),))
        log.save(tmp_path / NAME)
        slot = look(1, tmp_path)
        assert (slot.state, slot.fault) == ("older", OLDER)
        assert slot.card is not None and slot.card.seed == 4
        recorded, note = resume(tmp_path, None)
        assert recorded is None and "older realm" in note and "mind and its lessons stay" in note
    assert sorted(path.name for path in tmp_path.iterdir()) == [f"{NAME}.old", f"{NAME}.old2"]


def test_a_backup_that_fits_goes_on_where_the_journey_is_of_another_realm(tmp_path: Path) -> None:
    walked(tmp_path, ticks=20)
    (tmp_path / NAME).rename(tmp_path / f"{NAME}.bak")
    assert (look(1, tmp_path).state, look(1, tmp_path).fault) == ("backup", "its walk is missing")
    ActionLog(0, "0123456789abcdef").save(tmp_path / NAME)
    slot = look(1, tmp_path)
    assert (slot.state, slot.fault) == ("backup", "of another realm")
    log, note = resume(tmp_path, None)
    assert log is not None and log.ticks >= 20
    assert "older realm" in note and f"{NAME}.old" in note and "backup goes on" in note
    assert (tmp_path / f"{NAME}.old").exists() and (tmp_path / f"{NAME}.bak").exists()


def test_a_walk_that_would_take_hours_to_live_through_is_refused(tmp_path: Path) -> None:
    log = ActionLog(1)
    log.ticks = 10**8 - 1
    log.save(tmp_path / NAME)
    assert look(1, tmp_path).state == "broken"
    recorded, note = resume(tmp_path, None)
    assert recorded is None and "hours of play" in note


@lru_cache(maxsize=1)
def two_saves() -> tuple[bytes, bytes, bytes]:
    """(a log, the one before it, a card) as a keeper writes them."""
    with TemporaryDirectory() as name:
        folder = Path(name)
        walked(folder, ticks=20)
        walked(folder, ticks=40)
        files = [(folder / file).read_bytes() for file in (NAME, f"{NAME}.bak")]
    return files[0], files[1], json.dumps(asdict(Card(0, 1, 17.5, 12.0))).encode()


def mutated(data: bytes, change: tuple[str, int, bytes]) -> bytes:
    how, at, junk = change
    at %= len(data)
    if how == "cut":
        return data[:at]
    if how == "put":
        return data[:at] + junk + data[at:]
    return data[:at] + junk + data[at + len(junk) :]


CHANGES = st.tuples(st.sampled_from(("cut", "put", "over")), st.integers(0, 10**6), st.binary(max_size=12))


@given(CHANGES, st.one_of(st.none(), CHANGES), st.one_of(st.none(), CHANGES))
def test_whatever_happened_to_a_save_it_is_said_and_nothing_is_overwritten(
    main_change: tuple, backup_change: tuple | None, card_change: tuple | None
) -> None:
    log, backup, card = two_saves()
    files = {NAME: mutated(log, main_change), f"{NAME}.bak": backup, CARD: card}
    for file, change in ((f"{NAME}.bak", backup_change), (CARD, card_change)):
        if change is not None:
            files[file] = mutated(files[file], change)
    with TemporaryDirectory() as name:
        folder = Path(name)
        for file, data in files.items():
            (folder / file).write_bytes(data)
        slot = look(1, folder)
        assert {file.name: file.read_bytes() for file in folder.iterdir()} == files, "looking changes nothing"
        assert "\n" not in slot.fault and slot.playable
        assert (slot.state == "journey") == (slot.fault == "")
        recorded, note = resume(folder, None)
        assert "\n" not in note
        if slot.state == "backup":
            assert recorded is not None and "its backup goes on" in note
        if backup_change is None and slot.state == "broken":
            raise AssertionError("a whole backup was not used")
        left = {file.read_bytes() for file in folder.iterdir()}
        assert set(files.values()) <= left, "every file is still there, under some name"
        again = recorded or ActionLog(3)
        AutoSave(folder).close(again)
        assert ActionLog.load(folder / NAME).ticks == again.ticks
        assert set(files.values()) - {files[NAME], files[f"{NAME}.bak"]} <= {f.read_bytes() for f in folder.iterdir()}


@given(st.binary(max_size=200) | st.text(max_size=80).map(str.encode))
def test_any_card_is_read_or_left(data: bytes) -> None:
    with TemporaryDirectory() as name:
        (Path(name) / CARD).write_bytes(data)
        (Path(name) / PICTURE).write_bytes(data)
        assert read_card(Path(name)) is None or isinstance(read_card(Path(name)), Card)
        pg.display.init()
        assert read_picture(Path(name)) is None
