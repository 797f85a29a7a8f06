"""Evidence from logs: the arrays are those of the logs, and whatever doesn't belong together is refused in one line."""

from dataclasses import replace

import msgspec
import numpy as np
import pytest

from training.measure.causal import means, sets_of
from training.measure.evidence import evidence, joint, judgement, plain, with_caveats, worst_residual
from training.measure.log import Allocation, Header, Log, Probes, Swap
from training.measure.verdict import Verdict, decide

LAYERS, HEADS, CHUNKS = 2, 3, 4


def log(seed, control="", base="aa", probes="p0", along="path", chunks=CHUNKS, lift=0.0, residual=0.0):
    """A run's log, in memory; its allocations are told apart by seed and chunk."""
    header = Header(
        model="m", model_hash=base, data_hash="d", commit="c", seeds={"lessons": seed, "teach": seed},
        config={"control": control}, layers=LAYERS, heads=HEADS, created="2026-01-01",
    )  # fmt: skip
    records = [Probes(what="gain", hash=probes, decisions=8), Probes(what="heads", hash=f"h{seed}", decisions=8)]
    for chunk in range(chunks):
        heads = tuple(
            tuple(lift + seed + chunk / 10 + (n * HEADS + h) / 100 for h in range(HEADS)) for n in range(LAYERS)
        )
        whole = float(np.sum(heads)) + 0.5
        records.append(
            Allocation(
                along=along, chunk=chunk, decisions=2, heads=heads, rest=0.5 - residual, whole=whole, residual=residual
            )
        )
    return Log(f"{base}-{control or 'trained'}-{seed}", header, tuple(records))


def arms(**change):
    return [[log(s, control, **change) for s in range(3)] for control in ("", "shuffled", "rehearsal")]


def test_arrays_are_those_of_the_logs():
    found = evidence(*arms())
    assert found.trained_SCH.shape == (3, CHUNKS, LAYERS * HEADS)
    assert found.trained_SCH[2, 3, 5] == pytest.approx(2 + 0.3 + 0.05)
    assert found.whole_SC[1, 2] == pytest.approx(found.trained_SCH[1, 2].sum() + 0.5)
    assert found.shuffled_SCH[2, 0, 0] == 2.0 and found.bases == 1
    assert evidence(*arms(along="line"), along="line").whole_SC.shape == (3, CHUNKS)


def test_bases_are_counted_where_the_caller_says_so():
    pooled = [[*one, *two] for one, two in zip(arms(), arms(base="bb", probes="p1"), strict=True)]
    assert evidence(*pooled, bases=2).trained_SCH.shape[0] == 6
    with pytest.raises(ValueError, match="differ in model_hash; 1 expected, 2 found"):
        evidence(*pooled)
    with pytest.raises(ValueError, match="2 expected, 1 found"):
        evidence(*arms(), bases=2)


def swap(arm, run, **change):
    """All arms with one run of one arm exchanged for another."""
    made = arms()
    control = ("", "shuffled", "rehearsal")[arm]
    made[arm][run] = log(**({"seed": run, "control": control} | change))
    return made


@pytest.mark.parametrize(
    ("wrong", "told"),
    [
        (swap(0, 1, base="bb"), "differ in model_hash"),
        (swap(1, 2, probes="p1"), "aa-shuffled-2: other probes than aa-trained-0"),
        (swap(2, 0, control="shuffled"), "can't stand for rehearsal"),
        (swap(0, 0, control="shuffled"), "can't stand for trained"),
        (swap(0, 0, along="line"), "aa-trained-0: holds no gain along the path"),
        (swap(1, 0, chunks=3), "chunks of probes are not those of aa-trained-0"),
        (swap(0, 2, seed=1), "the same seeds as aa-trained-1"),
        ([arms()[0], [], arms()[2]], "no shuffled runs"),
    ],
)
def test_what_does_not_belong_together_is_refused(wrong, told):
    with pytest.raises(ValueError, match=told) as error:
        evidence(*wrong)
    assert "\n" not in str(error.value)


def test_a_log_that_does_not_name_its_probes_is_refused():
    made = arms()
    made[0][0] = replace(made[0][0], records=tuple(r for r in made[0][0].records if not isinstance(r, Probes)))
    with pytest.raises(ValueError, match="doesn't say on which probes"):
        evidence(*made)


def test_a_quadrature_that_misses_is_a_caveat():
    good, bad = [log(1)], [log(1), log(2, residual=1.0)]
    verdict = Verdict("undecided", "", {}, (), ())
    assert worst_residual(good) == 0.0 and with_caveats(verdict, good) is verdict
    assert worst_residual(bad) > 0.02
    assert "2% is the most" in with_caveats(verdict, bad).caveats[0]
    assert np.isnan(worst_residual([replace(log(1), records=())]))


def test_base_models_have_to_agree():
    one, other = Verdict("localized", "r", {}, (), ()), Verdict("distributed", "r", {}, (), ())
    assert joint([one]) == ("localized", "r")
    assert joint([one, one]) == ("localized", "2 base models agree, each judged by itself; a general claim needs 3")
    assert joint([one, one, one])[1].endswith("by itself")
    assert joint([one, other, one])[0] == "undecided" and joint([])[0] == "undecided"


def test_a_verdict_becomes_a_record_without_nan():
    verdict = decide(evidence(*arms()), resamples=50)
    record = judgement(verdict, HEADS)
    assert record.word == "undecided" and record.numbers["seeds"] == [3, 3, 3]
    assert record.core == tuple(divmod(h, HEADS) for h in verdict.core)
    assert b"NaN" not in msgspec.json.encode(plain(verdict, HEADS))
    assert msgspec.msgpack.decode(msgspec.msgpack.encode(record), type=type(record)) == record


def made(name, insert, remove=None, what="output"):
    return Swap(what=what, name=name, heads=((0, 0),), insert=insert, remove=remove)


def test_swaps_over_seeds_are_means_and_none_may_lack_one():
    def seed(shift):
        return [
            made("core", 0.8 + shift, 0.9), made("core+halo", 1.0, 1.0), made("core", 9.0, 9.0, "weight"),
            made("greedy", 0.7, 0.7), made("random 0", 0.1, 0.2), made("random 1", 0.3 + shift),
        ]  # fmt: skip

    found = means([seed(0.0), seed(0.1)])
    assert (found.core_insert, found.core_remove) == (pytest.approx(0.85), pytest.approx(0.9))
    assert found.random_insert == pytest.approx((0.1, 0.35)) and found.random_remove == pytest.approx((0.2,))
    with pytest.raises(ValueError, match="random 1 insert was not measured on every seed"):
        means([seed(0.0), seed(0.1)[:-1]])
    with pytest.raises(ValueError, match="greedy insert was not measured"):
        means([[s for s in seed(0.0) if s.name != "greedy"]])
    with pytest.raises(ValueError, match="trained seed 1 has no gain"):
        means([seed(0.0), [made("core", None)]])


def test_sets_are_of_the_verdicts_heads():
    found = sets_of((5, 0), (0, 2, 5), LAYERS, HEADS, count=7)
    assert found.core == ((0, 0), (1, 2)) and found.halo == ((0, 2),) and found.both == ((0, 0), (0, 2), (1, 2))
    assert len(found.random) == 7 and all(not set(some) & set(found.core) for some in found.random)
    assert found == sets_of((0, 5), (0, 2, 5), LAYERS, HEADS, count=7)
