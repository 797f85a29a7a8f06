"""What one head looks at: masses by place and words, read off the same attention that the recorder hears."""

from itertools import islice

import pytest
import torch
from msgspec.structs import replace

from game.realm.rules import load as load_rules
from game.realm.sampler import samples
from game.realm.tongues import LOOK, SENSE, WORK, question, tongue_named
from perception.gaze import QUESTION, place_tokens
from perception.language import read_scene
from perception.messages import Event, Percept, Scene
from perception.perceive import perceive, slowly
from perception.wire import encode
from tests.kits.minds import tiny

torch.set_num_threads(1)
RULES = load_rules()
SCENE = next(islice(samples(3, "test"), 1)).view.scene
KINDS = ("llama", "gpt2", "qwen2")


def asked(*asks):
    """The scene with these questions about its first places."""
    tongue, places = tongue_named("terse"), [q.place for q in SCENE.questions]
    return replace(
        SCENE, questions=tuple(question(tongue, RULES, ask, places[i % len(places)]) for i, ask in enumerate(asks))
    )


def test_a_place_is_its_name_and_what_is_sensed_there():
    model, words = tiny(), SCENE.text.split()
    by_place = place_tokens(model.tokenizer, SCENE)
    assert set(by_place) == {event.place for event in SCENE.events}
    for place, ids in by_place.items():
        things = [event.thing for event in SCENE.events if event.place == place]
        assert [words[i] for i in ids] == [word for thing in things for word in (place, thing)]


def test_in_plain_english_the_name_counts_where_it_stands_before_the_thing():
    model = tiny()
    scene = Scene(
        1, "plain", "north hum . east north paw", (Event("hear", "north", "hum"), Event("s", "east", "paw")), ()
    )
    assert place_tokens(model.tokenizer, scene) == {"north": [0, 1], "east": [3, 5]}


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("head", [0, 3, 6])
def test_masses_and_words_equal_those_of_one_whole_forward(kind, head):
    model = tiny(kind)
    model.net.set_attn_implementation("eager")
    scene = asked(SENSE, LOOK)
    gaze = perceive(model, [scene], head=head)[0].gaze
    reading = read_scene(model.tokenizer, scene)
    context = reading.context
    means = torch.zeros(len(context))
    for number, one in enumerate(scene.questions):
        row = torch.tensor([[*context, *reading.questions[number]]])
        with torch.no_grad():
            pattern = model.net(row, output_attentions=True).attentions[head // 4][0, head % 4, -1]
        means += pattern[: len(context)] / 2
        glance = gaze.glances[number]
        assert (glance.ask, glance.place) == (one.ask, one.place)
        for place, mass in zip(gaze.places, glance.mass, strict=True):
            assert mass == pytest.approx(float(pattern[place_tokens(model.tokenizer, scene)[place]].sum()), abs=1e-5)
    words, mass = scene.text.split(), {}
    for word, value in zip(words, means.tolist(), strict=True):
        mass[word] = mass.get(word, 0.0) + value
    mass[QUESTION] = 1 - sum(mass.values())
    best = sorted(mass.values(), reverse=True)
    assert [value for _, value in gaze.words] == pytest.approx(best[: len(gaze.words)], abs=1e-4)
    assert all(mass[word] == pytest.approx(value, abs=1e-4) for word, value in gaze.words)


def test_looking_into_a_head_changes_no_belief_and_the_answer_can_be_sent():
    plain, looking = perceive(tiny(), [SCENE])[0], perceive(tiny(), [SCENE], head=5)[0]
    assert plain.gaze is None
    assert looking.beliefs == plain.beliefs
    assert isinstance(looking, Percept)
    assert encode(looking)


@pytest.mark.parametrize("kind", KINDS)
def test_questions_of_all_kinds_are_answered_in_one_row(kind):
    """Candidates of one token and of several, about spirits and the ordinary, each as if it were asked alone."""
    model = tiny(kind)
    mixed = asked(SENSE, LOOK, WORK, "hear", "omen_feel", SENSE)
    long = replace(mixed.questions[2], candidates=("smith", "oak well", "nothing"))
    for scene in (mixed, replace(mixed, questions=(*mixed.questions[:2], long, *mixed.questions[3:]))):
        percept = perceive(model, [scene], head=1)[0]
        for fast, slow in zip(percept.beliefs, slowly(model, scene), strict=True):
            assert fast == pytest.approx(slow, abs=1e-5)
        assert [glance.ask for glance in percept.gaze.glances] == [one.ask for one in scene.questions]


def test_a_head_that_is_not_there_is_refused():
    with pytest.raises(ValueError, match="head 8: the model has 8"):
        perceive(tiny(), [SCENE], head=8)
