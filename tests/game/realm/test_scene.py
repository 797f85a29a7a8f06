"""Scenes: what a tongue tells of a spot, what it keeps to itself, and that all who describe agree on how much."""

from collections import Counter
from itertools import islice
from random import Random

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from game.realm.happenings import Revealed
from game.realm.policy import RandomPolicy
from game.realm.rules import NONE, NOTHING, load
from game.realm.sampler import samples
from game.realm.scene import describe, header, lesson, shuffled, truth
from game.realm.senses import in_sight, who_is_at
from game.realm.step import step
from game.realm.tongues import LOOK, LORE, SENSE, TERSE, WORK, candidates, mundane_answer, question, tell, tongue_named
from game.realm.world import new_world
from perception.messages import Event
from training.data import curriculum
from training.data.lessons import generated, held_out_pairs, shown_pairs
from training.heads.score import probes
from training.novice.pretrain import build_tokenizer

RULES = load()
OMENS = RULES.omens()
SPIRITS = {trace for kind in RULES.spirits for trace in kind.traces}
TRACES = {trace: number for kind in RULES.kinds for number, trace in enumerate(kind.traces)}


def lived(seed, ticks=400):
    world, policy = new_world(seed), RandomPolicy(seed)
    for _ in range(ticks):
        step(world, policy(world))
    return world


@pytest.mark.parametrize("tongue", ["terse", "plain"])
def test_the_truth_never_travels_with_a_scene(tongue):
    species = {name.encode() for name in RULES.species}
    haunted = 0
    for sample in islice(samples(5, "truth", tongue), 40):
        scene = sample.view.scene
        haunted += any(answer != NOTHING for answer in sample.answers)
        bare = msgspec.structs.replace(
            scene, questions=tuple(msgspec.structs.replace(q, candidates=()) for q in scene.questions)
        )
        sent = msgspec.msgpack.encode(bare)
        assert not [name for name in species if name in sent]
        assert {q.candidates for q in scene.questions} == {(*RULES.species, NOTHING)}
    assert haunted > 10


@settings(max_examples=20)
@given(seed=st.integers(0, 2**32), ticks=st.integers(0, 600))
def test_a_scene_asks_once_about_each_of_three_to_eight_places(seed, ticks):
    world = lived(seed, ticks)
    view = describe(world)
    places = [q.place for q in view.scene.questions]
    assert 3 <= len(places) <= 8
    assert places == list(view.places) == [direction for direction, _ in in_sight(world)]
    assert {q.ask for q in view.scene.questions} == {SENSE}
    assert Counter(e.place for e in view.scene.events if e.sense == LOOK) == Counter(places)
    for (direction, place), answer in zip(in_sight(world), truth(world, view), strict=True):
        assert answer == who_is_at(world, place)
        sensed = {(RULES.senses[sense], thing) for sense, thing in world.traces.sensed[place]}
        described = {(e.sense, e.thing) for e in view.scene.events if e.place == direction}
        assert described == sensed | {(LOOK, world.map.places[place].kind)}


def test_both_tongues_tell_the_same_events_in_the_same_order():
    world = lived(3)
    terse, plain = describe(world, "terse"), describe(world, "plain")
    assert terse.scene.events == plain.scene.events
    assert terse.places == plain.places
    assert [q.candidates for q in terse.scene.questions] == [q.candidates for q in plain.scene.questions]
    assert terse.scene.text != plain.scene.text
    cursor = 0
    for event in plain.scene.events:
        cursor = plain.scene.text.index(event.thing, cursor) + 1
        assert event.place in plain.scene.text[:cursor]
    assert terse.scene.text == tell(TERSE, header(world), terse.scene.events)


def test_an_unknown_tongue_is_refused_with_the_known_ones():
    with pytest.raises(ValueError, match="tongue 'elvish': unknown; known: terse, plain"):
        describe(new_world(0), "elvish")


