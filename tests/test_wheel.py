"""The built wheel: everything that belongs to the program is in it, and it runs from any folder."""

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path
from zipfile import ZipFile

import pytest

import main
from tests.kits.sources import ROOT, WINGS

COPIED = ("main.py", "pyproject.toml", "README.md", "LICENSE")


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A wheel of this source. It is built from a copy, because a build leaves folders behind."""
    source, out = tmp_path_factory.mktemp("source"), tmp_path_factory.mktemp("wheel")
    for folder in (*WINGS, "assets"):
        shutil.copytree(ROOT / folder, source / folder, ignore=shutil.ignore_patterns("__pycache__", "*.work"))
    for file in COPIED:
        shutil.copy(ROOT / file, source)
    build = f"from setuptools.build_meta import build_wheel; build_wheel({str(out)!r})"
    done = subprocess.run([sys.executable, "-c", build], cwd=source, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr[-3000:]
    return next(out.glob("*.whl"))


@pytest.fixture(scope="module")
def installed(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder into which the wheel was installed, without what it depends on."""
    target = tmp_path_factory.mktemp("installed")
    pip = [sys.executable, "-m", "pip", "--disable-pip-version-check", "install", "--quiet", "--no-deps"]
    done = subprocess.run([*pip, "--target", str(target), str(wheel)], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr[-3000:]
    return target


def outside(installed: Path, folder: Path) -> dict[str, object]:
    """How to run something elsewhere, with the installed wheel before everything else that Python knows."""
    environment = {**os.environ, "PYTHONPATH": str(installed), "HOME": str(folder), "XDG_DATA_HOME": str(folder)}
    return {"cwd": folder, "env": environment, "capture_output": True, "text": True, "timeout": 120}


def test_the_wheel_holds_every_file_of_the_program_and_no_other(wheel: Path) -> None:
    with ZipFile(wheel) as archive:
        packed = {name for name in archive.namelist() if ".dist-info/" not in name}
    folders = (path for folder in (*WINGS, "assets") for path in (ROOT / folder).rglob("*"))
    files = [path.relative_to(ROOT) for path in folders if path.is_file()]
    wanted = {path.as_posix() for path in files if "__pycache__" not in path.parts and ".work/" not in path.as_posix()}
    assert packed == wanted | {"main.py"}


def test_an_installed_wheel_finds_its_own_assets(installed: Path, tmp_path: Path) -> None:
    look = "import main, common.assets; print(main.__file__); print(common.assets.ASSETS)"
    done = subprocess.run([sys.executable, "-c", look], **outside(installed, tmp_path))
    assert done.stdout.split() == [str(installed / "main.py"), str(installed / "assets")], done.stderr
    for asset in (path for path in (ROOT / "assets").rglob("*") if path.is_file() and ".work/" not in str(path)):
        assert (installed / "assets" / asset.relative_to(ROOT / "assets")).read_bytes() == asset.read_bytes()


def test_the_installed_command_simulates_from_any_folder(
    installed: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    words = ["simulate", "--ticks", "300", "--seed", "3", "--json"]
    done = subprocess.run([installed / "bin" / "second-sight", *words], **outside(installed, tmp_path))
    assert (done.returncode, done.stderr) == (0, "")
    assert main.main(words) == 0
    here = json.loads(capsys.readouterr().out)
    assert json.loads(done.stdout)["state_hash"] == here["state_hash"]
    assert list(tmp_path.iterdir()) == [], "simulate leaves nothing behind"
