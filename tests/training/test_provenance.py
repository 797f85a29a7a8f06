"""Results belong to contents, not to names: whatever a run rests on may not change under an experiment."""

import json
import shutil
from dataclasses import replace
from pathlib import Path

import pytest

from common.assets import ASSETS
from tests.kits.experimentkit import files_and_model, from_files, learned_at_once, steps_of
from training import provenance
from training.config import LearnConfig
from training.experiments import run
from training.experiments.plan import Arm, Experiment
from training.experiments.run import run_experiment
from training.provenance import REALM, difference, of_model, rests_on

CHANGES = {  # which file, what it says then, and what the refusal names
    "lessons": ("lessons.jsonl", "one\nthree\n", "lessons"),
    "probes": ("probes.jsonl", "four\n", "probes"),
    "weights": ("model/model.safetensors", "others!", "weights"),
    "config": ("model/config.json", '{"a": 1}', "config"),
    "tokenizer": ("model/tokenizer.json", '{"a": 1}', "tokenizer"),
    "template": ("model/chat_template.jinja", "hello", "tokenizer"),
}


@pytest.fixture
def calls(monkeypatch: pytest.MonkeyPatch) -> list[LearnConfig]:
    calls: list[LearnConfig] = []
    monkeypatch.setattr(run, "learn", learned_at_once(calls))
    return calls


@pytest.fixture
def home(tmp_path: Path) -> Path:
    return files_and_model(tmp_path / "home")


@pytest.mark.parametrize(("file", "text", "what"), CHANGES.values(), ids=list(CHANGES))
@pytest.mark.parametrize("killed", [False, True])
def test_an_experiment_whose_files_say_something_else_is_refused(
    calls: list[LearnConfig], home: Path, tmp_path: Path, file: str, text: str, what: str, killed: bool
) -> None:
    plan, out = from_files(home), tmp_path / "out"
    run_experiment(plan, out)
    before = (out / "score.json").read_text()
    if killed:
        shutil.rmtree(out / "plain" / "seed-1")
    held = (home / file).read_text() if (home / file).exists() else None
    then = rests_on(plan.arms[0].config)[what]
    (home / file).write_text(text)
    now = rests_on(plan.arms[0].config)[what]
    with pytest.raises(ValueError, match=rf"{what} \({then} then, {now} now\); give a new --out") as refusal:
        run_experiment(plan, out)
    assert len(calls) == 4 and "\n" not in str(refusal.value)
    assert (out / "score.json").read_text() == before, "a refusal changes nothing"
    if held is None:
        (home / file).unlink()
    else:
        (home / file).write_text(held)
    run_experiment(plan, out)
    assert len(calls) == 4 + killed, "what is as it was goes on"


def test_what_no_run_rests_on_may_change(calls: list[LearnConfig], home: Path, tmp_path: Path) -> None:
    plan = from_files(home)
    first = run_experiment(plan, tmp_path / "out")
    (home / "model" / "README.md").write_text("a good model")
    (home / "lessons.jsonl").write_bytes("\ufeffone\r\ntwo\r\n".encode("utf-16-le"))  # the same text, saved on Windows
    assert run_experiment(plan, tmp_path / "out") == first and len(calls) == 4


