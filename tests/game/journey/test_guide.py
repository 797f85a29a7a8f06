"""The first minutes, and the moment that the game is about: what is said, when, and that it fits."""

import itertools

import pygame as pg
import pytest

from game.app.keys import LABELS
from game.journey.first_sights import SHOWN_FIRST, STEADY, Firsts
from game.journey.guide import AWAY, ENDING, PATIENCE, SHOWN, STEPS, Guide
from game.journey.journey import BACK, OPENING, Journey
from game.realm.realms import LocalRealm
from game.realm.replay import ActionLog
from game.realm.rules import NOTHING, Rules, load
from game.realm.senses import nearest_place, who_is_at
from game.realm.step import step
from game.realm.world import new_world
from game.ui import words
from game.ui.announcements import Speech
from game.ui.font import GLYPH_WIDTH, Pen
from game.ui.overlays import HEIGHT, WIDTH, hint_boxes, hints, speech, speech_box
from perception.messages import Event
from tests.kits.playkit import open_display
from tests.kits.stub_mind import StubMind, everywhere


def pass_time(journey: Journey, seconds: float, walk: tuple[int, int] = (0, 0), attending: bool = False) -> None:
    for _ in range(round(seconds * 60)):
        journey.advance(1 / 60, walk, attending, journey.seconds)


def longest(rules: Rules, where: str) -> list[tuple[Event, ...]]:
    """For each landmark, the longest thing in every sense at once."""
    kinds = sorted({kind for _, names in rules.places for kind in names}, key=len)
    things = []
    for number, sense in enumerate(rules.senses):
        known = [kind.traces[number] for kind in rules.kinds] + list(rules.ordinary[number])
        things.append(Event(sense, where, max(known, key=lambda word: len(words.article(word)))))
    return [(Event("look", where, kind), *things) for kind in kinds]


def test_the_guide_goes_from_walking_to_asking_to_attending_to_rest() -> None:
    guide, lines = Guide(), []
    for walked, attending, resting, pointed in (
        (0, False, False, 0),
        (50, False, False, 0),
        (0, False, False, 1),
        (0, True, False, 1),
        (0, False, True, 1),
        (0, False, False, 1),
    ):
        lines.append(guide.line("ask", LABELS))
        guide.advance(3.0, walked, attending, resting, pointed)
    lines.append(guide.line("ask", LABELS))
    guide.advance(0.1, 0, False, False, 1, has_errand=True)
    lines.append(guide.line("ask", LABELS))
    names = ("walk", "walk", "act", "attend", "rest", "rest", "act", "name")
    assert [line.split("[")[1].split("]")[0] for line in lines] == [LABELS[name] for name in names]
    guide.advance(ENDING + 1, 0, False, False, 1)
    guide.advance(0.1, 0, False, False, 1)
    assert guide.line("ask", LABELS) == ""


def test_nobody_has_to_take_an_errand_for_the_guide_to_go_on() -> None:
    guide = Guide(step=STEPS.index("errand"))
    guide.advance(PATIENCE + 1, 0, False, False, 1)
    assert guide.step == STEPS.index("end")


def test_a_line_of_the_guide_goes_and_comes_again_until_it_is_done() -> None:
    guide, there = Guide(step=STEPS.index("ask")), []
    for _ in range(int(SHOWN + AWAY + 10)):
        there.append(bool(guide.line("ask", LABELS)))
        guide.advance(1.0, 0, False, False, 0)
    assert all(there[: int(SHOWN)]) and not any(there[int(SHOWN) + 1 : int(SHOWN + AWAY)]) and there[-1]
    guide.advance(1.0, 0, False, False, 1)
    assert guide.step == STEPS.index("attend") and not guide.quiet


def test_a_journey_that_goes_on_knows_at_once_how_many_were_shown() -> None:
    world = new_world(0)
    page = world.quests.tally.pages["oni"]
    page.shown, page.touched, page.named, page.missed = 3, 2, 1, 1
    waking = Journey(LocalRealm(world, ActionLog(0)), StubMind(state="waking"), True)
    assert waking.known == 7


