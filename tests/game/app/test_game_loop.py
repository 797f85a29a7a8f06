"""The game through real pygame events, under the dummy driver."""

import ast
from dataclasses import replace
from pathlib import Path

import numpy as np
import pygame as pg
import pytest

from game.app import hud
from game.app.window import NoDisplay, Window
from game.art.frame_state import Body
from game.realm.replay import ActionLog, state_hash
from game.realm.step import step
from game.realm.world import new_world
from perception.messages import Practise, Ready, WriteLog
from tests.kits.playkit import game_of, key, play, tap
from tests.kits.stub_mind import StubMind, by_traces, everywhere

GAME = Path(__file__).parents[3] / "game"


pytestmark = pytest.mark.usefixtures("clean_queue")


def test_keys_walk_and_stop(tmp_path: Path) -> None:
    game = game_of(StubMind(), tmp_path)
    player = game.journey.realm.world.player
    x, y = player.x, player.y
    play(game, 20, [key(pg.K_d)])
    assert player.x > x
    assert player.y == y
    x = player.x
    play(game, 20, [key(pg.K_d, False), key(pg.K_LEFT)])
    assert player.x < x
    play(game, 2, [key(pg.K_LEFT, False)])
    x = player.x
    play(game, 10)
    assert player.x == x


def test_losing_the_window_lets_go_of_the_keys(tmp_path: Path) -> None:
    mind = StubMind()
    game = game_of(mind, tmp_path)
    play(game, 5, [key(pg.K_SPACE)])
    play(game, 3, [pg.Event(pg.WINDOWFOCUSLOST)])
    assert [m.on for m in mind.sent if isinstance(m, Practise)] == [True, False]


def test_overlay_modes_menu_and_leaving(tmp_path: Path) -> None:
    game = game_of(StubMind(), tmp_path)
    tap(game, pg.K_TAB)
    assert game.heads
    assert game.mode == "plain", "it opens in plain words"
    tap(game, pg.K_m)
    assert game.mode == "activity", "terms and numbers lie behind one key"
    tap(game, pg.K_m)
    assert game.mode == "change"
    tap(game, pg.K_ESCAPE)
    tick = game.journey.realm.world.tick
    play(game, 10)
    assert game.journey.realm.world.tick == tick, "paused"
    tap(game, pg.K_ESCAPE)
    play(game, 10)
    assert game.journey.realm.world.tick > tick
    tap(game, pg.K_ESCAPE)
    tap(game, pg.K_UP)
    tap(game, pg.K_RETURN)
    assert game.over


def test_closing_the_window_ends_the_game(tmp_path: Path) -> None:
    game = game_of(StubMind(), tmp_path)
    play(game, 1, [pg.Event(pg.QUIT)])
    assert game.over


def test_log_and_screenshot_say_where(tmp_path: Path) -> None:
    mind = StubMind()
    game = game_of(mind, tmp_path)
    play(game, 2)
    tap(game, pg.K_F2)
    tap(game, pg.K_F12)
    tap(game, pg.K_F12)
    assert [m.path for m in mind.sent if isinstance(m, WriteLog)] == [str(tmp_path / "log.msgpack")]
    walk = ActionLog.load(tmp_path / "log.replay")
    assert (walk.seed, 0 < walk.ticks <= game.journey.realm.log.ticks) == (0, True)
    shots = sorted((tmp_path / "shots").glob("*.png"))
    assert [shot.name for shot in shots] == ["second-sight-0001.png", "second-sight-0002.png"]
    assert pg.image.load(shots[0]).get_size() == (1280, 720)
    said = " ".join(game.context.notes())
    assert "log.msgpack" in said
    assert "Written" in said
    assert "second-sight-0001.png" in said
    shots[0].unlink()
    picture = shots[1].read_bytes()
    tap(game, pg.K_F12)
    tap(game, pg.K_F12)
    assert shots[1].read_bytes() == picture and len(list((tmp_path / "shots").iterdir())) == 3, "none is written over"


def test_the_dream_opens_and_closes(tmp_path: Path) -> None:
    world = new_world(0)
    game = game_of(StubMind(by_traces(world.rules), learning=True), tmp_path, world=world)
    play(game, 60)
    tap(game, pg.K_r)
    play(game, 120)
    assert game.journey.resting
    dark = pg.surfarray.array3d(game.window.frame).mean()
    tap(game, pg.K_r)
    play(game, 10)
    assert not game.journey.resting
    assert pg.surfarray.array3d(game.window.frame).mean() > 1.5 * dark


