"""What the familiar hears in plain English: danger is told where there is some, and only there."""

from itertools import islice
from pathlib import Path
from random import Random

import pytest
from msgspec.structs import replace

from game.realm.plain_talk import ACTS, FILE, Remark, dialogue, load_plain_talk, remark_at, remark_of
from game.realm.sampler import samples
from game.realm.tables import RulesError
from game.realm.talk import DIRECTION, Utterance, dangerous, draw, load_talk
from game.realm.tongues import LOOK
from game.realm.world import new_world

TALK, PLAIN = load_talk(), load_plain_talk()


def test_danger_is_told_where_there_is_some_and_only_there() -> None:
    risky = 0
    for sample in islice(samples(3, "plain"), 12):
        events = sample.view.scene.events
        for event in events:
            if event.sense == LOOK:
                said = Utterance(DIRECTION, 0, event.place)
                text = dialogue(TALK, PLAIN, remark_at(sample.header, events, said), 0).questions[0].text
                there = dangerous(TALK, sample.header, events, event.place)
                assert any(hazard in text for hazard in PLAIN.hazard.values()) == there, text
                assert f"To the {event.place} is the {event.thing}" in text
                risky += there
    assert risky


def test_hour_sky_words_and_replies_are_those_of_the_scene() -> None:
    rng = Random(1)
    for number, sample in enumerate(islice(samples(4, "plain"), 8)):
        said, _ = draw(rng, TALK, sample.header, sample.view.scene.events)
        remark = remark_at(sample.header, sample.view.scene.events, said)
        scene = dialogue(TALK, PLAIN, remark, number, number)
        assert remark_of(TALK, PLAIN, scene) == remark
        (question,) = scene.questions
        assert scene.id == number and scene.tongue == "plain" and not scene.events
        assert PLAIN.sky[sample.header[1]] in scene.text and sample.header[0] in scene.text
        assert question.candidates == tuple(PLAIN.replies[act][number % PLAIN.columns] for act in ACTS)
        assert (question.ask, question.place) == ("talk", said.place)


def test_what_is_no_dialogue_is_no_remark() -> None:
    scene = next(samples(4, "plain", "plain")).view.scene
    assert remark_of(TALK, PLAIN, scene) is None
    remark = Remark("day", "clear", "well", Utterance(DIRECTION, 0, "north"))
    made = dialogue(TALK, PLAIN, remark, 0)
    (question,) = made.questions
    assert remark_of(TALK, PLAIN, made) == remark
    for odd in (
        replace(made, text="It is day."),
        replace(made, questions=(replace(question, text=question.text.replace("Go", "Run")),)),
        replace(made, questions=(replace(question, text=question.text.replace("well.", "well, and it burns.")),)),
        replace(made, questions=(question, question)),
    ):
        assert remark_of(TALK, PLAIN, odd) is None


def test_every_hour_weather_and_danger_has_its_words() -> None:
    rules = new_world(0).rules
    assert set(PLAIN.time) == {name for name, _ in rules.phases}
    assert set(PLAIN.sky) == {name for name, _ in rules.weather}
    assert set(PLAIN.hazard) == set(TALK.danger)
    assert set(ACTS) == set(TALK.acts)


@pytest.mark.parametrize(
    ("before", "after", "reason"),
    [
        ("[realm]", "[elsewhere]", "realm: the key there is missing"),
        ('speaker = "your friend"', "speaker = 3", "realm.speaker: must be str"),
        ('"I think both of them have good sides.",', "", "each act needs as many replies"),
        ("Sure, I'll get started on it right away.", "Sure. " * 11, "is longer than 64 characters; shorten it"),
        ('clear = "the sky is clear"', 'clear = "the sky is clear"\nclear = ""', "not TOML"),
    ],
)
def test_a_fault_of_the_file_is_one_line(tmp_path: Path, before: str, after: str, reason: str) -> None:
    text = FILE.read_text(encoding="utf-8")
    assert before in text
    path = tmp_path / "dialogues.toml"
    path.write_text(text.replace(before, after), encoding="utf-8")
    with pytest.raises(RulesError, match=reason) as error:
        load_plain_talk(path)
    assert "\n" not in str(error.value)
