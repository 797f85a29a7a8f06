"""Described scenes as rows of a file, each with the truth beside it: JSON lines, a stream of msgpack maps, or Parquet.

Rows are written as they come, realm by realm. Realms that were written into parts are joined in the order of their
seeds, so that the file is the same however many processes wrote it.
"""

from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any, BinaryIO

import msgpack
import msgspec
from msgspec import Struct

from game.realm.held_out import Split
from game.realm.scene import View, header, truth
from game.realm.senses import nearest_place
from game.realm.world import World
from perception.messages import Event, Question

JSONL, MSGPACK, PARQUET = ".jsonl", ".msgpack", ".parquet"
GROUP = 4096  # rows that are in memory at once, and in one group of a Parquet file, at most
PIECE = 2**20  # bytes that are copied at once


class Row(Struct):
    """One scene. The first five fields are the Scene itself (perception.messages), so that a mind can read a row.

    truth: who is at the place of each question, in their order; hour: 0 to 24; region: of the nearest landmark; split:
    train or held, empty without a split."""

    id: int
    tongue: str
    text: str
    events: tuple[Event, ...]
    questions: tuple[Question, ...]
    truth: tuple[str, ...]
    seed: int
    hour: float
    time: str
    weather: str
    ground: str
    region: str
    split: str = ""


def row(world: World, view: View, split: Split | None = None) -> Row:
    """The row of a scene, described just now. The truth stands beside the text, never in it."""
    scene = view.scene
    return Row(
        scene.id,
        scene.tongue,
        scene.text,
        scene.events,
        scene.questions,
        truth(world, view),
        world.seed,
        world.hour,
        *header(world),
        nearest_place(world).region,
        split.side(world, view) if split else "",
    )


def check_format(path: Path) -> None:
    """Refuses what can't be written. A name without an ending is for JSON lines. Raises ValueError with one line."""
    if path.suffix not in ("", JSONL, MSGPACK, PARQUET):
        raise ValueError(f"{path}: unknown kind of file {path.suffix[:20]}; choose {JSONL}, {MSGPACK} or {PARQUET}")
    if path.suffix == PARQUET:
        _parquet()


def encoded(rows: Iterable[Row], path: Path) -> Iterator[bytes]:
    """Rows as the bytes of a part: lines for a file of JSON, else msgpack."""
    if path.suffix in (MSGPACK, PARQUET):
        encoder = msgspec.msgpack.Encoder()
        yield from map(encoder.encode, rows)
    else:
        lines = msgspec.json.Encoder()
        for one in rows:
            yield lines.encode(one) + b"\n"


def join(parts: Iterable[Path], path: Path, out: BinaryIO) -> None:
    """Writes parts, one after the other, as the file that `path` names. Raises OSError."""
    if path.suffix == PARQUET:
        _join_parquet(parts, out)
        return
    for part in parts:
        with open(part, "rb") as stream:
            while piece := stream.read(PIECE):
                out.write(piece)


def read_rows(stream: BinaryIO) -> Iterator[dict[str, Any]]:
    """The rows of a stream of msgpack maps, up to the last whole one."""
    yield from msgpack.Unpacker(stream, max_buffer_size=64 * PIECE)


def _join_parquet(parts: Iterable[Path], out: BinaryIO) -> None:
    arrow, parquet = _parquet()
    schema = _schema(arrow)
    with parquet.ParquetWriter(out, schema, compression="zstd") as writer:
        for part in parts:
            with open(part, "rb") as stream:
                group: list[dict[str, Any]] = []
                for one in read_rows(stream):
                    group.append(one | {"candidates": one["questions"][0]["candidates"]})
                    if len(group) == GROUP:
                        writer.write_table(arrow.Table.from_pylist(group, schema))
                        group = []
                if group:
                    writer.write_table(arrow.Table.from_pylist(group, schema))


def _parquet() -> tuple[Any, Any]:
    """pyarrow and its Parquet. Raises ValueError if it isn't installed."""
    try:
        import pyarrow
        from pyarrow import parquet
    except ImportError as error:
        raise ValueError("Parquet needs pyarrow; install second-sight[data], or write .jsonl or .msgpack") from error
    return pyarrow, parquet


def _schema(arrow: Any) -> Any:
    """Columns as in Row; what a question may be answered with stands once, in `candidates`."""
    word, whole = arrow.string(), arrow.int64()
    event = arrow.struct([("sense", word), ("place", word), ("thing", word)])
    question = arrow.struct([("ask", word), ("place", word), ("text", word)])
    return arrow.schema(
        [
            ("seed", whole), ("id", whole), ("tongue", word), ("text", word), ("events", arrow.list_(event)),
            ("questions", arrow.list_(question)), ("candidates", arrow.list_(word)), ("truth", arrow.list_(word)),
            ("hour", arrow.float64()), ("time", word), ("weather", word), ("ground", word), ("region", word),
            ("split", word),
        ]
    )  # fmt: skip
