"""`main.py bench environments`: steps/s of the realm beside what else one would train an agent in, if installed.

All take turns in one run: EPISODE steps of a policy that draws actions at random, from one reset to the next; an
episode also ends where the environment ends it. Resets count. realm: the world alone. realm-text: each step's scene as
the text that a mind reads, too. What the others give each step: MiniGrid (DoorKey-8x8) a symbolic 7 x 7 view, Crafter
a picture of 64 x 64, TextWorld (a house of five rooms) a text. So rates of steps say what a step costs there, not who
simulates more.
"""

import tempfile
from collections.abc import Callable
from functools import partial
from pathlib import Path
from random import Random
from typing import Any

from game.realm.policy import RandomPolicy
from game.realm.scene import describe
from game.realm.step import step
from game.realm.world import new_world
from training.bench.timing import Row, Work, in_turns, missing_row, row

EPISODE, ROUNDS = 500, 5
INSTALL = "pip install 'second-sight[bench]'"
Play = Callable[[], int]  # an episode; how many steps it had


def environments(model: str, seed: int) -> list[Row]:
    """Steps/s with resets. model: not used. What is not installed has a row that says so."""
    with tempfile.TemporaryDirectory() as folder:
        makers: dict[str, Callable[[], Play]] = {
            "realm": lambda: _realm(seed, text=False),
            "realm-text": lambda: _realm(seed, text=True),
            "minigrid": lambda: _minigrid(seed),
            "crafter": lambda: _crafter(seed),
            "textworld": lambda: _textworld(seed, Path(folder)),
        }
        plays: dict[str, Play] = {}
        absent: dict[str, str] = {}
        for name, make in makers.items():
            try:
                plays[name] = make()
            except ImportError as error:
                absent[name] = f"not installed ({error.name or error}); {INSTALL}"
            except Exception as error:  # another package's fault is told, not ours to mend
                absent[name] = f"does not start here ({type(error).__name__}: {str(error)[:80]})"
        steps = dict.fromkeys(plays, 0)
        works: dict[str, Work] = {name: partial(_count, steps, name, play) for name, play in plays.items()}
        took = in_turns(works, ROUNDS)
    rates = {name: 1000 * steps[name] / took[name] for name in plays}
    rows = [row(name, rate, "1/s", "realm", rates["realm"]) for name, rate in rates.items()]
    return rows + [missing_row(name, "1/s", "realm", why) for name, why in absent.items()]


def _count(steps: dict[str, int], name: str, play: Play) -> None:
    steps[name] = play()


def _realm(seed: int, text: bool) -> Play:
    def play() -> int:
        world, policy = new_world(seed), RandomPolicy(seed)
        for _ in range(EPISODE):
            step(world, policy(world))
            if text:
                describe(world)
        return EPISODE

    return play


def _episode(reset: Callable[[], Any], act: Callable[[Random], bool], seed: int) -> Play:
    """act: one step; whether the episode is over."""

    def play() -> int:
        rng = Random(seed)
        reset()
        for number in range(1, EPISODE + 1):
            if act(rng):
                return number
        return EPISODE

    return play


def _minigrid(seed: int) -> Play:
    import gymnasium
    import minigrid  # noqa: F401  its environments are known from then on

    made = gymnasium.make("MiniGrid-DoorKey-8x8-v0", disable_env_checker=True)

    def act(rng: Random) -> bool:
        _, _, ended, cut, _ = made.step(rng.randrange(7))
        return bool(ended or cut)

    return _episode(lambda: made.reset(seed=seed), act, seed)


def _crafter(seed: int) -> Play:
    import crafter

    made = crafter.Env(seed=seed)
    return _episode(made.reset, lambda rng: bool(made.step(rng.randrange(17))[2]), seed)


def _textworld(seed: int, folder: Path) -> Play:
    import textworld

    options = textworld.GameOptions()
    options.seeds, options.path, options.nb_rooms, options.nb_objects = seed + 1, str(folder / "house.z8"), 5, 10
    made = textworld.start(textworld.make(options)[0])
    words = ["look", "inventory", *(f"go {way}" for way in ("north", "south", "east", "west"))]
    return _episode(made.reset, lambda rng: bool(made.step(rng.choice(words))[2]), seed)
