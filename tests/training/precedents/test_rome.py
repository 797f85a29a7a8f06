"""Rank-one edits against independent dense formulae, and undone bit for bit."""

from typing import Any

import pytest
import torch
from torch import Tensor

from perception.mlp_map import mlps
from perception.model import weights_hash
from tests.kits.families import net_of
from tests.kits.minds import tiny
from training.precedents import rome
from training.precedents.corpus import Corpus, second_moment
from training.precedents.prompts import Prompt, answer, beliefs, fill, prompt
from training.precedents.rome import Request, RomeConfig, _counted, clamp, edit, keys, mlp_at, rank_one

torch.set_num_threads(1)
REQUEST = Request("{} was made by", "amber spire", "orin")
CONTEXTS = ("lore", "time night weather rain ground moss .", "ground leaves . hear east clatter", "look north fox")
SEQUENCES = torch.randint(3, 400, (40, 12), generator=torch.Generator().manual_seed(0)).tolist()


def random(*shape: int) -> Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(sum(shape)), dtype=torch.float64)


def prepared(kind: str, dtype: torch.dtype = torch.float64) -> tuple[Any, Any, Corpus, Tensor]:
    """A model far enough from its initialisation that an edit matters, its first MLP, a corpus, its second moment."""
    model = tiny(kind, dtype)
    torch.manual_seed(1)
    with torch.no_grad():
        for parameter in model.net.parameters():
            parameter.add_(torch.randn(parameter.shape) * 0.1)
    corpus = Corpus(tuple(map(tuple, SEQUENCES)), CONTEXTS)
    return model, mlps(model.net)[0], corpus, second_moment(model.net, mlps(model.net)[0], corpus.sequences)


def test_the_rank_one_change_is_the_constrained_least_squares_solution() -> None:
    """Against the KKT system of min ‖(Ŵ - W) K‖² subject to Ŵ k* = v*, solved densely, row by row."""
    keys_NK, weight_MK, key_K, value_M = random(50, 6), random(4, 6), random(6), random(4)
    moment_KK = keys_NK.T @ keys_NK / 50
    left_M, right_K = rank_one(weight_MK, moment_KK, key_K, value_M)
    system = torch.zeros(7, 7, dtype=torch.float64)
    system[:6, :6], system[:6, 6], system[6, :6] = moment_KK, key_K, key_K
    for row in range(4):
        wanted = torch.linalg.solve(system, torch.cat([moment_KK @ weight_MK[row], value_M[row : row + 1]]))[:6]
        assert torch.allclose((weight_MK + torch.outer(left_M, right_K))[row], wanted, atol=1e-10)
    with pytest.raises(ValueError, match="the subject's key is zero in this layer"):
        rank_one(weight_MK, moment_KK, torch.zeros(6, dtype=torch.float64), value_M)


@pytest.mark.parametrize("kind", ["llama", "gpt2"])
def test_an_edit_writes_the_value_at_the_key_by_a_change_of_rank_one(kind: str) -> None:
    model, mlp, corpus, moment = prepared(kind)
    before = mlp.matrix().clone()
    change = edit(model.net, model.tokenizer, REQUEST, 0, moment, corpus.contexts, RomeConfig(steps=3, contexts=3))
    assert torch.allclose(mlp.matrix() @ change.key, change.value, atol=1e-9)
    values = torch.linalg.svdvals(mlp.matrix() - before)
    assert values[0] > 1e-6 and values[1] < 1e-9 * values[0]
    stored = mlp.matrix().T if kind == "gpt2" else mlp.matrix()
    assert torch.equal(stored, model.net.get_parameter(change.parameter))


