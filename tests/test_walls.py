"""The walls of the house: who never loads what, that importing does nothing, and how long things may be.

Each module is looked at twice: at what its text imports (anywhere in it), and at what importing it in a fresh process
loads and does. Modules that may load the same libraries share a process, because torch takes seconds to load. They are
imported one after the other, those that may load least first. The first that breaks a wall is the one that is named.
"""

import ast
import json
import os
import subprocess
import sys
from fnmatch import fnmatch
from functools import cache, partial
from typing import Any, NamedTuple

import pytest

from tests.kits.sources import ROOT, imports, modules, nodes, parse, place, sources, within

SHARED = tuple(f"perception.{name}" for name in ("messages", "wire", "outbox", "remote", "link"))
FILE_LINES, FUNCTION_LINES = 300, 40
REASON = "# long because:"


class Wall(NamedTuple):
    """Modules within `inside` never load what is within `never`. Exceptions: a module by name, or `package.*`."""

    inside: tuple[str, ...]
    never: tuple[str, ...]
    unless: tuple[str, ...] = ()

    def breaches(self, module: str, loaded: set[str]) -> set[str]:
        if not within(module, self.inside):
            return set()
        bad = {
            name for name in loaded if within(name, self.never) and not any(map(partial(fnmatch, name), self.unless))
        }
        return {name for name in bad if name.rpartition(".")[0] not in bad}  # torch, not its thousand parts too


TORCH = ("torch", "transformers")
ENVIRONMENTS = tuple(name for name in modules() if name.startswith("game.env.") and name != "game.env.pixels")
WALLS = (
    Wall(("common",), (*TORCH, "pygame", "matplotlib", "game", "perception", "training")),
    Wall(("game",), (*TORCH, "training", "perception"), ("perception", *SHARED)),
    Wall(("game.realm", "game.shared"), ("pygame", "matplotlib", "game.art")),
    Wall(ENVIRONMENTS, ("pygame", "matplotlib", "game.art")),
    Wall(SHARED, (*TORCH, "pygame", "matplotlib")),
    Wall(("perception",), ("game", "training", "pygame")),
    Wall(("training",), ("pygame", "game"), ("game", "game.realm", "game.realm.*")),
    Wall(("main", "commands"), (*TORCH, "pygame")),
)
PROCESSES = (
    ("common", "shared", "game.realm", "main", "commands", "game.env", "game"),
    ("perception", "training"),
)  # groups of modules


def group_of(module: str) -> str:
    if module in SHARED:
        return "shared"
    if module in ENVIRONMENTS:
        return "game.env"
    return "game.realm" if within(module, ("game.realm", "game.shared")) else module.split(".")[0]


def breaches(module: str, loaded: set[str]) -> set[str]:
    return set().union(*(wall.breaches(module, loaded) for wall in WALLS))


PROBE = """
import json, logging, os, sys, threading
root, names = sys.argv[1], sys.argv[2:]
sys.path.insert(0, root)
FORBIDDEN = {"subprocess.Popen", "os.system", "os.fork", "os.posix_spawn", "socket.connect", "socket.bind"}
acts = []
def watch(event, args):
    if event in FORBIDDEN:
        acts.append(f"{event} {args!r}"[:200])
    elif event == "open" and set(str(args[1])) & set("wax+") and "__pycache__" not in str(args[0]):
        acts.append(f"writes {args[0]}")
sys.addaudithook(watch)
seen, known, looked = set(sys.modules), set(), {}
for name in names:
    try:
        __import__(name)
    except BaseException as error:
        acts.append(f"cannot be imported: {type(error).__name__}: {error}")
    after = set(sys.modules)
    pygame, torch = sys.modules.get("pygame"), sys.modules.get("torch")
    acts += [f"thread {thread.name}" for thread in threading.enumerate() if thread is not threading.main_thread()]
    acts += [f"logs to {handler!r}" for handler in logging.getLogger().handlers]
    acts += ["opens a window"] * bool(pygame and (pygame.display.get_init() or pygame.mixer.get_init()))
    acts += ["probes a device"] * bool(torch and torch.cuda.is_initialized())
    looked[name] = {"loads": sorted(after - seen), "acts": [act for act in acts if act not in known]}
    known.update(acts)  # a thread lives on: only the module that began it is named
    seen = after
    acts.clear()
print("\\n" + json.dumps(looked))
"""


