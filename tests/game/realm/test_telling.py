"""What a name is answered with: whether it was right, and the traces that told it."""

import pytest

from game.realm.actions import _name, _touch
from game.realm.rules import NOTHING, load
from game.realm.senses import in_sight
from game.realm.telling import articled, called, verdict
from game.realm.world import World, new_world


def held(species: str, traces: tuple[int, ...] = (0, 1)) -> tuple[World, int]:
    """A world with a spirit at a place in sight, of whose traces these are sensed and no others."""
    world = new_world(0)
    place = in_sight(world)[0][1]
    index = world.rules.species.index(species)
    own = world.rules.spirits[index].traces
    world.hold(next(spirit for spirit in world.spirits if spirit.kind.name == species), place)
    world.traces.sensed[place] = tuple((sense, own[sense]) for sense in traces)
    return world, place


def test_a_wrong_name_hears_what_told_and_what_would_have() -> None:
    world, place = held("yurei")
    own = {spirit.name: spirit.traces for spirit in world.rules.spirits}
    said = verdict(world, place, "kitsune", "yurei")
    first, second = own["yurei"][:2]
    assert said.startswith(f"No. {first.capitalize()} and {second}: a yurei. A kitsune shows two of its own, like ")
    assert own["kitsune"][0] in said
    assert verdict(world, place, "yurei", "yurei") == f"Yes: a yurei. {first.capitalize()} and {second} told it."
    assert verdict(world, place, NOTHING, "yurei") == f"No. {first.capitalize()} and {second}: a yurei."


def test_one_trace_alone_tells_nothing() -> None:
    world, place = held("oni", (2,))
    assert verdict(world, place, "oni", NOTHING) == "No. Nobody is there. One trace of theirs alone tells nothing."
    assert verdict(world, place, "tengu", NOTHING) == "No. Nobody is there."
    assert verdict(world, place, NOTHING, NOTHING) == "Yes: nobody."


@pytest.mark.parametrize("species", load().species)
def test_every_species_gets_its_article_wherever_the_realm_names_it(species: str) -> None:
    wrong = "a oni", "A oni", "an kitsune"
    world, place = held(species)
    spoken = [seer.points.format(direction="east", place="oak", species=species) for seer in world.rules.seers]
    texts = [articled(text) for text in spoken] + [called(species), verdict(world, place, "tengu", species)]
    world.player.x, world.player.y = world.map.places[place].x, world.map.places[place].y + 12
    texts += [
        happening.text
        for happening in (*_touch(world, world.player, place), *_name(world, world.player, place, species))[::2]
    ]
    assert not any(word in text for text in texts for word in wrong), texts
