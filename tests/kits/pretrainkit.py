"""A small pretraining that goes through all stages in a few steps."""

import torch

from game.realm.rules import load
from training.novice import pretrain
from training.novice.pretrain import PretrainConfig, build_tokenizer

RULES = load()
WORDS = build_tokenizer(RULES)
CPU = torch.device("cpu")
SMALL = PretrainConfig(layers=2, heads=2, hidden=16, head_dim=8, mlp=24, batch=4, steps=6, save_every=4)


def run(folder, config=SMALL, until=None, reports=None):
    """Pretrain; with `until`, be killed after so many steps."""

    def report(state, loss):
        if reports is not None:
            reports.append((state.step, state.stage, loss))
        if state.step == until:
            raise KeyboardInterrupt

    return pretrain.pretrain(config, folder, CPU, report, RULES)
