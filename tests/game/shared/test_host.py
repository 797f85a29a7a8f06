"""Players in one realm, each with what they may know: through the bytes of real messages, without a network."""

import shutil
from pathlib import Path

import pytest
from msgspec.structs import replace

from game.realm.differences import digest
from game.realm.policy import RandomPolicy
from game.realm.scene import describe, lesson
from game.realm.seen import FAMILIAR, OTHERS, progress_of
from game.realm.senses import in_sight
from game.realm.terrain import TILE
from game.shared.guest import LATE, MOVES_MAX, SLOW, WAITING_MAX, Guest
from game.shared.host import Host
from game.shared.interest import REACH_X
from game.shared.joined import JoinedRealm
from game.shared.messages import Deeds, Told, Update, Welcome
from game.shared.realm_folder import RealmFolder, live_again
from game.shared.shared_world import Place, RealmError
from tests.kits.sharedkit import Realm


@pytest.fixture
def realm(tmp_path: Path) -> Realm:
    return Realm(tmp_path / "r", seed=1)


def live(realm: Realm, joined: list[JoinedRealm], ticks: int, seed: int = 0) -> None:
    """Everybody acts as chance has it."""
    policies = [RandomPolicy(seed + number) for number in range(len(joined))]
    for _ in range(ticks):
        for one, policy in zip(joined, policies, strict=True):
            player = realm.world.players[one.view.player.number]
            actions = policy(realm.world, player)
            one.tick(actions, any(action[0] != "move" for action in actions), "terse")
        realm.host.tick()


def test_each_knows_what_they_may_and_both_ends_agree(realm: Realm) -> None:
    joined = [realm.join(name) for name in ("Aki", "Ben", "Cho")]
    live(realm, joined, 240)
    compared = set()
    for _ in range(2):  # each is told every other tick
        for one in joined:
            one.refresh()
            number = one.view.player.number
            guest, player = realm.host.guests[number], realm.world.players[number]
            assert not one.lost and digest(one.seen) == digest(guest.seen)  # type: ignore[arg-type]
            if one.view.tick == realm.world.tick:
                compared.add(number)
                assert (one.view.player.x, one.view.player.y) == (player.x, player.y)
                assert describe(one.view) == describe(realm.world, player=player)
        realm.host.tick()
    assert compared == {0, 1, 2}
    checked = [message.digest for message in realm.pipes[0].log if isinstance(message, Update)]
    assert len(checked) == 120 and sum(map(bool, checked)) == 8


def test_steps_are_shown_at_once_and_put_right(realm: Realm) -> None:
    one = realm.join("Aki")
    start = one.view.player.x
    for _ in range(4):
        one.tick((("move", 1, 0),), False, "terse")
    assert one.view.player.x == start and one.view.ahead is not None and one.view.ahead[0] == start + 12

    def stand() -> None:
        for _ in range(6):
            one.tick((), False, "terse")
            realm.host.tick()
        for _ in range(4):
            realm.host.tick()
        one.refresh()
        one._look_ahead()

    stand()
    assert one.view.player.x == start + 12 and one.view.ahead is None
    realm.world.player.x += 40  # the realm knows better
    stand()
    assert one.view.player.x == start + 52


def test_what_is_revealed_comes_with_its_scene_as_it_stood(realm: Realm) -> None:
    one = realm.join("Aki")
    before = describe(realm.world)
    heard = list(one.tick((("ask",), ("move", 1, 0)), True, "terse"))
    realm.host.tick()
    heard += one.tick((), False, "terse")
    assert len(heard) == 1 and heard[0].view == before and heard[0].actions == (("ask",),)
    revealed = heard[0].happenings[1]
    taught = lesson(heard[0].view, revealed)  # type: ignore[arg-type]
    assert taught is not None and taught == lesson(before, revealed)  # type: ignore[arg-type]


