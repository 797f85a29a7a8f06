"""Speeds, side by side in one run: `main.py bench AREA`. Ratios are to the area's baseline row.

The areas game and env are measured by game.app.bench_game and game.env.bench, since nothing here may load pygame.
"""

from collections.abc import Callable, Sequence
from typing import Any

import torch

from perception.model import choose_device
from training.bench.areas import check_area
from training.bench.dialogues import dialogues
from training.bench.environments import environments
from training.bench.frozen_step import frozen
from training.bench.hooks import hooks
from training.bench.mind_process import mind
from training.bench.optimizers import optimizers
from training.bench.perceiving import perceiving
from training.bench.realm import realm
from training.bench.recorder import log, recorder
from training.bench.timing import Row

ON_CPU: dict[str, Callable[[str, int], Sequence[Row]]] = {
    "realm": realm,
    "mind": mind,
    "recorder": recorder,
    "log": log,
    "environments": environments,
    "hooks": hooks,
}
ON_DEVICE: dict[str, Callable[[str, int, torch.device], Sequence[Row]]] = {
    "perceive": perceiving,
    "optimizers": optimizers,
    "frozen": frozen,
    "dialogues": dialogues,
}


def bench(area: str, model: str, seed: int, device: str = "auto") -> dict[str, Any]:
    """{area, device, rows: [{name, value, unit, baseline, ratio}]}; device: auto, cpu, cuda or mps.

    Raises ValueError for what `check_area` refuses, or for a device that isn't there.
    """
    check_area(area, device)
    if area in ON_DEVICE:
        chosen = choose_device(device)
        return {"area": area, "device": str(chosen), "rows": list(ON_DEVICE[area](model, seed, chosen))}
    return {"area": area, "device": "cpu", "rows": list(ON_CPU[area](model, seed))}
