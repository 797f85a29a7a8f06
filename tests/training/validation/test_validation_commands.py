"""The modules that check the rule, as commands: bad input is one line, exit 2, before anything is computed."""

from pathlib import Path

import pytest

from training.validation import planted, power, simulated


@pytest.mark.parametrize(
    ("module", "arguments", "says"),
    [
        (power, ["--of", "nowhere", "--out", "table.json"], "score.json"),
        (power, ["--of", "other", "--out", "table.json"], "is no calibration's; give the folder of a finished one"),
        (power, ["--of", "other", "--out", "missing/table.json"], "missing"),
        (power, ["--of", "none", "--out", "table.json"], "is no calibration's; give the folder of a finished one"),
        (power, ["--of", "three", "--out", "table.json"], "is no calibration's; give the folder of a finished one"),
        (power, ["--of", "some", "--out", "table.json"], "is no calibration's; give the folder of a finished one"),
        (power, ["--of", "other", "--out", "table.json", "--runs", "0"], "--runs 0: give 1 or more"),
        (simulated, ["--out", "torn.jsonl"], "torn.jsonl:1: no row of a check"),
        (simulated, ["--out", "number.jsonl"], "number.jsonl:1: no row of a check"),
        (simulated, ["--out", "new.jsonl", "--runs", "-1"], "--runs -1: give 1 or more"),
        (planted, ["--out", "torn"], "planted.jsonl:2: no row of a check"),
        (planted, ["--out", "planted", "--model", "nowhere"], "nowhere"),
    ],
)
def test_bad_input_is_one_line(
    module: object, arguments: list[str], says: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:  # fmt: skip
    monkeypatch.chdir(tmp_path)
    (tmp_path / "other").mkdir()
    (tmp_path / "other" / "score.json").write_text("[]")
    for name, experiments in (("none", "[]"), ("some", "[{}]"), ("three", "3")):
        (tmp_path / name).mkdir()
        (tmp_path / name / "score.json").write_text('{"experiments": ' + experiments + "}")
    (tmp_path / "torn").mkdir()
    (tmp_path / "torn" / planted.FILE).write_text("{}\n3\n")
    (tmp_path / "torn.jsonl").write_text('{"world": ')
    (tmp_path / "number.jsonl").write_text("3\n")
    assert module.main(arguments) == 2  # type: ignore[attr-defined]
    error = capsys.readouterr().err.strip()
    assert says in error and "\n" not in error
    assert not (tmp_path / "table.json").exists() and not (tmp_path / "planted").exists()
