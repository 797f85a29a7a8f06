"""What tests of trainings share."""

from collections.abc import Callable, Iterator
from itertools import count
from threading import Lock
from typing import Any

import pytest

from game.realm import sampler
from game.realm.sampler import Sample

Samples = Callable[..., Iterator[Sample]]


def remembered(samples: Samples) -> Samples:
    """Streams of scenes that draw each scene once: scenes can't be changed, and many trainings begin with the same."""
    streams: dict[tuple[Any, ...], tuple[Iterator[Sample], list[Sample]]] = {}
    lock = Lock()

    def stream(
        seed: int, purpose: str, tongue: str = "terse", rules: Any = None, per_realm: int = sampler.SCENES_PER_REALM
    ) -> Iterator[Sample]:
        rules = rules or sampler.load_rules()
        key = seed, purpose, tongue, id(rules), per_realm
        source, drawn = streams.setdefault(key, (samples(seed, purpose, tongue, rules, per_realm), []))
        for number in count():
            with lock:
                if number == len(drawn):
                    drawn.append(next(source))
            yield drawn[number]

    return stream


@pytest.fixture(scope="session")
def one_memory() -> Samples:
    """One for all tests of this process."""
    return remembered(sampler.samples)


@pytest.fixture(autouse=True, scope="module")
def scenes_once(request: pytest.FixtureRequest, one_memory: Samples) -> Iterator[None]:
    """For all tests but those of the data itself. That equal seeds give equal scenes is tested in tests/game/realm."""
    with pytest.MonkeyPatch.context() as patch:
        if "training/data" not in request.path.as_posix():
            patch.setattr(sampler, "samples", one_memory)
        yield
