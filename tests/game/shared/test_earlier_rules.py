"""The rules of a shared realm: those of play, or those that it was begun under."""

from pathlib import Path

from game.realm.play_rules import load as load_play
from game.realm.rules import load as load_rules
from game.shared.realm_folder import RealmFolder
from tests.kits.sharedkit import Realm


def test_a_realm_of_earlier_rules_tells_its_hours_to_those_who_join(tmp_path: Path) -> None:
    for rules in (load_rules(), load_play()):
        shared = Realm(tmp_path / str(rules.seconds_per_hour), rules=rules)
        for _ in range(1000):
            shared.host.tick()
        one = shared.join("Aki")
        assert one.view.rules is rules and abs(one.view.hour - shared.world.hour) < 0.01


def test_a_new_realm_has_the_rules_of_play_and_keeps_them(tmp_path: Path) -> None:
    for _ in ("begun", "opened again"):
        folder = RealmFolder(tmp_path)
        assert folder.shared.world.rules is load_play()
        folder.close()