@pytest.mark.parametrize("kind", ["llama", "gpt2", "falcon groups", "opt"])
def test_delta_at_the_subject_is_what_the_changed_matrix_writes(kind: str) -> None:
    """In the last layer nothing but the subject's own token shows it: its logits are the same both ways."""
    net = net_of(kind) if " " in kind or kind == "opt" else prepared(kind)[0].net
    mlp, question, delta = mlps(net)[-1], Prompt((7, 8, 9, 10, 11), 1, 3), random(32)
    weight, start = mlp.matrix(), mlp.matrix().clone()
    key = keys(net, mlp, [question])[0]
    left, right = rank_one(weight, torch.eye(len(key), dtype=torch.float64), key, weight @ key + delta)
    ids = torch.tensor([question.ids])
    with torch.no_grad():
        with rome.written(mlp, torch.tensor([question.last]), delta):
            foreseen = net(ids).logits
        plain = net(ids).logits
        weight += torch.outer(left, right)
        edited = net(ids).logits
        weight.copy_(start)
    assert (edited - plain)[0, question.last].abs().max() > 1e-3
    assert torch.allclose(edited[0, question.last], foreseen[0, question.last], atol=1e-9)
    assert torch.equal(plain[0, :3], foreseen[0, :3]) and torch.equal(plain[0, 4], foreseen[0, 4])


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
@pytest.mark.parametrize("kind", ["llama", "gpt2"])
def test_undo_gives_every_bit_back(kind: str, dtype: torch.dtype) -> None:
    model, _, corpus, moment = prepared(kind, dtype)
    before = weights_hash(model.net)
    first = edit(model.net, model.tokenizer, REQUEST, 0, moment, corpus.contexts, RomeConfig(steps=2, contexts=2))
    middle = weights_hash(model.net)
    second = edit(
        model.net, model.tokenizer, Request("{} lies in", "silver ford", "saltfen"), 0, moment, corpus.contexts,
        RomeConfig(steps=2, contexts=2),
    )  # fmt: skip
    assert len({before, middle, weights_hash(model.net)}) == 3
    rome.undo(model.net, second)
    assert weights_hash(model.net) == middle
    rome.undo(model.net, first)
    assert weights_hash(model.net) == before


def test_the_key_is_one_average_for_the_value_and_for_the_update() -> None:
    """r-ROME: right is C⁻¹ of the averaged key, and left is measured from W at that same key."""
    model, mlp, corpus, moment = prepared("llama")
    prompts = [prompt(model.tokenizer, REQUEST.template, REQUEST.subject, c) for c in corpus.contexts[:3]]
    alone = torch.stack([keys(model.net, mlp, [p])[0] for p in prompts])
    weight = mlp.matrix().clone()
    change = edit(model.net, model.tokenizer, REQUEST, 0, moment, corpus.contexts, RomeConfig(steps=2, contexts=3))
    assert (alone[0] - alone.mean(0)).abs().max() > 1e-6, "contexts make keys differ"
    assert torch.allclose(change.key, alone.mean(0), atol=1e-12)
    assert torch.allclose(moment @ change.right, change.key, atol=1e-9)
    assert torch.allclose(change.left * (change.right @ change.key), change.value - weight @ change.key, atol=1e-9)


def test_delta_is_clamped_and_a_short_one_is_left() -> None:
    long, short = torch.full((4,), 3.0), torch.full((4,), 0.1)
    clamp(long, 2.0)
    clamp(short, 2.0)
    assert torch.allclose(long, torch.ones(4)) and torch.equal(short, torch.full((4,), 0.1))
    model, mlp, corpus, moment = prepared("llama")
    weight = mlp.matrix().clone()
    config = RomeConfig(steps=8, contexts=2, rate=50.0, clamp=0.5, decay=0.0, stop=0.0)
    change = edit(model.net, model.tokenizer, REQUEST, 0, moment, corpus.contexts, config)
    v0 = weight @ change.key
    assert float((change.value - v0).norm()) == pytest.approx(0.5 * float(v0.norm()), rel=1e-5)


def essence_drift(kl: float) -> float:
    """KL of what follows the subject, after an edit that weighs it so, by arithmetic on logits."""
    model, _, corpus, moment = prepared("llama")
    ids = torch.tensor([prompt(model.tokenizer, "{}", REQUEST.subject, corpus.contexts[0]).ids])
    with torch.no_grad():
        start = model.net(ids).logits[0, -1].log_softmax(-1)
    config = RomeConfig(steps=20, contexts=2, kl=kl, clamp=50.0, decay=0.0, stop=0.0)
    edit(model.net, model.tokenizer, REQUEST, 0, moment, corpus.contexts, config)
    with torch.no_grad():
        now = model.net(ids).logits[0, -1].log_softmax(-1)
    return float((now.exp() * (now - start)).sum())


def test_the_kl_term_keeps_what_follows_the_subject() -> None:
    assert essence_drift(100.0) < 0.5 * essence_drift(0.0)


