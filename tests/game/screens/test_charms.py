"""The miko's charms in play: bought, seen at once, paid for, laid down; a mind that dies, refuses, or takes none."""

from pathlib import Path

import pygame as pg
import pytest
from msgspec.structs import replace

from game.app.game_loop import Game
from game.journey import mind_client
from game.journey.charms import LOST, NEVER, NOBODY, NOWHERE, PATIENCE
from game.journey.mind_client import CLOUDED
from game.realm.happenings import Revealed
from game.realm.replay import state_hash
from game.realm.scene import describe
from game.realm.world import new_world
from game.ui import burns
from game.ui.font import Pen
from game.ui.heads_grid import cells
from perception.messages import Burn, Charm, Progress, Ready, TakeOff, ToMind, Trouble
from tests.kits.playkit import game_of, open_display, play, tap
from tests.kits.stub_mind import StubMind

LAYER = 6


class Charmed(StubMind):
    """A mind that takes charms, when it is told to (`heeds`); each costs a hundredth of the mundane."""

    def __init__(self, takes: bool = True, heeds: bool = True, refuses: str = "") -> None:
        super().__init__()
        self.charms: list[Charm] = []
        self.heeds, self.refuses = heeds, refuses
        if takes:
            self._ready[0] = replace(self._ready[0], burns=LAYER)  # type: ignore[type-var]
        self.words: set[str] = set()  # of places that were burned in
        self.believe = lambda scene: [{"kitsune": 0.95} if q.place in self.words else {} for q in scene.questions]

    def send(self, message: ToMind) -> bool:
        """As StubMind, and charms."""
        if isinstance(message, Burn | TakeOff) and self.refuses:
            self._ready.append(Trouble(self.refuses))
        elif isinstance(message, Burn) and self.heeds:
            self.charms.append(Charm(len(self.charms), message.at, message.species, LAYER))
            self.words.add(message.place)
            self.tell(len(self.charms) - 1)
        elif isinstance(message, TakeOff) and self.heeds:
            self.charms = [charm for charm in self.charms if charm.number != message.number]
            self.tell(len(self.charms) + 1)
        return super().send(message)

    def tell(self, cost: int | None = None, warning: str = "") -> None:
        """Says how far it is. cost: hundredths of the mundane, as they were measured last."""
        mundane = 1 - 0.01 * (len(self.charms) if cost is None else cost)
        self._ready.append(replace(self._progress(), mundane=mundane, charms=tuple(self.charms), warning=warning))


def at_the_miko(folder: Path, mind: StubMind) -> Game:
    """A game in which the player stands beside her."""
    world = new_world(0)
    miko = next(seer for seer in world.seers if seer.kind == "miko")
    world.player.x, world.player.y = miko.x + 16, miko.y + 4
    world.seer.x, world.seer.y = miko.x + 160, miko.y
    game = game_of(mind, folder, world=world)
    play(game, 20)
    return game


def point(game: Game) -> int:
    """The seer points at a kitsune at the first place in sight; its number."""
    view = describe(game.journey.world, "terse")
    at = next(iter(view.places.values()))
    game.journey.narrator.charms.remember(view, Revealed("seer", ((at, "kitsune"), (at + 1, "nothing"))))
    return at


def said(game: Game) -> str:
    speech = game.journey.narrator.speech
    return speech.text if speech is not None else ""


def titles(game: Game) -> list[str]:
    """The entries of the open menu."""
    return [entry.label for entry in game.screens.top.entries]  # type: ignore[union-attr]


