"""Who plays when nobody does: what each policy is for, and that a seed says all that it does."""

import random

import pytest

import main
from game.realm.happenings import Happening, Revealed
from game.realm.policy import POLICIES
from game.realm.replay import ActionLog, state_hash
from game.realm.senses import nearest_place
from game.realm.step import step
from game.realm.world import World, new_world

TICKS = 1500


def played(name: str, seed: int, ticks: int = TICKS) -> tuple[World, ActionLog, list[Happening], set[int]]:
    """A walk by a policy: the world after it, its log, all that happened, and the landmarks it came by."""
    world, policy, log = new_world(seed), POLICIES[name](seed), ActionLog(seed)
    happenings: list[Happening] = []
    landmarks = set()
    for _ in range(ticks):
        actions = policy(world)
        log.append(actions)
        happenings += step(world, actions)
        landmarks.add(nearest_place(world).index)
    return world, log, happenings, landmarks


@pytest.mark.parametrize("name", POLICIES)
def test_a_seed_says_all_that_a_policy_does(name):
    random.seed(1)
    world, log, _, _ = played(name, 3)
    random.seed(2)
    again, other = played(name, 3)[0], played(name, 4)[0]
    assert state_hash(world) == state_hash(again) == state_hash(log.replay()) != state_hash(other)


def test_the_command_line_names_every_policy(capsys):
    with pytest.raises(SystemExit):
        main.main(["simulate", "--help"])
    help_text = " ".join(capsys.readouterr().out.split())
    assert all(name in help_text for name in POLICIES)


def test_policies_draw_from_streams_of_their_own():
    walks = {name: played(name, 3)[1].actions for name in POLICIES}
    assert len(set(map(str, walks.values()))) == len(POLICIES) == 3


@pytest.mark.parametrize("seed", range(3))
def test_the_wanderer_comes_by_many_landmarks_and_touches_nothing(seed):
    _, log, happenings, landmarks = played("wanderer", seed)
    assert len(landmarks) >= 8 and not happenings
    assert {action[0] for _, actions in log.actions for action in actions} == {"move", "look"}


@pytest.mark.parametrize("seed", range(3))
def test_who_is_shown_around_sees_more_spirits_than_who_wanders_at_random(seed):
    world, _, happenings, landmarks = played("shown-around", seed)
    by_chance = played("random", seed)[0]
    assert len(landmarks) >= 8 and len(world.player.shown) > len(by_chance.player.shown)
    assert {happening.source for happening in happenings if isinstance(happening, Revealed)} == {"seer"}
