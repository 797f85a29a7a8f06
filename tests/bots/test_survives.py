"""The recording of a game that survives: its pictures, captions and size. The story itself takes minutes."""

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from PIL import Image

from game.app.window import Window
from tests.bots import survives
from tests.bots.survives import BAR, EVERY, SIZE, Recording


def test_a_picture_comes_now_and_then_with_its_caption(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    window = Window(scale=1)
    game: Any = SimpleNamespace(window=window)
    film = Recording(game)
    for number in range(4):
        window.canvas.fill((60 * number, 0, 120))
        film.caption = f"picture {number}"
        film.watch(EVERY / 2)
        film.watch(EVERY / 2)
    film.rolls = False
    film.watch(10.0)
    monkeypatch.setattr(survives, "LARGEST", 1)
    written = film.write(tmp_path / "film.webp")
    assert written["pictures"] == 4 and written["quality"] == survives.QUALITIES[-1], "smaller it can't be"
    monkeypatch.setattr(survives, "LARGEST", 10**6)
    assert film.write(tmp_path / "film.webp")["quality"] == survives.QUALITIES[0]
    with Image.open(tmp_path / "film.webp") as picture:
        assert picture.size == (SIZE[0], SIZE[1] + BAR) and picture.n_frames == 4
        bars = []
        for number in range(4):
            picture.seek(number)
            whole = picture.convert("RGB")
            red, _, blue = whole.getpixel((240, 135))
            assert abs(red - 60 * number) < 30 and abs(blue - 120) < 30
            bars.append(whole.crop((0, SIZE[1], SIZE[0], SIZE[1] + BAR)).tobytes())
    assert len(set(bars)) == 4
