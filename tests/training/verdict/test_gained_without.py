"""What a verdict says of a gain that other lessons bring alone."""

from dataclasses import replace

import pytest

from tests.training.verdict.test_evidence import arms
from training.verdict.evidence import evidence, gained_without, with_caveats
from training.verdict.verdict import Verdict


def test_a_gain_that_other_lessons_bring_alone_is_a_caveat():
    trained, shuffled, rehearsal = arms()
    measured = evidence(trained, shuffled, rehearsal)
    wholes = [measured.whole_SC.mean(), measured.rehearsal_whole_SC.mean()]
    assert gained_without(measured) == pytest.approx(wholes[1] / wholes[0])
    most = replace(measured, rehearsal_whole_SC=0.78 * measured.whole_SC)
    assert gained_without(most) == pytest.approx(0.78) and gained_without(replace(most, rehearsal_whole_SC=None)) == 0
    assert gained_without(replace(most, whole_SC=0 * measured.whole_SC)) == 0, "of no gain there is no share"
    verdict = Verdict("undecided", "", {}, (), ())
    caveats = with_caveats(verdict, trained, shuffled, without=gained_without(most)).caveats
    assert caveats == (
        "the other lessons alone, without the behaviour, gain 78% of it: so much of the gain isn't its own",
    )
    assert with_caveats(verdict, trained, shuffled, without=0.1) is verdict
