"""Heads swapped between two models: all of them and the rest make the whole, and a planted head is found."""

import copy

import pytest
import torch

from game.realm.rules import load
from perception.head_map import addresses
from perception.model import weights_hash
from tests.kits.minds import tiny
from training.heads.head_probes import probe_loss
from training.heads.score import probes
from training.heads.swaps import ActivationCache, PatchingEffects, patch_every_head, swapped_loss

torch.set_num_threads(1)
RULES = load()
KINDS = ("llama", "gpt2", "qwen2")
EVERY = [(layer, head) for layer in range(2) for head in range(4)]


def pair(kind, moved):
    """(before, after, loss): after differs in the o matrices of `moved`, enough to matter."""
    model = tiny(kind, torch.float64)
    after = copy.deepcopy(model.net)
    torch.manual_seed(5)
    with torch.no_grad():
        for layer, head in moved:
            weight = addresses(after).weight(layer, "o")[head]
            weight.add_(0.3 * torch.randn_like(weight))
    return model.net, after, probe_loss(model, probes(3, 4, "terse", RULES))


def result(before, after, loss):
    *steps, (done, effects) = list(patch_every_head(before, after, loss))
    assert isinstance(effects, PatchingEffects)
    assert done == 8
    assert all(partial is None and 0 <= count < 8 for count, partial in steps)
    assert [count for count, _ in steps] == sorted(count for count, _ in steps)
    return effects


@pytest.mark.parametrize("kind", KINDS)
def test_a_head_swapped_with_itself_changes_nothing(kind):
    net, _, loss = pair(kind, [])
    tape = ActivationCache(net, loss)
    for heads in ([(1, 2)], EVERY):
        assert swapped_loss(net, loss, heads, tape) == pytest.approx(tape.loss, abs=1e-12)


@pytest.mark.parametrize("kind", KINDS)
def test_all_heads_together_carry_everything_where_only_heads_moved(kind):
    before, after, loss = pair(kind, [(0, 1), (1, 3)])
    old, new = ActivationCache(before, loss), ActivationCache(after, loss)
    assert abs(old.loss - new.loss) > 1e-3
    assert swapped_loss(before, loss, EVERY, new) == pytest.approx(new.loss, abs=1e-12)
    assert swapped_loss(after, loss, EVERY, old) == pytest.approx(old.loss, abs=1e-12)
    assert weights_hash(before) == weights_hash(tiny(kind, torch.float64).net)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("planted", [(0, 0), (1, 2)])
def test_a_planted_head_carries_the_whole_gain(kind, planted):
    before, after, loss = pair(kind, [planted])
    if (
        ActivationCache(before, loss).loss < ActivationCache(after, loss).loss
    ):  # chance made it worse: then the way back is the gain
        before, after = after, before
    effects = result(before, after, loss)
    assert effects.gain > 1e-3
    index = 4 * planted[0] + planted[1]
    assert effects.insert[index] == pytest.approx(1, abs=1e-9)
    assert effects.remove[index] == pytest.approx(1, abs=1e-9)
    still = [value for i, value in enumerate(effects.remove) if i // 4 <= planted[0] and i != index]
    assert still == pytest.approx([0] * len(still), abs=1e-9)  # heads not below it write the same in both


def test_without_a_gain_there_is_nothing_to_share():
    before, _, loss = pair("llama", [])
    assert result(before, copy.deepcopy(before), loss) == PatchingEffects(0.0, (0.0,) * 8, (0.0,) * 8)


def test_hooks_are_gone_afterwards_and_a_forward_between_pieces_is_the_models_own():
    before, after, loss = pair("llama", [(0, 1)])

    @torch.no_grad()
    def own():
        return float(loss(before)), float(loss(after))

    wanted = own()
    assert all(own() == wanted for _ in patch_every_head(before, after, loss))
    assert own() == wanted


def test_models_of_different_shape_are_refused():
    with pytest.raises(ValueError, match="differ in shape"):
        next(patch_every_head(tiny("llama").net, tiny("qwen2").net, pair("llama", [])[2]))
