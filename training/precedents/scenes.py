"""Scenes of the realm as prompts for a circuit: the decision of sight or listen, and what competes with it.

Corrupted prompts are the same scene with other things sensed where the decision's cues stand, each of the same sense.
For listen other words are said, too: talk of the same length that is no direction.
"""

from collections.abc import Sequence
from itertools import islice
from random import Random

from game.realm.rules import NOTHING, Rules
from game.realm.talk import DIRECTION, TALK, Utterance, load_talk, talk_question
from game.realm.tongues import tongue_named
from perception.language import event_tokens, read
from perception.messages import Question
from perception.model import Model
from training.behaviours.listen import talk_probes
from training.heads.score import Probe, probes
from training.precedents.circuit_config import SIGHT
from training.precedents.tasks import Line

DECISION, JUDGEMENT, MUNDANE = "decision", "judgement", "mundane"
KINDS = (DECISION, JUDGEMENT, MUNDANE)
CORRUPTED = 6  # of each prompt
SCANNED = 4  # scenes, for every prompt that is wanted
Things = dict[tuple[str, int], list[tuple[int, ...]]]  # by sense and number of tokens


def scene_lines(model: Model, rules: Rules, task: str, count: int, seed: int) -> dict[str, list[Line]]:
    """Up to `count` prompts of each of KINDS.

    decision: a spirit is named rather than "nothing"; a safe direction is taken. judgement: where the same answer would
    be wrong, the right one: "nothing" at an empty place, a dangerous direction refused. mundane: the other questions.
    """
    scanned = count * SCANNED
    if task == SIGHT:
        every = probes(seed, scanned, model.tongue, rules, "circuit/sight", model.untaught)
    else:
        every = talk_probes(seed, scanned, model.tongue, rules, "circuit/listen")
    things = _things(model, every)
    rng = Random(f"{seed}/circuit/{task}")
    wanted = (
        (kind, probe, index)
        for probe in every
        for index in range(len(probe.answers))
        for kind in _kind(task, probe, index)
    )
    lines: dict[str, list[Line]] = {kind: [] for kind in KINDS}
    for kind, probe, index in wanted:
        if len(lines[kind]) < count:
            lines[kind] += _line(model, rules, rng, things, kind, probe, index, f"{kind} {len(lines[kind])}")
        if all(len(some) == count for some in lines.values()):
            break
    return lines


def _kind(task: str, probe: Probe, index: int) -> list[str]:
    """The kind of a decision of a probe; none for those that no kind holds."""
    if index < probe.places:
        return [DECISION if probe.answers[index] in probe.wanted else JUDGEMENT]
    mundane = task == SIGHT or (probe.kinds[index] == "mundane")
    return [MUNDANE] if mundane else []


def _things(model: Model, every: Sequence[Probe]) -> Things:
    """What is sensed in all scenes, as tokens."""
    things: Things = {}
    for probe in every:
        ids = read(model.tokenizer, probe.scene.text, ()).context
        for event, tokens in zip(probe.scene.events, event_tokens(model.tokenizer, probe.scene), strict=True):
            if tokens:
                things.setdefault((event.sense, len(tokens)), []).append(tuple(ids[at] for at in tokens))
    return things


def _cues(rules: Rules, kind: str, probe: Probe, index: int) -> list[int]:
    """Numbers of the events that are swapped: those a decision rests on; all of them for a mundane question."""
    question, answer = probe.scene.questions[index], probe.answers[index]
    if kind == MUNDANE:
        return list(range(len(probe.scene.events)))
    if probe.cues:
        return list(probe.cues[index])
    shows = next((some.traces for some in rules.spirits if some.name == answer), None)
    events = enumerate(probe.scene.events)
    return [i for i, e in events if e.place == question.place and (shows is None or e.thing in shows)]


def _line(
    model: Model, rules: Rules, rng: Random, things: Things, kind: str, probe: Probe, index: int, template: str
) -> list[Line]:
    """The line of one decision; none where its answer begins as another does."""
    question, own = probe.scene.questions[index], probe.answers[index]
    spirits = question.ask != TALK and kind != MUNDANE
    rest = [option for option in question.candidates if option != own]
    rivals = [NOTHING] if spirits and own != NOTHING else rest
    reading = read(model.tokenizer, probe.scene.text, [(question.text, (own, *rivals))], f"scene {probe.scene.id}")
    first, *others = [ids[0] for ids in reading.answers[0]]
    context, question_ids = reading.context, reading.questions[0]
    others = [other for other in dict.fromkeys(others) if other != first]
    if not others:
        return []
    spots = event_tokens(model.tokenizer, probe.scene)
    said = _other_talk(model, probe, question, len(question_ids)) if question.ask == TALK else []
    corrupted = []
    for _ in range(CORRUPTED):
        ids = list(context)
        for event in _cues(rules, kind, probe, index):
            tokens = spots[event]
            if tokens and tokens[-1] < len(ids):
                thing = rng.choice(things[probe.scene.events[event].sense, len(tokens)])
                ids[tokens[0] : tokens[-1] + 1] = thing
        corrupted.append((*ids, *(rng.choice(said) if said else question_ids)))
    return [Line((*context, *question_ids), first, tuple(others), tuple(corrupted), template)]


def _other_talk(model: Model, probe: Probe, question: Question, length: int) -> list[tuple[int, ...]]:
    """Talk about the same place that is no direction, of so many tokens."""
    talk, tongue = load_talk(), tongue_named(model.tongue)
    said = [
        Utterance(kind, form, question.place)
        for kind, forms in talk.forms.items()
        if kind != DIRECTION
        for form in range(talk.trained[kind])
    ]
    texts = [(talk_question(tongue, talk, utterance).text, ()) for utterance in said]
    rows = (tuple(row) for row in read(model.tokenizer, probe.scene.text, texts).questions)
    return list(islice((row for row in rows if len(row) == length), 64))
