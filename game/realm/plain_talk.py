"""What is said to the familiar in plain English, for a language model that was made elsewhere.

The model reads the hour and the sky, then the place that the talk is about, who speaks and what is said. It chooses one
of six whole replies, one for each act. The scene says whether a place is dangerous just now; that follows from hour,
weather and landmark, as in game.realm.talk. Data in assets/dialogues.toml.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

from common.assets import ASSETS
from game.realm.tables import RulesError, check, read_toml
from game.realm.talk import TALK, Talk, Utterance, words
from game.realm.tongues import LOOK, PLAIN
from perception.messages import Event, Question, Scene

FILE = ASSETS / "dialogues.toml"
ACTS = ("accept", "suggest", "refuse", "offer", "tell", "chat")
ASKED = "\nReply in one sentence."
LONGEST_REPLY = 64  # characters: what a message takes as one answer
SHAPE = {"time": {"*": str}, "sky": {"*": str}, "hazard": {"*": str}, "there": str, "speaker": str}
Header = tuple[str, str, str]  # time, weather, ground of a scene


@dataclass(frozen=True, eq=False)  # compared and hashed as itself
class PlainTalk:
    """replies: act -> one reply a column. time, sky: hour and weather -> how they are told; hazard: hour or weather ->
    what it does where it is dangerous; there: the sentence about the place; speaker: who speaks."""

    replies: dict[str, tuple[str, ...]]
    time: dict[str, str]
    sky: dict[str, str]
    hazard: dict[str, str]
    there: str
    speaker: str

    @property
    def columns(self) -> int:
        """How many sets of six replies there are."""
        return len(self.replies[ACTS[0]])

    def candidates(self, column: int) -> tuple[str, ...]:
        """One reply for each of ACTS, in their order."""
        return tuple(self.replies[act][column % self.columns] for act in ACTS)


@lru_cache(maxsize=8)
def load_plain_talk(path: Path = FILE) -> PlainTalk:
    """Read and check it. Raises RulesError with the file, the key and the remedy."""
    data, name = read_toml(path), path.name
    for key in ("replies", "realm"):
        if key not in data:
            raise RulesError(f"{name}: the key {key} is missing")
    check(data["replies"], {act: [str] for act in ACTS}, f"{name} replies")
    check(data["realm"], SHAPE, f"{name} realm")
    replies = {act: tuple(data["replies"][act]) for act in ACTS}
    texts = [text for column in replies.values() for text in column]
    if len({len(column) for column in replies.values()}) > 1 or not texts or len(set(texts)) < len(texts):
        raise RulesError(f"{name} replies: each act needs as many replies as the others, and no reply may stand twice")
    if max(map(len, texts)) > LONGEST_REPLY:
        raise RulesError(
            f"{name} replies: {max(texts, key=len)!r} is longer than {LONGEST_REPLY} characters; shorten it"
        )
    return PlainTalk(replies, **{key: data["realm"][key] for key in SHAPE})


@dataclass(frozen=True)
class Remark:
    """Something said, and all that its answer rests on. thing: what stands at the place that is spoken of."""

    time: str
    weather: str
    thing: str
    said: Utterance


def dialogue(talk: Talk, plain: PlainTalk, remark: Remark, column: int, number: int = 0) -> Scene:
    """What the model reads: hour and sky, and as its one question the place and what was said. column: of the replies;
    number: of the scene."""
    said, risk = remark.said, risk_of(talk, remark)
    place = plain.there.format(place=said.place, thing=remark.thing) + (f", and {plain.hazard[risk]}" if risk else "")
    text = _told(plain, remark.time, remark.weather)
    question = f"\n{place}. I am {plain.speaker}. {words(PLAIN, talk, said)}{ASKED}"
    return Scene(number, PLAIN.name, text, (), (Question(TALK, said.place, question, plain.candidates(column)),))


def risk_of(talk: Talk, remark: Remark) -> str:
    """The weather or hour that makes the place dangerous now; "" if none does."""
    times = (remark.weather, remark.time)
    return next((when for when in times if remark.thing in talk.danger.get(when, ())), "")


def remark_at(header: Header, events: Sequence[Event], said: Utterance) -> Remark:
    """Something said in a scene of the realm."""
    thing = next((event.thing for event in events if (event.sense, event.place) == (LOOK, said.place)), "way")
    return Remark(header[0], header[1], thing, said)


@lru_cache(maxsize=1024)
def remark_of(talk: Talk, plain: PlainTalk, scene: Scene) -> Remark | None:
    """The remark that a dialogue was made of; None for what is none."""
    if len(scene.questions) != 1:
        return None
    (question,) = scene.questions
    there = re.escape(plain.there.format(place=question.place, thing="THING")).replace("THING", "([a-z]+)")
    match = re.match(rf"\n{there}[.,]", question.text)
    skies = ((time, weather) for time in plain.time for weather in plain.sky)
    sky = next((pair for pair in skies if _told(plain, *pair) == scene.text), None)
    known = (Utterance(kind, form, question.place) for kind, forms in talk.forms.items() for form in range(len(forms)))
    said = next((one for one in known if question.text.endswith(f" {words(PLAIN, talk, one)}{ASKED}")), None)
    if match is None or sky is None or said is None:
        return None
    remark = Remark(*sky, match[1], said)
    return remark if dialogue(talk, plain, remark, 0).questions[0].text == question.text else None


def _told(plain: PlainTalk, time: str, weather: str) -> str:
    return f"It is {plain.time[time]}, and {plain.sky[weather]}."