def test_whoever_has_something_to_ask_comes_before_the_landmark_beside_them() -> None:
    world = new_world(0)
    hana = world.quests.people[0]
    place = min(world.map.places, key=lambda p: (p.x - hana.x) ** 2 + (p.y - hana.y) ** 2)
    world.player.x, world.player.y = place.x, place.y + 2
    world.seer.x = place.x - 300
    journey = Journey(LocalRealm(world), StubMind())
    assert world.quests.beside() == 0, "both are in reach, and the landmark is nearer"
    assert journey.context() == "talk"
    world.quests.errands["lantern"].stage = "done"
    assert journey.context() == "touch", "who has nothing to ask does not stand in the way"


def test_a_line_of_the_guide_fits_the_picture_whatever_the_key_does() -> None:
    for number, verb in itertools.product(range(len(STEPS)), ("ask", "touch", "rest", "look", "wake")):
        assert 0 < len(Guide(step=number).line(verb, LABELS)) * GLYPH_WIDTH + 16 < 600


def test_who_goes_on_with_a_journey_needs_no_guide() -> None:
    new, old = (
        Journey(LocalRealm(new_world(0), ActionLog(0)), StubMind()),
        Journey(LocalRealm(new_world(0)), StubMind(), True),
    )
    speeches = [journey.narrator.speech for journey in (new, old)]
    assert [speech.text for speech in speeches if speech is not None] == [OPENING, BACK]
    assert new.guide.line("ask", LABELS) != "" and old.guide.line("ask", LABELS) == ""


def test_a_steady_belief_that_nobody_revealed_is_announced_once() -> None:
    firsts = Firsts()
    firsts.watch([(4, "oni", 0.9)], 0.0)
    assert firsts.now is None, "not before it holds"
    firsts.watch([(4, "oni", 0.9)], STEADY)
    assert firsts.now is not None
    assert (firsts.now.place, firsts.now.species, firsts.now.first) == (4, "oni", True)
    for second in range(1, 40):
        firsts.watch([(4, "oni", 0.9)], STEADY + second)
    assert firsts.now is None, "told once"
    for second in (50, 51):
        firsts.watch([(7, "yurei", 0.9)], float(second))
    assert firsts.now is not None and not firsts.now.first


def test_a_journey_that_goes_on_counts_on_and_has_its_first_sight_behind_it() -> None:
    firsts = Firsts()
    firsts.recall(3, False)
    for second in range(4):
        firsts.watch([(7, "yurei", 0.9)], float(second))
    assert firsts.now is not None and not firsts.now.first
    assert firsts.reveal(7, "yurei", ("yurei", 0.9), True, 5.0) and firsts.found == 4


def test_what_was_pointed_at_is_not_announced() -> None:
    firsts = Firsts()
    firsts.reveal(4, "oni", ("", 0.0), False, 0.0)
    for second in range(1, 20):
        firsts.watch([(4, "oni", 0.9)], float(second))
    assert firsts.now is None


def test_a_flicker_of_belief_is_no_sight() -> None:
    firsts = Firsts()
    for tick in range(100):
        firsts.watch([(4, "oni", 0.9)] if tick % 2 else [], tick * 0.6)
    assert firsts.now is None


@pytest.mark.parametrize(
    ("believed", "answer", "touched", "pointed", "unaided"),
    [
        (("oni", 0.8), "oni", True, False, True),
        (("oni", 0.8), "oni", True, True, False),
        (("oni", 0.8), "oni", False, False, False),
        (("oni", 0.8), NOTHING, True, False, False),
        (("yurei", 0.8), "oni", True, False, False),
        (("oni", 0.1), "oni", True, False, False),
    ],
)
def test_found_is_what_was_seen_unaided_and_proven_by_a_touch(
    believed: tuple[str, float], answer: str, touched: bool, pointed: bool, unaided: bool
) -> None:
    firsts = Firsts()
    if pointed:
        firsts.reveal(4, answer, ("", 0.0), False, 0.0)
    for second in range(1, int(SHOWN_FIRST) + 4):
        firsts.watch([(4, *believed)], float(second))
    assert firsts.reveal(4, answer, believed, touched, 20.0) == unaided
    assert firsts.found == unaided