def test_a_charm_is_bought_seen_paid_for_and_laid_down(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(mind_client, "ASK_AGAIN", 0.0)  # frames of a test take no time
    monkeypatch.setattr(mind_client, "ASK_EVERY", 0.0)
    mind = Charmed()
    game = at_the_miko(tmp_path, mind)
    at = point(game)
    before = state_hash(game.journey.realm.world)  # type: ignore[attr-defined]
    tap(game, pg.K_h)
    assert titles(game) == [game.journey.narrator.charms.called(at, "kitsune"), "Somebody else, in sight...", "Not now"]
    assert state_hash(game.journey.realm.world) == before  # type: ignore[attr-defined]
    tap(game, pg.K_RETURN, 8)
    orders = [message for message in mind.sent if isinstance(message, Burn)]
    assert [(order.at, order.species) for order in orders] == [(at, "kitsune")]
    assert orders[0].scene.questions[0].place == orders[0].place
    assert game.journey.narrator.charms.pairs() == [(at, "kitsune")] and "you see it" in said(game)
    play(game, 90)
    assert game.journey.sight.drawn(at) == ("kitsune", pytest.approx(0.95, abs=0.02))  # whole, before any first sight
    assert not game.journey.narrator.firsts.now or game.journey.narrator.firsts.now.place != at
    mind.tell()
    play(game, 3)
    assert "clouds the ordinary. You read 99% of it right, before 100%" in said(game)
    tap(game, pg.K_h)
    assert titles(game)[-2].startswith("Lay down: a kitsune")
    tap(game, pg.K_UP), tap(game, pg.K_UP), tap(game, pg.K_RETURN, 8)
    assert mind.charms == [] and game.journey.narrator.charms.pairs() == []
    mind.tell()
    play(game, 3)
    assert "clears the ordinary" in said(game)


def test_a_guess_is_burned_in_and_nobody_else_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    mind = Charmed()
    game = at_the_miko(tmp_path, mind)
    tap(game, pg.K_h)
    assert titles(game) == ["Somebody else, in sight...", "Not now"]
    tap(game, pg.K_RETURN)
    assert game.screens  # nobody was met, so nobody can be named
    game.screens.clear()
    monkeypatch.setattr(type(game.journey), "nameable", lambda self: ("oni",))
    tap(game, pg.K_h), tap(game, pg.K_RETURN), tap(game, pg.K_RETURN), tap(game, pg.K_RETURN, 8)
    assert [charm.species for charm in mind.charms] == ["oni"]


def test_charms_are_dealt_in_where_the_miko_is_and_laid_down_at_a_shrine(tmp_path: Path) -> None:
    mind = Charmed()
    mind.charms.append(Charm(0, 3, "oni", LAYER))
    mind.tell()
    game = at_the_miko(tmp_path, mind)
    world = game.journey.realm.world  # type: ignore[attr-defined]
    miko = next(seer for seer in world.seers if seer.kind == "miko")
    gates = [place for place in world.map.places if place.kind == "torii"]
    torii = max(gates, key=lambda place: abs(place.x - miko.x) + abs(place.y - miko.y))
    world.player.x, world.player.y = torii.x, torii.y + 12
    play(game, 3)
    tap(game, pg.K_h)
    assert [title.split(",")[0] for title in titles(game)] == ["Lay down: an oni", "Not now"]
    game.screens.clear()
    world.player.x, world.player.y = world.map.start
    play(game, 3)
    tap(game, pg.K_h)
    assert not game.screens and NOWHERE in game.context.notes()


def test_a_mind_that_dies_while_it_burns_costs_the_charm_alone(tmp_path: Path) -> None:
    mind = Charmed(heeds=False)
    game = at_the_miko(tmp_path, mind)
    point(game)
    tap(game, pg.K_h), tap(game, pg.K_RETURN, 8)
    assert game.journey.narrator.charms.burning == LAYER
    mind.state = "restarting"
    play(game, 3)
    assert said(game) == LOST and game.journey.narrator.charms.burning is None
    tap(game, pg.K_h)
    assert game.screens.top.lines == (NOBODY,)  # type: ignore[union-attr]


def test_a_mind_that_never_answers_is_given_up(tmp_path: Path) -> None:
    game = at_the_miko(tmp_path, Charmed(heeds=False))
    point(game)
    tap(game, pg.K_h), tap(game, pg.K_RETURN, 8)
    charms, seconds = game.journey.narrator.charms, game.journey.seconds
    assert charms.advance(seconds + PATIENCE - 1) == "" and charms.burning == LAYER
    assert charms.advance(seconds + PATIENCE + 1) == LOST and charms.burning is None


@pytest.mark.parametrize(
    ("mind", "line", "orders"),
    [
        (Charmed(takes=False), NEVER, 0),
        (Charmed(refuses="no charm for north: the matrix is missing"), "no charm for north: the matrix is missing", 1),
    ],
)
def test_a_mind_that_takes_no_charm_says_so_in_one_line(tmp_path: Path, mind: Charmed, line: str, orders: int) -> None:
    game = at_the_miko(tmp_path, mind)
    point(game)
    tap(game, pg.K_h)
    lines = list(game.screens.top.lines)  # type: ignore[union-attr]
    tap(game, pg.K_RETURN, 8)
    assert line in [*lines, *game.context.notes()]
    assert sum(isinstance(message, Burn) for message in mind.sent) == orders
    assert game.journey.narrator.charms.pending is None


def test_charms_that_cloud_are_warned_of(tmp_path: Path) -> None:
    mind = Charmed()
    mind.charms.append(Charm(0, 3, "oni", LAYER))
    mind.tell(warning="grounding")
    game = at_the_miko(tmp_path, mind)
    assert game.journey.mind_client.warning == CLOUDED


def test_an_older_mind_says_nothing_of_charms() -> None:
    assert Ready("m", "cpu", 8, 8, "terse", 0).burns is None and Progress(0, 0, 0, 0, False).charms == ()


def test_a_burned_layer_shows_at_its_row_and_no_other() -> None:
    open_display()
    grid = cells(8, 8, (), (), "activity", 4, 4)

    def drawn(state: burns.Burns) -> pg.Surface:
        surface = pg.Surface((110, 110))
        burns.draw(Pen(surface), grid, state)
        return surface

    for layer in (0, 5, 7):
        box = drawn(burns.Burns((layer,))).get_bounding_rect()
        surface = drawn(burns.Burns((layer,)))
        rows = [y for y in range(110) if any(surface.get_at((x, y))[:3] != (0, 0, 0) for x in range(110))]
        first = next(cell for cell in grid if cell.layer == layer)
        assert box and first.y - 2 <= min(rows) and max(rows) <= first.y + first.side + 2
    row = [cell for cell in grid if cell.layer == 5]
    assert [len(burns.spots(row, count)) for count in (0, 1, 4, 9, 12)] == [0, 1, 4, 9, 9]
    assert burns.legend(burns.Burns((6, 6))) == "flames: 2 charms, MLP of layer 6"
    assert burns.legend(burns.NONE) == "" and "layer 6" in burns.legend(burns.Burns((), 6))
