"""What helps the novice to tell pairs of traces it was never asked about: shared word vectors, dropout, tallies."""

from dataclasses import replace

import pytest
import torch
from torch.nn.functional import cosine_similarity

from game.realm.held_out import held_pairs
from game.realm.rules import load
from game.realm.tongues import NUMBERS, PLAIN, TALLY, TERSE, WORK, candidates, mundane_answer, question
from perception.messages import Event
from training.data.curriculum import PARTS, batch, untaught_kinds
from training.novice import pretrain
from training.novice.pretrain import FIRM, Masks, PretrainConfig, State, build_net, build_tokenizer, dropped
from training.novice.trace_vectors import SHARED, TraceVectors

torch.set_num_threads(1)
RULES = load()
WORDS = build_tokenizer(RULES)
SMALL = PretrainConfig(layers=2, heads=2, hidden=64, head_dim=8, mlp=24)
SMITH, KITSUNE = RULES.folk[0], RULES.spirits[0]


def vectors(net, words):
    return net.get_input_embeddings().weight[[WORDS.get_vocab()[word] for word in words]].detach().clone()


def alike(rows):
    return float(cosine_similarity(rows[0], rows[1], dim=0))


def test_the_traces_of_a_kind_are_gathered_and_drawn_together_and_nothing_else_moves():
    net = build_net(SMALL, len(WORDS))
    others = [word for word in WORDS.get_vocab() if all(word not in kind.traces for kind in RULES.kinds)]
    apart, rest = vectors(net, SMITH.traces), vectors(net, others)
    kin = TraceVectors(net, WORDS, RULES)
    kin.gather()
    near = vectors(net, SMITH.traces)
    assert abs(alike(apart)) < 0.5 < alike(near)
    mixed = [vectors(net, (SMITH.traces[0], KITSUNE.traces[0]))]
    assert abs(alike(mixed[0])) < 0.5
    own = (near - near.mean(0)) / (apart - apart.mean(0))
    assert torch.allclose(own, torch.full_like(own, 1 - SHARED), rtol=1e-3)
    kin.draw()
    assert torch.allclose(vectors(net, SMITH.traces).mean(0), near.mean(0), atol=1e-7)
    assert alike(vectors(net, SMITH.traces)) > alike(near)
    assert torch.equal(vectors(net, others), rest)


def test_masks_leave_out_their_share_and_keep_the_mean(monkeypatch):
    monkeypatch.setattr(pretrain, "MASK_POOL", 4096)
    ones = torch.ones(3, 1000)
    masked = Masks(0.3, "a", torch.device("cpu"))(ones)
    assert masked.unique().tolist() == pytest.approx([0, 1 / 0.7])
    assert float((masked == 0).float().mean()) == pytest.approx(0.3, abs=0.05)
    large = Masks(0.3, "a", torch.device("cpu"))(torch.ones(5, 4096))  # more than is drawn at once
    assert float(large.mean()) == pytest.approx(1, abs=0.05)


def test_the_same_seed_and_step_leave_out_the_same_and_other_steps_something_else():
    logits = []
    for step in (7, 7, 8):
        net = build_net(SMALL, len(WORDS))
        tokens = torch.arange(3, 40)[None]
        with dropped(net, SMALL, State(step=step, stage=FIRM)), torch.no_grad():
            logits.append(net(tokens).logits)
    assert torch.equal(logits[0], logits[1])
    assert not torch.equal(logits[0], logits[2])
    with torch.no_grad():
        whole = net(tokens).logits
        with dropped(net, SMALL, State(step=7, stage=FIRM - 1)):
            assert torch.equal(net(tokens).logits, whole)
    with torch.no_grad():
        assert torch.equal(net(tokens).logits, whole)  # no hook is left behind


def at(place, *things):
    senses = {thing: sense for kind in RULES.kinds for thing, sense in zip(kind.traces, RULES.senses, strict=True)}
    return [Event(senses[thing], place, thing) for thing in things]


def test_a_tally_counts_the_signs_that_belong_together_whoever_they_are_of():
    hear, feel, glimpse, track = SMITH.traces
    cases = {
        (hear, feel): "two",
        (hear, feel, glimpse): "three",
        (KITSUNE.traces[0], KITSUNE.traces[1], track): "two",
        (hear, KITSUNE.traces[1]): "one",
    }
    for things, number in cases.items():
        events = [*at("north", *things), *at("south", hear, feel, glimpse)]
        assert mundane_answer(RULES, events, TALLY, "north") == number
    assert mundane_answer(RULES, at("south", hear), TALLY, "north") == "zero"
    assert candidates(RULES, TALLY) == NUMBERS
    assert question(TERSE, RULES, TALLY, "north").text == "? count north"
    assert "belong together" in question(PLAIN, RULES, TALLY, "north").text


def asked(step, untaught=(), stage=5):
    words = {index: word for word, index in WORDS.get_vocab().items()}
    data = batch(3, step, stage, 16, RULES, WORDS, untaught=untaught)
    return [
        (
            " ".join(words[i] for i in d.question),
            words[d.answer[0]],
            " ".join(words[i] for i in data.contexts[d.context]),
        )
        for d in data.decisions
    ]


def test_tallies_are_asked_of_held_out_pairs_too_and_who_it_is_never():
    pairs = list(held_pairs(RULES).values())
    tallies = held = 0
    for step in range(12):
        for text, answer, context in asked(step):
            _, ask, place = text.split()[:3]
            here = [all(f" {place} {trace} ." in context for trace in pair) for pair in pairs]
            tally = ask == "count" and place in RULES.directions
            tallies += tally
            held += tally and any(here)
            assert tally or not (ask == WORK and any(here)), answer
    assert tallies > 100
    assert held > 0


@pytest.mark.parametrize(("part", "gone"), [("folklore", ("omen", "lore")), ("presences", ("work",))])
def test_an_ablation_leaves_its_questions_out(part, gone):
    for step in range(3):
        for text, _, _ in asked(step, PARTS[part]):
            ask, place = text.split()[1:3]
            assert ask.split("_")[0] not in gone
            assert part != "presences" or place not in RULES.presences
    assert replace(SMALL, without=part) != SMALL


@pytest.mark.parametrize(("part", "kinds"), [("folklore", RULES.spirits), ("presences", RULES.folk)])
def test_an_ablation_tells_by_no_way_round_which_traces_belong_together(part, kinds):
    traces, tallies = {trace for kind in kinds for trace in kind.traces}, 0
    for step in range(6):
        for text, _, context in asked(step, PARTS[part]):
            _, ask, place = text.split()[:3]
            if ask == "count" and place in RULES.directions:
                tallies += 1
                assert not any(f" {place} {trace} ." in context for trace in traces)
    assert tallies > 20
    net = build_net(SMALL, len(WORDS))
    left, others = vectors(net, sorted(traces)), [k for k in RULES.kinds if k not in kinds]
    before = vectors(net, others[0].traces)
    kin = TraceVectors(net, WORDS, RULES, kinds)
    kin.gather()
    kin.draw()
    assert torch.equal(vectors(net, sorted(traces)), left) and not torch.equal(vectors(net, others[0].traces), before)
    assert untaught_kinds(RULES, PARTS[part]) == kinds and untaught_kinds(RULES, ()) == ()
