"""A behaviour from two files of lines (training.behaviours.lines): lessons, and probes that share nothing with them.

Hits are wanted decisions taken; false alarms, wanted answers given on other lines, where they are candidates and wrong;
mundane, other lines answered rightly. Steps take wanted lines and other lines in turn, as many of each.
"""

from collections.abc import Sequence
from functools import cached_property
from pathlib import Path
from random import Random

from transformers import PreTrainedModel

from game.realm.rules import Rules
from perception.chat import check_frame
from perception.errors import LanguageError
from perception.language import CUE, Reading, read, text_tokens
from perception.messages import Event, Lesson, Question, Scene
from perception.model import Model
from perception.windows import context_length
from training.behaviours.behaviour import Behaviour
from training.behaviours.deal import dealt
from training.behaviours.leaks import ContextAndRun
from training.behaviours.lines import OTHER, WANTED, Line, Placed, in_turn, read_pair
from training.config import LearnConfig
from training.data.lessons import Asked
from training.data.rehearsal import Answered
from training.heads.score import Probe
from training.heads.usable import UsableChunks
from training.teach import Source


class ModelReader:
    """What a model says of lines (`LineReader`). Raises ModelError for one whose chat template can't be used."""

    def __init__(self, model: Model) -> None:
        check_frame(model.tokenizer, model.place)
        self._model = model

    def tokens(self, line: Line) -> ContextAndRun:
        """Token ids of the context by itself, and of context and decision. Raises LanguageError."""
        reading = self._read(line)
        return text_tokens(self._model.tokenizer, line.context), [*reading.context, *reading.questions[0]]

    def fault(self, line: Line) -> str:
        """What hinders the model to decide a line; nothing if it can."""
        try:
            reading = self._read(line)
        except LanguageError as error:
            return str(error)
        answers = reading.answers[0]
        tokens = len(reading.context) + len(reading.questions[0]) + max(map(len, answers))
        if tokens > (most := context_length(self._model.net)):
            return f"takes {tokens} tokens, the model reads {most}; shorten the context"
        by_name = dict(zip(line.candidates, answers, strict=True))
        for one, ids in by_name.items():
            for other, longer in by_name.items():
                if one != other and longer[: len(ids)] == ids:
                    hidden = f"to the model, candidate {other!r} begins as {one!r}"
                    return f"{hidden}, which it would always believe more; reword"
        return ""

    def _read(self, line: Line) -> Reading:
        return read(self._model.tokenizer, line.context, [(line.decision, line.candidates)])


def question_of(line: Line) -> Question:
    """The decision as perception asks it."""
    return Question(line.kind, "", line.decision, line.candidates)


def scene_of(line: Line, tongue: str, number: int = 0, again: int = 1) -> Scene:
    """The context with its decision asked `again` times; what it rests on stands as events, in the context's order."""
    cues = sorted(line.cue, key=line.context.index)
    events = tuple(Event(CUE, "", cue) for cue in cues)
    return Scene(number, tongue, line.context, events, (question_of(line),) * again)


def probe_of(placed: Placed, tongue: str, wanted: tuple[str, ...]) -> Probe:
    """A line as a probe. Another line at which a wanted answer is a candidate and wrong is asked twice.

    The first answer counts as a false alarm or not, the second as one of the rest.

    wanted: the answers of the wanted lines. The answer of a wanted probe counts as one too.
    """
    line = placed.line
    if line.kind == WANTED and line.answer not in wanted:
        wanted = (*wanted, line.answer)
    tempting = line.answer not in wanted and any(answer in wanted for answer in line.candidates)
    times = 2 if line.kind == OTHER and tempting else 1
    places = 1 if line.kind == WANTED or tempting else 0
    scene = scene_of(line, tongue, placed.number, times)
    cues = (tuple(range(len(scene.events))),) * places
    return Probe(scene, (line.answer,) * times, places, wanted, (line.sort,) * times if line.sort else (), cues)


