"""What did a training make readable: whether there is anything, or which of several it is?

`python -m training.validation.elicited RUN [RUN ...] --out FILE.json`, each RUN a folder that `learn --out` left.

The usable information of beliefs (`training.heads.usable_information`) is taken apart at the usual answer, the one
that is right most often ("nothing" in sight). whether: usual or not, the others' probabilities summed. which: among the
other answers, where one of them is right. Each part has biases and a scale of its own, so they don't sum to the whole.
A control with shuffled answers can't teach which; where it gains that, the model knew it before and didn't say it.
"""

import argparse
import json
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor
from transformers import PreTrainedModel

from common.files import check_output, write_whole
from game.realm.rules import load as load_rules
from perception.model import load, weights_hash
from training.config import from_flat
from training.headlog.log import read_log
from training.heads.run_log import at_root
from training.heads.usable import UsableChunks, half_of, joined
from training.heads.usable_information import NEVER, Beliefs, worth
from training.learn import gain_losses

LOG, MODEL = "log.msgpack", "model"  # what `learn --out` leaves in its folder


def parts(beliefs: Beliefs, half_N: Tensor) -> dict[str, float]:
    """Nats a decision: "usable", "whether", "which" (of those where something is), "which_entropy"; "auc", 0 to 1.

    auc: how often the usual answer is less believed where another is right. half_N: as of `worth`.
    Raises ValueError where every answer is the usual one, or fewer than two others are right somewhere.
    """
    z_NC, answer_N = beliefs.z_NC.detach().double(), beliefs.answer_N
    usual = int(torch.bincount(answer_N).argmax())
    other_N = answer_N != usual
    others = [column for column in range(z_NC.shape[1]) if column != usual]
    if len(answer_N[other_N].unique()) < 2:
        raise ValueError("fewer than two answers are right beside the usual one: there is no which; give other probes")
    one_kind_N = torch.zeros_like(answer_N)
    any_N = z_NC[:, others].logsumexp(1)
    whether = Beliefs(torch.stack([z_NC[:, usual], any_N.clamp_min(NEVER / 2)], 1), other_N.long(), one_kind_N, 1)
    number_C = torch.zeros(z_NC.shape[1], dtype=torch.long, device=answer_N.device)
    number_C[others] = torch.arange(len(others), device=answer_N.device)
    among_NC = z_NC[other_N][:, others]
    among_NC = torch.where(among_NC > NEVER, among_NC.log_softmax(1), NEVER)
    which = worth(Beliefs(among_NC, number_C[answer_N[other_N]], one_kind_N[other_N], 1), half_N[other_N])
    rise_N = any_N - z_NC[:, usual]
    above = (rise_N[other_N, None] > rise_N[None, ~other_N]).double()
    ties = (rise_N[other_N, None] == rise_N[None, ~other_N]).double()
    return {
        "usable": worth(beliefs, half_N).usable, "whether": worth(whether, half_N).usable,
        "which": which.usable, "which_entropy": which.entropy, "auc": float((above + ties / 2).mean()),
    }  # fmt: skip


def of_net(losses: UsableChunks, net: PreTrainedModel) -> dict[str, float]:
    """The parts of what one net believes of all chunks."""
    believed = losses.beliefs(net)
    return parts(joined(believed), half_of(believed))


def of_run(folder: Path) -> dict[str, Any]:
    """{"run", "model", "control", "seed", "before", "after"} of one finished `learn`.

    Raises ValueError if the folder holds no such run, or the model that it began with has other weights today.
    """
    header = read_log(folder / LOG).header
    config = from_flat(header.config)
    model = load(at_root(config.model))
    if (now := weights_hash(model.net)) != header.model_hash:
        raise ValueError(f"{folder}: {config.model} has other weights now ({header.model_hash} then, {now} now)")
    losses = gain_losses(config, model, load_rules())
    before, after = of_net(losses, model.net), of_net(losses, load(str(folder / MODEL)).net)
    return {"run": folder.name, "model": config.model, "control": config.control or "none", "seed": config.seed,
            "commit": header.commit, "before": before, "after": after}  # fmt: skip


def table(folders: Sequence[Path]) -> dict[str, Any]:
    """{"runs": as of `of_run`, "models": model -> control -> means over its runs}."""
    runs = [of_run(folder) for folder in folders]
    groups: dict[str, dict[str, list[dict[str, Any]]]] = {}
    for run in runs:
        groups.setdefault(run["model"], {}).setdefault(run["control"], []).append(run)
    means = {model: {control: _means(some) for control, some in by.items()} for model, by in groups.items()}
    return {"models": means, "runs": runs}


def _means(runs: Sequence[dict[str, Any]]) -> dict[str, Any]:
    """Every part before and after, the mean over runs, and how many runs there are."""
    means = {
        when: {part: float(np.mean([run[when][part] for run in runs])) for part in runs[0][when]}
        for when in ("before", "after")
    }
    return means | {"runs": len(runs)}


def main(arguments: Sequence[str] | None = None) -> int:
    """The command line."""
    parser = argparse.ArgumentParser(
        prog="training.validation.elicited", description="what trainings made readable: whether, or which"
    )
    parser.add_argument("runs", nargs="+", type=Path, metavar="RUN", help="folders that learn --out left")
    parser.add_argument("--out", type=Path, required=True, metavar="FILE.json")
    options = parser.parse_args(arguments)
    try:
        check_output(options.out)
        content = table(options.runs)
        write_whole(options.out, (json.dumps(content, indent=1) + "\n").encode())
    except (ValueError, OSError) as error:
        print(error, file=sys.stderr)
        return 2
    for model, by_control in content["models"].items():
        for control, row in by_control.items():
            for when in ("before", "after"):
                numbers = "  ".join(f"{part} {value:.3f}" for part, value in row[when].items())
                print(f"{model}, control {control}, {when}: {numbers}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
