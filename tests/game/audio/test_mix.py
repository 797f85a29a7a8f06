"""What is heard and where: each trace from its place, voices by belief, weather, steps, and layers of music."""

import math
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from game.art.frame_state import FrameState, Ghost, Hint
from game.audio import mix
from game.audio.listening import TOLLS, Footsteps
from game.audio.mix import Listener, Wish, attenuation, ears
from game.audio.sound_bank import recipes, score
from game.realm.terrain import OUTDOORS, TILE
from tests.kits.playkit import small_map
from tests.kits.soundkit import frame_state, made

VOICES = {"kitsune": "hum", "yurei": "sob"}
WELL = (300, 200)  # place 0 of the small map


@pytest.fixture
def listener() -> Listener:
    return Listener(small_map(), VOICES)


def power(wish: Wish) -> float:
    return math.hypot(wish.left, wish.right)


def hum(listener: Listener, at: FrameState) -> Wish:
    return listener.wishes(at)["300 200 hum"]


def heard(thing: str = "hum", sense: str = "hear") -> tuple[Hint, ...]:
    return (Hint(*WELL, sense, thing),)


def believed(belief: float, wavering: bool = False) -> tuple[Ghost, ...]:
    return (Ghost(0, 280, 205, "kitsune", belief, wavering),)


@given(st.floats(-3, 3), st.floats(0, 1))
def test_pan_keeps_the_power(pan: float, gain: float) -> None:
    left, right = ears(pan, gain)
    assert math.hypot(left, right) == pytest.approx(gain)
    assert (left >= right - 1e-9) if pan <= 0 else (right >= left - 1e-9)


@given(st.floats(0, 1000), st.floats(0, 1000))
def test_nothing_grows_louder_with_distance(a: float, b: float) -> None:
    near, far = sorted((a, b))
    assert 1 >= attenuation(near) >= attenuation(far) >= 0
    assert attenuation(max(b, mix.FAR)) == 0


def test_a_trace_is_heard_from_its_place(listener: Listener) -> None:
    west, east = hum(listener, frame_state(x=200, hints=heard())), hum(listener, frame_state(x=420, hints=heard()))
    assert west.right > 1.5 * west.left and east.left > 1.5 * east.right
    middle, far = (
        hum(listener, frame_state(x=300, y=210, hints=heard())),
        hum(listener, frame_state(x=300, y=400, hints=heard())),
    )
    assert middle.left == pytest.approx(middle.right) and power(middle) > 2.5 * power(far) > 0
    assert power(hum(listener, frame_state(x=300, y=210 + 13 * TILE, hints=heard()))) > 0.1, (
        "as far as one senses, it is heard"
    )
    assert "300 200 hum" not in listener.wishes(frame_state(x=700, hints=heard()))


def test_only_what_is_heard_sounds(listener: Listener) -> None:
    for sense in ("glimpse", "track", "feel"):
        assert (
            listener.wishes(frame_state(hints=heard("flicker", sense))).keys() == listener.wishes(frame_state()).keys()
        )


def test_a_trace_sounds_alike_whoever_made_it(listener: Listener) -> None:
    ordinary = listener.wishes(frame_state(hints=heard("drip")))["300 200 drip"]
    assert ordinary[1:] == hum(listener, frame_state(hints=heard()))[1:]


def test_a_voice_grows_with_belief_and_with_nothing_else(listener: Listener) -> None:
    loud = [power(hum(listener, frame_state(hints=heard(), ghosts=believed(b)))) for b in (0.0, 0.3, 0.6, 1.0)]
    assert loud == sorted(set(loud)) and loud[-1] / loud[0] == pytest.approx(1 / mix.PLAIN)
    alone = [listener.wishes(frame_state(ghosts=believed(b))).get("300 200 hum") for b in (0.2, 0.5, 1.0)]
    assert alone[0] is None and alone[1] and alone[2] and 0 < power(alone[1]) < power(alone[2]) < loud[0]
    assert "300 200 hum" not in listener.wishes(frame_state(ghosts=believed(1.0, wavering=True))), (
        "touched, and nobody there"
    )
    other = (Ghost(0, 280, 205, "yurei", 1.0),)
    assert power(hum(listener, frame_state(hints=heard(), ghosts=other))) == pytest.approx(loud[0]), "belief in another"


def test_strange_beliefs_are_silent(listener: Listener) -> None:
    strange = (Ghost(999, 0, 0, "kitsune", 1.0), Ghost(-1, 0, 0, "kitsune", 1.0), Ghost(0, 280, 205, "griffin", 1.0))
    assert listener.wishes(frame_state(ghosts=strange)) == listener.wishes(frame_state())


def test_weather_and_hour_are_heard(listener: Listener) -> None:
    wet, dry = listener.wishes(frame_state(weather="rain")), listener.wishes(frame_state())
    assert "bed.rain" in wet and "bed.rain" not in dry and "bed.roof" not in wet
    room = listener.wishes(frame_state(y=(OUTDOORS + 3) * TILE, weather="rain"))
    assert {"bed.roof", "bed.embers"} <= room.keys() and not {"bed.rain", "bed.water"} & room.keys()
    assert power(room["bed.wind"]) < 0.5 * power(wet["bed.wind"])
    assert power(listener.wishes(frame_state(weather="wind"))["bed.wind"]) > 3 * power(dry["bed.wind"])
    night = listener.wishes(frame_state(hour=23))
    assert "bed.night" in night and "bed.day" not in night and "bed.night" not in dry and "bed.day" in dry
    assert power(listener.wishes(frame_state(attend=1.0))["bed.wind"]) < 0.5 * power(dry["bed.wind"])