def test_a_lesson_labels_only_what_was_revealed():
    view = describe(lived(2))
    (first, place), *_, (last, other) = view.places.items()
    outside = next(i for i in range(99) if i not in view.places.values())
    labelled = lesson(view, Revealed("seer", ((place, "kitsune"), (other, NOTHING), (outside, "oni"))))
    wanted = {first: "kitsune", last: NOTHING}
    assert labelled.scene is view.scene
    assert labelled.source == "seer"
    assert labelled.answers == tuple(wanted.get(q.place) for q in view.scene.questions)
    assert lesson(view, Revealed("touch", ((outside, "oni"),))) is None


def test_a_sampler_is_its_seed_and_purpose():
    def told(seed, purpose):
        return [(s.view.scene, s.answers, s.header) for s in islice(samples(seed, purpose), 6)]

    assert told(1, "a") == told(1, "a")
    assert told(1, "a") != told(1, "b")
    assert told(1, "a") != told(2, "a")


def test_probes_share_no_scene_with_lessons():
    taught = {lesson.scene.text for seed in range(3) for lesson in generated(seed, 30, "terse", RULES)}
    probed = {probe.scene.text for seed in range(3) for probe in probes(seed, 30, "terse", RULES)}
    assert len(taught) == len(probed) == 90
    assert not taught & probed


SMITHY = (
    Event(LOOK, "north", "oak"), Event("hear", "north", "hammer"), Event("track", "north", "cinder"),
    Event("glimpse", "north", "veil"), Event(LOOK, "south", "well"), Event("hear", "south", "hum"),
    Event("feel", "south", "warmth"), Event("track", "south", "net"), Event("hear", "east", "loom"),
    Event("feel", "east", "mild"),
)  # fmt: skip


@pytest.mark.parametrize(
    ("ask", "place", "answer"),
    [
        (LOOK, "north", "oak"),
        ("hear", "north", "hammer"),
        ("feel", "north", NONE),
        (WORK, "north", "smith"),
        (WORK, "south", NOTHING),  # two signs, but of a spirit
        (WORK, "east", NOTHING),  # one sign only
        (WORK, "west", NOTHING),
        (LOOK, "west", NOTHING),
        ("hear", "west", NOTHING),
        ("omen_glimpse", "north", "yurei"),
        ("omen_hear", "south", "kitsune"),
        ("omen_feel", "east", NONE),
        ("omen_hear", "west", NONE),
        (LORE, "net", "fisher"),
        (LORE, "veil", "yurei"),
    ],
)
def test_mundane_answers(ask, place, answer):
    assert mundane_answer(RULES, SMITHY, ask, place) == answer
    assert answer in candidates(RULES, ask)


@given(
    kind=st.sampled_from(RULES.kinds),
    senses=st.sets(st.integers(0, 3), min_size=2),
    stray=st.sampled_from(RULES.kinds),
)
def test_two_signs_of_a_presence_mean_it_is_at_work_and_no_spirit_ever_is(kind, senses, stray):
    events = [Event(LOOK, "north", "oak")]
    events += [Event(RULES.senses[sense], "north", kind.traces[sense]) for sense in sorted(senses)]
    free = sorted({0, 1, 2, 3} - senses)[:1]
    events += [Event(RULES.senses[sense], "north", stray.traces[sense]) for sense in free if stray is not kind]
    wanted = kind.name if kind in RULES.folk else NOTHING
    assert mundane_answer(RULES, events, WORK, "north") == wanted
    assert not set(candidates(RULES, WORK)) & set(RULES.species)


@given(st.data())
def test_what_is_told_in_terse_can_be_read_back(data):
    place = st.sampled_from(RULES.directions)
    thing = st.sampled_from(sorted(TRACES))
    events = data.draw(st.lists(st.builds(Event, st.sampled_from((LOOK, *RULES.senses)), place, thing), max_size=30))
    text = tell(TERSE, ("dusk", "rain", "moss"), events)
    first, *sentences = text.removesuffix(" .").split(" . ")
    assert first == "time dusk weather rain ground moss"
    assert [Event(*sentence.split()) for sentence in sentences] == events


