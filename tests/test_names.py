"""Names say what they hold: no name of a part that is called otherwise today, no local that says only how it came."""

import ast
from collections.abc import Iterator

import pytest

from tests.kits.sources import parse, place, sources

GONE = {"desk", "shell", "tale", "vicinity", "furnished", "kinship", "keeper"}  # parts of the house have other names
EMPTY = {"found", "told", "asked"}  # of locals and parameters: a noun says more


def local_names(tree: ast.AST) -> Iterator[ast.Name | ast.arg]:
    """Parameters, and names that are assigned anywhere but as a field of a class."""
    fields = {
        target
        for node in ast.walk(tree)
        if isinstance(node, ast.ClassDef)
        for line in node.body
        for target in ([line.target] if isinstance(line, ast.AnnAssign) else getattr(line, "targets", []))
    }
    for node in ast.walk(tree):
        stored = isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store) and node not in fields
        if stored or isinstance(node, ast.arg):
            yield node


def bad_names(tree: ast.AST) -> list[str]:
    """Names of GONE and EMPTY as `line name`, in the order of lines."""
    bad = [(node.lineno, name) for node in local_names(tree) if (name := _text(node)) in GONE | EMPTY]
    bad += [
        (node.lineno, node.attr) for node in ast.walk(tree) if isinstance(node, ast.Attribute) and node.attr in GONE
    ]
    return [f"{line} {name}" for line, name in sorted(bad)]


def _text(node: ast.Name | ast.arg) -> str:
    return node.arg if isinstance(node, ast.arg) else node.id


def test_names_say_what_they_hold() -> None:
    bad = {place(path): names for path in sources() if (names := bad_names(parse(path)))}
    assert bad == {}


@pytest.mark.parametrize(
    ("text", "bad"),
    [
        ("def f(told, *asked, x=1):\n    found = 1", ["1 asked", "1 told", "2 found"]),
        ("for found in x:\n    with y as told: pass", ["1 found", "2 told"]),
        ("class A:\n    found: int = 0\n    told = 1\n    def f(self): self.found = self.asked", []),
        ("self.desk.shell", ["1 desk", "1 shell"]),
        ("import tale\nx = [y for keeper in z]", ["2 keeper"]),
    ],
)
def test_the_rule_itself(text: str, bad: list[str]) -> None:
    assert bad_names(ast.parse(text)) == bad
