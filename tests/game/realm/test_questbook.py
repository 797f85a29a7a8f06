"""What the errands leave behind: the tally of every species; and the file that they are read from."""

import tomllib
from dataclasses import replace

import pytest

from game.realm import questbook
from game.realm.questbook import QUESTS_TOML
from game.realm.rules import load
from game.realm.senses import nearest_place, within_reach
from game.realm.step import step
from game.realm.tables import RulesError
from game.realm.world import World, new_world
from tests.kits.questkit import Hand

RULES = load()


def asked() -> Hand:
    """A hand that looks for the ninth lantern."""
    hand = Hand(new_world(0))
    hand.talk("lantern")
    return hand


def named(world: World, place: int, guess: str) -> None:
    step(world, (("name", place, guess),))


def test_the_tally_counts_names_streaks_traces_and_what_was_found_unaided():
    hand = asked()
    tally = hand.world.quests.tally
    place = hand.guest("lantern")
    hand.approach(place)
    sensed = {thing for _, thing in hand.world.traces.sensed[place]}
    hand.do(("name", place, "kitsune"))
    page = tally.pages["kitsune"]
    assert (page.named, page.missed, tally.streak, tally.rights) == (1, 0, 1, 1)
    assert set(page.traces) == sensed & set(RULES.spirits[0].traces) and len(page.traces) >= 2
    assert [(find.place, find.species) for find in tally.finds] == [(place, "kitsune")]
    place = hand.guest("lantern")
    hand.approach(place)
    hand.do(("name", place, "oni"))
    assert (page.missed, tally.streak, tally.best, tally.guesses) == (1, 0, 1, 2)
    assert len(tally.finds) == 1


def test_a_spirit_that_was_given_away_is_not_found():
    for seed in range(40):
        world = new_world(seed)
        place = nearest_place(world)
        world.player.x, world.player.y = place.x, place.y + 16
        here = world.traces.here[place.index]
        if not (0 <= here < len(RULES.species)) or not within_reach(world, place):
            continue
        step(world, (("touch", place.index),))
        if world.traces.here[place.index] != here:
            continue
        named(world, place.index, RULES.species[here])
        assert world.quests.tally.rights == 1 and world.quests.tally.finds == []
        return
    raise AssertionError("nobody to touch")


@pytest.mark.parametrize(
    ("change", "says"),
    [
        (("quest", "well", "guests", ["yuri"]), "quests.toml quest.well.guests: unknown word 'yuri'"),
        (("quest", "well", "giver", "nemo"), "quest.well.giver: unknown word 'nemo'"),
        (("quest", "well", "task", "sing"), "quest"),
        (("quest", "well", "needs", ["register"]), "quest.well.needs: unknown word 'register'"),
        (("quest", "drums", "count", 2), "quest.drums.count"),
        (("quest", "axe", "seconds", 0), "quest.axe.seconds: missing"),
        (("quest", "register", "early", ""), "quest.register.early: missing"),
        (("quest", "register", "ends", False), "exactly one errand"),
        (("quest", "house", "guests", ["nothing"]), "quest.house.guests"),
        (("lore", "oni", None), "lore.oni: missing"),
        (("lore", "ghost", ["x"]), "lore: unknown word 'ghost'"),
        (("people", "hana", "hat", "x"), "unknown field"),
    ],
)
def test_a_wrong_file_of_errands_is_one_line(change, says):
    data = tomllib.loads(QUESTS_TOML.read_text(encoding="utf-8"))
    *path, key, value = change
    table = data
    for step_ in path:
        table = table[step_]
    if value is None:
        del table[key]
    else:
        table[key] = value
    with pytest.raises(RulesError) as error:
        questbook.parse(data, RULES)
    assert says in str(error.value) and "\n" not in str(error.value) and str(error.value).startswith("quests.toml")


def test_a_realm_with_too_few_spirits_for_its_errands_is_refused():
    data = tomllib.loads(QUESTS_TOML.read_text(encoding="utf-8"))
    questbook.parse(data, replace(RULES, spirits_each=4))
    with pytest.raises(RulesError, match=r"quest: errands may hold 4 oni at once, and realm\.toml has 3"):
        questbook.parse(data, replace(RULES, spirits_each=3))


def test_a_file_that_cannot_be_read_is_one_line(tmp_path):
    for name, data in (("none.toml", None), ("bad.toml", b"quest = ["), ("long.toml", b"#" * 1_000_001)):
        if data is not None:
            (tmp_path / name).write_bytes(data)
        with pytest.raises(RulesError, match=name):
            questbook.load(RULES, tmp_path / name)