def test_every_question_of_every_tongue_names_its_place():
    for tongue in ("terse", "plain"):
        speech = tongue_named(tongue)
        for ask in speech.asks:
            q = question(speech, RULES, ask, "southwest")
            assert "southwest" in q.text
            assert len(set(q.candidates)) == len(q.candidates) >= 2


def played(seeds, every=300, times=12):
    """Scenes of a random walk, one in ten seconds of play."""
    for seed in seeds:
        world, policy = new_world(seed, start_hour=seed * 5 % 24), RandomPolicy(seed)
        for _ in range(times):
            for _ in range(every):
                step(world, policy(world))
            view = describe(world)
            yield view.scene.events, truth(world, view)


def pretrained(steps):
    """(events, answers) of the scenes in the last stage's batches; the answers by the invariant of two traces."""
    tokenizer = build_tokenizer(RULES)
    for number in range(steps):
        for ids in curriculum.batch(0, number, curriculum.FINAL, 16, RULES, tokenizer).contexts:
            sentences = " ".join(tokenizer.convert_ids_to_tokens(ids)).removesuffix(" .").split(" . ")[1:]
            events = [Event(*sentence.split()) for sentence in sentences]
            yield events, answered(events)


def answered(events):
    places = dict.fromkeys(e.place for e in events)
    owners = {place: Counter(OMENS.get(e.thing) for e in events if e.place == place) for place in places}
    return [next((s for s in RULES.species if owners[place][s] >= 2), NOTHING) for place in places]


def measured(scenes):
    """Means that a different generator would shift: per scene, per place, per event."""
    places, answers, things = [], [], Counter()
    for events, said in scenes:
        places.append(len({e.place for e in events}))
        answers += said
        things.update(e.thing for e in events)
    event_count, answer_count = sum(things.values()), len(answers)
    return {
        "places per scene": sum(places) / len(places),
        "events per place": event_count / sum(places),
        "spirits per place": sum(a != NOTHING for a in answers) / answer_count,
        "spirits' traces": sum(n for thing, n in things.items() if thing in SPIRITS) / event_count,
        "folk's traces": sum(n for thing, n in things.items() if thing in TRACES and thing not in SPIRITS)
        / event_count,
        **{
            f"traces by {sense}": sum(n for thing, n in things.items() if TRACES.get(thing) == number) / event_count
            for number, sense in enumerate(RULES.senses)
        },
    }


def test_pretraining_lessons_probes_and_play_see_the_same_realm():
    probed = [(p.scene, p.answers[: p.places]) for p in probes(3, 400, "terse", RULES)]
    barred = held_out_pairs(RULES, 3)  # lessons leave such scenes out, and with them some spirits
    spared = [both for both in probed if not set(shown_pairs(RULES, places_of(both[0]), both[1])) & set(barred)]
    lessons = [(lesson.scene.events, lesson.answers) for lesson in generated(3, 300, "terse", RULES)]
    whole = measured((scene.events, answers) for scene, answers in probed)
    for name, measures, wanted in (
        ("lessons", measured(lessons), measured((scene.events, answers) for scene, answers in spared)),
        ("pretraining", measured(pretrained(30)), whole),
        ("play", measured(played(range(30))), whole),
    ):
        for what, value in measures.items():
            near = 0.25 if "spirits" in what else 0.1  # a visit lasts a minute: spirits of one walk are few
            if (name, what) == ("pretraining", "places per scene"):
                near = 0.15  # a tenth of its scenes is cut down, and one number of places is held out
            assert value == pytest.approx(wanted[what], rel=near), f"{what} of {name}"


def places_of(scene):
    """The scene with its questions about places only."""
    return msgspec.structs.replace(scene, questions=tuple(q for q in scene.questions if q.ask == SENSE))


@given(seed=st.integers(0, 2**60), many=st.integers(0, 60))
def test_events_are_shuffled_as_random_does_it(seed, many):
    theirs = list(range(many))
    Random(seed).shuffle(theirs)
    assert shuffled(list(range(many)), Random(seed)) == theirs
