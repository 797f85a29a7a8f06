"""The device: loops follow the frames, volumes hold at once, and a missing device is said once and borne."""

import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pygame as pg
import pytest

from game.app.game_loop import Game
from game.app.hearing import moment
from game.app.settings import Settings
from game.art.frame_state import Hint
from game.audio import player as sound
from game.audio.player import Loader, Player, gain, open_sound
from game.audio.sound_bank import Bank, recipes
from game.screens.ending import Epilogue
from game.ui.announcements import Sighting
from tests.kits.playkit import game_of, play
from tests.kits.soundkit import Shelf, frame_state
from tests.kits.soundkit import made as kit_made
from tests.kits.stub_mind import StubMind

FULL = Settings(music=10, effects=10, interface=10)


class Quick(Loader):
    """Gets ready at once, and only what it is told to."""

    def start(self) -> None:
        pg.mixer.init(sound.RATE, -16, 2, sound.BUFFER, allowedchanges=0)
        pg.mixer.set_num_channels(sound.CHANNELS)
        self.ready = True
        for name in ("cue.move", "cue.lesson", "cue.found", "cue.sight", "hum", "bed.wind", "bed.night", "bell",
                     "step.grass.0", "music.realm.ground", "music.dream.veil", "music.ending.song"):  # fmt: skip
            self._load(name)


@pytest.fixture
def notes() -> list[str]:
    return []


@pytest.fixture
def player(notes: list[str]) -> Iterator[Player]:
    new_player = Player(Quick(Shelf()), FULL, notes.append)  # type: ignore[arg-type]
    yield new_player
    new_player.close()
    assert not pg.mixer.get_init()


@pytest.fixture
def game(player: Player, tmp_path: Path) -> Game:
    new_game = game_of(StubMind(), tmp_path)
    new_game.context.sound = player
    new_game.frame_state = frame_state()
    return new_game


def hear(player: Player, game: Game, dt: float) -> None:
    """A frame of the game, as its loop tells sound of it."""
    player.frame(moment(game.journey, game.frame_state, game.screens, game.context.keys.away), dt)


def loud(player: Player, key: str) -> tuple[float, float]:
    playing = player.loops[key]
    return playing.left, playing.right


def busy() -> int:
    return sum(pg.mixer.Channel(index).get_busy() for index in range(sound.CHANNELS))


def test_the_title_has_music_and_nothing_else(player: Player) -> None:
    for _ in range(60):
        player.frame(None, 0.05)
    assert set(player.loops) == {"music.realm.ground"} and busy() == 1
    left, right = loud(player, "music.realm.ground")
    assert left == pytest.approx(right) and 0.4 < left < 0.71, "it comes slowly"


def test_a_trace_comes_from_its_side_and_goes_again(player: Player, game: Game) -> None:
    game.frame_state = frame_state(x=300, hints=(Hint(450, 230, "hear", "hum"),))
    for _ in range(30):
        hear(player, game, 0.05)
    left, right = loud(player, "450 230 hum")
    assert right > 2 * left > 0
    game.frame_state = frame_state(x=300)
    hear(player, game, 0.05)
    assert loud(player, "450 230 hum")[1] < right, "it fades"
    for _ in range(40):
        hear(player, game, 0.05)
    assert "450 230 hum" not in player.loops
    assert sorted([*player._free, *(p.number for p in player.loops.values())]) == list(range(12, 48))


def test_volumes_hold_at_once(player: Player, game: Game) -> None:
    for _ in range(40):
        hear(player, game, 0.05)
    music, wind = (player.loops[key].channel for key in ("music.realm.ground", "bed.wind"))
    assert busy() >= 2
    heard: list[tuple[str, float, float]] = []
    for key, playing in player.loops.items():
        playing.channel = Listening(key, heard)  # type: ignore[assignment]
    player.apply(replace(FULL, music=0, effects=5))
    loudness = {key: (left, right) for key, left, right in heard}
    assert loudness["music.realm.ground"] == (0, 0)
    assert loudness["bed.wind"] == pytest.approx(tuple(0.25 * side for side in loud(player, "bed.wind")), abs=1 / 500)
    assert gain(10) == 1 and gain(0) == 0 and music is not wind


class Listening:
    """Stands for a channel and takes down what it is told."""

    def __init__(self, key: str, heard: list[tuple[str, float, float]]) -> None:
        self.key, self.heard = key, heard

    def set_volume(self, left: float, right: float) -> None:
        self.heard.append((self.key, left, right))


def test_too_many_sounds_leave_some_out(player: Player, game: Game) -> None:
    hints = tuple(Hint(350 + 2 * k, 230, "hear", "hum") for k in range(60))
    game.frame_state = frame_state(hints=hints)
    for _ in range(5):
        hear(player, game, 0.05)
        for _ in range(30):
            player.cue("move")
    assert player._free == [] and len(player.loops) == 36
    player.cue("no such cue")


def test_dream_and_ending_have_music_of_their_own(player: Player, game: Game) -> None:
    hear(player, game, 0.05)
    assert player.piece == "realm"
    game.journey.resting = True
    for _ in range(300):
        hear(player, game, 0.1)
    assert player.piece == "dream" and "music.realm.ground" not in player.loops
    assert loud(player, "bed.wind")[0] < 0.05, "the realm is far away"
    game.journey.resting = False
    game.screens.push(Epilogue(game))
    hear(player, game, 0.05)
    assert player.piece == "ending" and set(player.loader.wanted) == {"realm", "dream", "ending"}


