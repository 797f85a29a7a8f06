"""The film of the last seconds: the mind as it came beside the player's own, from what frames showed."""

import time
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from game.app.game_loop import Game
from game.journey.reel import LASTS, PER_SECOND, Reel
from game.screens import film
from game.screens.photo import Photo
from tests.kits.playkit import game_of, play
from tests.kits.stub_mind import StubMind, blind, everywhere


def saved(game: Game) -> list[str]:
    """Photo mode, Enter, and all notes until the film is there or isn't to be."""
    game.screens.push(layer := Photo(game))
    play(game, 10)
    layer.take("enter")
    for _ in range(600):
        play(game, 1)
        if any("ilm:" in line for line in game.context.notes()):
            break
        time.sleep(0.005)
    return list(game.context.notes())


def halves(path: Path) -> list[tuple[np.ndarray, np.ndarray]]:
    """(as the mind came, the player's own) of each picture of a film."""
    pictures = []
    with Image.open(path) as animation:
        for number in range(getattr(animation, "n_frames", 1)):
            animation.seek(number)
            pixels = np.asarray(animation.convert("RGB")).astype(int)
            left, wide, high = film.GAP, *film.PANEL
            first, second = pixels[film.GAP : film.GAP + high], left + wide + film.GAP
            pictures.append((first[:, left : left + wide], first[:, second : second + wide]))
    return pictures


def test_the_last_seconds_become_a_film_of_both_minds(tmp_path: Path) -> None:
    game = game_of(StubMind(everywhere("kitsune", 1.0)), tmp_path)
    play(game, 210)
    kept = len(game.reel.moments)
    assert 28 <= kept <= 36  # three and a half seconds
    notes = saved(game)
    (path,) = game.options.shot_dir.glob("film-*.webp")
    assert notes[-1] == f"Film: {path}"
    both = halves(path)
    assert 2 <= len(both) <= kept  # equal pictures become one
    first, own = both[-1]  # before, the first sight gathers
    assert np.abs(first - own).sum(2).max() > 150  # a fox on one side, nobody on the other


def test_a_mind_that_never_learned_gives_two_equal_halves(tmp_path: Path) -> None:
    game = game_of(StubMind(blind), tmp_path)
    play(game, 90)
    saved(game)
    (path,) = game.options.shot_dir.glob("film-*.webp")
    assert all(np.abs(first - own).mean() < 4 for first, own in halves(path))  # but for what the codec does


def test_without_moments_a_mind_or_a_disk_there_is_a_line_and_no_file(tmp_path, monkeypatch) -> None:
    game = game_of(StubMind(everywhere("oni", 1.0)), tmp_path)
    play(game, 2)
    game.screens.push(layer := Photo(game))
    play(game, 10)
    layer.take("enter")
    assert "film" not in game.context.notes()[-1]

    def full(path: Path, data: bytes) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(film, "write_whole", full)
    game = game_of(StubMind(everywhere("oni", 1.0)), tmp_path)
    play(game, 90)
    assert "No space left" in saved(game)[-1]
    assert not list(tmp_path.rglob("*.webp"))


def test_what_other_eyes_showed_is_not_filmed_and_only_the_last_seconds_are(tmp_path: Path) -> None:
    game = game_of(StubMind(blind), tmp_path)
    play(game, 60)
    state, view = game.frame_state, game.journey.view
    assert state is not None and view is not None
    reel = Reel()
    for tenth in range(200):
        reel.note(replace(state, seconds=tenth / 10 + 0.001), view, own=True)
    assert len(reel.moments) == LASTS * PER_SECOND
    assert reel.moments[-1].frame_state.seconds == pytest.approx(19.9, abs=0.2)
    reel.note(replace(state, seconds=21.0), view, own=False)
    assert reel.moments == ()
