"""The first minutes, shortened, with a stand-in for the mind: shown, dreamt, seen; named, asked, left, gone on."""

import json
from functools import cache
from pathlib import Path
from types import SimpleNamespace

import pygame as pg
import pytest

from game.app import game_loop
from game.art.painter import Painter
from game.screens import title
from game.ui.announcements import Speech
from tests.bots import bot, hands
from tests.bots.bot import first_minutes, mind_maker
from tests.bots.diary import Diary, Tally
from tests.bots.script import SCREENS, Plan
from tests.kits.appkit import one_vista

pytestmark = pytest.mark.slow
SHORT = Plan(minutes=1.6, dream=20.0, seed=1, lessons=7, scale=1, still=6)
EVERY = 10  # frames from one picture to the next: most of the time goes into pictures that nobody looks at
TINY = Plan(minutes=0.1, dream=1.0, seed=1, lessons=1, scale=1, still=1)


def lines_of(folder: Path) -> list[dict]:
    return [json.loads(line) for line in (folder / "journey.jsonl").read_text(encoding="utf-8").splitlines()]


@pytest.fixture(scope="module")
def journey(tmp_path_factory: pytest.TempPathFactory) -> tuple[dict, Path]:
    out = tmp_path_factory.mktemp("journey")
    make, waits = mind_maker([])
    return first_minutes(make, out, SHORT, waits=waits, every=EVERY), out


def test_a_newcomer_is_shown_a_spirit_within_half_a_minute(journey: tuple[dict, Path]) -> None:
    assert journey[0]["first_shown_s"] < 30
    assert journey[0]["shown"] >= SHORT.lessons
    assert journey[0]["empties"] >= 3 * SHORT.lessons


def test_who_was_blind_sees_what_nobody_pointed_at(journey: tuple[dict, Path]) -> None:
    result = journey[0]
    before, after = result["screen"]["before"], result["screen"]["after two dreams"]
    assert (before["hits"], before["false_alarms"]) == (0, 0)
    assert after["hits"] >= 0.5
    assert after["d_prime"] > before["d_prime"] + 1
    assert result["sights"]["first_true"] is not None, "no first sight"
    assert result["shapes_at_first_sight"] == 1, "it comes as one shape, not as a crowd"
    assert result["named"]["right"] >= 1
    assert result["found"] >= 1


def test_an_errand_is_taken_and_the_realm_goes_on_where_it_was_left(journey: tuple[dict, Path]) -> None:
    assert journey[0]["errands"].get("lantern") in ("taken", "ready", "done")
    assert journey[0]["the_same_after_leaving"] is True


def test_the_log_tells_all_of_it_in_order(journey: tuple[dict, Path]) -> None:
    lines = lines_of(journey[1])
    assert [line["wall"] for line in lines] == sorted(line["wall"] for line in lines)
    kinds = {line["what"] for line in lines}
    assert kinds >= {"said", "revealed", "progress", "sighting", "found", "errand", "screen", "sky", "rest", "minute"}
    progress = [line for line in lines if line["what"] == "progress"]
    assert progress[-1]["d_prime"] > progress[0]["d_prime"]
    assert all(line["species"] and line["truth"] for line in lines if line["what"] == "sighting")


def test_every_screen_was_seen(journey: tuple[dict, Path]) -> None:
    out = journey[1]
    names = [
        "title",
        "arrived",
        "attending",
        "dream-1",
        "dream-1-after",
        "title-again",
        *(f"screen-{n}" for n, _ in SCREENS),
    ]
    for name in names:
        assert pg.image.load(out / f"{name}.png").get_size() == (640, 360)
    screens = {line["name"] for line in lines_of(out) if line["what"] == "screen"}
    assert screens >= {"Codex", "Log", "Photo", "Menu", "Chooser"}


def test_a_seed_is_played_the_same_way_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(title, "Vista", one_vista)  # grounds take long to paint, and are the same each time
    monkeypatch.setattr(game_loop, "Painter", cache(Painter))
    monkeypatch.setattr(bot, "curve", lambda diary, path: None)
    monkeypatch.setattr(hands.Bot, "picture", lambda bot, name: None)
    journeys = []
    for name in ("one", "two"):
        make, waits = mind_maker([])
        result = first_minutes(make, tmp_path / name, TINY, waits=waits, every=EVERY)
        journeys.append((result["state"], [{**line, "wall": 0} for line in lines_of(tmp_path / name)]))
    assert journeys[0] == journeys[1]


def test_a_speech_is_written_down_though_it_lies_where_a_forgotten_one_did(tmp_path: Path) -> None:
    firsts = SimpleNamespace(now=None, found=0)
    narrator = SimpleNamespace(speech=Speech("seer", "one", 1.0), pointed=(), firsts=firsts)
    journey = SimpleNamespace(seconds=0.0, narrator=narrator, world=SimpleNamespace(map=SimpleNamespace(places=())))
    game, diary = SimpleNamespace(journey=journey), Diary(tmp_path / "diary.jsonl")
    diary._said(game)
    address, narrator.speech = id(narrator.speech), None
    others = [Speech("seer", "two", 1.0) for _ in range(1000)]
    narrator.speech = next((other for other in others if id(other) == address), others[0])
    diary._said(game)
    diary._said(game)
    diary.close()
    assert [line["text"] for line in diary.lines] == ["one", "two"]


def test_a_tally_counts_what_is_seen_against_what_is_there() -> None:
    tally = Tally()
    for truth, seen in (("oni", "oni"), ("oni", "tengu"), ("nothing", "oni"), ("nothing", "nothing")):
        tally.add(truth, seen, known=truth == seen)
    assert (tally.spirits, tally.hits, tally.empties, tally.alarms) == (2, 1, 2, 1)
    assert tally.rates()["hits"] == tally.rates()["false_alarms"] == 0.5
    assert tally.rates()["d_prime"] == 0 and (tally.known, tally.rates()["known_hits"]) == (1, 1.0)
    assert Tally().rates()["d_prime"] is None


def test_the_curve_is_drawn(journey: tuple[dict, Path]) -> None:
    picture = pg.image.load(journey[1] / "curve.png")
    colours = {tuple(picture.get_at((x, y))[:3]) for x in range(0, 800, 3) for y in range(0, 600, 3)}
    assert len(colours) > 20, "an empty picture"
