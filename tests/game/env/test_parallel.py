"""Several players as a PettingZoo environment: its own tests, and what each player has to themselves."""

import os
import warnings

import pytest

from game.env.choices import LOOK
from game.env.parallel import SpiritRealmParallel
from game.env.session import SavedError
from game.env.sound_driver import DRIVER, same_sound_driver
from game.env.spirit_realm import SpiritRealm
from tests.kits.envkit import drawn, plain

with warnings.catch_warnings():
    warnings.simplefilter("ignore", DeprecationWarning)  # these import old environments of pettingzoo's own
    from pettingzoo.test import parallel_api_test, parallel_seed_test


@pytest.mark.parametrize("observation", ["text", "structured"])
def test_pettingzoos_own_tests_pass(observation):
    parallel_api_test(SpiritRealmParallel(players=3, max_steps=25, observation=observation), num_cycles=60)
    parallel_seed_test(lambda: SpiritRealmParallel(players=2, observation=observation), num_cycles=30)


@pytest.mark.parametrize("driver", [None, "dummy"])
def test_the_users_sound_driver_stays(monkeypatch, driver):
    """pettingzoo's import would leave a game that is begun afterwards without sound."""
    assert os.environ[DRIVER] == "dummy"  # as the tests set it, though pettingzoo was imported since
    monkeypatch.delenv(DRIVER)
    if driver:
        monkeypatch.setenv(DRIVER, driver)
    with same_sound_driver():
        os.environ[DRIVER] = "dsp"
    assert os.environ.get(DRIVER) == driver


def test_one_player_has_the_same_episode_as_in_gymnasium():
    alone, parallel = SpiritRealm(), SpiritRealmParallel(players=1)
    assert alone.reset(seed=3)[0] == parallel.reset(seed=3)[0]["player_0"]
    for action in drawn(3, 80, alone.action_space.n):
        observation, reward, *_ = alone.step(action)
        observations, rewards, *_ = parallel.step({"player_0": action})
        assert (observation, reward) == (observations["player_0"], rewards["player_0"])
    assert alone.state_hash() == parallel.state_hash()


def test_a_name_pays_the_one_who_says_it():
    env = SpiritRealmParallel(players=2, false_name=-1.0)
    env.reset(seed=1)
    direction = next(iter(env.scene("player_1").places))
    rewards = [
        env.step({"player_0": LOOK, "player_1": env.choices.name(direction, species)})[1]
        for species in env.choices.answers[:2]
    ]
    assert all(reward["player_0"] == 0 for reward in rewards)
    assert any(reward["player_1"] == -1 for reward in rewards)


@pytest.mark.parametrize("moment", [0, 30])
def test_a_restored_run_is_the_same_for_everybody(moment):
    env = SpiritRealmParallel(players=3, max_steps=moment + 40)
    env.reset(seed=6)
    actions = [drawn(seed, moment + 40, 68) for seed in range(3)]

    def lived(which: SpiritRealmParallel, first: int, last: int) -> list[object]:
        answers: list[object] = []
        for step in range(first, last):
            observations, *rest = which.step({agent: actions[n][step] for n, agent in enumerate(which.agents)})
            answers.append((plain(observations), *rest, which.state_hash(), list(which.agents)))
        return answers

    lived(env, 0, moment)
    raw = env.save()
    other = SpiritRealmParallel(players=3, max_steps=moment + 40)
    other.restore(raw)
    assert lived(other, moment, moment + 40) == lived(env, moment, moment + 40)
    assert env.agents == other.agents == []
    assert env.reset()[0] == other.reset()[0]


def test_what_cannot_be_is_one_line():
    env = SpiritRealmParallel(players=2)
    with pytest.raises(ValueError, match="call reset"):
        env.step({})
    env.reset(seed=1)
    with pytest.raises(ValueError, match="must be a whole number from 0 to 67"):
        env.step({"player_0": 68})
    with pytest.raises(SavedError, match="saved with players 2, and this has 3"):
        SpiritRealmParallel(players=3).restore(env.save())
    with pytest.raises(ValueError, match="players 0"):
        SpiritRealmParallel(players=0)