def test_nothing_told_is_lost_or_told_twice_when_lines_break(realm: Realm, tmp_path: Path) -> None:
    one, heard = realm.join("Aki"), []
    for tick in range(200):
        deeds = (("ask",),) if tick % 7 == 0 else ()
        heard += one.tick(deeds, bool(deeds), "terse")
        realm.host.tick()
        if tick % 50 == 49:
            realm.pipes[-1].break_off()
            heard += one.tick((), False, "terse")
            assert one.lost
            for _ in range(200):
                realm.host.tick()
                heard += one.tick((), False, "terse")
                if not one.lost:
                    break
                assert one._coming is not None
                one._coming.join(5)
    heard += one.tick((), False, "terse")
    count = realm.folder.shared.places[0].count
    assert len(heard) == count > 20 and len(realm.pipes) == 5
    assert not [note for note in one.notes if "can't" in note] and any(
        "back" in note or "again" in note for note in one.notes
    )
    numbers = [m.number for pipe in realm.pipes for m in pipe.log if isinstance(m, Told)]
    assert sorted(set(numbers)) == list(range(1, count + 1))


def test_ends_that_disagree_are_told_by_the_digest_and_begin_anew(realm: Realm) -> None:
    one = realm.join("Aki")
    live(realm, [one], 40)
    assert not one.lost
    one.seen.counts = (9, 9, 9, 9)  # as if a message had gone astray
    for _ in range(400):
        realm.host.tick()
        one.tick((), False, "terse")
        if one._coming is not None:
            one._coming.join(5)
        if len(realm.pipes) == 2 and not one.lost:
            break
    assert any("differ" in note for note in one.notes) and one.seen.counts == (0, 0, 0, 0)
    assert digest(one.seen) == digest(realm.host.guests[0].seen)  # type: ignore[arg-type]


@pytest.mark.parametrize("other", [{"seed": 2}, {"player": 1}])
def test_another_realm_or_another_place_is_not_gone_on_with(realm: Realm, other: dict) -> None:
    one = realm.join("Aki")
    welcome = next(message for message in realm.pipes[0].log if isinstance(message, Welcome))
    one.lost, one._arrived = "cut", (realm.pipes[0], replace(welcome, **other), [])
    one.refresh()
    assert one.lost == "another realm is served there now" and one.lost in one.notes[-1]


def test_who_comes_back_is_where_they_were(realm: Realm) -> None:
    one = realm.join("Aki")
    live(realm, [one], 90)
    one.close()
    player = realm.world.players[0]
    spot = player.x, player.y
    for _ in range(60):
        realm.host.tick()
    again = realm.join("aki")
    assert (again.view.player.x, again.view.player.y) == spot and again.view.player.number == 0
    with pytest.raises(RealmError, match="somebody else"):
        realm.join("AKI", b"x" * 32)


def test_errands_of_the_absent_stand_still(realm: Realm) -> None:
    one = realm.join("Aki")
    assert not realm.world.quests.waits
    one.close()
    realm.host.tick()
    assert realm.world.quests.waits
    realm.join("Aki")
    realm.host.tick()
    assert not realm.world.quests.waits


def test_after_a_kill_nobody_walks_on_by_themselves(realm: Realm, tmp_path: Path) -> None:
    one = realm.join("Aki")
    for _ in range(8):
        one.tick((("move", 1, 0),), False, "terse")
        realm.host.tick()
    assert realm.folder.shared.places[0].walk == 7
    shutil.copytree(tmp_path / "r", tmp_path / "killed")
    again = RealmFolder(tmp_path / "killed")
    host, x = Host(again.shared), again.shared.world.player.x
    assert x > realm.world.map.start[0]
    for _ in range(20):
        host.tick()
    assert again.shared.world.player.x == x and again.shared.world.quests.waits
    again.close()
    assert live_again(tmp_path / "killed").world.player.x == x


def test_the_absent_are_not_seen(realm: Realm) -> None:
    one, other = realm.join("Aki"), realm.join("Ben")
    live(realm, [one, other], 4)
    assert list(one.view.names.values()) == ["Ben"] and len(one.view.others) > 0
    bodies = {number for number in one.view.others if number >= 10_000}
    other.close()
    live(realm, [one], 4)
    assert bodies and not {number for number in one.view.others if number >= 10_000} and not one.view.names


