"""From the title to a journey and back, by posted events: slots, minds put to sleep, saves that are broken."""

import threading
from collections.abc import Iterator
from pathlib import Path

import pygame as pg
import pytest

from game.app.app import CLOSING, Loading
from game.journey.chronicle import Entry
from game.journey.save_slots import NAME
from game.journey.slot_card import CARD, PICTURE, read_card, read_picture
from game.realm.replay import ActionLog, state_hash
from game.screens.slot_picker import SlotPick
from game.screens.title import TitleMenu
from perception.messages import Keep
from tests.kits.appkit import Hands, full_disk, labels, opened
from tests.kits.playkit import key


@pytest.fixture
def hands(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Hands]:
    with opened(tmp_path, monkeypatch) as new_hands:
        yield new_hands


def test_a_journey_begins_is_saved_and_goes_on_where_it_was_left(hands: Hands) -> None:
    hands.begin("000042")
    game = hands.app.game
    assert game is not None and game.journey.realm.world.seed == 42
    assert hands.minds[0].started and hands.minds[0].folder == hands.root / "saves" / "1" and hands.minds[0].seed == 42
    hands.walk()
    hands.home()
    left = state_hash(game.journey.realm.world)
    hands.until(lambda: hands.minds[0].closed)
    assert any(isinstance(message, Keep) for message in hands.minds[0].sent)
    assert labels(hands)[:3] == ["Continue", "New journey", "Journeys"]
    card = read_card(hands.root / "saves" / "1")
    assert card is not None and card.seed == 42 and card.seconds > 0.4 and card.day == 1
    assert read_picture(hands.root / "saves" / "1") is not None
    hands.take("Continue")
    hands.until(lambda: hands.app.game is not None)
    again = hands.app.game
    assert again is not None
    assert again.journey.realm.world.seed == 42
    log = ActionLog.load(hands.root / "saves" / "1" / NAME)
    assert state_hash(log.replay()) == left
    assert [mind.closed for mind in hands.minds] == [True, False]


def test_what_was_found_is_counted_on_when_a_journey_goes_on(hands: Hands) -> None:
    hands.begin("000042")
    game = hands.app.game
    assert game is not None
    game.journey.narrator.firsts.found = 2
    game.journey.narrator.chronicle.saw(Entry("oni", 1, 19.0, "well", "village"))
    hands.walk()
    hands.home()
    hands.take("Continue")
    hands.until(lambda: hands.app.game is not None)
    again = hands.app.game
    assert again is not None and again.journey.narrator.firsts.found == 2
    assert [entry.species for entry in again.journey.narrator.chronicle.entries] == ["oni"]


@pytest.mark.parametrize("frames", [0, 1])
def test_an_impatient_player_begins_one_journey(hands: Hands, monkeypatch: pytest.MonkeyPatch, frames: int) -> None:
    hands.begin("000042")
    hands.home()
    hands.until(lambda: hands.minds[0].closed)
    gate = threading.Event()
    slow = Loading.run
    monkeypatch.setattr(Loading, "run", lambda self: (gate.wait(10), slow(self)))
    top = hands.app.title.screens.top
    assert isinstance(top, TitleMenu)
    hands.frames(1)
    _, x, y, _, _ = top._rows[0]
    click = pg.Event(pg.MOUSEBUTTONDOWN, pos=(int(x) + 5, int(y) + 5), button=1)
    hands.frames(1, click)
    hands.frames(frames)
    hands.frames(1, click, key(pg.K_RETURN))
    hands.frames(1, key(pg.K_RETURN, False), click)
    gate.set()
    hands.until(lambda: hands.app.game is not None)
    assert len(hands.minds) == 2, "the second one would never be put to sleep"


def test_new_journeys_take_free_slots_and_slots_are_chosen(hands: Hands) -> None:
    for number, seed in enumerate(("000001", "000002", "000003"), 1):
        hands.begin(seed)
        hands.walk(4)
        hands.home()
        assert ActionLog.load(hands.root / "saves" / str(number) / NAME).seed == number
    hands.take("Journeys")
    pick = hands.app.title.screens.top
    assert isinstance(pick, SlotPick) and pick.place == 2, "the newest is offered first"
    hands.tap(pg.K_LEFT, pg.K_RETURN)
    hands.until(lambda: hands.app.game is not None)
    assert hands.app.game is not None and hands.app.game.journey.realm.world.seed == 2


