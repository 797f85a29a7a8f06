"""The held-out loss that training is measured by: what a model's beliefs tell beyond how often each answer comes.

`usable_losses` makes it of scored probes. Biases and scale are fitted on all chunks together, anew for every model; a
chunk's own loss is its cross-entropy there, and the mean over chunks, by size, is L_cal
(`training.heads.usable_information` has the formulae). What one model believes of all chunks is computed once, and
serves both the fit and the chunks' losses.

Where questions have different candidates, each kind of question has biases of its own. Candidates that differ from line
to line, or that are seldom asked about, have none.

Shape suffixes: N decisions, C candidates (the most that any decision has).
"""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn.utils.rnn import pad_sequence
from transformers import DynamicCache, PreTrainedModel

from perception.contexts import context_cache, encode_contexts
from perception.deciding import decide, log_probabilities
from perception.language import read
from perception.messages import Question
from perception.model import Model
from perception.packing import Decision, Packed, pack
from training.heads.score import Probe
from training.heads.usable_information import FREE, NEVER, NO_NUMBER, Beliefs, Calibration, Worth, calibrate, worth
from training.optim.shared_reads import SharedContexts, shared_contexts

LEAST_PER_ANSWER = 3  # decisions for each right answer of a kind of question; fewer would be learned by heart
GRAPH_MAX = 2 * 10**9  # bytes: what the gradients of all chunks at once may hold; beyond, each chunk is read twice
KEPT_PER_TOKEN = 24  # numbers that a layer keeps for the gradient, for each token and each of its hidden numbers, about
CACHED_PER_TOKEN = 2  # the same of a token that was read beforehand: its keys and values beside those of decisions

Kind = tuple[str, ...]  # the candidates of a question, sorted


@dataclass(frozen=True)
class Batch:
    """Decisions packed together, with the tokens of all candidates.

    first_NC: the candidates' tokens where each has a single one, -1 where a decision has fewer candidates. Else None,
    and every candidate is a decision of its own, sizes[i] of them for the i-th question. width: C. cache: contexts that
    another model has read; None where the model that decides reads them itself.
    """

    packed: Packed
    answer_N: Tensor
    kind_N: Tensor
    kinds: int
    width: int
    sizes: tuple[int, ...]
    first_NC: Tensor | None
    cache: DynamicCache | None = None

    def beliefs(
        self, net: PreTrainedModel, reader: PreTrainedModel | None = None, contexts: DynamicCache | None = None
    ) -> Beliefs:
        """z of every decision, with gradient. reader: who reads the contexts, without gradient; by default `net`.

        contexts: those that were read already.
        """
        logits_NV = decide(net, self.packed, contexts or self._contexts(net, reader))
        if self.first_NC is not None:
            fine = logits_NV if logits_NV.dtype == torch.float64 else logits_NV.float()
            z_NC = torch.where(self.first_NC >= 0, fine.gather(1, self.first_NC.clamp_min(0)), NEVER)
        else:
            rows = log_probabilities(logits_NV, self.packed, sum(self.sizes)).split(self.sizes)
            z_NC = pad_sequence(list(rows), batch_first=True, padding_value=NEVER)
            z_NC = torch.nn.functional.pad(z_NC, (0, self.width - z_NC.shape[1]), value=NEVER)
        return Beliefs(_normalised(z_NC), self.answer_N, self.kind_N, self.kinds)

    def tensors(self) -> list[Tensor]:
        """Whole numbers that tell these decisions from others: tokens, places and right answers."""
        p = self.packed
        grids = [p.context_BC, p.lengths_B, p.decision_BD, p.position_BD, p.row_N, p.column_N, p.target_N]
        return [*grids, self.answer_N, *(() if self.first_NC is None else (self.first_NC,))]

    def _contexts(self, net: PreTrainedModel, reader: PreTrainedModel | None) -> DynamicCache:
        if reader is not None:
            return encode_contexts(reader, self.packed)
        if self.cache is not None:
            return self.cache
        return context_cache(net, self.packed) if torch.is_grad_enabled() else encode_contexts(net, self.packed)


