"""The sprites of everything that stands and walks in the realm, made at the start from ASCII grids and code."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import pygame as pg

from common.assets import ASSETS
from game.art import buildings, gates, plants
from game.art.pixels.drawing import from_grid, outlined
from game.art.pixels.palette import Colour, tone
from game.realm.tables import RulesError, read_toml

FRAMES = 4  # steps of a walking cycle: stand, step, stand, other step


def colours(table: dict[str, str]) -> dict[str, Colour]:
    """A sprite's palette: "#rrggbb" or "ramp:step"."""
    palette = {}
    for mark, word in table.items():
        if word.startswith("#"):
            palette[mark] = (int(word[1:3], 16), int(word[3:5], 16), int(word[5:7], 16))
        else:
            name, step = word.split(":")
            palette[mark] = tone(name, int(step))
    return palette


def grids(name: str) -> dict:
    """One of the files of assets/sprites. Raises RulesError."""
    return read_toml(ASSETS / "sprites" / f"{name}.toml")


@contextmanager
def entry_of(name: str, key: str) -> Iterator[None]:
    """Whatever is wrong with an entry of an art file while it is drawn becomes one line. Raises RulesError."""
    try:
        yield
    except (LookupError, TypeError, ValueError, AttributeError, ArithmeticError, pg.error) as error:
        fault = f"{type(error).__name__}: {error}"
        raise RulesError(
            f"{name}.toml {key}: can't be drawn ({fault}); restore the file from the repository"
        ) from error


def from_grids() -> dict[str, list[pg.Surface]]:
    """The things that assets/sprites/things.toml draws. Raises RulesError."""
    pictures = {}
    for name, entry in grids("things").items():
        with entry_of("things", name):
            rows, mirror = entry["rows"].split(), bool(entry.get("mirror", False))
            pictures[name] = [outlined(from_grid(rows, colours(entry["colours"]), mirror))]
            if "lit" in entry:
                lit = colours(entry["colours"] | entry["lit"])
                pictures[f"{name}-lit"] = [outlined(from_grid(rows, lit, mirror))]
    return pictures


def things() -> dict[str, list[pg.Surface]]:
    """Every kind of landmark and decor -> its variants; feet at the bottom centre. KIND-lit: when its lamp burns."""
    pictures = from_grids() | {
        "oak": [plants.tree(21, "leaf", 1.4)],
        "willow": [plants.willow(22)],
        "hollow": [plants.hollow(23)],
        "boulder": [plants.rock(24, 32, 24)],
        "torii": [gates.torii()],
        "arch": [gates.arch()],
        "gate": [gates.gate()],
        "bridge": [gates.bridge_posts()],
        "jetty": [gates.jetty()],
        "tree": [plants.tree(seed, "leaf", size) for seed, size in ((1, 1.0), (2, 1.05), (3, 0.95), (9, 1.1))],
        "sakura": [plants.tree(seed, "sakura", size) for seed, size in ((7, 1.15), (8, 1.05), (17, 1.2), (18, 0.95))],
        "bush": [plants.bush(seed) for seed in range(4)],
        "rock": [plants.rock(seed, 16 + 2 * (seed % 3), 12 + seed % 3) for seed in range(4)],
        "bamboo": [plants.bamboo(seed) for seed in range(4)],
    }
    for kind in buildings.BUILDINGS:
        count = 4 if kind == "house" else 1
        pictures[kind] = [buildings.building(kind, seed, False) for seed in range(count)]
        pictures[f"{kind}-lit"] = [buildings.building(kind, seed, True) for seed in range(count)]
    pines = [plants.pine(seed, size) for seed, size in ((4, 1.05), (5, 0.95), (6, 1.15), (10, 1.0))]
    return pictures | {"tree": pictures["tree"], "pine": [*pines, plants.pine(11, 1.45)]}  # the last: the landmark


@dataclass(frozen=True)
class Figure:
    """Somebody who walks. walk[facing]: a cycle of FRAMES pictures; rest[facing]: breathing out, breathing in, and a
    blink. Feet at the bottom centre.
    """

    walk: dict[str, list[pg.Surface]]
    rest: dict[str, list[pg.Surface]]

    def at(self, facing: str, moving: bool, seconds: float) -> pg.Surface:
        """The picture for a moment; seconds: time that drives the cycle."""
        if moving:
            return self.walk[facing][int(seconds * 7) % FRAMES]
        breath = self.rest[facing]
        return breath[2 if int(seconds * 8) % 37 == 0 else int(seconds * 1.1) % 2]