def test_a_menu_over_a_dream_stands_alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    painted: list[object] = []
    monkeypatch.setattr(hud.dream_view, "panel", lambda *arguments: painted.append(arguments))
    game = game_of(StubMind(), tmp_path)
    tap(game, pg.K_r)
    play(game, 10)
    assert painted
    tap(game, pg.K_ESCAPE)
    painted.clear()
    play(game, 10)
    assert game.screens
    assert not painted


@pytest.mark.parametrize("state", ["waking", "restarting", "dead"])
def test_the_game_goes_on_without_a_mind_and_says_so(tmp_path: Path, state: str) -> None:
    mind = StubMind(everywhere("oni", 1.0))
    game = game_of(mind, tmp_path)
    play(game, 12, dt=1 / 12)
    assert game.journey.mind_client.places()
    before = pg.surfarray.array3d(game.window.surface)
    mind.state = state
    tick = game.journey.realm.world.tick
    play(game, 66, [key(pg.K_RIGHT)], dt=1 / 12)
    assert game.journey.realm.world.tick >= tick + 110
    assert game.journey.mind_client.places() == []
    after = pg.surfarray.array3d(game.window.surface)
    assert (before[560:720, 16:56] != after[560:720, 16:56]).any(), "the banner"
    mind.state = "awake"
    play(game, 12, dt=1 / 12)
    assert game.journey.mind_client.places()


def test_drawing_or_not_the_world_is_the_same(tmp_path: Path) -> None:
    world = new_world(0)
    game = game_of(StubMind(by_traces(world.rules)), tmp_path, world=world)
    play(game, 90, [key(pg.K_s)], dt=1 / 30)
    twin = new_world(0)
    for _ in range(world.tick):
        step(twin, (("move", 0, 1),))
    assert world.tick == 90
    assert state_hash(world) == state_hash(twin)


def test_the_picture_does_not_know_the_truth(tmp_path: Path) -> None:
    """Two realms that differ only in where spirits are, under the same beliefs, look the same to the last pixel."""
    pictures = []
    for lie in (False, True):
        world = new_world(0)
        game = game_of(StubMind(everywhere("kodama", 0.7)), tmp_path, world=world)
        if lie:
            world.traces.here[:] = [0] * len(world.traces.here)
            for spirit in world.spirits:
                spirit.place = 0
        play(game, 1)
        game.journey.view = None  # what is sensed is the world's to tell; here only the drawing is compared
        for _ in range(3):
            game._draw()
        pictures.append(pg.surfarray.array3d(game.window.frame))
    assert np.array_equal(*pictures)


def test_no_source_of_the_drawing_names_the_truth() -> None:
    """What paints is made from a Map and handed a FrameState; nothing above the realm reads who is where."""
    forbidden = {"truth", "spirits", "traces", "who_is_at", "here", "shown"}
    sources = [path for path in sorted(GAME.rglob("*.py")) if path.parent.name not in ("realm", "shared", "env")]
    for path in sources:
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name | ast.Attribute):
                owner = node.value.id if isinstance(node.value, ast.Name) else node.value.attr
                assert not (owner == "world" and node.attr in forbidden), f"{path}: world.{node.attr}"
    painting = (GAME / "art" / "painter.py").read_text(encoding="utf-8")
    assert "realm.world import" not in painting, "the painter must not see a World"


@pytest.mark.parametrize(
    ("size", "scale", "corner"),
    [
        ((1280, 720), 2, (0, 0)),
        ((1920, 1080), 3, (0, 0)),
        ((1500, 800), 2, (110, 40)),
        ((640, 360), 1, (0, 0)),
    ],
)  # fmt: skip
def test_the_window_scales_by_whole_numbers(size: tuple, scale: int, corner: tuple, tmp_path: Path) -> None:
    game = game_of(StubMind(), tmp_path)
    game.context.choose(replace(game.settings, whole=True))
    pg.display.set_mode(size, pg.RESIZABLE)
    assert game.window.layout() == (scale, corner)
    play(game, 2)
    x, y = game.window.to_layout((corner[0] + scale * 100, corner[1] + scale * 50))
    assert (x, y) == (100, 50)


