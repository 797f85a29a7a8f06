"""What should be heard, and from where. It follows from a FrameState alone, as the picture does.

What nobody senses and nobody believes is silent: the truth about spirits isn't known here. Ground, river and shrine are
read from the map, which anybody sees.
"""

import math
from bisect import bisect_left
from collections.abc import Mapping
from typing import NamedTuple

from game.art.frame_state import FrameState
from game.audio.music import Piece
from game.realm.land import Map
from game.realm.terrain import OUTDOORS, TILE, Ground

NEAR, FAR, FADES = 90.0, 320.0, 80.0  # px: half as loud there; silent there; and how gently that comes
WIDE = 190.0  # px to the side at which a sound comes from that side alone
BY_RIVER = 110.0  # px from the bank: half as loud there
BENDS = 8  # points of the river to either side that may be the nearest
PLAIN = 0.6  # how loud a trace is that nobody believes anything of
OWN = 0.45  # how loud a spirit is that is believed in where nothing is heard
DOUBT = 0.25  # a belief as weak as this has no voice of its own
GATHERED = 0.55  # share of wind and music that attending takes away
WITHIN = 0.3  # how much of the sounds outside comes through walls
PICTURE = (330, 190)  # px: what one can see at once
WINDS = {"wind": 1.0, "rain": 0.3, "mist": 0.12, "clear": 0.2}
CALM = {"wind": 0.4, "rain": 0.12, "mist": 0.6, "clear": 1.0}  # how much small beasts sing
TIMES = {"bed": 1.2, "music": 2.5, "voice": 0.2}  # s: how fast a sound follows what is wished


class Wish(NamedTuple):
    """name: of a sound; left, right: how loud at each listener, 0..1; kind: a key of TIMES."""

    name: str
    left: float
    right: float
    kind: str = "voice"


def ears(pan: float, gain: float) -> tuple[float, float]:
    """(left, right) of equal power; pan: -1 left .. 1 right."""
    angle = (min(1.0, max(-1.0, pan)) + 1) * math.pi / 4
    return gain * math.cos(angle), gain * math.sin(angle)


def attenuation(distance: float) -> float:
    """How loud something is at a distance in px: 0..1, never louder farther away, silent from FAR on."""
    fades = min(1.0, max(0.0, (FAR - distance) / FADES))
    return fades / (1 + distance / NEAR)


def insight(state: FrameState) -> float:
    """The sum of the beliefs about spirits within the picture: 1 for each that is certain. Phantoms that were touched
    don't count."""
    x, y = state.player.x, state.player.y
    near = (g for g in state.ghosts if abs(g.x - x) < PICTURE[0] and abs(g.y - y) < PICTURE[1])
    return sum(ghost.belief for ghost in near if not ghost.wavering)


def music(piece: Piece, name: str, sees: float, gain: float = 1.0) -> dict[str, Wish]:
    """The layers of a piece; sees: as `insight` has it."""
    wishes = {}
    for layer in piece.layers:
        part = 1.0 if layer.whole <= layer.low else (sees - layer.low) / (layer.whole - layer.low)
        if part > 0:
            sound = f"music.{name}.{layer.name}"
            wishes[sound] = Wish(sound, *ears(layer.pan, gain * min(1.0, part)), "music")
    return wishes