@cache
def probed(groups: tuple[str, ...]) -> dict[str, dict[str, Any]]:
    """What importing each module of these groups loads that was not loaded before, and what else it does."""
    names = [name for name in modules() if group_of(name) in groups]
    names.sort(key=lambda name: (groups.index(group_of(name)), name.count("."), name))
    environment = {key: value for key, value in os.environ.items() if key != "PYTHONPATH"}
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", PROBE, str(ROOT), *names],
        capture_output=True, text=True, env=environment, timeout=300, cwd=ROOT,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr[-3000:]
    printed, _, last = done.stdout.rstrip("\n").rpartition("\n")
    assert not printed.strip(), f"importing {groups} prints: {printed[:300]}"
    result: dict[str, dict[str, Any]] = json.loads(last)
    return result


def test_every_module_stands_in_one_group() -> None:
    assert {group_of(name) for name in modules()} == {group for groups in PROCESSES for group in groups}
    assert set(SHARED) < set(modules())


@pytest.mark.parametrize("groups", PROCESSES, ids=["light", "torch"])
def test_walls_hold_in_a_fresh_process(groups: tuple[str, ...]) -> None:
    loaded = probed(groups)
    broken = {name: bad for name, seen in loaded.items() if (bad := breaches(name, set(seen["loads"])))}
    assert broken == {}


@pytest.mark.parametrize("groups", PROCESSES, ids=["light", "torch"])
def test_importing_does_nothing(groups: tuple[str, ...]) -> None:
    assert {name: seen["acts"] for name, seen in probed(groups).items() if seen["acts"]} == {}


def test_walls_hold_in_the_text() -> None:
    broken = {}
    for name, path in modules().items():
        deep = not within(name, ("main", "commands"))  # their verbs may load anything
        named = imports(parse(path), name, path.name == "__init__.py", deep)
        if bad := breaches(name, named):
            broken[name] = bad
    assert broken == {}


def test_every_init_is_empty() -> None:
    assert [place(path) for path in modules().values() if path.name == "__init__.py" and path.read_bytes()] == []


def test_every_package_has_an_init() -> None:
    folders = {path.parent for name, path in modules().items() if name != "main"}
    assert [place(folder) for folder in folders if not (folder / "__init__.py").exists()] == []


def test_no_file_is_long_without_a_reason() -> None:
    long = {}
    for path in sources():
        lines = path.read_text(encoding="utf-8").splitlines()
        if len(lines) > FILE_LINES and not any(line.startswith(REASON) for line in lines):
            long[place(path)] = len(lines)
    assert long == {}


def test_no_function_is_long_without_a_reason() -> None:
    long = {}
    for path in sources():
        lines = path.read_text(encoding="utf-8").splitlines()
        for node in nodes(parse(path), deep=True):
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
                own = lines[node.lineno - 1 : node.end_lineno]
                if len(own) > FUNCTION_LINES and not any(REASON in line for line in own):
                    long[f"{place(path)}:{node.lineno} {node.name}"] = len(own)
    assert long == {}


def test_nothing_is_pickled() -> None:
    never = ("pickle", "cPickle", "dill", "cloudpickle", "joblib", "shelve", "marshal")
    named = {place(path): imports(parse(path), "x", False) for path in sources()}
    assert {name: bad for name, names in named.items() if (bad := {n for n in names if within(n, never)})} == {}


@pytest.mark.parametrize(
    ("module", "text", "bad"),
    [
        ("game.realm.world", "def f():\n    import torch.nn", {"torch.nn"}),
        ("game.realm.world", "from game import art", {"game.art"}),
        ("game.realm.world", "from ..art import palette", {"game.art"}),
        ("game.realm.world", "from perception.messages import Scene", set()),
        ("game.app.game_loop", "import pygame\nfrom perception import link, heads", {"perception.heads"}),
        ("game.app.game_loop", "from training.mind.mind import Mind", {"training.mind.mind"}),
        ("perception.wire", "import transformers", {"transformers"}),
        ("perception.heads", "import torch\nfrom game.realm import scene", {"game.realm"}),
        ("training.teach", "from game.realm import scene\nimport torch", set()),
        ("training.teach", "import pygame.font", {"pygame.font"}),
        ("training.teach", "from game.journey import answers", {"game.journey"}),
        ("common.files", "import perception.wire", {"perception.wire"}),
        ("main", "import torch", {"torch"}),
        ("torchlight", "import torch", set()),
    ],
)
def test_the_walls_themselves(module: str, text: str, bad: set[str]) -> None:
    assert breaches(module, imports(ast.parse(text), module, False)) == bad