class Screen:
    """Stands for pygame's display on a real screen: takes down which windows were asked for."""

    def __init__(self, desktop: tuple[int, int], patch: pytest.MonkeyPatch) -> None:
        self.modes: list[tuple[tuple[int, int], int]] = []
        self.desktop, self._set_mode = desktop, pg.display.set_mode
        patch.setattr(pg.display, "get_driver", lambda: "x11")
        patch.setattr(pg.display, "get_desktop_sizes", lambda: [desktop])
        patch.setattr(pg.display, "set_mode", self.set_mode)

    def set_mode(self, size: tuple[int, int], flags: int) -> pg.Surface:
        self.modes.append((size, flags))
        return self._set_mode(self.desktop if size == (0, 0) else size, pg.RESIZABLE)


@pytest.mark.parametrize("desktop", [(1920, 1080), (1366, 768), (2560, 1600), (3440, 1440), (1280, 1024)])
def test_full_screen_fills_the_desktop(desktop: tuple[int, int], monkeypatch: pytest.MonkeyPatch) -> None:
    pg.display.init()
    screen = Screen(desktop, monkeypatch)
    window = Window()
    window.toggle_fullscreen()
    assert screen.modes == [((1280, 720), pg.RESIZABLE), ((0, 0), pg.FULLSCREEN)]
    window.frame.fill((200, 40, 40))
    window.put()
    window.flip()
    painted = (pg.surfarray.array3d(window.surface)[:, :, 0] > 150).nonzero()
    spans = [int(axis.max() - axis.min()) + 1 for axis in painted]
    factor = min(desktop[0] / 640, desktop[1] / 360)
    assert spans == pytest.approx([640 * factor, 360 * factor], abs=2)
    window.toggle_fullscreen()
    assert window.surface.get_size() == (1280, 720) and screen.modes[-1][1] == pg.RESIZABLE


def test_a_window_is_no_larger_than_the_desktop(monkeypatch: pytest.MonkeyPatch) -> None:
    pg.display.init()
    Screen((1024, 768), monkeypatch)
    assert Window(scale=4).surface.get_size() == (640, 360)


def test_the_camera_stays_in_the_realm(tmp_path: Path) -> None:
    painter = game_of(StubMind(), tmp_path).painter
    assert painter.camera(0, 0) == (0, 0)
    assert painter.camera(painter.width, painter.height) == (painter.width - 640, painter.height - 360)


def test_who_stands_behind_a_tree_can_be_seen(tmp_path: Path) -> None:
    game = game_of(StubMind(), tmp_path)
    tree = next(t for t in game.painter.placed_sprites.things if t.tall and 700 < t.x < 900 and 300 < t.y < 700)
    stage = game.journey.frame_state()
    frames = []
    for kind in ("player", "cat"):
        frame = pg.Surface((640, 360)).convert()
        game.painter.paint(frame, type(stage)(12.0, "clear", 0.0, Body(kind, tree.x, tree.y - 12, "s", False)))
        frames.append(pg.surfarray.array3d(frame))
    assert (frames[0] != frames[1]).any()


def test_no_display_is_one_line(monkeypatch: pytest.MonkeyPatch) -> None:
    pg.display.quit()
    monkeypatch.setenv("SDL_VIDEODRIVER", "no-such-driver")
    with pytest.raises(NoDisplay, match="no display") as caught:
        Window()
    assert "\n" not in str(caught.value)
    monkeypatch.undo()
    pg.display.init()


def test_a_log_that_cannot_be_written_is_a_note_not_a_crash(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")
    mind = StubMind()
    game = game_of(mind, tmp_path, log_path=tmp_path / "file" / "log", shot_dir=tmp_path / "file" / "shots")
    tap(game, pg.K_F2)
    tap(game, pg.K_F12)
    said = " ".join(game.context.notes())
    assert "No log" in said
    assert "No screenshot" in said
    assert not any(isinstance(m, WriteLog) for m in mind.sent)


def test_a_mind_with_a_foreign_tongue_is_told_in_terse(tmp_path: Path) -> None:
    mind = StubMind()
    mind.poll()
    mind._ready.append(Ready("far", "cpu", 2, 2, "elvish", 0))
    game = game_of(mind, tmp_path)
    play(game, 30)
    assert game.journey.mind_client.tongue == "terse"
    assert any("elvish" in line for line in game.context.notes())
