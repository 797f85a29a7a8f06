"""What the open heads show over the world: in plain words with one beam, or in terms and numbers with all beams."""

from game.app.playing import Playing
from game.journey.mind_client import MindClient
from game.ui import attune_sheet, beams, heads_grid, heads_panel, heads_plain, overlays
from game.ui.burns import Burns, burns_of
from game.ui.font import Pen


def free(game: Playing) -> int:
    """Layout px from the left that the heads, when they are open, leave free."""
    if game.mode == heads_plain.PLAIN:
        return round(heads_plain.left(game.window.pen().sized(game.settings.zoom)))
    client = game.journey.mind_client
    return round(min(box[0] for box in heads_panel.boxes(client, client.borrowed(game.now()))))


def practise(game: Playing) -> str:
    """A line on who practises, once the player may choose that."""
    client = game.journey.mind_client
    may = attune_sheet.chooses(client.ready, client.restore_points, attune_sheet.attuned(client.progress))
    return f"[{game.labels['attune']}] {attune_sheet.who(attune_sheet.attuned(client.progress))}" if may else ""


def look(game: Playing) -> heads_plain.Look | None:
    """What the head that is lit in the plain view looks at. It is asked of the mind."""
    client = game.journey.mind_client
    if not game.head_held:
        client.head = heads_plain.lit(client.heads, client.head)
    if client.view is None or client.head is None:
        return None
    view, places = client.view, game.journey.world.map.places
    beliefs = {place: client.belief(place) for place in view.places.values()}
    return heads_plain.look(heads_panel.gaze_of(client), view.scene.events, view.places, places, beliefs)


def plainly(
    game: Playing,
    pen: Pen,
    camera: tuple[int, int],
    seen: heads_plain.Look | None,
    covered: list[overlays.Box],
) -> tuple[int, int] | None:
    """Paints the plain view: one head, one beam, whose end it returns. covered: what covers the world; words at the
    beam are added.
    """
    journey, client, end = game.journey, game.journey.mind_client, None
    if seen is not None and client.view is not None:
        spot, player = journey.world.map.places[client.view.places[seen.place]], journey.world.player
        at, here = (spot.x - camera[0], spot.y - camera[1]), (player.x - camera[0], player.y - camera[1])
        heads_plain.beam(pen.rimmed(), seen, at, here, journey.seconds, covered)
        end = spot.x, spot.y
    seer, key = journey.world.rules.seer_name, game.labels["mode"]
    chosen = attune_sheet.attuned(client.progress), practise(game)
    if not getattr(game.screens.top, "covers", False):
        heads_plain.panel(pen, client.ready, client.head, seen, client.progress, seer, key, _burned(game), *chosen)
    return end


def numbers(game: Playing, pen: Pen, camera: tuple[int, int]) -> tuple[int, int] | None:
    """Paints the heads over the world, in terms and numbers. The head that is pointed at is asked of the mind. Returns
    where the widest beam ends.
    """
    journey, client = game.journey, game.journey.mind_client
    mouse = game.window.to_layout(game.mouse) if game.mouse else None
    point_at_head(client, game.mode, mouse, game.head_held)
    end = None
    if client.head is not None and client.view is not None:
        land, player = journey.world.map, journey.world.player
        rays = beams.beams(heads_panel.gaze_of(client))
        end = beams.end(rays, client.view.places, land.places)
        beams.draw(pen, rays, client.view.places, land.places, (player.x, player.y), camera, journey.seconds)
    heads_panel.panel(pen, client, game.mode, mouse, client.borrowed(game.now()), game.labels, _burned(game))
    return end


def _burned(game: Playing) -> Burns:
    """The layers that charms burned, or burn now."""
    journey = game.journey
    return burns_of(journey.mind_client.progress, journey.narrator.charms.burning, journey.seconds)


def point_at_head(client: MindClient, mode: str, mouse: tuple[float, float] | None, held: bool) -> None:
    """Sets which head is looked into: the one under the mouse, else the one that a screen holds (`held`). Asks for
    causal weights when they are looked at for the first time.
    """
    under = heads_grid.pointed(heads_grid.laid(mode, client.ready, client.heads, None), mouse)
    if under is not None and client.ready is not None:
        client.head = under.layer * client.ready.heads + under.head
    elif not held:
        client.head = None
    if mode == "causal" and client.weights is None:
        client.weigh()