def test_the_code_that_measures_counts(
    calls: list[LearnConfig], home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run_experiment(from_files(home), tmp_path / "out")
    noted = provenance.MEASURE_VERSION
    monkeypatch.setattr(provenance, "MEASURE_VERSION", 999)
    with pytest.raises(ValueError, match=rf"measure \({noted} then, 999 now\)"):
        run_experiment(from_files(home), tmp_path / "out")


def test_behaviours_of_the_realm_rest_on_its_rules(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    for name in REALM:
        shutil.copy(ASSETS / name, tmp_path / name)
    config = LearnConfig()
    own = rests_on(config)
    monkeypatch.setattr(provenance, "ASSETS", tmp_path)
    assert rests_on(config) == own and set(own) == {"measure", "weights", "config", "tokenizer", "realm"}
    for name in REALM:
        text = (tmp_path / name).read_text()
        (tmp_path / name).write_text(text + "# another\n")
        assert difference(own, rests_on(config)).startswith("realm (")
        (tmp_path / name).write_text(text)


def test_rates_chosen_on_other_data_are_refused(calls: list[LearnConfig], home: Path, tmp_path: Path) -> None:
    plan = from_files(home, rates={"plain": (1e-3, 2e-3)})
    run_experiment(plan, tmp_path / "out")
    for arm in ("plain", "dealt"):
        shutil.rmtree(tmp_path / "out" / arm)
    (home / "lessons.jsonl").write_text("other\n")
    with pytest.raises(ValueError, match=r"sweep/plain-lr0.001/seed-100: rests on .* lessons \("):
        run_experiment(plan, tmp_path / "out")
    assert len(calls) == 6


def test_what_changes_while_a_run_is_under_way_leaves_no_result(
    home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    learn = learned_at_once([])

    def change(config: LearnConfig) -> dict[str, object]:
        (home / "lessons.jsonl").write_text(f"changed for {config.control}\n")
        return learn(config)

    monkeypatch.setattr(run, "learn", change)
    with pytest.raises(ValueError, match=r"seed-0: while it ran, this changed: lessons"):
        run_experiment(from_files(home), tmp_path / "out")
    assert not list((tmp_path / "out").rglob("result.json"))


def test_one_model_under_two_names_is_no_second_base(calls: list[LearnConfig], home: Path, tmp_path: Path) -> None:
    shutil.copytree(home / "model", home / "again")
    plan = from_files(home).on(str(home / "model"), str(home / "again"))
    with pytest.raises(ValueError, match="again hold the same model; give each model once"):
        run_experiment(plan, tmp_path / "out")
    assert not calls and not (tmp_path / "out").exists()


def test_a_log_of_another_run_is_noticed(calls: list[LearnConfig], home: Path, tmp_path: Path) -> None:
    run_experiment(from_files(home), tmp_path / "out")
    logs = [tmp_path / "out" / "plain" / f"seed-{seed}" / "log.msgpack" for seed in (0, 1)]
    shutil.copy(logs[0], logs[1])
    with pytest.raises(ValueError, match=r"seed-1/log.msgpack: is not the log of this run \("):
        run_experiment(from_files(home), tmp_path / "out")


def test_runs_of_older_versions_are_scored_and_nothing_is_added_to_them(
    calls: list[LearnConfig], home: Path, tmp_path: Path
) -> None:
    plan, out = from_files(home), tmp_path / "out"
    score = run_experiment(plan, out)["score"]
    for path in out.rglob("result.json"):
        content = json.loads(path.read_text())
        path.write_text(json.dumps({key: content[key] for key in ("arm", "seed", "commit", "settings", "result")}))
    (home / "lessons.jsonl").write_text("other\n")
    assert run_experiment(plan, out)["score"] == score
    shutil.rmtree(out / "plain" / "seed-1")
    with pytest.raises(ValueError, match=r"older version made it.*1 runs are missing.*give a new --out"):
        run_experiment(plan, out)


def test_a_score_of_fewer_runs_does_not_stay_beside_new_ones(
    calls: list[LearnConfig], home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    plan, out = from_files(home), tmp_path / "out"
    run_experiment(plan, out)
    (out / "verdict.msgpack").write_text("of all runs")
    shutil.rmtree(out / "plain" / "seed-1")

    def fail(config: LearnConfig) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(run, "learn", fail)
    with pytest.raises(OSError, match="No space left"):
        run_experiment(plan, out)
    assert not (out / "score.json").exists() and not (out / "verdict.msgpack").exists()
    assert len(list(out.rglob("result.json"))) == 3, "finished runs stay"


def test_a_second_command_on_one_folder_is_refused_and_a_killed_one_does_not_bar_it(
    calls: list[LearnConfig], home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    plan, out = from_files(home), tmp_path / "out"
    learn = learned_at_once(calls)

    def second(config: LearnConfig) -> dict[str, object]:
        with pytest.raises(OSError, match="in use by another program"):
            run_experiment(plan, out)
        return learn(config)

    monkeypatch.setattr(run, "learn", second)
    run_experiment(plan, out)
    (out / ".lock").write_text("12345")  # as a killed process leaves it
    run_experiment(plan, out)
    assert len(calls) == 4


def test_a_model_is_known_by_its_parts(home: Path) -> None:
    before = of_model(str(home / "model"))
    (home / "model" / "model.safetensors").rename(home / "model" / "part-1.safetensors")
    assert difference(before, of_model(str(home / "model"))).startswith("weights (")
    assert difference({"a": "1", "b": "2"}, {"a": "1", "c": "3"}) == "b (2 then, none now), c (none then, 3 now)"


def test_a_net_that_reads_contexts_counts_with_its_config(home: Path) -> None:
    alone, context = of_model(str(home / "model")), home / "model" / "context"
    context.mkdir()
    for name, text in (("model.safetensors", "the reader's"), ("config.json", "{}"), ("tokenizer.json", "{}")):
        (context / name).write_text(text)
    both = of_model(str(home / "model"))
    assert set(both) - set(alone) == {"context", "context config"} and both | alone == both
    (context / "config.json").write_text('{"rms_norm_eps": 5.0}')
    assert difference(both, of_model(str(home / "model"))).startswith("context config (")
    (context / "config.json").write_text("{}")
    (context / "tokenizer.json").write_text("another, which nobody asks")
    assert of_model(str(home / "model")) == both


def test_arms_of_different_data_are_known_apart(calls: list[LearnConfig], home: Path, tmp_path: Path) -> None:
    plan = from_files(home)
    (home / "others.jsonl").write_text("other\n")
    other = Arm("other", replace(plan.arms[0].config, behaviour=str(home / "others.jsonl")))
    mixed = Experiment("mixed", "", (plan.arms[0], other), (0,), steps_of)
    run_experiment(mixed, tmp_path / "out")
    noted = [json.loads(path.read_text())["rests_on"] for path in sorted((tmp_path / "out").rglob("result.json"))]
    assert noted[0]["lessons"] != noted[1]["lessons"] and noted[0]["weights"] == noted[1]["weights"]
