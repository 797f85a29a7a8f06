"""A shared realm and its guests, without a network: messages in, ticks, messages out.

A guest enters, gets a Welcome, sends Deeds, and gets Updates and what they were told. What players say to
each other goes through `company`; it never enters the world.
"""

from game.realm.happenings import Action
from game.realm.replay import realm_mark
from game.shared.company import Company
from game.shared.guest import Guest
from game.shared.interest import Interest
from game.shared.messages import STAND, UPDATE_EVERY, Deeds, FromPlayer, Leave, Notice, Pair, Welcome
from game.shared.pair_errands import SAME
from game.shared.shared_world import Place, SharedWorld

CHECKED = 15  # updates from one digest to the next
AWAY: Action = ("wait", True)  # errands stand still for those who are away
BACK: Action = ("wait", False)


class Host:
    """shared: the realm; guests: those in play, by number."""

    def __init__(self, shared: SharedWorld) -> None:
        self.shared = shared
        self.guests: dict[int, Guest] = {}
        self.interest = Interest(shared.world)
        self.company = Company(self.guests, shared.world)
        self._changes: dict[int, list[Action]] = {}  # what is done for those who came or left, in the next tick
        for place in shared.places:  # when a realm goes on, nobody is in it yet, however it ended
            self._absent(place)
        self.interest.note(set())

    def enter(self, name: str, key: bytes, last: int = 0) -> Guest:
        """A player comes, or comes back to their place. key: what claims it; last: the number of the last Told that
        they have. Raises RealmError with a line for them."""
        shared = self.shared
        place = shared.claim(name, key)
        if place.number in self.guests:
            self.leave(self.guests[place.number])
        guest = Guest(place)
        guest.heard(last)
        self.guests[place.number] = guest
        shared.come(place)
        waits = shared.world.quests_of[place.number].waits
        self._changes[place.number] = [BACK] if waits else []
        self.interest.note(shared.here)
        world = shared.world
        seen = guest.look(world, self.interest, self._names())
        guest.send(Welcome(place.number, world.seed, world.start_hour, seen, realm_mark(world.rules)))
        guest.tell()
        self._say_to_others(guest, f"{place.name} has come into the realm.")
        return guest

    def take(self, guest: Guest, message: FromPlayer) -> None:
        """A guest's message."""
        if isinstance(message, Deeds):
            guest.take(message)
        elif isinstance(message, Leave):
            self.leave(guest)
        elif isinstance(message, Pair):
            self._pair(guest, message.player)
        else:
            self.company.take(guest, message)

    def leave(self, guest: Guest) -> None:
        """A guest goes; their place is kept."""
        if self.guests.get(guest.place.number) is not guest:
            return
        guest.gone = True
        del self.guests[guest.place.number]
        for place in self.shared.go(guest.place):
            if place.number in self.guests:
                self.guests[place.number].tell()
        self._absent(guest.place)
        self._say_to_others(guest, f"{guest.place.name} has left.")

    def _pair(self, guest: Guest, number: int) -> None:
        """Two who both ask for it are given an errand for two."""
        other, shared, name = self.guests.get(number), self.shared, guest.place.name
        if other is None or not self.company.may_ask(guest, other):
            return
        if shared.pairs.of(number) is not None or shared.pairs.of(guest.place.number) is not None:
            guest.send(Notice("One of you is on an errand for two already."))
        elif guest.place.number not in other.pairs:
            guest.pairs.add(number)
            guest.send(Notice(f"You ask {other.place.name} to come on an errand for two."))
            other.send(Notice(f"{name} asks you to come on an errand for two. Choose it with their name, too."))
        else:
            other.pairs.discard(guest.place.number)
            guest.pairs.discard(number)
            begun = shared.begin_pair(other.place, guest.place)
            for one, partner in ((guest, other), (other, guest)):
                if begun:
                    one.tell()
                else:
                    one.send(Notice(SAME.format(name=partner.place.name)))

    def tick(self) -> None:
        """One tick of the realm, and what everybody is told of it."""
        deeds = {number: actions for number, actions in self._changes.items() if actions}
        self._changes = {}
        for number, guest in self.guests.items():
            own = guest.next()
            if own:
                deeds[number] = [*deeds.get(number, ()), *own]
                guest.fresh = True
        for place in self.shared.tick(deeds):
            if place.number in self.guests:
                self.guests[place.number].tell()
        self._update()

    def _update(self) -> None:
        """Updates for those whose turn it is: half of them in each tick, so that no tick is a long one."""
        shared, names = self.shared, self._names()
        tick = shared.world.tick
        self.interest.note(shared.here)
        for number, guest in self.guests.items():
            if guest.ready and (tick + number) % UPDATE_EVERY == 0:
                guest.update(shared.world, self.interest, names, (tick + number) // UPDATE_EVERY % CHECKED == 0)

    def _absent(self, place: Place) -> None:
        """A player isn't in play: they stand, and so do their errands."""
        place.walk = STAND
        self._changes[place.number] = [AWAY]

    def _names(self) -> dict[int, str]:
        return {number: guest.place.name for number, guest in self.guests.items()}

    def _say_to_others(self, guest: Guest, line: str) -> None:
        for other in self.guests.values():
            if other is not guest:
                other.send(Notice(line))
