"""A short journey without a window: shown around by the seer, then a dream, and once more.

    python -m tests.bots.shown_around --out DIR [--seed 3] [--walk 60] [--dream 25] [--days 2]

The walk is the policy `shown-around`; a real mind, the shipped novice, perceives and learns in the same process. DIR is
the folder of a journey afterwards: walk, journal, practice and head-diff log. It prints the hash of its weights, which
`main.py mind --replay DIR` comes to again.
"""

import argparse
import json
import sys
from pathlib import Path

import torch

from common.assets import NOVICE
from game.journey.journey import TICK, Journey
from game.realm.policy import ShownAround
from game.realm.realms import LocalRealm
from game.realm.replay import state_hash
from game.realm.rules import load as load_rules
from game.realm.world import new_world
from perception.messages import WriteLog
from perception.model import choose_device, load, weights_hash
from tests.kits.direct_mind import DirectMind
from training.mind.mind import PROBE_SEED, Mind, MindConfig

WALK = "journey.replay"
WORK_EVERY, LATE = 6, 30  # frames between two pieces of work, and until an answer: as on a slow machine


class Tour:
    """A journey that is played by a policy. every, late: of its mind, as in DirectMind."""

    def __init__(self, mind: Mind, seed: int, every: int = WORK_EVERY, late: int = LATE) -> None:
        self.line = DirectMind(mind, every, late)
        self.journey = Journey(LocalRealm(new_world(seed)), self.line)
        self._policy, self._now = ShownAround(seed), 0.0

    def _frame(self, walk: tuple[int, int] = (0, 0)) -> None:
        self._now += TICK
        self.journey.advance(TICK, walk, False, self._now)

    def walk(self, seconds: float) -> None:
        """Walks with the seer, and asks her what is there."""
        for _ in range(round(seconds / TICK)):
            actions = self._policy(self.journey.realm.world)
            self.journey._queue += [action for action in actions if action[0] == "ask"]
            moves = [(action[1], action[2]) for action in actions if action[0] == "move"]
            self._frame(*moves)

    def dream(self, seconds: float) -> None:
        """Lies down, and practises."""
        self.journey.rest(True)
        for _ in range(round(seconds / TICK)):
            self._frame()
        self.journey.rest(False)
        self._frame()

    def leave(self, out: Path) -> None:
        """Writes the log and the walk into the mind's folder."""
        self.line.send(WriteLog("log.msgpack"))
        self.journey.realm.log.save(out / WALK)


def main(argv: list[str] | None = None) -> int:
    """The command line."""
    parser = argparse.ArgumentParser(description="A short journey with the shipped novice, without a window.")
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--seed", type=int, default=3)
    parser.add_argument("--walk", type=float, default=60.0, help="s of play before each dream")
    parser.add_argument("--dream", type=float, default=25.0, help="s of each dream")
    parser.add_argument("--days", type=int, default=2)
    options = parser.parse_args(argv)
    torch.set_num_threads(1)
    model = load(str(NOVICE), choose_device("cpu"))
    mind = Mind(model, MindConfig(options.out, seed=PROBE_SEED + options.seed), load_rules())
    tour = Tour(mind, options.seed)
    for _ in range(options.days):
        tour.walk(options.walk)
        tour.dream(options.dream)
    tour.leave(options.out)
    lessons = len(mind.teacher.journal.lessons)
    result = {"ticks": tour.journey.realm.log.ticks, "lessons": lessons, "steps": mind.teacher.steps}
    print(json.dumps(result | {"weights": weights_hash(model.net), "state_hash": state_hash(tour.journey.realm.world)}))
    return 0


if __name__ == "__main__":
    sys.exit(main())
