"""Dreams of talk: what was said is put into a scene of remembered places, and is answered as it was.

Hour, weather and what stands at the place stay together, because the answer may rest on them; where it stands, what
else is sensed, and in which of the words heard so far the same kind of thing is said, change. No truth is added. Beside
it, what a companion could answer before any lesson is rehearsed: danger that is known, opinions, questions, idle talk.
"""

from collections.abc import Sequence
from random import Random

from game.realm.rules import Rules
from game.realm.talk import DANGER, DIRECTION, SHARES, Utterance, dangerous, load_talk, talk_question, wanted
from game.realm.tongues import LOOK, tell, tongue_named
from perception.messages import Event
from training.data.lessons import Asked, Journal, waking
from training.data.rehearsal import Answered, rehearsal
from training.data.talk_memories import TalkMemory

TALK = 1 / 3  # of what is rehearsed beside talk is talk
RISKED = 0.6  # of that leads into danger, where there is some


def _moment(rng: Random, talks: list[TalkMemory], most: int) -> list[TalkMemory]:
    """Memories of one hour and weather, `most` at most: they can stand in one scene."""
    first = rng.choice(talks)
    alike = [memory for memory in talks if memory.header[:2] == first.header[:2] and memory is not first]
    return [first, *rng.sample(alike, min(len(alike), most - 1))]


def _again(rng: Random, memory: TalkMemory, place: str, talks: list[TalkMemory], tongue: str) -> Answered:
    """The same kind of thing said about a place, in words heard for that kind, and its answer."""
    forms = sorted({other.said.form for other in talks if other.said.kind == memory.said.kind})
    said = Utterance(memory.said.kind, rng.choice(forms), place)
    return talk_question(tongue_named(tongue), load_talk(), said), memory.act


def _as_before(
    rng: Random, events: Sequence[Event], header: tuple[str, str, str], free: list[str], tongue: str
) -> Answered:
    """Something said about one of the free places that no lesson changes, and the act that always answered it."""
    talk = load_talk()
    risky = [place for place in free if dangerous(talk, header, events, place)]
    kind = DIRECTION if risky and rng.random() < RISKED else rng.choice([k for k, _ in SHARES if k != DIRECTION])
    said = Utterance(kind, rng.randrange(talk.trained[kind]), rng.choice(risky if kind == DIRECTION else free))
    return talk_question(tongue_named(tongue), talk, said), wanted(talk, DANGER if kind == DIRECTION else kind, False)


def talk_dream(
    rng: Random, journal: Journal, rules: Rules, tongue: str, rehearse: int, sees: bool | None = None
) -> Asked:
    """A scene that never was, in which things are said that were said before, and `rehearse` questions about it.

    sees: as for `rehearsal`. A memory that can't be dreamt of (journal.verbatim) is repeated as it was.
    """
    if rng.randrange(len(journal.talk_memories) + len(journal.verbatim)) >= len(journal.talk_memories):
        return waking(rng, journal.verbatim, rules, tongue, rehearse, sees)
    talks = journal.talk_memories
    size = min(rng.choice(talks).size, len(rules.directions))
    memories = dict(zip(rng.sample(rules.directions, size), _moment(rng, talks, size), strict=False))
    free = [place for place in rng.sample(rules.directions, len(rules.directions)) if place not in memories]
    events = []
    for place in (*memories, *free[: size - len(memories)]):
        other = rng.choice(talks)
        spot = rng.choice((other.sensed, *other.spots))
        own = memories[place].sensed if place in memories else spot
        stands = [Event(sense, place, thing) for sense, thing in own if sense == LOOK]
        events += [*stands, *(Event(sense, place, thing) for sense, thing in spot if sense != LOOK)]
    rng.shuffle(events)
    labelled = tuple(_again(rng, memory, place, talks, tongue) for place, memory in memories.items())
    header = next(iter(memories.values())).header
    there = list(dict.fromkeys(event.place for event in events if event.place not in memories))
    said = sum(rng.random() < TALK for _ in range(rehearse)) if there else 0
    rehearsed = rehearsal(rng, events, rules, tongue, rehearse - said, counting=True, sees=sees)
    rehearsed += [_as_before(rng, events, header, there, tongue) for _ in range(said)]
    rng.shuffle(rehearsed)
    return Asked(tell(tongue_named(tongue), header, events), labelled, tuple(rehearsed))
