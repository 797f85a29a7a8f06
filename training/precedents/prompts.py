"""A fact's prompt as tokens: where its subject stands, what answers it, and how likely a model holds each answer.

A prompt is a context, a sentence with the subject in it, and the answer right behind. Shape legend, used as suffixes:
B rows, T tokens, V vocabulary, M hidden size.
"""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

import torch
from torch import Tensor
from transformers import PreTrainedModel, PreTrainedTokenizerBase

from perception.deciding import logits_at
from perception.unknown_words import unknown_token
from perception.windows import context_length

HOLE = "{}"  # where a sentence's subject stands
ROWS_TOKENS = 4_096  # padded tokens in one forward


@dataclass(frozen=True)
class Prompt:
    """Token ids, and the subject's: from `first` to `last`, both included."""

    ids: tuple[int, ...]
    first: int
    last: int


def _encoded(tokenizer: PreTrainedTokenizerBase, text: str) -> tuple[list[int], list[tuple[int, int]]]:
    """Token ids with the special tokens in front of a text and none behind it, and where each stands in the text.

    Raises ValueError for a word that the tokenizer lacks.
    """
    encoded = tokenizer(text, return_offsets_mapping=True)
    ids, spans = list(encoded["input_ids"]), list(encoded["offset_mapping"])
    while ids and spans[-1][0] == spans[-1][1] and ids[-1] in tokenizer.all_special_ids:
        ids.pop(), spans.pop()
    unknown = unknown_token(tokenizer)
    inside = [span for number, span in zip(ids, spans, strict=True) if number == unknown and span[0] < span[1]]
    if inside:
        start, end = inside[0]
        raise ValueError(f"the model has no token for {text[start:end]!r}; use words that it knows")
    return ids, spans


def encode(tokenizer: PreTrainedTokenizerBase, text: str) -> list[int]:
    """The tokens of a text. Raises ValueError for a word that the tokenizer lacks."""
    return _encoded(tokenizer, text)[0]


def fill(template: str, subject: str, context: str = "") -> str:
    """The running text of a prompt: a context if there is one, a space, the sentence with its subject."""
    return f"{context} {template.replace(HOLE, subject)}".strip()


def prompt(tokenizer: PreTrainedTokenizerBase, template: str, subject: str, context: str = "") -> Prompt:
    """A sentence with one HOLE, its subject in it, behind a context.

    Raises ValueError for a sentence without a subject, a subject without a token of its own (one that holds nothing of
    what follows it), and for words that the tokenizer lacks.
    """
    if template.count(HOLE) != 1 or not subject.strip():
        raise ValueError(f"{template[:64]!r}: a prompt needs {HOLE} once, and a subject to stand there")
    text = fill(template, subject, context)
    start = len(text) - len(template.replace(HOLE, subject).rstrip()) + template.index(HOLE)
    start = text.index(subject, max(0, start))
    end = start + len(subject)
    ids, spans = _encoded(tokenizer, text)
    within = [at for at, (a, b) in enumerate(spans) if a < end and b > start]
    if not within or spans[within[-1]][1] > end or text[spans[within[0]][0] : start].strip():
        raise ValueError(f"subject {subject!r}: it has no token of its own in {text[-80:]!r}; name it by whole words")
    return Prompt(tuple(ids), within[0], within[-1])


def answer(tokenizer: PreTrainedTokenizerBase, text: str, words: str) -> tuple[int, ...]:
    """The tokens of an answer behind a text, after a space. Raises ValueError where it has none of its own."""
    ids, whole = encode(tokenizer, text), encode(tokenizer, f"{text} {words.strip()}")
    if whole[: len(ids)] != ids or len(whole) == len(ids):
        raise ValueError(f"answer {words!r}: it has no token of its own behind {text[-40:]!r}; give another word")
    return tuple(whole[len(ids) :])


def rows(sequences: Sequence[Sequence[int]], device: torch.device) -> Tensor:
    """(B, T) int64, padded with 0 to the right, where a causal model's real tokens never look."""
    width = max(len(sequence) for sequence in sequences)
    return torch.tensor([[*sequence, *[0] * (width - len(sequence))] for sequence in sequences], device=device)


