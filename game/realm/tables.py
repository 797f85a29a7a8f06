"""Tables from assets/: read, checked, and refused in one line that says where, what and how to mend it.

Everything that a file of the realm may hold is bounded here: sizes, numbers, words, texts.
"""

import difflib
import math
import re
import tomllib
from pathlib import Path
from typing import Any, TypeVar

import msgspec

from common.files import read_text

Table = TypeVar("Table", bound=msgspec.Struct)

LARGEST_FILE = 1_000_000  # bytes; a file of rules or words is a few kB
LARGEST_NUMBER = 10**6  # of either sign, for what has no narrower bounds
LONGEST_TEXT = 240  # characters
LONGEST_LIST = 1000
LONGEST_MESSAGE = 500  # characters
SENTENCE = re.compile(r"([a-z]+|\{[a-z]+\}|[.,?])( ([a-z]+|\{[a-z]+\}|[.,?]))*")
LONGEST_WORD = 24  # letters


class RulesError(ValueError):
    """A file of the realm that cannot be used: one line, where, what, how to mend it, whatever the file holds."""

    def __init__(self, message: str) -> None:
        line = "".join(letter if letter.isprintable() else " " for letter in message[: 2 * LONGEST_MESSAGE])
        super().__init__(" ".join(line.split())[:LONGEST_MESSAGE])


def read_toml(path: Path) -> dict[str, Any]:
    """A TOML file as it stands. Raises RulesError."""
    try:
        text = read_text(path, LARGEST_FILE)
    except OSError as error:
        raise RulesError(f"{path}: cannot be read ({error.strerror}); restore it from the repository") from error
    except ValueError as error:
        raise RulesError(str(error)) from error
    try:
        return tomllib.loads(text)
    except (ValueError, RecursionError) as error:  # too many digits or brackets are no TOMLDecodeError
        raise RulesError(f"{path}: not TOML: {error}") from error


def read(path: Path, keys: tuple[str, ...]) -> dict[str, Any]:
    """The tables of a TOML file that holds exactly these keys. Raises RulesError."""
    data = read_toml(path)
    for key in data:
        if key not in keys:
            raise RulesError(f"{path.name} {plain(key)}: unknown key; known: {', '.join(keys)}")
    for key in keys:
        if key not in data:
            raise RulesError(f"{path.name}: the key {key} is missing")
    return data


def brief(value: object) -> str:
    """A value as an error quotes it: one line, not too long."""
    text = repr(value)
    return text if len(text) <= 60 else text[:57] + "..."


def plain(key: str) -> str:
    """A key as an error names it; in quotes if it isn't one word."""
    return key if re.fullmatch(r"[\w-]{1,40}", key) else brief(key)


def is_word(value: object) -> bool:
    """True of one lower-case word."""
    return isinstance(value, str) and value.isalpha() and value.islower() and len(value) <= LONGEST_WORD


def check(value: Any, shape: Any, where: str) -> None:
    """Every key known, none missing, every value of its type and size. Raises RulesError.

    shape: a dict of shapes by key ("*": any one word; "KEY?": may be missing); a list with the shape of its items; int,
    float or str; or object, for what is checked elsewhere.
    """
    if isinstance(shape, dict):
        _check_table(value, shape, where)
    elif isinstance(shape, list):
        if not isinstance(value, list) or len(value) > LONGEST_LIST:
            raise RulesError(f"{where}: must be list of at most {LONGEST_LIST}, is {type(value).__name__}")
        for item in value:
            check(item, shape[0], where)
    elif shape is str:
        if not isinstance(value, str):
            raise RulesError(f"{where}: must be str, is {type(value).__name__}")
        if not 1 <= len(value) <= LONGEST_TEXT or not value.isprintable():
            raise RulesError(f"{where}: must be 1 to {LONGEST_TEXT} characters of text on one line, is {brief(value)}")
    elif shape is not object:
        _check_number(value, shape, where)


