"""What several tests of GGUF files need: one small file, and a cache folder of their own."""

from pathlib import Path

import pytest


@pytest.fixture(scope="module")
def file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A GGUF file of the tiny Llama. Only for tests that skip without the extra `real`."""
    from tests.kits.ggufkit import tiny_llama, write_gguf

    path = tmp_path_factory.mktemp("gguf") / "Tiny.F32.gguf"
    write_gguf(path, tiny_llama())
    return path


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """SECOND_SIGHT_HOME, not there yet."""
    monkeypatch.setenv("SECOND_SIGHT_HOME", str(tmp_path / "home"))
    return tmp_path / "home"
