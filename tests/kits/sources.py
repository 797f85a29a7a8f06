"""The project's own source files, read as text: their names, their syntax trees, and the imports in them."""

import ast
from collections.abc import Iterator
from functools import cache
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
WINGS = ("commands", "common", "game", "perception", "training")


def within(module: str, packages: tuple[str, ...]) -> bool:
    """Whether a dotted name is one of these packages or stands inside one."""
    return any(module == package or module.startswith(package + ".") for package in packages)


@cache
def modules() -> dict[str, Path]:
    """Every module on disk, by its dotted name."""
    names = {}
    for path in [ROOT / "main.py", *(path for wing in WINGS for path in sorted((ROOT / wing).rglob("*.py")))]:
        parts = path.relative_to(ROOT).with_suffix("").parts
        names[".".join(parts[:-1] if parts[-1] == "__init__" else parts)] = path
    return names


def sources() -> list[Path]:
    """The files of all modules and of all tests."""
    return [*modules().values(), *sorted((ROOT / "tests").rglob("*.py"))]


def place(path: Path) -> str:
    """A file's path from the project's root."""
    return path.relative_to(ROOT).as_posix()


@cache
def parse(path: Path) -> ast.Module:
    """A file's syntax tree."""
    return ast.parse(path.read_text(encoding="utf-8"))


def nodes(tree: ast.AST, deep: bool) -> Iterator[ast.AST]:
    """All nodes; unless deep, without what only runs when a function is called."""
    front = [tree]
    while front:
        node = front.pop()
        yield node
        if deep or not isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda):
            front.extend(ast.iter_child_nodes(node))


def imports(tree: ast.AST, name: str, is_package: bool, deep: bool = True) -> set[str]:
    """The modules that a text names in its imports; `from a import b` counts as a, and a.b for a package of ours."""
    named: set[str] = set()
    home = name.split(".") if is_package else name.split(".")[:-1]
    for node in nodes(tree, deep):
        if isinstance(node, ast.Import):
            named.update(alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            base = home[: len(home) + 1 - node.level] if node.level else []
            source = ".".join([*base, *filter(None, [node.module])])
            named.add(source)
            if (ROOT / source.replace(".", "/")).is_dir():  # its __init__ is empty, so these are modules
                named.update(f"{source}.{alias.name}" for alias in node.names)
    return named


@cache
def edges() -> dict[str, tuple[str, ...]]:
    """Which modules of ours each module imports anywhere in its text; packages themselves are empty and left out."""
    files = {name: path for name, path in modules().items() if path.name != "__init__.py"}
    return {
        name: tuple(sorted(imports(parse(path), name, is_package=False) & files.keys() - {name}))
        for name, path in files.items()
    }