def _check_table(value: Any, shape: dict[str, Any], where: str) -> None:
    if not isinstance(value, dict) or len(value) > LONGEST_LIST:
        raise RulesError(f"{where}: must be a table of at most {LONGEST_LIST} keys")
    needed = [name for name in shape if name != "*" and not name.endswith("?")]
    shape = {name.rstrip("?"): inner for name, inner in shape.items()}
    names = [name for name in shape if name != "*"]
    for key in value:
        if key not in shape and "*" not in shape:
            near = difflib.get_close_matches(key, names, 1)
            hint = f"did you mean {near[0]}?" if near else f"known: {', '.join(names)}"
            raise RulesError(f"{_below(where, key)}: unknown key; {hint}")
        if key not in shape and not is_word(key):
            raise RulesError(f"{_below(where, key)}: must be one lower-case word of at most {LONGEST_WORD} letters")
    for name in needed:
        if name not in value:
            raise RulesError(f"{where.rstrip()}: the key {name} is missing")
    for key, item in value.items():
        check(item, shape.get(key, shape.get("*")), _below(where, key))


def _below(where: str, key: str) -> str:
    return where + plain(key) if where.endswith(" ") else f"{where}.{plain(key)}"


def _check_number(value: Any, shape: type, where: str) -> None:
    whole = isinstance(value, int) and not isinstance(value, bool)
    if not whole and not (shape is float and isinstance(value, float)):
        raise RulesError(f"{where}: must be {shape.__name__}, is {type(value).__name__}")
    if not (math.isfinite(value) if isinstance(value, float) else True) or abs(value) > LARGEST_NUMBER:
        raise RulesError(f"{where}: must lie between -{LARGEST_NUMBER} and {LARGEST_NUMBER}")


def bounded(value: Any, least: float, most: float, where: str) -> float:
    """A number between two bounds, both included. Raises RulesError."""
    check(value, float, where)
    if not least <= value <= most:
        raise RulesError(f"{where}: must lie between {least:g} and {most:g}, is {value:g}")
    return float(value)


def table(value: Any, where: str) -> dict[str, Any]:
    """A table with something in it. Raises RulesError."""
    if not isinstance(value, dict) or not 1 <= len(value) <= LONGEST_LIST:
        raise RulesError(f"{where}: must be a table that is not empty, of at most {LONGEST_LIST} keys")
    return value


def words(value: Any, where: str, least: int = 1) -> tuple[str, ...]:
    """A list of at least so many different lower-case words. Raises RulesError."""
    checked = sentences(value, where, (), least)
    for word in checked:
        if not is_word(word):
            raise RulesError(f"{where}: {brief(word)} must be one lower-case word")
    return checked


def sentences(value: Any, where: str, holes: tuple[str, ...], least: int = 1) -> tuple[str, ...]:
    """A list of at least so many different sentences of lower-case words, marks and these holes. Raises RulesError."""
    if not isinstance(value, list) or not least <= len(value) <= LONGEST_LIST:
        raise RulesError(f"{where}: must be a list of at least {least} and at most {LONGEST_LIST}")
    for number, text in enumerate(value):
        if not isinstance(text, str) or len(text) > LONGEST_TEXT or not SENTENCE.fullmatch(text):
            raise RulesError(f"{where}: {brief(text)} must be lower-case words and marks, one space between them")
        unknown = [hole for hole in re.findall(r"\{([a-z]+)\}", text) if hole not in holes]
        if unknown:
            raise RulesError(f"{where}: {brief(text)} has a hole {{{unknown[0]}}}; known: {', '.join(holes) or 'none'}")
        if text in value[:number]:
            raise RulesError(f"{where}: {brief(text)} stands there twice")
    return tuple(value)


def vocabulary(texts: tuple[str, ...]) -> list[str]:
    """The words and marks of sentences, without their holes, in order of appearance."""
    spoken = [word for text in texts for word in text.split() if not word.startswith("{")]
    return list(dict.fromkeys(spoken))


def english(text: str) -> str:
    """A terse sentence in plain English: marks close up, the first letter (behind every full stop too) is large."""
    text = re.sub(r" ([.,?])", r"\1", text)
    return re.sub(r"(^|[.?] )([a-z])", lambda match: match[1] + match[2].upper(), text)


def converted(data: object, kind: type[Table], file: str) -> Table:
    """Parsed TOML as a frozen struct. Raises RulesError with the file, the key and the fault."""
    try:
        return msgspec.convert(data, kind)
    except msgspec.ValidationError as error:
        fault, _, where = str(error).partition(" - at `$.")
        raise RulesError(f"{file} {where.rstrip('`') or 'top'}: {fault[:1].lower()}{fault[1:]}") from error
