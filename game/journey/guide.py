"""The first minutes: one line at a time says what to do next and with which key."""

from collections.abc import Mapping
from dataclasses import dataclass

STEPS = ("walk", "ask", "attend", "rest", "errand", "end")
WALKED = 40  # px after which walking is understood
ATTENDED = 2.5  # s after which attending is
PATIENCE = 60.0  # s that somebody's question is pointed out
ENDING = 12.0  # s that the last line stays
SHOWN, AWAY = 45.0, 60.0  # s that a line stays, and that it is away before it comes again


@dataclass
class Guide:
    """The newcomer's place in STEPS. After the last step there is nothing to say."""

    step: int = 0
    walked: int = 0  # px
    attended: float = 0.0  # s
    rested: bool = False
    waited: float = 0.0  # s
    ended: float = 0.0  # s
    since: float = 0.0  # s that the line of this step was there, or was away

    @property
    def quiet(self) -> bool:
        """True while it says nothing: it has said all, or its line has stood there long enough."""
        return self.step >= len(STEPS) or self.since % (SHOWN + AWAY) >= SHOWN

    def skip(self) -> None:
        """Says nothing: for a player who knows the game."""
        self.step = len(STEPS)

    def advance(
        self, dt: float, walked: int, attending: bool, resting: bool, pointed: int, has_errand: bool = False
    ) -> None:
        """Lets dt seconds pass. walked: px since the last call; pointed: spirits that the seer has pointed at;
        has_errand: somebody has given an errand."""
        self.walked += walked
        self.attended += dt if attending and pointed else 0.0
        self.rested = self.rested or (resting and pointed > 0)
        known = STEPS[self.step] if self.step < len(STEPS) else ""
        self.waited += dt if known == "errand" else 0.0
        self.ended += dt if known == "end" else 0.0
        done = {
            "walk": self.walked >= WALKED,
            "ask": pointed > 0,
            "attend": self.attended >= ATTENDED or self.rested,
            "rest": self.rested and not resting,
            "errand": has_errand or self.waited > PATIENCE,
            "end": self.ended > ENDING,
        }
        self.since += dt
        if done.get(known):
            self.step, self.since = self.step + 1, 0.0

    def line(self, verb: str, labels: Mapping[str, str]) -> str:
        """What to do now, keys in brackets; empty if there is nothing to say. verb: what the key for acting does;
        labels: the key of each command, as it is printed on it."""
        if self.quiet:
            return ""
        names = ("walk", "act", "attend", "rest", "heads", "name")
        walk, act, attend, rest, heads, name = (labels[key] for key in names)
        ask = f"[{act}] ask Granny Ume what you look past. Nobody here? Walk on and ask again."
        return {
            "walk": f"[{walk}] walk. The old woman follows: Granny Ume was born seeing.",
            "ask": ask if verb in ("ask", "look") else f"Step away from here, then [{act}] ask Granny Ume.",
            "attend": f"Hold [{attend}] to attend: your heads learn what she showed you.",
            "rest": f"[{rest}] rest, and dream of it: most is learnt in dreams.",
            "errand": f"Somebody has something to ask of you: go to the ? and [{act}] talk.",
            "end": f"What do you see that nobody points at? [{name}] names it. [{heads}] shows your heads.",
        }[STEPS[self.step]]
