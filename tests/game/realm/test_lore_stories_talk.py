"""Lore, two-name stories and talk: what is said in both tongues, what is held out, and what is refused."""

import subprocess
import sys
from collections import Counter
from itertools import islice
from pathlib import Path
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from game.realm import lore, stories, talk
from game.realm.lore import FORMS, fact_question, fact_scene, held_form, load_lore, neighbours, trained_forms
from game.realm.rules import load
from game.realm.sampler import samples
from game.realm.stories import ABBA, ABC, BABA, draw, held_pair, load_stories, story_scene, story_text
from game.realm.tables import RulesError, english, sentences, words
from game.realm.talk import DANGER, KINDS, SAFE, Utterance, addressed, dangerous, dialogues, load_talk, wanted
from game.realm.tongues import LOOK, PLAIN, TERSE
from perception.messages import Event

RULES, LORE, STORIES, TALK = load(), load_lore(), load_stories(), load_talk()
TONGUES = pytest.mark.parametrize("tongue", [TERSE, PLAIN])


def realm_words():
    realm_names = {*RULES.senses, *(name for name, _ in RULES.phases), *(name for name, _ in RULES.weather)}
    realm_names |= {trace for kind in RULES.kinds for trace in (kind.name, *kind.traces)}
    return realm_names | {t for things in (*RULES.ordinary, *(kinds for _, kinds in RULES.places)) for t in things}


def test_lore_has_enough_facts_and_every_fact_has_neighbours():
    assert len(LORE.facts) == len(LORE.subjects) * len(LORE.forms) >= 240
    assert [fact.number for fact in LORE.facts] == list(range(len(LORE.facts)))
    for fact in LORE.facts:
        near = neighbours(LORE, fact)
        assert near and fact not in near
        assert {(other.relation, other.value) for other in near} == {(fact.relation, fact.value)}


def test_a_name_alone_does_not_tell_a_fact():
    """Each word of a landmark's name goes with several values, so that both words have to be read."""
    for relation in LORE.forms:
        for at in (0, 1):
            by_word = {}
            for fact in LORE.facts:
                if fact.relation == relation:
                    by_word.setdefault(fact.subject.split()[at], []).append(fact.value)
            assert min(len(set(values)) for values in by_word.values()) >= 4


def test_every_form_is_held_out_of_some_facts_and_trained_for_most():
    for relation in LORE.forms:
        held = Counter(held_form(fact) for fact in LORE.facts if fact.relation == relation)
        assert sorted(held) == list(range(FORMS))
        assert max(held.values()) < len(LORE.subjects) / 3
    for fact in LORE.facts:
        assert sorted((*trained_forms(fact), held_form(fact))) == list(range(FORMS))


@TONGUES
def test_a_fact_names_its_landmark_and_never_its_value(tongue):
    for fact in LORE.facts:
        for form in range(FORMS):
            q = fact_question(tongue, LORE, fact, form)
            assert fact.subject in q.text.lower()
            assert fact.value not in q.text.lower().split()
            assert fact.value in q.candidates
            assert (q.ask, q.place) == (f"fact_{fact.relation}", fact.subject)
    assert fact_scene(tongue, LORE, LORE.facts[3], 2).questions == (fact_question(tongue, LORE, LORE.facts[3], 2),)


@given(seed=st.integers(0, 2**32), order=st.sampled_from([ABBA, BABA, ABC]), split=st.sampled_from(stories.SPLITS))
def test_a_story_names_who_gives_twice_and_who_is_given_to_once(seed, order, split):
    story = draw(Random(seed), STORIES, order, split)
    text = " ".join(story_text(TERSE, STORIES, story)).split()
    assert text[-1] == "to" and text[0] == "tale"
    named = Counter(word for word in text if word in STORIES.names)
    assert named[story.indirect] == 1 and story.indirect in (story.first, story.second)
    assert named[story.subject] == (1 if order == ABC else 2)
    assert story.subject != story.indirect
    assert (story.form >= STORIES.trained) == (split == "template")
    assert held_pair(story.first, story.second) == (split == "pair")
    where = {name: text.index(name) for name in (story.first, story.second)}
    assert where[story.first] < where[story.second]
    assert (story.subject == story.first, story.subject == story.second) == (order == BABA, order == ABBA)