class UsableLoss:
    """loss(net) -> L_cal as a scalar with gradient through everything, contexts too. It fits itself for every model.

    batches: packed decisions with all their candidates. total: how many decisions.
    """

    def __init__(self, batches: Sequence[Batch]) -> None:
        self.batches = list(batches)
        self.total = sum(len(batch.answer_N) for batch in self.batches)
        self.held: Calibration | None = None  # of a chunk: what was fitted on all chunks, by `UsableChunks.refit`

    def beliefs(self, net: PreTrainedModel, reader: PreTrainedModel | None = None) -> Beliefs:
        """What a model believes, with gradient. reader: who reads the contexts; by default the model itself."""
        return joined([batch.beliefs(net, reader) for batch in self.batches])

    @property
    def based(self) -> bool:
        """Whether the contexts were read beforehand, whoever decides."""
        return any(batch.cache is not None for batch in self.batches)

    def tensors(self) -> list[Tensor]:
        """Whole numbers that tell these decisions from others."""
        return [tensor for batch in self.batches for tensor in batch.tensors()]

    def of(self, beliefs: Beliefs) -> Tensor:
        """The loss of beliefs."""
        return (self.held or calibrate(beliefs)).loss(beliefs)

    def __call__(self, net: PreTrainedModel) -> Tensor:
        return self.of(self.beliefs(net))

    def each(self, net: PreTrainedModel) -> Tensor:
        """(N,) what each decision adds to the loss, biases and scale fitted on all of them."""
        beliefs = self.beliefs(net)
        return (self.held or calibrate(beliefs)).each(beliefs)

    def crossed(self, net: PreTrainedModel, reader: PreTrainedModel) -> Tensor:
        """The loss of one model's decisions on contexts that the other has read."""
        return self.of(self.beliefs(net, reader))


