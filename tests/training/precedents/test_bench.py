"""The bench's processes and its folder: how it is stopped, who may work in it, and files that are damaged."""

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest
import torch

from common.locks import FolderInUse, hold
from perception.model import load_alone, save
from tests.kits.sources import ROOT
from tests.training.precedents.test_scores import quick, shaken
from training.precedents import bench as benching
from training.precedents.part_files import finished_parts, kept_rows
from training.precedents.rome import LAST, SUBJECT
from training.precedents.tracing import KINDS

torch.set_num_threads(1)
__all__ = ["quick"]  # a fixture
NOTED = {"version": 1}
SCORES = dict.fromkeys(
    ("score", "efficacy", "paraphrase", "neighbourhood", "held", "said", "neighbours_said", "own_said"), 50.0
)
SINGLE = {"facts": 3, "known": 0.5, "single": SCORES, "prepended": SCORES | {"score": None}, "untouched": SCORES}
IN_A_ROW = {"in_a_row": {"1": SCORES}}
LAYER = {"layer": 0, SUBJECT: SCORES, LAST: SCORES} | {f"effect {k} {t}": -0.5 for k in KINDS for t in (SUBJECT, LAST)}
LAYERS = {"facts": 1, "layers": [LAYER]}
ROW = {"single": SCORES, "prepended": SCORES, "untouched": SCORES, "seconds": 1.5}
AGAIN = "; remove it, and it will be measured again"


def vanish(*_: object) -> None:
    os.kill(os.getpid(), signal.SIGKILL)


def never(*_: object) -> None:
    raise AssertionError("the work has begun")


@pytest.fixture
def config(tmp_path: Path) -> benching.BenchConfig:
    save(shaken(), tmp_path / "model")
    return benching.BenchConfig(str(tmp_path / "model"), edits=2, layer_facts=1)


def run(config: benching.BenchConfig, out: Path) -> dict[str, Any]:
    return benching.bench(config, out, lambda *_: None, parts=["rome"])