def test_a_full_house_asks_and_puts_aside(hands: Hands) -> None:
    for seed in ("000001", "000002", "000003"):
        hands.begin(seed)
        hands.home()
    hands.take("New journey")
    hands.tap(pg.K_LEFT, pg.K_RETURN)
    hands.take("Leave it as it is")
    assert (hands.root / "saves" / "2" / NAME).exists()
    hands.tap(pg.K_RETURN)
    hands.take("Put it aside and begin anew")
    hands.tap(*[pg.K_9] * 6, pg.K_RETURN)
    hands.until(lambda: hands.app.game is not None)
    assert hands.app.game is not None and hands.app.game.journey.realm.world.seed == 999999
    assert ActionLog.load(hands.root / "saves" / "2.old" / NAME).seed == 2
    assert ActionLog.load(hands.root / "saves" / "2" / NAME).seed == 999999, "nothing of the old journey is left"


def test_a_second_mind_waits_until_the_first_one_sleeps(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    wait = threading.Event()
    with opened(tmp_path, monkeypatch, wait) as hands:
        hands.begin("000007")
        hands.home()
        hands.take("Continue")
        hands.frames(20)
        assert hands.app.game is None and len(hands.minds) == 1 and hands.app.title.waits == CLOSING
        hands.tap(pg.K_DOWN, pg.K_RETURN)
        assert isinstance(hands.app.title.screens.top, TitleMenu), "nothing else is taken meanwhile"
        wait.set()
        hands.until(lambda: hands.app.game is not None)
        assert len(hands.minds) == 2 and hands.minds[0].closed


def test_closing_the_window_in_play_saves(hands: Hands) -> None:
    hands.begin("000005")
    hands.walk()
    hands.frames(1, pg.Event(pg.QUIT))
    assert hands.app.over
    assert ActionLog.load(hands.root / "saves" / "1" / NAME).ticks > 0
    hands.app.close()
    assert hands.minds[0].closed


def test_a_broken_walk_is_said_its_backup_goes_on_and_nothing_is_lost(hands: Hands) -> None:
    hands.begin("000008")
    hands.walk()
    hands.home()
    hands.take("Continue")
    hands.until(lambda: hands.app.game is not None)
    hands.walk()
    hands.home()
    folder = hands.root / "saves" / "1"
    backup = ActionLog.load(folder / f"{NAME}.bak").ticks
    broken = (folder / NAME).read_bytes()[:-9]
    (folder / NAME).write_bytes(broken)
    hands.app.title.refresh()
    slot = hands.slots.all()[0]
    assert slot.state == "backup" and "msgpack" in slot.fault
    assert (folder / NAME).read_bytes() == broken, "looking changes nothing"
    hands.take("Continue")
    hands.until(lambda: hands.app.game is not None)
    game = hands.app.game
    assert game is not None and game.journey.realm.log.ticks >= backup
    assert any("backup goes on" in line for line in hands.context.notes())
    hands.home()
    assert (folder / f"{NAME}.old").read_bytes() == broken


def test_a_journey_that_cannot_be_saved_goes_on_until_one_leaves_once_more(
    hands: Hands, monkeypatch: pytest.MonkeyPatch
) -> None:
    hands.begin("000005")
    full_disk(monkeypatch)
    game = hands.app.game
    assert game is not None
    game.leave("title")
    hands.frames(5)
    assert hands.app.game is game and not game.over
    assert any("Leave once more" in line for line in hands.context.notes())
    hands.home()
    assert any("could not be saved" in line for line in hands.context.notes())
    hands.frames(5)


def test_the_slot_of_the_first_version_is_still_found(hands: Hands) -> None:
    hands.begin("000011")
    hands.home()
    (hands.root / "saves" / "1").rename(hands.root / "saves" / "first")
    for extra in (CARD, PICTURE):
        (hands.root / "saves" / "first" / extra).unlink()
    hands.app.title.refresh()
    slots = hands.slots.all()
    assert [slot.state for slot in slots] == ["journey", "empty", "empty"]
    assert slots[0].folder.name == "first" and slots[0].card is not None and slots[0].card.seed == 11
    hands.take("Continue")
    hands.until(lambda: hands.app.game is not None)
    assert hands.minds[-1].folder == hands.root / "saves" / "first"
    hands.home()
    hands.begin("000012")
    assert hands.minds[-1].folder == hands.root / "saves" / "2"
