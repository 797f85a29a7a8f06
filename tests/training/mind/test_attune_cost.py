"""What attunement costs: lessons of the species that are meant, the heads that are meant, and what is counted."""

import json
from pathlib import Path

import pytest
import torch

from game.realm.rules import NOTHING, load
from perception.model import save, weights_hash
from tests.kits.minds import tiny
from training.heads.score import probes
from training.mind import attune_cost
from training.mind.attune_cost import ALL, BEST, STEPS_PER_LESSON, WORST, choices, lessons, main, means, sighted
from training.precedents import retention

torch.set_num_threads(1)
RULES = load()


@pytest.fixture(autouse=True)
def small(monkeypatch: pytest.MonkeyPatch) -> None:
    evenings = (("first", 2, 2), ("second", 1, 1))
    few = {"SCENES": 12, "RETAINED": 2, "STEPS_PER_LESSON": 1, "RANDOM": 1, "SCANNED": 40, "EVENINGS": evenings}
    for name, value in few.items():
        monkeypatch.setattr(attune_cost, name, value)
    monkeypatch.setattr(retention, "known", lambda model, cases, context: [True] * len(cases))


def test_a_lesson_names_one_spirit_of_the_evening_s_species_and_empty_places() -> None:
    known = RULES.species[:2]
    taught = lessons(0, "first", known, 2, RULES)
    assert [next(a for a in lesson.answers if a not in (None, NOTHING)) for lesson in taught] == list(known)
    for lesson in taught:
        assert sum(answer not in (None, NOTHING) for answer in lesson.answers) == 1
        assert lesson.answers.count(NOTHING) <= attune_cost.EMPTIES
    assert lessons(0, "second", known, 2, RULES) != taught == lessons(0, "first", known, 2, RULES)
    with pytest.raises(ValueError, match="give other seeds"):
        lessons(0, "first", ["nobody"], 1, RULES)


def test_the_chosen_heads_are_those_that_brought_most_and_least() -> None:
    insert = [0.1, 0.5, -0.2, 0.3, 0.0, 0.2]
    sets = choices(insert, 2, 3, 0)
    assert sets[ALL] == [] and sorted(sets[BEST]) == [1, 3] and sorted(sets[WORST]) == [2, 4]
    assert len({tuple(sorted(sets[f"random-{number}"])) for number in range(3)}) > 1
    assert choices(insert, 2, 3, 0) == sets != choices(insert, 2, 3, 1)


def test_what_is_seen_is_counted_by_species(monkeypatch: pytest.MonkeyPatch) -> None:
    known, new = RULES.species[:2], RULES.species[2:3]
    unseen = probes(0, 24, "terse", RULES, "attune-cost")
    monkeypatch.setattr(attune_cost, "answers_of", lambda model, some: [[new[0]] * len(p.answers) for p in some])
    seen = sighted(tiny(), unseen, known, new)
    assert (seen["hits"], seen["hits_before"], seen["misnamed"], seen["false_alarms"]) == (1.0, 0.0, 1.0, 1.0)
    monkeypatch.setattr(attune_cost, "answers_of", lambda model, some: [list(p.answers) for p in some])
    assert list(sighted(tiny(), unseen, known, new).values()) == [1.0, 1.0, 0.0, 0.0, 1.0]


def test_ways_start_from_one_state_random_sets_are_one_way_and_what_was_run_is_not_run_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    model, taught = tiny(), list[tuple[int, int, int]]()
    save(model, tmp_path / "mind")
    out, worth = tmp_path / "cost.json", tuple(0.1 * head for head in range(model.layers * model.heads))
    monkeypatch.setattr(attune_cost, "weighed", lambda *measured: worth)
    practised = attune_cost.practised

    def watched(teacher: attune_cost.Teacher, some: list[attune_cost.Lesson]) -> object:
        taught.append((len(teacher.journal.lessons), teacher.steps, len(some)))
        return practised(teacher, some)

    monkeypatch.setattr(attune_cost, "practised", watched)
    command = ["--out", str(out), "--model", str(tmp_path / "mind"), "--seeds", "1", "--heads", "2"]
    assert main(command) == 0
    assert taught == [(0, 0, 2), *[(2, 2, 1)] * 4], "every way goes on where the first evening ended"
    result = json.loads(out.read_text())
    run = json.loads(out.read_text())["runs"][0]
    assert list(run["ways"]) == [ALL, BEST, WORST, "random-0"] and run["ways"][ALL]["heads"] == ""
    assert all(len(row["heads"].split(",")) == 2 for way, row in run["ways"].items() if way != ALL)
    assert result["model"] == weights_hash(model.net) and result["means"] == means(result["runs"])
    second = run["ways"]["random-0"]["second"]
    run["ways"]["random-1"] = run["ways"]["random-0"] | {"second": second | {"hits": second["hits"] + 0.5}}
    assert means([run])["random"]["second"]["hits"] == pytest.approx(second["hits"] + 0.25)
    monkeypatch.setattr(attune_cost, "Evenings", lambda *seed: 1 / 0)
    assert main(command) == 0 and json.loads(out.read_text()) == result
    capsys.readouterr()
    assert main([*command[:-1], "3"]) == 2
    assert "other settings" in capsys.readouterr().err and json.loads(out.read_text()) == result
    save(tiny(seed=1), tmp_path / "other")
    assert main([*command, "--model", str(tmp_path / "other")]) == 2
    assert "another model" in capsys.readouterr().err and json.loads(out.read_text()) == result
    for odd in ("[]", "{", '{"runs": [1]}', '{"runs": []}'):
        out.write_text(odd)
        assert main(command) == 2 and out.read_text() == odd
        assert capsys.readouterr().err == f"--out {out}: holds something else; give a new file\n"
    assert STEPS_PER_LESSON == 6
