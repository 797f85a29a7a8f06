"""The painter: one frame of the realm from a FrameState, 640 x 360 px, about 4 ms.

It is made from a Map (the still part, which holds no spirits) and gets a FrameState for each frame. It never sees a
World. The ground is painted where it is looked at. Call `advance` in idle moments, so that the rest is ready before it
is seen.
"""

import pygame as pg

from game.art import (
    beyond,
    drifting,
    ghosts,
    great_spirits,
    hints,
    light_map,
    lighting,
    spirit_shapes,
    spirits,
    sprites,
    weather,
)
from game.art.frame_state import Body, FrameState, Ghost, Hint
from game.art.ground import ground, undergrowth
from game.art.lighting import CALM, DUSK
from game.art.pixels.drawing import LEVELS, dissolve_level, shadow
from game.art.pixels.palette import darkness, mix, tone
from game.art.placed_sprites import PlacedSprites, Standing, wave_of
from game.realm.land import Map
from game.realm.terrain import OUTDOORS, TILE

SIZE = (640, 360)  # px of the world that a frame shows
TALLEST = 112  # px: no sprite reaches higher above its foot
REACH = 36  # px: a spirit reaches no farther from its foot than this to the sides, twice that upwards
VEIL = 80  # of 255: how much of what stands in front hides a spirit
WADES = 3  # px of somebody that are below shallow water
HIDING = 84  # of 255: how clear what hides the player turns, or the seer who walks along
GUIDE = "seer"  # a kind of body
EAVES = 10  # px of a room's outer tiles that one doesn't see: its walls are thinner than a tile


