"""Ume by herself, phantoms that burst, and a mind whose hold on the ordinary slips."""

from itertools import pairwise

import pytest

from game.journey.company import AGAIN, PAUSE, Company
from game.journey.journey import Journey
from game.journey.narrator import DOUBT, PHANTOM, SLIPPING
from game.journey.sight import BURSTS, SCATTERS, WAVERS
from game.journey.whisper import COMES, FADES, FAINT, STAYS, Whisper
from game.realm.happenings import Revealed
from game.realm.realms import LocalRealm
from game.realm.rulecheck import REGIONS
from game.realm.rules import NOTHING
from game.realm.scene import describe
from game.realm.senses import nearest_place, who_is_at
from game.realm.world import World, new_world
from perception.messages import Charm, Progress, Teach
from tests.kits.stub_mind import StubMind, blind, everywhere


def pass_time(journey: Journey, seconds: float) -> None:
    for _ in range(round(seconds * 60)):
        journey.advance(1 / 60, (0, 0), False, journey.seconds)


def beside_nobody(world: World) -> int:
    place = next(
        p for p in world.map.places if who_is_at(world, p.index) == NOTHING and p.kind not in ("torii", "altar")
    )
    world.player.x, world.player.y = place.x, place.y + 16
    world.seer.x, world.seer.y = place.x - 300, place.y
    return place.index


def test_a_phantom_wavers_bursts_and_is_a_lesson_in_doubt() -> None:
    mind = StubMind(everywhere("oni", 0.9))
    journey = Journey(LocalRealm(new_world(0)), mind)
    journey.narrator.firsts.recall(1, True)
    place = beside_nobody(journey.realm.world)
    pass_time(journey, 3.0)
    journey.act()
    pass_time(journey, 0.2)
    assert journey.narrator.speech.text.endswith(PHANTOM)
    lesson = next(message.lesson for message in mind.sent if isinstance(message, Teach))
    assert lesson.source == DOUBT and NOTHING in lesson.answers
    ghost = next(ghost for ghost in journey.frame_state().ghosts if ghost.place == place)
    assert ghost.wavering and ghost.belief > 0.8
    pass_time(journey, WAVERS + BURSTS)
    assert all(ghost.place != place for ghost in journey.frame_state().ghosts), "it is gone, and the others are not"
    assert [entry[0] for entry in journey.sight.bursts()] == [place] and journey.frame_state().ghosts
    pass_time(journey, SCATTERS)
    assert journey.sight.bursts() == []


def test_an_empty_place_where_nobody_was_seen_bursts_nothing() -> None:
    mind = StubMind(blind)
    journey = Journey(LocalRealm(new_world(0)), mind)
    beside_nobody(journey.realm.world)
    pass_time(journey, 0.5)
    journey.act()
    pass_time(journey, 0.2)
    assert PHANTOM not in journey.narrator.speech.text and journey.sight.bursts() == []
    assert next(message.lesson for message in mind.sent if isinstance(message, Teach)).source == "touch"


@pytest.mark.parametrize("mundane", [0.99, 0.85])
def test_who_dreams_too_much_mixes_names_and_misreads_signs(mundane: float) -> None:
    mind = StubMind()
    journey = Journey(LocalRealm(new_world(0)), mind)
    pass_time(journey, 0.3)
    kind = nearest_place(journey.realm.world).kind
    mind.misread = {kind: "scarecrow"}
    journey.mind_client.progress = Progress(5, 1, 1, 3, False, mundane=mundane)
    names = set()
    for _ in range(40):
        pass_time(journey, 0.1)
        journey.narrator.say("Hana", "Eight lanterns.")
        names.add(journey.narrator.speech.who)
    called = journey.reading.called.get(nearest_place(journey.realm.world).index, kind)
    if mundane >= SLIPPING:
        assert names == {"Hana"} and called == kind
    else:
        assert len(names) > 2 and "Hana" in names and called == "scarecrow"
    assert not names - {person.name for person in journey.realm.world.quests.book.people.values()}


def company(world: World) -> Company:
    return Company(world, world.quests.book.ume)


