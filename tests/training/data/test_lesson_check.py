"""What a scene or a lesson from outside has to be before it is looked at or kept; one line says what is wrong."""

import pytest
from msgspec.structs import replace

from game.realm.rules import NOTHING, load
from game.realm.talk import dialogues
from perception.messages import Event, Lesson, Question
from tests.kits.minds import tiny
from training.data.lesson_check import CANDIDATES_MAX, check_lesson, check_scene
from training.data.lessons import generated

RULES, MODEL = load(), tiny()
LESSON = generated(0, 1, "terse", RULES)[0]
SCENE = LESSON.scene
ASKED = SCENE.questions[0]
HEAR = next(event for event in SCENE.events if event.sense == "hear")


def scene(**changes):
    return replace(SCENE, **changes)


def asking(**changes):
    return scene(questions=(replace(ASKED, **changes), *SCENE.questions[1:]))


def sensing(*events):
    return scene(events=(*SCENE.events, *events))


@pytest.mark.parametrize("tongue", ["terse", "plain"])
def test_what_the_realm_teaches_passes(tongue):
    model = tiny(tongue=tongue)
    for lesson in generated(3, 12, tongue, RULES):
        check_lesson(model, lesson, RULES)
    talk = next(iter(dialogues(0, "check", tongue, RULES))).scene
    check_lesson(model, Lesson(talk, (talk.questions[0].candidates[0],), "familiar"), RULES)
    check_lesson(model, Lesson(scene(questions=()), (), "seer"), RULES)


SCENES = {
    "no text": (scene(text=""), "its text is empty"),
    "a text of spaces": (scene(text="  \n "), "its text is empty"),
    "a word it lacks": (scene(text="hear north saxophone ."), "no token for saxophone"),
    "longer than the window": (scene(text="hear north hum . " * 200), "takes 800 tokens, the model reads 512"),
    "just longer with a question": (scene(text="hear " * 510), "takes 514 tokens, the model reads 512"),
    "no candidates": (asking(candidates=()), "no candidate answers"),
    "a candidate twice": (asking(candidates=("tengu", "tengu")), "stands twice"),
    "an empty candidate": (asking(candidates=("tengu", "")), "has no token of its own"),
    "a candidate of spaces": (asking(candidates=("tengu", " \u2003")), "has no token of its own"),
    "a candidate it lacks": (asking(candidates=("tengu", "\U0001f409")), "no token for"),
    "no question": (asking(text=""), "its text is empty"),
    "a question of spaces": (asking(text="   "), "its text is empty"),
    "too many candidates": (
        scene(questions=(Question("hear", "north", "? hear north", tuple(map(str, range(250)))),) * 20),
        f"more than {CANDIDATES_MAX} candidate answers",
    ),
}


@pytest.mark.parametrize(("scene", "says"), SCENES.values(), ids=SCENES.keys())
def test_a_scene_that_nobody_could_be_asked_about_is_refused(scene, says):
    check_scene(MODEL, SCENE)
    lesson = Lesson(scene, (None,) * len(scene.questions), "seer")
    for check in (lambda: check_scene(MODEL, scene), lambda: check_lesson(MODEL, lesson, RULES)):
        with pytest.raises(ValueError, match=says) as caught:
            check()
        assert "\n" not in str(caught.value)


LESSONS = {
    "too few answers": (replace(LESSON, answers=()), "0 answers to"),
    "a foreign answer": (replace(LESSON, answers=("dragon", *LESSON.answers[1:])), "'dragon' is no answer to"),
    "an empty answer": (replace(LESSON, answers=("", *LESSON.answers[1:])), "'' is no answer to"),
    "an empty answer among the candidates": (
        Lesson(asking(candidates=("", NOTHING)), ("", *LESSON.answers[1:]), "seer"),
        "has no token of its own",
    ),
    "a spirit that is none": (
        Lesson(asking(candidates=("hum", NOTHING)), ("hum", *LESSON.answers[1:]), "seer"),
        "'hum' is no spirit of this realm",
    ),
    "a foreign sense": (replace(LESSON, scene=sensing(Event("smell", "north", "hum"))), "unknown sense 'smell'"),
    "a foreign place": (replace(LESSON, scene=sensing(Event("hear", "up", "hum"))), "unknown place 'up'"),
    "an event forty times": (replace(LESSON, scene=sensing(*[HEAR] * 40)), "two events of hear at"),
    "two things of one sense": (replace(LESSON, scene=sensing(replace(HEAR, thing="bell"))), "two events of hear at"),
    "a thing of no words": (
        replace(LESSON, scene=scene(events=(Event("hear", "north", " "),))),
        "an event at north names nothing",
    ),
    "a thing it lacks": (
        replace(LESSON, scene=scene(events=(Event("hear", "north", "saxophone"),))),
        "no token for saxophone",
    ),
}


@pytest.mark.parametrize(("lesson", "says"), LESSONS.values(), ids=LESSONS.keys())
def test_a_lesson_that_could_not_be_learned_from_is_refused(lesson, says):
    with pytest.raises(ValueError, match=says) as caught:
        check_lesson(MODEL, lesson, RULES)
    assert "\n" not in str(caught.value)


def test_events_that_the_text_does_not_tell_have_to_fit_the_window_too():
    """Dreams tell them anew: thirty short events of a tokenizer with small pieces are more than 512 tokens."""
    model = tiny(tongue="plain")
    lesson = generated(0, 1, "plain", RULES)[0]
    places = RULES.directions[:6]
    events = tuple(Event(sense, place, "x" * 60) for place in places for sense in ("look", *RULES.senses))
    with pytest.raises(ValueError, match=r"a dream of it: takes \d+ tokens, the model reads 512"):
        check_lesson(model, replace(lesson, scene=replace(lesson.scene, events=events)), RULES)
