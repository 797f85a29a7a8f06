"""Evidence from logs: the arrays are those of the logs, and whatever doesn't belong together is refused in one line."""

from dataclasses import replace

import msgspec
import numpy as np
import pytest
from msgspec import structs

from training.headlog.records import Allocation, Header, Log, Probes
from training.heads.head_sets import Shift
from training.verdict.causal import causal_evidence, excess, sets_of
from training.verdict.evidence import (
    evidence,
    joint,
    judgement,
    plain,
    unaccounted,
    with_caveats,
    worst_residual,
)  # fmt: skip
from training.verdict.units import Shape
from training.verdict.verdict import Verdict, decide

LAYERS, HEADS, CHUNKS = 2, 3, 4


def log(
    seed, control="", base="aa", probes="p0", along="path", chunks=CHUNKS, lift=0.0, residual=0.0, commit="c",
    mlps=(), sizes=(2,) * CHUNKS, **config
):  # fmt: skip
    """A run's log, in memory; its allocations are told apart by seed and chunk."""
    header = Header(
        model="m", model_hash=base, data_hash="d", commit=commit, seeds={"lessons": seed, "teach": seed},
        config={"control": control, "seed": seed, "steps": 300} | config,
        layers=LAYERS, heads=HEADS, created="2026-01-01",
    )  # fmt: skip
    records = [Probes(what="gain", hash=probes, decisions=8), Probes(what="heads", hash=f"h{seed}", decisions=8)]
    for chunk in range(chunks):
        heads = tuple(
            tuple(lift + seed + chunk / 10 + (n * HEADS + h) / 100 for h in range(HEADS)) for n in range(LAYERS)
        )
        whole = float(np.sum(heads)) + sum(mlps) + 0.5
        records.append(
            Allocation(
                along=along, chunk=chunk, decisions=sizes[chunk], loss="usable", heads=heads, mlps=mlps,
                rest=0.5 - residual, whole=whole, residual=residual,
            )
        )  # fmt: skip
    return Log(f"{base}-{control or 'trained'}-{seed}", header, tuple(records))


def test_mlps_are_units_where_one_moved_and_chunks_count_by_their_decisions():
    arrays = evidence(*arms(mlps=(0.0, 0.7), sizes=(1, 1, 1, 5)))
    assert (arrays.heads, arrays.columns) == (HEADS, HEADS + 1)
    assert list(np.flatnonzero(~arrays.is_head_H)) == [3, 7]
    assert arrays.trained_SCH[0, 0, 7] == pytest.approx(0.7 * 4 / 8)
    assert arrays.trained_SCH[0, :, 7].mean() == pytest.approx(0.7)
    assert arrays.whole_SC[0].mean() == pytest.approx(sum((0.15 + 6 * c / 10 + 1.2) * n for c, n in
                                                         enumerate((1, 1, 1, 5))) / 8)  # fmt: skip


def arms(**change):
    return [[log(s, control, **change) for s in range(3)] for control in ("", "shuffled", "rehearsal")]


def test_arrays_are_those_of_the_logs():
    arrays = evidence(*arms())
    assert arrays.trained_SCH.shape == (3, CHUNKS, LAYERS * HEADS)
    assert arrays.trained_SCH[2, 3, 5] == pytest.approx(2 + 0.3 + 0.05)
    assert arrays.whole_SC[1, 2] == pytest.approx(arrays.trained_SCH[1, 2].sum() + 0.5)
    assert arrays.shuffled_SCH[2, 0, 0] == 2.0 and arrays.bases == 1
    assert (arrays.heads, arrays.columns) == (HEADS, HEADS) and arrays.is_head_H.all()
    assert arrays.paired and not evidence(arms()[0], arms()[1][::-1], arms()[2]).paired
    assert evidence(*arms(along="line"), along="line").whole_SC.shape == (3, CHUNKS)


