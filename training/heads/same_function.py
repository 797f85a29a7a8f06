"""Whether two models of one shape would say the same if they had the same weights: what a config decides.

Activations, positions, scales and windows stand in no weight. Where they differ, a change of weights doesn't lead from
one model to the other, and nothing may be shared out along it.
"""

import copy
from typing import Any

import torch

from perception.model import Model
from perception.windows import SLIDING, sliding_window

TOKENS = 200  # ordinary ones: as far as positions are compared
TOLERANCE = 1e-3  # of the logits' spread: rounding is far below
IDLE = (  # settings that no forward of a finished model reads
    "_name_or_path", "architectures", "bos_token_id", "dtype", "eos_token_id", "initializer_range", "name_or_path",
    "pad_token_id", "tongue", "torch_dtype", "transformers_version", "untaught", "use_cache",
)  # fmt: skip


@torch.no_grad()
def settings_apart(before: Model, after: Model) -> str | None:
    """In what the second model differs besides its weights, in words; None if in nothing that it does.

    Raises ValueError if the second model overflows.
    """
    windows = [sliding_window(model.net) for model in (before, after)]
    if windows[0] != windows[1]:  # TOKENS may not reach that far
        return f"sliding_window is {windows[0]} and {windows[1]}"
    if windows[0] and len({str(_layers_with_a_window(model)) for model in (before, after)}) > 1:
        return "layer_types name other layers with a window"
    net = copy.deepcopy(before.net).eval()
    net.load_state_dict(after.net.state_dict())
    words = min(len(before.tokenizer), net.get_input_embeddings().weight.shape[0])
    config = before.net.config.get_text_config()
    length = min(TOKENS, int(getattr(config, "max_position_embeddings", None) or TOKENS))
    ids = torch.randint(words, (1, length), generator=torch.Generator().manual_seed(0)).to(net.device)
    mixed, own = (one(input_ids=ids).logits.float() for one in (net, after.net))
    if not bool(own.isfinite().all()):
        raise ValueError(f"{after.name} answers with no number (NaN): it overflows; give another model")
    if float((mixed - own).abs().max()) <= TOLERANCE * float(own.std()):
        return None
    sides = [_flat(model.net.config.to_dict()) for model in (before, after)]
    for key in sorted(sides[0].keys() | sides[1].keys()):
        one, other = (side.get(key) for side in sides)
        if one != other and key.rpartition(".")[2] not in IDLE:
            return f"{key} is {str(one)[:40]} and {str(other)[:40]}"
    return "with the same weights they say other things"


def _layers_with_a_window(model: Model) -> list[bool]:
    kinds = getattr(model.net.config.get_text_config(), "layer_types", None) or ()
    return [kind == SLIDING for kind in kinds]


def _flat(settings: dict[str, Any], before: str = "") -> dict[str, Any]:
    flat: dict[str, Any] = {}
    for key, value in settings.items():
        flat |= _flat(value, f"{before}{key}.") if isinstance(value, dict) else {f"{before}{key}": value}
    return flat
