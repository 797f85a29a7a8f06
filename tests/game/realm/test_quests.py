"""Errands in a bare world: each played through by actions alone, none by the blind, and the same again from the log."""

import copy
from dataclasses import replace
from random import Random

import pytest
from msgspec import structs

from game.realm import questbook
from game.realm.happenings import Revealed, Said, Turn
from game.realm.policy import RandomPolicy
from game.realm.quest_places import area
from game.realm.replay import ActionLog, state_hash
from game.realm.rules import NOTHING, load
from game.realm.senses import beside_seer, in_sight
from game.realm.step import step
from game.realm.world import new_world
from tests.kits.questkit import Hand

RULES = load()
BOOK = questbook.load(RULES)
BEFORE = {key: [*plan.needs] for key, plan in BOOK.quest.items()}


def begun(key: str, seed: int = 0) -> Hand:
    """A hand that has been asked for something, everything before it done."""
    hand = Hand(new_world(seed))
    for earlier, errand in hand.world.quests.errands.items():
        if earlier == key:
            break
        errand.stage = "done"
    if hand.errand(key).plan.hours:
        hand.hour(hand.errand(key).plan.hours[0])
    hand.talk(key)
    hand.guest(key)
    return hand


@pytest.mark.parametrize("seed", [0, 3])
def test_the_whole_arc_can_be_played_by_actions_alone_and_comes_back_from_its_log(seed, tmp_path):
    hand = Hand(new_world(seed))
    for key in hand.world.quests.errands:
        hand.play(key)
    quests = hand.world.quests
    assert hand.turns[-1] == Turn("register", "ended", "", BOOK.epilogue)
    assert quests.ended == hand.world.tick - 1 or quests.ended <= hand.world.tick
    assert hand.world.familiar_with, "the familiar came home with Ren"
    assert sum(errand.wrongs for errand in quests.errands.values()) == 0
    hand.log.save(tmp_path / "arc.replay")
    again = ActionLog.load(tmp_path / "arc.replay").replay()
    assert state_hash(again) == state_hash(hand.world)
    assert again.quests.tally == quests.tally
    before = quests.ended
    hand.wait(200)
    assert quests.ended == before, "one goes on living there"


def test_the_arc_asks_for_every_species_in_the_order_of_the_realm():
    species = [plan.guests[0] for plan in BOOK.quest.values() if not plan.ends]
    assert species == list(RULES.species)
    assert set(BOOK.quest["register"].guests) == set(RULES.species)
    assert len(species) >= 5


def test_a_seer_with_nothing_to_ask_is_left_to_be_asked():
    hand = Hand(new_world(0))
    quests = hand.world.quests
    miko = quests.people[list(quests.book.people).index("miko")]
    hand.walk((miko.x, miko.y), 36)
    assert quests.beside() is None and beside_seer(hand.world)
    assert miko in hand.world.seers and miko not in quests.standing


@pytest.mark.parametrize("key", [key for key, needs in BEFORE.items() if needs and key != "register"])
def test_nobody_asks_before_their_time(key):
    hand = Hand(new_world(0))
    hand.talk(key)
    assert hand.turns[-1].stage == "idle"
    assert hand.errand(key).stage == "open" and not hand.errand(key).at


def test_people_stand_apart_on_open_ground_in_every_realm():
    for seed in range(12):
        quests = new_world(seed).quests
        world = new_world(seed)
        for number, who in enumerate(quests.people):
            assert world.open(who.x, who.y) and not world.is_door(who.x, who.y)
            for other in quests.people[:number]:
                assert (who.x - other.x) ** 2 + (who.y - other.y) ** 2 > 40**2


@pytest.mark.parametrize("key", ["lantern", "well"])
def test_a_wrong_name_sends_the_guest_elsewhere_and_begins_anew(key):
    hand = begun(key)
    errand = hand.errand(key)
    hand.once(key)
    assert errand.count == 1
    place = hand.guest(key)
    hand.approach(place)
    hand.do(("name", place, next(name for name in RULES.species if name != hand.answer(place))))
    assert (errand.count, errand.wrongs, errand.at) == (0, 1, {})
    assert hand.turns[-1].lines == (errand.plan.wrong,)
    assert hand.answer(place) == NOTHING, "it has gone"


