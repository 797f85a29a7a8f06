"""The interface over the world in play: labels in the world, speech, hints, notes, heads, and the open screen."""

from game.app import heads_hud
from game.app.playing import Playing
from game.art.frame_state import Body, Ghost, haunt
from game.journey.charms import MIKO
from game.journey.fellowship import seen_as
from game.journey.sleep import at_the_inn
from game.journey.tracking import room_at, staring, trail
from game.realm.rules import NOTHING
from game.realm.senses import nearest_place
from game.ui import dream_view, errand_hud, heads_grid, heads_panel, heads_plain, marks, overlays
from game.ui.font import GOLD, SKYBLUE, Pen
from game.ui.words import article

STATES = {
    "waking": "The mind is waking",
    "restarting": "The mind stumbled. It is waking again",
    "dead": "The mind is gone: nobody sees. Your journey goes on",
}
LOST = "The realm is out of reach: nothing moves until it is back"
WIDE = 612  # layout px that notes may take
FAINT = 0.15  # belief from which a shape counts as something that words keep off
TOP = 120  # layout px: what lies above it is in the way of notes


def paint(game: Playing, camera: tuple[int, int]) -> tuple[int, int] | None:
    """Paints all of it over the painted world. camera: px of the world at the picture's corner. Returns the px of the
    world that a beam points at, if one does.
    """
    pen, screens = game.window.pen(), game.screens
    watched = None
    large = pen.sized(game.settings.zoom)
    if not screens.bare:
        if game.journey.choosing is not None:
            marks.ring(pen, game.journey.world.map.places[game.journey.choosing], camera)
        if not screens.pauses:
            watched = _world(game, pen, large, camera)
    screens.paint(pen, game.context.seconds)
    if screens.pauses and not screens.bare:
        for line in game.context.notes(screens.age)[-1:]:
            overlays.notice(large, line)
    return watched


def _world(game: Playing, pen: Pen, large: Pen, camera: tuple[int, int]) -> tuple[int, int] | None:
    """Paints what stands over the world while the world goes on; returns what a beam points at. large: a pen with
    letters of the player's size.
    """
    journey, client = game.journey, game.journey.mind_client
    bare = large.rimmed()  # for words that stand on the world itself
    if game.dream is not None:
        if not game.screens:
            dreamt = (client.ready, client.heads, client.history, journey.seconds, game.labels["rest"])
            dream_view.panel(pen, large, *dreamt, journey.practice.over)
        overlays.notes(bare, game.context.notes(), WIDE)
        _lines(game, large, [])
        return None
    debut = journey.sight.debut
    if debut.going_on:  # the interface is away; one line stands below
        if debut.whole(journey.seconds) and debut.place is not None:
            kind = journey.world.map.places[debut.place].kind
            species = journey.sight.drawn(debut.place)[0] or debut.species  # a mind may change its mind meanwhile
            overlays.one_line(bare, f"By the {kind}: {article(species)}. Nobody pointed. You see it.")
        return None
    plain = game.heads and game.mode == heads_plain.PLAIN
    lit = heads_hud.look(game) if plain else None
    taken = _taken(game, large, lit)
    overlays.clock(bare, journey.world, journey.known, journey.narrator.firsts.found)
    errand = _errand(game, bare, camera)
    room = min([WIDE, *(box[0] - 24 for box in taken if box[1] < TOP)])
    noted = overlays.notes(bare, game.context.notes(), room, errand[3] if errand is not None else 0.0)
    covered, watched = [*taken, noted], None
    if plain:
        watched = heads_hud.plainly(game, large, camera, lit, covered)
    elif game.heads:
        watched = heads_hud.numbers(game, pen, camera)
    elif journey.attend > 0.5:
        heads_grid.small(pen, client.ready, client.heads, client.history)
    _marks(game, bare, camera, covered)
    _talk(game, large)
    _lines(game, large, taken, errand)
    return watched