def probes_of(placed_lines: Sequence[Placed], tongue: str, wanted: tuple[str, ...]) -> list[Probe]:
    """Lines as probes: wanted lines, tempting ones and the rest in turn: any first few hold all sorts."""
    kinds_and_probes = [(placed.line.kind, probe_of(placed, tongue, wanted)) for placed in placed_lines]
    sorts = (
        [probe for kind, probe in kinds_and_probes if kind == WANTED],
        [probe for kind, probe in kinds_and_probes if kind == OTHER and probe.places],
        [probe for kind, probe in kinds_and_probes if not probe.places],
    )
    return in_turn(sorts)


class Deck:
    """Lines in a random order, again and again: every one is drawn before any is drawn twice."""

    def __init__(self, lines: Sequence[Asked]) -> None:
        self._lines, self._left = list(lines), list[Asked]()

    def draw(self, rng: Random, count: int) -> list[Asked]:
        drawn: list[Asked] = []
        while len(drawn) < count:
            if not self._left:
                self._left = rng.sample(self._lines, len(self._lines))
            drawn.append(self._left.pop())
        return drawn


class LineCounts:
    """What the lessons show (`LessonCounts`)."""

    def __init__(self, lines: Sequence[Line], tongue: str, source: str) -> None:
        self.lessons = [Lesson(scene_of(line, tongue, n), (line.answer,), source) for n, line in enumerate(lines)]
        self.spirits_shown = sum(line.kind == WANTED for line in lines)
        self.empties_shown = len(lines) - self.spirits_shown


class FileBehaviour(Behaviour):
    """Lessons and probes from files, for any causal model."""

    name = "file"
    curve_probes = 150
    judged_probes = 160  # lines: of one decision each
    finite = True
    together = 2  # a wanted line and one at which it tempts, so that both halves of the chunks hold both

    def __init__(self, config: LearnConfig, model: Model, rules: Rules) -> None:
        """Raises BehaviourError with every line that this model can't decide."""
        super().__init__(model, rules)
        if config.probe_file is None:
            raise ValueError(f"--behaviour {config.behaviour}: give its probes too: --probes FILE.jsonl")
        path = Path(config.behaviour)
        lessons, probes = read_pair(path, config.probe_file, ModelReader(model))
        wanted = [placed.line.answer for placed in (*lessons, *probes) if placed.line.kind == WANTED]
        self.wanted = tuple(dict.fromkeys(wanted))
        self._lines = [placed.line for placed in lessons]
        if config.control == "shuffled":
            self._lines = dealt(path, lessons, config.seed)
        self._counts = LineCounts(self._lines, model.tongue, "shuffled" if config.control == "shuffled" else "file")
        self._placed, self._probe_file = probes, config.probe_file

    def gain_losses(self, context: PreTrainedModel | None = None) -> UsableChunks:
        """As `Behaviour.gain_losses`; what is wrong names the file."""
        try:
            return super().gain_losses(context)
        except ValueError as error:
            raise ValueError(f"{self._probe_file}: {error}") from error

    @property
    def lesson_counts(self) -> LineCounts:
        return self._counts

    @cached_property
    def probes(self) -> list[Probe]:
        """All lines of the probes, every sort in turn."""
        return probes_of(self._placed, self.model.tongue, self.wanted)

    @property
    def source(self) -> Source:
        def item(line: Line) -> Asked:
            answered: tuple[Answered, ...] = ((question_of(line), line.answer),)
            return Asked(line.context, answered) if line.kind == WANTED else Asked(line.context, (), answered)

        wanted, others = (Deck([item(line) for line in self._lines if line.kind == kind]) for kind in (WANTED, OTHER))

        def draw(rng: Random, scenes: int, rehearse: int) -> list[Asked]:
            return [*wanted.draw(rng, scenes), *(others.draw(rng, scenes) if rehearse else ())]

        return draw
