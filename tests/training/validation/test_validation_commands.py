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
        (simulated, ["--out", "torn.jsonl"], "holds lines that are no rows"),
        (simulated, ["--out", "number.jsonl"], "holds lines that are no rows"),
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
    (tmp_path / "torn.jsonl").write_text('{"world": ')
    (tmp_path / "number.jsonl").write_text("3\n")
    assert module.main(arguments) == 2  # type: ignore[attr-defined]
    error = capsys.readouterr().err.strip()
    assert says in error and "\n" not in error
    assert not (tmp_path / "table.json").exists() and not (tmp_path / "planted").exists()
