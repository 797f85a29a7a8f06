"""The words the wings share: what crosses between a game (or an experiment) and a mind.

Plain frozen data, no behaviour, no torch, no pygame. Perception knows nothing of spirits: a Scene is text
and questions, a Percept is a belief over each question's candidate answers. Sizes that come from outside
are bounded here, so that decoding a message is also checking it.
"""
# long because: all words that a game and a mind have for each other stand in one place

from sys import float_info
from typing import Annotated, Literal

from msgspec import Meta, Struct

Word = Annotated[str, Meta(max_length=64)]
Text = Annotated[str, Meta(max_length=65_536)]
Few = Meta(max_length=256)
# NaN fails every comparison, so a bound is also a check that a number is one.
Fraction = Annotated[float, Meta(ge=0.0, le=1.0)]
Finite = Annotated[float, Meta(ge=-float_info.max, le=float_info.max)]
Many = Annotated[int, Meta(ge=1, le=4096)]
Number = Annotated[int, Meta(ge=0, le=2**53)]
Path = Annotated[str, Meta(max_length=4096)]
Heads = Annotated[tuple[Number, ...], Few]  # indices: layer * heads + head
PerHead = Annotated[tuple[Finite, ...], Meta(max_length=16_384)]
# Whose eyes: the mind that learns, the same mind as it was at first, or a model that was born seeing.
Eyes = Literal["you", "blind", "seer"]


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


class Glance(Struct, frozen=True):
    """What a head attends to while one question decides: mass by place of the Gaze, in its order, each in [0, 1]."""

    ask: Word
    place: Word
    mass: Annotated[tuple[Fraction, ...], Few]


class Gaze(Struct, frozen=True):
    """What one head looks at. head: its index; places: those of the scene's events; words: what it reads most,
    as (word, mean attention over the decisions), most first.
    """

    head: Number
    places: Annotated[tuple[Word, ...], Few] = ()
    glances: Annotated[tuple[Glance, ...], Few] = ()
    words: Annotated[tuple[tuple[Word, Fraction], ...], Meta(max_length=16)] = ()


class Percept(Struct, frozen=True, tag="percept"):
    """What the mind believes: for each question of the scene, a probability per candidate (sums to 1).

    eyes, ticket: as in the Perceive that it answers; gaze: of the head that was asked about.
    """

    scene: int
    beliefs: Annotated[tuple[Annotated[tuple[Fraction, ...], Few], ...], Few]
    heads: HeadActivity
    seconds: Finite
    eyes: Eyes = "you"
    ticket: Number = 0
    gaze: Gaze | None = None


class Lesson(Struct, frozen=True):
    """A scene and the answers that the world revealed; None where nothing was said about a place."""

    scene: Scene
    answers: Annotated[tuple[Word | None, ...], Few]
    source: Word


class Charm(Struct, frozen=True):
    """A belief burned into a layer's MLP: this species is there. number: its own; at: the game's, of the place."""

    number: Number
    at: Number
    species: Word
    layer: Number


