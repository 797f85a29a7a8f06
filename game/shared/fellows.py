"""The other players, as one player's game knows them: what they say and point at, whose beliefs are compared, who is
muted or blocked. All of it is hearsay."""

from collections import deque
from collections.abc import Callable, Mapping, Sequence

from game.shared.messages import (
    LINE_MAX,
    SHARED_MAX,
    Belief,
    Block,
    Compare,
    Compared,
    FromPlayer,
    FromRealm,
    Pair,
    Point,
    Pointed,
    Say,
    Share,
    Shared,
    Spoke,
)  # fmt: skip

NEWS_MAX = 32  # of what was heard and not yet fetched


class Fellows:
    """send: hands a message to the realm. asks: who wants to compare, number -> name; agreed: with whom it is agreed;
    beliefs: of those, number -> what they believe; muted: whom one doesn't want to hear; blocked: the same, and they
    don't hear one either."""

    def __init__(self, send: Callable[[FromPlayer], object]) -> None:
        self._send = send
        self.asks: dict[int, str] = {}
        self.agreed: dict[int, str] = {}
        self.beliefs: dict[int, Sequence[Belief]] = {}
        self.muted: set[int] = set()
        self.blocked: set[int] = set()
        self._news: deque[Spoke | Pointed | Compared] = deque(maxlen=NEWS_MAX)

    def forget(self) -> None:
        """The line is down: nobody is compared with any more."""
        self.asks, self.agreed, self.beliefs = {}, {}, {}

    def take(self, message: FromRealm) -> None:
        """A message about another player."""
        if isinstance(message, Spoke | Pointed):
            if message.player not in self.muted:
                self._news.append(message)
        elif isinstance(message, Shared):
            if message.player in self.agreed:
                self.beliefs[message.player] = message.beliefs
        elif isinstance(message, Compared):
            self._compared(message)

    def _compared(self, message: Compared) -> None:
        number = message.player
        self.asks.pop(number, None)
        if not message.on:
            self.agreed.pop(number, None)
            self.beliefs.pop(number, None)
        elif message.agreed:
            self.agreed[number] = message.name
        else:
            self.asks[number] = message.name
        self._news.append(message)

    def news(self) -> list[Spoke | Pointed | Compared]:
        """What was heard since the last time."""
        news = list(self._news)
        self._news.clear()
        return news

    def say(self, text: str) -> None:
        """Says something to those around."""
        text = " ".join(text.split())[:LINE_MAX]
        if text:
            self._send(Say(text))

    def point(self, place: int, species: str) -> None:
        """Points at a place in sight, and says what one sees there."""
        self._send(Point(place, species))

    def compare(self, number: int, on: bool) -> None:
        """Wants to compare beliefs with another player, agrees to it, or wants it no more."""
        self._send(Compare(number, on))
        if not on:
            self.agreed.pop(number, None)
            self.beliefs.pop(number, None)
        self.asks.pop(number, None)

    def pair(self, number: int) -> None:
        """Asks for an errand for two with another player, or agrees to it."""
        self._send(Pair(number))

    def share(self, beliefs: Mapping[int, tuple[str, float]]) -> None:
        """Tells those who agreed what one believes: place -> (species, 0 to 1)."""
        if self.agreed:
            shown = sorted(beliefs.items(), key=lambda entry: -entry[1][1])[:SHARED_MAX]
            self._send(Share([(place, species, round(100 * p)) for place, (species, p) in shown]))

    def mute(self, number: int, on: bool) -> None:
        """Hears another player no more, or again. They aren't told."""
        (self.muted.add if on else self.muted.discard)(number)

    def block(self, number: int, on: bool) -> None:
        """Hears another player no more, and isn't heard by them; or again."""
        self.mute(number, on)
        (self.blocked.add if on else self.blocked.discard)(number)
        self.agreed.pop(number, None)
        self.beliefs.pop(number, None)
        self._send(Block(number, on))
