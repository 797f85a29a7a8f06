"""Packed perception equals one forward per question; beliefs are probabilities; recording changes nothing."""

import re
from itertools import islice

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec.structs import replace

from game.realm.rules import load as load_rules
from game.realm.sampler import samples
from game.realm.tongues import question, tongue_named
from perception import perceive as perceive_module
from perception.contexts import encode_contexts
from perception.deciding import decide, decide_at_once, log_probabilities
from perception.errors import LanguageError
from perception.heads import Recorder
from perception.language import event_tokens, read, read_scene, token_spans
from perception.messages import Question
from perception.packing import Decision, pack
from perception.perceive import perceive, slowly
from tests.kits.minds import tiny

torch.set_num_threads(1)
RULES = load_rules()
KINDS = ("llama", "gpt2", "qwen2")
DOUBLE = tiny("llama", torch.float64)
SCENES = [sample.view.scene for sample in islice(samples(3, "test"), 3)]


@pytest.mark.parametrize("kind", KINDS)
def test_packed_beliefs_equal_one_forward_per_question(kind):
    model = tiny(kind)
    for scene, percept in zip(SCENES, perceive(model, SCENES, record=False), strict=True):
        for fast, slow in zip(percept.beliefs, slowly(model, scene), strict=True):
            assert fast == pytest.approx(slow, abs=1e-5)
            assert sum(fast) == pytest.approx(1)


@pytest.mark.parametrize("kind", KINDS)
def test_answers_of_several_tokens_count_whole(kind):
    model = tiny(kind)
    q = Question("sense", "north", "? sense north", ("kitsune", "oak well", "nothing look north"))
    scene = replace(SCENES[0], questions=(q,))
    fast = perceive(model, [scene])[0].beliefs[0]
    assert fast == pytest.approx(slowly(model, scene)[0], abs=1e-5)
    assert [len(ids) for ids in read_scene(model.tokenizer, scene).answers[0]] == [1, 2, 3]


def test_a_question_that_comes_again_is_decided_once(monkeypatch):
    model, decision = DOUBLE, Question("sense", "north", "? sense north", ("kitsune", "oak well", "nothing look north"))
    one, thrice = (replace(SCENES[0], questions=(decision,) * times) for times in (1, 3))
    packs = []
    monkeypatch.setattr(perceive_module, "pack", lambda *args, **options: packs.append(args) or pack(*args, **options))
    beliefs = [perceive(model, [scene], record=False)[0].beliefs for scene in (one, thrice)]
    assert beliefs[1] == beliefs[0] * 3
    assert [len(decisions) for _, decisions, *_ in packs] == [3, 3]


def test_tokens_are_kept_a_tokenizer_and_a_text_and_nobody_can_spoil_them():
    q = Question("sense", "north", "? sense north", ("kitsune", "nothing"))
    for tokenizer in (tiny().tokenizer, tiny(tongue="plain").tokenizer, tiny().tokenizer):
        want = tokenizer("hear north hum ? sense north")["input_ids"], tokenizer(" kitsune")["input_ids"]
        for _ in range(2):
            reading = read(tokenizer, "hear north hum", [(" " + q.text, q.candidates)])
            (question,), ((answer, other),) = reading.questions, reading.answers
            assert (reading.context + question, answer) == want and answer != other
            question.append(7), answer.append(7), reading.context.append(7)


@pytest.mark.parametrize(("mask", "logits"), [(4_000, 2**27), (2**25, 5_000), (1, 1)])
@pytest.mark.parametrize("tongue", ["terse", "plain"])
def test_many_questions_are_decided_part_by_part_to_the_same_beliefs(monkeypatch, tongue, mask, logits):
    model, scenes = tiny(tongue=tongue), [s.view.scene for s in islice(samples(3, "test", tongue), 3)]
    whole = perceive(model, scenes, record=False)
    sizes = []
    packing = perceive_module.pack
    monkeypatch.setattr(perceive_module, "MASK", mask)
    monkeypatch.setattr(perceive_module, "LOGITS", logits)
    monkeypatch.setattr(
        perceive_module, "pack", lambda *rest, **share: sizes.append(packing(*rest)) or packing(*rest, **share)
    )
    for one, other in zip(whole, perceive(model, scenes, record=False), strict=True):
        for a, b in zip(one.beliefs, other.beliefs, strict=True):
            assert a == pytest.approx(b, abs=1e-6)
    assert len(sizes) > 1
    monkeypatch.setattr(perceive_module, "MASK", 1)
    with pytest.raises(ValueError, match="too many questions to overhear heads at once"):
        perceive(model, scenes[:1])


