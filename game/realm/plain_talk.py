"""What is said to the familiar in plain English, for a language model that was made elsewhere.

The model reads the hour, the sky and the place that the talk is about, then who speaks and what is said. It chooses one
of six whole replies, one for each act. The scene says whether a place is dangerous just now; that follows from hour,
weather and landmark, as in game.realm.talk. Data in assets/dialogues.toml.
"""

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


def dialogue(
    talk: Talk, plain: PlainTalk, header: Header, events: Sequence[Event], said: Utterance, column: int, number: int = 0
) -> Scene:
    """What the model reads, with what was said as its one question. number: of the scene; column: of the replies."""
    time, weather, _ = header
    thing = next((event.thing for event in events if (event.sense, event.place) == (LOOK, said.place)), "way")
    risk = next((when for when in (weather, time) if thing in talk.danger.get(when, ())), None)
    told = plain.there.format(place=said.place, thing=thing) + ("" if risk is None else f", and {plain.hazard[risk]}")
    spoken = words(PLAIN, talk, said)
    text = f"It is {plain.time[time]}, and {plain.sky[weather]}. {told}. I am {plain.speaker}. {spoken}"
    return Scene(number, PLAIN.name, text, (), (Question(TALK, said.place, ASKED, plain.candidates(column)),))
