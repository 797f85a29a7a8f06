"""Elicited: what is known is taken apart into whether there is anything, and which of several it is."""

import json
import math

import pytest
import torch

from perception.model import save
from tests.kits.minds import tiny
from training.config import LearnConfig, TeachConfig
from training.heads.usable_information import NEVER, Beliefs, worth
from training.learn import learn
from training.validation import elicited

EACH = 40
ANSWER_N = torch.tensor([0] * 3 * EACH + [1] * EACH + [2] * EACH + [3] * EACH)  # 0 is the usual one
HALF_N = torch.arange(6 * EACH) % 2 == 0


def believed(whether: float, which: float, offset: float = 0.0) -> Beliefs:
    """Beliefs that put so many nats on the truth about either part."""
    z_NC = torch.zeros(len(ANSWER_N), 4, dtype=torch.float64)
    other_N = ANSWER_N != 0
    z_NC[~other_N, 0] += whether / 2
    z_NC[other_N, 0] -= whether / 2
    z_NC[other_N, ANSWER_N[other_N]] += which
    z_NC[:, 0] += offset
    return Beliefs(z_NC.log_softmax(-1), ANSWER_N, torch.zeros_like(ANSWER_N), 1)


def test_each_part_is_told_from_the_other():
    only_which = elicited.parts(believed(0.0, 12.0, offset=30.0), HALF_N)
    assert math.isclose(only_which["which"], math.log(3), rel_tol=0.02)
    assert math.isclose(only_which["which_entropy"], math.log(3), rel_tol=1e-6)
    only_whether = elicited.parts(believed(40.0, 0.0), HALF_N)
    assert math.isclose(only_whether["whether"], math.log(2), rel_tol=0.02) and only_whether["auc"] == 1.0
    assert abs(only_whether["which"]) < 1e-6
    nothing = elicited.parts(believed(0.0, 0.0), HALF_N)
    assert nothing["auc"] == 0.5
    assert all(abs(nothing[part]) < 1e-3 for part in ("usable", "whether", "which"))


def test_the_first_part_is_worth_what_the_chances_of_anything_at_all_are():
    generator = torch.Generator().manual_seed(2)
    noisy = believed(2.0, 3.0).z_NC + torch.randn(len(ANSWER_N), 4, generator=generator, dtype=torch.float64)
    z_NC, kind_N = noisy.log_softmax(-1), torch.zeros_like(ANSWER_N)
    nothing_N = z_NC[:, 0].exp()
    two = Beliefs(torch.stack([nothing_N, 1 - nothing_N], 1).log(), (ANSWER_N != 0).long(), kind_N, 1)
    part = elicited.parts(Beliefs(z_NC, ANSWER_N, kind_N, 1), HALF_N)
    assert math.isclose(part["whether"], worth(two, HALF_N).usable, abs_tol=1e-9)
    pairs = [(float(a), float(b)) for a in nothing_N[ANSWER_N != 0] for b in nothing_N[ANSWER_N == 0]]
    assert math.isclose(part["auc"], sum(a < b for a, b in pairs) / len(pairs), abs_tol=1e-9)


def test_how_often_the_usual_answer_is_said_makes_no_difference():
    shy, bold = (elicited.parts(believed(2.0, 3.0, offset), HALF_N) for offset in (5.0, -5.0))
    assert all(math.isclose(shy[part], bold[part], abs_tol=1e-2) for part in shy)


def test_candidates_that_a_decision_lacks_count_for_nothing():
    plain = believed(2.0, 3.0)
    padded = Beliefs(torch.cat([plain.z_NC, torch.full((len(ANSWER_N), 2), NEVER)], 1), *(
        getattr(plain, name) for name in ("answer_N", "kind_N", "kinds")
    ))  # fmt: skip
    one, other = elicited.parts(plain, HALF_N), elicited.parts(padded, HALF_N)
    assert all(math.isclose(one[part], other[part], abs_tol=1e-6) for part in one)


def test_one_other_answer_is_no_which():
    rows = ANSWER_N < 2
    with pytest.raises(ValueError, match="no which"):
        elicited.parts(believed(2.0, 3.0).at(rows), HALF_N[rows])


def test_a_run_is_compared_with_the_model_it_began_with(tmp_path, capsys):
    save(tiny(), tmp_path / "base")
    out = tmp_path / "run"
    learn(LearnConfig(
        model=str(tmp_path / "base"), lessons=6, steps=2, probes=40, measure_every=2, gain_only=True, device="cpu",
        control="shuffled", out=out, teach=TeachConfig(base_cache=True, lr=0.03),
    ))  # fmt: skip
    assert elicited.main([str(out), str(out), "--out", str(tmp_path / "table.json")]) == 0
    content = json.loads((tmp_path / "table.json").read_text())
    row = content["models"][str(tmp_path / "base")]["shuffled"]
    assert row["runs"] == 2 and row["before"] != row["after"]
    assert row["before"] == content["runs"][0]["before"] and content["runs"][0]["control"] == "shuffled"
    assert "control shuffled, after: usable" in capsys.readouterr().out
    assert elicited.main([str(tmp_path / "base"), "--out", str(tmp_path / "no.json")]) == 2
    assert "log.msgpack" in capsys.readouterr().err and not (tmp_path / "no.json").exists()
    save(tiny(seed=5), tmp_path / "base")
    assert elicited.main([str(out), "--out", str(tmp_path / "no.json")]) == 2
    assert "has other weights now" in capsys.readouterr().err and not (tmp_path / "no.json").exists()
    assert elicited.main([str(out), "--out", str(tmp_path)]) == 2
    assert str(tmp_path) in capsys.readouterr().err
