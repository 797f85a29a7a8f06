"""What players say to each other: words, places pointed at, and beliefs that two agreed to compare.

All of it is hearsay. It is passed on to those who are near, never to somebody who blocked the speaker or whom they
blocked, and never into the world.
"""

from collections.abc import Mapping

from game.realm.rules import NOTHING
from game.realm.terrain import TILE
from game.realm.world import World
from game.shared.guest import Guest
from game.shared.messages import (
    Block,
    Compare,
    Compared,
    FromPlayer,
    FromRealm,
    Notice,
    Point,
    Pointed,
    Say,
    Share,
    Shared,
    Spoke,
)  # fmt: skip

EARSHOT = 22 * TILE  # px along either axis: about the picture
LINES, WITHIN = 4, 150  # things said, in so many ticks: who says more isn't heard
TOO_MUCH = "Too many words at once. Wait a little."


class Company:
    """guests: those in play, by number."""

    def __init__(self, guests: Mapping[int, Guest], world: World) -> None:
        self.guests, self.world = guests, world

    def take(self, guest: Guest, message: FromPlayer) -> None:
        """A guest says, points, compares, shares or blocks. What can't be meant is left out."""
        if isinstance(message, Say | Point):
            self._aloud(guest, message)
        elif isinstance(message, Compare):
            self._compare(guest, message)
        elif isinstance(message, Share):
            self._share(guest, message)
        elif isinstance(message, Block):
            self._block(guest, message)

    def _aloud(self, guest: Guest, message: Say | Point) -> None:
        if not self._may_speak(guest):
            guest.send(Notice(TOO_MUCH))
            return
        place = guest.place
        heard: FromRealm
        if isinstance(message, Say):
            heard = Spoke(place.number, place.name, message.text)
        else:
            rules, known = self.world.rules, guest.seen.sensed if guest.seen is not None else {}
            if message.place not in known or message.species not in (*rules.species, NOTHING):
                return
            heard = Pointed(place.number, place.name, message.place, message.species)
        for other in self.near(guest):
            other.send(heard)

    def _may_speak(self, guest: Guest) -> bool:
        tick, said = self.world.tick, guest.said
        while said and tick - said[0] > WITHIN:
            said.popleft()
        if len(said) >= LINES:
            return False
        said.append(tick)
        return True

    def may_ask(self, guest: Guest, other: Guest) -> bool:
        """Whether a guest may ask another for something now: neither blocks the other, and they don't ask too much."""
        if other is guest or blocked(guest, other):
            return False
        if self._may_speak(guest):
            return True
        guest.send(Notice(TOO_MUCH))
        return False

    def near(self, guest: Guest) -> list[Guest]:
        """The guests in earshot of one, with whom neither has blocked the other."""
        players = self.world.players
        me = players[guest.place.number]
        near = []
        for number, other in self.guests.items():
            who = players[number]
            heard = abs(who.x - me.x) <= EARSHOT and abs(who.y - me.y) <= EARSHOT
            if other is not guest and heard and not blocked(guest, other):
                near.append(other)
        return near

    def _compare(self, guest: Guest, message: Compare) -> None:
        other = self.guests.get(message.player)
        if other is None or (message.on and not self.may_ask(guest, other)):
            return
        (guest.wants.add if message.on else guest.wants.discard)(message.player)
        number = guest.place.number
        agreed = message.on and number in other.wants
        if not message.on:
            other.wants.discard(number)
        other.send(Compared(number, guest.place.name, message.on, agreed))
        if agreed:
            guest.send(Compared(other.place.number, other.place.name, True, True))

    def _share(self, guest: Guest, message: Share) -> None:
        known = guest.seen.sensed if guest.seen is not None else {}
        beliefs = [belief for belief in message.beliefs if belief[0] in known]
        for other in self.near(guest):
            if guest.place.number in other.wants and other.place.number in guest.wants:
                other.send(Shared(guest.place.number, beliefs))

    def _block(self, guest: Guest, message: Block) -> None:
        (guest.blocked.add if message.on else guest.blocked.discard)(message.player)
        other = self.guests.get(message.player)
        if message.on:
            guest.wants.discard(message.player)
            if other is not None:
                other.wants.discard(guest.place.number)


def blocked(one: Guest, other: Guest) -> bool:
    """True if either has blocked the other."""
    return other.place.number in one.blocked or one.place.number in other.blocked
