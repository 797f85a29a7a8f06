"""What players say to each other in a shared realm: who hears it, who doesn't, and that it changes nothing."""

from pathlib import Path

from game.realm.replay import state_hash
from game.realm.senses import in_sight
from game.shared.messages import Compared, Pointed, Shared, Spoke
from game.shared.realm_folder import live_again
from tests.game.shared.test_host import live, realm
from tests.kits.sharedkit import Realm

__all__ = ["realm"]  # a fixture


def test_words_reach_those_around_and_a_flood_of_them_does_not(realm: Realm) -> None:
    one, other = realm.join("Aki"), realm.join("Ben")
    place = in_sight(realm.world)[0][1]
    one.fellows.say("  by the   well ")
    one.fellows.point(place, "kitsune")
    other.refresh()
    assert other.fellows.news() == [Spoke(0, "Aki", "by the well"), Pointed(0, "Aki", place, "kitsune")]
    for _ in range(10):
        one.fellows.say("again")
    other.refresh()
    assert len(other.fellows.news()) == 2
    one.refresh()
    assert any("Too many words" in note for note in one.notes)


def test_who_is_blocked_is_not_heard_and_hears_nothing(realm: Realm) -> None:
    one, other = realm.join("Aki"), realm.join("Ben")
    other.fellows.block(0, True)
    one.fellows.say("hello")
    other.fellows.say("hello")
    one.refresh(), other.refresh()
    assert one.fellows.news() == [] == other.fellows.news()
    other.fellows.block(0, False)
    one.fellows.say("hello")
    other.refresh()
    assert len(other.fellows.news()) == 1
    other.fellows.mute(0, True)
    one.fellows.say("hello")
    other.refresh()
    assert other.fellows.news() == []


def test_beliefs_are_compared_by_two_who_agree(realm: Realm) -> None:
    one, other, third = (realm.join(name) for name in ("Aki", "Ben", "Cho"))
    place = in_sight(realm.world)[0][1]

    def share() -> list:
        one.fellows.share({place: ("oni", 0.83), 10**6: ("oni", 1.0)})
        for each in (one, other, third):
            each.refresh()
        return [each.fellows.beliefs for each in (one, other, third)]

    one.fellows.agreed[1] = "Ben"  # a game that pretends that it was agreed
    assert share() == [{}, {}, {}]
    one.fellows.agreed.clear()
    one.fellows.compare(1, True)
    other.refresh()
    assert other.fellows.asks == {0: "Aki"} and share() == [{}, {}, {}]
    other.fellows.compare(0, True)
    one.refresh(), other.refresh()
    assert one.fellows.agreed == {1: "Ben"} and other.fellows.agreed == {0: "Aki"}
    assert share() == [{}, {0: [(place, "oni", 83)]}, {}]
    other.fellows.compare(0, False)
    one.refresh()
    assert one.fellows.agreed == {} and isinstance(one.fellows.news()[-1], Compared)
    assert not [m for m in realm.pipes[2].log if isinstance(m, Shared)]


def test_what_players_say_changes_nothing_in_the_realm(tmp_path: Path) -> None:
    states = []
    for talk in (False, True):
        realm = Realm(tmp_path / f"r{talk}", seed=2)
        one, other = realm.join("Aki"), realm.join("Ben")
        for tick in range(60):
            if talk and tick % 5 == 0:
                one.fellows.say(str(tick))
                other.fellows.point(in_sight(realm.world)[0][1], "oni")
                one.fellows.compare(1, True)
            live(realm, [one, other], 1, tick)
        states.append(state_hash(realm.world))
        realm.folder.close()
    assert states[0] == states[1] == state_hash(live_again(tmp_path / "rTrue").world)
