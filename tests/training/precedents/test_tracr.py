"""Circuits that tracr compiled are paths: every compiled head and no other, also among heads that nobody reads."""

import json
import subprocess
import sys
from importlib.util import find_spec
from itertools import product

import pytest
import torch
from torch import Tensor

from tests.kits.compiled import DECOYS, FILE, Compiled
from training.precedents.ablation import Ablation
from training.precedents.ioi import pruned, search
from training.precedents.path_patching import Head, Prompts, mean_mixes, mixes_of

torch.set_num_threads(1)
LETTERS = {"frac_prevs": "wxyz", "reverse": "abcd"}
COMPILED = {"frac_prevs": [(1, 0)], "reverse": [(0, 0), (3, 0)]}


def ablation_of(net: Compiled, name: str) -> Ablation:
    """Every text of one to four letters; a head's mean is over all of them. Measured: the distance from the output."""
    texts = ["".join(some) for size in (1, 2, 3, 4) for some in product(LETTERS[name][: 2 + (size < 3)], repeat=size)]
    ids = net.encode(texts)
    prompts, group_B = (
        Prompts(ids, (ids != net.tokens["compiler_pad"]).sum(1) - 1),
        torch.zeros(len(ids), dtype=torch.int64),
    )
    there_BT1 = ((ids != net.tokens["compiler_pad"]) & (ids != net.tokens["BOS"]))[..., None]
    output_BTV, mixes = mixes_of(net.sites(), prompts)

    def measure(out_BTV: Tensor) -> Tensor:
        return 10 - ((out_BTV - output_BTV) * there_BT1).square().sum((1, 2)).sqrt()

    return Ablation(net.sites(), prompts, mean_mixes(mixes, group_B, group_B), measure)


def scores(chosen: list[Head], true: list[Head]) -> tuple[float, float]:
    """Precision and recall."""
    right = len(set(chosen) & set(true))
    return right / len(chosen), right / len(true)


def test_the_networks_compute_what_they_were_compiled_for() -> None:
    fraction = Compiled("frac_prevs")
    assert fraction(fraction.encode(["xwx"]))[0, 1:, 0].tolist() == pytest.approx([1, 1 / 2, 2 / 3], abs=1e-6)
    reverse = Compiled("reverse")
    says = reverse(reverse.encode(["abcd", "ba"])).argmax(-1)
    assert ["abcd"[n] for n in says[0, 1:]] == list("dcba") and ["abcd"[n] for n in says[1, 1:3]] == list("ab")
    assert {name: Compiled(name).compiled for name in COMPILED} == COMPILED


@pytest.mark.parametrize("decoys", [0, DECOYS])
@pytest.mark.parametrize("name", COMPILED)
def test_patching_and_ablation_find_every_compiled_head_and_no_other(name: str, decoys: int) -> None:
    net = Compiled(name, decoys)
    ablation = ablation_of(net, name)
    paths = search(ablation, least=0.001)
    alone = [head for head in ablation.every if float((10 - ablation.without([head])).max()) > 1e-6]
    assert scores(list(paths.effects), net.compiled) == scores(alone, net.compiled) == (1.0, 1.0)
    assert pruned(ablation, ablation.every, least=0.001) == net.compiled


def test_the_length_reaches_the_last_head_through_its_queries() -> None:
    paths = search(ablation_of(Compiled("reverse"), "reverse"), least=0.001)
    assert {effect.to for effect in paths.effects[0, 0]} == {"q"}


@pytest.mark.skipif(find_spec("tracr") is None, reason="tracr is not installed")
def test_the_file_is_what_tracr_compiles() -> None:
    code = "from tests.training.precedents.make_tracr import text; print(text(), end='')"
    out = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout
    assert json.loads(out) == json.loads(FILE.read_text(encoding="utf-8"))
