"""The sprite book: what stands and walks in the realm, made once at the start from ASCII grids and small programs."""

import tomllib
from dataclasses import dataclass

import pygame as pg

from game.play import buildings, plants
from game.play.font import ASSETS
from game.play.palette import Colour, tone
from game.play.pixels import from_grid, outlined

FRAMES = 4  # steps of a walking cycle: stand, step, stand, other step


def colours(table: dict[str, str]) -> dict[str, Colour]:
    """A sprite's palette: "#rrggbb" or "ramp:step"."""
    found = {}
    for mark, word in table.items():
        if word.startswith("#"):
            found[mark] = (int(word[1:3], 16), int(word[3:5], 16), int(word[5:7], 16))
        else:
            name, step = word.split(":")
            found[mark] = tone(name, int(step))
    return found


def grids(name: str) -> dict:
    """One of our art files, read."""
    return tomllib.loads((ASSETS / "sprites" / f"{name}.toml").read_text(encoding="utf-8"))


def things() -> dict[str, list[pg.Surface]]:
    """Every kind of landmark and decor -> its variants; feet at the bottom centre."""
    made = {
        name: [outlined(from_grid(entry["rows"].split(), colours(entry["colours"]), entry.get("mirror", False)))]
        for name, entry in grids("things").items()
    }
    made |= {
        "oak": [plants.tree(21, "leaf", 1.4)],
        "willow": [plants.willow(22)],
        "hollow": [plants.hollow(23)],
        "boulder": [plants.rock(24, 32, 24)],
        "torii": [buildings.torii()],
        "gate": [buildings.gate()],
        "bridge": [buildings.bridge_posts()],
        "jetty": [buildings.jetty()],
        "tree": [plants.tree(seed, "leaf", size) for seed, size in ((1, 1.0), (2, 1.05), (3, 0.95), (9, 1.1))],
        "sakura": [plants.tree(seed, "sakura", size) for seed, size in ((7, 1.15), (8, 1.05), (17, 1.2), (18, 0.95))],
        "bush": [plants.bush(seed) for seed in range(4)],
        "rock": [plants.rock(seed, 16 + 2 * (seed % 3), 12 + seed % 3) for seed in range(4)],
        "house": [buildings.house(seed) for seed in range(4)],
    }
    pines = [plants.pine(seed, size) for seed, size in ((4, 1.05), (5, 0.95), (6, 1.15), (10, 1.0))]
    return made | {"tree": made["tree"], "pine": [*pines, plants.pine(11, 1.45)]}  # the last: the landmark


@dataclass(frozen=True)
class Figure:
    """Somebody who walks: frames[facing] is a cycle of FRAMES pictures, feet at the bottom centre."""

    frames: dict[str, list[pg.Surface]]

    def at(self, facing: str, moving: bool, seconds: float) -> pg.Surface:
        """The picture for a moment; seconds: time that drives the cycle."""
        return self.frames[facing][int(seconds * 7) % FRAMES if moving else 0]


def figures() -> dict[str, Figure]:
    """Every kind of actor -> its figure."""
    data = grids("people")
    made = {name: _person(data, entry) for name, entry in data["people"].items()}
    made |= {name: _animal(entry) for name, entry in data["animals"].items()}
    return made | {"seer": _seer(data["seer"])}


def _person(data: dict, entry: dict) -> Figure:
    palette = colours(entry["colours"])
    bodies = data["bodies"]
    views: dict[str, list[pg.Surface]] = {}
    for facing, view, legs in (("s", "front", "front"), ("n", "back", "front"), ("w", "side", "side")):
        stand, step = bodies[f"{legs}_legs"], bodies[f"{legs}_step"]
        other = [row[::-1] for row in step] if legs == "front" else bodies["side_other"]
        pictures = []
        for index, feet in enumerate((stand, step, stand, other)):
            rows = bodies[view].split() + feet
            rows = _dressed(rows, data["hats"][entry["hat"]], data["tools"][entry["tool"]] if view != "back" else [])
            pictures.append(outlined(_bobbed(from_grid(rows, palette), index % 2)))
        views[facing] = pictures
    views["e"] = [pg.transform.flip(picture, True, False) for picture in views["w"]]
    return Figure(views)


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


def _animal(entry: dict) -> Figure:
    """Animals have one view, to the west."""
    palette = colours(entry["colours"])
    stand, step = (outlined(from_grid(entry[name].split(), palette)) for name in ("stand", "step"))
    west = [stand, step, stand, step]
    east = [pg.transform.flip(picture, True, False) for picture in west]
    return Figure({"w": west, "e": east, "n": west, "s": west})


def _seer(entry: dict) -> Figure:
    """Granny Ume turns, but shows her face to whoever looks at her."""
    picture = outlined(from_grid(entry["front"].split(), colours(entry["colours"])))
    west = [_bobbed(picture, 0), _bobbed(picture, 1)] * 2
    east = [pg.transform.flip(frame, True, False) for frame in west]
    return Figure({"w": west, "s": west, "n": east, "e": east})