def test_what_was_hardly_believed_when_somebody_else_was_pointed_at_can_still_be_a_first_sight() -> None:
    firsts = Firsts()
    firsts.reveal(4, "yurei", ("oni", 0.01), False, 0.0)
    firsts.reveal(5, NOTHING, ("oni", 0.9), True, 0.0)
    for second in range(1, 4):
        firsts.watch([(5, "oni", 0.9)], float(second))
    assert firsts.now is None, "that phantom is known"
    for second in range(4, 8):
        firsts.watch([(4, "oni", 0.9)], float(second))
    assert firsts.now is not None and firsts.now.place == 4


def test_touching_a_spirit_that_one_saw_unaided_is_told_and_counted() -> None:
    for seed in range(8):
        world = new_world(seed)
        for place in world.map.places:
            species = who_is_at(world, place.index)
            if species == NOTHING or place.kind in ("torii", "altar", "bridge"):
                continue
            world.player.x, world.player.y = place.x, place.y + 16
            world.seer.x = place.x - 300
            journey = Journey(LocalRealm(world), StubMind(everywhere(species, 0.9)))
            pass_time(journey, 2.0)
            if who_is_at(world, place.index) != species or nearest_place(world) != place:
                continue
            assert journey.narrator.firsts.now is not None
            journey.act()
            pass_time(journey, 0.2)
            assert journey.narrator.firsts.found == 1
            assert journey.narrator.speech is not None and journey.narrator.speech.text.endswith(
                "Nobody pointed: you saw it."
            )
            return
    raise AssertionError("nobody to touch")


def test_what_is_sensed_nearby_is_written_below_the_place() -> None:
    world = new_world(0)
    for place in world.map.places:
        world.player.x, world.player.y = place.x, place.y + 16
        journey = Journey(LocalRealm(world), StubMind())
        journey._sense()
        journey.whisper.advance(0.1, world, journey.view)
        if not journey.whisper.text:
            continue
        where = next(word for word, index in journey.view.places.items() if index == place.index)  # type: ignore[union-attr]
        sensed = {e.thing for e in journey.view.scene.events if e.place == where and e.sense != "look"}  # type: ignore[union-attr]
        assert set(journey.whisper.text.split(", ")) == sensed - words.WEATHERY
        assert journey.whisper.place == place.index
        return
    raise AssertionError("nothing sensed anywhere")


@pytest.mark.parametrize("zoom", [1.0, 1.5, 2.0])
def test_the_longest_look_fits_its_box(zoom: float) -> None:
    open_display()
    for events in longest(load(), "southwest"):
        text = f"{words.sensed(events, 'southwest')} {words.believed('zashiki', 0.5)}"
        surface = pg.Surface((2 * WIDTH, 2 * HEIGHT))
        pen, said = Pen(surface, 2, zoom=zoom), Speech("", text, 0.0)
        x, y, width, height = speech_box(pen, said)
        assert y > HEIGHT / 3
        speech(pen, said, 99.0)
        bare = surface.copy()
        bare.fill((0, 0, 0), (2 * x, 2 * y, 2 * width, 2 * height))
        assert pg.surfarray.array3d(bare).max() == 0, "nothing beside the box"


def test_hints_keep_clear_of_what_is_said() -> None:
    open_display()
    kind = max((kind for _, names in load().places for kind in names), key=len)
    surface = pg.Surface((WIDTH, HEIGHT))
    pen = Pen(surface)
    box = speech_box(pen, Speech("Granny Ume", "word " * 40, 0.0))
    does = {"act": f"touch the {kind}", "look": "look", "attend": "attend", "name": "name", "send": "send"}
    hints(pen, hint_boxes(pen, [(LABELS[key], what) for key, what in does.items()], box))
    inside = pg.surfarray.array3d(surface)[box[0] : box[0] + box[2], box[1] : box[1] + box[3]]
    assert pg.surfarray.array3d(surface).max() > 0
    assert inside.max() == 0


def test_walking_away_from_a_sight_leaves_the_world_alone() -> None:
    journey = Journey(LocalRealm(new_world(3)), StubMind(everywhere("oni", 0.9)))
    twin = new_world(3)
    pass_time(journey, 4.0, walk=(1, 0))
    for _ in range(journey.realm.world.tick):
        step(twin, (("move", 1, 0),))
    assert (journey.realm.world.player.x, journey.realm.world.player.y) == (twin.player.x, twin.player.y)