def batches(lengths: Sequence[int], most: int = ROWS_TOKENS) -> Iterator[list[int]]:
    """Numbers of sequences of about one length, at most `most` padded tokens at once."""
    batch: list[int] = []
    for number in sorted(range(len(lengths)), key=lambda number: lengths[number]):
        if batch and (len(batch) + 1) * lengths[number] > most:
            yield batch
            batch = []
        batch.append(number)
    if batch:
        yield batch


AskedAnswer = tuple[Sequence[int], Sequence[int]]  # a prompt's tokens, an answer's


@torch.no_grad()
def beliefs(net: PreTrainedModel, asked_answers: Sequence[AskedAnswer]) -> tuple[Tensor, Tensor]:
    """Of each whole answer behind its prompt: its log-probability (nats, float64), and whether the model would say it.

    (B,) each. It says an answer if each token is the most likely one behind those before. Equal rows run once. Raises
    ValueError for one too long for the model, and for tokens that it lacks.
    """
    sequences = [(*ids, *answer_ids[:-1]) for ids, answer_ids in asked_answers]
    check_length(net, sequences)
    check_tokens(net, [answer_ids for _, answer_ids in asked_answers])
    distinct = list(dict.fromkeys(sequences))
    place = {sequence: number for number, sequence in enumerate(distinct)}
    asked_of: list[list[int]] = [[] for _ in distinct]
    for number, sequence in enumerate(sequences):
        asked_of[place[sequence]].append(number)
    sums, says = torch.zeros(len(sequences), dtype=torch.float64), torch.zeros(len(sequences), dtype=torch.bool)
    for batch in batches([len(sequence) for sequence in distinct]):
        ids_BT = rows([distinct[number] for number in batch], net.device)
        pairs = [(row, which) for row, number in enumerate(batch) for which in asked_of[number]]
        counted = [
            row * ids_BT.shape[1] + len(asked_answers[which][0]) - 1 + i
            for row, which in pairs
            for i in range(len(asked_answers[which][1]))
        ]
        logits_NV = logits_at(net, torch.tensor(counted, device=net.device), input_ids=ids_BT, use_cache=False)
        parts = logits_NV.double().log_softmax(-1).split([len(asked_answers[which][1]) for _, which in pairs])
        for (_, which), logs in zip(pairs, parts, strict=True):
            targets = torch.tensor(asked_answers[which][1], device=logs.device)
            sums[which] = logs.gather(1, targets[:, None]).sum().cpu()
            says[which] = (logs.argmax(-1) == targets).all().cpu()
    return sums, says


def check_length(net: PreTrainedModel, sequences: Sequence[Sequence[int]]) -> None:
    """Raise ValueError if a sequence is longer than the model reads, or holds a token that the model lacks."""
    if (longest := max(map(len, sequences))) > (most := context_length(net)):
        raise ValueError(f"a prompt with its answer takes {longest + 1} tokens, the model reads {most}; shorten it")
    check_tokens(net, sequences)


def check_tokens(net: PreTrainedModel, sequences: Sequence[Sequence[int]]) -> None:
    """Raise ValueError if a token has no row in the model's embeddings, as of a tokenizer with more words."""
    count = net.get_input_embeddings().weight.shape[0]
    if (highest := max(map(max, filter(len, sequences)), default=0)) >= count:
        raise ValueError(
            f"the tokenizer has a token {highest}, the model's embeddings have {count} rows; give the model the"
            " tokenizer that it was trained with"
        )


@contextmanager
def placed(where: str) -> Iterator[None]:
    """A block whose ValueErrors begin with the flag, the file or the line that they are about; "" adds nothing."""
    try:
        yield
    except ValueError as error:
        raise ValueError(f"{where}: {error}" if where else str(error)) from error


@contextmanager
def without_gradients(net: PreTrainedModel) -> Iterator[None]:
    """A block in which no weight of the net asks for a gradient; as before after it."""
    asking = [parameter for parameter in net.parameters() if parameter.requires_grad]
    for parameter in asking:
        parameter.requires_grad_(False)
    try:
        yield
    finally:
        for parameter in asking:
            parameter.requires_grad_(True)
