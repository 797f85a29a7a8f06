"""The bench's parts as they lie in its folder: read, and refused where they are damaged, with the file and a remedy."""

from pathlib import Path
from typing import Annotated, Any

import msgspec
from msgspec import Meta, Struct

from common.files import check_output, read_json
from training.precedents.bench_parts import IN_A_ROW, LAYERS, PARTS
from training.precedents.rome import LAST, SUBJECT
from training.precedents.tracing import KINDS

SLACK = 1e-6  # of means, which may lie a rounding above their bound
Percent = Annotated[float, Meta(ge=0, le=100 + SLACK)]
Count = Annotated[int, Meta(ge=1, le=2**31)]
Share = Annotated[float, Meta(ge=-1 - SLACK, le=1 + SLACK)]
Seconds = Annotated[float, Meta(ge=0)]


class Shown(Struct):
    """Scores as far as they are shown; other keys may stand there, too."""

    score: Percent | None
    efficacy: Percent | None
    paraphrase: Percent | None
    neighbourhood: Percent | None


class Single(Struct):
    """Facts edited one by one."""

    facts: Count
    known: Annotated[float, Meta(ge=0, le=1)]
    single: Shown
    prepended: Shown


class InARow(Struct):
    """Facts edited one after the other, by their number."""

    in_a_row: dict[str, Shown]


LayerRow = msgspec.defstruct(
    "LayerRow",
    [
        ("layer", Annotated[int, Meta(ge=0, le=65_536)]),
        *((token, Shown) for token in (SUBJECT, LAST)),
        *((f"effect_{kind}_{token}", Share) for kind in KINDS for token in (SUBJECT, LAST)),
    ],
    rename=lambda name: name.replace("_", " "),
)


class Layers(Struct):
    """Layers that were tried."""

    facts: Count
    layers: list[LayerRow]  # type: ignore[valid-type]


class Scored(Struct, forbid_unknown_fields=True):
    """All scores of one fact (`scores.Scores`)."""

    score: Percent | None
    efficacy: Percent | None
    paraphrase: Percent | None
    neighbourhood: Percent | None
    held: Percent | None
    said: Percent | None
    neighbours_said: Percent | None
    own_said: Percent | None


class KeptRow(Struct, forbid_unknown_fields=True):
    """What was measured of one fact (`bench.singles`)."""

    single: Scored
    prepended: Scored
    untouched: Scored
    seconds: Seconds


def damaged(file: Path, error: Exception) -> ValueError:
    """The fault of a file that only this program writes."""
    why = " ".join(str(error).removeprefix(f"{file}: ").split())
    return ValueError(f"{file}: can't be read ({why}); remove it, and it will be measured again")


def finished_parts(out: Path, noted: dict[str, Any]) -> dict[str, Any]:
    """The parts that lie there and rest on the same; also those that weren't asked for belong to the whole.

    Raises ValueError for a damaged one, OutputError for what stands in a part's place and is no file.
    """
    finished = {}
    for name in PARTS:
        file = out / f"{name}.json"
        check_output(file)
        if not file.is_file():
            continue
        try:
            saved = read_json(file)
            if isinstance(saved, dict) and saved.get("rests_on") == noted:
                kind = Layers if name == LAYERS else InARow if name.endswith(IN_A_ROW) else Single
                msgspec.convert(saved, kind)
                finished[name] = saved
        except (OSError, ValueError) as error:  # msgspec's are ValueErrors
            raise damaged(file, error) from error
    return finished


def kept_rows(file: Path, noted: dict[str, Any], most: int | None = None) -> list[dict[str, Any]]:
    """The rows of a part that was stopped, none of another bench. most: how many facts the part has.

    Raises ValueError for a damaged file.
    """
    if not file.is_file():
        return []
    try:
        content = read_json(file)
        if not isinstance(content, dict) or not isinstance(content.get("rows"), list):
            raise ValueError("no list of rows")
        if content.get("rests_on") != noted:
            return []
        rows: list[dict[str, Any]] = content["rows"]
        msgspec.convert(rows, list[KeptRow])
        if most is not None and len(rows) > most:
            raise ValueError(f"{len(rows)} rows of {most} facts")
    except (OSError, ValueError) as error:
        raise damaged(file, error) from error
    return rows
