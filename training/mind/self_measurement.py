"""What a mind says of itself: scores on probes that no lesson holds, and the change of every head."""

from collections.abc import Iterator
from typing import NamedTuple

from game.realm.rules import Rules
from perception.model import Model
from training.heads.baseline import Baseline
from training.heads.head_probes import head_probes
from training.heads.score import Probe, Score, answers_of, probes, score, tally

AT_ONCE = 6  # probes scored between two scenes
LIVE_PROBES = 48  # scenes; about 300 places
CHANGE_ROWS = 16  # decisions on which heads are compared with the baseline
BLUR = 0.02  # mundane answers lost since the best, from which on practice does harm: 6 of the 288 that are measured


class Measured(NamedTuple):
    """One point of the learning curve. seconds: of learning so far; loss: nats, of the step before."""

    step: int
    seconds: float
    loss: float
    score: Score


class SelfMeasurement:
    """A model measured beside its learning, a few probes at a time, so that no scene waits for all of them.

    like: of another mind with the same model, seed and rules, which was measured as it came.
    """

    def __init__(self, model: Model, seed: int, rules: Rules, like: "SelfMeasurement | None" = None) -> None:
        self._model, self.rules = model, rules
        self.probes: list[Probe] = like.probes if like else probes(seed, LIVE_PROBES, model.tongue, rules)
        self.baseline: Baseline = (
            like.baseline if like else Baseline.record(model.net, head_probes(model, self.probes, rules, CHANGE_ROWS))
        )
        self.first: Score = like.first if like else self.measure()
        self.latest = self.first
        self.history: list[Measured] = []
        self._under_way: Iterator[None] | None = None
        self._noted = False  # whether the measurement under way becomes a point of the curve
        self._change: tuple[float, ...] = ()

    def measure(self) -> Score:
        """The score of the weights as they are now."""
        return score(self._model, self.probes, self.rules)

    @property
    def busy(self) -> bool:
        """Whether a measurement is under way."""
        return self._under_way is not None

    @property
    def warning(self) -> str:
        """ "grounding" when the mundane has fallen since it was at its best."""
        best = max([self.first.mundane, *(point.score.mundane for point in self.history)])
        return "grounding" if self.latest.mundane < best - BLUR else ""

    def change(self, anew: bool) -> tuple[float, ...]:
        """Own change per head since the baseline, residual norms. anew: measured now, else as it was measured last."""
        if anew or not self._change:
            self._change = tuple(self.baseline.own_change(self._model.net).flatten().tolist())
        return self._change

    def begin(self, step: int, seconds: float, loss: float, noted: bool = True) -> None:
        """Begin to measure the weights of this step; `go_on` does it. noted: it becomes a point of the curve; so does
        one that takes the place of such a measurement.
        """
        self._noted = noted or (self._under_way is not None and self._noted)
        self._under_way = self._measure(step, seconds, loss)

    def go_on(self, whole: bool = False) -> None:
        """A few probes more of the measurement under way, or all that are left."""
        while self._under_way is not None:
            if next(self._under_way, self) is self:
                self._under_way = None
            if not whole:
                return

    def turn_back(self, step: int, latest: Score) -> None:
        """The weights are those of an earlier step again, which scored `latest`."""
        self.history = [point for point in self.history if point.step <= step]
        self.latest, self._under_way = latest, None

    def _measure(self, step: int, seconds: float, loss: float) -> Iterator[None]:
        answers: list[list[str]] = []
        for start in range(0, len(self.probes), AT_ONCE):
            answers += answers_of(self._model, self.probes[start : start + AT_ONCE])
            yield
        self.latest = tally(self.probes, answers)
        if self._noted:
            self.history.append(Measured(step, seconds, loss, self.latest))