def test_what_chunks_miss_is_taken_from_what_units_were_allotted():
    """Every head is allotted a sixth of a move that its chunk then misses."""
    moved = []
    for seed_log in arms()[0]:
        records = list(seed_log.records)
        for at, move in enumerate((0.6, -0.6, 1.2, -1.2), start=2):
            heads = tuple(tuple(gain + move / 6 for gain in row) for row in records[at].heads)
            records[at] = structs.replace(records[at], heads=heads, residual=-move)
        moved.append(replace(seed_log, records=tuple(records)))
    plain_ = evidence(*arms())
    calm = evidence(moved, *arms()[1:])
    assert np.abs(calm.trained_SCH - plain_.trained_SCH).max() < 0.1, "the moves were up to 0.2 a head"
    assert np.array_equal(calm.shuffled_SCH, plain_.shuffled_SCH), "each arm by what it misses itself"
    assert calm.trained_SCH.mean(1) == pytest.approx(plain_.trained_SCH.mean(1))


def test_bases_are_counted_where_the_caller_says_so():
    pooled = [[*one, *two] for one, two in zip(arms(), arms(base="bb", probes="p1"), strict=True)]
    assert evidence(*pooled, bases=2).trained_SCH.shape[0] == 6
    with pytest.raises(ValueError, match="differ in model_hash; 1 expected, 2 found"):
        evidence(*pooled)
    with pytest.raises(ValueError, match="2 expected, 1 found"):
        evidence(*arms(), bases=2)


def swap(arm, run, **change):
    """All arms with one run of one arm exchanged for another."""
    logs = arms()
    control = ("", "shuffled", "rehearsal")[arm]
    logs[arm][run] = log(**({"seed": run, "control": control} | change))
    return logs


@pytest.mark.parametrize(
    ("wrong", "reason"),
    [
        (swap(0, 1, base="bb"), "differ in model_hash"),
        (swap(1, 2, probes="p1"), "aa-shuffled-2: other probes than aa-trained-0"),
        (swap(2, 0, control="shuffled"), "can't stand for rehearsal"),
        (swap(0, 0, control="shuffled"), "can't stand for trained"),
        (swap(0, 0, along="line"), "aa-trained-0: holds no gain along the path"),
        (swap(1, 0, chunks=3), "chunks of probes are not those of aa-trained-0"),
        (swap(0, 2, seed=1), "the same seeds as aa-trained-1"),
        (swap(1, 2, steps=100), "aa-shuffled-2: steps is 100, not 300 as in aa-trained-0"),
        (swap(2, 0, teach_lr=0.1), "aa-rehearsal-0: teach_lr is 0.1, not None"),
        ([arms()[0], [], arms()[2]], "no shuffled runs"),
    ],
)
def test_what_does_not_belong_together_is_refused(wrong, reason):
    with pytest.raises(ValueError, match=reason) as error:
        evidence(*wrong)
    assert "\n" not in str(error.value)


def test_a_log_that_does_not_name_its_probes_is_refused():
    logs = arms()
    logs[0][0] = replace(logs[0][0], records=tuple(r for r in logs[0][0].records if not isinstance(r, Probes)))
    with pytest.raises(ValueError, match="doesn't say on which probes"):
        evidence(*logs)


def test_gains_of_the_plain_loss_are_refused():
    """Rule 3 shared that one out; a control that learns the base rate gains most of it."""
    logs = arms()
    plain_ = tuple(msgspec.structs.replace(r, loss="plain") if isinstance(r, Allocation) else r for r in
                   logs[1][0].records)  # fmt: skip
    logs[1][0] = replace(logs[1][0], records=plain_)
    with pytest.raises(ValueError, match="of plain cross-entropy, an older rule's; measure the run again"):
        evidence(*logs)


def test_a_quadrature_that_misses_is_a_caveat():
    verdict = Verdict("undecided", "", {}, (), ())
    plain_, odd = [log(1, lift=9.0)], [log(1, lift=9.0, residual=1.0)]
    control = [log(1, "shuffled")]
    assert worst_residual(plain_) == unaccounted(plain_, control) == 0.0
    assert with_caveats(verdict, plain_, control) is verdict
    assert worst_residual(odd) > 0
    assert unaccounted(odd, control) == pytest.approx(1 / 54)
    assert unaccounted([log(1, lift=9.0, residual=2.0)], control) == pytest.approx(2 / 54)
    caveats = with_caveats(verdict, [log(1, lift=9.0, residual=2.0)], control).caveats
    assert len(caveats) == 1 and "2% is the most" in caveats[0]
    assert np.isnan(worst_residual([replace(log(1), records=())]))
    assert np.isnan(unaccounted(control, plain_))


