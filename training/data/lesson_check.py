"""What a lesson, or any scene from outside, has to be: checked before it is kept or looked at, from a peer or a file.

A lesson that passes can be learned from: its words are tokens of the model, and it fits the window, told anew too.
"""

from functools import lru_cache, partial

from msgspec.structs import replace
from transformers import PreTrainedTokenizerBase

from game.realm.rules import NOTHING, Rules
from game.realm.terrain import UNDERFOOT
from game.realm.tongues import ABOUT_WORDS, LOOK, SENSE, question, tell, tongue_named
from perception.language import Reading, context_tokens, read, read_scene, text_tokens
from perception.messages import Lesson, Scene
from perception.model import Model
from perception.windows import context_length
from training.data.talk_memories import heading

CANDIDATES_MAX = 4096  # of all questions of a scene; the realm asks some hundred


def check_scene(model: Model, scene: Scene) -> None:
    """Raise ValueError, in one line, for a scene that the model can't be asked about."""
    where = f"scene {scene.id}"
    if sum(len(q.candidates) for q in scene.questions) > CANDIDATES_MAX:
        raise ValueError(f"{where}: more than {CANDIDATES_MAX} candidate answers; ask fewer questions")
    _check_fits(model, len(context_tokens(model.tokenizer, scene)), where)
    for q in scene.questions:
        if not q.candidates:
            raise ValueError(f"{where}: {q.ask} {q.place} has no candidate answers")
        if len(set(q.candidates)) < len(q.candidates):
            raise ValueError(f"{where}: a candidate of {q.ask} {q.place} stands twice")
    _check_fits(model, _longest(read_scene(model.tokenizer, scene)), where)


def _longest(reading: Reading) -> int:
    """Tokens of a context with the longest of its questions and answers."""
    decisions = zip(reading.questions, reading.answers, strict=True)
    sizes = [len(question_tokens) + max(map(len, answers), default=0) for question_tokens, answers in decisions]
    return len(reading.context) + max(sizes, default=0)


def _check_fits(model: Model, tokens: int, what: str) -> None:
    if tokens > context_length(model.net):
        raise ValueError(f"{what}: takes {tokens} tokens, the model reads {context_length(model.net)}; shorten it")


def check_lesson(model: Model, lesson: Lesson, rules: Rules) -> None:
    """Raise ValueError, in one line, for a lesson that could not be learned from, as it is or dreamt of."""
    scene, what = lesson.scene, f"lesson {lesson.scene.id}"
    if len(lesson.answers) != len(scene.questions):
        raise ValueError(f"{what}: {len(lesson.answers)} answers to {len(scene.questions)} questions")
    check_scene(model, scene)
    for q, answer in zip(scene.questions, lesson.answers, strict=True):
        if answer is not None and answer not in q.candidates:
            raise ValueError(f"{what}: {answer!r} is no answer to {q.ask} {q.place}")
        if q.ask == SENSE and answer not in (None, NOTHING, *rules.species):
            raise ValueError(f"{what}: {answer!r} is no spirit of this realm")
    _check_events(model, scene, rules, what)


def _check_events(model: Model, scene: Scene, rules: Rules, what: str) -> None:
    """The realm's invariants: known senses and places, and one thing of each sense at a place."""
    seen: set[tuple[str, str]] = set()
    for event in scene.events:
        if event.sense not in (LOOK, *rules.senses):
            raise ValueError(f"{what}: unknown sense {event.sense!r}")
        if event.place not in rules.directions:
            raise ValueError(f"{what}: unknown place {event.place!r}")
        if (event.sense, event.place) in seen:
            raise ValueError(f"{what}: two events of {event.sense} at {event.place}; a place has one")
        if not event.thing.strip() or "\n" in event.thing:
            raise ValueError(f"{what}: an event at {event.place} names nothing")
        seen.add((event.sense, event.place))
        context_tokens(model.tokenizer, replace(scene, text=f"{event.place} {event.thing}"))
    _check_fits(model, _dream_size(model, scene, rules), f"{what}: a dream of it")


def _dream_size(model: Model, scene: Scene, rules: Rules) -> int:
    """Tokens of the scene told anew, as dreams tell what they remember of it, with the longest rehearsed question.

    A dream that puts the largest places of several lessons together may be longer still; it costs one step.
    """
    tongue = tongue_named(model.tongue)
    header, questions = _frame(model.tokenizer, model.tongue, rules)
    texts = [tell(tongue, words, scene.events) for words in (header, heading(scene)) if words is not None]
    return max(_longest(read(model.tokenizer, text, questions)) for text in texts)


def _size(tokenizer: PreTrainedTokenizerBase, text: str) -> int:
    return len(text_tokens(tokenizer, text))


@lru_cache(maxsize=8)
def _frame(
    tokenizer: PreTrainedTokenizerBase, tongue: str, rules: Rules
) -> tuple[tuple[str, str, str], list[tuple[str, tuple[str, ...]]]]:
    """The longest header (time, weather, ground) of a dream, and a long question of each kind with its answers."""
    size = partial(_size, tokenizer)
    grounds = [ground.name.lower() for ground in UNDERFOOT]
    words = [[name for name, _ in rules.phases], [name for name, _ in rules.weather], grounds]
    time, weather, ground = (max(names, key=size) for names in words)
    trace = max((trace for kind in rules.kinds for trace in kind.traces), key=size)
    asks = tongue_named(tongue).asks
    places = [trace if ask in ABOUT_WORDS else rules.directions[0] for ask in asks]
    questions = [question(tongue_named(tongue), rules, ask, place) for ask, place in zip(asks, places, strict=True)]
    return (time, weather, ground), [(one.text, (max(one.candidates, key=size),)) for one in questions]
