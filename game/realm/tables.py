"""Tables of words from assets/: read, checked, refused in one line that says where, what and how to mend it."""

import re
import tomllib
from pathlib import Path
from typing import Any

from game.realm.rulecheck import RulesError
from game.realm.rules import LARGEST_FILE

ASSETS = Path(__file__).resolve().parents[2] / "assets"
SENTENCE = re.compile(r"([a-z]+|\{[a-z]+\}|[.,?])( ([a-z]+|\{[a-z]+\}|[.,?]))*")


def read(path: Path, keys: tuple[str, ...]) -> dict[str, Any]:
    """The tables of a TOML file that holds exactly these keys. Raises RulesError."""
    try:
        if path.stat().st_size > LARGEST_FILE:
            raise RulesError(f"{path.name}: larger than {LARGEST_FILE} bytes; a file of words is a few kB")
        data = tomllib.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise RulesError(f"{path}: cannot be read ({error.strerror}); restore it from the repository") from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise RulesError(f"{path.name}: not TOML: {error}") from error
    for key in data:
        if key not in keys:
            raise RulesError(f"{path.name} {key}: unknown key; known: {', '.join(keys)}")
    for key in keys:
        if key not in data:
            raise RulesError(f"{path.name}: the key {key} is missing")
    return data


def table(value: Any, where: str) -> dict[str, Any]:
    """A table with something in it. Raises RulesError."""
    if not isinstance(value, dict) or not value:
        raise RulesError(f"{where}: must be a table that is not empty")
    return value


def words(value: Any, where: str, least: int = 1) -> tuple[str, ...]:
    """A list of at least so many different lower-case words. Raises RulesError."""
    checked = sentences(value, where, (), least)
    for word in checked:
        if not word.isalpha():
            raise RulesError(f"{where}: {word!r} must be one lower-case word")
    return checked


def sentences(value: Any, where: str, holes: tuple[str, ...], least: int = 1) -> tuple[str, ...]:
    """A list of at least so many different sentences of lower-case words, marks and these holes. Raises RulesError."""
    if not isinstance(value, list) or len(value) < least:
        raise RulesError(f"{where}: must be a list of at least {least}")
    for number, text in enumerate(value):
        if not isinstance(text, str) or len(text) > 200 or not SENTENCE.fullmatch(text):
            raise RulesError(f"{where}: {text!r} must be lower-case words and marks, one space between them")
        unknown = [hole for hole in re.findall(r"\{([a-z]+)\}", text) if hole not in holes]
        if unknown:
            raise RulesError(f"{where}: {text!r} has a hole {{{unknown[0]}}}; known: {', '.join(holes) or 'none'}")
        if text in value[:number]:
            raise RulesError(f"{where}: {text!r} stands there twice")
    return tuple(value)


def vocabulary(texts: tuple[str, ...]) -> list[str]:
    """The words and marks of sentences, without their holes, in order of appearance."""
    spoken = [word for text in texts for word in text.split() if not word.startswith("{")]
    return list(dict.fromkeys(spoken))


def english(text: str) -> str:
    """A terse sentence in plain English: marks close up, the first letter (behind every full stop too) is large."""
    text = re.sub(r" ([.,?])", r"\1", text)
    return re.sub(r"(^|[.?] )([a-z])", lambda match: match[1] + match[2].upper(), text)
