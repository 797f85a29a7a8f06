"""A real mind at a game's side, without a process: it answers at once and works a little at every poll."""

from collections import deque

from perception.messages import FromMind, ToMind
from training.mind.mind import Mind


class DirectMind:
    """What a game needs of a mind (game.journey.mind_client.Mind). every: polls from one piece of work to the next
    while it is busy; late: polls that an answer takes.
    """

    state, keeps_lessons = "awake", False

    def __init__(self, mind: Mind, every: int = 1, late: int = 0) -> None:
        self.mind, self._every, self._late, self._polls = mind, every, late, 0
        opening: list[FromMind] = [mind.ready, mind.progress()]
        self._said: deque[tuple[int, FromMind]] = deque((0, message) for message in opening)

    def send(self, message: ToMind) -> bool:
        """Answers; the game hears of it later."""
        self._say(self.mind.handle(message))
        return True

    def _say(self, messages: list[FromMind]) -> None:
        self._said += [(self._polls + self._late, message) for message in messages]

    def poll(self) -> list[FromMind]:
        """What has come since the last poll."""
        self._polls += 1
        if self.mind.busy and self._polls % self._every == 0:
            self._say(self.mind.work())
        heard = []
        while self._said and self._said[0][0] <= self._polls:
            heard.append(self._said.popleft()[1])
        return heard
