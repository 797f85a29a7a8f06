"""The one performance table: what can't be measured is said, finished areas stay, and other settings are refused."""

import json
import sys

import pytest

from main import main
from tests.kits.commandkit import refused
from training.bench import environments, hooks, table
from training.bench.areas import AREAS
from training.bench.timing import missing_row, row

ROWS = [row("ours", 30.0, "1/s", "ours", 30.0), missing_row("theirs", "1/s", "ours", "not installed; pip install x")]


def at_once(calls, broken=()):
    def measured(area, model, seed, device):
        calls.append(area)
        if area in broken:
            return {"area": area, "fault": "no"}
        return {"area": area, "about": AREAS[area], "device": "cpu", "rows": ROWS}

    return measured


def run(out, seed=0):
    return table.bench_all("model", seed, "cpu", out, "c0ffee", lambda what, done, of: None)


def test_every_area_stands_in_both_files_and_what_failed_is_measured_again(tmp_path, monkeypatch):
    calls = []
    monkeypatch.setattr(table, "_measured", at_once(calls, broken=("log",)))
    result = run(tmp_path / "out")
    assert calls == list(AREAS) and [entry["area"] for entry in result["areas"]] == list(AREAS)
    text = (tmp_path / "out" / "bench.md").read_text()
    assert "| ours | 30 | 1/s | 1 | ours |" in text and "| theirs | not installed; pip install x |" in text
    assert "Not measured: no" in text
    assert json.loads((tmp_path / "out" / "bench.json").read_text()) == result
    monkeypatch.setattr(table, "_measured", at_once(calls))
    again = run(tmp_path / "out")
    assert calls[len(AREAS) :] == ["log"], "what is measured stays"
    assert all("rows" in entry for entry in again["areas"])
    with pytest.raises(ValueError, match="seed: 0 then, 1 now"):
        run(tmp_path / "out", seed=1)


def test_where_a_table_cant_go_is_refused_in_one_line(tmp_path, capsys):
    (tmp_path / "file").write_text("mine")
    assert "is no folder" in refused(capsys, "bench", "all", "--out", str(tmp_path / "file"))
    assert "is for bench all" in refused(capsys, "bench", "log", "--out", str(tmp_path / "new"))
    assert not (tmp_path / "new").exists()


def test_an_area_runs_in_a_process_of_its_own_and_its_fault_is_one_line(tmp_path, monkeypatch):
    script = tmp_path / "main.py"
    script.write_text('import sys\nprint(\'{"rows": [], "argv": "\' + " ".join(sys.argv[1:]) + \'"}\')')
    monkeypatch.setattr(table, "COMMAND", script)
    assert table._measured("frozen", "m", 3, "cpu")["argv"] == "bench frozen --model m --seed 3 --json --device cpu"
    assert "--device" not in table._measured("realm", "m", 3, "cpu")["argv"]
    script.write_text('import sys\nsys.exit("it broke")')
    assert table._measured("realm", "m", 3, "cpu") == {"area": "realm", "fault": "it broke"}


def test_what_is_not_installed_has_a_row_that_says_how_to_install_it(monkeypatch, capsys):
    for name in ("gymnasium", "minigrid", "crafter", "textworld"):
        monkeypatch.setitem(sys.modules, name, None)
    monkeypatch.setattr(environments, "STEPS", 3)
    monkeypatch.setattr(environments, "ROUNDS", 1)
    assert main(["bench", "environments", "--seed", "4"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert [line.split()[0] for line in lines] == ["realm", "realm-text", "minigrid", "crafter", "textworld"]
    assert all("pip install 'second-sight[bench]'" in line for line in lines[2:])


def test_an_episode_that_ends_is_begun_anew(monkeypatch):
    monkeypatch.setattr(environments, "STEPS", 5)
    resets, ends = [], iter([False, True, False, True, False])
    environments._steps(lambda: resets.append(1), lambda rng: next(ends), 0)()
    assert len(resets) == 3


def test_hooks_without_the_other_library(monkeypatch, tmp_path):
    from perception.model import save
    from tests.kits import minds

    monkeypatch.setitem(sys.modules, "transformer_lens.model_bridge", None)
    monkeypatch.setattr(hooks, "ROUNDS", 1)
    save(minds.tiny(), tmp_path / "model")
    rows = hooks.hooks(str(tmp_path / "model"), 0)
    assert [r["name"] for r in rows] == ["plain", "recorder", "lens"]
    assert rows[1]["baseline"] == "plain" and rows[2]["value"] is None
