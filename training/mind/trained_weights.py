"""The weights of a mind that train, out of a net, into bytes that know whether they are whole, and back into it.

The bytes are a safetensors file. Its header holds a few words about the weights, and a hash over both.
"""

import hashlib
import json
from collections.abc import Mapping

import torch
from safetensors import SafetensorError
from safetensors.torch import load, save
from torch import Tensor
from transformers import PreTrainedModel

from perception.model import tensors_hash

DIGEST = "digest"  # the header's key for the hash; files of earlier versions have none
HEADER_MAX = 2**24  # bytes


class WeightsError(ValueError):
    """Weights that are damaged or don't fit a net: why, in a few words without a path."""


def trained_weights(net: PreTrainedModel) -> dict[str, Tensor]:
    """A copy of the weights that train, on the CPU, by parameter name."""
    return {name: p.detach().cpu().clone().contiguous() for name, p in net.named_parameters() if p.requires_grad}


@torch.no_grad()
def put_weights(net: PreTrainedModel, weights: Mapping[str, Tensor]) -> None:
    """Put weights into a net. Raises WeightsError, with the net unchanged, if one doesn't fit or isn't finite."""
    own = dict(net.named_parameters())
    for name, tensor in weights.items():
        if name not in own or own[name].shape != tensor.shape:
            raise WeightsError(f"{name} does not fit the model")
        if not tensor.isfinite().all():
            raise WeightsError(f"{name} holds NaN or infinity")
    for name, tensor in weights.items():
        own[name].copy_(tensor)


def pack_weights(weights: Mapping[str, Tensor], notes: Mapping[str, str]) -> bytes:
    """A safetensors file with these notes in its header, and a hash over notes and weights."""
    return save(dict(weights), {**notes, DIGEST: _digest(weights, notes)})


def unpack_weights(data: bytes) -> tuple[dict[str, Tensor], dict[str, str]]:
    """Weights and notes. Raises WeightsError for bytes that are not what was written."""
    try:
        size = int.from_bytes(data[:8], "little")
        header = json.loads(data[8 : 8 + min(size, HEADER_MAX)])
        notes = {str(key): str(value) for key, value in header.get("__metadata__", {}).items()}
        weights = load(data)
    except (SafetensorError, ValueError, KeyError, TypeError, AttributeError, RecursionError, RuntimeError) as error:
        raise WeightsError(f"cannot be read ({' '.join(str(error).split())[:120]})") from error
    if notes.pop(DIGEST, None) not in (None, _digest(weights, notes)):
        raise WeightsError("does not match its hash")
    return weights, notes


def _digest(weights: Mapping[str, Tensor], notes: Mapping[str, str]) -> str:
    """16 hex digits."""
    whole = hashlib.blake2b(json.dumps(sorted(notes.items())).encode(), digest_size=8)
    whole.update(tensors_hash(sorted(weights.items())).encode())
    return whole.hexdigest()
