"""What a lesson about talk holds: something said beside a scene, and the act that answers it.

Whether an act is right follows from the words and, for a direction, from what stands there at that hour, in that
weather. A memory keeps just these, so that a dream can put them into another scene without adding any truth.
"""

import re
from dataclasses import dataclass
from functools import lru_cache

from game.realm.talk import Utterance, load_talk, talk_question
from game.realm.tongues import TONGUES, Tongue
from perception.messages import Question, Scene

Sensed = tuple[tuple[str, str], ...]  # (sense, thing), at one place


@dataclass(frozen=True)
class TalkMemory:
    """header: (time, weather, ground); sensed: what was at the place that the talk was about; act: the right answer.

    spots: what was sensed at the other places of the scene.
    """

    header: tuple[str, str, str]
    sensed: Sensed
    said: Utterance
    act: str
    spots: tuple[Sensed, ...]

    @property
    def size(self) -> int:
        """Places of its scene."""
        return 1 + len(self.spots)


@lru_cache(maxsize=8)
def _opening(tongue: Tongue) -> re.Pattern[str]:
    return re.compile(re.sub(r"\\\{(\w+)\\\}", r"(?P<\1>.+?)", re.escape(tongue.header)))


def heading(scene: Scene) -> tuple[str, str, str] | None:
    """(time, weather, ground) as a scene's text begins with them; None if it doesn't, or for an unknown tongue."""
    tongue = TONGUES.get(scene.tongue)
    opening = _opening(tongue).match(scene.text) if tongue else None
    return (opening["time"], opening["weather"], opening["ground"]) if opening else None


def understood(scene: Scene, question: Question) -> Utterance | None:
    """What was said, told from its words; None for words that talk.toml doesn't hold."""
    tongue, talk = TONGUES.get(scene.tongue), load_talk()
    if tongue is None:
        return None
    known = (Utterance(kind, form, question.place) for kind, forms in talk.forms.items() for form in range(len(forms)))
    return next((said for said in known if talk_question(tongue, talk, said).text == question.text), None)


def heard(scene: Scene, question: Question, act: str) -> TalkMemory | None:
    """The memory of something said in a scene; None where its words, its place or the hour can't be told."""
    header, said = heading(scene), understood(scene, question)
    places: dict[str, list[tuple[str, str]]] = {}
    for event in scene.events:
        places.setdefault(event.place, []).append((event.sense, event.thing))
    if header is None or said is None or said.place not in places:
        return None
    spots = tuple(tuple(sensed) for place, sensed in places.items() if place != said.place)
    return TalkMemory(header, tuple(places[said.place]), said, act, spots)
