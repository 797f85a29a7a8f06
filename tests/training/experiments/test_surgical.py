"""Surgical against distributed: matching, widths, the pilot, the whole path, small; then sharpness of what it left."""

import json
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import torch
from torch import nn

from game.realm.rules import load as load_rules
from perception.head_map import addresses
from perception.messages import Question, Scene
from perception.mlp_map import mlps
from perception.model import load, save
from tests.kits import minds
from training.experiments import sharpness, surgical, surgical_bench, surgical_methods, surgical_tasks
from training.experiments.surgical_bench import SurgicalConfig, changed_by_unit, width
from training.experiments.surgical_match import TOLERANCE, put, scale_until, train_until, weights_of
from training.experiments.surgical_methods import METHODS, NAMED
from training.experiments.surgical_pilot import best_rate
from training.experiments.surgical_score import lines, row_of
from training.experiments.surgical_tasks import distance_of
from training.heads.score import Probe, d_prime
from training.heads.usable_information import Beliefs
from training.precedents import editor, retention
from training.precedents.corpus import own_corpus
from training.precedents.facts import lore_cases

torch.set_num_threads(1)
SOME = ("rome-one", "rome-mean", "core", "apollo-64")


class Line(nn.Module):
    """One weight; what it gains is a curve of it."""

    def __init__(self) -> None:
        super().__init__()
        self.weight, self.still = nn.Parameter(torch.zeros(1)), nn.Parameter(torch.ones(1), requires_grad=False)

    @torch.no_grad()
    def step(self) -> None:
        self.weight += 0.5

    def gain(self) -> float:
        return float(1 - (-self.weight.detach()).exp())

    def humped(self) -> float:
        """0.6 at most, at 1."""
        return float(0.6 - (self.weight.detach() - 1).square())


def test_a_training_is_cut_where_the_target_is_met() -> None:
    net = Line()
    reached = train_until(net, net.step, net.gain, 0.9, 100, 4)
    assert reached.reached and reached.steps == 8, "measured at 2 and at 4; the target lies at 2.3"
    assert abs(net.gain() - 0.9) <= TOLERANCE and reached.gain == pytest.approx(net.gain())
    assert float(reached.update["weight"]) == pytest.approx(net.weight.item() - 2.0) and "still" not in reached.update


def test_a_training_that_does_not_get_there_stays_at_its_best() -> None:
    net = Line()
    reached = train_until(net, net.step, net.humped, 0.9, 12, 1)
    assert (reached.reached, reached.steps) == (False, 2)
    assert (net.weight.item(), reached.gain) == pytest.approx((1.0, 0.6))


def test_an_edit_is_scaled_to_the_target_or_to_its_best() -> None:
    net = Line()
    start = weights_of(net)
    put(net, {"weight": torch.full((1,), 8.0)})
    reached = scale_until(net, start, net.gain, 0.9)
    assert reached.reached and abs(net.gain() - 0.9) <= TOLERANCE
    assert reached.scale == pytest.approx(net.weight.item() / 8) and net.still.item() == 1
    put(net, {"weight": torch.full((1,), 2.0)})
    reached = scale_until(net, start, net.humped, 0.9)
    assert (reached.reached, reached.scale, net.weight.item()) == (False, 0.5, 1.0)


def test_width_is_the_least_number_that_holds_the_share() -> None:
    assert width(np.array([1.0, 7.0, 1.0, 1.0])) == 2
    assert width(np.array([8.0, 2.0, 0.0])) == 1
    assert width(np.array([5.0, -1.0, 5.0, 1.0])) == 2
    assert width(np.ones(10)) == 8
    assert width(np.array([1.0, -2.0])) is None


def test_a_change_is_counted_at_its_unit() -> None:
    model = minds.tiny()
    start, at = weights_of(model.net), addresses(model.net)
    with torch.no_grad():
        at.head(1, "o", 2).add_(3.0)
        at.head(0, "k", 0).add_(2.0)  # of a group: of both its heads
        mlps(model.net)[1].matrix()[0, 0] += 5.0
    squares = changed_by_unit(model, start)
    size = at.head_dim * at.hidden
    wanted = np.zeros(at.layers * at.heads + at.layers)
    wanted[[0, 1]], wanted[at.heads + 2], wanted[-1] = 4.0 * size / 2, 9.0 * size, 25.0
    assert squares == pytest.approx(wanted, rel=1e-5)