def test_heads_that_alone_were_trained_and_other_commits_are_caveats():
    verdict = Verdict("undecided", "", {}, (), ())
    only = [log(1, lift=9.0, teach_train="attention")]
    assert "by construction" in with_caveats(verdict, only, [log(1, "shuffled")]).caveats[0]
    assert with_caveats(verdict, [log(1, lift=9.0, teach_train="all")], [log(1, "shuffled")]) is verdict
    mixed = with_caveats(verdict, [log(1, lift=9.0)], [log(1, "shuffled", commit="d")])
    assert mixed.caveats == ("the runs are of different commits: c, d",)


def test_base_models_have_to_agree():
    one, other = Verdict("localized", "r", {}, (), ()), Verdict("distributed", "r", {}, (), ())
    assert joint([one]) == ("localized", "r")
    assert joint([one, one]) == ("localized", "2 base models agree, each judged by itself; a general claim needs 3")
    assert joint([one, one, one])[1].endswith("by itself")
    assert joint([one, other, one])[0] == "undecided" and joint([])[0] == "undecided"
    none = [Verdict("undecided", reason, {}, (), ()) for reason in ("too few seeds", "no gain", "no gain")]
    reason = "each of 3 base models is undecided by itself: too few seeds; no gain"
    assert joint(none) == ("undecided", reason)  # that is no agreement


def test_random_sets_that_are_mostly_the_same_are_a_caveat():
    verdict, logs = Verdict("undecided", "", {}, (), ()), ([log(1, lift=9.0)], [log(1, "shuffled")])
    few = [((0, 0),), ((0, 1),)] * 100
    assert "the 200 random sets are 2 different ones" in with_caveats(verdict, *logs, "path", few).caveats[0]
    many = [((layer, head),) for layer in range(5) for head in range(4)]
    assert with_caveats(verdict, *logs, "path", many) is verdict


def test_a_verdict_becomes_a_record_without_nan():
    verdict = decide(evidence(*arms()), resamples=50)
    record = judgement(verdict, Shape(LAYERS, HEADS))
    assert record.word == "undecided" and record.numbers["seeds"] == [3, 3, 3]
    assert record.core == tuple(divmod(h, HEADS) for h in verdict.core)
    assert b"NaN" not in msgspec.json.encode(plain(verdict, Shape(LAYERS, HEADS)))
    assert msgspec.msgpack.decode(msgspec.msgpack.encode(record), type=type(record)) == record


def shift(name, insert, remove=None, what="output", gain=2.0, heads=((0, 0),)):
    return Shift(what, name, heads, gain, insert, remove, 8)


def seed(scale, gain):
    """A seed's swaps in nats, all in proportion to `scale`."""
    return [
        shift("core", 0.8 * scale, 0.9 * scale, gain=gain), shift("core+halo", scale, scale, gain=gain),
        shift("core", 0.7 * scale, scale, "weight", gain), shift("core+halo", 0.95 * scale, scale, "weight", gain),
        shift("random 0", 0.1 * scale, 0.2 * scale, gain=gain), shift("random 1", 0.3 * scale, gain=gain),
    ]  # fmt: skip


def test_swaps_are_shares_of_the_gain_over_control():
    trained, shuffled = [seed(3.0, 3.0), seed(5.0, 5.0)], [seed(2.0, 2.0), seed(2.0, 2.0)]
    swaps = {(swap.what, swap.name): swap for swap in excess(trained, shuffled)}
    assert swaps["output", "core"].insert == pytest.approx(0.8) and swaps["output", "core"].heads == ((0, 0),)
    # A set that brings in training just what it brings in the control brings nothing of what is judged.
    even = [[shift("core", 1.5, gain=3.0)], [shift("core", 1.5, gain=3.0)]]
    alike = [[shift("core", 1.5, gain=2.0)], [shift("core", 1.5, gain=2.0)]]
    assert excess(even, alike)[0].insert == 0.0
    # Of the gain, the same set has a half; of the gain over control all: 1.5 more, where the gain is 1.5 more.
    assert excess([[shift("core", 1.5, gain=3.0)]], [[shift("core", 0.0, gain=1.5)]])[0].insert == pytest.approx(1.0)


