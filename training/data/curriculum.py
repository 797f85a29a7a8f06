"""What the novice reads while it is pretrained: scenes of the realm with questions about the mundane, lore and stories.

Every batch is a pure function of (seed, step, stage), so that an interrupted pretraining resumes exactly. The first
stage copies random sequences (it grows induction heads; without it the novice stays at chance, prototypes/README.md);
then the realm's own scenes, cut down to few places and senses, then whole. The last stage is what play and lessons see.
Lore and stories come beside the scenes from the first of them on, talk once there are landmarks to talk about. A born
seer reads the same batches; only the answers about spirits differ. training.data.splits says what is left out.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import islice
from random import Random

from transformers import PreTrainedTokenizerBase

from game.realm import sampler
from game.realm.rules import NONE, NOTHING, Kind, Rules
from game.realm.talk import draw, load_talk, talk_question, wanted
from game.realm.terrain import UNDERFOOT
from game.realm.tongues import (
    COUNT,
    LOOK,
    LORE,
    NOWHERE,
    NUMBERS,
    OMEN,
    SENSE,
    SEVERAL,
    TALLY,
    TERSE,
    WHERE,
    WORK,
    mundane_answer,
    places_of,
    tell,
)
from perception.messages import Event
from perception.packing import Decision
from training.data import lore_and_stories
from training.data.splits import HELD_PLACES, held_object, shown_held_pair, spirit_at

COPY = -1  # the stage of repeated random sequences
STAGES = ((2, 1), (3, 1), (4, 1), (3, 2), (4, 3), (8, 5))  # (places, senses counting `look`) at most
FINAL = len(STAGES) - 1
KEEP_EMPTY = 0.45  # of questions whose answer is none or nothing; the others teach more
KEEP_IDLE = 0.3  # of questions who is at work, where nobody is, and how many signs belong together, where none do
UNKNOWN_PLACE = 0.06  # questions about a direction where no place was described
HAUNTED = 0.5  # of questions about spirits, where the scene shows one
FROM_TALK = 3  # the first stage in which somebody talks, or is at work
TALK_PER_SCENE = 2
REALMS_PER_BATCH = 4
PARTS = {"folklore": (OMEN, LORE), "presences": (WORK,)}  # what a novice can be made without: kinds of question
Asking = tuple[str, str, str]  # ask, place (or word), answer


def untaught_kinds(rules: Rules, untaught: Sequence[str]) -> tuple[Kind, ...]:
    """Whose traces an ablation must not tell together: spirits without folklore, folk without presences."""
    return (*(rules.spirits if LORE in untaught else ()), *(rules.folk if WORK in untaught else ()))


def left_out(rules: Rules, events: Sequence[Event], ask: str, place: str, untaught: Sequence[str]) -> bool:
    """Whether an ablation leaves this question out: one of an untaught kind, or one that would tell the same.

    Where a presence is, or how many signs belong together at a place with a trace of an untaught kind.
    """
    if ask.split("_")[0] in untaught or (WORK in untaught and place in rules.presences):
        return True
    traces = {trace for kind in untaught_kinds(rules, untaught) for trace in kind.traces} if ask == TALLY else ()
    return any(event.place == place and event.thing in traces for event in events)


@dataclass(frozen=True)
class Batch:
    """Token ids of contexts, and decisions about them; without decisions every token is to be predicted.

    beside: talk and lore in the same contexts, which don't count for a stage. lore_and_stories: contexts and decisions
    apart.
    """

    contexts: list[list[int]]
    decisions: list[Decision]
    beside: list[Decision] = field(default_factory=list)
    lore_and_stories: tuple[list[list[int]], list[Decision]] = ((), ())  # type: ignore[assignment]


def vocabulary(rules: Rules) -> list[str]:
    """Every word of the terse tongue, in a fixed order; special tokens first."""
    words = ["<pad>", "<unk>", "<eos>", ".", "?", "time", "weather", "ground", NONE, NOTHING]
    words += [name for name, _ in rules.phases] + [name for name, _ in rules.weather]
    words += [ground.name.lower() for ground in UNDERFOOT]
    words += [LOOK, *rules.senses, SENSE, WORK, LORE, *(f"{OMEN}_{sense}" for sense in rules.senses), *rules.directions]
    words += [COUNT, *NUMBERS, WHERE, NOWHERE, SEVERAL]
    words += [kind for _, kinds in rules.places for kind in kinds]
    for kind in rules.kinds:
        words += [kind.name, *kind.traces]
    words += [thing for things in rules.ordinary for thing in things]
    words += [*lore_and_stories.words(), *load_talk().words()]
    return list(dict.fromkeys(words))


def _cut(rng: Random, events: Sequence[Event], stage: int, senses: tuple[str, ...]) -> tuple[list[Event], list[str]]:
    """The events of a few places and senses only; the last stage keeps all, but never has HELD_PLACES places."""
    there = list(dict.fromkeys(event.place for event in events))
    if stage == FINAL:
        left_out = rng.choice(there) if len(there) == HELD_PLACES else ""
        return [event for event in events if event.place != left_out], [LOOK, *senses]
    places, kept_senses = STAGES[stage]
    chosen = rng.sample(there, min(len(there), rng.randint(max(2, places - 1), places)))
    scene_senses = rng.sample([LOOK, *senses], kept_senses)
    return [event for event in events if event.place in chosen and event.sense in scene_senses], scene_senses


def _ask(rng: Random, senses: list[str], stage: int, rules: Rules, counting: bool, untaught: Sequence[str] = ()) -> str:
    sensed = [sense for sense in senses if sense != LOOK] or list(rules.senses)
    plain, omen = rng.choice(senses), f"{OMEN}_{rng.choice(sensed)}"
    if stage < FROM_TALK:
        weights = (48, 15, 0, 4, 4, 10, 19, 0) if counting else (70, 20, 0, 5, 5, 0, 0, 0)
    else:
        weights = (26, 16, 24, 8, 5, 10, 11, 14) if counting else (32, 23, 31, 9, 5, 0, 0, 0)
    asks = (plain, omen, WORK, SENSE, LORE, COUNT, WHERE, TALLY)
    kinds = ("", OMEN, *asks[2:])
    shares = [0 if kind in untaught else share for kind, share in zip(kinds, weights, strict=True)]
    return rng.choices(asks, shares)[0]


def _word(rng: Random, ask: str, events: Sequence[Event], rules: Rules) -> str:
    """A thing or a presence to count or to look for; most of them are there."""
    present = [name for name in rules.presences if places_of(rules, events, name)] if ask == WHERE else []
    if present and rng.random() < 0.3:
        return rng.choice(present)
    if events and rng.random() < 0.75:
        return rng.choice(events).thing
    if present and rng.random() < 0.4:  # somebody else: an absent presence is no question where none is there
        return rng.choice(rules.presences)
    return rng.choice(rng.choice((*(kind.traces for kind in rules.kinds), *rules.ordinary)))


def _place(rng: Random, ask: str, events: Sequence[Event], there: list[str], rules: Rules) -> str:
    """The place or word that a question is about."""
    if ask == LORE:
        return rng.choice([trace for kind in rules.kinds for trace in kind.traces])
    if ask in (COUNT, WHERE):
        return _word(rng, ask, events, rules)
    haunted = [p for p in there if spirit_at(rules, events, p) != NOTHING] if ask == SENSE else []
    if haunted and rng.random() < HAUNTED:
        return rng.choice(haunted)
    return rng.choice(rules.directions if rng.random() < UNKNOWN_PLACE else there)


def held_out(rules: Rules, events: Sequence[Event], ask: str, place: str, answer: str) -> bool:
    """Whether no pretraining may ask this: training.data.splits."""
    if ask in (SENSE, WORK):
        return shown_held_pair(rules, events, place) is not None
    if ask == WHERE:
        return place not in rules.presences and answer in rules.directions and held_object(place, answer)
    if ask.startswith(OMEN):
        sense = ask.removeprefix(OMEN + "_")
        return any(held_object(e.thing, place) for e in events if (e.sense, e.place) == (sense, place))
    return ask not in (LORE, COUNT, TALLY) and answer not in (NONE, NOTHING) and held_object(answer, place)


def questions(
    rng: Random,
    events: Sequence[Event],
    senses: list[str],
    stage: int,
    rules: Rules,
    count: int,
    blind: bool = True,
    counting: bool = False,
    untaught: Sequence[str] = (),
) -> list[Asking]:
    """(ask, place, answer) triples about the mundane, nothing held out among them.

    blind: ask for spirits too, and answer "nothing" every time. counting: ask how many and where, too. untaught:
    kinds of question left out (values of PARTS).
    """
    there = list(dict.fromkeys(event.place for event in events)) or [rules.directions[0]]
    triples: list[Asking] = []
    while len(triples) < count:
        ask = _ask(rng, senses, stage, rules, counting, untaught)
        if ask == SENSE and not blind:
            continue
        place = _place(rng, ask, events, there, rules)
        if untaught and left_out(rules, events, ask, place, untaught):
            continue
        answer = NOTHING if ask == SENSE else mundane_answer(rules, events, ask, place)
        kept_share = KEEP_IDLE if ask in (WORK, TALLY) else KEEP_EMPTY
        idle = answer in NUMBERS[:2] if ask == TALLY else answer in (NONE, NOTHING) and ask != SENSE
        if idle and rng.random() > kept_share:
            continue
        if not held_out(rules, events, ask, place, answer):
            triples.append((ask, place, answer))
    return triples


def _copied(rng: Random, size: int, words: int) -> Batch:
    length, first = rng.randint(8, 16), 3  # special tokens are not copied
    rows = [[rng.randrange(first, words) for _ in range(length)] for _ in range(2 * size)]
    return Batch([row + row for row in rows], [])


def _beside(
    rng: Random, header: tuple[str, str, str], events: Sequence[Event], stage: int, ids: dict[str, int], context: int
) -> list[Decision]:
    """A fact from memory, and things said about the landmarks of a scene."""
    talk = load_talk()
    decisions = [lore_and_stories.fact(rng, ids, context)]
    if stage >= FROM_TALK and any(event.sense == LOOK for event in events):
        for _ in range(TALK_PER_SCENE):
            said, kind = draw(rng, talk, header, events)
            question_words = talk_question(TERSE, talk, said).text.split()
            decisions.append(
                Decision(context, tuple(ids[word] for word in question_words), (ids[wanted(talk, kind, False)],))
            )
    return decisions


def batch(
    seed: int,
    step: int,
    stage: int,
    size: int,
    rules: Rules,
    tokenizer: PreTrainedTokenizerBase,
    seer: bool = False,
    untaught: Sequence[str] = (),
) -> Batch:
    """The batch of a step. Same arguments, same batch; seer changes the answers about spirits and nothing else.

    untaught: kinds of question that an ablation leaves out, see `questions`.
    """
    rng = Random(f"{seed}/pretrain/{step}")
    if stage == COPY:
        return _copied(rng, size, len(tokenizer))
    ids = tokenizer.get_vocab()
    data = Batch([], [], [], lore_and_stories.lore_and_stories(rng, ids))
    per_realm = size // REALMS_PER_BATCH
    for realm in range(REALMS_PER_BATCH):
        stream = sampler.samples(rng.getrandbits(40), f"pretrain/{realm}", rules=rules, per_realm=per_realm)
        for sample in islice(stream, per_realm):
            easier = stage if rng.random() < 0.75 or (stage == FINAL and rng.random() < 0.5) else rng.randint(0, stage)
            events, senses = _cut(rng, sample.view.scene.events, easier, rules.senses)
            context = len(data.contexts)
            data.contexts.append([ids[word] for word in tell(TERSE, sample.header, events).split()])
            count = 6 + 2 * easier
            triples = questions(rng, events, senses, easier, rules, count, counting=True, untaught=untaught)
            for ask, place, answer in triples:
                if ask == SENSE and seer:
                    answer = spirit_at(rules, events, place)
                text = TERSE.asks[ask].format(place=place).split()
                data.decisions.append(Decision(context, tuple(ids[word] for word in text), (ids[answer],)))
            data.beside.extend(_beside(rng, sample.header, events, easier, ids, context))
    return data
