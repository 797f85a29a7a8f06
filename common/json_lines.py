"""Files of JSON lines as editors and shells write them: any line ends, a mark wherever files were put together."""

import codecs
from collections.abc import Iterator, Sequence
from pathlib import Path

from common.files import decode_text, read_bytes

UTF_16_OR_32 = (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE, codecs.BOM_UTF32_BE)  # UTF-32 LE begins as UTF-16 LE


def texts(path: Path, largest: int, longest: int) -> Iterator[tuple[int, str, str]]:
    """Each line's number from 1, its text, and what is wrong with it where it can't be read ("" if nothing).

    largest: bytes of the file; longest: bytes of a line. Raises ValueError where the file as a whole can't be read, and
    OSError.
    """
    for number, row in enumerate(_rows(path, largest), 1):
        if len(row) > longest:
            yield number, "", f"longer than {longest} bytes; shorten it"
            continue
        try:
            text = row.decode() if isinstance(row, bytes) else row
        except UnicodeDecodeError as error:
            yield number, "", f"byte {error.start + 1} is not UTF-8; save the file as UTF-8"
            continue
        yield number, text.lstrip("\ufeff"), ""


def _rows(path: Path, largest: int) -> Sequence[str | bytes]:
    raw = read_bytes(path, largest)
    if raw.startswith(UTF_16_OR_32):
        return decode_text(raw, path).split("\n")
    if b"\0" in raw[:1024]:
        raise ValueError(f"{path}: holds zero bytes, as UTF-16 without a mark does; save the file as UTF-8")
    return raw.splitlines()  # bytes: at line feeds and carriage returns alone


def half_surrogate(text: str) -> bool:
    """Whether a text holds half a surrogate pair, which no tokenizer reads."""
    return any("\ud800" <= mark <= "\udfff" for mark in text)
