"""SpiritRealm-v0: what gymnasium asks of it, what it pays for, and that it comes back from its bytes as it was."""

import subprocess
import sys

import gymnasium
import msgpack
import numpy as np
import pytest
from gymnasium.utils.env_checker import check_env

from game.env.choices import ASK, FIRST_NAME, LOOK, TALK, TOUCH
from game.env.config import EnvConfig
from game.env.registration import ID, register
from game.env.session import SavedError, Session
from game.env.spirit_realm import SpiritRealm
from game.realm.rules import NOTHING, load
from game.realm.senses import who_is_at
from tests.kits.envkit import drawn, plain, run

RULES = load()
register()
register()  # twice is as good as once


def at_a_spirit(env: SpiritRealm, seed: int = 0) -> tuple[Session, str, str]:
    """An environment whose player sees a spirit: the session, its direction, its species."""
    while True:
        env.reset(options={"realm": seed})
        session = env._session
        for direction, place in session.seen(0):
            if who_is_at(session.world, place) != NOTHING:
                return session, direction, who_is_at(session.world, place)
        seed += 1


@pytest.mark.parametrize("observation", ["text", "structured"])
def test_gymnasiums_own_check_says_nothing(observation):
    check_env(gymnasium.make(ID, observation=observation, render_mode="ansi", max_steps=40).unwrapped)


def test_pictures_are_observations_like_others():
    """check_env makes a dozen realms, and painting each takes a second; these are its questions about one."""
    env = SpiritRealm(observation="pixels", pixels=(64, 36), render_mode="rgb_array")
    observation, info = env.reset(seed=3)
    assert observation in env.observation_space and observation.shape == (36, 64, 3) and observation.std() > 5
    raw = env.save()
    steps = [env.step(action) for action in (2, 2, LOOK)]
    assert (steps[0][0] != observation).any() and (env.render() == steps[-1][0]).all() and steps[0][4] == info
    other = SpiritRealm(observation="pixels", pixels=(64, 36))
    other.reset(seed=9)
    assert (other.restore(raw)[0] == observation).all()
    again = [other.step(action)[0] for action in (2, 2, LOOK)]
    assert all((one[0] == two).all() for one, two in zip(steps, again, strict=True))


def test_a_seed_says_the_realms_that_are_drawn():
    env, other = SpiritRealm(), SpiritRealm()
    first = [env.reset(seed=5)[0], env.reset()[0], env.reset()[0]]
    assert [other.reset(seed=5)[0], other.reset()[0], other.reset()[0]] == first and len(set(first)) == 3
    assert env.reset(options={"realm": 7}) == other.reset(seed=1, options={"realm": 7})


def test_an_action_does_what_its_number_means():
    env = SpiritRealm()
    env.reset(seed=1)
    meanings = [env.choices.meaning(number) for number in range(env.choices.count)]
    assert meanings[:3] == [("move", "north"), ("move", "northeast"), ("move", "east")]
    assert [meanings[n] for n in (LOOK, ASK, TOUCH, TALK)] == [("look",), ("ask",), ("touch",), ("talk",)]
    assert len(set(meanings)) == env.action_space.n == FIRST_NAME + 8 * (len(RULES.species) + 1)
    for number in range(FIRST_NAME, env.choices.count):
        assert env.choices.name(*meanings[number][1:]) == number
    player = env._session.world.player
    x, y = player.x, player.y
    env.step(0)
    assert (player.x, player.y) == (x, y - 15), "five ticks of three pixels"
    assert env._session.world.tick == 5


def test_a_find_is_paid_once_and_a_wrong_name_costs():
    env = SpiritRealm(find=1.0, true_name=0.25, false_name=-0.5)
    session, direction, species = at_a_spirit(env)
    wrong = next(name for name in RULES.species if name != species)
    raw = env.save()
    _, reward, _, _, info = env.step(env.choices.name(direction, species))
    assert reward == 1.0 and info["told"] == {direction: species} and info["said"][0].startswith("Yes:")
    assert env.step(env.choices.name(direction, species))[1] == 0.0, "named already"
    env.restore(raw)
    assert env.step(env.choices.name(direction, wrong))[1] == -0.5
    assert env.step(env.choices.name(direction, species))[1] == 0.25, "the wrong name gave it away"
    env.restore(raw)
    empty = next(d for d, place in env._session.seen(0) if who_is_at(env._session.world, place) == NOTHING)
    assert env.step(env.choices.name(empty, NOTHING))[1] == 0.0
    assert env.step(env.choices.name(empty, species))[1] == -0.5
    assert session.world is not env._session.world


def test_what_was_told_is_in_the_observation_of_that_step_alone():
    env = SpiritRealm(observation="structured")
    _, direction, species = at_a_spirit(env)
    octant, answer = RULES.directions.index(direction), RULES.species.index(species) + 1
    observation = env.step(env.choices.name(direction, species))[0]
    assert observation["told"][octant] == answer and observation["told"].sum() == answer
    assert not env.step(LOOK)[0]["told"].any()
    text = SpiritRealm()
    at_a_spirit(text)
    assert f"told {direction} {species} ." in text.step(text.choices.name(direction, species))[0]
    assert "told" not in text.step(LOOK)[0]


def test_text_and_numbers_say_the_same():
    text, numbers = SpiritRealm(), SpiritRealm(observation="structured")
    text.reset(seed=2), numbers.reset(seed=2)
    for action in drawn(2, 120, text.action_space.n):
        words, coded = text.step(action)[0].split(" . "), numbers.step(action)[0]
        things = [sentence.split() for sentence in words if sentence.split()[0] in ("look", *RULES.senses)]
        assert len(things) == np.count_nonzero(coded["places"])
        for sense, direction, _ in things:
            column = ("look", *RULES.senses).index(sense)
            assert coded["places"][RULES.directions.index(direction), column] > 0
        assert ("seer near" in words or "seer near ." in words) == bool(coded["you"][1])
        assert any(sentence.startswith("touch") for sentence in words) == bool(coded["you"][0])