def test_a_story_in_both_tongues():
    story = stories.Story(0, BABA, "aiko", "felix", "aiko", "felix", "market", "flute")
    terse, plain = story_scene(TERSE, STORIES, story), story_scene(PLAIN, STORIES, story)
    assert terse.text == "tale then aiko and felix went to the market ."
    assert terse.questions[0].text == "aiko gave the flute to"
    assert plain.text + plain.questions[0].text == "Then Aiko and Felix went to the market. Aiko gave the flute to"
    assert "Felix" in plain.questions[0].candidates and "felix" in terse.questions[0].candidates


def test_a_tenth_of_the_pairs_of_names_is_held_out_in_either_order():
    pairs = [(a, b) for a in STORIES.names for b in STORIES.names if a < b]
    assert 0.06 < sum(held_pair(a, b) for a, b in pairs) / len(pairs) < 0.15
    assert all(held_pair(a, b) == held_pair(b, a) for a, b in pairs)


def test_danger_lies_in_what_stands_there_and_the_weather_or_the_hour():
    events = [Event(LOOK, "north", "bridge"), Event("hear", "north", "drip"), Event(LOOK, "south", "well")]

    def risk(place, time="day", weather="clear"):
        return dangerous(TALK, (time, weather, "moss"), events, place)

    assert [risk("north"), risk("north", weather="rain"), risk("north", time="night")] == [False, True, False]
    assert [risk("south"), risk("south", weather="rain"), risk("south", time="night")] == [False, False, True]
    assert not risk("west", "night", "rain")  # nothing was described there


def test_the_flood_is_dangerous_wherever_the_realm_says_so():
    kinds = dict(RULES.places)
    for weather in RULES.floods:
        assert set(TALK.danger[weather]) >= {*kinds["river"], *kinds["crossing"]}
    times = {name for name, _ in (*RULES.phases, *RULES.weather)}
    assert set(TALK.danger) <= times
    assert {kind for kinds in TALK.danger.values() for kind in kinds} <= {k for _, kinds in RULES.places for k in kinds}


def test_listening_changes_the_answer_to_a_safe_direction_alone():
    acts = {kind: (wanted(TALK, kind, False), wanted(TALK, kind, True)) for kind in KINDS}
    assert acts[SAFE] == ("suggest", "accept")
    assert all(base == listening for kind, (base, listening) in acts.items() if kind != SAFE)
    assert len({base for base, _ in acts.values()}) == len(KINDS)
    assert {act for both in acts.values() for act in both} == set(TALK.acts)


@pytest.mark.parametrize("held", [False, True])
def test_dialogues_hold_every_kind_and_keep_held_out_forms_apart(held):
    drawn = list(islice(dialogues(3, "test", rules=RULES, held=held), 100))
    assert {dialogue.kind for dialogue in drawn} == set(KINDS)
    kinds = Counter(dialogue.kind for dialogue in drawn)
    assert kinds[DANGER] > 8 and kinds[SAFE] > 16
    for dialogue in drawn:
        said = dialogue.utterance
        assert (said.form >= TALK.trained[said.kind]) == held
        assert [q.candidates for q in dialogue.scene.questions] == [TALK.acts]
        assert said.place in {event.place for event in dialogue.scene.events}


def test_the_same_words_are_safe_or_dangerous_by_what_is_around():
    kinds, rng = {}, Random(5)
    for sample in islice(samples(5, "test", rules=RULES), 30):
        for _ in range(20):
            said, kind = talk.draw(rng, TALK, sample.header, sample.view.scene.events)
            kinds.setdefault(said, set()).add(kind)
    assert sum(answers == {SAFE, DANGER} for answers in kinds.values()) > 5
    assert all(len(answers) == 1 for said, answers in kinds.items() if said.kind != "direction")


def test_talk_in_both_tongues_beside_an_unchanged_scene():
    said = Utterance("direction", TALK.forms["direction"].index("walk {place} now"), "north")
    for tongue in ("terse", "plain"):
        scene = next(samples(1, "talk", tongue, RULES)).view.scene
        spoken = addressed(scene, TALK, said)
        assert (spoken.text, spoken.events, spoken.id) == (scene.text, scene.events, scene.id)
        assert [(q.ask, q.place) for q in spoken.questions] == [("talk", "north")]
    assert spoken.questions[0].text.startswith('\nA friend says: "Walk north now."')
    assert talk.words(TERSE, TALK, said) == "walk north now"
    assert talk.words(PLAIN, TALK, Utterance("opinion", 0, "west")) == "What of west?"


