"""What the novice learns by heart or from one sentence, beside its scenes: lore and two-name stories.

Each is a decision of its own behind a context of one word, many in a row: the same numbers as if each stood alone, at a
fraction of a forward pass (perception.packing). Held-out forms and pairs of names never occur.
"""

from functools import lru_cache
from random import Random

from game.realm import lore, stories
from game.realm.lore import fact_question, load_lore, trained_forms
from game.realm.stories import ABC, draw, load_stories, story_text
from game.realm.tongues import TERSE
from perception.packing import Decision

LORE_ROWS, LORE_PER_ROW = 3, 8
STORY_ROWS, STORIES_PER_ROW = 6, 3
THREE_PEOPLE = 0.12  # of stories name nobody twice: then either of the first two may be given to


@lru_cache(maxsize=2)
def words() -> list[str]:
    """Every word of lore and stories."""
    return list(dict.fromkeys([*load_lore().words(), *load_stories().words()]))


def fact(rng: Random, ids: dict[str, int], context: int) -> Decision:
    """A random fact in a form that is trained, to be told from memory behind any context."""
    known = load_lore()
    lore_fact = rng.choice(known.facts)
    question = fact_question(TERSE, known, lore_fact, rng.choice(trained_forms(lore_fact)))
    return Decision(context, tuple(ids[word] for word in question.text.split()), (ids[lore_fact.value],))


def _story(rng: Random, ids: dict[str, int], context: int) -> Decision:
    known = load_stories()
    story = draw(rng, known, ABC if rng.random() < THREE_PEOPLE else None)
    text = " ".join(story_text(TERSE, known, story)).split()[1:]  # its opening is the context
    return Decision(context, tuple(ids[word] for word in text), (ids[story.indirect],))


def lore_and_stories(rng: Random, ids: dict[str, int]) -> tuple[list[list[int]], list[Decision]]:
    """Contexts of one word and a batch of facts and stories behind them. ids: word -> token."""
    openings = [lore.OPENING["terse"]] * LORE_ROWS + [stories.OPENING["terse"].strip()] * STORY_ROWS
    decisions = [fact(rng, ids, row) for row in range(LORE_ROWS) for _ in range(LORE_PER_ROW)]
    decisions += [
        _story(rng, ids, row) for row in range(LORE_ROWS, LORE_ROWS + STORY_ROWS) for _ in range(STORIES_PER_ROW)
    ]
    return [[ids[opening]] for opening in openings], decisions