@pytest.mark.usefixtures("quick")
def test_a_killed_process_is_one_line_and_what_is_scored_stays(
    config: benching.BenchConfig, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    out, noted = tmp_path / "bench", json.loads(json.dumps(benching.rests_on(config, load_alone(config.model))))
    out.mkdir()
    stopped = json.dumps({"rests_on": noted, "rows": [ROW]})
    (out / "rome.part.json").write_text(stopped)
    monkeypatch.setattr(benching, "kept_part", vanish)
    with pytest.raises(ValueError, match="a process was killed"):
        run(config, out)
    assert os.listdir(out) == ["rome.part.json"] and (out / "rome.part.json").read_text() == stopped


@pytest.mark.usefixtures("quick")
def test_two_benches_do_not_work_in_one_folder(config: benching.BenchConfig, tmp_path: Path) -> None:
    with hold(tmp_path / "bench"), pytest.raises(FolderInUse, match="in use by another program"):
        run(config, tmp_path / "bench")


@pytest.mark.usefixtures("quick")
def test_a_part_is_written_by_its_process_and_its_rows_go(config: benching.BenchConfig, tmp_path: Path) -> None:
    place = tmp_path / "rome.part.json"
    place.write_text(json.dumps({"rests_on": {}, "rows": []}))  # another bench's
    whole = benching.kept_part("rome", config, tmp_path, NOTED)
    assert json.loads((tmp_path / "rome.json").read_text()) == whole and whole["rests_on"] == NOTED
    assert not place.exists() and list(finished_parts(tmp_path, NOTED)) == ["rome"]


def test_how_far_the_parts_are_is_told_meanwhile(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(benching, "LOOK_EVERY", 0.01)
    lines: list[tuple[str, int, int]] = []
    place, torn = tmp_path / "rome.part.json", tmp_path / "apollo.part.json"
    place.write_text(json.dumps({"rests_on": NOTED, "rows": [ROW, ROW]}))
    torn.write_text("{")
    places = {"apollo": torn, "rome": place}
    with benching._watched(places, NOTED, 3, lambda *line: lines.append(line)) as tell:
        tell("parts of the bench", 0, 2)
        until = time.monotonic() + 60
        while len(lines) < 2 and time.monotonic() < until:
            time.sleep(0.01)
    count = len(lines)
    assert lines[0] == ("parts of the bench", 0, 2) and lines[1] == ("facts edited: rome", 2, 3)
    time.sleep(0.05)
    assert len(lines) == count, "nothing is told when the block is over"


@pytest.mark.slow
@pytest.mark.skipif(sys.platform == "win32", reason="signals")
def test_sigterm_ends_a_bench_in_the_middle_of_a_part(tmp_path: Path) -> None:
    place, edits = tmp_path / "rome.part.json", 40
    words = ("edit", "--bench", "--part", "rome", "--edits", str(edits), "--out", str(tmp_path))
    process = subprocess.Popen([sys.executable, "main.py", *words], cwd=ROOT, stderr=subprocess.PIPE, text=True)
    try:
        until = time.monotonic() + 240
        while not place.exists() and process.poll() is None and time.monotonic() < until:
            time.sleep(0.05)
        process.terminate()
        _, error = process.communicate(timeout=240)
    finally:
        process.kill()
    assert process.returncode == 143 and "Traceback" not in error
    rows = json.loads(place.read_text())["rows"]
    assert 1 <= len(rows) < edits / 2, "the part under way was not waited for"
    time.sleep(1)  # a worker that lives on would score another fact
    assert len(json.loads(place.read_text())["rows"]) == len(rows)
    assert os.listdir(tmp_path) == [place.name]


def without(content: dict[str, Any], key: str) -> dict[str, Any]:
    return {name: value for name, value in content.items() if name != key}


def test_sound_parts_are_taken_as_they_are(tmp_path: Path) -> None:
    parts = {"rome": SINGLE, "rome-in-a-row": IN_A_ROW, "layers": LAYERS}
    for name, content in parts.items():
        (tmp_path / f"{name}.json").write_text(json.dumps(content | {"rests_on": NOTED}))
    (tmp_path / "apollo.json").write_text(json.dumps({"rests_on": {"version": 0}}))  # another bench's: measured anew
    assert finished_parts(tmp_path, NOTED) == {name: some | {"rests_on": NOTED} for name, some in parts.items()}


@pytest.mark.parametrize(
    ("name", "content", "says"),
    [
        ("rome", {}, "required field `facts`"),
        ("rome", SINGLE | {"single": 5}, "Expected `object`, got `int` - at `$.single`"),
        ("rome", SINGLE | {"known": "x"}, "got `str` - at `$.known`"),
        ("rome", SINGLE | {"facts": 10**20}, "at `$.facts`"),
        ("rome", SINGLE | {"single": SCORES | {"score": 10**20}}, "at `$.single.score`"),
        ("rome", without(SINGLE, "prepended"), "required field `prepended`"),
        ("rome", SINGLE | {"single": without(SCORES, "efficacy")}, "required field `efficacy`"),
        ("rome-in-a-row", {"in_a_row": [1]}, "Expected `object`, got `array` - at `$.in_a_row`"),
        ("rome-in-a-row", {"in_a_row": {"1": {}}}, "required field `score`"),
        ("layers", {"facts": 1, "layers": 5}, "Expected `array`, got `int` - at `$.layers`"),
        ("layers", {"facts": 1, "layers": [without(LAYER, "effect mlp last")]}, "required field `effect mlp last`"),
        ("layers", {"facts": 1, "layers": [LAYER | {LAST: None}]}, "Expected `object`, got `null`"),
        ("layers", {"facts": 1, "layers": [LAYER | {"layer": "0"}]}, "Expected `int`, got `str`"),
    ],
)
def test_a_damaged_part_is_one_line_with_a_remedy(tmp_path: Path, name: str, content: Any, says: str) -> None:
    file = tmp_path / f"{name}.json"
    file.write_text(json.dumps(content | {"rests_on": NOTED}))
    with pytest.raises(ValueError) as caught:
        finished_parts(tmp_path, NOTED)
    words = str(caught.value)
    assert (
        words.startswith(f"{file}: can't be read (") and says in words and words.endswith(AGAIN) and "\n" not in words
    )


@pytest.mark.parametrize("raw", [b"", b"{", b"\xff", b'{"rests_on": {\n"a', b"[" * 100_000])
def test_a_torn_part_is_one_line_with_a_remedy(tmp_path: Path, raw: bytes) -> None:
    for name, read in (("rome.json", finished_parts), ("rome.part.json", kept_rows)):
        file = tmp_path / name
        file.write_bytes(raw)
        with pytest.raises(ValueError) as caught:
            read(tmp_path if read is finished_parts else file, NOTED)
        words = str(caught.value)
        assert words.startswith(f"{file}: can't be read (") and "\n" not in words and words.endswith(AGAIN)
        file.unlink()


@pytest.mark.parametrize(
    ("rows", "says"),
    [
        ([{}], "required field `single`"),
        ([5], "Expected `object`, got `int`"),
        ("x", "no list of rows"),
        ([ROW | {"seconds": "1"}], "Expected `float`, got `str`"),
        ([ROW, ROW | {"single": SCORES | {"more": 1.0}}], "unknown field `more`"),
        ([ROW] * 4, "4 rows of 3 facts"),
    ],
)
def test_damaged_rows_are_one_line_with_a_remedy(tmp_path: Path, rows: Any, says: str) -> None:
    file = tmp_path / "rome.part.json"
    file.write_text(json.dumps({"rests_on": NOTED, "rows": rows}))
    with pytest.raises(ValueError) as caught:
        kept_rows(file, NOTED, 3)
    words = str(caught.value)
    assert words.startswith(f"{file}: can't be read (") and says in words and words.endswith(AGAIN)
    file.write_text(json.dumps({"rests_on": NOTED, "rows": [ROW] * 3}))
    assert kept_rows(file, NOTED, 3) == [ROW] * 3 and kept_rows(file, {"version": 2}, 1) == []


@pytest.mark.usefixtures("quick")
def test_a_damaged_file_stops_a_bench_before_anything_is_begun(
    config: benching.BenchConfig, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    out, noted = tmp_path / "bench", json.loads(json.dumps(benching.rests_on(config, load_alone(config.model))))
    monkeypatch.setattr(benching, "run_jobs", never)
    out.mkdir()
    for name, content in (("layers.json", {"layers": 5}), ("rome.part.json", {"rows": [ROW] * 3})):
        (out / name).write_text(json.dumps(content | {"rests_on": noted}))
        with pytest.raises(ValueError, match=f"{name}: can't be read .*{AGAIN}"):
            run(config, out)
        (out / name).unlink()
        (out / name).mkdir()
        with pytest.raises(OSError, match=f"{name}: a folder"):
            run(config, out)
        (out / name).rmdir()


@pytest.mark.usefixtures("quick")
def test_layers_need_facts_that_they_are_tried_on(
    config: benching.BenchConfig, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    cases = benching.cases_of(config, load_alone(config.model))[0]
    monkeypatch.setattr(benching, "cases_of", lambda *_: (cases, [], 0.5))
    with pytest.raises(ValueError, match="none of the facts that layers are tried on; leave that out: --part rome"):
        benching.bench(config, tmp_path / "bench", lambda *_: None)
