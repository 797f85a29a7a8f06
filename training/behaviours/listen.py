"""Listening: a safe direction is taken where the base suggests another way, and nothing else that is said is.

Lessons are dialogues in the forms of words that are trained. All kinds of talk are labelled, so that it does not turn
into a yes-sayer: danger is refused, opinions, questions and idle talk are answered as before. Beside them are rehearsed
talk that no lesson changes (not with --no-dreams), mundane questions, and questions about spirits, answered as the base
answers them. Probes are other realms.
"""

from dataclasses import replace
from functools import cached_property
from itertools import islice
from random import Random

from msgspec import structs

from game.realm import sampler
from game.realm.rules import NOTHING, Rules
from game.realm.sampler import SCENES_PER_REALM
from game.realm.talk import DIRECTION, SAFE, Talk, Utterance, dialogues, draw, load_talk, talk_question, wanted
from game.realm.tongues import LOOK, tongue_named
from perception.messages import Event, Lesson
from perception.model import Model
from training.behaviours.behaviour import Behaviour, filled
from training.config import LearnConfig
from training.data.lessons import Asked, Journal, LessonCounts, waking
from training.data.rehearsal import rehearsal
from training.data.talk_dreams import talk_dream
from training.heads.score import MUNDANE_PER_SCENE, Probe, Score, answers_of, tally
from training.teach import Source

MUNDANE, SPIRITS = "mundane", "spirits"  # kinds beside those of talk
SAID_PER_SCENE = 4  # things said to each probe scene, a direction among them
SPIRITS_PER_SCENE = 2  # places of each probe scene that are asked about, haunted ones first
SEES = 0.5  # of the spirits named: from then on a base counts as one that sees


def talk_lessons(seed: int, count: int, tongue: str, rules: Rules, shuffled: bool = False) -> list[Lesson]:
    """Dialogues with the act of one who listens. shuffled: the control, the same acts dealt out anew over all."""
    talk = load_talk()
    told_dialogues = list(islice(dialogues(seed, "listen/lessons", tongue, rules), count))
    acts = [wanted(talk, dialogue.kind, listening=True) for dialogue in told_dialogues]
    if shuffled:
        Random(f"{seed}/listen/shuffled").shuffle(acts)
    source = "shuffled" if shuffled else "generator"
    return [Lesson(dialogue.scene, (act,), source) for dialogue, act in zip(told_dialogues, acts, strict=True)]


def _spoken(rng: Random, talk: Talk, sample: sampler.Sample, held: bool) -> list[tuple[Utterance, str]]:
    """Different things said about one scene, directions first."""
    kind_of: dict[Utterance, str] = {}
    while len(kind_of) < SAID_PER_SCENE or not any(said.kind == DIRECTION for said in kind_of):
        said, kind = draw(rng, talk, sample.header, sample.view.scene.events, held)
        kind_of[said] = kind
    return sorted(kind_of.items(), key=lambda item: item[0].kind != DIRECTION)


def _cue(events: tuple[Event, ...], place: str) -> tuple[int, ...]:
    """What a direction's answer rests on: hour, weather (the first two events), and what stands there."""
    return (0, 1, *(i for i, event in enumerate(events) if (event.sense, event.place) == (LOOK, place)))


