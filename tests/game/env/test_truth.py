"""The truth about spirits is in no observation: what cannot be sensed and was not told changes none of them."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from game.env.choices import LOOK
from game.env.config import EnvConfig
from game.env.pixels import frame_state
from game.env.session import Session
from game.env.spaces import Eyes
from game.realm.seen import observe
from game.realm.traces import NOBODY
from game.realm.view import PlayerView
from tests.kits.envkit import drawn, plain


def seen(session: Session, eyes: Eyes) -> list[object]:
    """All that every player is shown: observation, info and text."""
    numbers = range(len(session.world.players))
    return [
        (plain(eyes.observation(session, n)), eyes.info(session, n), eyes.render(session, n, "ansi")) for n in numbers
    ]


def hide_other_spirits(session: Session, rng: np.random.Generator) -> int:
    """Puts other spirits everywhere, in all that the realm knows of them, but leaves what is sensed. Returns how many
    places in sight have changed hands."""
    world = session.world
    before = list(world.traces.here)
    for place in range(len(before)):
        world.traces.here[place] = int(rng.integers(-1, len(world.rules.species)))
        world.traces._shown[place], world.traces._strays[place] = {0: "x"}, {}
    for spirit in world.spirits:
        spirit.place, spirit.visit = int(rng.integers(-1, len(before))), int(rng.integers(0, 99))
        spirit.until, spirit.held = int(rng.integers(0, 9999)), bool(rng.integers(2))
    for quests in world.quests_of:
        for errand in quests.errands.values():
            errand.at = {int(rng.integers(0, len(before))): NOBODY}
    places = [place for number in range(len(world.players)) for _, place in session.seen(number)]
    return sum(before[place] != world.traces.here[place] for place in places)


@pytest.mark.parametrize("observation", ["text", "structured"])
@settings(max_examples=15)
@given(seed=st.integers(0, 2**40), players=st.integers(1, 3), steps=st.integers(0, 20))
def test_hidden_spirits_change_no_observation(observation, seed, players, steps):
    config = EnvConfig(observation=observation, players=players)
    session, eyes = Session(config, seed), Eyes(config)
    for action in drawn(seed, steps, session.choices.count):
        session.step([action] * players)
    before = seen(session, eyes)
    assert hide_other_spirits(session, np.random.default_rng(seed)) > 0
    assert seen(session, eyes) == before


def test_hidden_spirits_change_no_picture():
    config = EnvConfig(observation="pixels", pixels=(64, 36))
    session, eyes = Session(config, 2), Eyes(config)
    session.step([LOOK])
    before = seen(session, eyes)
    assert hide_other_spirits(session, np.random.default_rng(1)) > 0
    assert seen(session, eyes) == before
    direction, place = session.seen(0)[0]
    session.world.traces.sensed[place] = ((0, "bark"), (3, "pawprint"))
    assert direction and seen(session, eyes) != before, "what is sensed does change it"


@pytest.mark.parametrize("number", [0, 1])
def test_a_picture_shows_whom_the_view_shows(number):
    world = Session(EnvConfig(players=3), 2).world
    player = world.players[number]
    world.familiar_joins(player)
    view = PlayerView(world.seed, world.rules, world.start_hour, world.map, number)
    view.show(observe(world, player))
    stage = frame_state(world, player)
    painted = [(body.kind, body.x, body.y) for body in (stage.player, *stage.bodies)]
    people = [*view.figures.values(), *view.quests.standing]
    assert painted == [(who.kind, who.x, who.y) for who in people]
