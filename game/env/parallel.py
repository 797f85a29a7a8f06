"""The realm as a PettingZoo environment: several players in one realm, all of whom act in every step.

    env = SpiritRealmParallel(players=4, observation="structured")

Its settings are those of game.env.config.EnvConfig; two players unless it is told otherwise.
"""

from typing import Any

from common.numbers import SEED_MAX
from game.env.choices import LOOK, Choices
from game.env.config import EnvConfig
from game.env.observe import scene
from game.env.seeds import chosen_realm, generator_state, set_generator
from game.env.session import SavedError, Session, ready
from game.env.sound_driver import same_sound_driver
from game.env.spaces import Eyes, action_space, check_action, check_render_mode, metadata, observation_space
from game.realm.rules import load
from game.realm.scene import View

try:
    from gymnasium.utils import seeding

    with same_sound_driver():
        from pettingzoo import ParallelEnv
except ImportError as error:
    raise ImportError("game.env.parallel needs pettingzoo: install second-sight[env]") from error


class SpiritRealmParallel(ParallelEnv[str, Any, int]):
    """Every player has a seer, errands and a tally of their own; spirits, folk and places they share. A player whose
    errands are all done leaves; the others go on until `max_steps`."""

    metadata = metadata()

    def __init__(self, render_mode: str | None = None, **settings: Any) -> None:
        """Raises ValueError for settings that can't be used."""
        self.config = EnvConfig(**({"players": 2} | settings))
        self.render_mode = check_render_mode(render_mode)
        self.metadata = metadata(self.config)
        self.choices = Choices(load())
        self.possible_agents = [f"player_{number}" for number in range(self.config.players)]
        self.agents: list[str] = []
        self._numbers = {agent: number for number, agent in enumerate(self.possible_agents)}
        self.observation_spaces = {agent: observation_space(self.config) for agent in self.possible_agents}
        self.action_spaces = {agent: action_space() for agent in self.possible_agents}
        self._eyes = Eyes(self.config)
        self._session: Session | None = None
        self._generator, _ = seeding.np_random()

    def observation_space(self, agent: str) -> Any:
        """Of what this player observes."""
        return self.observation_spaces[agent]

    def action_space(self, agent: str) -> Any:
        """Of what this player can do."""
        return self.action_spaces[agent]

    def reset(
        self, seed: int | None = None, options: dict[str, Any] | None = None
    ) -> tuple[dict[str, Any], dict[str, dict[str, Any]]]:
        """A fresh realm. Same seed: same realm, and the same realms after it."""
        if seed is not None:
            self._generator, _ = seeding.np_random(seed)
        drawn = int(self._generator.integers(SEED_MAX))
        self._session = Session(self.config, chosen_realm(options, drawn))
        self.agents = list(self.possible_agents)
        return self._now(self.agents)

    def step(
        self, actions: dict[str, int]
    ) -> tuple[dict[str, Any], dict[str, float], dict[str, bool], dict[str, bool], dict[str, dict[str, Any]]]:
        """One action of each player, and `ticks_per_step` ticks. Who says nothing looks. Raises ValueError for what is
        no action."""
        session, agents = ready(self._session), self.agents
        chosen = [LOOK] * self.config.players
        for agent in agents:
            if agent in actions:
                chosen[self._numbers[agent]] = check_action(actions[agent], self.choices.count)
        outcomes = session.step(chosen)
        observations, infos = self._now(agents)
        rewards = {agent: outcomes[self._numbers[agent]].reward for agent in agents}
        ended = {agent: session.ended(self._numbers[agent]) for agent in agents}
        timed_out = dict.fromkeys(agents, session.timed_out)
        self.agents = [agent for agent in agents if not (ended[agent] or timed_out[agent])]
        return observations, rewards, ended, timed_out, infos

    def _now(self, agents: list[str]) -> tuple[dict[str, Any], dict[str, dict[str, Any]]]:
        session, numbers = ready(self._session), self._numbers
        observations = {agent: self._eyes.observation(session, numbers[agent]) for agent in agents}
        return observations, {agent: self._eyes.info(session, numbers[agent]) for agent in agents}

    def render(self) -> Any:
        """What the first player sees, as the render mode says."""
        return self._eyes.render(ready(self._session), 0, self.render_mode)

    def close(self) -> None:
        """Nothing is open."""

    def scene(self, agent: str) -> View:
        """The scene of a player with its questions, and which place each direction means."""
        return scene(ready(self._session), self._numbers[agent])

    def state_hash(self) -> str:
        """16 hex digits over all that decides the realm's future."""
        return ready(self._session).hash()

    def save(self) -> bytes:
        """The running environment between two steps. `restore` goes on from there, in any process."""
        return ready(self._session).save([generator_state(self._generator), self.agents])

    def restore(self, saved: bytes) -> tuple[dict[str, Any], dict[str, dict[str, Any]]]:
        """Goes on from `saved`: returns the observations and infos of that moment. Raises SavedError for other bytes,
        or if it was saved with other settings."""
        session, extra = Session.restored(self.config, saved)
        state, agents = extra if isinstance(extra, tuple) and len(extra) == 2 else (None, ())
        if not all(agent in self.possible_agents for agent in agents):
            raise SavedError("damaged: unknown agents; save the environment again")
        set_generator(self._generator, state)
        self._session, self.agents = session, list(agents)
        return self._now(self.agents)
