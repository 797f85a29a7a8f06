"""What an experiment says on a terminal: a line per arm, the verdict, nothing made up for what was not measured."""

from pathlib import Path

import main
from common.assets import NOVICE
from training.experiments import run
from training.experiments.show import lines

ROW = {"hits": 0.95, "hits_new_pairs": None, "false_alarms": 0.012, "d_prime": 3.5, "mundane": 1.0, "lost": 0.004}
ROW |= {"seeds": 5, "steps_to_see": None, "lr": 0.006}


def test_arms_stand_under_each_other():
    text = list(lines({"score": {"arms": {"a": ROW, "longer": ROW | {"steps_to_see": 80.0, "seeds": 12}}}}))
    assert text[0].split() == ["arm", "seeds", "hits", "false", "al.", "d'", "mundane", "lost", "steps", "rate"]
    assert text[1].split() == ["a", "5", "95.0%", "1.2%", "3.50", "100.0%", "0.4%", "-", "0.006"]
    assert text[2].split()[:2] == ["longer", "12"] and text[2].split()[-2] == "80"
    assert len({len(line) for line in text}) == 1 and "new pairs" not in text[0]


def test_equal_learning_has_its_arms_at_the_top():
    assert [line.split()[0] for line in lines({"score": {"sgd": ROW}})] == ["arm", "sgd"]


def test_bases_are_told_apart_and_the_verdict_comes_last():
    text = list(lines({"score": {"arms": {"a": ROW}, "by_base": {"one": {"a": ROW}, "two": {"a": ROW}}}}))
    assert [line for line in text if line.endswith(":")] == ["one:", "two:", "all:"]
    base = {"model": "one", "verdict": {"word": "undecided", "reason": "few seeds"}}
    text = list(lines({"score": {"arms": {"a": ROW}, "bases": [base], "verdict": base["verdict"]}}))
    assert text[-2:] == ["one: undecided (few seeds)", "Verdict: undecided (few seeds)"]


def test_an_experiment_is_what_its_options_say(monkeypatch, capsys, tmp_path):
    calls, models = [], [str(tmp_path / name) for name in ("here", "there")]
    for model in models:
        Path(model).symlink_to(NOVICE)

    def stop(plan, out, workers, report, tried):
        calls.append((plan, out, workers))
        raise ValueError("enough was seen")

    monkeypatch.setattr(run, "run_experiment", stop)
    bases, some = [f"--model={model}" for model in models], ["--arm", "scenes-64", "--seed", "7", "--seeds", "2"]
    assert main.main(["experiment", "few", *bases, *some, "--workers", "3", "--out", "runs/some"]) == 2
    plan, out, workers = calls[0]
    assert (plan.bases, plan.seeds, workers, str(out)) == (tuple(models), (7, 8), 3, "runs/some")
    assert [arm.name for arm in plan.arms] == ["scenes-64"]
    assert main.main(["experiment", "sight", "--quick"]) == 2 and calls[1][0].seeds == (0, 1)
    assert "enough was seen" in capsys.readouterr().err
