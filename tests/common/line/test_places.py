"""Names belong to who came first, and a key opens one place alone."""

import hashlib
import json
import os
from pathlib import Path

import pytest

from common.line.address import Address
from common.line.faults import LineError
from common.line.places import Places, place_key

HERE = Address("mind.example", 7777)


def test_a_name_is_of_who_came_first(tmp_path: Path) -> None:
    path = tmp_path / "places.json"
    places = Places(path, most=2)
    assert places.admit("anna", b"a") == "" and places.admit("Anna", b"a") == ""
    assert places.admit("ANNA", b"b") == "ANNA is another player's name here; choose another one with --mind-name"
    assert places.admit("bert", b"b") == ""
    assert "2 names are taken here" in places.admit("carl", b"c")
    again = Places(path, most=2)
    assert again.admit("anna", b"a") == "" and again.admit("anna", b"") != ""
    assert json.loads(path.read_text())["anna"] == hashlib.sha256(b"a").hexdigest()


@pytest.mark.parametrize("content", ["{", "[]", '{"anna": 1}'])
def test_a_damaged_file_of_names_lets_nobody_in(tmp_path: Path, content: str) -> None:
    (tmp_path / "places.json").write_text(content)
    with pytest.raises(LineError, match="restore it, or remove it"):
        Places(tmp_path / "places.json", 2)


def test_a_name_that_cannot_be_noted_is_not_given(tmp_path: Path) -> None:
    places = Places(tmp_path / "none" / "places.json", 2)
    assert "can't be noted on the server" in places.admit("anna", b"a")
    (tmp_path / "none").mkdir()
    assert places.admit("anna", b"b") == ""


def test_a_key_is_of_one_secret_server_and_name(tmp_path: Path) -> None:
    path = tmp_path / "settings" / "line.key"
    key = place_key(path, "mind", HERE, "anna")
    assert len(key) == 32 and key == place_key(path, "mind", HERE, "Anna")
    assert path.stat().st_size == 32
    assert os.name != "posix" or path.stat().st_mode & 0o777 == 0o600
    others = {
        place_key(path, "realm", HERE, "anna"),
        place_key(path, "mind", HERE, "bert"),
        place_key(path, "mind", Address("mind.example", 7778), "anna"),
        place_key(tmp_path / "other.key", "mind", HERE, "anna"),
    }
    assert len(others - {key}) == 4
    path.write_bytes(b"short")
    with pytest.raises(LineError, match="damaged, and it keeps your places"):
        place_key(path, "mind", HERE, "anna")