def test_the_river_is_heard_where_it_runs(listener: Listener) -> None:
    near, far = listener.wishes(frame_state(y=300)), listener.wishes(frame_state(y=150))
    assert power(near["bed.water"]) > 1.5 * power(far["bed.water"])
    assert power(listener.wishes(frame_state(y=300, flood=1.0))["bed.flood"]) > 0.9 and "bed.flood" not in near
    assert "bed.water" not in Listener(small_map(), {}).wishes(frame_state(y=1500))


def test_a_hush_takes_from_everything_alike(listener: Listener) -> None:
    plain, hushed = (listener.wishes(frame_state(hints=heard()), part) for part in (1.0, 0.3))
    assert plain.keys() == hushed.keys()
    assert all(power(hushed[key]) == pytest.approx(0.3 * power(wish)) for key, wish in plain.items())


def test_layers_come_with_sight() -> None:
    piece = score()["realm"]
    steps = [mix.music(piece, "realm", sees) for sees in (0.0, 0.5, 1.2, 4.0)]
    assert [len(step) for step in steps] == [1, 2, 3, 4]
    assert power(steps[1]["music.realm.koto"]) < power(steps[2]["music.realm.koto"]) == pytest.approx(1.0)
    assert all(name in recipes() for name in steps[3])
    sure = (Ghost(0, 280, 205, "kitsune", 0.9), Ghost(1, 360, 190, "yurei", 0.5, True), Ghost(2, 5600, 0, "oni", 1.0))
    assert mix.insight(frame_state(ghosts=sure)) == pytest.approx(0.9), "phantoms and what is out of sight don't count"


def walk(listener: Listener, path: list[tuple[int, int]], hours: tuple[float, ...] = (12.0,)) -> list[Wish]:
    walker, wishes = Footsteps(), []
    for index, (x, y) in enumerate(path):
        wishes += walker.heard(frame_state(x, y, hour=hours[index % len(hours)], moving=True), listener)
    return wishes


def test_steps_sound_like_the_ground(listener: Listener) -> None:
    for (x, y), ground in {(300, 240): "grass", (560, 100): "leaves", (60, 60): "moss", (370, 310): "bridge"}.items():
        steps = walk(listener, [(x + 3 * k, y) for k in range(9)])
        assert len(steps) in (1, 2) and all(wish.name.startswith(f"step.{ground}.") for wish in steps), ground
    assert all(wish.name.startswith("step.edge.") for wish in walk(listener, [(100 + 3 * k, 282) for k in range(30)]))
    steps = walk(listener, [(100 + 3 * k, 240) for k in range(150)])
    assert 15 <= len(steps) <= 18, "two or three in a second, as the feet go"
    assert len({wish.name for wish in steps}) == 3 and all(a.name != b.name for a, b in pairwise(steps))
    assert walk(listener, [(300, 240)] * 60) == []
    assert all(
        f"step.{listener.underfoot(x, y)}.0" in recipes() for x in range(-40, 800, 40) for y in range(-40, 600, 40)
    )


def test_a_door_is_heard_and_is_no_step(listener: Listener) -> None:
    assert [wish.name for wish in walk(listener, [(300, 240), (300, 400), (300, 400)])] == ["door"]


def test_the_bell_tolls_at_its_hours_from_the_shrine(listener: Listener) -> None:
    still = [(300, 240)] * 3
    for toll in TOLLS:
        (bell,) = walk(listener, still, (toll - 0.01, toll, toll + 0.01))
        assert bell.name == "bell" and bell.right > bell.left, "the shrine lies in the east"
    assert walk(listener, still, (9.0, 9.1, 9.2)) == [] and walk(listener, still, (23.99, 0.0, 0.01)) == []


def test_the_busiest_moment_does_not_clip(listener: Listener) -> None:
    spots = [(place.x, place.y) for place in small_map().places]
    things = ("hum", "chime", "whisper", "sob", "drum", "giggle", "hammer", "chant")
    hints = tuple(Hint(350 + 30 * (k % 3), 230 + 20 * (k // 3), "hear", thing) for k, thing in enumerate(things))
    ghosts = tuple(Ghost(k, *spot, "kitsune", 1.0) for k, spot in enumerate(spots))
    moment = frame_state(y=290, hints=hints, ghosts=ghosts, hour=22, weather="wind", flood=1.0)
    wishes = {**listener.wishes(moment), **mix.music(score()["realm"], "realm", 9.0)}
    assert len(wishes) >= 15
    total = np.zeros((2, 10 * 22050))
    for wish in wishes.values():
        sound = np.resize(made(wish.name) / 32767, total.shape[1])
        total += np.stack([wish.left * 0.64 * sound, wish.right * 0.64 * sound])  # effects at 8, as they are at first
    assert (np.abs(total) > 1).mean() < 1e-4
