"""`main.py bench environments`: steps/s of the realm beside what else one would train an agent in, if installed.

All take turns in one run: a reset, then STEPS steps of a policy that draws actions at random, and a reset wherever the
environment ends an episode. Resets count. What counts is the processor's time, the least of the
rounds: neighbours only add to it. realm: the world alone. realm-text: each step's scene as
the text that a mind reads, too. What the others give each step: MiniGrid (DoorKey-8x8) a symbolic 7 x 7 view, Crafter
a picture of 64 x 64, TextWorld (a house of five rooms) a text. So rates of steps say what a step costs there, not who
simulates more.
"""

import tempfile
from collections.abc import Callable
from pathlib import Path
from random import Random
from typing import Any

from game.realm.policy import RandomPolicy
from game.realm.scene import describe
from game.realm.step import step
from game.realm.world import new_world
from training.bench.timing import Row, Work, least_in_turns, missing_row, row

STEPS, ROUNDS = 500, 5
INSTALL = "pip install 'second-sight[bench]'"


def environments(model: str, seed: int) -> list[Row]:
    """Steps/s with resets. model: not used. What is not installed has a row that says so."""
    with tempfile.TemporaryDirectory() as folder:
        makers: dict[str, Callable[[], Work]] = {
            "realm": lambda: _realm(seed, text=False),
            "realm-text": lambda: _realm(seed, text=True),
            "minigrid": lambda: _minigrid(seed),
            "crafter": lambda: _crafter(seed),
            "textworld": lambda: _textworld(seed, Path(folder)),
        }
        plays: dict[str, Work] = {}
        absent: dict[str, str] = {}
        for name, make in makers.items():
            try:
                plays[name] = make()
            except ImportError as error:
                absent[name] = f"not installed ({error.name or error}); {INSTALL}"
            except Exception as error:  # another package's fault is told, not ours to mend
                absent[name] = f"does not start here ({type(error).__name__}: {str(error)[:80]})"
        took = least_in_turns(plays, ROUNDS)
    rates = {name: 1000 * STEPS / taken for name, taken in took.items()}
    rows = [row(name, rate, "1/s", "realm", rates["realm"]) for name, rate in rates.items()]
    return rows + [missing_row(name, "1/s", "realm", why) for name, why in absent.items()]


def _realm(seed: int, text: bool) -> Work:
    def play() -> None:
        world, policy = new_world(seed), RandomPolicy(seed)
        for _ in range(STEPS):
            step(world, policy(world))
            if text:
                describe(world)

    return play


def _steps(reset: Callable[[], Any], act: Callable[[Random], bool], seed: int) -> Work:
    """act: one step; whether the episode is over."""

    def play() -> None:
        rng = Random(seed)
        reset()
        for _ in range(STEPS):
            if act(rng):
                reset()

    return play


def _minigrid(seed: int) -> Work:
    import gymnasium
    import minigrid  # noqa: F401  its environments are known from then on

    made = gymnasium.make("MiniGrid-DoorKey-8x8-v0", disable_env_checker=True)

    def act(rng: Random) -> bool:
        _, _, ended, cut, _ = made.step(rng.randrange(7))
        return bool(ended or cut)

    return _steps(lambda: made.reset(seed=seed), act, seed)


def _crafter(seed: int) -> Work:
    import crafter

    made = crafter.Env(seed=seed)
    return _steps(made.reset, lambda rng: bool(made.step(rng.randrange(17))[2]), seed)


def _textworld(seed: int, folder: Path) -> Work:
    import textworld

    options = textworld.GameOptions()
    options.seeds, options.path, options.nb_rooms, options.nb_objects = seed + 1, str(folder / "house.z8"), 5, 10
    made = textworld.start(textworld.make(options)[0])
    words = ["look", "inventory", *(f"go {way}" for way in ("north", "south", "east", "west"))]
    return _steps(made.reset, lambda rng: bool(made.step(rng.choice(words))[2]), seed)
