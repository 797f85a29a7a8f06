"""Two-name stories: the sentences in which circuits for indirect objects are looked for (Wang 2022, arXiv 2211.00593).

"then mary and john went to the school . john gave the book to" -> mary. ABBA: the one introduced second gives;
BABA: the first; ABC: somebody else, so that neither name stands twice. Data in assets/stories.toml. Some forms and
about a tenth of the pairs of names are held out of every training.
"""

from dataclasses import dataclass
from functools import lru_cache
from itertools import combinations
from pathlib import Path
from random import Random
from zlib import crc32

from common.assets import ASSETS
from game.realm.tables import LONGEST_LIST, RulesError, english, read, sentences, vocabulary, words
from game.realm.tongues import Tongue
from perception.messages import Question, Scene

STORIES_TOML = ASSETS / "stories.toml"
STORY = "story"
OPENING = {"terse": "tale ", "plain": ""}  # all terse stories begin alike: attention can rest on the first word
ABBA, BABA, ABC = "ABBA", "BABA", "ABC"
SPLITS = ("trained", "template", "pair")
HOLES = ("a", "b", "s", "place", "thing")


@dataclass(frozen=True, eq=False)  # compared and hashed as itself
class Stories:
    """stories.toml, frozen. Each form is (story, where the answer is asked); forms from `trained` on are held out."""

    names: tuple[str, ...]
    places: tuple[str, ...]
    things: tuple[str, ...]
    forms: tuple[tuple[str, str], ...]
    trained: int

    def words(self) -> list[str]:
        """Every word of the terse tongue that stories need."""
        texts = tuple(part for form in self.forms for part in form)
        return list(dict.fromkeys(["tale", *vocabulary(texts), *self.names, *self.places, *self.things]))


@dataclass(frozen=True)
class Story:
    """One story. first, second: as introduced; subject: who gives; indirect: who is given to (of ABC: one of two)."""

    form: int
    order: str
    first: str
    second: str
    subject: str
    indirect: str
    place: str
    thing: str


@lru_cache(maxsize=8)
def load_stories(path: Path = STORIES_TOML) -> Stories:
    """Read and check the stories. Raises RulesError with the file, the key and the remedy."""
    data = read(path, ("names", "places", "things", "forms", "held"))
    name = path.name
    forms: list[tuple[str, str]] = []
    for key in ("forms", "held"):
        if not isinstance(data[key], list) or not 1 <= len(data[key]) <= LONGEST_LIST:
            raise RulesError(f"{name} {key}: must be a list of 1 to {LONGEST_LIST} [story, question]")
        for number, both in enumerate(data[key]):
            where = f"{name} {key}[{number}]"
            story, question = sentences(both, where, HOLES, 2)[:2]
            if len(both) != 2 or "{a}" not in story or "{b}" not in story or "{s}" not in question:
                raise RulesError(f"{where}: must be [story with {{a}} and {{b}}, question with {{s}}]")
            forms.append((story, question))
    names, places, things = (words(data[k], f"{name} {k}", 4) for k in ("names", "places", "things"))
    held = {held_pair(one, other) for one, other in combinations(names, 2)}
    if len(held) < 2:
        raise RulesError(f"{name} names: some pairs must be held out and some not; add names")
    return Stories(names, places, things, tuple(forms), len(data["forms"]))


def held_pair(one: str, other: str) -> bool:
    """Whether no training puts these two names into one story. About a tenth of all pairs; order does not matter."""
    return crc32(" ".join(sorted((one, other))).encode()) % 10 == 0


def draw(rng: Random, stories: Stories, order: str | None = None, split: str = "trained") -> Story:
    """A random story. order: None for ABBA or BABA. split: `trained`, or a held-out `template` or `pair` of names."""
    order = order or rng.choice((ABBA, BABA))
    held = split == "template"
    form = rng.randrange(stories.trained, len(stories.forms)) if held else rng.randrange(stories.trained)
    while True:
        first, second, third = rng.sample(stories.names, 3)
        if held_pair(first, second) == (split == "pair"):
            break
    subject = {ABBA: second, BABA: first, ABC: third}[order]
    indirect = {ABBA: first, BABA: second, ABC: rng.choice((first, second))}[order]
    return Story(form, order, first, second, subject, indirect, rng.choice(stories.places), rng.choice(stories.things))


def story_text(tongue: Tongue, stories: Stories, story: Story) -> tuple[str, str]:
    """The text of a story and of its question; the answer is the next word."""
    filled = {"place": story.place, "thing": story.thing}
    people = {"a": story.first, "b": story.second, "s": story.subject}
    text, question = stories.forms[story.form]
    if tongue.name == "terse":
        return OPENING["terse"] + text.format(**filled, **people), question.format(**filled, **people)
    people = {key: name.title() for key, name in people.items()}
    whole = english(f"{text} {question}").format(**filled, **people)
    cut = len(english(text).format(**filled, **people))
    return whole[:cut], whole[cut:]


def story_question(tongue: Tongue, stories: Stories, story: Story) -> Question:
    """Who is given to? place is the thing that is given; every name is a candidate."""
    names = stories.names if tongue.name == "terse" else tuple(name.title() for name in stories.names)
    return Question(STORY, story.thing, story_text(tongue, stories, story)[1], names)


def story_scene(tongue: Tongue, stories: Stories, story: Story, number: int = 0) -> Scene:
    """The story as a scene without events, with that one question."""
    return Scene(
        number, tongue.name, story_text(tongue, stories, story)[0], (), (story_question(tongue, stories, story),)
    )
