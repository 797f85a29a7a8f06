"""Gain and gradient by matrix: what was planted is told, of the core and of all heads, with seeds as the draws."""

import pytest

from tests.kits import logkit
from training.headlog.records import Allocation, HeadRow, Log
from training.verdict.matrices import by_matrix

NOTHING = ((0.0, 0.0, 0.0), (0.0, 0.0, 0.0))


def run(core_gain: float, sizes: tuple[int, ...] = (1, 3)) -> Log:
    """Head 1.2 gains so much by W_Q, head 0.0 half of it by W_O; only the chunk of three decisions tells it."""
    zero = tuple(Allocation(along="path", chunk=0, decisions=sizes[0], heads=NOTHING, matrices=(NOTHING,) * 4, rest=0.0,
                            whole=0.0, residual=0.0) for _ in range(1))  # fmt: skip
    q, o = ((0.0, 0.0, 0.0), (0.0, 0.0, core_gain)), ((core_gain / 2, 0.0, 0.0), (0.0, 0.0, 0.0))
    full = Allocation(along="path", chunk=1, decisions=sizes[1], heads=NOTHING, matrices=(q, NOTHING, NOTHING, o),
                      rest=0.0, whole=0.0, residual=0.0)  # fmt: skip
    rows = tuple(
        HeadRow(layer=layer, head=head, gain=None, own=0.0, inherited=0.0, pattern=0.0, cue_mass_before=0.0,
                cue_mass_after=0.0, entropy_before=0.0, entropy_after=0.0, weights={},
                gradients={"q": 0.1 * layer, "k": 0.0, "v": 0.0, "o": 0.01})
        for layer in range(2)
        for head in range(3)
    )  # fmt: skip
    return Log("log", logkit.HEADER, (*zero, full, *rows))


def test_planted_parts_are_told_for_the_core_and_for_all_heads():
    numbers = by_matrix({"trained": [run(4.0), run(8.0)], "shuffled": [run(0.0)]}, [(1, 2)])
    trained = numbers["gain"]["trained"]
    assert trained["core"]["q"] == (pytest.approx(4.5), pytest.approx(3.0), pytest.approx(6.0))
    assert trained["core"]["o"][0] == 0.0 and trained["all"]["o"][0] == pytest.approx(2.25)
    assert numbers["gain"]["shuffled"]["all"]["q"] == (0.0, 0.0, 0.0)
    gradient = numbers["gradient"]["trained"]
    assert gradient["all"]["q"][0] == pytest.approx(0.3) and gradient["core"]["q"][0] == pytest.approx(0.1)
    assert gradient["all"]["o"][0] == pytest.approx(0.06)


def test_without_a_core_or_in_older_logs_there_is_nothing_to_tell():
    older = Log("old", logkit.HEADER, tuple(record for record in logkit.RECORDS if not isinstance(record, Allocation)))
    assert by_matrix({"trained": [older]}, [(0, 0)]) == {"gain": {}, "gradient": {}}
    assert set(by_matrix({"trained": [run(1.0)]}, [])["gain"]["trained"]) == {"all"}
