"""The errand on the screen: which one, where it leads, how far a stare has come, and the map."""

import math
from pathlib import Path

import pygame as pg
import pytest

from game.journey.tracking import Trail, followed, outdoors, staring, trail
from game.realm.terrain import OUTDOORS, TILE
from game.realm.world import new_world
from game.screens import map_sheet
from game.ui import errand_hud, overlays, sketch
from game.ui.font import Pen
from tests.kits.playkit import game_of, open_display, play, small_map
from tests.kits.questkit import Hand, into
from tests.kits.stub_mind import StubMind


def test_without_an_errand_nothing_is_followed_and_then_the_last_one_taken_is() -> None:
    hand = Hand(new_world(1))
    assert followed(hand.world) is None and trail(hand.world) is None
    hand.play("lantern")
    assert followed(hand.world) is None, "it is done"
    hand.talk("axe")
    hand.wait(2)
    hand.talk("child")
    assert followed(hand.world).key == "child"
    hand.errand("child").stage = "ready"
    assert followed(hand.world).key == "axe", "what is to be done comes before what is to be told"


def test_a_trail_leads_to_the_places_and_back_to_who_asked() -> None:
    hand = Hand(new_world(1))
    hand.talk("lantern")
    errand, places, leads = hand.errand("lantern"), hand.world.map.places, trail(hand.world)
    assert (leads.count, leads.of, leads.left) == (0, 2, None) and leads.title == errand.plan.title
    for place in errand.area:
        assert math.hypot(places[place].x - leads.x, places[place].y - leads.y) < leads.reach
    assert leads.where == "around here"
    errand.stage = "ready"
    hana = hand.world.quests.people[0]
    leads = trail(hand.world)
    assert (leads.x, leads.y, leads.reach) == (hana.x, hana.y, 0)


@pytest.mark.parametrize("indoors", [False, True])
def test_who_is_in_a_room_is_led_from_its_door(indoors: bool) -> None:
    world = new_world(1)
    hand = Hand(world)
    hand.talk("lantern")
    room = world.map.rooms[0]
    if indoors:
        into(world, room)
        assert world.player.y >= OUTDOORS * TILE
    else:
        world.player.x, world.player.y = room.outside
    assert outdoors(world, world.player.x, world.player.y) == room.outside
    assert "south" in trail(world).where, "as the map has it, not as the rooms lie in the table"


def test_an_errand_against_time_shows_what_is_left() -> None:
    world = new_world(1)
    for key, errand in world.quests.errands.items():
        errand.stage = "done" if key != "register" else "open"
    hand = Hand(world)
    hand.hour("dusk")
    hand.talk("register")
    before = trail(world).left
    hand.wait(60)
    assert before - 3 <= trail(world).left <= before - 1
    hand.do(("wait", True))
    waits = trail(world).left
    hand.wait(60)
    assert trail(world).left == waits


def test_a_stare_fills_while_one_stands_and_is_gone_when_one_walks() -> None:
    hand = Hand(new_world(1))
    hand.errand("lantern").stage = "done"
    hand.talk("axe")
    hand.go(hand.guest("axe"))
    parts = []
    for _ in range(100):
        hand.do()
        stare = staring(hand.world)
        parts.append(stare[1] if stare else 0.0)
        assert stare is None or stare[0] in hand.errand("axe").area
    assert parts == sorted(parts) and 0.7 < parts[-1] <= 1
    hand.do(("move", 0, 1))
    assert staring(hand.world) is None


def test_an_eye_fills_from_below() -> None:
    open_display()
    counts = []
    for part in (0.0, 0.5, 1.0):
        surface = pg.Surface((60, 40))
        errand_hud.eye(Pen(surface), 30, 20, part)
        counts.append(sum(tuple(surface.get_at((x, y))[:3]) == errand_hud.GOLD for x in range(60) for y in range(40)))
    assert counts[0] == 0 < counts[1] < counts[2]


@pytest.mark.parametrize("zoom", [1.0, 1.5, 2.0])
@pytest.mark.parametrize("text", ["[E] ask.", "Step away from here, then [E] ask Granny Ume. " * 2])
def test_what_to_do_next_never_covers_the_errands_line(text: str, zoom: float, monkeypatch: pytest.MonkeyPatch) -> None:
    open_display()
    pen = Pen(pg.Surface((1280, 720)), 2).sized(zoom)
    sheets: list[overlays.Box] = []
    monkeypatch.setattr(Pen, "panel", lambda self, *box: sheets.append(box))
    for title in ("Axe", "The ninth lantern of the village"):
        errand = errand_hud.line(pen, Trail(title, 0, 0, 0, 1, 9, "north, far", 80), 8 + 2 * pen.line)
        overlays.guide(pen, text, beside=errand)
        left, top, _, height = sheets[-1]
        assert left > errand[0] + errand[2] or top >= errand[1] + errand[3] or top + height <= errand[1]


def test_the_map_shows_where_one_is_and_shuts_with_its_key(tmp_path: Path) -> None:
    game = game_of(StubMind(), tmp_path, seed=0)
    play(game, 2)
    game._command("map")
    assert isinstance(game.screens.top, map_sheet.MapSheet)
    play(game, 1)
    first = pg.surfarray.array3d(game.window.canvas)
    player = game.journey.realm.world.player
    player.x += 200
    play(game, 1)
    assert (first != pg.surfarray.array3d(game.window.canvas)).any(), "the mark moves with the player"
    game._command("map")
    assert not game.screens


def test_a_map_is_drawn_the_same_way_again_and_shows_no_spirit() -> None:
    open_display()
    first = pg.surfarray.array3d(sketch.drawn(small_map(), 1)).copy()
    sketch.drawn.cache_clear()
    assert (first == pg.surfarray.array3d(sketch.drawn(small_map(), 1))).all()