def test_a_seed_with_little_gain_weighs_little():
    trained = [[shift("core", 4.0, gain=4.0)], [shift("core", -0.1, gain=0.1)]]
    swaps = excess(trained, [[shift("core", 0.0, gain=0.0)]] * 2)
    assert swaps[0].insert == pytest.approx(3.9 / 4.1)


def test_random_sets_are_dealt_out_over_the_seeds():
    """Each counts by the gain of its own seed, and a seed that learned nothing gives no share."""
    trained = [[shift("core", 1.0, gain=4.0), shift("random 0", 1.0, gain=4.0)],
               [shift("core", 1.0, gain=2.0), shift("random 1", 1.0, gain=2.0)],
               [shift("core", 1.0, gain=0.0), shift("random 2", 1.0, gain=0.0)]]  # fmt: skip
    still = [[shift("core", 0.0, gain=0.0), shift(f"random {number}", 0.0, gain=0.0)] for number in range(3)]
    shares = {swap.name: swap.insert for swap in excess(trained, still)}
    assert shares["core"] == pytest.approx(0.5)
    assert [shares[f"random {number}"] for number in range(3)] == pytest.approx([0.25, 0.5, 1.0])
    sets = sets_of((0, 1), (), Shape(LAYERS, HEADS), count=7)
    parts = [sets.on_seed(place, 3) for place in range(3)]
    assert sorted(number for part in parts for number in part.random) == list(range(7))


@pytest.mark.parametrize(
    ("heads", "mlps", "some"), [(1, True, False), (2, True, False), (2, False, True), (4, True, True)]
)
def test_a_core_with_too_little_beside_it_has_no_random_sets(heads, mlps, some):
    """One layer: its core is a head, and its MLP where that is a unit."""
    core = (0, heads) if mlps else (0,)
    assert bool(sets_of(core, (), Shape(1, heads, mlps), count=3).random) is some


def test_what_the_rule_looks_at_has_to_be_measured():
    trained, shuffled = [seed(3.0, 3.0), seed(5.0, 5.0)], [seed(2.0, 2.0), seed(2.0, 2.0)]
    causal = causal_evidence(excess(trained, shuffled))
    assert (causal.core_insert, causal.core_remove) == (pytest.approx(0.8), pytest.approx(0.9))
    assert (causal.core_weights, causal.both_weights) == (pytest.approx(0.7), pytest.approx(0.95))
    assert causal.random_insert == pytest.approx((0.1, 0.3)) and causal.random_remove == pytest.approx((0.2,))
    with pytest.raises(ValueError, match=r"random 1 \(output\) was not measured alike"):
        excess([trained[0], trained[1][:-1]], shuffled)
    with pytest.raises(ValueError, match=r"core \(output\) was not measured alike on every seed"):
        excess([trained[0], trained[1][1:]], [shuffled[0], shuffled[1][1:]])
    with pytest.raises(ValueError, match=r"core\+halo insert \(output\) was not measured"):
        causal_evidence([swap for swap in excess(trained, shuffled) if swap.name != "core+halo"])
    with pytest.raises(ValueError, match=r"core insert \(weight\) was not measured"):
        causal_evidence([swap for swap in excess(trained, shuffled) if swap.what == "output"])
    assert excess(trained, trained) == [], "no gain over control"
    with pytest.raises(ValueError, match="no trained seeds, or no control's"):
        excess(trained, [])


def test_sets_are_of_the_verdicts_heads():
    swap_sets = sets_of((5, 0), (0, 2, 5), Shape(LAYERS, HEADS), count=7)
    assert (
        swap_sets.core == ((0, 0), (1, 2))
        and swap_sets.halo == ((0, 2),)
        and swap_sets.both == ((0, 0), (0, 2), (1, 2))
    )
    assert len(swap_sets.random) == 7 and all(not set(some) & set(swap_sets.core) for some in swap_sets.random.values())
    assert swap_sets == sets_of((0, 5), (0, 2, 5), Shape(LAYERS, HEADS), count=7)
    with_mlps = sets_of((3, 0), (0, 7), Shape(LAYERS, HEADS, mlps=True), count=7)
    assert with_mlps.core == ((0, 0), (0, 3)) and with_mlps.halo == ((1, 3),)
    assert all(
        [column == HEADS for _, column in sorted(some, key=lambda unit: unit[1])] == [False, True]
        for some in with_mlps.random.values()
    )
