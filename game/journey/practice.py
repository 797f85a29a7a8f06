"""How much practice the lessons are worth: so many steps each. Then a dream runs out, and one has to go and look.

The counts are the mind's own, of lessons and of steps. So they go on after a pause, and a mind that is turned back to
an earlier rest may practise again what it forgot.
"""

from dataclasses import dataclass

from game.journey.mind_client import MindClient
from game.journey.narrator import Narrator
from perception.messages import Progress

STEPS_PER_LESSON = 6  # docs/logs/species
LEAST, MOST = 6, 180  # steps of a dream; after MOST of them a mind's rate has come to rest
AGAIN = 30.0  # s until it is said again
DREAMT = "The dream has nothing more to show you. Wake, walk, and look at something new."
ATTENDED = "You have turned over all that you were shown. Go and look at something new."


def steps_left(progress: Progress) -> int:
    """Steps of practice that the lessons so far are still worth; 0 or less if all of them were taken."""
    return STEPS_PER_LESSON * progress.lessons - progress.step


@dataclass
class Practice:
    """ends: the step of the mind at which the dream under way runs out; None while nobody dreams. over: it has run
    out."""

    ends: int | None = None
    over: bool = False
    _said: float = -1e9

    def advance(self, client: MindClient, narrator: Narrator, attending: bool, resting: bool) -> None:
        """Lets the mind practise while the player attends or rests, as far as its lessons go."""
        progress, wanted = client.progress, attending or resting
        if not resting:
            self.ends, self.over = None, False
        if not wanted or progress is None or not progress.lessons:
            client.practise(wanted)
            return
        if resting and self.ends is None:
            self.ends = progress.step + min(max(LEAST, steps_left(progress)), MOST)
        left = steps_left(progress) if self.ends is None else self.ends - progress.step
        client.practise(left > 0)
        self.over = resting and left <= 0
        if left <= 0 and narrator.seconds - self._said > AGAIN:
            self._said = narrator.seconds
            narrator.say("", DREAMT if resting else ATTENDED)
