"""The errands of a player: who asks for what, how far each is, and the tally of every species.

Only logged actions, what they revealed, and the random stream `quests` change it. A guest is a spirit that an errand
holds at a place. A wrong name moves the guest, and so does a touch where it should only be named. So nobody gets on by
trying every place and every name.
"""

from game.realm.actors import NEVER
from game.realm.errand import Errand
from game.realm.errand_list import ErrandList
from game.realm.happenings import Action, Turn
from game.realm.player import Player
from game.realm.population import Population
from game.realm.quest_places import area
from game.realm.questbook import FAMILIAR, Plan
from game.realm.rules import NOTHING
from game.realm.traces import NOBODY

PAUSE = 4  # s until the next guest comes
NEAR = 28  # px: how near counts as beside a place


class Quests(ErrandList):
    """All errands of a player, and how they move on.

    everybodys: the errands of all players of the world, by their numbers; these are added. A guest of one player's
    errand is never at the place of another's, and an errand waits for its guest while all of that species are guests.
    """

    def __init__(self, world: Population, player: Player, everybodys: list["Quests"]) -> None:
        self._everybodys = everybodys
        others = everybodys[0].people if everybodys else []
        super().__init__(world, player, [player.seer if who is world.seer else who for who in others])
        everybodys.append(self)
        self._rng = world.stream("quests" + (f"/{player.number}" if player.number else ""))
        self._busy: list[Errand] = []  # those that time passes for

    def state(self) -> tuple[object, ...]:
        """All of it, for the state hash."""
        errands = [errand.state() for errand in self.errands.values()]
        later = (*self.borrowing.state(), *(("waits",) if self.waits else ()))  # nothing in journeys without them
        return errands, self.tally.state(), self.ended, self._rng.getstate(), *later

    def wait(self, world: Population, on: bool) -> None:
        """Errands stand still while somebody speaks. Who listens beside one of the people isn't staring: they have to
        walk first."""
        self.waits = on
        if on and self.beside() is not None:
            for errand in self._busy:
                errand.listen()

    def talk(self, world: Population, index: int) -> tuple[Turn, ...]:
        """The player speaks to one of the people; nothing happens if they are not beside each other."""
        if not 0 <= index < len(self.people) or self.beside() != index:
            return ()
        who, errand = self.person(index), self.current_errand(index)
        if errand is None:
            return (Turn("", "idle", who.name, (who.idle[world.tick // 600 % len(who.idle)],)),)
        plan = errand.plan
        if errand.stage == "ready":
            return self._finish(world, errand, who.name)
        waiting = errand.stage == "open" or (plan.task == "all" and not errand.at)
        if waiting and plan.hours and world.phase not in plan.hours:
            return (Turn(errand.key, "early", who.name, (plan.early,)),)
        if not waiting:
            return (Turn(errand.key, "told", who.name, (plan.offer[-1],)),)
        around = tuple(area(world, self.people[index], plan)) if errand.stage == "open" else errand.area
        if plan.task == "all" and not self._can_all_come(world, plan, around):
            return (Turn("", "idle", who.name, who.idle[:1]),)
        if errand.stage == "open":
            errand.stage, errand.began, errand.area = "taken", world.tick, around
        self._begin(world, errand)
        return (Turn(errand.key, "given", who.name, plan.offer),)

    def on_revealed(
        self, world: Population, action: Action, truth: tuple[tuple[int, str], ...], source: str
    ) -> tuple[Turn, ...]:
        """What an action that revealed something (place, answer) means to the errands; call it right after."""
        self.tally.note(world, action, truth, source)
        if source not in ("touch", "name"):
            return ()
        place, answer = truth[0]
        named = source == "name"
        turns: tuple[Turn, ...] = ()
        for errand in self._errands_at(place):
            if place not in errand.at:
                erred = action[2] != answer if named else errand.plan.task == "track"
            elif named:
                erred = action[2] != answer
            else:
                erred = errand.plan.task != "track"
            if erred:
                turns += self._wrong(world, errand)
            elif place in errand.at:
                turns += self._right(world, errand, place)
        return turns

    def _errands_at(self, place: int) -> list[Errand]:
        """The errand whose guest is there; or those under way around it."""
        guests = [errand for errand in self._busy if place in errand.at]
        return guests or [errand for errand in self._busy if errand.at and place in errand.area]

    def pass_time(self, world: Population) -> tuple[Turn, ...]:
        """One tick for the errands under way: guests come, time runs out, somebody stands still."""
        if not self._busy:
            return ()
        if self.waits or self.borrowing.lent(world):
            for errand in self._busy:
                errand.hold_still(self._player.moving)
            return ()
        turns: tuple[Turn, ...] = ()
        for errand in list(self._busy):
            if world.tick >= errand.due and not errand.at:
                self._call(world, errand)
            elif world.tick >= errand.due:
                turns += self._wrong(world, errand)
            elif errand.plan.task == "stay" and errand.at:
                turns += self._stand(world, errand)
        return turns

    def _stand(self, world: Population, errand: Errand) -> tuple[Turn, ...]:
        player = self._player
        if player.moving or player.resting:
            errand.still, errand.beside = 0, NOBODY
            return ()
        if errand.still == 0:
            places = world.map.places
            near = [((places[p].x - player.x) ** 2 + (places[p].y - player.y) ** 2, p) for p in errand.area]
            distance, place = min(near)
            errand.beside = place if distance <= NEAR**2 else NOBODY
        if errand.still < 0 or errand.beside == NOBODY:
            return ()
        errand.still += 1
        if errand.still < errand.plan.seconds * world.rules.ticks_per_second:
            return ()
        place, errand.still = errand.beside, -1
        return self._right(world, errand, place) if place in errand.at else self._wrong(world, errand)

    def _begin(self, world: Population, errand: Errand) -> None:
        """Free spirits of the same species leave the area, and the first guest comes, or all of them."""
        for spirit in world.spirits:
            if spirit.place in errand.area and not spirit.held and spirit.kind.name in errand.plan.guests:
                spirit.yield_place(world)
        errand.count, errand.last = 0, NOBODY
        self._busy.append(errand)
        if errand.plan.task != "all":
            self._call(world, errand)
            return
        around = self._left_by_others(errand.area)
        free = [place for place in around if not any(place in other.at for other in self._busy)]
        free = free if len(free) >= len(errand.plan.guests) else around
        for species, place in zip(errand.plan.guests, self._rng.sample(free, len(errand.plan.guests)), strict=True):
            errand.at[place] = self._fetch(world, species, place)
        errand.due = world.tick + errand.plan.seconds * world.rules.ticks_per_second if errand.plan.seconds else NEVER

    def _call(self, world: Population, errand: Errand) -> None:
        """The next guest comes to another place, or later if there is none. The last guest is never `nothing`."""
        plan = errand.plan
        last = errand.count == plan.count - 1
        guests = [guest for guest in plan.guests if guest != NOTHING] if last else plan.guests
        species = self._rng.choice(guests)
        around = self._left_by_others(errand.area)
        if not around or (species != NOTHING and not self._able(world, species)):
            errand.due = world.tick + PAUSE * world.rules.ticks_per_second
            return
        taken = [place for other in self._busy for place in other.at]
        free = [place for place in around if place not in taken and place != errand.last] or around
        place = self._rng.choice(free)
        errand.at, errand.due, errand.last = {place: self._fetch(world, species, place)}, NEVER, place

    def _left_by_others(self, places: tuple[int, ...]) -> list[int]:
        """Those of these places where no guest of another player's errand is."""
        if len(self._everybodys) == 1:
            return list(places)
        others = [quests for quests in self._everybodys if quests is not self]
        taken = {place for quests in others for errand in quests._busy for place in errand.at}
        return [place for place in places if place not in taken]

    def _can_all_come(self, world: Population, plan: Plan, around: tuple[int, ...]) -> bool:
        """True if other players' errands leave enough places, and enough spirits of every species, to all guests."""
        if len(self._everybodys) == 1:
            return True
        enough = all(len(self._able(world, name)) >= plan.guests.count(name) for name in plan.guests)
        return enough and len(self._left_by_others(around)) >= len(plan.guests)

    @staticmethod
    def _able(world: Population, species: str) -> list[int]:
        """The numbers of the spirits of this species that no errand holds."""
        return [n for n, spirit in enumerate(world.spirits) if spirit.kind.name == species and not spirit.held]

    def _fetch(self, world: Population, species: str, place: int) -> int:
        """Holds a spirit of this species at a place; returns its number, NOBODY for nothing."""
        if species == NOTHING:
            return NOBODY
        number = min(self._able(world, species), key=lambda n: (world.spirits[n].place != NOBODY, n))
        world.hold(world.spirits[number], place)
        return number

    def _release(self, world: Population, errand: Errand, place: int) -> None:
        number = errand.at.pop(place)
        if number != NOBODY:
            world.spirits[number].release(world)

    def _right(self, world: Population, errand: Errand, place: int) -> tuple[Turn, ...]:
        plan = errand.plan
        self._release(world, errand, place)
        line = plan.right[min(errand.count, len(plan.right) - 1)]
        errand.count += 1
        if errand.count < plan.count:
            if plan.task != "all":
                errand.due = world.tick + PAUSE * world.rules.ticks_per_second
            return (Turn(errand.key, "right", "", (line,)),)
        errand.stage, errand.due = "ready", NEVER
        self._busy.remove(errand)
        turn = Turn(errand.key, "right" if plan.ends else "ready", "", (line,))
        return (turn, *self._finish(world, errand, "")) if plan.ends else (turn,)

    def _wrong(self, world: Population, errand: Errand) -> tuple[Turn, ...]:
        """Every guest goes. `track` and `stay` lose one step, `name` begins anew, `all` has to be taken again."""
        for place in list(errand.at):
            self._release(world, errand, place)
        errand.wrongs += 1
        errand.count = max(0, errand.count - 1) if errand.plan.task in ("track", "stay") else 0
        if errand.plan.task == "all":
            self._busy.remove(errand)
            errand.due = NEVER
        else:
            errand.due = world.tick + PAUSE * world.rules.ticks_per_second
        return (Turn(errand.key, "wrong", "", (errand.plan.wrong,)),)

    def _finish(self, world: Population, errand: Errand, who: str) -> tuple[Turn, ...]:
        errand.stage, errand.ended = "done", world.tick
        if errand.plan.gives == FAMILIAR:
            world.familiar_joins(self._player)
        if not errand.plan.ends:
            return (Turn(errand.key, "done", who, errand.plan.done),)
        self.ended = world.tick
        return (Turn(errand.key, "ended", "", self.book.epilogue),)
