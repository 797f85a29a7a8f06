"""The mind killed in mid-play, with the real model: the game says so, it wakes with what it had learnt, and goes on."""

import os
import signal
import sys
from collections.abc import Callable
from pathlib import Path
from random import Random

import msgspec
import pygame as pg
import pytest

from perception.link import Link
from perception.messages import Lesson
from tests.bots.hands import Bot
from tests.kits.playkit import game_of
from training.mind.mind_store import JOURNAL, WEIGHTS, SavedMind

ROOT = Path(__file__).parents[3]
pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(not hasattr(signal, "SIGKILL"), reason="needs a signal that nobody can catch"),
    pytest.mark.skipif(not (ROOT / "assets" / "novice" / "model.safetensors").is_file(), reason="needs the novice"),
]
SECONDS = 60.0


def mind_of(folder: Path) -> list[str]:
    novice = str(ROOT / "assets" / "novice")
    return [
        sys.executable,
        str(ROOT / "main.py"),
        "mind",
        "--model",
        novice,
        "--folder",
        str(folder),
        "--device",
        "cpu",
    ]


def child_of(link: Link) -> int:
    """The process id of the mind that lives now."""
    life = link._life
    assert life is not None
    return int(life._process.pid)  # type: ignore[attr-defined]


def kept(folder: Path) -> SavedMind:
    return msgspec.msgpack.decode((folder / JOURNAL).read_bytes(), type=SavedMind)


def test_a_mind_killed_in_mid_play_comes_back_with_what_it_had_learnt(tmp_path: Path) -> None:
    folder = tmp_path / "mind"
    with Link(mind_of(folder)) as link:
        game = game_of(link, tmp_path)
        bot, sight = Bot(game, tmp_path, Random(0), every=30), game.journey.mind_client

        def wait(done: Callable[[], bool], what: str) -> None:
            assert bot.until(done, SECONDS), f"{what}; the mind is {link.state}: {game.context.notes()}"

        wait(lambda: sight.progress is not None, "the mind never woke")
        assert bot.be_shown(1) == 1
        bot.press(pg.K_r)
        wait(lambda: sight.progress is not None and sight.progress.step >= 2, "no steps")
        bot.press(pg.K_r)
        wait(lambda: (folder / WEIGHTS).exists() and kept(folder).steps >= 2, "nothing was kept")
        bot.press(pg.K_r)
        saved, lessons = kept(folder).steps, list(sight.journal)
        spirits, answers = sight.progress.shown, sight.answers  # type: ignore[union-attr]

        os.kill(child_of(link), signal.SIGKILL)
        wait(lambda: link.state == "restarting", "its death was not noticed")
        wait(lambda: any("The mind" in line for line in game.context.notes()), "nothing was said")
        first = sight.ready
        wait(lambda: link.state == "awake" and sight.ready is not first, "it was not started again")
        assert sight.ready is not None and sight.ready.step >= saved > 0

        wait(lambda: sight.answers > answers, "the game asks no more")
        wait(lambda: sight.progress is not None and sight.progress.step > saved, "practising did not go on")
        assert sight.progress is not None
        assert max(sight.progress.change) > 0, "its heads are those that learnt"
        assert (sight.progress.shown, sight.progress.lessons) == (spirits, len(lessons)), "nothing is taught twice"
    assert [msgspec.to_builtins(x) for x in known(folder)] == [msgspec.to_builtins(x) for x in lessons]


def known(folder: Path) -> tuple[Lesson, ...]:
    return kept(folder).lessons