def test_random_units_are_others_than_those_that_the_pilot_named() -> None:
    bench = object.__new__(surgical_bench.Bench)
    bench.model = minds.tiny()
    pilot = surgical_bench.Pilot(1, [(0, 0), (1, 1), (1, 3)], {})
    for bench.seed in range(8):
        assert bench.units(NAMED["rome-random"], pilot)[0] == 0, "there are two layers"
        heads = bench.units(NAMED["random-heads"], pilot)[1]
        assert len(set(heads)) == 3 and not set(heads) & set(pilot.core)


def test_what_was_changed_on_purpose_is_not_lost_and_what_is_judged_otherwise_is(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    cases, lost = lore_cases()[1][:4], set[tuple[str, str]]()
    monkeypatch.setattr(retention, "lore_cases", lambda: ([], cases))
    monkeypatch.setattr(
        retention, "known", lambda model, some, context: [(c.subject, c.true) not in lost for c in some]
    )
    model = minds.tiny(seed=6)
    stays = retention.Retention(model, load_rules(), 0, 4, "")
    lost.add((cases[0].subject, cases[0].true))
    measured = stays.measure(model)
    assert measured["lore"] == 0.75 and measured["judgement"] == 1.0
    assert stays.measure(model, lost)["lore"] == 1.0
    monkeypatch.setattr(retention, "answers_of", lambda model, some: [["?"] * len(p.answers) for p in some])
    assert stays.measure(model)["judgement"] == 0.0


def test_neighbours_that_lose_their_answer_are_a_fact_s_false_alarms(monkeypatch: pytest.MonkeyPatch) -> None:
    shares = {"paraphrase": 50.0, "said": 100.0, "held": None, "neighbourhood": 90.0, "own_said": 0.0, "score": 60.0}
    monkeypatch.setattr(surgical_tasks, "score", lambda *scored: shares)
    task: Any = object.__new__(surgical_tasks.FactTask)
    task.model = task.case = None
    task.editor = SimpleNamespace(corpus=SimpleNamespace(contexts=("",)))
    held = task.held()
    assert held["alarms"] == pytest.approx(0.1) and (held["gain"], held["hits"], held["new"]) == (0.5, 1.0, None)


def test_d_prime_counts_hits_and_alarms_of_the_best_belief() -> None:
    ask = Question("sense", "north", "? sense north", ("oni", "nothing", "tengu"))
    scene = Scene("0", "terse", "x", (), (ask,) * 4)
    probe = Probe(scene, ("oni", "oni", "nothing", "nothing"), 4, ("oni", "tengu"))
    said = [["nothing", "oni", "tengu"].index(word) for word in ("oni", "tengu", "nothing", "tengu")]
    beliefs = Beliefs(torch.eye(3)[said], torch.zeros(4), torch.zeros(4), 1)
    assert distance_of(beliefs, [probe], probe.wanted) == pytest.approx(d_prime(1, 2, 1, 2))


@pytest.fixture(scope="module")
def ran(tmp_path_factory: pytest.TempPathFactory) -> tuple[SurgicalConfig, Path, dict[str, Any]]:
    """Sight and facts on two seeds of a tiny model, which is taken to know the lore."""
    folder = tmp_path_factory.mktemp("surgical")
    save(minds.tiny(seed=6), folder / "small")
    config = replace(SurgicalConfig(str(folder / "small")).quick(), kinds=("sight", "fact"), most=2)
    with pytest.MonkeyPatch.context() as patch:
        for module in (surgical_bench, retention):
            patch.setattr(module, "known", lambda model, cases, context: [True] * len(cases))
        patch.setattr(surgical_methods, "METHODS", tuple(m for m in METHODS if m.name in SOME))
        patch.setattr(retention, "lore_cases", lambda: ([], lore_cases()[1][:8]))
        patch.setattr(editor, "own_corpus", lambda model, seed: own_corpus(model, seed, tokens=500, contexts=7))
        result = surgical.surgical(config, folder / "out", 1, lambda *report: None)
        yield config, folder / "out", result


def test_every_method_stands_in_the_score_with_all_its_numbers(ran: Any) -> None:
    _, out, result = ran
    assert json.loads((out / "score.json").read_text()) == json.loads(json.dumps(result))
    assert set(result["score"]) == {"sight", "fact"}
    assert set(result["score"]["sight"]["methods"]) == set(SOME)
    assert set(result["score"]["fact"]["methods"]) == set(SOME) - {"rome-mean"}
    for part in result["score"].values():
        assert len(part["pilot"]["core"]) == 1 and set(part["pilot"]["rates"]) == {"core", "apollo-64"}
        for row in part["methods"].values():
            assert row["verdict"] == "no verdict" and row["tasks"] == 2
            assert {"gain", "held", "hits", "new", "alarms", "mundane", "lore", "judgement", "worst"} <= set(row)
            assert row["norm"][0] >= 0 and row["gain"][0] <= 1
    assert len(list(lines(result))) == 2 * 3 + 4 + 3, "a head, titles, untouched, and a line a method"


def test_what_each_method_moves_is_what_it_says(ran: Any) -> None:
    """A core moves its heads' slices alone, an edit one matrix by rank one, APOLLO the attention."""
    config, out, result = ran
    start = weights_of(load(config.model).net)
    folder = out / "sight" / "seed-0"
    moved = {name: sharpness.changes_of(folder / f"{name}.safetensors", start)[0] for name in SOME}
    (matrix,) = moved["rome-one"]
    values = torch.linalg.svdvals((moved["rome-one"][matrix] - start[matrix]).double())
    layer = result["score"]["sight"]["pilot"]["layer"]
    assert matrix == f"model.layers.{layer}.mlp.down_proj.weight" and float(values[1]) < 1e-3 * float(values[0])
    assert all("self_attn" in name for name in (*moved["core"], *moved["apollo-64"]))
    model = load(config.model)
    put(model.net, moved["core"])
    ((at, head),) = result["score"]["sight"]["pilot"]["core"]
    squares = changed_by_unit(model, start)
    of_group = {4 * at + head, 4 * at + head // 2 * 2, 4 * at + head // 2 * 2 + 1}  # its keys belong to its group
    assert set(np.flatnonzero(squares)) <= of_group and squares[4 * at + head] > 0


def test_the_same_command_goes_on_and_other_settings_are_refused(ran: Any) -> None:
    config, out, result = ran
    gone, stays = out / "sight" / "seed-1" / "apollo-64.json", out / "sight" / "seed-1" / "core.json"
    before, again = stays.stat().st_mtime_ns, gone.read_bytes()
    gone.unlink()
    assert surgical.surgical(config, out, 1, lambda *report: None) == result
    assert gone.read_bytes() == again and stays.stat().st_mtime_ns == before
    with pytest.raises(ValueError, match=r"other settings; give a new folder \(.*most: 2 then, 60 now"):
        surgical.surgical(SurgicalConfig(config.model), out, 1, lambda *report: None)
    with pytest.raises(ValueError, match="exists and holds no experiment"):
        surgical.surgical(config, out / "sight", 1, lambda *report: None)
    with pytest.raises(ValueError, match="none of the pilot's"):
        surgical.surgical(SurgicalConfig(config.model, seeds=(100,)), out, 1, lambda *report: None)


def test_rates_and_core_come_from_the_pilot_s_seeds_alone(ran: Any) -> None:
    _, _, result = ran
    for kind, part in result["score"].items():
        tried = part["pilot"]["tried"]
        for name, rate in part["pilot"]["rates"].items():
            assert [row["rate"] for row in tried[name]] == list(NAMED[name].rates[kind])
            assert rate == best_rate(tried[name])
        heads = np.array(part["pilot"]["gains"])
        assert part["pilot"]["core"] == [list(np.unravel_index(heads.argmax(), heads.shape))]
        assert part["pilot"]["layer"] == int(np.argmax(part["pilot"]["effects"]))


def test_a_rate_that_reaches_the_target_goes_before_one_that_does_not() -> None:
    slow, fast, faster = ({"rate": r, "merit": m, "reached": r > 0.1} for r, m in ((0.1, 0.9), (0.2, 0.7), (0.4, 0.6)))
    assert best_rate([slow, fast, faster]) == 0.2 and best_rate([slow]) == 0.1


def test_means_are_over_seeds_of_means_over_tasks() -> None:
    def run(*gains: float) -> dict[str, Any]:
        tasks = [{"gain": g, "steps": 1, "held": {"gain": g, "new": None}} for g in gains]
        return {"tasks": tasks, "retention": {"lore": 1.0}, "width": {"change": 3, "gain": None}, "norm": 1.0,
                "worst": 2.0, "rate": None}  # fmt: skip

    row = row_of([run(0.0, 1.0), run(0.8, 1.0)], 0.96)
    assert row["gain"][0] == row["held"][0] == pytest.approx(0.7) and row["new"] is None and row["width_gain"] is None
    assert (row["matched"], row["tasks"]) == (2, 4)


def test_sharpness_measures_what_was_left(ran: Any, tmp_path: Path) -> None:
    _, of, _ = ran
    settings = replace(sharpness.read_surgical(of)[0], kinds=("fact",))
    config = sharpness.SharpConfig(str(of)).quick()
    out = tmp_path / "sharp"
    result = sharpness.measured_of(settings, config, out, 1, lambda *report: None)
    rows = result["score"]["fact"]["rows"]
    assert set(rows) == {"untouched", "random-change", "rome-one", "core", "apollo-64"}
    assert rows["apollo-64"]["norm"][0] > 0
    assert rows["random-change"]["norm"] == pytest.approx(rows["apollo-64"]["norm"], rel=1e-4)
    assert set(result["score"]["fact"]["ratio"]) == set(rows) - {"apollo-64"}
    places = [
        json.loads((out / "fact" / "seed-0" / f"{row}.json").read_text()) for row in ("rome-one", "core", "apollo-64")
    ]
    shortest, *_, longest = sorted(places, key=lambda place: place["norm"])
    assert shortest["matched_norm"]["loss"] == pytest.approx(shortest["loss"], rel=1e-5)
    assert longest["matched_norm"]["loss"] != pytest.approx(longest["loss"], rel=1e-5)
    assert list(sharpness.lines(result))
    again = out / "fact" / "seed-0" / "core.json"
    before = again.stat().st_mtime_ns
    assert sharpness.measured_of(settings, config, out, 1, lambda *report: None) == result
    assert again.stat().st_mtime_ns == before


def test_ratios_and_predictions_are_paired_by_seed() -> None:
    def place(worst: float) -> dict[str, float | None]:
        return {"worst": worst, "average": worst, "highest": -1.0, "trace": 1.0}

    rows = {
        "apollo-64": [place(1.0), place(10.0)],
        "sgd": [place(2.0), place(20.0)],
        "adamw": [place(4.0), place(40.0)],
    }
    part = sharpness.score_of(rows, {"apollo-64": [0.9, 0.9], "sgd": [0.8, 0.8], "adamw": [0.7, 0.7]})
    assert part["ratio"]["sgd"]["worst"] == pytest.approx([2.0, 2.0, 2.0]) and part["ratio"]["sgd"]["highest"] is None
    assert part["predicts"]["worst"][0] == pytest.approx(-1.0) and part["predicts"]["trace"] is None


def test_sharpness_refuses_what_is_no_finished_surgical(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="holds no finished experiment surgical"):
        sharpness.read_surgical(tmp_path)
    torn = tmp_path / "torn.safetensors"
    torn.write_bytes(b"no weights")
    with pytest.raises(ValueError, match="run experiment surgical again"):
        sharpness.changes_of(torn, {})
