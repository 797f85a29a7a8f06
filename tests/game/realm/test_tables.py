"""Whatever the realm's files hold, it is used or refused in one line; what is used makes a realm."""

import tomllib
from random import Random
from unittest.mock import patch

import pytest
from hypothesis import given, settings

from game.realm import lore, questbook, rules, stories, tables, talk
from game.realm.scene import describe
from game.realm.step import step
from game.realm.tables import RulesError
from game.realm.tongues import TONGUES
from game.realm.world import new_world
from tests.kits.mutants import mutants

RULES = rules.load()


def data(path):
    return tomllib.loads(path.read_text(encoding="utf-8"))


def one_line(error: RulesError, file: str) -> bool:
    text = str(error)
    return text.startswith(file) and text.isprintable() and len(text) < 600


def loaded(load, path, table):
    """What a loader makes of a table, or None if it refuses it in one line."""
    with patch.object(tables, "read_toml", lambda _: table):
        try:
            return load.__wrapped__(path)
        except RulesError as error:
            assert one_line(error, path.name), str(error)
            return None


@settings(max_examples=100)
@given(mutants(data(rules.REALM_TOML)))
def test_rules_make_a_realm_or_are_refused(table):
    try:
        accepted = rules.parse(table)
        questbook.load(accepted)
    except RulesError as error:
        assert one_line(error, "realm.toml") or one_line(error, "quests.toml"), str(error)
        return
    world = new_world(1, accepted)
    for actions in ((("ask",),), (("move", 1, 0),), (("talk", 0),)):
        step(world, actions)
    assert describe(world).scene.questions


@settings(max_examples=150)
@given(mutants(data(questbook.QUESTS_TOML)))
def test_errands_can_be_begun_or_are_refused(table):
    try:
        book = questbook.parse(table, RULES)
    except RulesError as error:
        assert one_line(error, "quests.toml"), str(error)
        return
    with patch("game.realm.errand_list.load", lambda _: book):
        world = new_world(2)
    for index, person in enumerate(world.quests.people):
        world.player.x, world.player.y = person.x, person.y
        step(world, (("talk", index),))


@settings(max_examples=50)
@given(mutants(data(lore.LORE_TOML)))
def test_lore_can_be_asked_or_is_refused(table):
    accepted = loaded(lore.load_lore, lore.LORE_TOML, table)
    if accepted is not None:
        for tongue in TONGUES.values():
            assert lore.fact_scene(tongue, accepted, accepted.facts[-1], 4).questions[0].text


@settings(max_examples=100)
@given(mutants(data(stories.STORIES_TOML)))
def test_stories_can_be_told_or_are_refused(table):
    accepted = loaded(stories.load_stories, stories.STORIES_TOML, table)
    if accepted is not None:
        for split in stories.SPLITS:
            story = stories.draw(Random(1), accepted, split=split)
            assert all(stories.story_scene(tongue, accepted, story).text for tongue in TONGUES.values())


def test_names_of_which_no_pair_is_held_out_are_refused():
    table = data(stories.STORIES_TOML)
    table["names"] = ["aiko", "basil", "chiyo", "dorian"]
    with (
        pytest.raises(RulesError, match="names: some pairs must be held out and some not"),
        patch.object(tables, "read_toml", lambda _: table),
    ):
        stories.load_stories.__wrapped__(stories.STORIES_TOML)


@settings(max_examples=100)
@given(mutants(data(talk.TALK_TOML)))
def test_talk_can_be_drawn_or_is_refused(table):
    accepted = loaded(talk.load_talk, talk.TALK_TOML, table)
    if accepted is not None:
        world = new_world(3)
        scene = describe(world).scene
        for held in (False, True):
            said, kind = talk.draw(Random(1), accepted, ("night", "rain", "grass"), scene.events, held)
            assert talk.addressed(scene, accepted, said).questions[0].text and talk.wanted(accepted, kind, True)


@pytest.mark.parametrize("encoding", ["utf-8-sig", "utf-16"])
@pytest.mark.parametrize("ends", ["\r\n", "\r"])
def test_files_of_other_editors_are_read(tmp_path, encoding, ends):
    text = rules.REALM_TOML.read_text(encoding="utf-8")
    (tmp_path / "realm.toml").write_bytes(text.replace("\n", ends).encode(encoding))
    assert rules.load(tmp_path / "realm.toml").species == RULES.species


@pytest.mark.parametrize(
    ("content", "says"),
    [
        (b"a = " + b"1" * 5000, "not TOML"),
        (b"a = " + b"[" * 5000, "not TOML"),
        (b"a = '\xff'", "byte 6 is not UTF-8; save the file as UTF-8"),
        (b"a\0\0\0=", "save the file as UTF-8"),
        (b"a = 1\na = 2", "not TOML"),
    ],
    ids=["digits", "brackets", "latin-1", "no mark", "twice"],
)
def test_what_no_editor_should_write_is_one_line(tmp_path, content, says):
    path = tmp_path / "realm.toml"
    path.write_bytes(content)
    with pytest.raises(RulesError, match=says) as caught:
        rules.load(path)
    assert one_line(caught.value, str(path)), str(caught.value)