def test_dialogues_are_the_same_in_another_process():
    code = (
        "from itertools import islice; from game.realm.talk import dialogues; import hashlib;"
        "print(hashlib.sha256(repr(list(islice(dialogues(7, 'x'), 8))).encode()).hexdigest())"
    )
    root = Path(__file__).parents[3]
    runs = {subprocess.check_output([sys.executable, "-c", code], cwd=root, text=True) for _ in range(2)}
    assert len(runs) == 1


def test_one_word_means_one_thing():
    answers = {value for values in LORE.values.values() for value in values}
    told_of = {*STORIES.names, *STORIES.places, *STORIES.things}
    for one, other in ((answers, told_of), (answers, realm_words()), (told_of, realm_words())):
        assert not one & other
    assert not {word for subject in LORE.subjects for word in subject.split()} & (realm_words() | told_of)
    said = {word for word in TALK.words() if word not in RULES.directions}
    assert not said & (realm_words() | answers | told_of)


def broken(tmp_path, file, old, new):
    text = file.read_text(encoding="utf-8")
    assert old in text
    path = tmp_path / file.name
    path.write_text(text.replace(old, new, 1), encoding="utf-8")
    return path


@pytest.mark.parametrize(
    ("load_it", "file", "old", "new", "says"),
    [
        (load_lore, lore.LORE_TOML, "[forms]", "[farms]", "lore.toml farms: unknown key; known: forms, landmarks"),
        (load_lore, lore.LORE_TOML, '"amber spire"', '"amber"', "a landmark's name must be two lower-case words"),
        (load_lore, lore.LORE_TOML, "{subject} was made by", "{subjict} was made by", "has a hole {subjict}; known"),
        (load_lore, lore.LORE_TOML, "{subject} was made by", "it was made by", "must be 5 sentences, {subject} once"),
        (load_lore, lore.LORE_TOML, "[landmarks]", "[landmarks", "lore.toml: not TOML"),
        (load_stories, stories.STORIES_TOML, '"aiko"', '"basil"', "names: 'basil' stands there twice"),
        (load_stories, stories.STORIES_TOML, '"aiko"', '"two words"', "'two words' must be one lower-case word"),
        (load_stories, stories.STORIES_TOML, "then {a} and", "then {s} and", "must be [story with {a} and {b}"),
        (load_stories, stories.STORIES_TOML, "names = [", "nomes = [", "nomes: unknown key"),
        (load_talk, talk.TALK_TOML, 'safe = "suggest"', 'sane = "suggest"', "acts.sane: must be one of safe, danger"),
        (load_talk, talk.TALK_TOML, 'chat"', 'chat away"', "must be one of"),
        (load_talk, talk.TALK_TOML, '".", "go {place}"', '"go {place}"', "say.direction: must begin with its mark"),
        (load_talk, talk.TALK_TOML, '["let us', '["Let us', "'Let us walk {place} now' must be lower-case words"),
    ],
)
def test_what_cannot_be_used_is_refused_in_one_line(tmp_path, load_it, file, old, new, says):
    with pytest.raises(RulesError) as caught:
        load_it(broken(tmp_path, file, old, new))
    assert says in str(caught.value) and "\n" not in str(caught.value)


def test_a_missing_file_says_how_to_mend_it(tmp_path):
    with pytest.raises(RulesError, match=r"cannot be read .* restore it from the repository"):
        load_lore(tmp_path / "lore.toml")


anything = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=8) | st.sampled_from(["hum", "a {place} .", "{x}"]),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=3), inner, max_size=3),
    max_leaves=6,
)


@given(anything)
def test_lists_of_words_are_taken_whole_or_refused(value):
    for check in (lambda: words(value, "here"), lambda: sentences(value, "here", ("place",))):
        try:
            accepted = check()
        except RulesError as error:
            assert str(error).startswith("here: ")
        else:
            assert list(accepted) == value
            assert all(text.format(place="north") == text.replace("{place}", "north") for text in accepted)


def test_english_closes_up_marks_and_begins_sentences_large():
    assert english("who built it ? it was") == "Who built it? It was"
    assert english("when a came , b left . c too .") == "When a came, b left. C too."
