"""Errands for two: each names what the other has never met, with the other beside them."""

from pathlib import Path

import pytest

from game.realm.happenings import Revealed, Said
from game.realm.realms import Heard
from game.realm.replay import state_hash
from game.realm.rules import Rules
from game.realm.rules import load as load_rules
from game.realm.senses import in_sight, who_is_at
from game.shared.joined import JoinedRealm
from game.shared.pair_errands import BESIDE, DONE, LASTS, LATE
from game.shared.realm_folder import RealmFolder, live_again
from tests.kits.sharedkit import Realm


class Pair:
    """Two players of whom each knows one species that the other doesn't."""

    def __init__(self, folder: Path, rules: Rules | None = None) -> None:
        self.realm = Realm(folder, seed=1, rules=rules)
        self.joined = [self.realm.join(name) for name in ("Aki", "Ben")]
        self.heard: list[list[Heard]] = [[], []]
        for number, species in enumerate(("kitsune", "oni")):
            self.realm.world.quests_of[number].tally.pages[species].shown = 1

    def tick(self, deeds: dict[int, tuple] | None = None, ticks: int = 1) -> None:
        for _ in range(ticks):
            for number, one in enumerate(self.joined):
                own = (deeds or {}).get(number, ())
                self.heard[number] += one.tick(own, bool(own), "terse")
            self.realm.host.tick()
            deeds = None
        for number, one in enumerate(self.joined):
            self.heard[number] += one.tick((), False, "terse")
        self.realm.host.tick()

    def ask(self) -> None:
        self.joined[0].fellows.pair(1)
        self.joined[1].fellows.pair(0)
        self.tick(ticks=3)

    def name(self, number: int, species: str, right: bool = True) -> int:
        """Puts a spirit of a species before a player, who names it; the other stands beside. Returns the place."""
        world = self.realm.world
        player = world.players[number]
        place = next(p for _, p in in_sight(world, player) if who_is_at(world, p) not in world.rules.species)
        spirit = next(s for s in world.spirits if s.kind.name == species and not s.held)
        world.hold(spirit, place)
        self.tick({number: (("name", place, species if right else "tengu"),)}, 3)
        return place

    def words(self, number: int) -> list[str]:
        return [one.text for heard in self.heard[number] for one in heard.happenings if isinstance(one, Said)]


@pytest.fixture
def pair(tmp_path: Path) -> Pair:
    return Pair(tmp_path / "r")


def test_two_who_ask_are_given_what_the_other_never_met(pair: Pair) -> None:
    pair.joined[0].fellows.pair(1)
    pair.tick(ticks=3)
    assert not pair.realm.host.shared.pairs.open, "one alone has none"
    assert any("asks you" in note for note in pair.joined[1].notes)
    pair.joined[1].fellows.pair(0)
    pair.tick(ticks=3)
    errand = pair.realm.host.shared.pairs.open[0]
    assert errand.wants == {0: "kitsune", 1: "oni"}
    assert "never met a kitsune" in pair.words(0)[-1] and "never met an oni" in pair.words(1)[-1]


def test_both_name_theirs_and_each_is_shown_the_others(pair: Pair) -> None:
    pair.ask()
    place = pair.name(0, "kitsune")
    shown = pair.heard[1][-1]
    assert shown.happenings[1] == Revealed("seer", ((place, "kitsune"),)) and shown.view is not None
    assert place in shown.view.places.values(), "with the scene, so that a mind can learn it"
    assert "Now the oni" in pair.words(0)[-1] and "Now the oni" in pair.words(1)[-1]
    pair.name(0, "kitsune")
    assert pair.realm.host.shared.pairs.open, "naming one's own twice is no help"
    pair.name(1, "oni")
    assert pair.words(0)[-1] == DONE == pair.words(1)[-1]
    assert not pair.realm.host.shared.pairs.open and pair.realm.host.shared.pairs.finished == {0: 1, 1: 1}


@pytest.mark.parametrize(
    ("who", "species", "right", "apart"),
    [(0, "oni", True, 0), (0, "kitsune", False, 0), (0, "kitsune", True, BESIDE + 16)],
    ids=["the other's", "wrong", "alone"],
)
def test_what_does_not_count(pair: Pair, who: int, species: str, right: bool, apart: int) -> None:
    pair.ask()
    pair.realm.world.players[1].x -= apart
    pair.name(who, species, right)
    assert pair.realm.host.shared.pairs.open[0].done == []


def test_two_who_know_the_same_have_nothing_to_show(pair: Pair) -> None:
    pages = pair.realm.world.quests_of[1].tally.pages
    pages["kitsune"].shown = 1
    pair.ask()
    assert not pair.realm.host.shared.pairs.open
    assert all(any("know the same" in note for note in one.notes) for one in pair.joined)


def test_it_ends_with_the_time_or_with_one_of_them(pair: Pair) -> None:
    pair.ask()
    pair.realm.host.shared.pairs.open[0].until = pair.realm.world.tick + 2
    pair.tick(ticks=6)
    assert pair.words(0)[-1] == LATE == pair.words(1)[-1] and not pair.realm.host.shared.pairs.open
    pair.ask()
    assert pair.realm.host.shared.pairs.open[0].until == pytest.approx(pair.realm.world.tick + 30 * LASTS, abs=10)
    pair.joined[1].close()
    pair.tick(ticks=3)
    assert not pair.realm.host.shared.pairs.open and "Ben has gone" in pair.words(0)[-1]


def play(folder: Path) -> tuple[Pair, list[JoinedRealm]]:
    """Two who learn apart by what they do alone: everything is in the journal. Under the rules of before there were
    rules of play, for then one meets everybody near the start."""
    pair = Pair(folder, load_rules())
    for quests in pair.realm.world.quests_of:
        for page in quests.tally.pages.values():
            page.shown = 0
    world = pair.realm.world
    known: list[str] = []
    for number in (0, 1):
        for around in range(40):
            player = world.players[number]
            spirits = [(p, who_is_at(world, p)) for _, p in in_sight(world, player)]
            place, species = next(((p, s) for p, s in spirits if s in world.rules.species and s not in known), (-1, ""))
            if place >= 0:
                pair.tick({number: (("name", place, species),)}, 2)
                known.append(species)
                break
            heading = ((-1, 1), (-1, 0), (0, 1), (1, 0), (0, -1))[around % 5]
            for _ in range(20):
                pair.tick({number: (("move", *heading),)})
    return pair, pair.joined


def test_it_comes_back_with_the_journal_and_with_a_snapshot(tmp_path: Path) -> None:
    pair, _ = play(tmp_path / "r")
    folder = pair.realm.folder
    pair.ask()
    shared = folder.shared
    assert shared.pairs.open, "each has met somebody of their own"
    folder.save(folder.saved())
    pair.tick(ticks=40)
    state, open_now = state_hash(shared.world), shared.pairs.state()
    waiting = [list(place.told) for place in shared.places]
    folder.close()
    relived, resumed = live_again(tmp_path / "r"), RealmFolder(tmp_path / "r")
    for again in (relived, resumed.shared):
        assert state_hash(again.world) == state and again.pairs.state() == open_now
        assert [place.count for place in again.places] == [place.count for place in shared.places]
    assert [list(place.told) for place in resumed.shared.places] == waiting
    resumed.close()
