"""The painter: one frame of the realm from a Stage, 640 x 360 px, about 3 ms.

It is made from a Map (the still part, which holds no spirits) and is given a Stage per frame; it never sees a World.
"""

import math
from bisect import bisect_left, bisect_right
from dataclasses import dataclass

import pygame as pg

from game.play import air, ground, hints, light, spirits, sprites
from game.play.buildings import HOUSE_SIZE, WINDOWS
from game.play.palette import Colour, darkness, scaled
from game.play.pixels import LEVELS, dissolve_level, shadow
from game.play.stage import Body, Ghost, Hint, Stage
from game.realm.worldgen import TILE, Map

SIZE = (640, 360)  # px of the world that a frame shows
TALLEST = 96  # px: no sprite reaches higher above its foot
LAMPS = {  # landmark -> lights: (dx, dy from the foot, radius, colour)
    "lantern": ((0, -10, 74, (255, 176, 92)),),
    "altar": ((-11, -14, 40, (255, 186, 110)), (11, -14, 40, (255, 186, 110))),
    "bridge": ((-20, 8, 44, (255, 176, 92)), (20, 8, 44, (255, 176, 92))),
    "bell": ((0, -8, 30, (120, 96, 60)),),
    "torii": ((0, -30, 46, (150, 84, 60)),),
}
REACH = 32  # px: a spirit reaches no farther from its foot than this to the sides, twice that upwards
VEIL = 130  # of 255: how much of what stands in front hides a spirit
WINDOW = (46, (255, 170, 80))
PLAYER_LIGHT = (70, (130, 140, 180))


@dataclass(frozen=True)
class Standing:
    """A thing that stays: its picture and its foot."""

    y: int
    x: int
    picture: pg.Surface
    tall: bool


@dataclass(frozen=True)
class Lamp:
    """A light that stays; colour at full night."""

    x: int
    y: int
    radius: int
    colour: Colour
    mirrored: pg.Surface | None


