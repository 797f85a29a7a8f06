"""What the novice reads while it is pretrained: scenes of the realm with questions about the mundane.

Every batch is a pure function of (seed, step, stage), so that an interrupted pretraining resumes exactly. The first
stage copies random sequences (it grows induction heads; without it the novice stays at chance, prototypes/README.md);
then the realm's own scenes, cut down to few places and senses, then whole. The last stage is what play and lessons see.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import islice
from random import Random

from transformers import PreTrainedTokenizerBase

from game.realm import sampler
from game.realm.rules import NONE, NOTHING, Rules
from game.realm.tongues import LOOK, LORE, OMEN, SENSE, TERSE, WORK, mundane_answer, tell
from perception.messages import Event
from perception.packing import Decision

COPY = -1  # the stage of repeated random sequences
STAGES = ((2, 1), (3, 1), (4, 1), (3, 2), (4, 3), (8, 5))  # (places, senses counting `look`) at most
FINAL = len(STAGES) - 1
KEEP_EMPTY = 0.45  # of questions whose answer is none or nothing; the others teach more
UNKNOWN_PLACE = 0.06  # questions about a direction where no place was described
REALMS_PER_BATCH = 4


@dataclass(frozen=True)
class Batch:
    """Token ids of contexts, and decisions about them; without decisions every token is to be predicted."""

    contexts: list[list[int]]
    decisions: list[Decision]


def vocabulary(rules: Rules) -> list[str]:
    """Every word of the terse tongue, in a fixed order; special tokens first."""
    words = ["<pad>", "<unk>", "<eos>", ".", "?", "time", "weather", "ground", NONE, NOTHING]
    words += [name for name, _ in rules.phases] + [name for name, _ in rules.weather]
    words += ["grass", "leaves", "moss", "gravel", "mud", "water", "bridge", "stone"]
    words += [LOOK, *rules.senses, SENSE, WORK, LORE, *(f"{OMEN}_{sense}" for sense in rules.senses), *rules.directions]
    words += [kind for _, kinds in rules.places for kind in kinds]
    for kind in rules.kinds:
        words += [kind.name, *kind.traces]
    words += [thing for things in rules.ordinary for thing in things]
    return list(dict.fromkeys(words))


def _cut(rng: Random, events: Sequence[Event], stage: int, senses: tuple[str, ...]) -> tuple[list[Event], list[str]]:
    """The events of a few places and senses only; the last stage keeps all."""
    if stage == FINAL:
        return list(events), [LOOK, *senses]
    places, kept_senses = STAGES[stage]
    there = list(dict.fromkeys(event.place for event in events))
    chosen = rng.sample(there, min(len(there), rng.randint(max(2, places - 1), places)))
    kept = rng.sample([LOOK, *senses], kept_senses)
    return [event for event in events if event.place in chosen and event.sense in kept], kept


def _ask(rng: Random, kept: list[str], stage: int, rules: Rules) -> str:
    roll = rng.random()
    sensed = [sense for sense in kept if sense != LOOK] or list(rules.senses)
    if stage < 3:
        return (
            rng.choice(kept)
            if roll < 0.7
            else f"{OMEN}_{rng.choice(sensed)}"
            if roll < 0.9
            else LORE
            if roll < 0.95
            else SENSE
        )
    if roll < 0.32:
        return rng.choice(kept)
    if roll < 0.55:
        return f"{OMEN}_{rng.choice(sensed)}"
    return WORK if roll < 0.86 else SENSE if roll < 0.95 else LORE


def questions(
    rng: Random, events: Sequence[Event], kept: list[str], stage: int, rules: Rules, count: int, blind: bool = True
) -> list[tuple[str, str, str]]:
    """(ask, place, answer) triples about the mundane. blind: ask for spirits too, and answer "nothing" every time."""
    there = list(dict.fromkeys(event.place for event in events)) or [rules.directions[0]]
    traces = [trace for kind in rules.kinds for trace in kind.traces]
    found: list[tuple[str, str, str]] = []
    while len(found) < count:
        ask = _ask(rng, kept, stage, rules)
        if ask == SENSE and not blind:
            continue
        place = (
            rng.choice(traces)
            if ask == LORE
            else rng.choice(rules.directions if rng.random() < UNKNOWN_PLACE else there)
        )
        answer = NOTHING if ask == SENSE else mundane_answer(rules, events, ask, place)
        if answer in (NONE, NOTHING) and ask != SENSE and rng.random() > KEEP_EMPTY:
            continue
        found.append((ask, place, answer))
    return found


def batch(seed: int, step: int, stage: int, size: int, rules: Rules, tokenizer: PreTrainedTokenizerBase) -> Batch:
    """The batch of a step. Same arguments, same batch."""
    rng = Random(f"{seed}/pretrain/{step}")
    if stage == COPY:
        length, first = rng.randint(8, 16), 3  # special tokens are not copied
        words = [[rng.randrange(first, len(tokenizer)) for _ in range(length)] for _ in range(2 * size)]
        return Batch([row + row for row in words], [])
    ids = tokenizer.convert_tokens_to_ids
    contexts: list[list[int]] = []
    decisions: list[Decision] = []
    per_realm = size // REALMS_PER_BATCH
    for realm in range(REALMS_PER_BATCH):
        stream = sampler.samples(rng.getrandbits(40), f"pretrain/{realm}", rules=rules, per_realm=per_realm)
        for sample in islice(stream, per_realm):
            easier = stage if rng.random() < 0.75 or (stage == FINAL and rng.random() < 0.5) else rng.randint(0, stage)
            events, kept = _cut(rng, sample.view.scene.events, easier, rules.senses)
            contexts.append(ids(tell(TERSE, sample.header, events).split()))
            for ask, place, answer in questions(rng, events, kept, easier, rules, 6 + 2 * easier):
                text = TERSE.asks[ask].format(place=place)
                decisions.append(Decision(len(contexts) - 1, tuple(ids(text.split())), tuple(ids([answer]))))
    return Batch(contexts, decisions)