def test_what_a_player_has_done_and_their_own_familiar_are_shown_as_theirs(realm: Realm) -> None:
    one = realm.join("Aki")
    player, begun = realm.world.players[0], one.seen.counts
    realm.world.familiar_joins(player)
    live(realm, [one], 60)
    one.tick((("name", in_sight(one.view)[0][1], "kitsune"),), True, "terse")
    for _ in range(2 * SLOW):  # so long it takes at most
        one.tick((), False, "terse")
        realm.host.tick()
    one.refresh()
    progress = progress_of(realm.world, player)
    assert (one.seen.counts, one.seen.pages, one.seen.finds) == (progress.counts, progress.pages, progress.finds)
    assert one.seen.counts != begun
    assert FAMILIAR in one.seen.bodies and max(one.seen.bodies) < OTHERS


def test_who_is_far_away_is_not_sent(realm: Realm) -> None:
    one, other = realm.join("Aki"), realm.join("Ben")
    player = realm.world.players[1]
    player.x -= REACH_X + TILE
    live(realm, [one, other], 4)
    assert not one.view.names
    player.x += 2 * TILE
    live(realm, [one, other], 4)
    assert one.view.names == {1: "Ben"}


def test_a_crowd_is_sent_a_little_at_a_time_and_in_the_end_all_of_it(realm: Realm) -> None:
    one = realm.join("Aki")
    others = [realm.join(f"b{number}", bytes([number]) * 32) for number in range(40)]
    for _ in range(20):
        for other in others:
            other.tick((("move", 1, 0),), False, "terse")
        one.tick((), False, "terse")
        realm.host.tick()
    moved = [len(m.change.moved) // 4 for m in realm.pipes[0].log if isinstance(m, Update)]
    assert max(moved) <= MOVES_MAX + 6, "others, and the seers"
    for _ in range(20):
        one.tick((), False, "terse")
        realm.host.tick()
    one.refresh()
    far = [who for number, who in one.view.others.items() if number >= 10_000]
    assert len(far) == 40 and len({who.x for who in far}) == 1


def guest() -> Guest:
    return Guest(Place(0, "Aki", b""))


def test_one_tick_of_a_player_is_lived_in_one_of_the_realm() -> None:
    one = guest()
    one.take(Deeds(3, bytes([7, 7, 4]), [(1, ["ask"]), (9, ["look"])]))
    lived = [(one.next(), one.place.walk, one.last) for _ in range(3)]
    assert lived == [([], 7, 1), ([("ask",)], 7, 2), ([], 4, 3)]
    one.take(Deeds(3, bytes([1, 1, 1])))
    assert one.next() == [] and one.last == 3, "what was lived isn't lived again"


def test_a_flood_of_deeds_is_bounded_and_nobody_runs() -> None:
    one = guest()
    for last in range(60, 6000, 60):
        one.take(Deeds(last, bytes([7]) * 60))
    assert len(one._inputs) <= WAITING_MAX
    one.next()
    assert len(one._inputs) <= LATE, "what is late is left out, so that nobody lags behind for ever"
    walked = sum(len(one.next()) + (one.place.walk == 7) for _ in range(40))
    assert walked <= LATE, "and after that they stand"


def test_what_the_line_held_back_is_made_up_for_and_no_more() -> None:
    one, steps = guest(), []
    one.take(Deeds(2, bytes([7, 7])))
    for tick in range(12):
        if tick == 4:
            one.take(Deeds(8, bytes([7] * 6)))
        own = one.next()
        steps.append(sum(action[0] == "move" for action in own) + (one.place.walk == 7))
    assert steps == [1, 1, 0, 0, 3, 1, 1, 1, 0, 0, 0, 0] and one.last == 8


@pytest.mark.parametrize("deed", [["move", 1, 0], ["fly"], ["touch"], ["touch", "well"], ["name", 1], [True]])
def test_what_is_no_deed_is_left_out(deed: list) -> None:
    one = guest()
    one.take(Deeds(1, bytes([4]), [(0, deed)]))
    assert one.next() == []


def test_what_was_told_is_acknowledged_once_the_game_has_had_it_in_hand(realm: Realm) -> None:
    one = realm.join("Aki")
    place = in_sight(realm.world)[0][1]
    waiting = realm.folder.shared.places[0].told
    one.tick((("name", place, "oni"),), True, "terse")
    realm.host.tick()
    one.refresh()
    heard = one.tick((("look",),), True, "terse")
    assert len(heard) == 1 and len(waiting) == 1, "it had not been handed out when that was sent"
    one.tick((("look",),), True, "terse")
    assert not waiting