class UsableChunks:
    """Chunks of one set of probes, whose losses share a calibration. whole: the loss of all of them together."""

    def __init__(self, chunks: Sequence[UsableLoss]) -> None:
        self.chunks = list(chunks)
        self.whole = together(self.chunks)

    def __len__(self) -> int:
        return len(self.chunks)

    def refit(self, net: PreTrainedModel) -> Iterator[Tensor]:
        """Fit biases and scale on all chunks together, for this model, and give each chunk's loss there, in turn.

        The fit is done when this returns, and every chunk holds it until the next. With gradient, use up each loss
        (backward) before the next is taken, so that not all of them need memory at once.
        """
        graded = torch.is_grad_enabled()
        with torch.set_grad_enabled(graded and self._held(net) <= GRAPH_MAX):
            beliefs = [chunk.beliefs(net) for chunk in self.chunks]
            again = graded and not torch.is_grad_enabled()
        fitted = calibrate(joined(beliefs))
        for chunk in self.chunks:
            chunk.held = fitted
        if again:
            return (chunk(net) for chunk in self.chunks)
        return (chunk.of(part) for chunk, part in zip(self.chunks, beliefs, strict=True))

    def part(self, every: int) -> UsableLoss:
        """The loss of one pair in so many of neighbouring chunks, of both halves, with a fit of its own."""
        return together([chunk for number, chunk in enumerate(self.chunks) if number // 2 % every == 0])

    @torch.no_grad()
    def beliefs(self, net: PreTrainedModel) -> list[Beliefs]:
        """What a model believes, chunk by chunk."""
        mode = net.training
        net.eval()
        try:
            return [chunk.beliefs(net) for chunk in self.chunks]
        finally:
            net.train(mode)

    def worth(self, parts: Sequence[Beliefs]) -> Worth:
        """What the chunks' beliefs are worth, each half crossed with the other."""
        return worth(joined(parts), half_of(parts))

    def _held(self, net: PreTrainedModel) -> int:
        """Bytes that the gradients of all chunks at once would hold, about."""
        config = net.config.get_text_config()
        numbers = 0
        for batch in self.whole.batches:
            numbers += batch.packed.decision_BD.numel() * KEPT_PER_TOKEN
            numbers += batch.packed.context_BC.numel() * (KEPT_PER_TOKEN if batch.cache is None else CACHED_PER_TOKEN)
        return int(4 * numbers * config.num_hidden_layers * config.hidden_size)


def half_of(parts: Sequence[Beliefs]) -> Tensor:
    """(N,) bool, the decisions of half A: the even chunks. The odd ones are half B."""
    return torch.cat([torch.full_like(part.answer_N, number % 2 == 0) for number, part in enumerate(parts)]).bool()


def together(chunks: Sequence[UsableLoss]) -> UsableLoss:
    """The loss of several chunks together, with a fit of its own."""
    return UsableLoss([batch for chunk in chunks for batch in chunk.batches])


def joined(parts: Sequence[Beliefs]) -> Beliefs:
    """The beliefs of several batches one after the other."""
    return Beliefs(
        torch.cat([part.z_NC for part in parts]),
        torch.cat([part.answer_N for part in parts]),
        torch.cat([part.kind_N for part in parts]),
        parts[0].kinds,
    )


def usable_losses(
    model: Model, chunks: Sequence[Sequence[Probe]], rows: int = 8, context: PreTrainedModel | None = None
) -> UsableChunks:
    """The losses of chunks of probes, over the decisions that the behaviour is about; `rows` scenes packed together.

    context: a model that has read all contexts, whoever decides; by default the model that decides reads them.
    Raises ValueError where there is nothing to know (one answer alone) or too little to fit: a kind of question needs
    LEAST_PER_ANSWER decisions for each answer that is right somewhere.
    """
    kinds = _kinds([pair for chunk in chunks for probe in chunk for pair in _decided(probe)])
    shared = shared_contexts(context)
    losses = [
        UsableLoss(
            [_batch(model, chunk[start : start + rows], kinds, context, shared) for start in range(0, len(chunk), rows)]
        )
        for chunk in chunks
    ]
    return UsableChunks(losses)


def _decided(probe: Probe) -> list[tuple[Question, str]]:
    """The decisions that the behaviour is about, with their answers."""
    return list(zip(probe.scene.questions[: probe.places], probe.answers, strict=False))


def _kind(question: Question) -> Kind:
    return tuple(sorted(question.candidates))


def _kinds(places: Sequence[tuple[Question, str]]) -> dict[Kind, int]:
    """The number of every kind of question, FREE for those whose candidates have no biases."""
    counts = Counter(_kind(question) for question, _ in places)
    if not counts:
        raise ValueError("no probe holds a decision that the behaviour is about; give some")
    answers: dict[Kind, set[str]] = {kind: set() for kind in counts}
    for question, answer in places:
        answers[_kind(question)].add(answer)
    least = {kind: LEAST_PER_ANSWER * max(2, len(right)) for kind, right in answers.items()}
    enough = [kind for kind, count in counts.items() if count >= least[kind]]
    own = len(counts) > 1 and LEAST_PER_ANSWER * len(counts) > len(places)  # candidates differ from line to line
    if not enough and not own:
        kind, count = counts.most_common(1)[0]
        raise ValueError(
            f"the probes decide {count} times among {', '.join(map(str.strip, kind))[:80]}: too few to tell what is"
            f" known from how often each answer comes; give probes with at least {least[kind]} such decisions"
        )
    free = [kind for kind in counts if kind not in enough]
    if all(len(answers[kind]) < 2 for kind in enough) and len({a for kind in free for a in answers[kind]}) < 2:
        raise ValueError("every probe has the same answer: there is nothing to know; give probes with several answers")
    return {kind: enough.index(kind) if kind in enough else FREE for kind in counts}


def _batch(
    model: Model,
    probes: Sequence[Probe],
    kinds: Mapping[Kind, int],
    context: PreTrainedModel | None,
    shared: SharedContexts | None,
) -> Batch:
    contexts: list[list[int]] = []
    options: list[list[list[int]]] = []
    decisions, answers, numbers = [], [], []
    for probe in probes:
        places = _decided(probe)
        questions = [(question.text, _kind(question)) for question, _ in places]
        reading = read(model.tokenizer, probe.scene.text, questions, f"scene {probe.scene.id}")
        for (question, answer), ids, tokens in zip(places, reading.questions, reading.answers, strict=True):
            options.append(tokens)
            answers.append(_kind(question).index(answer))
            numbers.append(kinds[_kind(question)])
            decisions.append([Decision(len(contexts), tuple(ids), tuple(answer_ids)) for answer_ids in tokens])
        contexts.append(reading.context)
    single, width, first_NC = all(len(ids) == 1 for few in options for ids in few), max(map(len, kinds)), None
    if single:
        grid = torch.full((len(options), width), -1)
        for row, tokens in enumerate(options):
            grid[row, : len(tokens)] = torch.tensor([ids[0] for ids in tokens])
        first_NC = grid.to(model.device)
        decisions = [[few[answer]] for few, answer in zip(decisions, answers, strict=True)]
    packed = pack(contexts, [one for few in decisions for one in few], share=True).to(model.device)
    return Batch(
        packed, torch.tensor(answers, device=model.device), torch.tensor(numbers, device=model.device),
        1 + max(kinds.values()), width, tuple(map(len, options)), first_NC,
        shared.read(packed) if shared else None if context is None else encode_contexts(context, packed),
    )  # fmt: skip


def _normalised(z_NC: Tensor) -> Tensor:
    """Log-probabilities among the candidates; NEVER stays NEVER. Raises ValueError for NaN, which isn't above NEVER."""
    if bool(z_NC.isnan().any()):
        raise ValueError(NO_NUMBER)
    return torch.where(z_NC > NEVER, z_NC.log_softmax(-1).clamp_min(NEVER / 2), NEVER)
