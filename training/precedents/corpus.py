"""What keys are averaged over: the second moment of an MLP's inner activations, and pieces of text to put in front.

The texts are our own: what the novice reads while it is pretrained, for a model of the terse tongue; for any other, a
text file that the user gives. Shape legend: K the MLP's inner size, M hidden size.
"""

from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from itertools import chain, count
from pathlib import Path
from random import Random

import torch
from torch import Tensor
from transformers import PreTrainedModel

from common.files import read_text
from game.realm.lore import OPENING
from game.realm.rules import load as load_rules
from perception.mlp_map import Mlp
from perception.model import Model
from perception.windows import context_length
from training.data.curriculum import FINAL, batch
from training.precedents.prompts import batches, check_tokens, encode, placed, rows

TOKENS = 20_000  # that the second moment is taken over
TEXT_LIMIT = 16 * 2**20  # bytes of a text file
PIECE, PIECE_WORDS = 128, (4, 12)  # tokens of a sequence; words of a piece that stands in front of a prompt
RIDGE = 1e-4  # of the second moment's mean diagonal, added to it: so that it can be inverted


@dataclass(frozen=True)
class Corpus:
    """Token sequences, and contexts that a prompt may stand behind; the first is the one that a fact is asked in."""

    sequences: tuple[tuple[int, ...], ...]
    contexts: tuple[str, ...]


def own_corpus(model: Model, seed: int = 0, tokens: int = TOKENS, contexts: int = 32) -> Corpus:
    """What the novice reads: scenes with questions and answers about them, lore and stories. For the terse tongue.

    Raises ValueError for a model of another tongue.
    """
    if model.tongue != "terse":
        raise ValueError(
            f"{model.name} doesn't speak the realm's terse tongue, so its keys can't be averaged over our own corpus;"
            " give a text that it reads well: --text FILE"
        )
    rules, sequences, pieces, total = load_rules(), list[tuple[int, ...]](), list[str](), 0
    words = {number: word for word, number in model.tokenizer.get_vocab().items()}
    rng = Random(f"{seed}/precedents/corpus")
    for step in count():
        data = batch(seed + 1_000_003, step, FINAL, 8, rules, model.tokenizer)
        openings, told_alone = data.lore_and_stories
        about = chain(
            ((data.contexts, d) for d in (*data.decisions, *data.beside)), ((openings, d) for d in told_alone)
        )
        shuffled = list(about)
        rng.shuffle(shuffled)
        for contexts_ids, decision in shuffled[: len(data.contexts) + len(told_alone)]:
            sequences.append((*contexts_ids[decision.context], *decision.question, *decision.answer))
            total += len(sequences[-1])
        pieces += [" ".join(words[number] for number in _piece(rng, ids)) for ids in data.contexts]
        if total >= tokens and len(pieces) >= contexts - 1:
            return Corpus(tuple(sequences), (OPENING["terse"], *pieces[: contexts - 1]))
    raise AssertionError("count() never ends")


def _piece(rng: Random, ids: Sequence[int]) -> Sequence[int]:
    return ids[: rng.randint(*PIECE_WORDS)]


def text_corpus(
    model: Model, path: Path, seed: int = 0, tokens: int = TOKENS, contexts: int = 32, used: int = 32
) -> Corpus:
    """Pieces of a text file. A fact is asked without a context, then behind pieces of a few words.

    used: how many of the contexts are read, so that words in the others do no harm. Raises ValueError or OSError for a
    file that can't be read, is larger than TEXT_LIMIT, or has too few words; with its line, for a word without a token.
    """
    text = read_text(path, TEXT_LIMIT)
    words = text.split()
    if len(words) < 64:
        raise ValueError(f"{path}: {len(words)} words; a text to average keys over needs 64 at least")
    rng, sequences, total = Random(f"{seed}/precedents/corpus"), list[tuple[int, ...]](), 0
    most = min(PIECE, context_length(model.net))
    starts = list(range(0, max(1, len(words) - PIECE), PIECE))
    rng.shuffle(starts)
    for start in starts:
        ids = _read_piece(model, path, text, start, words[start : start + PIECE])[:most]
        sequences.append(tuple(ids))
        total += len(ids)
        if total >= tokens:
            break
    pieces = []
    for number in range(1, contexts):
        start = rng.randrange(len(words) - PIECE_WORDS[1])
        piece = words[start : start + rng.randint(*PIECE_WORDS)]
        pieces.append(" ".join(piece))
        if number < used:
            _read_piece(model, path, text, start, piece)
    return Corpus(tuple(sequences), ("", *pieces))


def _read_piece(model: Model, path: Path, text: str, start: int, words: Sequence[str]) -> list[int]:
    """The tokens of these words, the first of which is number `start` of the text.

    Raises ValueError, with the file and the line, for a word without a token.
    """

    def read(some: Sequence[str]) -> list[int]:
        ids = encode(model.tokenizer, " ".join(some))
        check_tokens(model.net, [ids])
        return ids

    try:
        return read(words)
    except ValueError:
        lines = [number for number, line in enumerate(text.split("\n"), 1) for _ in line.split()]
        for number, word in enumerate(words, start):
            with placed(f"{path}:{lines[number]}"):
                read([word])
        with placed(f"{path}:{lines[start]}"):
            read(words)
        raise


class Whole(Exception):
    """The activations that were wanted are there; what is left of a forward is of no use."""


@torch.no_grad()
def second_moment(net: PreTrainedModel, mlp: Mlp, sequences: Sequence[Sequence[int]]) -> Tensor:
    """C = E[k kᵀ] over all tokens, k what enters the MLP's output matrix, plus a ridge: (K, K) float64.

    Padding isn't counted. Raises ValueError for a model with several experts.
    """
    mlp.matrix()  # refuses experts
    assert mlp.down is not None
    total, seen = torch.zeros((), dtype=torch.float64), 0
    inner: list[Tensor] = []

    def hear(_module: object, args: tuple[Tensor, ...]) -> None:
        inner.append(args[0])
        raise Whole

    hook = mlp.down.register_forward_pre_hook(hear)
    try:
        for batch_numbers in batches([len(sequence) for sequence in sequences]):
            ids_BT = rows([sequences[number] for number in batch_numbers], net.device)
            with suppress(Whole):
                net.base_model(ids_BT, use_cache=False)
            lengths = torch.tensor([len(sequences[number]) for number in batch_numbers], device=ids_BT.device)
            real_BT = torch.arange(ids_BT.shape[1], device=ids_BT.device) < lengths[:, None]
            keys = inner.pop().reshape(*ids_BT.shape, -1)[real_BT].double().cpu()
            total, seen = total + keys.T @ keys, seen + len(keys)
    finally:
        hook.remove()
    moment = total / seen
    return moment + RIDGE * moment.diagonal().mean() * torch.eye(len(moment), dtype=torch.float64)
