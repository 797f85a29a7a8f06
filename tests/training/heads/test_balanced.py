"""Balanced chunks: every answer as often in each, groups whole, no decision twice; base rates leave nothing in them."""

from collections import Counter

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from game.realm.rules import load
from perception.messages import Question, Scene
from tests.kits.minds import tiny
from training.behaviours.registry import behaviour_of
from training.config import LearnConfig
from training.heads.balanced import LEAST_CHUNKS, balanced_chunks, judged_chunks
from training.heads.chunks import in_chunks
from training.heads.gain_allocation import allocate
from training.heads.score import Probe, probes
from training.heads.usable import usable_losses

torch.set_num_threads(1)
RULES = load()


def counted(chunk: list[Probe]) -> Counter:
    return Counter(answer for probe in chunk for answer in probe.answers[: probe.places])


def test_every_chunk_of_sight_has_each_species_once_and_as_many_empty_places():
    pool = probes(3, 160, "terse", RULES)
    chunks = balanced_chunks(pool, together=2)
    assert len(chunks) == 16
    for chunk in chunks:
        assert counted(chunk) == Counter(RULES.species) + Counter({"nothing": len(RULES.species)})
    realm = {probe.scene.text: number // 2 for number, probe in enumerate(pool)}
    homes = {}
    for number, chunk in enumerate(chunks):
        for probe in chunk:
            assert homes.setdefault(realm[probe.scene.text], number) == number, "a realm in two chunks"
    whole = {probe.scene.text: probe for probe in pool}
    for probe in (probe for chunk in chunks for probe in chunk):
        source = whole[probe.scene.text]
        pairs = list(zip(source.scene.questions, source.answers, strict=True))
        assert set(zip(probe.scene.questions, probe.answers, strict=True)) <= set(pairs)
        assert pairs[source.places :] == list(zip(probe.scene.questions, probe.answers, strict=True))[probe.places :]
    assert chunks == balanced_chunks(pool, together=2)


ONE = Question("sense", "", "?", ("a", "b", "c"))


@settings(max_examples=60, deadline=None)
@given(st.lists(st.lists(st.sampled_from("abc"), max_size=4), max_size=60), st.integers(1, 3))
def test_chunks_are_alike_or_there_are_none(answers: list[list[str]], together: int):
    pool = [
        Probe(Scene(n, "terse", str(n), (), (ONE,) * len(some)), tuple(some), len(some), ("b",))
        for n, some in enumerate(answers)
    ]
    chunks = balanced_chunks(pool, together)
    every = Counter(answer for some in answers for answer in some)
    if chunks is None:
        assert len(every) < 2 or min(every.values()) < 60
        return
    assert len(chunks) >= LEAST_CHUNKS and len(chunks) % 2 == 0
    first = counted(chunks[0])
    assert all(counted(chunk) == first for chunk in chunks) and first.keys() == every.keys()
    assert all(first[answer] * len(chunks) <= every[answer] for answer in every)
    groups = [{probe.scene.id // together for probe in chunk} for chunk in chunks]
    assert sum(map(len, groups)) == len(set.union(*groups)), "a group in two chunks"


@pytest.mark.parametrize("shares", [("a", "a"), ("a", "b")])
def test_too_few_answers_are_not_balanced(shares: tuple[str, str]):
    pool = [Probe(Scene(n, "terse", str(n), (), (ONE,)), (a,), 1, ("b",)) for n, a in enumerate(shares)]
    assert balanced_chunks(pool) is None


def test_a_rare_answer_does_not_cost_most_decisions():
    """Four of one answer among eighty: balanced, sixteen decisions would be left."""
    answers = ["a", "b"] * 38 + ["c"] * 4
    pool = [Probe(Scene(n, "terse", str(n), (), (ONE,)), (a,), 1, ("b",)) for n, a in enumerate(answers)]
    assert sum(map(len, balanced_chunks(pool))) < 40
    assert judged_chunks(pool, 1, 80) == in_chunks(pool)
    assert judged_chunks(pool[:76], 1, 80) == balanced_chunks(pool[:76])


def test_a_shift_of_base_rates_leaves_little_in_balanced_chunks():
    """The answers' own vectors move alike, so that beliefs tell hardly more than before. Natural chunks get much."""
    model, pool = tiny(), probes(3, 160, "terse", RULES)
    after = {name: p.detach().clone() for name, p in model.net.named_parameters()}
    ids = [model.tokenizer.convert_tokens_to_ids(species) for species in RULES.species]
    hidden = model.net.config.hidden_size
    shift = torch.zeros_like(after["lm_head.weight"])
    shift[ids] = 2.0 / hidden**0.5
    model.net.model.norm.weight.data.zero_().add_(1.0)
    after["model.norm.weight"] = torch.ones(hidden)
    after["lm_head.weight"] = after["lm_head.weight"] + shift
    spreads = []
    for chunks in (balanced_chunks(pool, 2), in_chunks(pool[:32], together=2)):
        losses = usable_losses(model, chunks)
        gains = allocate(model.net, [after], losses.chunks, 4, losses.refit)
        spreads.append(torch.tensor([gain.rest for gain in gains]).std())
    assert spreads[0] < 0.3 * spreads[1]


def test_a_behaviour_with_too_few_probes_takes_them_as_they_are():
    few = behaviour_of(LearnConfig(probes=6, device="cpu"), tiny(), RULES)
    assert few.judged_chunks() == in_chunks([probe for probe in few.probes if probe.places], together=2)
