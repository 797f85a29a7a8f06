"""A born seer who walks a shared realm by themselves."""

from pathlib import Path

from game.journey.seer_guest import POINTS_EVERY, SeerGuest
from game.realm.rules import load
from game.realm.senses import who_is_at
from game.shared.messages import Pointed
from tests.kits.sharedkit import Realm
from tests.kits.stub_mind import StubMind, blind, by_traces


def points(realm: Realm, mind: StubMind, seconds: int) -> list[tuple[Pointed, str]]:
    """What a player beside them hears, with what is true."""
    guest, other, heard = SeerGuest(realm.join("Yuki"), mind, 3), realm.join("Ben"), []
    for tick in range(30 * seconds):
        guest.tick(tick / 30, 1 / 30)
        realm.world.players[1].x, realm.world.players[1].y = realm.world.player.x, realm.world.player.y
        realm.host.tick()
        other.refresh()
        heard += [(news, who_is_at(realm.world, news.place)) for news in other.fellows.news()]
    return heard


def test_they_point_at_whoever_they_see(tmp_path: Path) -> None:
    realm = Realm(tmp_path / "r", 1)
    start = realm.world.map.start
    heard = points(realm, StubMind(blind, seer=by_traces(load())), 90)
    assert 3 <= len(heard) <= 90 / POINTS_EVERY + 1
    assert sum(news.species == truth for news, truth in heard) >= len(heard) - 1, "who left meanwhile may be missed"
    assert (realm.world.player.x, realm.world.player.y) != start


def test_without_such_eyes_they_point_at_nobody(tmp_path: Path) -> None:
    realm = Realm(tmp_path / "r", 1)
    assert points(realm, StubMind(by_traces(load())), 30) == []
