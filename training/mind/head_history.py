"""How far every head has moved, step by step, and what the mind saw and believed at that moment."""

from collections.abc import Sequence

from game.realm.rules import NOTHING
from perception.messages import Lesson, Scene
from perception.model import Model
from perception.perceive import perceive
from training.headlog.records import Snapshot

MOST = 256  # snapshots kept; then every second one goes, and only every second one is taken from there on
FAINTEST = 0.05  # beliefs below this are not noted


class HeadHistory:
    """every: steps from one snapshot to the next, while there are few."""

    def __init__(self, every: int) -> None:
        self._every = every
        self.snapshots: list[Snapshot] = []

    def due(self, step: int) -> bool:
        """Whether a snapshot of this step is to be taken."""
        return step % self._every == 0

    def add(self, snapshot: Snapshot) -> None:
        """Note a snapshot."""
        self.snapshots.append(snapshot)
        if len(self.snapshots) > MOST:
            self._every *= 2
            self.snapshots = [one for one in self.snapshots if self.due(one.step)]

    def turn_back(self, step: int) -> None:
        """The weights are those of an earlier step again."""
        self.snapshots = [one for one in self.snapshots if one.step <= step]


def snapshot_of(
    model: Model, step: int, own: Sequence[float], scene: Scene | None, tick: int | None, lesson: Lesson | None
) -> Snapshot:
    """The heads and what is seen now. own: own change of every head, layer by layer; scene: looked at last."""
    rows = tuple(tuple(own[start : start + model.heads]) for start in range(0, len(own), model.heads))
    seen = "" if scene is None else scene.text
    beliefs = () if scene is None else beliefs_of(model, scene)
    return Snapshot(
        step=step, phase="during", own=rows, tick=tick, scene=seen, beliefs=beliefs,
        lesson="" if lesson is None else told(lesson),
    )  # fmt: skip


def beliefs_of(model: Model, scene: Scene) -> tuple[tuple[str, str, float], ...]:
    """(place, what is believed most to be there, how much), where that is somebody; strongest first."""
    percept = perceive(model, [scene], record=False)[0]
    believed = []
    for question, belief in zip(scene.questions, percept.beliefs, strict=True):
        there = [
            (p, word) for p, word in zip(belief, question.candidates, strict=True) if word != NOTHING and p >= FAINTEST
        ]
        if there:
            probability, species = max(there)
            believed.append((question.place, species, round(probability, 4)))
    return tuple(sorted(believed, key=lambda entry: (-entry[2], entry[0])))


def told(lesson: Lesson) -> str:
    """A lesson in words: who gave it, at which tick, and what is where."""
    pairs = zip(lesson.scene.questions, lesson.answers, strict=True)
    answers = ", ".join(f"{question.place} {answer}" for question, answer in pairs if answer is not None)
    return f"{lesson.source}, tick {lesson.scene.id}: {answers}"
