"""The words the wings share: what crosses between a game (or an experiment) and a mind.

Plain frozen data, no behaviour, no torch, no pygame. Perception knows nothing of spirits: a Scene is text
and questions, a Percept is a belief over each question's candidate answers. Sizes that come from outside
are bounded here, so that decoding a message is also checking it.
"""

from sys import float_info
from typing import Annotated

from msgspec import Meta, Struct

Word = Annotated[str, Meta(max_length=64)]
Text = Annotated[str, Meta(max_length=65_536)]
Few = Meta(max_length=256)
# NaN fails every comparison, so a bound is also a check that a number is one.
Fraction = Annotated[float, Meta(ge=0.0, le=1.0)]
Finite = Annotated[float, Meta(ge=-float_info.max, le=float_info.max)]
Many = Annotated[int, Meta(ge=1, le=4096)]
PerHead = Annotated[tuple[Finite, ...], Meta(max_length=16_384)]


class Event(Struct, frozen=True):
    """One thing sensed at one place: (hear, north, hum)."""

    sense: Word
    place: Word
    thing: Word


class Question(Struct, frozen=True):
    """Something to ask about a scene. `text` is what the model reads; `candidates` are the answers it may give."""

    ask: Word
    place: Word
    text: Annotated[str, Meta(max_length=1024)]
    candidates: Annotated[tuple[Word, ...], Few]


class Scene(Struct, frozen=True):
    """What can be sensed from one spot, told in one tongue, with the questions to answer about it."""

    id: int
    tongue: Word
    text: Text
    events: Annotated[tuple[Event, ...], Meta(max_length=4096)]
    questions: Annotated[tuple[Question, ...], Few]


class HeadActivity(Struct, frozen=True):
    """One number per attention head, layer by layer (index = layer * heads + head).

    activity: L2 norm of what the head writes at the decision rows / mean residual norm there.
    cue:      attention mass of the decision rows on the asked place's events, in [0, 1].
    change:   own change since the baseline on fixed probes (MEASUREMENT.md), residual norms; empty until measured.
    """

    layers: Many
    heads: Many
    activity: PerHead = ()
    cue: PerHead = ()
    change: PerHead = ()


class Percept(Struct, frozen=True, tag="percept"):
    """What the mind believes: for each question of the scene, a probability per candidate (sums to 1)."""

    scene: int
    beliefs: Annotated[tuple[Annotated[tuple[Fraction, ...], Few], ...], Few]
    heads: HeadActivity
    seconds: Finite


class Lesson(Struct, frozen=True):
    """A scene and the answers that the world revealed; None where nothing was said about a place."""

    scene: Scene
    answers: Annotated[tuple[Word | None, ...], Few]
    source: Word


class Progress(Struct, frozen=True, tag="progress"):
    """How far the learning has come. hits, false_alarms, mundane: fractions of 1 on probes never taught.

    loss alone may be NaN or infinite: that a training ran away is news, and has to get through.
    """

    step: int
    lessons: int
    shown: int
    empties: int
    practising: bool
    loss: float | None = None
    steps_per_s: Finite | None = None
    hits: Fraction | None = None
    false_alarms: Fraction | None = None
    d_prime: Finite | None = None
    mundane: Fraction | None = None
    change: PerHead = ()


class Ready(Struct, frozen=True, tag="ready"):
    """The mind is awake: what it is and in which tongue it wants its scenes."""

    model: str
    device: Word
    layers: Many
    heads: Many
    tongue: Word
    step: int


class Written(Struct, frozen=True, tag="written"):
    """A file that was asked for lies whole on disk."""

    path: str


class Trouble(Struct, frozen=True, tag="trouble"):
    """Something went wrong; the mind goes on unless it says nothing more."""

    text: Text


class Perceive(Struct, frozen=True, tag="perceive"):
    scene: Scene


class Teach(Struct, frozen=True, tag="teach"):
    lesson: Lesson


class Practise(Struct, frozen=True, tag="practise"):
    """Start (on) or stop practising what was taught."""

    on: bool


class Keep(Struct, frozen=True, tag="keep"):
    """Save the weights and the lessons now."""


class WriteLog(Struct, frozen=True, tag="write_log"):
    """Write the head-diff log of the journey so far to this path."""

    path: Annotated[str, Meta(max_length=4096)]


class Quit(Struct, frozen=True, tag="quit"):
    """Save and end."""


ToMind = Perceive | Teach | Practise | Keep | WriteLog | Quit
FromMind = Ready | Percept | Progress | Written | Trouble
