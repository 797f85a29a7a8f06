"""What a pretraining step minimises: the loss of answers about scenes, of lore and stories, of copied sequences.

Decisions are packed behind their context as perception asks them later, but here nothing is frozen: contexts and
decisions run in one forward. Losses are in nats, means over the answers. Each loss comes in parts, to be sent
backward one after the other: only one part's activations are in memory.
"""

from collections.abc import Iterator
from dataclasses import replace

import torch
from torch import Tensor
from torch.nn.functional import cross_entropy
from transformers import PreTrainedModel

from perception.packing import Packed, pack
from training.data.curriculum import Batch

CONTEXT_WEIGHT = 0.1  # of the loss on the context's own tokens
ROWS = 4  # contexts in one forward
LORE_AND_STORIES_WEIGHT = 0.3  # of the loss on lore and stories, beside 1 for the scenes


def whole_mask(packed: Packed) -> Tensor:
    """(B, 1, C + D, C + D) additive mask of contexts and decisions in one forward (nothing is frozen here)."""
    rows, width = packed.context_BC.shape
    length = width + packed.decision_BD.shape[1]
    mask = torch.full(
        (rows, 1, length, length), torch.finfo(packed.mask_B1DK.dtype).min, device=packed.mask_B1DK.device
    )
    mask[:, :, :width, :width].triu_(1)
    mask[:, :, width:] = packed.mask_B1DK
    return mask


def copy_loss(net: PreTrainedModel, data: Batch) -> Iterator[tuple[Tensor, dict[str, float]]]:
    """Loss and accuracy (`scenes`) on the second half of repeated random sequences."""
    tokens_BT = torch.tensor(data.contexts, device=net.device)
    half = tokens_BT.shape[1] // 2
    logits = net(tokens_BT).logits[:, :-1]
    late, target = logits[:, half:].flatten(0, 1), tokens_BT[:, half + 1 :].flatten()
    loss = cross_entropy(late, target) + CONTEXT_WEIGHT * cross_entropy(
        logits.flatten(0, 1), tokens_BT[:, 1:].flatten()
    )
    yield loss, {"scenes": _share(late, target)}


def _share(logits_NV: Tensor, target_N: Tensor) -> float:
    return float((logits_NV.argmax(-1) == target_N).float().mean())


def _answers(net: PreTrainedModel, packed: Packed) -> tuple[Tensor, Tensor]:
    """Logits of the answers (N, V) and of the contexts' tokens (B, C, V)."""
    width = packed.context_BC.shape[1]
    positions = torch.arange(width, device=net.device).expand_as(packed.context_BC)
    hidden = net.base_model(
        input_ids=torch.cat([packed.context_BC, packed.decision_BD], 1),
        attention_mask=whole_mask(packed),
        position_ids=torch.cat([positions, packed.position_BD], 1),
        use_cache=False,
    ).last_hidden_state
    head = net.get_output_embeddings()
    return head(hidden[packed.row_N, width + packed.column_N]), head(hidden[:, : width - 1])


def chunks(data: Batch, rows: int = ROWS) -> list[Batch]:
    """A batch in parts of a few contexts of similar length: less padding, and it stays in the processor's cache."""
    order = sorted(range(len(data.contexts)), key=lambda number: len(data.contexts[number]))
    parts = []
    for start in range(0, len(order), rows):
        row_of = {number: row for row, number in enumerate(order[start : start + rows])}
        mine, beside = (
            [
                replace(decision, context=row_of[decision.context])
                for decision in decisions
                if decision.context in row_of
            ]
            for decisions in (data.decisions, data.beside)
        )
        parts.append(Batch([data.contexts[number] for number in row_of], mine, beside))
    return parts


def scene_loss(net: PreTrainedModel, data: Batch) -> Iterator[tuple[Tensor, dict[str, float]]]:
    """Parts of the loss on the answers, plus a little of the loss on the contexts' own tokens; they add up.

    With each part its share of the accuracies of `scenes` and `beside`.
    """
    answers_N = len(data.decisions) + len(data.beside)
    tokens = sum(len(context) - 1 for context in data.contexts)
    for part in chunks(data):
        packed = pack(part.contexts, [*part.decisions, *part.beside]).to(net.device)
        answers, context = _answers(net, packed)
        width = packed.context_BC.shape[1]
        behind = torch.arange(1, width, device=net.device) >= packed.lengths_B[:, None]
        targets = packed.context_BC[:, 1:].masked_fill(behind, -100)
        loss = cross_entropy(answers, packed.target_N, reduction="sum") / answers_N
        loss += CONTEXT_WEIGHT / tokens * cross_entropy(context.flatten(0, 1), targets.flatten(), reduction="sum")
        right, scenes_N = answers.argmax(-1) == packed.target_N, len(part.decisions)
        shares = {"scenes": float(right[:scenes_N].sum()) / len(data.decisions)}
        if data.beside:
            shares["beside"] = float(right[scenes_N:].sum()) / len(data.beside)
        yield loss, shares


def lore_and_stories_loss(net: PreTrainedModel, data: Batch) -> Iterator[tuple[Tensor, dict[str, float]]]:
    """Loss and accuracy of lore and stories, LORE_AND_STORIES_WEIGHT times. Curves call the accuracy hearsay."""
    packed = pack(*data.lore_and_stories).to(net.device)
    answers, _ = _answers(net, packed)
    yield (
        LORE_AND_STORIES_WEIGHT * cross_entropy(answers, packed.target_N),
        {"hearsay": _share(answers, packed.target_N)},
    )
