"""Which realm an episode plays in, and the state of the generator that draws it."""

import json
from typing import Any

from common.numbers import SEED_MAX
from game.env.session import SavedError


def chosen_realm(options: dict[str, Any] | None, drawn: int) -> int:
    """The seed of the realm: that of the options, or the one that was drawn. Raises ValueError."""
    if not options or "realm" not in options:
        return drawn
    seed = options["realm"]
    if isinstance(seed, bool) or not isinstance(seed, int) or not 0 <= seed <= SEED_MAX:
        raise ValueError(f"options: realm {str(seed)[:40]}: must be a whole number from 0 to {SEED_MAX}")
    return seed


def generator_state(generator: Any) -> str:
    """The state of a numpy generator. Its numbers have 128 bits, which JSON holds."""
    return json.dumps(generator.bit_generator.state)


def set_generator(generator: Any, state: Any) -> None:
    """Puts a numpy generator into a state. Raises SavedError for what is none."""
    try:
        generator.bit_generator.state = json.loads(state)
    except (TypeError, ValueError, KeyError) as error:
        raise SavedError("damaged: no state of a generator; save the environment again") from error
