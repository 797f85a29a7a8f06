"""What a log says of the probes that a gain was shared out on, and of what both models' beliefs tell there."""

import hashlib
from collections.abc import Sequence

import torch
from torch import Tensor
from transformers import PreTrainedModel

from training.headlog.records import Information, Probes, Record
from training.heads.gain_allocation import Gain
from training.heads.usable import UsableChunks


def measured_on(
    before: PreTrainedModel, after: PreTrainedModel, losses: UsableChunks, gains: Sequence[Gain]
) -> list[Record]:
    """The probes that gains were shared out on, and what both models' beliefs tell there."""
    sides = [losses.beliefs(net) for net in (before, after)]
    first, last = (losses.worth(beliefs) for beliefs in sides)
    plain = [tuple(float(part.plain()) for part in beliefs) for beliefs in sides]
    probes = Probes(
        what="gain",
        hash=tensors_hash(losses.whole.tensors()),
        decisions=losses.whole.total,
        before=tuple(gain.before for gain in gains),
        after=tuple(gain.before - gain.gain for gain in gains),
        plain_before=plain[0],
        plain_after=plain[1],
    )
    information = Information(
        decisions=losses.whole.total,
        entropy=first.entropy,
        plain_before=first.plain, plain_after=last.plain,
        calibrated_before=first.calibrated, calibrated_after=last.calibrated,
        crossed_before=first.crossed, crossed_after=last.crossed,
    )  # fmt: skip
    return [probes, information]


def tensors_hash(tensors: Sequence[Tensor]) -> str:
    """16 hex digits of whole numbers and their shapes."""
    digest = hashlib.blake2b(digest_size=8)
    for tensor in tensors:
        digest.update(str(tuple(tensor.shape)).encode())
        digest.update(tensor.cpu().to(torch.int64).contiguous().numpy().astype("<i8").tobytes())
    return digest.hexdigest()