def _errand(game: Playing, pen: Pen, camera: tuple[int, int]) -> overlays.Box | None:
    """Paints the errand: its line, its ring, an eye while one stares. Returns the line's box, if there is one."""
    journey, world = game.journey, game.journey.world
    leads = trail(world)
    if leads is None:
        return None
    if room_at(world, world.player.x, world.player.y) is None:
        errand_hud.ring(pen, leads, camera, journey.seconds)
    stare = staring(world)
    if stare is not None:
        x, y = haunt(world.map.places[stare[0]])
        errand_hud.eye(pen, x - camera[0], y - camera[1] - 44, stare[1])
    return errand_hud.line(pen, leads, 8 + 2 * pen.line)


def _free(game: Playing) -> int:
    """Layout px from the left that a speech may take. The details of a head stand at the lower right."""
    detailed = game.heads and game.mode != heads_plain.PLAIN and game.journey.mind_client.head is not None
    return heads_panel.DETAIL[0] if detailed else overlays.WIDTH


def _talk(game: Playing, pen: Pen) -> None:
    """Paints the speech, and beside it what keys do."""
    said = game.journey.narrator.speech
    if said is not None:
        hint = f"[{game.labels['skip']}]" if said.pace.waits else ""
        overlays.speech(pen, said, game.journey.seconds, hint, _free(game))
    overlays.hints(pen.rimmed(), _keys(game, pen))


def _said(game: Playing, pen: Pen) -> overlays.Box | None:
    """The box of what is being said, if anything is."""
    said = game.journey.narrator.speech
    return overlays.speech_box(pen, said, _free(game)) if said is not None else None


def _keys(game: Playing, pen: Pen) -> list[tuple[str, overlays.Box]]:
    """What keys do now, and where that is written."""
    return [] if game.screens else overlays.hint_boxes(pen, _hints(game), _said(game, pen))


def _taken(game: Playing, pen: Pen, lit: heads_plain.Look | None) -> list[overlays.Box]:
    """The boxes that cover the world: speech, hints and heads. lit: what the head of the plain view looks at."""
    journey, said = game.journey, _said(game, pen)
    boxes = [box for _, box in _keys(game, pen)]
    if said is not None:
        boxes.append(said)
    if game.heads and game.mode == heads_plain.PLAIN:
        seer, practise = journey.world.rules.seer_name, heads_hud.practise(game)
        boxes.append(heads_plain.sheet(pen, lit, journey.mind_client.progress, seer, practise))
    elif game.heads:
        boxes += heads_panel.boxes(journey.mind_client, journey.mind_client.borrowed(game.now()))
    elif journey.attend > 0.5:
        boxes.append(heads_grid.SMALL)
    return boxes


def _marks(game: Playing, pen: Pen, camera: tuple[int, int], taken: list[overlays.Box]) -> None:
    """Paints what is written into the world: places pointed at, a first sight, what the senses tell."""
    journey = game.journey
    shapes = [overlays.shape(ghost.x - camera[0], ghost.y - camera[1]) for ghost in _ghosts(game)]
    for spot in sorted(journey.narrator.pointed, key=lambda spot: spot.answer == NOTHING):  # spirits find room first
        overlays.pointed(pen, spot, camera, journey.seconds, taken, shapes)
    for body in _bodies(game):
        if body.name:
            marks.name(pen, body.name, body.x - camera[0], body.y - camera[1])
    _compared(game, pen)
    seen = journey.narrator.firsts.now
    if seen is not None:
        x, y = haunt(journey.world.map.places[seen.place])
        overlays.sighted(pen, x - camera[0], y - camera[1], seen, journey.seconds, taken)
    heard = journey.whisper
    if heard.level > 0 and seen is None and not journey.narrator.pointed:
        place = journey.world.map.places[heard.place]
        faces = [overlays.face(body.x - camera[0], body.y - camera[1]) for body in _bodies(game)]
        covered = [*taken, *faces, *shapes]
        overlays.whisper(pen, place.x - camera[0], place.y - camera[1], heard.text, covered, heard.level)
    for index, species, part in journey.sight.bursts():
        x, y = haunt(journey.world.map.places[index])
        marks.burst(pen, x - camera[0], y - camera[1], part, game.painter.spirit(species, game.settings.safe).light)
    marks.errand_marks(pen, journey.world.quests, journey.seconds, camera, taken)