@pytest.mark.parametrize("candidates", [("kitsune", "kitsune"), ("kitsune", "")])
def test_candidates_that_are_empty_or_stand_twice_are_refused(candidates):
    q = Question("sense", "north", "? sense north", candidates)
    with pytest.raises(LanguageError, match="question sense north: a candidate is empty, or stands twice"):
        perceive(tiny(), [replace(SCENES[0], questions=(q,))])


def test_recording_heads_leaves_beliefs_bit_identical_and_counts_every_head():
    model = tiny()
    quiet, heard = perceive(model, SCENES[:1], record=False)[0], perceive(model, SCENES[:1])[0]
    assert quiet.beliefs == heard.beliefs
    assert len(heard.heads.activity) == len(heard.heads.cue) == model.layers * model.heads
    assert all(0 <= mass <= 1 + 1e-6 for mass in heard.heads.cue)
    assert all(value > 0 for value in heard.heads.activity)


@pytest.mark.parametrize("kind", KINDS)
def test_a_heads_cue_is_its_attention_on_the_asked_places_events_in_plain_forwards(kind):
    model, scene = tiny(kind, torch.float64), SCENES[0]
    reading, named = read_scene(model.tokenizer, scene), event_tokens(model.tokenizer, scene)
    slow = torch.zeros(model.layers, model.heads, dtype=torch.float64)
    for q, question_ids in zip(scene.questions, reading.questions, strict=True):
        ids = torch.tensor([[*reading.context, *question_ids]])
        with torch.no_grad(), Recorder(model.net, torch.tensor([[ids.shape[1] - 1]])) as recorder:
            model.net(ids)
        cue = [i for event, at in zip(scene.events, named, strict=True) if event.place == q.place for i in at]
        slow += torch.stack([p[0, :, 0, cue].sum(-1) for p in recorder.record().patterns]) / len(scene.questions)
    assert len({q.place for q in scene.questions}) > 1 and len(set(slow.flatten().tolist())) > 1
    assert perceive(model, [scene])[0].heads.cue == pytest.approx(slow.flatten().tolist(), rel=1e-6)


@pytest.mark.parametrize("kind", KINDS)
def test_a_long_context_is_kept_and_its_heads_do_the_same(monkeypatch, kind):
    model = tiny(kind, torch.float64)
    once = perceive(model, SCENES[:1], head=3)[0]
    encodings = []
    encoding = perceive_module.encode_contexts
    monkeypatch.setattr(perceive_module, "ONCE", 8)
    monkeypatch.setattr(
        perceive_module, "encode_contexts", lambda *arguments: encodings.append(1) or encoding(*arguments)
    )
    long, quiet = perceive(model, SCENES[:1], head=3)[0], perceive(model, SCENES[:1], record=False)[0]
    assert len(encodings) == 2 and long.beliefs == quiet.beliefs
    for a, b in zip(once.beliefs, long.beliefs, strict=True):
        assert a == pytest.approx(b, abs=1e-9)
    assert once.heads.activity == pytest.approx(long.heads.activity, rel=1e-9)
    assert once.heads.cue == pytest.approx(long.heads.cue, rel=1e-9)
    assert once.gaze == long.gaze


