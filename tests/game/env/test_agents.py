"""Who plays: an agent that learns, a mind that sees, and what docs/environments.md shows."""

import re
from pathlib import Path
from typing import Any

import gymnasium
import numpy as np

from game.env.linear_agent import STRIDE, LinearNamer
from game.env.parallel import SpiritRealmParallel
from game.env.registration import ID, register
from game.env.seeing import Seeing
from game.env.spirit_realm import SpiritRealm
from game.realm.rules import NOTHING, load
from game.realm.senses import who_is_at
from perception.messages import HeadActivity, Percept, Scene

RULES = load()
DOCS = Path(__file__).resolve().parents[3] / "docs" / "environments.md"
register()


def scores(agent: LinearNamer, realms: range) -> tuple[float, float]:
    """How many spirits in sight at the start of realms it names right, and at how many empty places it names one."""
    env, right, alarms = SpiritRealm(observation="structured"), [], []
    for realm in realms:
        observation, _ = env.reset(options={"realm": realm})
        answers = agent.chances(observation).argmax(1)
        for direction, place in env._session.seen(0):
            answer, truth = (
                env.choices.answers[answers[RULES.directions.index(direction)]],
                who_is_at(env._session.world, place),
            )
            (right if truth != NOTHING else alarms).append(answer == truth if truth != NOTHING else answer != NOTHING)
    return float(np.mean(right)), float(np.mean(alarms))


def test_the_small_agent_learns_to_name_spirits():
    env = gymnasium.make(ID, observation="structured", max_steps=10_000)
    agent, (observation, _) = LinearNamer(env), env.reset(seed=1)
    hits_before, alarms_before = scores(agent, range(30))
    for _ in range(6000):
        before, (observation, *_) = observation, env.step(agent.act(observation))
        agent.learn(before, observation)
    hits, alarms = scores(agent, range(30))
    assert hits_before - alarms_before <= 0 < 0.5 < hits - alarms
    assert hits > hits_before and alarms < 0.25


def test_an_agent_that_is_told_nothing_learns_nothing():
    env = SpiritRealm(observation="structured")
    agent, (observation, _) = LinearNamer(env), env.reset(seed=1)
    agent.learn(observation, observation)
    assert not agent.weights.any()


class Mind:
    """Believes in a tengu in the first direction of each scene, as much as it is told to."""

    def __init__(self, belief: float) -> None:
        self.belief, self.scenes = belief, list[Scene]()

    def __call__(self, scenes: list[Scene]) -> list[Percept]:
        self.scenes += scenes
        beliefs = []
        for number, question in enumerate(scenes[0].questions):
            share = self.belief if number == 0 else 0.0
            own = {"tengu": share, NOTHING: 1 - share}
            beliefs.append(tuple(own.get(candidate, 0.0) for candidate in question.candidates))
        return [Percept(scenes[0].id, tuple(beliefs), HeadActivity(1, 1), 0.0)]


def test_who_sees_names_what_the_mind_believes_if_it_is_sure_enough():
    env = SpiritRealm()
    env.reset(seed=1)
    for belief in (0.9, 0.1):
        mind = Mind(belief)
        player = Seeing(mind, env.choices, sure=0.5)
        scene = env.scene().scene
        actions = [player.act(scene) for _ in range(2 * STRIDE)]
        named = [action for action in actions if env.choices.meaning(action)[0] == "name"]
        first = scene.questions[0].place
        assert named == ([env.choices.name(first, "tengu")] * 2 if belief > 0.5 else [])
        assert mind.scenes == [scene, scene]


def test_what_the_docs_show_runs():
    blocks = re.findall(r"```python\n(.*?)```", DOCS.read_text(encoding="utf-8"), re.DOTALL)
    assert len(blocks) == 6
    shared: dict[str, Any] = {}
    for block in blocks:
        short = block.replace("range(6000)", "range(60)").replace("players=3", "players=3, max_steps=4")
        exec(compile(short, str(DOCS), "exec"), shared)
    assert isinstance(shared["env"], SpiritRealmParallel) and not shared["env"].agents