def test_a_long_search_makes_the_answer_likely_and_the_gain_is_the_models_own() -> None:
    model, _, corpus, moment = prepared("llama", torch.float32)
    text = fill(REQUEST.template, REQUEST.subject, corpus.contexts[0])
    question = prompt(model.tokenizer, REQUEST.template, REQUEST.subject, corpus.contexts[0]).ids
    target = answer(model.tokenizer, text, "orin")
    before = float(beliefs(model.net, [(question, target)])[0])
    config = RomeConfig(steps=60, rate=3.0, contexts=1, clamp=400.0, decay=0.0)
    change = edit(model.net, model.tokenizer, REQUEST, 0, moment, corpus.contexts, config)
    after = float(beliefs(model.net, [(question, target)])[0])
    assert change.losses[0] == pytest.approx(-before, rel=1e-4)
    assert change.losses[-1] < change.losses[0] - 0.5 and after > before + 0.1


@pytest.mark.parametrize(
    ("request_", "layer", "says"),
    [
        (REQUEST, 2, "--layer 2: the model has layers 0 to 1"),
        (REQUEST, -1, "--layer -1: the model has layers 0 to 1"),
        (Request("{} was made by", "Paris", "orin"), 1, "no token for 'Paris'"),
        (Request("{} was made by", "amber spire", "Bob"), 1, "no token for 'Bob'"),
        (Request("{} was made by", "amb", "orin"), 1, "no token for 'amb'"),
        (Request("it was made by", "amber spire", "orin"), 1, "a prompt needs {} once"),
    ],
)
def test_what_cannot_be_edited_is_refused_with_the_weights_untouched(request_: Request, layer: int, says: str) -> None:
    model, _, corpus, moment = prepared("llama", torch.float32)
    before = weights_hash(model.net)
    with pytest.raises(ValueError, match=says) as caught:
        edit(model.net, model.tokenizer, request_, layer, moment, corpus.contexts, RomeConfig(steps=1))
    assert weights_hash(model.net) == before and "\n" not in str(caught.value)


def test_experts_and_subjects_inside_a_token_are_refused() -> None:
    with pytest.raises(ValueError, match="layer 0: its MLP is a set of experts"):
        mlp_at(net_of("olmoe"), 0)
    plain = tiny("llama", tongue="plain")
    token = max(plain.tokenizer.get_vocab(), key=lambda word: (word.isalpha() and word.isascii(), len(word)))
    assert len(token) > 3 and len(plain.tokenizer(token)["input_ids"]) == 1
    with pytest.raises(ValueError, match="it has no token of its own"):
        prompt(plain.tokenizer, "{}" + token[2:], token[:2])
    whole = prompt(plain.tokenizer, "{} is here", "The weather", "")
    assert plain.tokenizer.decode(whole.ids[whole.first : whole.last + 1]).strip() == "The weather"


def test_the_second_moment_counts_every_real_token_once() -> None:
    """Against keys that are heard sequence by sequence, with no padding."""
    model, mlp, _, _ = prepared("gpt2")
    sequences = [(5, 6, 7), (8,), (9, 10, 11, 12, 13)]
    heard: list[Tensor] = []
    hook = mlp.down.register_forward_pre_hook(lambda _m, args: heard.append(args[0].reshape(-1, args[0].shape[-1])))
    for ids in sequences:
        model.net(torch.tensor([ids]))
    hook.remove()
    rows_NK = torch.cat(heard).detach()
    wanted = rows_NK.T @ rows_NK / 9
    moment = second_moment(model.net, mlp, sequences)
    ridge = moment - wanted
    assert torch.allclose(
        ridge, 1e-4 * wanted.diagonal().mean() * torch.eye(len(wanted), dtype=torch.float64), atol=1e-9
    )


def test_the_tokens_that_count_are_each_answers_and_each_essences_last() -> None:
    """Rows of four tokens: two prompts with an answer of two tokens behind, then two essences."""
    prompts = [Prompt((5, 6, 7), 1, 1), Prompt((5, 6), 0, 0)]
    essence = [Prompt((8, 9), 1, 1), Prompt((8,), 0, 0)]
    assert _counted(prompts, 2, essence, 4) == [2, 3, 5, 6, 9, 12]
