"""Probes in chunks that hold every answer equally often, so that no chunk tells of base rates.

A gain in usable information is fitted on all chunks together. On the way a model's base rates move a long way, and the
fit follows: over all chunks that cancels out, but a chunk with more spirits than others would be allotted the move of
its own answers. Where each chunk has every answer as often as the others, it has little of it. Halves and resamples of
chunks then differ by what is known, not by what comes how often.

The commonest answer of a kind of question may come more often: as often as all its other answers together, at most.
Probes of one group (scenes of one realm) share a chunk. Of a scene those decisions are asked that balance its chunk;
its other questions stay.
"""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import replace

from msgspec import structs

from training.heads.chunks import CHUNKS, in_chunks
from training.heads.score import Probe

Answer = tuple[tuple[str, ...], str]  # the candidates of a question, sorted, and the right one
LEAST_CHUNKS = 4  # two in each half
DECISIONS = 12  # of a chunk, about
POOL = 1_000  # probes among which those of balanced chunks are chosen
WORTH = 0.5  # of the decisions that would be measured otherwise: a rare answer may not cost most of them


def judged_chunks(probes: Sequence[Probe], together: int, most: int) -> list[list[Probe]]:
    """Balanced chunks; where they would hold too few decisions, the first `most` probes as they come."""
    plain = in_chunks(probes[:most], together=together)
    balanced = balanced_chunks(probes[:POOL], together) or []
    sizes = [sum(len(_answers(chunk)) for chunk in chunks) for chunks in (balanced, plain)]
    return balanced if sizes[0] > 0 and sizes[0] >= WORTH * sizes[1] else plain


def balanced_chunks(probes: Sequence[Probe], together: int = 1, most: int = CHUNKS) -> list[list[Probe]] | None:
    """Even numbers of chunks, as many as can be filled, at most `most`; None where fewer than LEAST_CHUNKS can.

    Of the probes as few are taken as do, those with the most of rare answers first.
    """
    groups = [list(probes[start : start + together]) for start in range(0, len(probes), together)]
    counts = Counter(answer for group in groups for answer in _answers(group))
    if len(counts) < 2:
        return None
    for chunks in range(most - most % 2, LEAST_CHUNKS - 1, -2):
        for times in range(max(1, DECISIONS // (2 * (len(counts) - 1))), 0, -1):
            quota = _quota(counts, times, chunks)
            enough = all(count * chunks <= counts[answer] for answer, count in quota.items())
            if enough and (dealt := _dealt(groups, quota, chunks)) is not None:
                return dealt
    return None


def _decided(probe: Probe) -> list[Answer]:
    return [
        (tuple(sorted(question.candidates)), answer)
        for question, answer in zip(probe.scene.questions[: probe.places], probe.answers, strict=False)
    ]


def _answers(group: Sequence[Probe]) -> list[Answer]:
    return [answer for probe in group for answer in _decided(probe)]


def _quota(counts: Mapping[Answer, int], times: int, chunks: int) -> dict[Answer, int]:
    """How often each answer comes in a chunk."""
    quota: dict[Answer, int] = {}
    for kind in dict.fromkeys(kind for kind, _ in counts):
        own = sorted((answer for answer in counts if answer[0] == kind), key=lambda answer: -counts[answer])
        quota |= dict.fromkeys(own, times)
        quota[own[0]] = max(times, min(times * (len(own) - 1), counts[own[0]] // chunks))
    return quota


def _dealt(groups: Sequence[Sequence[Probe]], quota: Mapping[Answer, int], chunks: int) -> list[list[Probe]] | None:
    """Groups dealt out so that each chunk's quota is full; None where they aren't enough."""
    common = max(quota, key=lambda answer: quota[answer])
    needs = [Counter(quota) for _ in range(chunks)]
    dealt: list[list[Probe]] = [[] for _ in range(chunks)]
    rare = {number: [a for a in _answers(group) if quota[a] < quota[common]] for number, group in enumerate(groups)}
    for number in sorted(rare, key=lambda number: -len(rare[number])):
        group = groups[number]
        uses = [sum((Counter(_answers(group)) & need).values()) + 100 * sum((Counter(rare[number]) & need).values())
                for need in needs]  # fmt: skip
        best = max(range(chunks), key=lambda chunk: (uses[chunk], -len(dealt[chunk])))
        if uses[best]:
            dealt[best] += [part for probe in group if (part := _asked(probe, needs[best])) is not None]
    return dealt if not any(need.total() for need in needs) else None


def _asked(probe: Probe, need: Counter[Answer]) -> Probe | None:
    """The probe with the decisions that are needed, which then are not needed any more; None where it has none."""
    chosen = []
    for place, answer in enumerate(_decided(probe)):
        if need[answer] > 0:
            need[answer] -= 1
            chosen.append(place)
    if not chosen:
        return None
    stays = [*chosen, *range(probe.places, len(probe.answers))]
    scene = structs.replace(probe.scene, questions=tuple(probe.scene.questions[place] for place in stays))
    kinds = tuple(probe.kinds[place] for place in stays) if probe.kinds else ()
    cues = tuple(probe.cues[place] for place in chosen) if probe.cues else ()
    answers = tuple(probe.answers[place] for place in stays)
    return replace(probe, scene=scene, answers=answers, places=len(chosen), kinds=kinds, cues=cues)
