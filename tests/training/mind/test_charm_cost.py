"""What charms cost: the charms that are measured are true ones, and what is measured after each is counted rightly."""

from pathlib import Path

import pytest
import torch

from game.realm.rules import NOTHING, load
from game.realm.tongues import SENSE
from perception.model import save, weights_hash
from tests.kits.minds import tiny
from training.heads.score import probes, score
from training.mind import charm_cost, charm_edit, self_measurement
from training.mind.charm_cost import ONE_SCENE, SCATTERED, after_each, main, orders, otherwise
from training.mind.mind import Mind, MindConfig

torch.set_num_threads(1)
RULES = load()


@pytest.fixture(autouse=True)
def small(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(self_measurement, "LIVE_PROBES", 3)
    monkeypatch.setattr(charm_edit, "OTHERS", 4)
    monkeypatch.setattr(charm_edit, "TEXTS", 2)
    monkeypatch.setattr(charm_cost, "SCENES", 4)
    monkeypatch.setattr(charm_cost, "SCANNED", 12)


def test_scattered_charms_stand_in_scenes_of_their_own_and_those_of_one_scene_at_its_places() -> None:
    scattered, one = orders(0, SCATTERED, 4, RULES), orders(0, ONE_SCENE, 9, RULES)
    assert len({order.scene.id for order in scattered}) + len({order.scene.text for order in scattered}) >= 5
    assert len({order.at for order in scattered}) == 4 and orders(0, SCATTERED, 4, RULES) == scattered
    assert len({order.scene.text for order in one}) == 1 and len({order.place for order in one}) == len(one) >= 4
    for order in (*scattered, *one):
        assert (SENSE, order.place) in [(q.ask, q.place) for q in order.scene.questions]
        assert order.species in RULES.species and order.species != NOTHING
    for scene, where in otherwise(one[0], 0, RULES):
        assert scene.questions[0].place == where and f" {where} " in scene.text


def test_after_each_charm_the_weights_that_wear_it_are_measured() -> None:
    model = tiny()
    mind, unseen = Mind(model, MindConfig(None), RULES), probes(9, 4, "terse", RULES)
    rows = after_each(model, mind.charms, orders(0, SCATTERED, 2, RULES), unseen, 0, RULES)
    assert len(rows) == 2 and mind.charms.worn == (0, 1)
    assert rows[-1]["mundane"] == score(model, unseen, RULES).mundane and rows[0]["lit"] == rows[0]["newest"]
    assert all(0 <= row[key] <= 1 for row in rows for key in ("lit", "newest", "turned", "hits", "mundane"))


def test_the_command_writes_both_ways_and_refuses_in_one_line(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    save(tiny(), tmp_path / "mind")
    out = tmp_path / "cost.json"
    result = charm_cost.measure(str(tmp_path / "mind"), 1, 1, lambda *_: None)
    assert {way: [row["charms"] for row in rows] for way, rows in result["ways"].items()} == {
        SCATTERED: [1],
        ONE_SCENE: [1],
    }
    assert result["model"] == weights_hash(tiny().net)
    assert main(["--out", str(out), "--model", str(tmp_path / "nothing")]) == 2
    error = capsys.readouterr().err.strip()
    assert "nothing" in error and "\n" not in error and not out.exists()
