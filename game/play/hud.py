"""The interface over the world in play: what is written into the world, speech, hints, lines, heads, the open layer."""

from typing import TYPE_CHECKING

from game.play import dream, errands, headview, overlay, ui
from game.play.font import GOLD, SKYBLUE, Pen
from game.play.stage import haunt
from game.realm.world import nearest_place

if TYPE_CHECKING:
    from game.play.app import Game

STATES = {
    "waking": "The mind is waking",
    "restarting": "The mind stumbled. It is waking again",
    "dead": "The mind is gone: nobody sees. Your journey goes on",
}
BESIDE_HEADS = 372  # layout px free for notes while the heads are open


def paint(game: "Game", camera: tuple[int, int]) -> None:
    """All of it, over the world as it stands on the screen."""
    journey, sight, pen = game.journey, game.journey.sight, game.screen.pen()
    large = pen.sized(game.settings.zoom)
    now = journey.seconds
    if not game.layers.bare:
        if game.dream is not None:
            if not game.layers:
                dream.panel(pen, sight.ready, sight.heads, sight.history, now, game.labels["rest"])
        else:
            if not game.layers.pauses:
                _marks(game, large, camera)
                _talk(game, large)
            errands.ring(pen, journey, camera)
            ui.clock(large, journey.world, journey.known, journey.firsts.found)
            if game.heads:
                headview.paint(game, pen, camera)
            elif journey.attend > 0.5:
                overlay.small(pen, sight.ready, sight.heads, sight.history)
        _lines(game, large)
    game.layers.paint(pen, game.desk.seconds)


def _talk(game: "Game", pen: Pen) -> None:
    """A speech, and beside it what keys do."""
    journey, box = game.journey, None
    if journey.speech is not None:
        waits = journey.speech.pace.waits
        ui.speech(pen, journey.speech, journey.seconds, f"[{game.labels['skip']}]" if waits else "")
        box = ui.speech_box(pen, journey.speech)
    if not game.layers:
        ui.hints(pen, _hints(game), box)


def _marks(game: "Game", pen: Pen, camera: tuple[int, int]) -> None:
    """What is written into the world: what somebody pointed at, what one sees unaided, what the senses tell."""
    journey = game.journey
    for spot in journey.pointed:
        ui.pointed(pen, spot, camera, journey.seconds)
    seen = journey.firsts.now
    if seen is not None:
        x, y = haunt(journey.world.map.places[seen.place])
        ui.sighted(pen, x - camera[0], y - camera[1], seen, journey.seconds)
    told = journey.whispers()
    if told is not None and seen is None and not journey.pointed:
        ui.whisper(pen, told[0] - camera[0], told[1] - camera[1], told[2])
    errands.marks(pen, journey, camera)


def _lines(game: "Game", pen: Pen) -> None:
    """Lines at the top: the state of the mind, notes, what to do next. They make room for the heads."""
    journey, now = game.journey, game.journey.seconds
    wide = not game.heads or game.dream is not None
    shown = game.desk.notes()
    ui.notes(pen, shown, 612 if wide and journey.attend < 0.5 else BESIDE_HEADS)
    if journey.mind.state in STATES:
        ui.banner(pen, STATES[journey.mind.state], now, GOLD if journey.mind.state == "dead" else SKYBLUE, wide)
    elif wide and game.dream is None and not game.layers:
        seen = journey.firsts.now
        if seen is not None and seen.first:
            place = journey.world.map.places[seen.place].kind
            ui.first_sight(pen, seen.species, place, game.labels["act"])
        elif not shown:
            ui.guide(pen, journey.guide.line(journey.context(), game.labels))


def _hints(game: "Game") -> list[tuple[str, str]]:
    """The keys that matter just now."""
    journey, labels = game.journey, game.labels
    place = nearest_place(journey.world)
    verb = journey.context()
    kind = journey.reading.called.get(place.index, place.kind)  # as one read it last
    does = {"touch": f"touch the {kind}"}.get(verb, verb)
    entries = [(labels["act"], does)]
    if verb != "look":
        entries.append((labels["look"], "look"))
    if journey.known or journey.sight.journal:
        entries.append((labels["attend"], "attend"))
    if journey.nameable():
        entries.append((labels["name"], "name"))
    if journey.world.familiar_with:
        entries.append((labels["send"], "send"))
    if journey.known:
        entries.append((labels["rest"], "dream"))
    return entries if journey.attend < 0.5 else [(labels["attend"], "attending")]