def test_a_hand_laid_on_a_guest_that_should_be_named_is_wrong():
    hand = begun("lantern")
    place = hand.guest("lantern")
    hand.go(place)
    hand.do(("touch", place))
    assert hand.errand("lantern").wrongs == 1


def test_a_wrong_touch_lets_the_kodama_double_back():
    hand = begun("child")
    hand.once("child")
    errand = hand.errand("child")
    place = hand.guest("child")
    other = next(p for p in errand.area if p != place)
    hand.go(other)
    hand.do(("touch", other))
    assert (errand.count, errand.wrongs) == (0, 1)


def test_standing_still_at_the_wrong_place_loses_a_round_and_walking_past_does_not():
    hand = begun("axe")
    errand = hand.errand("axe")
    place = hand.guest("axe")
    other = next(p for p in errand.area if p != place)
    hand.go(other)
    hand.wait(30 * errand.plan.seconds // 2)
    hand.go(place)
    assert errand.wrongs == 0
    hand.wait(30 * errand.plan.seconds)
    assert errand.count == 1
    place = hand.guest("axe")
    other = next(p for p in errand.area if p not in (place, errand.last))
    hand.go(other)
    hand.wait(30 * errand.plan.seconds + 2)
    assert (errand.count, errand.wrongs) == (0, 1)
    hand.wait(30 * errand.plan.seconds * 3)
    assert errand.wrongs == 1, "one does not lose twice without moving"


@pytest.mark.parametrize("verb", ["name", "touch"])
def test_one_wrong_name_or_hand_ends_the_roll_and_it_can_be_opened_again(verb):
    hand = begun("register")
    errand = hand.errand("register")
    assert sorted(hand.answer(place) for place in errand.at) == sorted(RULES.species)
    place = hand.guest("register")
    if verb == "name":
        hand.approach(place)
        hand.do(("name", place, NOTHING))
    else:
        hand.go(place)
        hand.do(("touch", place))
    assert (errand.stage, errand.at, errand.wrongs) == ("taken", {}, 1)
    assert not any(spirit.held for spirit in hand.world.spirits)
    hand.hour("night")
    hand.talk("register")
    assert hand.turns[-1].stage == "early"
    hand.hour("dusk")
    hand.talk("register")
    assert len(errand.at) == 6


def test_the_roll_is_over_when_its_time_is_up():
    hand = begun("register")
    hand.wait(30 * hand.errand("register").plan.seconds + 1)
    assert hand.errand("register").at == {} and hand.turns[-1].stage == "wrong"


def test_at_the_well_nobody_is_an_answer_but_never_the_last():
    last, seen = set(), set()
    for seed in range(25):
        hand = begun("well", seed % 3)
        hand.world.quests._rng = Random(seed)
        for _ in range(3):
            place = hand.guest("well")
            seen.add(hand.answer(place))
            if hand.errand("well").count == 2:
                last.add(hand.answer(place))
            hand.once("well")
    assert NOTHING in seen and seen >= {"yurei", "kodama"}
    assert NOTHING not in last


def test_no_seer_gives_a_guest_away():
    hand = begun("lantern", 1)
    errand = hand.errand("lantern")
    for _ in range(6):
        for spot in errand.area:
            hand.go(spot, 60)
            assert beside_seer(hand.world)
            happenings = hand.do(("ask",))
            named = {place for h in happenings if isinstance(h, Revealed) for place, _ in h.truth}
            assert not named & set(errand.area)
            assert any(isinstance(h, Said) for h in happenings)
    assert errand.wrongs == 0 and errand.stage == "taken"


class Guesser:
    """Somebody without sight who tries: talks to everybody, walks to places at random, touches, names, stands."""

    def __init__(self, hand: Hand, seed: int, say: tuple[str, ...], touches: bool) -> None:
        self.hand, self.rng, self.say, self.touches = hand, Random(seed), say, touches

    def stand(self, x: int, y: int) -> None:
        """Is there at once: it would only take time to walk."""
        self.hand.world.player.x, self.hand.world.player.y = x, y
        self.hand.do(("move", 1, 0))

    def turn(self) -> None:
        hand, rng, quests = self.hand, self.rng, self.hand.world.quests
        open_ = [e for e in quests.errands.values() if quests.offered(e) and e.stage != "done"]
        errand = open_[int(rng.random() * len(open_))]
        if errand.stage != "taken" or not errand.at:
            who = quests.people[list(quests.book.people).index(errand.plan.giver)]
            self.stand(who.x, who.y)
            hand.do(("talk", quests.beside()))
            hand.wait(150)
            return
        place = rng.choice(errand.area)
        spot = hand.world.map.places[place]
        self.stand(spot.x, spot.y + 16)
        if errand.plan.task == "stay":
            hand.wait(30 * (errand.plan.seconds + 1))
        elif self.touches and errand.plan.task == "track":
            hand.do(("touch", place))
        elif self.say and place in dict(in_sight(hand.world)).values():
            hand.do(("name", place, rng.choice(self.say)))


@pytest.mark.parametrize(
    ("say", "touches"),
    [((), False), ((NOTHING,), True), ((*RULES.species, NOTHING), True), (RULES.species[:1], True)],
)
def test_the_blind_do_not_reach_the_end(say, touches):
    hand = Hand(new_world(5))
    guesser = Guesser(hand, 1, say, touches)
    while hand.world.tick < 30 * 60 * 10:
        guesser.turn()
    errands = hand.world.quests.errands.values()
    assert hand.world.quests.ended > hand.world.tick
    assert not say or sum(errand.wrongs for errand in errands) > 20, "it did try"
    assert hand.errand("register").stage != "done"


def test_even_with_everything_before_it_done_the_register_is_not_guessed():
    hand = Hand(new_world(6))
    for errand in hand.world.quests.errands.values():
        errand.stage = "open" if errand.plan.ends else "done"
    for evening in range(6):
        hand.hour("dusk")
        hand.talk("register")
        guesser = Guesser(hand, evening, RULES.species, True)
        while hand.errand("register").at:
            guesser.turn()
        assert hand.errand("register").stage == "taken"
        hand.hour("night")


@pytest.mark.parametrize("seed", range(4))
def test_who_only_wanders_changes_no_errand(seed):
    world, policy = new_world(seed), RandomPolicy(seed)
    for _ in range(6000):
        step(world, policy(world))
    assert all(errand.stage == "open" for errand in world.quests.errands.values())


def test_the_state_hash_knows_errands_and_tally():
    hand = begun("lantern")
    twin = copy.deepcopy(hand.world)
    assert state_hash(twin) == state_hash(hand.world)
    twin.quests.errands["lantern"].count = 1
    assert state_hash(twin) != state_hash(hand.world)
    twin = copy.deepcopy(hand.world)
    twin.quests.tally.streak += 1
    assert state_hash(twin) != state_hash(hand.world)


def test_talking_needs_somebody_beside():
    world = new_world(0)
    far = max(range(len(world.quests.people)), key=lambda i: abs(world.quests.people[i].x - world.player.x))
    assert step(world, (("talk", far),)) == ()
    assert step(world, (("talk", 99),)) == ()
    assert step(world, (("talk", -1),)) == ()


@pytest.mark.parametrize("change", [{"rooms": ("hut",)}, {"kinds": ("gate",), "regions": ("village",)}])
@pytest.mark.parametrize("task", ["name", "all"])
def test_an_errand_about_what_a_realm_does_not_have_takes_the_nearest_places(change, task):
    world = new_world(0)
    world.map = replace(world.map, rooms=(), places=tuple(p for p in world.map.places if p.kind != "gate"))
    plan = structs.replace(world.quests.errands["register"].plan, task=task, **({"regions": ()} | change))
    places = area(world, world.player, plan)
    assert len(places) == plan.most and all(world.map.places[p].region != "room" for p in places[:1])
