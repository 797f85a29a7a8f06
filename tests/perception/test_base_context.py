"""A model that decides on contexts another net has read: as one that reads them itself, if both are the same."""

import copy
import shutil
from itertools import islice

import pytest
import torch

from game.realm.sampler import samples
from perception.errors import ModelError
from perception.model import CONTEXT, Model, load, load_alone, save, weights_hash
from perception.perceive import perceive, slowly
from tests.kits.minds import tiny
from training.provenance import of_model

torch.set_num_threads(1)
SCENES = [sample.view.scene for sample in islice(samples(3, "test"), 3)]
KINDS = ("llama", "gpt2", "qwen2")


def reading(model, context):
    return Model(model.net, model.tokenizer, model.tongue, model.name, context)


def beliefs(percepts):
    return [belief for percept in percepts for belief in percept.beliefs]


@pytest.mark.parametrize("kind", KINDS)
def test_with_equal_weights_it_decides_bit_for_bit_the_same(kind):
    model = tiny(kind)
    other = reading(model, copy.deepcopy(model.net))
    assert perceive(other, SCENES, record=False)[0].beliefs == perceive(model, SCENES, record=False)[0].beliefs
    exact = tiny(kind, torch.float64)  # one scene alone: the plain model goes without a cache, within rounding
    alone, plain = (perceive(one, SCENES[:1])[0] for one in (reading(exact, copy.deepcopy(exact.net)), exact))
    assert torch.allclose(torch.tensor(alone.beliefs[0]), torch.tensor(plain.beliefs[0]), atol=1e-9)
    assert alone.heads.cue == pytest.approx(plain.heads.cue, abs=1e-9)


@pytest.mark.parametrize("kind", KINDS)
def test_another_reader_counts_as_in_the_slow_twin(kind):
    model = reading(tiny(kind, torch.float64), tiny(kind, torch.float64, seed=1).net)
    slow = [belief for scene in SCENES for belief in slowly(model, scene)]
    for fast in (perceive(model, SCENES, record=False), perceive(model, SCENES)):
        assert all(a == pytest.approx(b, abs=1e-6) for a, b in zip(beliefs(fast), slow, strict=True))
    plain = beliefs(perceive(tiny(kind, torch.float64), SCENES, record=False))
    assert max(abs(x - y) for a, b in zip(plain, slow, strict=True) for x, y in zip(a, b, strict=True)) > 1e-4


def test_a_folder_keeps_who_reads(tmp_path):
    model = reading(tiny(), tiny(seed=1).net)
    save(model, tmp_path / "both")
    again = load(tmp_path / "both")
    assert weights_hash(again.net) == weights_hash(model.net)
    assert weights_hash(again.reader) == weights_hash(model.context)
    assert beliefs(perceive(again, SCENES, record=False)) == beliefs(perceive(model, SCENES, record=False))
    save(tiny(), tmp_path / "both")  # written over: who reads goes, too
    assert load(tmp_path / "both").context is None


def test_what_looks_into_one_net_refuses_two(tmp_path):
    save(reading(tiny(), tiny(seed=1).net), tmp_path / "both")
    with pytest.raises(ModelError, match="decides on contexts that another net has read"):
        load_alone(tmp_path / "both")
    save(tiny(), tmp_path / "one")
    assert load_alone(tmp_path / "one").context is None


def test_who_reads_contexts_whoever_decides():
    alone = tiny()
    assert alone.read_by(base_cache=False) is None and alone.read_by(base_cache=True) is alone.net
    both = reading(alone, tiny(seed=1).net)
    assert both.read_by(base_cache=False) is both.read_by(base_cache=True) is both.context


def test_results_rest_on_who_reads(tmp_path):
    save(reading(tiny(), tiny(seed=1).net), tmp_path / "both")
    first = of_model(str(tmp_path / "both"))
    save(reading(tiny(), tiny(seed=2).net), tmp_path / "both")
    second = of_model(str(tmp_path / "both"))
    assert {part for part in first if first[part] != second[part]} == {"context"}
    save(tiny(), tmp_path / "both")
    assert "context" not in of_model(str(tmp_path / "both"))


def test_a_reader_that_does_not_fit_is_refused(tmp_path):
    save(reading(tiny(), tiny(seed=1).net), tmp_path / "both")
    inner = tmp_path / "both" / CONTEXT
    shutil.copytree(inner, inner / CONTEXT)
    with pytest.raises(ModelError, match="holds one more; restore the folder"):
        load(tmp_path / "both")
    shutil.rmtree(inner)
    save(tiny("gpt2"), inner)
    with pytest.raises(ModelError, match="has another shape; restore the folder"):
        load(tmp_path / "both")