class Painter:
    """Draws stages of one map. Needs an open display."""

    def __init__(self, land: Map) -> None:
        self.land = land
        self.width, self.height = land.width * TILE, land.height * TILE
        self.things = sprites.things()
        self.figures = sprites.figures()
        self.spirits = spirits.spirits()
        self.ground = ground.paint(land)
        self.light = light.LightMap(*SIZE)
        self.air = air.Air(*SIZE)
        self._shadows: dict[int, pg.Surface] = {}
        self._veils: dict[int, pg.Surface] = {}
        self._mirrors: dict[tuple[int, str], pg.Surface | None] = {}
        self._standing = sorted(self._place_things(), key=lambda thing: (thing.y, thing.x))
        self._feet = [thing.y for thing in self._standing]
        self._lamps, self._chimneys = self._place_lights()

    def camera(self, x: int, y: int) -> tuple[int, int]:
        """The world px at the frame's top left corner when it follows somebody at (x, y)."""
        left = min(max(0, x - SIZE[0] // 2), self.width - SIZE[0])
        return left, min(max(0, y - 12 - SIZE[1] // 2), self.height - SIZE[1])

    def paint(self, frame: pg.Surface, stage: Stage) -> tuple[int, int]:
        """Draws a stage; returns the camera."""
        camera = self.camera(stage.player.x, stage.player.y)
        sky = light.ambient(stage.hour, stage.weather)
        dark = darkness(sky)
        frame.blit(self.ground.picture, (-camera[0], -camera[1]))
        self.air.glints(frame, self.ground.glints, camera, stage.seconds)
        for hint in stage.hints:
            self._track(frame, hint, camera)
        self._everybody(frame, stage, camera)
        self._shine(frame, stage, camera, sky, dark)
        self.air.fog(frame, stage.weather, camera, stage.seconds)
        self._glows(frame, camera, dark, stage.seconds)
        for hint in stage.hints:
            self._flicker(frame, hint, camera, stage.seconds)
        for ghost in sorted(stage.ghosts, key=lambda ghost: ghost.y):
            self._stand_among(frame, ghost, camera, stage.seconds)
        self.air.motes(frame, stage.weather, dark, camera, stage.seconds)
        for x, y in self._chimneys:
            if -20 < x - camera[0] < SIZE[0] + 20 and -10 < y - camera[1] < SIZE[1] + 50:
                self.air.smoke(frame, x - camera[0], y - camera[1], stage.seconds)
        if stage.weather == "rain":
            self.air.rain(frame, camera, stage.seconds)
        if stage.attend > 0.02:
            self._attention(frame, stage, camera)
        return camera

    def thing(self, kind: str) -> pg.Surface:
        """A landmark's picture."""
        return self._picture(kind, 4 if kind == "pine" else 0)

    def _picture(self, kind: str, variant: int) -> pg.Surface:
        pictures = self.things.get(kind) or self.things["boulder"]  # realm.toml may hold kinds that we have not drawn
        return pictures[variant % len(pictures)]

    def spirit(self, species: str) -> spirits.Spirit:
        """A species' art; one that realm.toml added and we have not drawn looks like a kodama."""
        return self.spirits.get(species) or self.spirits["kodama"]

    def _place_things(self) -> list[Standing]:
        """Decor and landmarks; their shadows are baked into the ground, which costs frames nothing."""
        found = []
        for thing in self.land.decor:
            tall = thing.kind in ("tree", "pine", "sakura", "house")
            found.append(Standing(thing.y, thing.x, self._picture(thing.kind, thing.variant % 4), tall))
        for place in self.land.places:
            picture = self.thing(place.kind)
            tall = picture.get_height() > 44
            y = place.y if place.kind != "bridge" else place.y + 30  # its posts stand at the near end of the deck
            found.append(Standing(y, place.x, picture, tall))
        for standing in found:
            image = self._shadow(standing.picture.get_width())
            corner = (standing.x - image.get_width() // 2 + 3, standing.y - image.get_height() + 4)
            self.ground.picture.blit(image, corner)
        return found

    def _shadow(self, width: int) -> pg.Surface:
        if width not in self._shadows:
            self._shadows[width] = shadow(int(width * 0.8), max(5, int(width * 0.24)))
        return self._shadows[width]

    def _place_lights(self) -> tuple[list[Lamp], list[tuple[int, int]]]:
        """Lamps of landmarks and windows, and where chimneys smoke."""
        lamps, chimneys = [], []
        for place in self.land.places:
            for dx, dy, radius, colour in LAMPS.get(place.kind, ()):
                mirrored = light.reflection(self.ground.water, place.x + dx, place.y + 6, scaled(colour, 0.45))
                lamps.append(Lamp(place.x + dx, place.y + dy, radius, colour, mirrored))
        for thing in self.land.decor:
            if thing.kind == "house":
                left, top = thing.x - HOUSE_SIZE[0] // 2, thing.y - HOUSE_SIZE[1]
                lamps += [Lamp(left + x, top + y + 3, *WINDOW, None) for x, y in WINDOWS]
                if thing.variant % 2 == 0:
                    chimneys.append((thing.x + 14, thing.y - HOUSE_SIZE[1] + 4))
        return lamps, chimneys

    def _everybody(self, frame: pg.Surface, stage: Stage, camera: tuple[int, int]) -> None:
        """Things and people, far ones first. What hides the player turns half clear."""
        first = bisect_left(self._feet, camera[1] - 8)
        last = bisect_right(self._feet, camera[1] + SIZE[1] + TALLEST)
        left, right = camera[0] - 48, camera[0] + SIZE[0] + 48
        queue: list[tuple[int, int, Standing | Body]] = [
            (thing.y, thing.x, thing) for thing in self._standing[first:last] if left < thing.x < right
        ]
        queue += [(body.y, body.x, body) for body in (*stage.bodies, stage.player) if left < body.x < right]
        queue.sort(key=lambda entry: entry[:2])
        player = stage.player
        for y, x, entry in queue:
            if isinstance(entry, Body):
                self._body(frame, entry, camera, stage.seconds)
                continue
            picture = entry.picture
            wide, high = picture.get_size()
            hides = entry.tall and 2 < y - player.y < high - 6 and abs(x - player.x) < wide // 2
            picture.set_alpha(120 if hides else 255)
            frame.blit(picture, (x - camera[0] - wide // 2, y - camera[1] - high + 1))

    def _body(self, frame: pg.Surface, body: Body, camera: tuple[int, int], seconds: float) -> None:
        picture = self.figures.get(body.kind, self.figures["cat"]).at(body.facing, body.moving, seconds)
        wide, high = picture.get_size()
        x, y = body.x - camera[0], body.y - camera[1]
        image = self._shadow(16)
        frame.blit(image, (x - 6, y - 3))
        frame.blit(picture, (x - wide // 2, y - high + 1))

    def _shine(self, frame: pg.Surface, stage: Stage, camera: tuple[int, int], sky: Colour, dark: float) -> None:
        self.light.begin(sky)
        for index, lamp in enumerate(self._lamps):
            x, y = lamp.x - camera[0], lamp.y - camera[1]
            if -lamp.radius < x < SIZE[0] + lamp.radius and -lamp.radius < y < SIZE[1] + lamp.radius:
                flicker = 0.93 + 0.07 * math.sin(stage.seconds * 3.1 + index * 1.9)
                self.light.add(x, y, lamp.radius, lamp.colour, light.strength(dark * flicker))
        x, y = stage.player.x - camera[0], stage.player.y - 8 - camera[1]
        self.light.add(x, y, PLAYER_LIGHT[0], PLAYER_LIGHT[1], light.strength(dark))
        if stage.attend > 0.02:
            breath = 0.75 + 0.25 * math.sin(stage.seconds * 2.4)
            self.light.add(x, y, 130, (120, 150, 210), light.strength(stage.attend * breath))
        for ghost in stage.ghosts:
            colour = scaled(self.spirit(ghost.species).light, 0.75)
            level = dissolve_level(ghost.belief)  # in steps, so that the same few lights are used again
            x, y = ghost.x - camera[0], ghost.y - 14 - camera[1]
            self.light.add(x, y, 16 + 4 * level, colour, light.strength(level / LEVELS))
        self.light.shine(frame, stage.attend)

    def _glows(self, frame: pg.Surface, camera: tuple[int, int], dark: float, seconds: float) -> None:
        """Halos of lamps, and their images in the water."""
        for index, lamp in enumerate(self._lamps):
            x, y = lamp.x - camera[0], lamp.y - camera[1]
            if not (-30 < x < SIZE[0] + 30 and -60 < y < SIZE[1] + 30) or dark < 0.05:
                continue
            level = light.strength(dark * (0.9 + 0.1 * math.sin(seconds * 3.1 + index * 1.9)))
            for radius, colour in ((20, scaled(lamp.colour, 0.5)), (7, scaled(lamp.colour, 0.6))):
                image = light.halo(radius if lamp.radius > 60 else radius * 2 // 3 + 1, colour, level)
                half = image.get_width() // 2
                frame.blit(image, (x - half, y - half), special_flags=pg.BLEND_RGB_ADD)
            if lamp.mirrored is not None and dark > 0.3:
                sway = int(2 * math.sin(seconds * 3 + lamp.x))
                frame.blit(lamp.mirrored, (x - 13 + sway, y + 14), special_flags=pg.BLEND_RGB_ADD)

    def ghost(self, frame: pg.Surface, ghost: Ghost, camera: tuple[int, int], seconds: float) -> None:
        """A belief: dither, opacity and glow all say how strong it is."""
        level = dissolve_level(ghost.belief)
        if level == 0 or ghost.belief < spirits.FAINTEST:
            return
        art = self.spirit(ghost.species)
        bob = round(2 * math.sin(seconds * 2 + ghost.place))
        x, y = ghost.x - camera[0], ghost.y - camera[1] + bob
        picture = art.picture(ghost.belief)
        middle = y - picture.get_height() // 2
        for image in spirits.aura(art.light, level):
            half = image.get_width() // 2
            frame.blit(image, (x - half, middle - half), special_flags=pg.BLEND_RGB_ADD)
        if ghost.wavering:
            picture = spirits.wavering(picture, seconds)
        frame.blit(picture, (x - picture.get_width() // 2, y - picture.get_height()))
        key = (ghost.place, ghost.species)
        if key not in self._mirrors:
            self._mirrors[key] = light.reflection(self.ground.water, ghost.x, ghost.y + 4, scaled(art.light, 0.4))
        mirrored = self._mirrors[key]
        if mirrored is not None and level > LEVELS // 4:
            sway = int(2 * math.sin(seconds * 3 + ghost.x))
            frame.blit(mirrored, (x - 13 + sway, ghost.y + 4 - camera[1]), special_flags=pg.BLEND_RGB_ADD)

    def _track(self, frame: pg.Surface, hint: Hint, camera: tuple[int, int]) -> None:
        if hint.sense == "track":
            hints.track(frame, hint, hint.x - camera[0], hint.y - camera[1])

    def _flicker(self, frame: pg.Surface, hint: Hint, camera: tuple[int, int], seconds: float) -> None:
        show = {"glimpse": hints.glimpse, "hear": hints.heard}.get(hint.sense)
        if show is not None:
            show(frame, hint, hint.x - camera[0], hint.y - camera[1], seconds)

    def _stand_among(self, frame: pg.Surface, ghost: Ghost, camera: tuple[int, int], seconds: float) -> None:
        """A ghost, and over it what stands in front of it, half clear: it is behind, and still to be seen."""
        box = pg.Rect(ghost.x - camera[0] - REACH, ghost.y - camera[1] - 2 * REACH, 2 * REACH, 2 * REACH + 8)
        box = box.clip(frame.get_rect())
        if box.width == 0 or box.height == 0:
            return
        before = frame.subsurface(box).copy()
        self.ghost(frame, ghost, camera, seconds)
        for thing in self._standing[bisect_right(self._feet, ghost.y) : bisect_right(self._feet, ghost.y + TALLEST)]:
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
            veil.set_alpha(255)
            veil.fill((255, 255, 255, 0), special_flags=pg.BLEND_RGBA_MAX)
            veil.fill((255, 255, 255, VEIL), special_flags=pg.BLEND_RGBA_MULT)
            self._veils[id(picture)] = veil
        return self._veils[id(picture)]

    def _attention(self, frame: pg.Surface, stage: Stage, camera: tuple[int, int]) -> None:
        """Rings of dots that draw in towards whoever attends."""
        x, y = stage.player.x - camera[0], stage.player.y - 9 - camera[1]
        for ring in range(3):
            part = (1 - stage.seconds * 0.45 + ring / 3) % 1
            reach = 14 + 60 * part
            colour = scaled((120, 190, 255), stage.attend * (1 - part) * 0.9)
            for dot in range(20):
                angle = dot * math.tau / 20 + ring * 0.4 + stage.seconds * 0.15
                spot = (int(x + reach * math.cos(angle)), int(y + 0.6 * reach * math.sin(angle)), 2, 1)
                frame.fill(colour, spot, special_flags=pg.BLEND_RGB_ADD)