class Painter:
    """Draws frame states of one map. Needs an open display."""

    def __init__(self, land: Map) -> None:
        self.land = land
        self.width, self.height = land.width * TILE, min(land.height, OUTDOORS) * TILE
        self.things = sprites.things() | undergrowth.pictures()
        self.figures = sprites.figures()
        self._arts = {safe: spirits.spirits(safe) for safe in (False, True)}
        self.spirits = self._arts[False]
        self.placed_sprites = PlacedSprites(land, self.things)
        self.ground = ground.Ground(land, self.placed_sprites.shades(), self.placed_sprites.mirrored())
        self.lighting = lighting.Lighting(SIZE, self.placed_sprites.lamps, self.ground)
        self.air = drifting.Air(*SIZE)
        self.weather = weather.Weather(*SIZE)
        self.grade = light_map.Grade(land)
        self.great = great_spirits.GreatSpirits(land)
        self._shadow = shadow(12, 5)
        self._unmade = [(name, step) for name in self.spirits for step in range(spirit_shapes.IDLE)]
        self._veils: dict[int, pg.Surface] = {}
        self._faded: dict[int, pg.Surface] = {}
        self._waded: dict[int, pg.Surface] = {}
        self._around: tuple[tuple[int, bool, str], pg.Surface] | None = None

    def advance(self, budget: float = 0.002) -> bool:
        """Makes what will be seen later for about `budget` s: spirits, then ground. False when everything is made."""
        if self._unmade:
            name, step = self._unmade.pop()
            spirit_shapes.gathered(name, self.spirits[name].rows, step)
            return True
        return self.ground.advance(budget)

    def forget_outside(self) -> None:
        """Lets the land around a room be painted anew: the next picture follows from its frame state alone."""
        self._around = None

    def camera(self, x: int, y: int, free: int = SIZE[0]) -> tuple[int, int]:
        """The world px at the frame's top left corner when it follows somebody at (x, y); a room lies in its middle.
        free: px of the frame, from the left, that nothing covers: these stay within the map.
        """
        room = self.room(x, y)
        if room is not None:
            return room.centerx - free // 2, room.centery - SIZE[1] // 2
        left = min(max(0, x - free // 2), self.width - free)
        return left, min(max(0, y - 12 - SIZE[1] // 2), self.height - SIZE[1])

    def room(self, x: int, y: int) -> pg.Rect | None:
        """What one sees (px of the world) of the room in which (x, y) lies; None in the open."""
        for room in self.land.rooms if y >= self.height else ():
            if room.left * TILE <= x < (room.left + room.width) * TILE:
                area = pg.Rect(room.left * TILE, room.top * TILE, room.width * TILE, room.height * TILE)
                return pg.Rect(area.left + EAVES, area.top, area.width - 2 * EAVES, area.height - EAVES + 4)
        return None

    def paint(self, frame: pg.Surface, state: FrameState, calm: bool = False, safe: bool = False) -> tuple[int, int]:
        """Draws a frame; returns the camera. calm: little motion, no flicker; safe: hues and signs for any eye."""
        at = state.view or (state.player.x, state.player.y)
        camera, room = self.camera(*at, state.free), self.room(*at)
        pace = state.seconds * (CALM if calm else 1)
        view = pg.Rect(camera, SIZE)
        self.ground.need(view if room is None else room)
        self.ground.tint(pace, state.weather == "rain", state.flood > 0.4)
        frame.set_clip(None)
        if room is not None:
            frame.blit(self._outside(room, state), ((state.free - SIZE[0]) // 2, 0))
            if state.free < SIZE[0]:
                beyond.mirrored(frame, (SIZE[0] - state.free + 1) // 2)
            frame.set_clip(room.move(-camera[0], -camera[1]))
        frame.blit(self.ground.picture, (-camera[0], -camera[1]))
        if room is None and camera[0] + SIZE[0] > self.width:
            beyond.mirrored(frame, camera[0] + SIZE[0] - self.width)
        self._living(frame, state, camera, pace, room, calm, safe)
        frame.set_clip(None)
        return camera

    def _living(
        self,
        frame: pg.Surface,
        state: FrameState,
        camera: tuple[int, int],
        pace: float,
        room: pg.Rect | None,
        calm: bool,
        safe: bool,
    ) -> None:
        """Everything but the ground, from the water's glints to what hangs in the air."""
        sky = light_map.ambient(state.hour, state.weather)
        dark = darkness(sky)
        here = (camera[0] + SIZE[0] // 2, camera[1] + SIZE[1] // 2)
        light = self.grade.outside(sky, *here) if room is None else light_map.indoors(sky)
        if room is None:
            self.air.glints(frame, self.ground.glints(pg.Rect(camera, SIZE)), camera, pace)
            self.weather.on_ground(frame, state.weather, self.ground.water, camera, state.seconds, calm)
        for hint in state.hints:
            self._track(frame, hint, camera)
        self._everybody(frame, state, camera, dark, 0.0 if calm else pace)
        glowing = [(ghost, self.spirit(ghost.species, safe).light) for ghost in state.ghosts]
        self.lighting.shine(frame, state, camera, light, calm, glowing, room is None)
        if room is None:
            self.weather.shafts(frame, self.grade.forest(*here), state.hour, state.weather, camera, pace)
            self.air.fog(frame, state.weather, dark, camera, pace)
        self.lighting.glows(frame, camera, dark, 0.0 if calm else state.seconds)
        for hint in state.hints:
            self._flicker(frame, hint, camera, state.seconds, calm)
        if room is None:
            self.great.draw(frame, state.ghosts, camera, state.hour, 0.0 if calm else state.seconds)
        for ghost in sorted(state.ghosts, key=lambda ghost: ghost.y):
            self._stand_among(frame, ghost, camera, pace, safe)
        if room is None:
            self.air.motes(frame, state.weather, dark, camera, pace, self.grade.shrine(*here))
            self._smoke(frame, camera, state)
            self.weather.in_air(frame, state.weather, state.hour, camera, state.seconds, calm)
        if state.attend > 0.02:
            x, y = state.player.x - camera[0], state.player.y - 9 - camera[1]
            hints.attention(frame, x, y, state.attend, state.seconds * (CALM if calm else 1))

    def _outside(self, area: pg.Rect, state: FrameState) -> pg.Surface:
        """The dim land around a house whose inside is shown, as it was when the player came in."""
        sky = light_map.ambient(state.hour, state.weather)
        key = (area.left, darkness(sky) > DUSK, state.weather)
        if self._around is None or self._around[0] != key:
            inside = next(room for room in self.land.rooms if room.left * TILE + EAVES == area.left)
            exit_x, exit_y = inside.exit[0] * TILE + TILE // 2, inside.exit[1] * TILE + TILE
            camera = self.camera(exit_x, exit_y - TILE)
            camera = camera[0] + inside.outside[0] - exit_x, camera[1] + inside.outside[1] - exit_y
            image = pg.Surface(SIZE).convert()
            self.ground.need(pg.Rect(camera, SIZE))
            image.blit(self.ground.picture, (-camera[0], -camera[1]))
            empty = FrameState(state.hour, state.weather, 0.0, state.player, hidden=True)
            self._everybody(image, empty, camera, darkness(sky), 0.0)
            image.fill(mix((30, 34, 62), (96, 100, 112), 1 - darkness(sky)), special_flags=pg.BLEND_RGB_MULT)
            self.lighting.glows(image, camera, 0.6 * darkness(sky), 0.0)
            self._around = key, image
        return self._around[1]

    def thing(self, kind: str) -> pg.Surface:
        """A landmark's picture."""
        return self.placed_sprites.picture(kind, 4 if kind == "pine" else 0)

    def spirit(self, species: str, safe: bool = False) -> spirits.Spirit:
        """A species' art. A species without art looks like a kodama."""
        arts = self._arts[safe]
        return arts.get(species) or arts["kodama"]

    def _everybody(
        self, frame: pg.Surface, state: FrameState, camera: tuple[int, int], dark: float, pace: float
    ) -> None:
        """Things and people, far ones first. What hides the player or a seer turns half clear. pace 0: no swaying."""
        left, right = camera[0] - 84, camera[0] + SIZE[0] + 84
        player, lit = state.player, dark > DUSK
        wave = wave_of(pace, state.weather == "wind") if pace else ()
        queue: list[tuple[int, int, int, Standing | Body]] = [
            (thing.y, thing.x, index, thing)
            for index, thing in enumerate(
                self.placed_sprites.near(left, right, camera[1] - 8, camera[1] + SIZE[1] + TALLEST)
            )
        ]
        bodies = [body for body in (state.bodies if state.hidden else (*state.bodies, player)) if left < body.x < right]
        queue += [(body.y, body.x, -1 - index, body) for index, body in enumerate(bodies)]
        in_sight = [body for body in bodies if body is player or body.kind == GUIDE]
        queue.sort(key=lambda entry: entry[:3])
        drawn: list[tuple[pg.Surface, tuple[int, int]]] = []
        for y, x, _, entry in queue:
            x, y = x - camera[0], y - camera[1]
            if isinstance(entry, Body):
                picture = self._figure(entry, state.seconds)
                if self.ground.wet(entry.x, entry.y):
                    picture, y = self._wading(picture), y + WADES
                else:
                    drawn.append((self._shadow, (x - 6, y - 3)))
            else:
                picture = entry.bent[wave[entry.phase]] if wave and entry.bent else entry.lit if lit else entry.picture
                if entry.tall and any(entry.hides(body.x, body.y) for body in in_sight):
                    picture = self._half_clear(picture)
            drawn.append((picture, (x - picture.get_width() // 2, y - picture.get_height() + 1)))
        frame.fblits(drawn)

    def _wading(self, picture: pg.Surface) -> pg.Surface:
        """Somebody in shallow water: the part below the surface is left out, and a bright line marks the surface."""
        if id(picture) not in self._waded:
            width, height = picture.get_size()
            image = picture.copy()
            image.fill((0, 0, 0, 0), (0, height - WADES, width, WADES))
            for y, inset in ((height - WADES, width // 2 - 4), (height - WADES - 1, width // 2 - 6)):
                image.fill((*tone("water", 5), 200), (max(0, inset), y, width - 2 * max(0, inset), 1))
            self._waded[id(picture)] = image
        return self._waded[id(picture)]

    def _figure(self, body: Body, seconds: float) -> pg.Surface:
        return self.figures.get(body.kind, self.figures["cat"]).at(body.facing, body.moving, seconds + body.x % 7)

    def _half_clear(self, picture: pg.Surface) -> pg.Surface:
        if id(picture) not in self._faded:
            faded = picture.copy()
            faded.fill((255, 255, 255, HIDING), special_flags=pg.BLEND_RGBA_MULT)
            self._faded[id(picture)] = faded
        return self._faded[id(picture)]

    def ghost(
        self, frame: pg.Surface, ghost: Ghost, camera: tuple[int, int], seconds: float, safe: bool = False
    ) -> None:
        """Draws a belief. Dither, opacity and glow show how strong it is."""
        art = self.spirit(ghost.species, safe)
        ghosts.draw(frame, ghost, art, ghost.x - camera[0], ghost.y - camera[1], seconds, safe)
        if dissolve_level(ghost.belief) > LEVELS // 4:
            key = (ghost.place, ghost.species)
            self.lighting.mirror(frame, key, ghost.x, ghost.y + 4, art.light, camera, seconds)

    def _track(self, frame: pg.Surface, hint: Hint, camera: tuple[int, int]) -> None:
        if hint.sense == "track":
            hints.track(frame, hint, hint.x - camera[0], hint.y - camera[1])

    def _flicker(self, frame: pg.Surface, hint: Hint, camera: tuple[int, int], seconds: float, calm: bool) -> None:
        show = {"glimpse": hints.glimpse, "hear": hints.heard, "feel": hints.felt}.get(hint.sense)
        if show is not None:
            show(frame, hint, hint.x - camera[0], hint.y - camera[1], seconds * (0.5 if calm else 1))

    def _stand_among(
        self, frame: pg.Surface, ghost: Ghost, camera: tuple[int, int], seconds: float, safe: bool
    ) -> None:
        """A ghost, and over it, half transparent, what stands in front of it."""
        box = pg.Rect(ghost.x - camera[0] - REACH, ghost.y - camera[1] - 2 * REACH, 2 * REACH, 2 * REACH + 8)
        box = box.clip(frame.get_clip())
        if box.width == 0 or box.height == 0:
            return
        before = frame.subsurface(box).copy()
        self.ghost(frame, ghost, camera, seconds, safe)
        for thing in self.placed_sprites.near(ghost.x - 120, ghost.x + 120, ghost.y + 1, ghost.y + TALLEST, solid=True):
            wide, high = thing.picture.get_size()
            corner = (thing.x - camera[0] - wide // 2, thing.y - camera[1] - high + 1)
            part = box.clip((*corner, wide, high))
            if part.width > 0 and part.height > 0:
                veil = self._veil(thing.picture).subsurface(part.move(-corner[0], -corner[1])).copy()
                veil.blit(before, (box.x - part.x, box.y - part.y), special_flags=pg.BLEND_RGB_MULT)
                frame.blit(veil, part)

    def _veil(self, picture: pg.Surface) -> pg.Surface:
        """The shape of a picture in white, half clear; one for each picture."""
        if id(picture) not in self._veils:
            veil = picture.copy()
            veil.fill((255, 255, 255, 0), special_flags=pg.BLEND_RGBA_MAX)
            veil.fill((255, 255, 255, VEIL), special_flags=pg.BLEND_RGBA_MULT)
            self._veils[id(picture)] = veil
        return self._veils[id(picture)]

    def _smoke(self, frame: pg.Surface, camera: tuple[int, int], state: FrameState) -> None:
        for x, y in self.placed_sprites.chimneys:
            x, y = x - camera[0], y - camera[1]
            if -20 < x < SIZE[0] + 20 and -10 < y < SIZE[1] + 50:
                self.air.smoke(frame, x, y, state.seconds, state.weather == "wind")