@pytest.mark.parametrize("tongue", ["terse", "plain"])
def test_events_are_found_as_by_looking_at_every_token(tongue):
    model = tiny(tongue=tongue)
    for sample in islice(samples(5, "test", tongue), 6):
        scene, at = sample.view.scene, 0
        _, spans = token_spans(model.tokenizer, scene.text)
        for event, ids in zip(scene.events, event_tokens(model.tokenizer, scene), strict=True):
            at = re.compile(rf"\b{event.thing}\b").search(scene.text, at).end()
            begin = at - len(event.thing)
            assert ids and ids == [i for i, (start, end) in enumerate(spans) if start < at and end > begin]


def test_events_are_found_in_both_tongues():
    model = tiny()
    scene = SCENES[0]
    words = scene.text.split()
    for event, ids in zip(scene.events, event_tokens(model.tokenizer, scene), strict=True):
        assert [words[i] for i in ids] == [event.thing]
        assert words[ids[0] - 1] == event.place


def test_a_word_the_model_lacks_is_named():
    model = tiny()
    strange = replace(SCENES[0], text=SCENES[0].text + " hear north saxophone .")
    with pytest.raises(LanguageError, match="no token for saxophone"):
        perceive(model, [strange])


def test_a_scene_without_questions_gives_no_beliefs():
    assert perceive(tiny(), [replace(SCENES[0], questions=())])[0].beliefs == ()


@settings(max_examples=25, deadline=None)
@given(data=st.data())
def test_packing_equals_one_by_one_and_leaves_the_cache_alone(data):
    model = DOUBLE
    token = st.integers(3, 60)
    contexts = data.draw(st.lists(st.lists(token, min_size=1, max_size=12), min_size=1, max_size=4))
    decisions = [
        Decision(
            data.draw(st.integers(0, len(contexts) - 1)),
            tuple(data.draw(st.lists(token, min_size=1, max_size=4))),
            tuple(data.draw(st.lists(token, min_size=1, max_size=3))),
        )
        for _ in range(data.draw(st.integers(1, 7)))
    ]
    packed = pack(contexts, decisions, torch.float64)
    cache = encode_contexts(model.net, packed)
    before = [(layer.keys.clone(), layer.values.clone()) for layer in cache.layers]
    cached = log_probabilities(decide(model.net, packed, cache), packed, len(decisions))
    again = log_probabilities(decide(model.net, packed, cache), packed, len(decisions))
    assert torch.equal(cached, again)
    once = log_probabilities(decide_at_once(model.net, packed), packed, len(decisions))
    assert torch.allclose(once, cached, rtol=0, atol=1e-9)
    for layer, (keys, values) in zip(cache.layers, before, strict=True):
        assert torch.equal(layer.keys, keys)
        assert torch.equal(layer.values, values)
    for decision, value in zip(decisions, cached.tolist(), strict=True):
        whole = torch.tensor([[*contexts[decision.context], *decision.question, *decision.answer]])
        logs = model.net(whole).logits[0].detach().log_softmax(-1)
        start = len(contexts[decision.context]) + len(decision.question) - 1
        slow = sum(float(logs[start + i, token]) for i, token in enumerate(decision.answer))
        assert value == pytest.approx(slow, abs=1e-6)


@pytest.mark.parametrize(
    ("contexts", "decisions", "says"),
    [
        ([[]], [], "every context needs"),
        ([[4]], [Decision(0, (), (5,))], "decision 0 is empty"),
        ([[4]], [Decision(0, (5,), ())], "decision 0 is empty"),
        ([[4]], [Decision(2, (5,), (6,))], "belongs to context 2"),
    ],
)
def test_empty_decisions_are_refused(contexts, decisions, says):
    with pytest.raises(ValueError, match=says):
        pack(contexts, decisions)


def test_every_ask_of_the_realm_has_words_in_the_terse_tongue():
    model = tiny()
    for ask in tongue_named("terse").asks:
        place = "hum" if ask == "lore" else "north"
        q = question(tongue_named("terse"), RULES, ask, place)
        reading = read(model.tokenizer, SCENES[0].text, [(q.text, q.candidates)])
        assert all(len(ids) == 1 for ids in reading.answers[0])
