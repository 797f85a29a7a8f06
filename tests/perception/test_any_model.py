"""Any causal language model of transformers: perceived with, recorded, taught one frozen step; or refused with why."""

import copy
from dataclasses import replace as replace_fields

import pytest
import torch
from msgspec.structs import replace
from tokenizers.processors import TemplateProcessing
from transformers import (
    AutoConfig,
    AutoModelForCausalLM,
    AutoModelForMaskedLM,
    AutoModelForSequenceClassification,
    BertConfig,
    BertModel,
)
from transformers.models.llama import modeling_llama

from game.realm.sampler import samples
from perception import load_check
from perception.chat import frame
from perception.contexts import encode_contexts
from perception.deciding import decide, decide_at_once, log_probabilities
from perception.errors import LanguageError, ModelError
from perception.language import context_tokens, event_tokens, read_scene, token_spans
from perception.load_check import check_packing
from perception.model import Model, load, save, weights_hash
from perception.packing import Decision, pack
from perception.perceive import perceive, slowly
from tests.kits.minds import GPT2, SMALL, plain_tokenizer, tiny
from training.optim.frozen import choose_parameters, frozen_step, guarded_step

torch.set_num_threads(1)
KINDS = ("llama", "gpt2", "gemma2")
SCENE = next(iter(samples(4, "any", "plain"))).view.scene
SHORT = replace(SCENE, questions=SCENE.questions[:2])
SHORTER = replace(SHORT, text=SHORT.text[: len(SHORT.text) // 2], events=())
CHAT = (
    "{{ bos_token }}{% for m in messages %}<|{{ m['role'] }}|>\n{{ m['content'] | trim }}</s>\n{% endfor %}"
    "{% if add_generation_prompt %}<|assistant|>\n{% endif %}"
)


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
@pytest.mark.parametrize("kind", KINDS)
def test_any_model_perceives_in_plain_english_as_the_slow_way_does(kind, dtype):
    model = tiny(kind, dtype, tongue="plain")
    percept = perceive(model, [SHORT])[0]
    near = 1e-5 if dtype == torch.float32 else 0.05
    assert any(len(ids) > 1 for ids in read_scene(model.tokenizer, SHORT).answers[0])
    for fast, slow in zip(percept.beliefs, slowly(model, SHORT), strict=True):
        assert fast == pytest.approx(slow, abs=near)
    assert len(percept.heads.activity) == model.layers * model.heads
    assert perceive(model, [SHORT], record=False)[0].beliefs == percept.beliefs


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
@pytest.mark.parametrize("kind", KINDS)
def test_any_model_learns_one_frozen_step(kind, dtype):
    model = tiny(kind, dtype, tongue="plain")
    reading = read_scene(model.tokenizer, SHORT)
    decision = Decision(0, tuple(reading.questions[0]), tuple(reading.answers[0][1]))
    parameters = choose_parameters(model.net, "attention")
    before = [parameter.detach().clone() for parameter in parameters]
    step = frozen_step(model.net, [reading.context], [decision])
    assert step.loss > 0
    guarded_step(torch.optim.SGD(parameters, lr=1.0), torch.tensor(step.loss))
    assert any(not torch.equal(a, b) for a, b in zip(before, parameters, strict=True))


def chatting():
    model = tiny(tongue="plain")
    tokenizer = copy.deepcopy(plain_tokenizer())
    tokenizer.chat_template = CHAT
    return replace_fields(model, tokenizer=tokenizer)


def test_a_chat_model_is_spoken_to_in_its_template():
    model, q = chatting(), SHORT.questions[0]
    said = [{"role": "user", "content": SHORT.text + q.text}]
    whole = model.tokenizer.apply_chat_template(said, tokenize=False, add_generation_prompt=True)
    reading = read_scene(model.tokenizer, SHORT)
    assert model.tokenizer.decode([*reading.context, *reading.questions[0]]) == whole
    for answer, ids in zip(q.candidates, reading.answers[0], strict=True):
        assert model.tokenizer.decode(ids) == answer  # right behind the assistant's line, without a space


def test_a_chat_model_perceives_as_the_slow_way_does_and_finds_its_events():
    model = chatting()
    percept = perceive(model, [SHORT])[0]
    for fast, slow in zip(percept.beliefs, slowly(model, SHORT), strict=True):
        assert fast == pytest.approx(slow, abs=1e-5)
    ids = context_tokens(model.tokenizer, SHORT)
    for event, token_ids in zip(SHORT.events, event_tokens(model.tokenizer, SHORT), strict=True):
        assert event.thing in model.tokenizer.decode([ids[i] for i in token_ids])


@pytest.mark.parametrize(
    ("template", "why"),
    [("{{ raise_exception('no user here') }}", "chat template fails"), ("{{ bos_token }}", "doesn't hold the user's")],
)
def test_a_chat_template_that_cannot_be_used_is_refused_in_one_line(template, why):
    tokenizer = copy.deepcopy(plain_tokenizer())
    tokenizer.chat_template = template
    with pytest.raises(LanguageError, match=why) as caught:
        context_tokens(tokenizer, SHORT)
    assert "\n" not in str(caught.value)


def test_without_a_template_there_is_no_frame():
    assert frame(plain_tokenizer()).before == frame(plain_tokenizer()).behind == ""


def test_a_model_without_a_causal_head_is_refused(tmp_path):
    sizes = {"hidden_size": 16, "num_hidden_layers": 1, "num_attention_heads": 2, "intermediate_size": 16}
    BertModel(BertConfig(vocab_size=400, **sizes)).save_pretrained(tmp_path)
    plain_tokenizer().save_pretrained(tmp_path)
    with pytest.raises(ModelError, match="BertModel is no causal language model; give a folder of one") as caught:
        load(tmp_path)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("kind", ["gpt2", "gemma", "bert"])
def test_a_folder_of_another_kind_of_model_is_refused(tmp_path, kind):
    maker = AutoModelForMaskedLM if kind == "bert" else AutoModelForSequenceClassification
    bert = {"hidden_size": 16, "num_hidden_layers": 1, "num_attention_heads": 2}
    sizes = {"gpt2": GPT2, "gemma": SMALL, "bert": bert}[kind]
    maker.from_config(AutoConfig.for_model(kind, vocab_size=400, **sizes)).save_pretrained(tmp_path)
    plain_tokenizer().save_pretrained(tmp_path)
    with pytest.raises(ModelError, match="is no causal language model; give a folder of one"):
        load(tmp_path)


def exaggerated(net):
    """The same net with weights so large that it minds what it reads; a random one of usual size hardly does."""
    for parameter in net.parameters():
        parameter.data *= 4 if parameter.dim() > 1 else 1
    return net


@pytest.mark.parametrize("large", [False, True])
def test_a_model_that_looks_ahead_is_refused(tmp_path, large):
    model = tiny("gemma3_text", tongue="plain")
    model.net.config.use_bidirectional_attention = True
    save(Model(exaggerated(model.net) if large else model.net, plain_tokenizer(), "plain", "odd"), tmp_path / "odd")
    with pytest.raises(ModelError, match="decides otherwise against a cached context"):
        load(tmp_path / "odd")


@pytest.mark.parametrize("large", [False, True])
def test_a_model_with_other_positions_is_refused(large):
    config = AutoConfig.for_model("mpt", vocab_size=400, d_model=32, n_heads=4, n_layers=2, max_seq_len=512)
    torch.manual_seed(0)
    net = AutoModelForCausalLM.from_config(config).eval()
    with pytest.raises(ModelError, match="decides otherwise against a cached context"):
        check_packing(exaggerated(net) if large else net, range(3, 60), "mpt")


def looks_ahead(monkeypatch, first):
    """Every tiny Llama now sees its first tokens from everywhere; first 0: all tokens."""

    def mask(**words):
        if (packed := words.get("attention_mask")) is not None and packed.dim() == 4:
            return packed
        rows, stored = words["inputs_embeds"], words.get("past_key_values")
        past_length = stored.get_seq_length() if stored is not None else 0
        column, row = torch.arange(past_length + rows.shape[1]), torch.arange(past_length, past_length + rows.shape[1])
        open_RC = (column[None] <= row[:, None]) | (column[None] < first) | (first == 0)
        return torch.zeros(1, 1, *open_RC.shape, dtype=rows.dtype).masked_fill(~open_RC, torch.finfo(rows.dtype).min)

    monkeypatch.setattr(modeling_llama, "create_causal_mask", mask)


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
@pytest.mark.parametrize("first", [0, 2])
def test_looking_ahead_a_little_is_refused_in_any_precision(monkeypatch, first, dtype):
    """With small weights it moves what is said by less than bfloat16 rounds."""
    net = tiny("llama", dtype=dtype).net
    for parameter in net.parameters():
        parameter.data *= 0.3 if parameter.dim() > 1 else 1
    check_packing(net, range(3, 60), "small")
    looks_ahead(monkeypatch, first)
    with pytest.raises(ModelError, match="decides otherwise against a cached context"):
        check_packing(net, range(3, 60), "small")


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
def test_what_only_rounds_otherwise_is_computed_again_before_it_is_refused(monkeypatch, dtype):
    """What looks like too much in float32 is asked in float64, and the weights are as they were."""
    net = tiny(dtype=dtype).net
    before, kinds = weights_hash(net), [tensor.dtype for tensor in (*net.parameters(), *net.buffers())]
    seen = []
    error = load_check.packing_error
    monkeypatch.setattr(load_check, "packing_error", lambda *args: seen.append(error(*args)) or seen[-1])
    monkeypatch.setattr(load_check, "TOLERANCE", 1e-9)
    check_packing(net, range(3, 60), "small")
    assert 1e-4 > seen[0] > 1e-9 > seen[1] and len(seen) == 2
    assert weights_hash(net) == before
    assert [tensor.dtype for tensor in (*net.parameters(), *net.buffers())] == kinds


@pytest.mark.parametrize("kind", KINDS)
def test_a_saved_model_of_any_kind_comes_back_with_its_own_tokens(tmp_path, kind):
    model = tiny(kind, tongue="plain")
    save(model, tmp_path / kind)
    again = load(tmp_path / kind)
    assert len(again.tokenizer) == len(model.tokenizer)
    assert perceive(again, [SHORT], record=False)[0].beliefs == perceive(model, [SHORT], record=False)[0].beliefs


@pytest.mark.parametrize("kind", KINDS)
def test_log_probabilities_of_every_candidate_are_those_of_plain_forwards(kind):
    """Beliefs of random models saturate: what they are made of must agree, in padded scenes, too."""
    model = tiny(kind, tongue="plain")
    for parameter in model.net.parameters():
        parameter.data *= 4 if parameter.dim() > 1 else 1
    readings = [read_scene(model.tokenizer, scene) for scene in (SHORT, SHORTER)]
    contexts = [reading.context for reading in readings]
    decisions = [
        Decision(row, tuple(question), tuple(ids))
        for row, reading in enumerate(readings)
        for question, options in zip(reading.questions, reading.answers, strict=True)
        for ids in options
    ]
    packed = pack(contexts, decisions)
    with torch.no_grad():
        cached = log_probabilities(
            decide(model.net, packed, encode_contexts(model.net, packed)), packed, len(decisions)
        )
        once = log_probabilities(decide_at_once(model.net, packed), packed, len(decisions))
        for d, *both in zip(decisions, cached.tolist(), once.tolist(), strict=True):
            ids = torch.tensor([[*contexts[d.context], *d.question, *d.answer]])
            logs, start = model.net(ids).logits[0].log_softmax(-1), len(ids[0]) - len(d.answer) - 1
            slow = sum(float(logs[start + i, token]) for i, token in enumerate(d.answer))
            assert both == pytest.approx([slow, slow], abs=1e-4)


def test_special_tokens_behind_a_context_give_way_to_the_question():
    tokenizer = copy.deepcopy(plain_tokenizer())
    ends = [("<s>", 1), ("</s>", 2)]
    tokenizer.backend_tokenizer.post_processor = TemplateProcessing(single="<s> $A </s>", special_tokens=ends)
    whole, ids = tokenizer(SHORT.text)["input_ids"], context_tokens(tokenizer, SHORT)
    assert whole[-1] == 2 and ids == whole[:-1] and ids[0] == 1
    with_spans, spans = token_spans(tokenizer, SHORT.text)
    assert with_spans == ids and len(spans) == len(ids)


def test_positions_too_few_for_the_scene_are_refused_and_a_short_window_is_not():
    model = tiny("mistral", tongue="plain")
    model.net.config.sliding_window = 16
    for fast, slow in zip(perceive(model, [SHORT])[0].beliefs, slowly(model, SHORT), strict=True):
        assert fast == pytest.approx(slow, abs=1e-5)
    model.net.config.max_position_embeddings = 16
    with pytest.raises(ValueError, match=r"the model reads 16; shorten"):
        perceive(model, [SHORT])


def test_a_folder_with_a_chat_template_keeps_it(tmp_path):
    model = chatting()
    save(model, tmp_path / "chat")
    again = load(tmp_path / "chat")
    assert frame(again.tokenizer) == frame(model.tokenizer)
    assert perceive(again, [SHORT])[0].beliefs == perceive(model, [SHORT])[0].beliefs


def test_weights_load_in_the_type_asked_for(tmp_path):
    save(tiny(tongue="plain"), tmp_path / "mind")
    assert load(tmp_path / "mind", dtype=torch.bfloat16).net.dtype == torch.bfloat16