class Listener:
    """Listens on one map. voices: species -> the word for how it sounds."""

    def __init__(self, land: Map, voices: Mapping[str, str]) -> None:
        self.map, self.voices = land, dict(voices)
        self._river = sorted(land.river)

    def wishes(self, state: FrameState, hushed: float = 1.0) -> dict[str, Wish]:
        """Everything but music. hushed: 0..1, how much of it comes through (a dream, a pause)."""
        wanted = self.beds(state)
        wanted.update(self.voiced(state))
        if hushed == 1.0:
            return wanted
        return {key: wish._replace(left=wish.left * hushed, right=wish.right * hushed) for key, wish in wanted.items()}

    def voiced(self, state: FrameState) -> dict[str, Wish]:
        """Traces that are heard, each from its place, and the voices of spirits that are believed in."""
        x, y = state.player.x, state.player.y
        believed: dict[tuple[int, int, str], float] = {}
        for ghost in state.ghosts:
            voice = self.voices.get(ghost.species)
            if voice is not None and 0 <= ghost.place < len(self.map.places) and not ghost.wavering:
                spot = self.map.places[ghost.place]
                believed[spot.x, spot.y, voice] = ghost.belief
        loud = {key: OWN * (belief - DOUBT) / (1 - DOUBT) for key, belief in believed.items()}
        for hint in state.hints:
            if hint.sense == "hear":
                source = hint.x, hint.y, hint.thing
                loud[source] = PLAIN + (1 - PLAIN) * believed.get(source, 0.0)
        wishes = {}
        for (place_x, place_y, name), gain in loud.items():
            gain *= attenuation(math.hypot(place_x - x, place_y - y))
            if gain > 0:
                wishes[f"{place_x} {place_y} {name}"] = Wish(name, *ears((place_x - x) / WIDE, gain))
        return wishes

    def beds(self, state: FrameState) -> dict[str, Wish]:
        """Weather, water, and the small beasts of the hour."""
        inside, weather = self.inside(state), state.weather
        open_air = (WITHIN if inside else 1.0) * (1 - GATHERED * state.attend)
        dark = _between(state.hour, 18.5, 20.5) if state.hour > 12 else 1 - _between(state.hour, 4.0, 5.5)
        light = _between(state.hour, 4.5, 6.0) * (1 - _between(state.hour, 16.5, 18.5))
        river, side = self._by_river(state)
        sung = CALM.get(weather, 1.0) * open_air
        loud = {
            "wind": (WINDS.get(weather, 0.2) * open_air, 0.0),
            "rain": (0.0 if inside or weather != "rain" else 0.8 * open_air, 0.0),
            "roof": (0.7 if inside and weather == "rain" else 0.0, 0.0),
            "water": (0.0 if inside else river * open_air, side),
            "flood": (0.0 if inside else state.flood * river * open_air, side),
            "night": (0.45 * dark * sung, 0.0),
            "day": (0.6 * light * sung, 0.0),
            "embers": (0.4 if inside else 0.0, 0.0),
        }
        return {
            f"bed.{name}": Wish(f"bed.{name}", *ears(pan, gain), "bed")
            for name, (gain, pan) in loud.items()
            if gain > 0
        }

    def inside(self, state: FrameState) -> bool:
        """True under a roof."""
        return state.player.y >= OUTDOORS * TILE

    def _by_river(self, state: FrameState) -> tuple[float, float]:
        """(loudness 0..1, pan) of the nearest water."""
        x, y = state.player.x, state.player.y
        if not self._river:
            return 0.0, 0.0
        middle = bisect_left(self._river, (x, 0))  # its points lie from west to east
        near = self._river[max(0, middle - BENDS) : middle + BENDS] or self._river[-1:]
        away, dx = min((math.hypot(px - x, py - y), px - x) for px, py in near)
        away = max(0.0, away - self.map.river_half_width)
        return 1 / (1 + (away / BY_RIVER) ** 2) if away < 3 * BY_RIVER else 0.0, 0.5 * dx / WIDE

    def underfoot(self, x: int, y: int) -> str:
        """The word for the step there: the ground's, or edge where water is next to it."""
        ground = self._ground(x, y)
        word = ground.name.lower()
        beside = (self._ground(x + dx, y + dy) for dx, dy in ((TILE, 0), (-TILE, 0), (0, TILE), (0, -TILE)))
        if ground in (Ground.MUD, Ground.GRASS, Ground.MARSH) and Ground.WATER in beside:
            return "edge"
        return word if ground not in (Ground.WATER, Ground.WALL, Ground.VOID) else "stone"

    def _ground(self, x: int, y: int) -> Ground:
        column = min(self.map.width - 1, max(0, x // TILE))
        row = min(self.map.height - 1, max(0, y // TILE))
        return Ground(self.map.ground[row * self.map.width + column])

    def bell(self, state: FrameState) -> Wish:
        """The shrine's bell, from where it hangs; it is heard in all the realm."""
        x, y = self.map.shrine
        dx, dy = x - state.player.x, y - state.player.y
        gain = 0.2 + 0.7 / (1 + math.hypot(dx, dy) / 300)
        return Wish("bell", *ears(0.8 * max(-1.0, min(1.0, dx / 400)), gain * (WITHIN if self.inside(state) else 1.0)))


def _between(hour: float, first: float, last: float) -> float:
    """0 before the first hour, 1 after the last."""
    return min(1.0, max(0.0, (hour - first) / (last - first)))
