"""What a player of an environment can choose: a number for every action.

0 to 7: a step north, north-east ... (clockwise); then look, ask, touch, talk; then names: for each of the eight
directions every species, and "nothing". Numbers that don't fit the moment do nothing: one asks where no seer is, or
names where no place is in sight.
"""

from game.realm.happenings import Action
from game.realm.quests import Quests
from game.realm.rules import NOTHING, Rules
from game.realm.world import World

HEADINGS = ((0, -1), (1, -1), (1, 0), (1, 1), (0, 1), (-1, 1), (-1, 0), (-1, -1))  # north first, clockwise
LOOK, ASK, TOUCH, TALK = range(len(HEADINGS), len(HEADINGS) + 4)
FIRST_NAME = TALK + 1

Sight = tuple[tuple[str, int], ...]  # (direction word, place index), nearest first


class Choices:
    """The numbers of all actions under some rules. answers: what can be said of a place."""

    def __init__(self, rules: Rules) -> None:
        self.directions, self.answers = rules.directions, (*rules.species, NOTHING)
        self.count = FIRST_NAME + len(self.directions) * len(self.answers)
        self._plain: list[Action] = [*(("move", *heading) for heading in HEADINGS), ("look",), ("ask",)]

    def name(self, direction: str, answer: str) -> int:
        """The number that says who is in a direction. Raises ValueError for an unknown word."""
        return FIRST_NAME + self.directions.index(direction) * len(self.answers) + self.answers.index(answer)

    def meaning(self, number: int) -> tuple[str, ...]:
        """The words of a number: ("move", direction), ("look",), ("ask",), ("touch",), ("talk",) or ("name", direction,
        answer)."""
        if number < len(HEADINGS):
            return ("move", self.directions[number])
        if number < FIRST_NAME:
            return (("look", "ask", "touch", "talk")[number - LOOK],)
        direction, answer = divmod(number - FIRST_NAME, len(self.answers))
        return ("name", self.directions[direction], self.answers[answer])

    def action(self, world: World, quests: Quests, seen: Sight, number: int) -> Action | None:
        """What a number means where a player stands, who sees `seen`; None if it means nothing there."""
        if number <= ASK:
            return self._plain[number]
        if number == TOUCH:
            return ("touch", seen[0][1])
        if number == TALK:
            person = quests.beside()
            return None if person is None else ("talk", person)
        direction, answer = divmod(number - FIRST_NAME, len(self.answers))
        word = self.directions[direction]
        place = next((index for other, index in seen if other == word), None)
        return None if place is None else ("name", place, self.answers[answer])