def talk_probes(seed: int, count: int, tongue: str, rules: Rules, purpose: str, held: bool = False) -> list[Probe]:
    """Scenes with things said, then mundane questions and places, those with a spirit first; answers are the true ones.

    held: only forms of words that are never trained. Hour and weather stand before the scene's events, as cues.
    """
    talk, speech, rng = load_talk(), tongue_named(tongue), Random(f"{seed}/{purpose}/questions")
    probes = []
    for sample in islice(sampler.samples(seed, purpose, tongue, rules), count):
        scene, (time, weather, _) = sample.view.scene, sample.header
        spoken = _spoken(rng, talk, sample, held)
        mundane = rehearsal(rng, scene.events, rules, tongue, MUNDANE_PER_SCENE, counting=True)
        places = sorted(zip(scene.questions, sample.answers, strict=True), key=lambda place: place[1] == NOTHING)
        decisions = [(talk_question(speech, talk, said), wanted(talk, kind, True), kind) for said, kind in spoken]
        decisions += [(q, answer, MUNDANE) for q, answer in mundane]
        decisions += [(q, answer, SPIRITS) for q, answer in places[:SPIRITS_PER_SCENE]]
        events = (Event("time", "", time), Event("weather", "", weather), *scene.events)
        questions, answers, kinds = (tuple(column) for column in zip(*decisions, strict=True))
        directions = [said.place for said, _ in spoken if said.kind == DIRECTION]
        probes.append(
            Probe(
                structs.replace(scene, events=events, questions=questions),
                answers,
                len(directions),
                (wanted(talk, SAFE, True),),
                kinds,
                tuple(_cue(events, place) for place in directions),
            )
        )
    return probes


def as_before(probe: Probe, base_answers: list[str]) -> Probe:
    """The probe with the base's own answers about spirits for right ones."""
    own = zip(probe.answers, base_answers, probe.kinds, strict=True)
    return replace(probe, answers=tuple(base if kind == SPIRITS else answer for answer, base, kind in own))


class Listen(Behaviour):
    """Hits are safe directions taken; false alarms, dangerous ones taken; mundane, all other talk and questions."""

    name = "listen"
    together = SCENES_PER_REALM

    def __init__(self, config: LearnConfig, model: Model, rules: Rules) -> None:
        """Asks the model, as it is now, about spirits: what it says of them is what has to stay."""
        super().__init__(model, rules)
        self._config = config
        probes = talk_probes(config.probing, config.probes, model.tongue, rules, "listen/probes")
        base_answers = answers_of(model, probes)
        haunted = [
            own == true
            for probe, answers in zip(probes, base_answers, strict=True)
            for true, own, kind in zip(probe.answers, answers, probe.kinds, strict=True)
            if kind == SPIRITS and true != NOTHING
        ]
        self._sees = sum(haunted) > SEES * len(haunted)
        self._probes = [as_before(probe, answers) for probe, answers in zip(probes, base_answers, strict=True)]

    @cached_property
    def journal(self) -> Journal:
        config = self._config
        shuffled = config.control == "shuffled"
        return filled(talk_lessons(config.seed, config.lessons, self.model.tongue, self.rules, shuffled))

    @property
    def lesson_counts(self) -> LessonCounts:
        return TalkCounts(self.journal)

    @property
    def probes(self) -> list[Probe]:
        return self._probes

    @property
    def source(self) -> Source:
        journal, dreams = self.journal, self._config.teach.dreams
        about = (self.rules, self.model.tongue)

        def scene(rng: Random, rehearse: int) -> Asked:
            if dreams:
                return talk_dream(rng, journal, *about, rehearse, self._sees)
            return waking(rng, journal.lessons, *about, rehearse, self._sees)

        return lambda rng, scenes, rehearse: [scene(rng, rehearse) for _ in range(scenes)]

    @cached_property
    def _held(self) -> list[Probe]:
        config, tongue = self._config, self.model.tongue
        return talk_probes(config.probing, config.probes, tongue, self.rules, "listen/new-forms", held=True)

    def score(self, model: Model) -> Score:
        """With hits and false alarms in forms of words that no lesson held, and the share right of every kind."""
        score, new = super().score(model), tally(self._held, answers_of(model, self._held))
        forms = {"hits_new_forms": new.hits, "false_alarms_new_forms": new.false_alarms}
        return replace(score, more={**forms, **score.more})


class TalkCounts:
    """The counts of a journal of talk: spirits_shown counts safe directions, empties_shown everything else said."""

    def __init__(self, journal: Journal) -> None:
        self.lessons = journal.lessons
        act = wanted(load_talk(), SAFE, True)
        answers = [answer for lesson in journal.lessons for answer in lesson.answers]
        self.spirits_shown = answers.count(act)
        self.empties_shown = len(answers) - self.spirits_shown
