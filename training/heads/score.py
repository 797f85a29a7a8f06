"""How well a behaviour was learned: hits, false alarms, d', and the mundane, on scenes that no lesson held.

hits: the share of wanted decisions that were taken rightly. false_alarms: the share of wrong wanted decisions among
those at which a wanted one is wrong. For sight, hits are spirits named by their species, and false alarms are empty
places where any species is named. mundane: the share of right answers to all other questions. d_prime: z(hits) -
z(false alarms) of signal detection, with the log-linear correction (Hautus 1995: 0.5 is added to each count and 1 to
each number of trials), so that it stays finite.
"""

from collections import Counter
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from itertools import islice
from random import Random
from statistics import NormalDist

from msgspec.structs import replace

from game.realm import sampler
from game.realm.rules import Rules
from perception.messages import Scene
from perception.model import Model
from perception.perceive import perceive
from training.data.lessons import Pair, shown_pairs
from training.data.rehearsal import rehearsal

CHUNK = 16  # scenes perceived at once
MUNDANE_PER_SCENE = 6
NEW_PAIR_PLACES = 60  # spirits with pairs that no lesson held, at least so many


@dataclass(frozen=True)
class Probe:
    """A scene with its right answers: first the `places` decisions that the behaviour is about, then the rest.

    wanted: the answers that take the wanted decision (for sight, any species); where one of them is right, taking it is
    a hit, elsewhere among the first `places` a false alarm. kinds: what each decision is called where scores tell kinds
    apart, else empty. cues: for each of the first `places`, the numbers of the scene's events on which it rests; empty
    for sight, whose rules hold them.
    """

    scene: Scene
    answers: tuple[str, ...]
    places: int
    wanted: tuple[str, ...]
    kinds: tuple[str, ...] = ()
    cues: tuple[tuple[int, ...], ...] = ()


@dataclass(frozen=True)
class Score:
    """Fractions of 1; d_prime in standard deviations. hits_new_pairs is None where no probe has a new pair,
    false_alarms and d_prime where at no place a wanted decision would be wrong.

    more: what else a behaviour is scored by, by name, among it `right_KIND`: share of right answers of a kind.
    """

    hits: float
    hits_new_pairs: float | None
    false_alarms: float | None
    d_prime: float | None
    mundane: float
    more: dict[str, float | None] = field(default_factory=dict)

    def as_dict(self) -> dict[str, float | None]:
        """All of it, flat."""
        flat = asdict(self)
        return flat | flat.pop("more")


def _probe(sample: sampler.Sample, rng: Random, rules: Rules, untaught: Sequence[str] = ()) -> Probe:
    scene = sample.view.scene
    mundane = rehearsal(rng, scene.events, rules, scene.tongue, MUNDANE_PER_SCENE, untaught=untaught)
    scene_asked = replace(scene, questions=(*scene.questions, *(q for q, _ in mundane)))
    return Probe(scene_asked, (*sample.answers, *(answer for _, answer in mundane)), len(sample.answers), rules.species)


def probes(
    seed: int, count: int, tongue: str, rules: Rules, purpose: str = "probes", untaught: Sequence[str] = ()
) -> list[Probe]:
    """Scenes to measure on; their stream is never used for lessons. untaught: kinds of questions to leave out."""
    rng = Random(f"{seed}/{purpose}/questions")
    samples = islice(sampler.samples(seed, purpose, tongue, rules), count)
    return [_probe(sample, rng, rules, untaught) for sample in samples]


def new_pair_probes(
    seed: int, tongue: str, rules: Rules, taught: Sequence[Pair], barred: Sequence[Pair]
) -> list[Probe]:
    """Scenes with spirits that show only pairs which no lesson held. `barred` pairs are known to be in no lesson."""
    rng = Random(f"{seed}/new-pairs/questions")
    chosen: list[Probe] = []
    spirits = 0
    for sample in islice(sampler.samples(seed, "new-pairs", tongue, rules), 4000):
        pairs_shown = shown_pairs(rules, sample.view.scene, sample.answers)
        if not any(pair in barred for pair in pairs_shown):
            continue
        probe = _probe(sample, rng, rules)
        fresh = len(_new_places(probe, rules, taught))
        if fresh:
            chosen.append(probe)
            spirits += fresh
        if spirits >= NEW_PAIR_PLACES:
            break
    return chosen


def _new_places(probe: Probe, rules: Rules, taught: Sequence[Pair]) -> list[int]:
    """Places of a probe with a spirit none of whose pairs was taught."""
    places = []
    for index in range(probe.places):
        only = tuple(answer if i == index else None for i, answer in enumerate(probe.answers[: probe.places]))
        cut = replace(probe.scene, questions=probe.scene.questions[: probe.places])
        pairs = shown_pairs(rules, cut, only)
        if pairs and not any(pair in taught for pair in pairs):
            places.append(index)
    return places


def d_prime(hits: int, spirits: int, false_alarms: int, empties: int) -> float:
    """z(H) - z(F), log-linear."""
    z = NormalDist().inv_cdf
    return z((hits + 0.5) / (spirits + 1)) - z((false_alarms + 0.5) / (empties + 1))


def answers_of(model: Model, probes: Sequence[Probe]) -> list[list[str]]:
    """The model's most believed answer to every question of every probe."""
    answers = []
    for start in range(0, len(probes), CHUNK):
        part = probes[start : start + CHUNK]
        for probe, percept in zip(part, perceive(model, [p.scene for p in part], record=False), strict=True):
            beliefs = zip(probe.scene.questions, percept.beliefs, strict=True)
            answers.append([q.candidates[belief.index(max(belief))] for q, belief in beliefs])
    return answers


def tally(probes: Sequence[Probe], answers: Sequence[Sequence[str]], new: Sequence[bool] = ()) -> Score:
    """The score of these answers; new: whether each spirit with a new pair was named."""
    right, trials = Counter[str](), Counter[str]()
    for probe, chosen in zip(probes, answers, strict=True):
        for index, (said, true) in enumerate(zip(chosen, probe.answers, strict=True)):
            role = "rest" if index >= probe.places else "hits" if true in probe.wanted else "alarms"
            trials[role] += 1
            right[role] += said in probe.wanted if role == "alarms" else said == true
            if probe.kinds:
                trials[f"right_{probe.kinds[index]}"] += 1
                right[f"right_{probe.kinds[index]}"] += said == true
    shares = {role: right[role] / max(1, count) for role, count in trials.items()}
    distance = d_prime(right["hits"], trials["hits"], right["alarms"], trials["alarms"]) if trials["alarms"] else None
    return Score(
        shares.pop("hits", 0.0),
        sum(new) / len(new) if new else None,
        shares.pop("alarms", None),
        distance,
        shares.pop("rest", 0.0),
        dict(sorted(shares.items())),
    )


def score(
    model: Model, probes: Sequence[Probe], rules: Rules, fresh: Sequence[Probe] = (), taught: Sequence[Pair] = ()
) -> Score:
    """Score a model on probes; `fresh` (from new_pair_probes) and `taught` give hits_new_pairs."""
    new = [
        said[index] == probe.answers[index]
        for probe, said in zip(fresh, answers_of(model, fresh), strict=True)
        for index in _new_places(probe, rules, taught)
    ]
    return tally(probes, answers_of(model, probes), new)
