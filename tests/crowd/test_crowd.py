"""The army itself: a few players on a real server; and what it says of a realm that breaks its word."""

from pathlib import Path

import pytest

from game.realm.differences import Difference, digest
from game.realm.seen import Seen, observe
from game.realm.world import new_world
from game.shared.messages import Told, Update, Welcome
from game.shared.terms import terms
from tests.crowd.__main__ import faults_of, main, missed
from tests.crowd.army import Phase, alone, quantile, run
from tests.crowd.player import Habits, Player


def test_a_few_players_walk_leave_and_come_back(tmp_path: Path) -> None:
    hasty = Habits(churn=1.0, away=0.2, delay=0.1, slow=1.0, stops=0.3)
    result = run(tmp_path / "realm", 4, 3, [Phase("churn", 2.5, hasty)], lambda *how_far: None, 0.0)
    assert faults_of({"clients": 4, **result}, 4) == []
    churn = result["churn"]
    assert churn["digests"] and churn["joins"] and churn["updates_per_s"] > 1 and result["relived_the_same"]


@pytest.fixture
def player() -> Player:
    return Player(0, 0, terms(), Habits(), 0)


def seen() -> Seen:
    world = new_world(1)
    return observe(world, world.player)


def test_a_view_that_differs_is_counted(player: Player) -> None:
    player._take(Welcome(0, 1, 8.0, seen()))
    right = seen()
    right.tick = 5
    player._take(Update(Difference(5), 0, digest(right)))
    assert (player.counts.digests, player.counts.desyncs) == (1, 0)
    player._take(Update(Difference(6), 0, digest(right)))
    assert (player.counts.digests, player.counts.desyncs) == (2, 1)


def test_what_is_told_is_counted_and_so_is_what_is_left_out(player: Player) -> None:
    for number in (1, 2, 2, 5):
        player._take(Told(number, [], []))
    assert (player.counts.told, player.counts.lost) == (3, 2)


def test_another_place_after_coming_back_is_strange(player: Player) -> None:
    player._take(Welcome(0, 1, 8.0, seen()))
    player._take(Welcome(1, 1, 8.0, seen()))
    assert player.counts.strange == ["Bot0: came back as player 1, was 0"]


PHASE = {
    "desyncs": 0, "told_lost": 0, "strange": [], "memory_growth_mb": 0.5, "late_p99_ms": 3.0, "kb_per_s_down": 1.0,
}  # fmt: skip


@pytest.mark.parametrize(
    ("key", "value", "said"),
    [
        ("desyncs", 2, "load: desyncs 2"),
        ("told_lost", 1, "load: told_lost 1"),
        ("strange", ["Bot1: gone"], "load: Bot1: gone"),
        ("memory_growth_mb", 9.0, "load: the server's memory grew by 9.0 MB"),
    ],
)
def test_what_breaks_is_said(key: str, value: object, said: str) -> None:
    assert faults_of({"came": 3, "load": PHASE}, 3) == []
    assert faults_of({"came": 3, "load": PHASE | {key: value}}, 3) == [said]


def test_missed_targets_are_said_and_players_who_never_came() -> None:
    assert missed({"load": PHASE}) == []
    assert missed({"load": PHASE | {"late_p99_ms": 60.0, "kb_per_s_down": 4.5}}) == [
        "load: ticks are late by 60.0 ms (p99); the target is 50",
        "load: 4.5 KB/s a client; the target is 4",
    ]
    broken = faults_of({"came": 2, "relived_the_same": False, "load": PHASE}, 3)
    assert broken == ["2 of 3 players came", "the realm is another one when it is lived through again"]


def test_ticks_that_take_too_long_make_the_next_ones_late() -> None:
    assert alone([5.0, 25.0, 5.0, 5.0], 10.0) == [0.0, 0.0, 15.0, 10.0]


def test_quantiles() -> None:
    assert [quantile([4.0, 1.0, 3.0, 2.0], share) for share in (0.0, 0.5, 0.99)] == [1.0, 3.0, 4.0]
    assert quantile([], 0.5) == 0.0


def test_bad_numbers_are_refused(capsys: pytest.CaptureFixture[str]) -> None:
    for flags in (["--clients", "0"], ["--seconds", "0"], ["--soak", "-1"]):
        with pytest.raises(SystemExit) as ended:
            main(flags)
        assert ended.value.code == 2
    assert "above 0" in capsys.readouterr().err
