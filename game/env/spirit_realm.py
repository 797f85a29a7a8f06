"""SpiritRealm-v0: the realm as a Gymnasium environment for one player.

    env = gymnasium.make("SpiritRealm-v0", observation="structured")

Its settings are those of game.env.config.EnvConfig. The number of players is one.
"""

import json
from typing import Any

from common.numbers import SEED_MAX
from game.env.choices import Choices
from game.env.config import EnvConfig
from game.env.observe import scene
from game.env.seeds import chosen_realm, generator_state, set_generator
from game.env.session import Session, ready
from game.env.spaces import Eyes, action_space, check_action, check_render_mode, metadata, observation_space
from game.realm.rules import load
from game.realm.scene import View

try:
    import gymnasium
except ImportError as error:
    raise ImportError("game.env needs gymnasium; install second-sight[env]") from error


class SpiritRealm(gymnasium.Env[Any, int]):
    """One player walks the realm, and earns by naming spirits truly. An episode ends after `max_steps`, or when all
    errands are done. reset(options={"realm": SEED}) chooses the realm; otherwise the environment draws it."""

    metadata = metadata()

    def __init__(self, render_mode: str | None = None, **settings: Any) -> None:
        """Raises ValueError for settings that can't be used."""
        self.config = EnvConfig(**settings)
        if self.config.players != 1:
            raise ValueError("players: this environment has one; game.env.parallel has several")
        self.render_mode = check_render_mode(render_mode)
        self.metadata = metadata(self.config)
        self.action_space, self.observation_space = action_space(), observation_space(self.config)
        self.choices = Choices(load())
        self._eyes = Eyes(self.config)
        self._session: Session | None = None

    def reset(self, *, seed: int | None = None, options: dict[str, Any] | None = None) -> tuple[Any, dict[str, Any]]:
        """A fresh realm. Same seed: same realm, and the same realms after it."""
        super().reset(seed=seed)
        drawn = int(self.np_random.integers(SEED_MAX))
        self._session = Session(self.config, chosen_realm(options, drawn))
        return self._now()

    def step(self, action: int) -> tuple[Any, float, bool, bool, dict[str, Any]]:
        """One action (game.env.choices), and `ticks_per_step` ticks. Raises ValueError for no action."""
        session = ready(self._session)
        outcome = session.step([check_action(action, self.choices.count)])[0]
        observation, info = self._now()
        return observation, outcome.reward, session.ended(0), session.timed_out, info

    def _now(self) -> tuple[Any, dict[str, Any]]:
        session = ready(self._session)
        return self._eyes.observation(session, 0), self._eyes.info(session, 0)

    def render(self) -> Any:
        """The scene as text, or a picture (height, width, 3) uint8, as the render mode says."""
        return self._eyes.render(ready(self._session), 0, self.render_mode)

    def scene(self) -> View:
        """The scene with its questions, as a mind reads it, and which place each direction means."""
        return scene(ready(self._session), 0)

    def state_hash(self) -> str:
        """16 hex digits over all that decides the realm's future."""
        return ready(self._session).hash()

    def save(self) -> bytes:
        """The running environment between two steps. `restore` goes on from there, in any process."""
        return ready(self._session).save([generator_state(self.np_random), json.dumps(self._np_random_seed)])

    def restore(self, saved: bytes) -> tuple[Any, dict[str, Any]]:
        """Goes on from `saved`: returns the observation and info of that moment, and every later step is as it would
        have been there. Raises SavedError for other bytes, or if it was saved with other settings."""
        session, extra = Session.restored(self.config, saved)
        state, seed = extra if isinstance(extra, tuple) and len(extra) == 2 else ("", "")
        set_generator(self.np_random, state)
        self._np_random_seed = json.loads(seed)
        self._session = session
        return self._now()
