"""Whatever a stream's encoding lacks is written in ASCII, and a closed pipe is no fault."""

import io
import sys

import pytest

from common import console, folders
from common.numbers import SEED_MAX, finite, real_number, whole_number


@pytest.mark.parametrize("encoding", ["cp1252", "cp437", "ascii", "latin-1", "utf-8"])
def test_every_encoding_takes_every_text(monkeypatch: pytest.MonkeyPatch, encoding: str) -> None:
    raw = io.BytesIO()
    stream = io.TextIOWrapper(raw, encoding=encoding)
    monkeypatch.setattr(sys, "stdout", stream)
    console.fit_streams()
    print("Δ 0.5… → 狐")
    stream.flush()
    text = raw.getvalue().decode(encoding)
    assert text.startswith(("Δ", "d")) and "0.5" in text


def test_folders_follow_the_users_choice(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SECOND_SIGHT_HOME", "/h")
    assert [str(folder()) for folder in (folders.settings, folders.cache, folders.saves)] == [
        "/h/settings", "/h/cache", "/h/saves",
    ]  # fmt: skip
    monkeypatch.delenv("SECOND_SIGHT_HOME")
    assert all(folders.NAME in str(folder()) for folder in (folders.settings, folders.cache, folders.saves))


def test_numbers_are_bounded() -> None:
    assert whole_number(str(SEED_MAX), 0, SEED_MAX) == SEED_MAX
    for text in (str(SEED_MAX + 1), "-1", "x", "1.5", "", "9" * 5000, "٣"):
        with pytest.raises(ValueError):
            whole_number(text, 0, SEED_MAX)
    assert real_number("6e-3", 0, 1) == 6e-3
    for text in ("nan", "inf", "0", "-1", "1e9", "x"):
        with pytest.raises(ValueError):
            real_number(text, 0, 1)
    assert finite({"a": (1.0, float("nan")), "b": [float("inf")]}) == {"a": [1.0, None], "b": [None]}
