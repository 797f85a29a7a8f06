"""The rooms of the house: each imports only rooms below it, nothing imports in a circle, nothing is passed on.

The tests read all imports of the source text: in functions and for annotations too.
"""

import ast
from collections.abc import Mapping

import pytest

from tests.kits.sources import edges, modules, nodes, parse, place, sources, within

# From the bottom up. A module may import from its own room and from rooms on lower lines, not from its neighbours.
ROOMS = (
    ("common",),
    ("common.line",),
    ("perception",),
    ("game.realm",),
    ("game.shared",),
    ("game.art.pixels",),
    ("game.art.ground",),
    ("game.art",),
    ("game.env",),
    ("game.audio",),
    ("game.ui",),
    ("game.journey",),
    ("game.app",),
    ("game.screens",),
    ("game.start",),
    ("training.units", "training.run_folder"),
    ("training.config",),
    ("training.optim", "training.data", "training.headlog", "training.progress"),
    ("training.provenance",),
    ("training.heads", "training.teach", "training.novice"),
    ("training.behaviours", "training.sharded", "training.checkpoint"),
    ("training.precedents",),
    ("training.verdict", "training.mind", "training.learn", "training.compare"),
    ("training.validation", "training.experiments", "training.report", "training.bench"),
    ("commands",),
    ("main",),
)
FLOOR = {room: floor for floor, rooms in enumerate(ROOMS) for room in rooms}
Edges = Mapping[str, tuple[str, ...]]


def room_of(module: str) -> str | None:
    """The innermost room that a module stands in."""
    return max((room for room in FLOOR if within(module, (room,))), key=len, default=None)


def upward(imported: Edges) -> list[str]:
    """Imports of a room that doesn't stand below, as `importer -> imported`."""
    wrong = []
    for module, others in imported.items():
        for other in others:
            here, there = room_of(module), room_of(other)
            if here and there and here != there and FLOOR[there] >= FLOOR[here]:
                wrong.append(f"{module} -> {other}")
    return wrong


def circle_through(imported: Edges, start: str) -> list[str]:
    """The shortest way of imports from a module back to itself, first and last the same; empty if there is none."""
    before: dict[str, str] = {}
    front = [start]
    for module in front:
        for other in imported.get(module, ()):
            if other not in before:
                before[other] = module
                front.append(other)
    if start not in before:
        return []
    circle = [start, before[start]]
    while circle[-1] != start:
        circle.append(before[circle[-1]])
    return circle[::-1]


def imported_names(tree: ast.AST) -> set[str]:
    """Names that importing a module binds in it because it imports them itself."""
    kinds = ast.Import | ast.ImportFrom
    return {a.asname or a.name for node in nodes(tree, deep=False) if isinstance(node, kinds) for a in node.names}


def passed_on(tree: ast.AST, borrowed: Mapping[str, set[str]]) -> set[str]:
    """Imports that don't name the module where a thing is defined, as `module: name`. borrowed: module -> its imports.

    Two forms: `from x import y` where x only imports y, and `from x import y as y`, which offers y to others."""
    wrong = set()
    for node in nodes(tree, deep=True):
        if isinstance(node, ast.ImportFrom):
            taken = borrowed.get(node.module or "", set())
            wrong.update(f"{node.module}: {a.name}" for a in node.names if a.name in taken or a.name == a.asname)
        elif isinstance(node, ast.Import):
            wrong.update(f"{a.name}: {a.name}" for a in node.names if a.name == a.asname)
    return wrong


def test_every_module_stands_in_a_room() -> None:
    assert [module for module in edges() if room_of(module) is None] == []
    assert [room for room in FLOOR if not any(within(name, (room,)) for name in modules())] == [], "an empty room"


def test_a_room_imports_only_rooms_below() -> None:
    assert upward(edges()) == []


def test_nothing_imports_in_a_circle() -> None:
    circles = {module: circle for module in edges() if (circle := circle_through(edges(), module))}
    assert {module: " -> ".join(circle) for module, circle in circles.items()} == {}


def test_every_import_names_the_module_that_defines_the_thing() -> None:
    borrowed = {name: imported_names(parse(path)) for name, path in modules().items()}
    assert {place(path): names for path in sources() if (names := passed_on(parse(path), borrowed))} == {}


@pytest.mark.parametrize(
    ("module", "others", "wrong"),
    [
        ("game.realm.world", ("common.files", "perception.messages", "game.realm.rules"), []),
        ("game.realm.world", ("game.art.palette",), ["game.art.palette"]),
        ("game.art.ground.floors", ("game.art.sprites",), ["game.art.sprites"]),
        ("game.art.sprites", ("game.art.ground.floors",), []),
        ("training.learn", ("training.mind.mind",), ["training.mind.mind"]),
        ("training.learn", ("training.teach", "training.behaviours.sight", "game.realm.world"), []),
        ("perception.link", ("game.realm.rules", "main"), ["game.realm.rules", "main"]),
    ],
)
def test_the_rooms_themselves(module: str, others: tuple[str, ...], wrong: list[str]) -> None:
    assert upward({module: others}) == [f"{module} -> {other}" for other in wrong]


def test_a_circle_is_named_by_its_shortest_way() -> None:
    imported = {"a": ("b", "x"), "b": ("c",), "c": ("b", "a"), "x": ("b",), "d": ("a",)}
    assert circle_through(imported, "a") == ["a", "b", "c", "a"]
    assert circle_through(imported, "d") == []


def test_a_passed_on_import_is_named() -> None:
    text = (
        "from x import y as y, z\nimport p as p\nimport q as r\ndef f():\n    from x import w as w, v\nfrom u import v"
    )
    assert passed_on(ast.parse(text), {"x": {"z"}, "u": {"w"}}) == {"x: y", "x: z", "p: p", "x: w"}
