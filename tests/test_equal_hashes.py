"""A few seeds of what `python -m tests.equal_hashes` asks of a thousand, and that it can see a difference."""

import pytest

from tests import equal_hashes


@pytest.mark.parametrize("seed", [0, 31])
def test_runs_end_with_one_hash(seed):
    assert len({equal_hashes.ended(run, seed, 400) for run in equal_hashes.RUNS}) == 1


def test_two_processes_agree():
    assert equal_hashes.differing(2, 120, workers=2) == []


def test_a_difference_is_seen(monkeypatch):
    def shifted(jobs, workers, finished):
        return {key: [str(key[0] == "watched")] * 3 for key in jobs}

    monkeypatch.setattr(equal_hashes, "run_jobs", shifted)
    assert equal_hashes.differing(3, 10) == [0, 1, 2]
