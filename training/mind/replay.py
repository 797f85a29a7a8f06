"""A journey's learning once more, headless and at full speed: the same lessons and the same steps, in the same order.

The folder of a journey holds practice.msgpack and journal.msgpack, and beside them journey.replay, which leads to the
scenes. On a CPU the same model comes to the same weights, bit for bit.
"""

from collections.abc import Callable, Sequence
from pathlib import Path
from time import perf_counter
from typing import Any

import torch

from common.files import destination
from common.whole_folders import writing_folder
from game.realm.relive import Relived, relive
from game.realm.replay import ActionLog
from game.realm.rules import load as load_rules
from perception.messages import Attune, Burn, Lesson, Mark, Rewind, Scene, TakeOff, Teach, ToMind, Trouble
from perception.model import Model, weights_hash
from training.mind.charms import CHARMS, Burned, CharmError, read_charms
from training.mind.mind import Mind, MindConfig
from training.mind.mind_store import JOURNAL, SavedMind, read_lessons, save_mind
from training.mind.practice_record import (
    HEAD,
    HEADS,
    RESUME,
    Event,
    Practice,
    PracticeError,
    load_practice,
    save_practice,
    teach_config,
)

LOG, WALK, WALK_BESIDE = "log.msgpack", "journey.replay", "log.replay"  # the last as F2 writes it, beside its log
PARTS_MAX = 10**8  # of steps in one journey
PLAYER = "listen"  # source of lessons that are the player's word; the realm gave all others
Report = Callable[[str, int, int], None]  # what is going on, how far, of how many


def replay_journey(
    folder: Path, model: Model, out: Path, report: Report = lambda what, done, of: None
) -> dict[str, Any]:
    """Train again as the journey in `folder` did, and write what came of it to `out`, a new folder: the mind's files,
    the walk, and log.msgpack, its head-diff log.

    Returns {steps, lessons, lives, weights, same_weights, scenes, same_scenes, realm_lessons, same_lessons, state_hash,
    log, seconds}. scenes: at which it practised; realm_lessons: those that the realm gave. What the walk is needed for
    is None without one. Raises PracticeError, ReplayError, MindStoreError, OSError.
    """
    practice = load_practice(folder)
    lessons = read_lessons(folder / JOURNAL)
    _check(practice, lessons, model, folder)
    charms = _burned(folder, practice)
    target = destination(out)
    if (
        isinstance(target, int)
        or (target.exists() and not target.is_dir())
        or (target.is_dir() and any(target.iterdir()))
    ):
        raise PracticeError(f"{out}: is in use; give a folder that is new or empty")
    walk = _walk(folder)
    ticks = {event.tick for life in practice.lives for event in life.events if event.tick is not None}
    relived = None if walk is None else relive(walk, ticks, model.tongue, report)
    began, threads = perf_counter(), torch.get_num_threads()
    again = _Again(model, practice, lessons, charms, relived, report)
    try:
        again.run()
        with writing_folder(out) as files:
            again.save(files)
            if walk is not None:
                walk.save(files / WALK)
    finally:
        torch.set_num_threads(threads)
    return again.result() | {"log": str(out / LOG), "seconds": perf_counter() - began}


def _walk(folder: Path) -> ActionLog | None:
    """The walk as it was saved last; None if there is none. Raises ReplayError."""
    walks = [ActionLog.load(folder / name) for name in (WALK, WALK_BESIDE) if (folder / name).exists()]
    return max((walk for walk in walks if walk.seed == walks[0].seed), key=lambda walk: walk.ticks, default=None)


def _check(practice: Practice, lessons: Sequence[Lesson], model: Model, folder: Path) -> None:
    """Refuse a journey that can't be trained again from its beginning. Raises PracticeError."""
    if weights_hash(model.net) != practice.model:
        raise PracticeError(f"{folder}: of another model; give the --model that it began with")
    first = practice.lives[0] if practice.lives else None
    if first is None or first.steps or first.lessons:
        steps = first.steps if first is not None else 0
        raise PracticeError(f"{folder}: its record begins at step {steps}, what came before is lost; replay another")
    events = [event for life in practice.lives for event in life.events]
    if len(lessons) < practice.lessons or any(e.kind == "lesson" and e.number >= len(lessons) for e in events):
        raise PracticeError(f"{folder}: lessons are missing from its {JOURNAL}; copy both files again")
    if sum(event.number for event in events if event.kind == "parts") > PARTS_MAX:
        raise PracticeError(f"{folder}: more than {PARTS_MAX} parts of steps; no journey is so long")


def _burned(folder: Path, practice: Practice) -> tuple[Burned, ...]:
    """The charms that the record names. Raises PracticeError."""
    numbers = [event.number for life in practice.lives for event in life.events if event.kind == "charm"]
    if not numbers:
        return ()
    try:
        burned = read_charms(folder / CHARMS).burned
    except (OSError, CharmError) as error:
        raise PracticeError(f"{folder}: its charms are needed: {error}") from error
    if max(numbers) >= len(burned):
        raise PracticeError(f"{folder}: charms are missing from its {CHARMS}; copy both files again")
    return burned