def test_what_one_learns_is_heard_once(player: Player, game: Game, monkeypatch: pytest.MonkeyPatch) -> None:
    cues: list[str] = []
    monkeypatch.setattr(player, "cue", cues.append)
    journey = game.journey
    hear(player, game, 0.05)
    journey.narrator.shown += 1
    for _ in range(3):
        hear(player, game, 0.05)
    journey.narrator.firsts.now = Sighting(3, "kitsune", 99.0, True)
    for _ in range(3):
        hear(player, game, 0.05)
    journey.narrator.shown += 1
    journey.narrator.firsts.found += 1
    journey.narrator.firsts.now = None
    for _ in range(3):
        hear(player, game, 0.05)
    assert cues == ["lesson", "sight", "found"]


def test_it_ducks_only_where_play_pauses(player: Player, game: Game) -> None:
    game.context.keys.away = True
    for _ in range(20):
        hear(player, game, 0.1)
    assert player._master == pytest.approx(1.0)
    player.apply(replace(FULL, away="pause"))
    for _ in range(20):
        hear(player, game, 0.1)
    assert player._master == pytest.approx(sound.AWAY, abs=0.01)
    game.context.keys.away = False
    for _ in range(20):
        hear(player, game, 0.1)
    assert player._master > 0.95


def test_real_frames_of_a_game_are_heard(player: Player, game: Game) -> None:
    play(game, 40)
    assert "bed.wind" in player.loops and "music.realm.ground" in player.loops
    assert game.frame_state is not None and game.frame_state.hour == game.journey.realm.world.hour


def test_a_device_that_goes_away_is_said_once(player: Player, game: Game, notes: list[str]) -> None:
    for _ in range(9):
        hear(player, game, 0.05)
    pg.mixer.quit()
    player.apply(replace(FULL, effects=1))
    for _ in range(5):
        player.cue("move")
        hear(player, game, 0.05)
        player.apply(Settings())
    assert len(notes) == 1 and notes[0].startswith("No sound any more")


def test_no_device_is_said_once_and_play_goes_on(notes: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    def fails(*args: object, **named: object) -> None:
        raise pg.error("no such audio device")

    monkeypatch.setattr(pg.mixer, "init", fails)
    new_player = Player(Loader(Shelf()), FULL, notes.append)  # type: ignore[arg-type]
    new_player.loader.join()
    for _ in range(5):
        new_player.frame(None, 0.05)
        new_player.cue("take")
    assert notes == ["No sound: no such audio device"]
    new_player.close()


def test_sounds_are_got_ready_beside_the_frames(notes: list[str]) -> None:
    shelf = Shelf()
    loader = Loader(shelf)  # type: ignore[arg-type]
    new_player = Player(loader, FULL, notes.append)
    until = time.monotonic() + 120
    while not loader.done.is_set() and loader.is_alive() and time.monotonic() < until:
        new_player.frame(None, 0.05)
        time.sleep(0.01)
    assert loader.done.is_set() and notes == []
    assert "music.dream.veil" not in shelf.asked, "music for later isn't kept where it can't be cached"
    assert shelf.asked[0].startswith("cue.") and set(new_player.loops) >= {"music.realm.ground", "music.realm.koto"}
    loader.wanted["dream"] = time.monotonic()
    while "music.dream.far" not in loader.sounds and time.monotonic() < until:
        time.sleep(0.01)
    loader.wanted["dream"] -= sound.KEPT + 1
    loader._tidy()
    assert "dream" in loader.wanted, "what frames write, no other thread takes away"
    while "music.dream.far" in loader.sounds and time.monotonic() < until:
        time.sleep(0.01)
    assert not any(name.startswith("music.dream.") for name in loader.sounds)
    new_player.close()
    new_player.close()
    assert not loader.is_alive() and not pg.mixer.get_init()


def test_a_broken_score_is_said_and_play_goes_on(notes: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    def broken() -> None:
        raise ValueError("music.realm: a layer without notes")

    monkeypatch.setattr(sound, "recipes", broken)
    monkeypatch.setattr("game.audio.sound_bank.recipes", broken)
    new_player = Player(Loader(Bank(None)), FULL, notes.append)
    new_player.loader.join()
    new_player.frame(None, 0.05)
    assert notes == ["No sound: music.realm: a layer without notes"]
    new_player.close()


def test_a_first_start_leaves_the_making_to_another_process(tmp_path: Path, notes: list[str]) -> None:
    bank = Bank(tmp_path)
    new_player = Player(Loader(bank), FULL, notes.append)
    until = time.monotonic() + 120
    while "cue.back" not in new_player.loader.sounds and new_player.loader.is_alive() and time.monotonic() < until:
        time.sleep(0.02)
    assert bank.made == 0 and np.array_equal(bank.get("cue.move"), kit_made("cue.move"))
    helper = new_player.loader._helper
    assert helper is not None
    new_player.close()
    assert helper.poll() is not None, "it doesn't outlive the game"


def test_where_no_process_can_be_started_sounds_are_made_here(
    tmp_path: Path, notes: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("sys.executable", str(tmp_path / "no-such-python"))
    monkeypatch.setattr("game.audio.sound_bank.make", kit_made)
    bank = Bank(tmp_path)
    assert bank.fill() is None
    new_player = Player(Loader(bank), FULL, notes.append)
    assert new_player.loader.done.wait(120) and bank.made == len(recipes()) - 6, "music for later is left for later"
    new_player.close()


def test_the_dummy_driver_needs_no_sound(tmp_path: Path, notes: list[str]) -> None:
    assert open_sound(Settings(), tmp_path, notes.append, {"SDL_AUDIODRIVER": "dummy"}) is None
    assert not list(tmp_path.iterdir()) and notes == []
