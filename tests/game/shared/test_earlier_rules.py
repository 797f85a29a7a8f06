"""A shared realm that was begun before there were rules of play."""

from pathlib import Path

from game.realm.play_rules import load as load_play
from game.realm.rules import load as load_rules
from tests.kits.sharedkit import Realm


def test_a_realm_of_earlier_rules_tells_its_hours_to_those_who_join(tmp_path: Path) -> None:
    for rules in (load_rules(), load_play()):
        shared = Realm(tmp_path / str(rules.seconds_per_hour), rules=rules)
        for _ in range(1000):
            shared.host.tick()
        one = shared.join("Aki")
        assert one.view.rules is rules and abs(one.view.hour - shared.world.hour) < 0.01
