"""Lessons and probes in plain English: what is said to a helper, and which of six replies is right.

A safe direction is to be taken, a dangerous one refused, a request for an opinion answered with both sides; a question
is answered, small talk returned. Topic, speaker, register and confidence are drawn apart from one another, so that none
of them tells what kind of talk it is. The texts stand in assets/dialogues.toml. docs/behaviours/listening.jsonl,
listening-probes.jsonl and listening-judged.jsonl are what `python -m training.behaviours.dialogues` writes.
"""

import json
import sys
import tomllib
from collections.abc import Iterator, Mapping, Sequence
from functools import lru_cache
from pathlib import Path
from random import Random
from typing import Any

from msgspec.structs import replace

from common.assets import ASSETS
from common.files import write_whole
from common.parser import Parser
from game.realm.plain_talk import ACTS, ASKED
from training.behaviours.lines import OTHER, WANTED, Line, in_turn

FILE = ASSETS / "dialogues.toml"
RIGHT = {"safe": "accept", "danger": "refuse", "opinion": "offer", "question": "tell", "idle": "chat"}
CONFIDENT = ("sure", "unsure")
LESSONS, PROBES = 880, 220  # lines
SHARES = {"safe": 5, "danger": 3, "opinion": 1, "question": 1, "idle": 1}  # of eleven lines
JUDGED = {"safe": 16, "danger": 8, "opinion": 8, "question": 8, "idle": 8}  # over which a gain is shared out


@lru_cache(maxsize=1)
def texts() -> dict[str, Any]:
    """assets/dialogues.toml."""
    return tomllib.loads(FILE.read_text(encoding="utf-8"))


def dialogues(count: int, seed: int, held: bool) -> list[Line]:
    """So many different lines. held: templates, topics and speakers that no lesson has."""
    rng, contexts = Random(f"dialogues/{seed}/{held}"), set[str]()
    lines: list[Line] = []
    kinds = [kind for kind, share in SHARES.items() for _ in range(share)]
    while len(lines) < count:
        line = _line(rng, kinds[len(lines) % len(kinds)], held)
        if line.context not in contexts:
            contexts.add(line.context)
            lines.append(line)
    rng.shuffle(lines)
    return lines


def _line(rng: Random, talk: str, held: bool) -> Line:
    source = texts()
    topics = source["held_topic" if held else "topic"]
    topic = topics[rng.choice(sorted(topics))]
    speaker = rng.choice(source["speakers"]["held" if held else "taught"])
    said, cue = _said(rng, source, topic, talk, held)
    column = rng.randrange(len(source["replies"][ACTS[0]]))
    candidates = tuple(source["replies"][act][column] for act in ACTS)
    return Line(
        context=f"{topic['place']}. I am {speaker}. {said}",
        decision=ASKED,
        candidates=candidates,
        answer=candidates[ACTS.index(RIGHT[talk])],
        kind=WANTED if talk == "safe" else OTHER,
        cue=(cue,),
        sort=talk,
    )


def _said(rng: Random, source: Mapping[str, Any], topic: Mapping[str, Any], kind: str, held: bool) -> tuple[str, str]:
    """What is said, and the words on which the reply rests."""
    if kind in ("safe", "danger"):
        forms = source["direction"][("held_" if held else "") + rng.choice(CONFIDENT)]
        values = {"do": rng.choice(topic[kind])}
    elif kind == "opinion":
        forms, (one, other) = source[kind]["held" if held else "taught"], rng.choice(topic[kind])
        values = {"one": one, "other": other}
    elif kind == "question":
        forms, (ask, say) = source[kind]["held" if held else "taught"], rng.choice(topic[kind])
        values = {"ask": ask, "say": say}
    else:
        forms, values = source[kind]["held" if held else "taught"], {"talk": rng.choice(topic[kind])}
    form = rng.choice(forms)
    capitals = {name.capitalize(): text[:1].upper() + text[1:] for name, text in values.items()}
    used = next(text for name, text in (values | capitals).items() if "{" + name + "}" in form)
    return form.format(**values, **capitals), used


def judged(seed: int) -> list[Line]:
    """Few lines, of no lesson and no probe: what a verdict on a large model measures again and again.

    Their candidates are how replies begin, which is where they are chosen: a fifth of the tokens. All have one set of
    candidates. Several sets would have biases of their own each, which so few decisions can't tell. Each kind of talk
    comes equally often, and safe directions twice; the kinds take turns. So all of them fit into balanced chunks
    (`training.heads.balanced`).
    """
    rng, by_talk = Random(f"dialogues/{seed}/judged"), list[list[Line]]()
    probes = {line.context for line in dialogues(PROBES, seed, held=True)}  # by which rates may have been chosen
    openings = tuple(texts()["openings"][act] for act in ACTS)
    for talk, count in JUDGED.items():
        lines: dict[str, Line] = {}
        while len(lines) < count:
            line = _line(rng, talk, held=True)
            if line.context not in probes:
                opening = openings[line.candidates.index(line.answer)]
                lines[line.context] = replace(line, candidates=openings, answer=opening)
        by_talk.append(list(lines.values()))
    return in_turn(by_talk)


def as_text(lines: Sequence[Line]) -> str:
    """The lines of a file (docs/behaviours.md)."""
    return "".join(json.dumps(_plain(line)) + "\n" for line in lines)


def _plain(line: Line) -> dict[str, Any]:
    return {name: getattr(line, name) for name in Line.__struct_fields__}


def files(folder: Path, seed: int = 0) -> Iterator[tuple[Path, str]]:
    """Lessons and probes: where they go and what they hold."""
    yield folder / "listening.jsonl", as_text(dialogues(LESSONS, seed, held=False))
    yield folder / "listening-probes.jsonl", as_text(dialogues(PROBES, seed, held=True))
    yield folder / "listening-judged.jsonl", as_text(judged(seed))


def main(arguments: Sequence[str] | None = None) -> int:
    """Write the files; 2 where they can't be written."""
    parser = Parser(
        prog="training.behaviours.dialogues",
        description="Write the dialogues of listening in plain English as files.",
    )
    parser.add_argument("--out", type=Path, default=Path("docs/behaviours"), metavar="DIR")
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args(arguments)
    try:
        for path, text in files(options.out, options.seed):
            write_whole(path, text.encode())
            print(path)
    except OSError as error:
        print(error, file=sys.stderr)
        return 2
    return 0


if __name__ == "__main__":
    sys.exit(main())