class _Again:
    """One replay under way."""

    def __init__(
        self,
        model: Model,
        practice: Practice,
        lessons: Sequence[Lesson],
        charms: Sequence[Burned],
        relived: Relived | None,
        report: Report,
    ) -> None:
        self._practice, self._lessons, self._relived, self._report = practice, lessons, relived, report
        self._charms = charms
        config = MindConfig(None, teach_config(practice.lives[0].teach), practice.seed)
        self._mind = Mind(model, config, load_rules())
        self._same_scenes = self._same_waking = True
        self._chosen, self._choosing = list[int](), 0  # heads that are named so far, and how many are still to come
        self._done, self._given, self._same = 0, 0, 0  # parts; lessons that the realm gave; those that it gave again

    def run(self) -> None:
        """Live through all lives. Raises PracticeError."""
        lives, mind = self._practice.lives, self._mind
        total = max(1, sum(event.number for life in lives for event in life.events if event.kind == "parts"))
        for number, life in enumerate(lives):
            torch.set_num_threads(life.threads)
            if number:
                resumed = bool(life.events) and life.events[0].kind == RESUME
                mind.begin_life(teach_config(life.teach), resumed, life.woke_with)
            self._same_waking = self._same_waking and weights_hash(mind.model.net) == life.weights
            for event in life.events:
                self._live(event)
                self._report("parts of steps", self._done, total)
            self._whole()
            self._same_scenes = self._same_scenes and mind.record.scenes == life.scenes

    def _live(self, event: Event) -> None:
        """What happened once, again."""
        mind = self._mind
        if event.kind in (HEADS, HEAD):
            self._attune(event)
            return
        self._whole()
        if event.kind == RESUME:
            return
        if event.kind != "lesson":
            mind.record.scene = self._scene(event.tick)
        if event.kind == "parts":
            until = mind.record.parts + event.number
            if not mind.teacher.journal.lessons:
                raise PracticeError("a record of practice without lessons; take a copy of it")
            while mind.record.parts < until:
                mind.practise()
            self._done += event.number
        elif event.kind == "lesson":
            self._teach(self._lessons[event.number], event.tick)
        elif event.kind == "charm":
            one = self._charms[event.number]
            self._tell(Burn(one.scene, one.place, one.at, one.species))
        elif event.kind == "taken_off":
            self._tell(TakeOff(event.number))
        else:
            self._tell(Mark() if event.kind == "mark" else Rewind(event.number))

    def _whole(self) -> None:
        """Raises PracticeError where heads are still to be named."""
        if self._choosing:
            raise PracticeError("a record of practice that names too few heads; take a copy of it")

    def _attune(self, event: Event) -> None:
        """Other heads practise, once all of them are named."""
        if (event.kind == HEADS) == bool(self._choosing):
            raise PracticeError("a record of practice that names heads at the wrong place; take a copy of it")
        if event.kind == HEADS:
            self._chosen, self._choosing = [], event.number
        else:
            self._chosen.append(event.number)
            self._choosing -= 1
        if not self._choosing:
            self._mind.record.scene = self._scene(event.tick)
            self._tell(Attune(tuple(self._chosen)))

    def _scene(self, tick: int | None) -> Scene | None:
        """What was looked at; without the walk, its tick alone is known."""
        view = None if self._relived is None or tick is None else self._relived.views.get(tick)
        if view is not None or tick is None:
            return None if view is None else view.scene
        return Scene(tick, self._mind.model.tongue, "", (), ())

    def _teach(self, lesson: Lesson, tick: int | None) -> None:
        if lesson.source != PLAYER and self._relived is not None:
            again = self._relived.lessons.get(-1 if tick is None else tick, [])
            self._given += 1
            self._same += any((one.scene, one.answers) == (lesson.scene, lesson.answers) for one in again)
        self._tell(Teach(lesson))

    def _tell(self, message: ToMind) -> None:
        for answer in self._mind.handle(message):
            if isinstance(answer, Trouble):
                raise PracticeError(f"the mind refuses what it did once: {answer.text}")

    def save(self, folder: Path) -> None:
        """Write the mind and its log. Raises OSError, LogError."""
        mind, teacher = self._mind, self._mind.teacher
        lessons = tuple(teacher.journal.lessons)
        save_mind(folder, mind.model.net, SavedMind(mind.origin, teacher.steps, lessons, taught_at=teacher.taught_at))
        mind.charms.save(folder)
        mind.attunement.save(folder)
        save_practice(folder, mind.record.practice(teacher.steps, len(lessons), weights_hash(mind.model.net)))
        mind.write_log(folder / LOG)

    def result(self) -> dict[str, Any]:
        """What came of it."""
        weights, walked, events = weights_hash(self._mind.model.net), self._relived is not None, self._practice.lives
        scenes = sum(event.kind == "parts" and event.tick is not None for life in events for event in life.events)
        return {
            "steps": self._mind.teacher.steps,
            "lessons": len(self._mind.teacher.journal.lessons),
            "lives": len(events),
            "weights": weights,
            "same_weights": self._same_waking and weights == self._practice.weights,
            "torch": self._practice.torch,
            "scenes": scenes,
            "same_scenes": self._same_scenes if walked else None,
            "realm_lessons": self._given if walked else None,
            "same_lessons": self._same if walked else None,
            "state_hash": self._relived.state if self._relived is not None else None,
        }
