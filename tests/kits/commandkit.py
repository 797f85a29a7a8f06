"""What tests of the command line share: a verb run in this process or in one of its own, and what it printed."""

import io
import os
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

import msgspec
import pytest

import main
from game.realm.scene import describe
from game.realm.world import new_world

ROOT = Path(__file__).resolve().parents[2]
NOVICE = ROOT / "assets" / "novice"
needs_novice = pytest.mark.skipif(not (NOVICE / "model.safetensors").is_file(), reason="needs the novice")


def run(*arguments: str, stdin: bytes = b"", env: Mapping[str, str | None] | None = None, cwd: Path = ROOT):
    """main.py in a process of its own; (exit status, stdout, stderr), and no traceback whatever happened."""
    whole = {**os.environ, **(env or {})}
    done = subprocess.run(
        [sys.executable, str(cwd / "main.py"), *arguments],
        input=stdin,
        capture_output=True,
        env={name: value for name, value in whole.items() if value is not None},
        timeout=120,
    )
    assert b"Traceback" not in done.stderr, done.stderr.decode()
    return done.returncode, done.stdout, done.stderr.decode()


def refused(capsys: pytest.CaptureFixture[str], *arguments: str) -> str:
    """Runs main in this process; the one line on stderr with which it refused."""
    try:
        status = main.main(list(arguments))
    except SystemExit as error:  # argparse
        status = int(error.code or 0)
    printed = capsys.readouterr()
    assert status == 2
    assert printed.out == ""
    assert len(printed.err.strip().splitlines()) == 1, printed.err
    assert "Traceback" not in printed.err
    return printed.err


def on_stdin(monkeypatch: pytest.MonkeyPatch, data: bytes) -> None:
    """What the next command of this process reads."""
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(data)))


def scene_now() -> dict:
    """A scene as `simulate --scenes` writes it."""
    return msgspec.to_builtins(describe(new_world(3)).scene)