def test_an_episode_is_truncated_and_says_so():
    env = SpiritRealm(max_steps=3)
    env.reset(seed=1)
    assert [env.step(LOOK)[2:4] for _ in range(3)] == [(False, False), (False, False), (False, True)]


@pytest.mark.parametrize("observation", ["text", "structured"])
@pytest.mark.parametrize("moment", [0, 1, 37])
def test_a_restored_run_is_the_same_in_observations_rewards_and_hash(observation, moment):
    env = SpiritRealm(observation=observation)
    env.reset(seed=4)
    actions = drawn(moment, moment + 60, env.action_space.n)
    run(env, actions[:moment])
    raw, now = env.save(), env._now()
    after = [*run(env, actions[moment:]), plain(env.reset()[0])]
    other = SpiritRealm(observation=observation)
    observation_then, info = other.restore(raw)
    assert (plain(observation_then), info) == (plain(now[0]), now[1])
    assert [*run(other, actions[moment:]), plain(other.reset()[0])] == after, "the next episode's realm, too"


def test_a_run_goes_on_in_another_process(tmp_path):
    env = SpiritRealm()
    env.reset(seed=8)
    run(env, drawn(1, 20, env.action_space.n))
    (tmp_path / "saved").write_bytes(env.save())
    script = (
        "import sys; from game.env.spirit_realm import SpiritRealm; env = SpiritRealm();"
        "env.restore(open(sys.argv[1], 'rb').read()); [env.step(n % 68) for n in range(80)]; print(env.state_hash())"
    )
    done = subprocess.run(
        [sys.executable, "-c", script, str(tmp_path / "saved")], capture_output=True, text=True, check=True
    )
    for number in range(80):
        env.step(number % 68)
    assert done.stdout.strip() == env.state_hash()


def test_saved_bytes_of_another_kind_are_one_line():
    env = SpiritRealm()
    env.reset(seed=1)
    raw = env.save()
    with pytest.raises(SavedError, match="saved with max_steps 1000, and this has 7"):
        SpiritRealm(max_steps=7).restore(raw)
    whole = msgpack.unpackb(raw)
    for change in ({"steps": -1}, {"world": b"x"}, {"outcomes": []}, {"named": 3}, {"extra": None}, {"version": 2}):
        with pytest.raises(ValueError) as caught:
            env.restore(msgpack.packb(whole | change))
        assert "\n" not in str(caught.value)
    for bad in (b"", b"x", raw[:-9], msgpack.packb([1])):
        with pytest.raises(SavedError):
            env.restore(bad)
    assert env.state_hash() == Session.restored(EnvConfig(), raw)[0].hash(), "a refused restore changes nothing"


@pytest.mark.parametrize(
    ("settings", "match"),
    [
        ({"observation": "smell"}, "observation 'smell': unknown; choose text, structured, pixels"),
        ({"tongue": "elvish"}, "tongue 'elvish'"),
        ({"ticks_per_step": 0}, "ticks_per_step 0"),
        ({"max_steps": True}, "max_steps True"),
        ({"start_hour": float("nan")}, "start_hour"),
        ({"find": float("inf")}, "find inf"),
        ({"pixels": (4, 4)}, "pixels"),
        ({"players": 2}, "game.env.parallel"),
        ({"render_mode": "human"}, "render_mode 'human': unknown; choose ansi, rgb_array"),
    ],
)
def test_settings_that_cannot_be_used_are_one_line(settings, match):
    with pytest.raises(ValueError, match=match) as caught:
        SpiritRealm(**settings)
    assert "\n" not in str(caught.value)


def test_actions_and_moments_that_do_not_exist_are_one_line():
    env = SpiritRealm()
    for call in (lambda: env.step(0), env.save, env.state_hash, env.scene):
        with pytest.raises(ValueError, match=r"call reset\(\) first"):
            call()
    env.reset(seed=1)
    for action in (-1, env.action_space.n, 1.5, "east", None, np.int64(-3)):
        with pytest.raises(ValueError, match="must be a whole number from 0 to"):
            env.step(action)
    for realm in (-1, 2**63, True, "x"):
        with pytest.raises(ValueError, match="options: realm"):
            env.reset(options={"realm": realm})


@pytest.mark.parametrize("mode", ["sync", "async"])
@pytest.mark.parametrize("observation", ["text", "structured"])
def test_vector_environments_are_as_many_single_ones(mode, observation):
    """Gymnasium never reads texts back from memory that processes share, so those go without (docs/environments.md)."""
    alone = [SpiritRealm(observation=observation) for _ in range(2)]
    shared = {"shared_memory": False} if (mode, observation) == ("async", "text") else {}
    vector = gymnasium.make_vec(ID, num_envs=2, vectorization_mode=mode, vector_kwargs=shared, observation=observation)
    try:
        observations, _ = vector.reset(seed=[3, 4])
        singles = [env.reset(seed=seed)[0] for env, seed in zip(alone, (3, 4), strict=True)]
        for action in [None, *drawn(1, 12, 68)]:
            if action is not None:
                observations, rewards, *_ = vector.step([action, action])
                answers = [env.step(action) for env in alone]
                singles = [answer[0] for answer in answers]
                assert rewards.tolist() == [answer[1] for answer in answers]
            for number, single in enumerate(singles):
                if observation == "text":
                    assert observations[number] == single
                else:
                    assert all((observations[part][number] == single[part]).all() for part in single)
    finally:
        vector.close()
