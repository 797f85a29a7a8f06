"""Set before anything is imported: no window, no sound, no network, one thread, the same random examples each time."""

import os
import signal
import threading

if threading.current_thread() is threading.main_thread() and signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    signal.signal(
        signal.SIGINT, signal.default_int_handler
    )  # begun in the background: what tests begin would ignore it
os.environ["SDL_VIDEODRIVER"] = "dummy"
os.environ["SDL_AUDIODRIVER"] = "dummy"
os.environ["PYGAME_HIDE_SUPPORT_PROMPT"] = "1"
os.environ["OMP_NUM_THREADS"] = "1"  # as a mind beside a game runs; torch reads it when it is imported
os.environ["HF_HUB_OFFLINE"] = "1"
os.environ["TOKENIZERS_PARALLELISM"] = "false"
os.environ.pop("SECOND_SIGHT_HOME", None)  # tests choose it
if (
    signal.getsignal(signal.SIGINT) == signal.SIG_IGN
):  # begun in the background; the commands under test would inherit it
    signal.signal(signal.SIGINT, signal.default_int_handler)

from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, settings

HERE = Path(__file__).parent
LONG_FIRST = (  # files that take longest: begun first, so that no process ends up alone with one of them
    "training/experiments",
    "game/app/test_restart.py",
    "test_walls.py",
    "test_rooms.py",
    "test_names.py",
    "bots",
    "training/mind",
    "test_main",
    "training/test_learn.py",
    "training/behaviours",
    "training/novice",
    "training",
    "perception",
)
TOGETHER = (  # in one process: what they share is made once a session (an experiment; the sources' syntax trees)
    ("tests/training/experiments/",),
    ("tests/test_walls.py", "tests/test_rooms.py", "tests/test_names.py"),
)

settings.register_profile(
    "repeatable",
    derandomize=True,
    database=None,
    deadline=None,  # two shared cores: a slow example is no failure
    suppress_health_check=[HealthCheck.too_slow],
)
settings.register_profile("search", deadline=None, max_examples=2000)  # pytest --hypothesis-profile=search
settings.load_profile("repeatable")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Puts the tests of long files first. The order within a file stays."""

    def rank(item: pytest.Item) -> int:
        place = item.path.relative_to(HERE).as_posix()
        return next((rank for rank, start in enumerate(LONG_FIRST) if place.startswith(start)), len(LONG_FIRST))

    items.sort(key=rank)


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> Any:
    """Deals out whole files, and as one those that stand TOGETHER."""
    from xdist.scheduler import LoadFileScheduling

    class ByFileOrFolder(LoadFileScheduling):
        def _split_scope(self, nodeid: str) -> str:
            return next((group[0] for group in TOGETHER if nodeid.startswith(group)), super()._split_scope(nodeid))

    return ByFileOrFolder(config, log)
