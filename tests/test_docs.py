"""The documents say what is so: commands parse, files exist, and every number of the results stands in its log."""

import json
import re
import shlex
from functools import cache
from pathlib import Path
from typing import Any

import pytest

from commands.parser import VERBS, build_parser

ROOT = Path(__file__).parents[1]
DOCS = [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]
LOGS = ROOT / "docs" / "logs"
TREE_MAX = 12 * 10**6  # bytes of docs/logs
PAST = "LOG.md"  # tells of its own days: old commands and files are right there
MADE_LATER = ("runs/", "first.html", "heads.csv", "FILE", "DIR", "RUN", "log.msgpack", "report.html")
NUMBER = re.compile(r"-?\d+(?:\.\d+)?")


def named(path: Path) -> str:
    return path.relative_to(ROOT).as_posix()


def commands(text: str) -> list[str]:
    """Every `python main.py ...` of a document, blocks and lines alike; lines that end with a backslash go on."""
    joined = text.replace("\\\n", " ")
    lines = re.findall(r"(?:^|`|\s)(?:python )?main\.py ([a-z][^`\n|#]*)", joined)
    return [command.split(">")[0].split("&&")[0].strip() for command in lines]


@pytest.mark.parametrize("path", [path for path in DOCS if path.name != PAST], ids=named)
def test_every_command_parses(path: Path) -> None:
    for command in commands(path.read_text(encoding="utf-8")):
        words = shlex.split(command)
        if words[0] in VERBS and len(words) > 1:
            build_parser().parse_args(words)
        else:
            assert words[0] in VERBS or words[0] == "reads", f"{named(path)}: {command}"


@pytest.mark.parametrize("path", [path for path in DOCS if path.name != PAST], ids=named)
def test_every_named_file_exists(path: Path) -> None:
    text = path.read_text(encoding="utf-8")
    links = [target for target in re.findall(r"\]\(([^)#]+)\)", text) if "://" not in target]
    ticked = re.findall(r"`([\w./-]+\.(?:py|md|json|jsonl|toml|msgpack|png|webp))`", text)
    missing = [target for target in links if not (path.parent / target).exists()]
    for target in ticked:
        known = [ROOT / target, path.parent / target, LOGS / target]
        if not target.startswith(MADE_LATER) and not any(place.exists() for place in known):
            homes = [ROOT / home for home in ("assets", "common", "docs", "game", "perception", "tests", "training")]
            missing += [] if any(next(home.rglob(target), None) for home in homes) else [target]
    assert missing == []


def test_the_map_names_every_folder_and_no_other() -> None:
    tree = (ROOT / "README.md").read_text(encoding="utf-8").split("## The house")[1]
    listed = set(re.findall(r"\b((?:common|game|perception|training)/(?:\w+/)*)", tree.split("```")[1]))
    rooms = {
        f"{init.parent.relative_to(ROOT).as_posix()}/"
        for wing in ("common", "game", "perception", "training")
        for init in (ROOT / wing).rglob("__init__.py")
    }
    assert listed == rooms - {"game/", "training/"}


@cache
def log(name: str) -> Any:
    return json.loads((LOGS / name).read_text(encoding="utf-8"))


def value(name: str, key: str) -> float:
    """The number under a dotted key; keys of the log may hold dots and slashes themselves."""
    place: Any = log(name)
    words = key.split(".")
    while words:
        for length in range(len(words), 0, -1):
            word = ".".join(words[:length])
            if isinstance(place, dict) and word in place:
                place, words = place[word], words[length:]
                break
            if isinstance(place, list) and length == 1 and word.isdigit():
                place, words = place[int(word)], words[1:]
                break
        else:
            raise KeyError(f"{name}: {key}: nothing at {words[0]}")
    return float(place)


def rows() -> list[list[str]]:
    """The rows of RESULTS.md that quote numbers: their cells."""
    lines = (ROOT / "docs" / "RESULTS.md").read_text(encoding="utf-8").splitlines()
    cells = [[cell.strip() for cell in line.strip("|").split("|")] for line in lines if line.startswith("| ")]
    return [row for row in cells if len(row) == 6 and NUMBER.search(row[2])]


@pytest.mark.parametrize("row", rows(), ids=lambda row: row[0])
def test_every_number_of_the_results_stands_in_its_log(row: list[str]) -> None:
    keys = []
    for part in row[5].split(";"):
        name, _, listed = part.partition(":")
        keys += [(name.strip(" `"), key.strip()) for key in listed.split(",")]
    numbers = [(text, NUMBER.search(text)) for text in row[2].split(",")]
    assert len(numbers) == len(keys), f"{len(numbers)} numbers, {len(keys)} keys"
    for (text, number), (name, key) in zip(numbers, keys, strict=True):
        assert number is not None
        decimals = len(number[0].partition(".")[2])
        measured = value(name, key) * (100 if "%" in text else 1)
        assert f"{measured:.{decimals}f}".replace("-0.00", "0.00") == number[0], f"{key} is {measured}"


def test_results_quote_enough_and_every_log_folder_is_in_the_manifest() -> None:
    assert len(rows()) >= 20
    manifest = log("manifest.json")
    folders = {folder.name for folder in LOGS.iterdir() if folder.is_dir() and folder.name != "minds"}
    assert folders <= set(manifest["runs"]), folders - set(manifest["runs"])
    for run in manifest["runs"].values():
        assert run["command"] and run["commit"]


def test_the_logs_stay_small() -> None:
    assert sum(path.stat().st_size for path in LOGS.rglob("*") if path.is_file()) <= TREE_MAX


@pytest.mark.parametrize("path", DOCS, ids=named)
def test_nothing_points_outside_the_repository(path: Path) -> None:
    text = path.read_text(encoding="utf-8")
    assert not re.search(r"DESIGN\.md|MEASUREMENT\.md|ANCHORS\.md|GAME\.md|prototypes/|\.\./shared", text)


def test_the_log_is_newest_first_in_short_lines() -> None:
    text = (ROOT / "docs" / PAST).read_text(encoding="utf-8")
    assert [line for line in text.splitlines() if len(line) > 120] == []
    dates = re.findall(r"^## (\d{4}-\d\d-\d\d)", text, flags=re.M)
    assert dates == sorted(dates, reverse=True) and len(dates) > 5
