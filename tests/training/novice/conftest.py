"""What tests of a pretraining ask for."""

import pytest

from training.novice import pretrain


@pytest.fixture
def easy(monkeypatch: pytest.MonkeyPatch) -> None:
    """Every stage of a pretraining is solved at once, so that a few steps go through all of them."""
    monkeypatch.setattr(pretrain, "SOLVED", -1.0)
    monkeypatch.setattr(pretrain, "FAIR", -1.0)
    monkeypatch.setattr(pretrain, "LASTS", {})
