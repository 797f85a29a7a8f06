"""What people say to a companion, and which act answers it.

The text of the scene stays as it is. What was said is its question, and the acts are the candidates. The base companion
answers a safe direction by suggesting another way; one that listens accepts it; both refuse a dangerous one. The scene
says whether a way is dangerous: what stands there, in this weather, at this hour.
Data in assets/talk.toml; some forms are held out of every training.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from random import Random

from msgspec.structs import replace

from common.assets import ASSETS
from game.realm import sampler
from game.realm.rules import Rules
from game.realm.tables import RulesError, english, is_word, plain, read, sentences, table, vocabulary
from game.realm.tongues import LOOK, Tongue, tongue_named
from perception.messages import Event, Question, Scene

TALK_TOML = ASSETS / "talk.toml"
TALK = "talk"
DIRECTION, OPINION, QUESTION, IDLE = "direction", "opinion", "question", "idle"
SAFE, DANGER = "safe", "danger"
KINDS = (SAFE, DANGER, OPINION, QUESTION, IDLE)  # as scores tell them apart
SHARES = ((DIRECTION, 0.6), (OPINION, 0.14), (QUESTION, 0.13), (IDLE, 0.13))  # of random talk
RISKED = 0.5  # of random directions lead into danger, where the scene has some


@dataclass(frozen=True, eq=False)  # compared and hashed as itself
class Talk:
    """talk.toml, frozen. base, listening: kind -> act; forms: said -> sentences, from trained[said] on held out."""

    base: dict[str, str]
    listening: dict[str, str]
    danger: dict[str, tuple[str, ...]]  # weather or hour -> landmarks
    forms: dict[str, tuple[str, ...]]
    marks: dict[str, str]  # what ends a sentence in plain English
    trained: dict[str, int]

    @property
    def acts(self) -> tuple[str, ...]:
        return tuple(dict.fromkeys((*self.listening.values(), *self.base.values())))

    def words(self) -> list[str]:
        """Every word of the terse tongue that talk needs."""
        texts = tuple(form for forms in self.forms.values() for form in forms)
        return list(dict.fromkeys([TALK, *vocabulary(texts), *self.acts]))


@dataclass(frozen=True)
class Utterance:
    """kind: direction, opinion, question or idle; form: which of its sentences; place: the word in its hole."""

    kind: str
    form: int
    place: str


@dataclass(frozen=True)
class Dialogue:
    """A scene whose one question is what was said, and its kind (of KINDS)."""

    scene: Scene
    utterance: Utterance
    kind: str


@lru_cache(maxsize=8)
def load_talk(path: Path = TALK_TOML) -> Talk:
    """Read and check the talk. Raises RulesError with the file, the key and the remedy."""
    data, name = read(path, ("acts", "listening", "danger", "say", "held")), path.name
    base, listening = table(data["acts"], f"{name} acts"), table(data["listening"], f"{name} listening")
    for key, act in (*base.items(), *listening.items()):
        if key not in KINDS or not is_word(act):
            raise RulesError(f"{name} acts.{plain(key)}: must be one of {', '.join(KINDS)} = one lower-case word")
    missing = [kind for kind in KINDS if kind not in base]
    sections = table(data["say"], f"{name} say"), table(data["held"], f"{name} held")
    missing += [kind for kind, _ in SHARES for part in sections if kind not in part]
    if missing:
        raise RulesError(f"{name}: {missing[0]} is missing in acts, say or held")
    danger = {
        when: sentences(kinds, f"{name} danger.{plain(when)}", ())
        for when, kinds in table(data["danger"], name).items()
    }
    forms, marks, trained = {}, {}, {}
    for kind, _ in SHARES:
        mark, *sentences_said = sentences(sections[0][kind], f"{name} say.{kind}", ("place",), 2)
        if mark not in (".", "?"):
            raise RulesError(f"{name} say.{kind}: must begin with its mark, . or ?")
        forms[kind] = (*sentences_said, *sentences(sections[1][kind], f"{name} held.{kind}", ("place",)))
        marks[kind], trained[kind] = mark, len(sentences_said)
    return Talk(base, base | listening, danger, forms, marks, trained)


def words(tongue: Tongue, talk: Talk, utterance: Utterance) -> str:
    """What was said, alone; in plain English fit for a speech bubble."""
    text = talk.forms[utterance.kind][utterance.form].format(place=utterance.place)
    return text if tongue.name == "terse" else english(text.replace(" friend", ", friend")) + talk.marks[utterance.kind]


@lru_cache(maxsize=16_384)
def talk_question(tongue: Tongue, talk: Talk, utterance: Utterance) -> Question:
    """What was said as a question to a companion; the acts are its candidates."""
    spoken = words(tongue, talk, utterance)
    if tongue.name == "terse":
        text = f"? {TALK} {spoken}"
    else:
        text = f'\nA friend says: "{spoken}"\nThe companion\'s answer, one of {", ".join(talk.acts)}:'
    return Question(TALK, utterance.place, text, talk.acts)


def addressed(scene: Scene, talk: Talk, utterance: Utterance) -> Scene:
    """The same scene; its only question is what was said. Raises ValueError for an unknown tongue."""
    return replace(scene, questions=(talk_question(tongue_named(scene.tongue), talk, utterance),))


def dangerous(talk: Talk, header: tuple[str, str, str], events: Sequence[Event], place: str) -> bool:
    """Whether to go there is dangerous. header: (time, weather, ground) of the scene."""
    time, weather, _ = header
    landmarks = [event.thing for event in events if event.place == place and event.sense == LOOK]
    return any(thing in talk.danger.get(when, ()) for thing in landmarks for when in (time, weather))


def kind_of(utterance: Utterance, danger: bool) -> str:
    """One of KINDS: a direction is safe or dangerous, other talk is of its own kind anywhere."""
    return utterance.kind if utterance.kind != DIRECTION else DANGER if danger else SAFE


def wanted(talk: Talk, kind: str, listening: bool) -> str:
    """The act that a kind of talk is answered with."""
    return (talk.listening if listening else talk.base)[kind]


def draw(
    rng: Random, talk: Talk, header: tuple[str, str, str], events: Sequence[Event], held: bool = False
) -> tuple[Utterance, str]:
    """Something said at random about a place that the events name, and its kind. held: only forms never trained."""
    places = list(dict.fromkeys(event.place for event in events if event.sense == LOOK))
    risky = [place for place in places if dangerous(talk, header, events, place)]
    (kind,) = rng.choices([kind for kind, _ in SHARES], [share for _, share in SHARES])
    place = rng.choice(risky if risky and kind == DIRECTION and rng.random() < RISKED else places)
    first, last = (talk.trained[kind], len(talk.forms[kind])) if held else (0, talk.trained[kind])
    utterance = Utterance(kind, rng.randrange(first, last), place)
    return utterance, kind_of(utterance, place in risky)


def dialogues(
    seed: int, purpose: str, tongue: str = "terse", rules: Rules | None = None, held: bool = False
) -> Iterator[Dialogue]:
    """An endless stream of talk in scenes of the realm. Same arguments: same dialogues, in any process."""
    rng, talk = Random(f"{seed}/{purpose}/talk"), load_talk()
    for sample in sampler.samples(seed, f"{purpose}/talk", tongue, rules):
        utterance, kind = draw(rng, talk, sample.header, sample.view.scene.events, held)
        yield Dialogue(addressed(sample.view.scene, talk, utterance), utterance, kind)
