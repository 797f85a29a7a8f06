"""Whether a model decides against a cached context as it does in one text; asked whenever one is loaded.

A model that looks ahead, or that knows of positions by other means than position_ids, would be answered wrongly.
"""

import math
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

import torch
from torch import Tensor
from transformers import PreTrainedModel

from perception.contexts import encode_contexts
from perception.deciding import decide, decide_at_once
from perception.errors import ModelError
from perception.packing import Decision, pack

# How far packed log-probabilities may be off plain ones, in standard deviations of the plain ones. Rounding of float32
# is a tenth of it (SmolLM2: 1e-5), of float64 nothing. Where there is no float64 (MPS) more has to pass.
TOLERANCE, WITHOUT_FLOAT64 = 1e-4, 1e-3


def check_packing(net: PreTrainedModel, tokens: Sequence[int], source: str) -> None:
    """Raise ModelError unless decisions packed against a context are what plain forwards say.

    tokens: different ordinary ones. Half precision rounds by more than a small look ahead, so it is asked in float32.
    What is further off there than rounding is computed again in float64. The net is left as it was.
    """
    try:
        off, fits = _fits(net, tokens)
    except Exception as error:  # any fault of a foreign model ends in one line
        first = (str(error).strip().splitlines() or [type(error).__name__])[0]
        raise ModelError(f"--model {source}: can't decide against a cached context ({first}); give another") from error
    if not fits and not math.isfinite(off):
        raise ModelError(
            f"--model {source}: says no numbers of ordinary words; its weights or its config are damaged: restore them"
        )
    if not fits:
        raise ModelError(
            f"--model {source}: decides otherwise against a cached context than in one text (by {off:.2g} standard"
            " deviations); it looks ahead, or has other positions: give another"
        )


def _fits(net: PreTrainedModel, tokens: Sequence[int]) -> tuple[float, bool]:
    """How far off it is, and whether that is rounding."""
    off, exact = math.inf, net.device.type != "mps"
    for dtype in (torch.float32, torch.float64) if exact else (torch.float32,):
        if dtype.itemsize >= net.dtype.itemsize:
            with _in(net, dtype):
                off = packing_error(net, tokens)
            if off <= (TOLERANCE if exact else WITHOUT_FLOAT64):
                return off, True
    return off, False


@contextmanager
def _in(net: PreTrainedModel, dtype: torch.dtype) -> Iterator[None]:
    """All weights and buffers in a wider dtype while the block runs; afterwards they are as before, bit for bit."""
    experts = net.config._experts_implementation if dtype == torch.float64 else None
    floats = [tensor for tensor in (*net.parameters(), *net.buffers()) if tensor.is_floating_point()]
    dtypes = [tensor.dtype for tensor in floats]
    try:
        for tensor in floats:
            tensor.data = tensor.data.to(torch.promote_types(tensor.dtype, dtype))
        if experts is not None:
            net.set_experts_implementation("eager")  # torch's grouped product has no float64
        yield
    finally:
        if experts is not None:
            net.set_experts_implementation(experts)
        for tensor, narrow in zip(floats, dtypes, strict=True):
            tensor.data = tensor.data.to(narrow)


@torch.no_grad()
def packing_error(net: PreTrainedModel, tokens: Sequence[int]) -> float:
    """How far packed log-probabilities are off plain ones at most, in standard deviations of the plain ones."""
    ids = [tokens[number % len(tokens)] for number in range(22)]
    contexts, questions = [ids[:11], ids[3:9]], (tuple(ids[11:14]), tuple(ids[14:19]))
    decisions = [Decision(row, question, (ids[21],)) for row in (0, 1) for question in questions]
    packed = pack(contexts, decisions, net.dtype).to(net.device)
    fast_WNV = _log_probabilities(
        torch.stack((decide(net, packed, encode_contexts(net, packed)), decide_at_once(net, packed)))
    )
    rows = [torch.tensor([[*contexts[d.context], *d.question]], device=net.device) for d in decisions]
    slow_NV = _log_probabilities(torch.stack([net(input_ids=row).logits[0, -1] for row in rows]))
    error, spread = float((fast_WNV - slow_NV).abs().max()), float(slow_NV.std(-1).mean())
    return error / spread if spread > 0 else error


def _log_probabilities(logits: Tensor) -> Tensor:
    return (logits if logits.dtype == torch.float64 else logits.float()).log_softmax(-1)
