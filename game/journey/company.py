"""What Granny Ume says by herself as one goes along: each line once, when nobody speaks and nobody is stared at.

A moment that comes again, or goes on, has its next line after a while.

Every remark is about something that anybody could notice: where one is, the hour, the weather, what one has just done.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from game.journey.tracking import room_at, staring
from game.realm.senses import nearest_place
from game.realm.view import PlayerView

PAUSE = 8.0  # s between the last word that was said and hers
AGAIN = 150.0  # s from one line about a moment to the next one about the same
BESIDE = 140  # px: so near she has to be


@dataclass
class Company:
    """says: what she says, by the moment that calls for it; spoken: how many lines each moment has had; moments: what
    has happened and waits for a word."""

    world: PlayerView
    says: Mapping[str, Sequence[str]]
    spoken: dict[str, int] = field(default_factory=dict)
    moments: list[str] = field(default_factory=list)
    _quiet: float = 0.0  # s since somebody spoke
    _seconds: float = 0.0  # s since she came along
    _last: dict[str, float] = field(default_factory=dict)  # when each moment had its last line

    def note(self, moment: str) -> None:
        """Something happened that she may have a word for."""
        left = len(self.says.get(moment, ())) - self.spoken.get(moment, 0)
        if left > 0 and moment not in self.moments and self._seconds >= self._last.get(moment, -AGAIN) + AGAIN:
            self.moments.append(moment)

    def advance(self, dt: float, speaking: bool, resting: bool) -> str:
        """Lets dt s pass. What she says now; nothing most of the time."""
        self._seconds += dt
        self._quiet = 0.0 if speaking or resting else self._quiet + dt
        if resting:
            return ""
        self._look_around()
        if self._quiet < PAUSE or not self.moments or not self._near() or staring(self.world) is not None:
            return ""
        moment = self.moments.pop(0)
        lines, number = self.says[moment], self.spoken.get(moment, 0)
        self.spoken[moment], self._last[moment] = number + 1, self._seconds
        self._quiet = 0.0
        return lines[(self.world.seed + number) % len(lines)]

    def _look_around(self) -> None:
        """Notes the region, the hour and the weather, the newest one in place of those that are over."""
        player = self.world.player
        inside = room_at(self.world, player.x, player.y) is not None
        place = "indoors" if inside else nearest_place(self.world).region
        now = [place, self.world.phase, *([] if inside else [self.world.weather])]
        passing = (*self._places(), "dawn", "day", "dusk", "night", "clear", "rain", "wind", "mist")
        self.moments = [moment for moment in self.moments if moment not in passing or moment in now]
        for moment in now:
            self.note(moment)

    @staticmethod
    def _places() -> tuple[str, ...]:
        return "village", "forest", "river", "shrine", "crossing", "indoors"

    def _near(self) -> bool:
        seer, player = self.world.player.seer, self.world.player
        return abs(seer.x - player.x) <= BESIDE and abs(seer.y - player.y) <= BESIDE