def test_ume_says_each_thing_once_and_only_when_it_is_quiet() -> None:
    world = new_world(1)
    ume, said = company(world), []
    for second in range(600):
        line = ume.advance(1.0, second < 100, False)
        said += [line] if line else []
        assert not (line and second < 100 + PAUSE - 1)
    assert len(said) == len(set(said)) >= 1
    quiet(ume)
    ume.note("sight")
    assert any(ume.advance(1.0, False, False) for _ in range(60)), "and more when something happens"
    ume.note("sight")
    quiet(ume)
    assert "sight" not in ume.moments and ume.spoken["sight"] == 1, "she has no other line for that"


def quiet(ume: Company, seconds: int = 2000) -> None:
    for _ in range(seconds):
        ume.advance(1.0, False, False)


def test_ume_has_more_lines_for_what_comes_again_and_takes_her_time() -> None:
    world = new_world(1)
    ume = Company(world, {"burst": ("one", "two", "three")})
    said = []
    for second in range(1200):
        ume.note("burst")
        line = ume.advance(1.0, False, False)
        said += [(second, line)] if line else []
    assert sorted(line for _, line in said) == ["one", "three", "two"] and said[0][1] == "two"
    assert all(later - sooner >= AGAIN for (sooner, _), (later, _) in pairwise(said))


def test_ume_says_nothing_while_one_sleeps_stares_or_walks_alone() -> None:
    world = new_world(1)
    assert not any(company(world).advance(1.0, False, True) for _ in range(100))
    world.player.x += 600
    assert not any(company(world).advance(1.0, False, False) for _ in range(100))


def test_a_moment_that_is_over_is_not_talked_of() -> None:
    world = new_world(1)
    ume = company(world)
    ume.advance(1.0, True, False)
    assert world.phase in ume.says or "village" in ume.moments
    ume.moments = ["night", "burst"]
    ume.advance(1.0, True, False)
    assert "night" not in ume.moments and "burst" in ume.moments


def test_every_moment_that_may_come_has_its_words() -> None:
    world = new_world(0)
    says, rules = world.quests.book.ume, world.rules
    done = {"burst", "right", "wrong", "pair", "errand", "dream", "sight", "lent", "slipping", "streak"}
    done |= {"charmed", "rewound", "attuned"}
    around = {*REGIONS, "indoors", *(name for name, _ in rules.phases), *(name for name, _ in rules.weather)}
    assert set(says) == done | around | set(rules.species), "each has words, and no words wait for what never comes"
    lines = [line for some in says.values() for line in some]
    assert len(lines) == len(set(lines)) >= 55 and max(map(len, lines)) <= 120


def test_what_is_met_done_and_worn_calls_for_a_word() -> None:
    journey = Journey(LocalRealm(new_world(0)), StubMind())
    noted: list[str] = []
    journey.company.note = noted.append  # type: ignore[method-assign]
    view = describe(journey.world, "terse")
    revealed = Revealed("seer", ((nearest_place(journey.world).index, "oni"), (0, NOTHING)))
    journey.narrator.hear(revealed, view, ())
    journey.rewind(0)
    pass_time(journey, 0.1)
    journey.mind_client.progress = Progress(1, 1, 1, 1, False, charms=(Charm(0, 3, "oni", 6),))
    pass_time(journey, 0.1)
    assert noted[:3] == ["pair", "oni", "rewound"] and "charmed" in noted


def test_words_at_a_place_come_stay_and_fade() -> None:
    world = new_world(0)
    place = nearest_place(world)
    world.player.x, world.player.y = place.x, place.y + 10
    world.traces.sensed[place.index] = ((0, "hum"),)
    whisper, view, levels = Whisper(), describe(world), []
    for _ in range(round(60 * (COMES + STAYS + FADES + 1))):
        whisper.advance(1 / 60, world, view)
        levels.append(whisper.level)
    assert (whisper.place, whisper.text) == (place.index, "hum")
    top = levels.index(max(levels))
    assert max(levels) == 1.0 and levels[-1] == pytest.approx(FAINT, abs=0.01)
    assert levels[:top] == sorted(levels[:top]) and levels[top:] == sorted(levels[top:], reverse=True)
    world.player.x += 400
    whisper.advance(1 / 60, world, describe(world))
    assert whisper.level == 0.0
