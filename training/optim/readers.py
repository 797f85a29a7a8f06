"""By what a net that reads contexts is known: two of one name here make the same keys and values of a context."""

import hashlib
import json

from transformers import PreTrainedModel

from perception.model import tensors_hash, weights_hash

ELSEWHERE = ("_name_or_path", "transformers_version")  # settings that say where a net comes from, and decide nothing


def reader_hash(reader: PreTrainedModel) -> str:
    """16 hex digits over all that decides what a net makes of a context: its weights, its buffers and its config.

    Norms' epsilons, positions and windows stand in no weight, so that equal weights alone are not the same reader.
    """
    settings = {key: value for key, value in reader.config.to_dict().items() if key not in ELSEWHERE}
    parts = (
        weights_hash(reader),
        tensors_hash(reader.named_buffers()),
        json.dumps(settings, sort_keys=True, default=str),
        str(getattr(reader.config, "_attn_implementation", None)),  # another kernel rounds otherwise
    )
    return hashlib.blake2b("\0".join(parts).encode(), digest_size=8).hexdigest()
