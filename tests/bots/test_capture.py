"""Pictures and films of the game: taken where and when they were asked for, and no larger than they should be."""

from pathlib import Path

import pygame as pg
import pytest
from PIL import Image

from game.realm.actors import NEVER
from game.realm.senses import in_sight
from tests.bots import film as botfilm
from tests.bots.capture import STILLS, Still, come_to, knowing, sheet, spots, take
from tests.bots.film import FPS, SIZE, Film
from tests.bots.film_end import at_the_end
from tests.kits.questkit import Hand


def test_a_still_is_of_its_hour_its_weather_and_its_region() -> None:
    for still in (Still("river", "night", "rain"), Still("hall", "dusk", "clear")):
        world = come_to(still, 1)
        assert (world.phase, world.weather) == (still.phase, still.weather)
        assert world.flood == (still.weather == "rain"), "the river has risen, or fallen, to the end"
        place = world.map.places[spots(world, still)[0]]
        kind = world.map.rooms[place.room].kind if place.room >= 0 else place.region
        assert kind == still.where


def test_stills_are_of_every_region_hour_and_weather() -> None:
    phases = {(still.where, still.phase) for still in STILLS}
    for where in ("village", "forest", "river", "shrine"):
        assert {(where, phase) for phase in ("day", "dusk", "night")} <= phases
    assert {still.weather for still in STILLS} == {"clear", "wind", "rain", "mist"}
    assert len({still.name for still in STILLS}) == len(STILLS)


def test_a_still_is_taken_and_stands_on_the_sheet(tmp_path: Path) -> None:
    picture = take(Still("village", "dusk", "clear"), knowing, tmp_path, 1, waits=False)
    assert pg.image.load(picture).get_size() == (1280, 720)
    sheet([picture, picture], tmp_path / "sheet.png", across=2)
    whole = pg.image.load(tmp_path / "sheet.png")
    assert whole.get_at((6 + 160, 6 + 90)) == whole.get_at((332 + 160, 6 + 90)) != whole.get_at((2, 2))


def test_a_still_shows_the_realm_not_the_first_sight_that_dims_it(tmp_path: Path) -> None:
    picture = pg.image.load(take(Still("village", "day", "clear"), knowing, tmp_path, 1, waits=False))
    assert max(pg.transform.average_color(picture)[:3]) > 60, "day, and not the dark around a first sight"


def test_a_film_holds_what_was_filmed_and_stays_small(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    film = Film(tmp_path)
    window = pg.Surface((64, 36))
    film.watch(window, 1.0)
    assert not film.frames, "it does not roll yet"
    film.rolls = True
    for step in range(60):  # two seconds at 30 frames
        window.fill((4 * step, 20, 255 - 4 * step))
        film.watch(window, 1 / 30)
    assert film.seconds == pytest.approx(2.0, abs=1.5 / FPS)
    film.fast = 5.0
    for _ in range(150):  # five seconds in one
        film.watch(window, 1 / 30)
    assert film.seconds == pytest.approx(3.0, abs=2.5 / FPS)
    result = film.write(tmp_path / "film.webp", 1.5)
    with Image.open(tmp_path / "film.webp") as picture:
        assert (picture.size, picture.n_frames) == (SIZE, round(1.5 * FPS))
    assert result["bytes"] == (tmp_path / "film.webp").stat().st_size
    monkeypatch.setattr(botfilm, "LARGEST", 1)
    assert film.write(tmp_path / "film.webp", 1.5)["quality"] == botfilm.QUALITIES[-1]


def test_the_ending_of_the_film_is_one_name_away() -> None:
    world, place, species = at_the_end(4)
    stages = {key: errand.stage for key, errand in world.quests.errands.items()}
    (last,) = [errand for errand in world.quests.errands.values() if errand.stage != "done"]
    assert last.plan.ends and last.count == last.plan.count - 1 and list(stages.values()).count("done") == 6
    assert place in dict(in_sight(world)).values() and world.quests.ended == NEVER
    Hand(world).do(("name", place, species))
    assert last.stage == "done"