class Progress(Struct, frozen=True, tag="progress"):
    """How far the learning has come. hits, false_alarms, mundane: fractions of 1 on probes never taught.

    loss alone may be NaN or infinite: that a training ran away is news, and has to get through. charms: those that are
    worn; attuned: the heads that practise alone, none if all do.
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
    warning: Word = ""  # "grounding": the mundane falls under practice, and more of it does harm
    charms: Annotated[tuple[Charm, ...], Few] = ()
    attuned: Heads = ()


class RestorePoint(Struct, frozen=True):
    """A state to turn back to, with its measurements. number 0: the day it came; charms: numbers of those worn;
    attuned: the heads that practised alone, none if all did.
    """

    number: Number
    step: Number
    lessons: Number
    label: Word = ""
    hits: Fraction | None = None
    false_alarms: Fraction | None = None
    d_prime: Finite | None = None
    mundane: Fraction | None = None
    charms: Annotated[tuple[Number, ...], Few] = ()
    attuned: Heads = ()


class RestorePoints(Struct, frozen=True, tag="rests", rename={"points": "rests"}):
    """Every state that is remembered, oldest first. On the wire the field is called rests, as it was at first."""

    points: Annotated[tuple[RestorePoint, ...], Meta(max_length=64)]


class Weights(Struct, frozen=True, tag="weights"):
    """What each head's output is worth, by swapping it between the mind as it came and as it was at `step`.

    done of `of` heads are measured; the lists are empty until all are. gain: loss before - loss after on fixed probes,
    nats. insert: share of the gain that this head alone brings to the first mind; remove: share that the later one
    loses without it (MEASUREMENT.md, causal); all 0 while there is no gain to share.
    """

    step: Number
    done: Number
    of: Number
    gain: Finite = 0.0
    insert: PerHead = ()
    remove: PerHead = ()


class Pong(Struct, frozen=True, tag="pong"):
    """The mind lives; busy: s since it last looked for messages."""

    busy: Finite


class Ready(Struct, frozen=True, tag="ready"):
    """The mind is awake: what it is and in which tongue it wants its scenes."""

    model: str
    device: Word
    layers: Many
    heads: Many
    tongue: Word
    step: int
    eyes: Annotated[tuple[Eyes, ...], Few] = ("you",)  # whose eyes it can look through
    pulse: bool = False  # whether it answers Ping
    burns: Number | None = None  # the layer that a charm burns; None: it takes no Burn and no TakeOff
    attunes: bool = False  # whether it takes Attune


class Written(Struct, frozen=True, tag="written"):
    """A file that was asked for lies whole on disk."""

    path: str


class Taught(Struct, frozen=True, tag="taught"):
    """The lesson of this digest (wire.lesson_digest) is on the mind's disk. kept False: it can't be learned from."""

    digest: Word
    kept: bool = True


class Trouble(Struct, frozen=True, tag="trouble"):
    """Something went wrong; the mind goes on unless it says nothing more. ticket: of the Perceive that failed."""

    text: Text
    ticket: Number = 0


class Perceive(Struct, frozen=True, tag="perceive"):
    """Look at a scene. ticket 0 is a passing glance: only the newest is answered. Others are all answered, by a
    Percept or a Trouble with that ticket. head: the one head to look into.
    """

    scene: Scene
    eyes: Eyes = "you"
    ticket: Number = 0
    head: Number | None = None


class Teach(Struct, frozen=True, tag="teach"):
    lesson: Lesson


class Practise(Struct, frozen=True, tag="practise"):
    """Start (on) or stop practising what was taught."""

    on: bool


class Keep(Struct, frozen=True, tag="keep"):
    """Save the weights and the lessons now."""


class WriteLog(Struct, frozen=True, tag="write_log"):
    """Write the head-diff log of the journey so far to this path."""

    path: Path


class Weigh(Struct, frozen=True, tag="weigh"):
    """Measure what each head is worth; Weights tell how far it is, and at last the result."""


class Mark(Struct, frozen=True, tag="mark"):
    """Remember the mind as it is now, so that it can be turned back to it. Answered with RestorePoints."""

    label: Word = ""


class Rewind(Struct, frozen=True, tag="rewind"):
    """Turn the mind back to the RestorePoint of this number, 0 for the day it came. Lessons stay.

    Answered with RestorePoints.
    """

    to: Number


class Burn(Struct, frozen=True, tag="burn"):
    """Burn a charm: at this place of the scene this species is seen from now on. place: the scene's word; at: the
    game's number of it. Answered with Progress, or with Trouble if nothing was changed.
    """

    scene: Scene
    place: Word
    at: Number
    species: Word


class TakeOff(Struct, frozen=True, tag="take_off"):
    """Take the charm of this number off: the weights come back. Answered as Burn is."""

    number: Number


class Attune(Struct, frozen=True, tag="attune"):
    """These heads alone practise from now on; none: all of them. What was learned stays. Answered with Progress, or
    with Trouble if nothing was changed.
    """

    heads: Heads


class Export(Struct, frozen=True, tag="export"):
    """Write the mind as it is now to this path, as a Hugging Face folder. Answered with Written."""

    path: Path


class Ping(Struct, frozen=True, tag="ping"):
    """Do you live? Answered with Pong at once, whatever else is under way."""


class Quit(Struct, frozen=True, tag="quit"):
    """Save and end."""


Order = Practise | Keep | WriteLog | Weigh | Mark | Rewind | Burn | TakeOff | Attune | Export
ToMind = Perceive | Teach | Order | Ping | Quit
FromMind = Ready | Percept | Progress | RestorePoints | Weights | Pong | Written | Taught | Trouble
