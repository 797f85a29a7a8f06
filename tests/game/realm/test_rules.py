"""realm.toml: read, checked, and complained about in one line that says where, what, and how to mend it."""

import copy
import tomllib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from game.realm import rules
from game.realm.rules import REALM_TOML, load, parse
from game.realm.tables import RulesError

DATA = tomllib.loads(REALM_TOML.read_text(encoding="utf-8"))


def changed(path, value):
    data = copy.deepcopy(DATA)
    table = data
    for key in path[:-1]:
        table = table[key]
    table[path[-1]] = value
    return data


def test_the_shipped_rules_hold_six_species_and_twelve_presences():
    rules = load()
    assert len(rules.species) == 6 and len(rules.presences) == 12
    assert set(rules.omens()) == {trace for kind in rules.kinds for trace in kind.traces}


@pytest.mark.parametrize(
    ("path", "value", "says"),
    [
        (("spirit", "kitsune", "haer"), "hum", "realm.toml spirit.kitsune.haer: unknown key; did you mean hear?"),
        (("spirit", "kitsune", "hours"), ["dsuk"], "unknown word 'dsuk'; did you mean dusk?"),
        (("spirit", "kitsune", "hear"), "chime", "the word 'chime' is also used by"),
        (("spirit", "kitsune", "hear"), "two words", "must be one lower-case word"),
        (("weather", "clear"), 0.9, "chances must sum to 1"),
        (("scene", "fewest"), "three", "must be int, is str"),
        (("traces", "shown"), [1.0], "must be 2 chances"),
        (("folk", "stay"), [80, 30], "must be [shortest, longest]"),
        (("time", "ticks_per_second"), 0, "must lie between 1 and 1000, is 0"),
        (("directions", "names"), ["north"], "must be eight words"),
        (("sprit",), {}, "unknown key; did you mean spirit?"),
        (("spirit", "tengu", "subtle"), 0.0, "spirit.tengu.subtle: must lie between 0 and 1 and above that of the"),
        (("spirit", "zashiki", "subtle"), 1.5, "spirit.zashiki.subtle: must lie between 0 and 1"),
        (("spirit", "kodama", "haunts"), ["froest"], "unknown word 'froest'; did you mean forest?"),
        (("spirits", "two"), [0.4, 1.4], "spirits.two: must lie between 0 and 1, is 1.4"),
        (("spirits", "pace"), [1.0], "spirits.pace: must be [of the plainest, of the subtlest]"),
        (("rooms", "inn"), ["hearth"], "rooms.inn: must be at least 6 different words"),
        (("rooms", "stable"), ["hay"], "rooms.stable: unknown key"),
        (("places", "river"), [], "places.river: must hold at least one word"),
        (("river", "floods"), ["snow"], "river.floods: unknown word 'snow'"),
        (("seer",), {}, "seer: nobody is a seer"),
        (("seer", "fox", "home"), "desert", "seer.fox.home: unknown word 'desert'"),
        (("seer", "fox", "knows"), ["kodam"], "seer.fox.knows: unknown word 'kodam'; did you mean kodama?"),
        (("seer", "fox", "points"), "{who} is there", "seer.fox.points: only {direction}, {place}, {species}"),
        (("seer", "fox", "points"), "{place.x}", "seer.fox.points: only {direction}, {place}, {species}"),
    ],
)
def test_a_wrong_key_is_one_line_with_the_remedy(path, value, says):
    with pytest.raises(RulesError) as caught:
        parse(changed(path, value))
    assert says in str(caught.value) and "\n" not in str(caught.value)


def test_species_are_plainest_first_and_show_and_stay_less_the_subtler_they_are():
    spirits = load().spirits
    assert [kind.subtle for kind in spirits] == sorted(kind.subtle for kind in spirits)
    assert [kind.two for kind in spirits] == sorted(kind.two for kind in spirits)
    assert [kind.stay for kind in spirits] == sorted((kind.stay for kind in spirits), reverse=True)
    assert dict(load().places)["room"] == tuple(dict.fromkeys(p for _, places in load().rooms for p in places))
    assert load().seer_name == load().seers[0].name


def test_a_missing_key_is_named():
    data = copy.deepcopy(DATA)
    del data["scene"]["sight"]
    with pytest.raises(RulesError, match="scene: the key sight is missing"):
        parse(data)


def test_broken_and_missing_files_are_one_line(tmp_path):
    broken = tmp_path / "realm.toml"
    broken.write_text("= 3")
    for path in (broken, tmp_path / "nowhere.toml", tmp_path):
        with pytest.raises(RulesError) as caught:
            load(path)
        assert str(path) in str(caught.value) and "\n" not in str(caught.value)


LEAVES = [(table, key) for table, entries in DATA.items() for key in entries]


@given(
    where=st.sampled_from(LEAVES),
    value=st.one_of(st.none(), st.integers(-5, 5), st.text(max_size=5), st.lists(st.integers(), max_size=3)),
)
def test_any_changed_value_is_accepted_or_refused_in_one_line(where, value):
    try:
        parse(changed(where, value))
    except RulesError as error:
        assert "\n" not in str(error) and str(error).startswith("realm.toml")


def test_shape_names_every_table_of_the_file():
    assert set(rules.SHAPE) == set(DATA)