def figures() -> dict[str, Figure]:
    """Every kind of actor -> its figure."""
    data, of_kind = grids("people"), {}
    with entry_of("people", "people, animals, seer"):
        people, animals, seer = data["people"].items(), data["animals"].items(), data["seer"]
    for name, entry in people:
        with entry_of("people", f"people.{name}"):
            of_kind[name] = _person(data, entry)
    for name, entry in animals:
        with entry_of("people", f"animals.{name}"):
            of_kind[name] = _animal(entry)
    with entry_of("people", "seer"):
        return of_kind | {"seer": _seer(seer)}


def _figure(views: dict[str, tuple[list[list[str]], dict[str, Colour]]]) -> Figure:
    """From the rows of a cycle's pictures for each of three facings; east is west seen in a mirror."""
    walk, rest = {}, {}
    for facing, (cycle, palette) in views.items():
        walk[facing] = [outlined(_bobbed(from_grid(rows, palette), index % 2)) for index, rows in enumerate(cycle)]
        closed = palette | {"e": palette.get("f", palette.get("e", (0, 0, 0)))}
        blink = outlined(_bobbed(from_grid(cycle[0], closed), 0))
        rest[facing] = [walk[facing][0], _sunk(walk[facing][0]), blink]
    for views_of in (walk, rest):
        views_of["e"] = [pg.transform.flip(picture, True, False) for picture in views_of["w"]]
    return Figure(walk, rest)


def _sunk(image: pg.Surface) -> pg.Surface:
    """Breathing: what is above the belt sinks by a pixel."""
    belt = int(image.get_height() * 0.6)
    canvas = image.copy()
    canvas.fill((0, 0, 0, 0), (0, 0, image.get_width(), belt + 1))
    canvas.blit(image, (0, 1), (0, 0, image.get_width(), belt))
    return canvas


def _person(data: dict, entry: dict) -> Figure:
    palette = colours(entry["colours"])
    bodies = data["bodies"]
    views: dict[str, tuple[list[list[str]], dict[str, Colour]]] = {}
    for facing, view, legs in (("s", "front", "front"), ("n", "back", "front"), ("w", "side", "side")):
        stand, step = bodies[f"{legs}_legs"], bodies[f"{legs}_step"]
        other = [row[::-1] for row in step] if legs == "front" else bodies["side_other"]
        tool = data["tools"][entry["tool"]] if view != "back" else []
        cycle = [
            _dressed(bodies[view].split() + feet, data["hats"][entry["hat"]], tool)
            for feet in (stand, step, stand, other)
        ]
        views[facing] = cycle, palette
    return _figure(views)


def _dressed(rows: list[str], hat: list[str], tool: list) -> list[str]:
    """The grid with a hat laid on its head and a tool in its hand; '.' leaves what is there."""
    grid = [list(row.ljust(13, ".")) for row in rows]
    patches = [(0, y, row) for y, row in enumerate(hat)] + [tuple(patch) for patch in tool]
    for left, y, marks in patches:
        for x, mark in enumerate(marks):
            if mark != ".":
                grid[y][left + x] = mark
    return ["".join(row) for row in grid]


def _bobbed(image: pg.Surface, up: int) -> pg.Surface:
    """The image on a canvas one pixel taller, raised by `up` px: the spring in a step."""
    canvas = pg.Surface((image.get_width(), image.get_height() + 1), pg.SRCALPHA)
    canvas.blit(image, (0, 1 - up))
    return canvas


def _trotting(rows: list[str]) -> list[list[str]]:
    """A cycle from one picture: the last two rows are its feet, which change sides."""
    middle = (len(rows[0]) + 1) // 2
    lifted = [row[:middle] + "." * (len(row) - middle) for row in rows[-1:]]
    other = ["." * (len(row) - middle) + row[-middle:] for row in rows[-1:]]
    return [rows, rows[:-1] + lifted, rows, rows[:-1] + other]


def _animal(entry: dict) -> Figure:
    """Animals: two pictures from the side, one from the front (or the side will do), one from behind."""
    palette = colours(entry["colours"])
    stand, step = entry["stand"].split(), entry["step"].split()
    side = [stand, step, stand, step]
    front = _trotting(entry["front"].split()) if "front" in entry else side
    back = _trotting(entry["back"].split()) if "back" in entry else front
    return _figure({"w": (side, palette), "s": (front, palette), "n": (back, palette)})


def _seer(entry: dict) -> Figure:
    """Granny Ume, who leans on her stick."""
    palette = colours(entry["colours"])
    views = {"s": "front", "n": "back", "w": "side"}
    return _figure({facing: (_trotting(entry[view].split()), palette) for facing, view in views.items()})
