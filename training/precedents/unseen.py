"""A circuit on prompts that its search did not see.

Heads are chosen, and then scored, on the same prompts, as published. What is chosen on few prompts fits them: a circuit
that is faithful to the last percent there may do less on others.
"""

from collections import Counter
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from game.realm.rules import load as load_rules
from perception.model import Model
from training.heads.set_curve import limits
from training.precedents import circuits
from training.precedents.ablation import Ablation
from training.precedents.circuit_config import IOI, LISTEN, SIGHT, CircuitOptions
from training.precedents.line_file import file_lines
from training.precedents.path_patching import Head
from training.precedents.scenes import DECISION, scene_lines
from training.precedents.tasks import Line, ioi_lines

LEAST = 64  # unseen prompts, where there are as many
RESAMPLES = 1000
Report = Callable[[str, int, int], None]


def unseen_lines(options: CircuitOptions, model: Model, seen: Sequence[Line]) -> list[Line]:
    """Other prompts of the task, LEAST or as many as were seen: drawn anew, or the next lines of its file."""
    count = max(LEAST, options.config.prompts)
    if options.task == IOI:
        lines = ioi_lines(model, count, options.seed + 1, options.config.against)
    elif options.task in (SIGHT, LISTEN):
        lines = scene_lines(model, load_rules(), options.task, count, options.seed + 1)[DECISION]
    else:
        lines = file_lines(model, Path(options.task), options.config.prompts + count)[options.config.prompts :]
    known = {line.prompt for line in seen}
    others = [line for line in lines if line.prompt not in known]
    mates = Counter(line.template for line in others)
    return [line for line in others if line.corrupted or mates[line.template] > 1]  # the rest has nothing to average


def on_unseen(ablation: Ablation, heads: Sequence[Head], seed: int, report: Report) -> dict[str, Any]:
    """What a circuit does on an ablation's prompts.

    {f: F of model, circuit, empty, without; faithfulness; share: [(F(C) - F(0)) / (F(M) - F(0)), lower, upper] over
    prompts; matched_p95: the 95th percentile of that share over random circuits with as many heads in each layer}. A
    share is NaN where the heads make no difference to the model.
    """
    whole_B, empty_B = ablation.without(()).cpu().numpy(), ablation.only(()).cpu().numpy()
    circuit_B = ablation.only(heads).cpu().numpy()
    span = float((whole_B - empty_B).mean())
    span = span if abs(span) > abs(ablation.whole) / 100 else np.nan  # below it, one divides by noise
    rows_RB = np.random.default_rng([seed, 0x5EE]).integers(0, len(whole_B), (RESAMPLES, len(whole_B)))
    with np.errstate(divide="ignore", invalid="ignore"):  # `limits` takes NaN, and there may be no share at all
        share_R = (circuit_B - empty_B)[rows_RB].mean(1) / (whole_B - empty_B)[rows_RB].mean(1)
    matched = []
    for number in range(circuits.BESIDE):
        report("unseen prompts", number, circuits.BESIDE)
        others = circuits.random_circuit(ablation, len(heads), seed, number, heads)
        matched.append((circuits.mean(ablation, others) - ablation.empty) / span)
    share = float((circuit_B - empty_B).mean()) / span
    return {
        "f": {"model": ablation.whole, "circuit": float(circuit_B.mean()), "empty": ablation.empty,
              "without": float(ablation.without(heads).mean())},
        "faithfulness": circuits.faithfulness(ablation, heads),
        "share": [share, *(limits(share_R) if np.isfinite(span) else (np.nan, np.nan))],
        "matched_p95": float(np.percentile(matched, 95)),
    }  # fmt: skip