def _compared(game: Playing, pen: Pen) -> None:
    """Paints what two who agreed to compare believe of the nearest place, side by side."""
    fellowship, world = game.journey.fellowship, game.journey.world
    if fellowship is not None:
        place = nearest_place(world)
        views = [f"{who}: {seen_as(species, percent)}" for who, species, percent in fellowship.beside(place.index)]
        marks.side_by_side(pen, f"By the {place.kind}", views)


def _bodies(game: Playing) -> tuple[Body, ...]:
    """Everybody who is on the screen."""
    state = game.frame_state
    return (state.player, *state.bodies) if state is not None else ()


def _ghosts(game: Playing) -> list[Ghost]:
    """Every spirit that can be made out on the screen."""
    state = game.frame_state
    return [ghost for ghost in state.ghosts if ghost.belief > FAINT] if state is not None else []


def _lines(game: Playing, pen: Pen, taken: list[overlays.Box], errand: overlays.Box | None = None) -> None:
    """Paints the lines at the top: the state of the mind, or what to do next. They make room for the heads and for the
    errand's line.
    """
    journey, now = game.journey, game.journey.seconds
    wide = not game.heads or game.dream is not None
    state = journey.mind.state
    if journey.realm.lost:
        overlays.banner(pen, LOST, now, GOLD, wide)
        return
    if state in STATES:
        age = journey.mind_client.age(game.now())
        old = f". What you see is {age:.0f} s old" if age is not None else ""
        overlays.banner(pen, STATES[state] + old, now, GOLD if state == "dead" else SKYBLUE, wide)
    if not wide or game.dream is not None or game.screens:
        return
    seen = journey.narrator.firsts.now
    if seen is not None and seen.first and state not in STATES:
        place = journey.world.map.places[seen.place].kind
        overlays.first_sight(pen, seen.species, place, game.labels["act"], errand)
    elif not game.context.notes():
        beside = heads_grid.SMALL in taken
        free = overlays.WIDTH - 2 * (overlays.WIDTH - heads_grid.SMALL[0]) if beside else overlays.WIDTH
        below = pen.line + 8 if state in STATES and pen.line >= 15 else 0.0  # how to walk is told while a mind wakes
        overlays.guide(pen, journey.guide.line(journey.context(), game.labels), free, below, errand)


def _hints(game: Playing) -> list[tuple[str, str]]:
    """The keys that matter just now."""
    journey, labels = game.journey, game.labels
    place = nearest_place(journey.world)
    verb = journey.context()
    kind = journey.reading.called.get(place.index, place.kind)  # as one read it last
    does = {"touch": f"touch the {kind}"}.get(verb, verb)
    entries = [(labels["act"], does)]
    if verb != "look":
        entries.append((labels["look"], "look"))
    if journey.known or journey.mind_client.journal:
        entries.append((labels["attend"], "attend"))
    if journey.nameable():
        entries.append((labels["name"], "name"))
    if journey.world.familiar_with:
        entries.append((labels["send"], "send"))
    if journey.narrator.charms.dealer() == MIKO:
        entries.append((labels["charms"], "charms"))
    if journey.fellowship is not None and journey.fellowship.offer is not None:
        entries.append((labels["trust"], f"believe {journey.fellowship.offer.name}"))
    elif journey.world.names:
        entries.append((labels["show"], "point"))
    if at_the_inn(journey.world) and not journey.realm.shared:
        entries.append((labels["rest"], "sleep"))
    elif journey.known:
        entries.append((labels["rest"], "dream"))
    return entries if journey.attend < 0.5 else [(labels["attend"], "attending")]
