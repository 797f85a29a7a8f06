"""Command line flags that a settings dataclass describes: parser, bounds and the command come from one place.

A field made with `option` says its flag, help, choices and bounds. `flags` lists them, `add_flags` gives them to a
parser, `values` reads them back, `faults` checks the values of an instance, `words` writes the command that gives it.
"""

import argparse
import math
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, fields, replace
from pathlib import Path
from types import UnionType
from typing import Any, get_args, get_type_hints

OPTION = "option"  # the key of a field's metadata
SAID_MAX = 60  # characters of a wrong value that are said


@dataclass(frozen=True)
class Flag:
    """One flag of a field. flag: "" where a field has switches alone.

    bounds: least and most, both allowed. above: the value must exceed it. suffix: the ending of a file's name, where
    one flag takes a number or a file. optional: None is allowed. constant: what a flag without a value sets.
    """

    field: str
    flag: str
    type: type
    default: Any
    help: str
    choices: tuple[str, ...] = ()
    bounds: tuple[float, float] | None = None
    above: float | None = None
    metavar: str | None = None
    suffix: str = ""
    optional: bool = False
    switch: bool = False
    constant: Any = None

    def fault(self, value: Any) -> str:
        """What is wrong with a value, in one line that names the flag; nothing if it is sound."""
        if (value is None and self.optional) or self._sound(value):
            return ""
        if self.choices:
            return f"{self.flag or self.field} {_said(value)}: unknown; choose {', '.join(filter(None, self.choices))}"
        return f"{self.flag or self.field} {_said(value)}: must be {self._wanted()}"

    def _sound(self, value: Any) -> bool:
        if self.choices:
            return value in self.choices
        if self.type not in (int, float):
            return isinstance(value, self.type)
        if isinstance(value, bool) or not isinstance(value, int if self.type is int else int | float):
            return False
        low, high = self.bounds or (-math.inf, math.inf)
        return low <= value <= high and (self.above is None or value > self.above) and abs(value) != math.inf

    def _wanted(self) -> str:
        if self.type not in (int, float):
            return {bool: "true or false", Path: "a path"}.get(self.type, "text")
        kind = "a whole number" if self.type is int else "a number"
        if self.bounds is None:
            return kind
        low, high = (f"{bound:g}" if isinstance(bound, float) else str(bound) for bound in self.bounds)
        return f"{kind} from {low} to {high}" if self.above is None else f"{kind} above {self.above:g}, at most {high}"

    def parse(self, text: str) -> Any:
        """The value that a word of the command line means. Raises ArgumentTypeError."""
        if self.type is str and not text.strip():
            raise argparse.ArgumentTypeError(f"is empty; give {self.metavar or 'a word'}, or leave it out")
        try:
            value = self.type(text)
        except ValueError:
            value = text
        if wrong := self.fault(value):
            raise argparse.ArgumentTypeError(wrong.partition(" ")[2])
        return value

    def words(self, value: Any) -> list[str]:
        """The words of a command line that set this value."""
        if self.switch:
            return [self.flag]
        return [self.flag, repr(float(value)) if self.type is float else str(value)]


def _said(value: Any) -> str:
    """A value in one short line."""
    try:
        text = " ".join(str(value).split())
    except ValueError:  # Python writes no integer of more than 4,300 digits
        return "(a number of thousands of digits)"
    return text if len(text) <= SAID_MAX else f"{text[:SAID_MAX]}..."


def option(
    default: Any,
    help: str,
    *,
    flag: str | None = None,
    choices: Sequence[str] = (),
    bounds: tuple[float, float] | None = None,
    above: float | None = None,
    metavar: str | None = None,
    suffix: str = "",
    switches: Mapping[str, tuple[Any, str]] | None = None,
) -> Any:
    """A dataclass field with its flag. flag: None for the field's own name, "" for no flag that takes a value.

    switches: flags without a value that set this field too: flag -> (value, help).
    """
    rule = {"help": help, "choices": tuple(choices), "bounds": bounds, "above": above, "metavar": metavar}
    return field(default=default, metadata={OPTION: (flag, switches or {}, rule | {"suffix": suffix})})


def _rules(config_class: Any) -> Iterable[tuple[Flag, Mapping[str, tuple[Any, str]]]]:
    """For each field made with `option`: what holds for its values, and its switches."""
    hints = get_type_hints(config_class)
    for item in fields(config_class):
        if OPTION in item.metadata:
            flag, switches, rule = item.metadata[OPTION]
            hint = hints[item.name]
            kinds = get_args(hint) if isinstance(hint, UnionType) else (hint,)
            kind = next(kind for kind in kinds if kind is not type(None))
            name = "--" + item.name.replace("_", "-") if flag is None else flag
            yield Flag(item.name, name, kind, item.default, optional=type(None) in kinds, **rule), switches


def flags(config_class: Any) -> list[Flag]:
    """Every flag of a dataclass, in the fields' order: a field's flag that takes a value, then its switches."""
    every_flag = []
    for rule, switches in _rules(config_class):
        every_flag += [rule] if rule.flag else []
        for name, (value, text) in switches.items():
            every_flag.append(replace(rule, flag=name, help=text, switch=True, constant=value))
    return every_flag


def faults(config: Any) -> list[str]:
    """What is wrong with the values of an instance: one line for each field that has a fault."""
    return [wrong for rule, _ in _rules(type(config)) if (wrong := rule.fault(getattr(config, rule.field)))]


def _by_flag(config_class: Any, only: Sequence[str] | None = None) -> dict[str, list[Flag]]:
    """A parser's name -> what sets it: the flags of one field, or one flag of two fields (a number, or a file).

    only: these fields' alone.
    """
    together: dict[str, list[Flag]] = {}
    names: dict[str, str] = {}  # flag or field -> the parser's name
    for flag in flags(config_class):
        if only is not None and flag.field not in only:
            continue
        name = names.get(flag.flag) or names.get(flag.field) or flag.flag.removeprefix("--").replace("-", "_")
        names[flag.flag] = names[flag.field] = name
        together.setdefault(name, []).append(flag)
    return together


def add_flags(parser: argparse.ArgumentParser, config_class: Any, only: Sequence[str] | None = None) -> None:
    """Give a parser every flag of a dataclass, or those of some fields. What a command leaves out is None there."""
    for name, some in _by_flag(config_class, only).items():
        switches = [flag for flag in some if flag.switch]
        valued = [flag for flag in some if not flag.switch]
        to = parser.add_mutually_exclusive_group() if len(switches) + bool(valued) > 1 else parser
        if valued:
            first = valued[0]
            shape = first.metavar or (f"{{{','.join(first.choices)}}}" if first.choices else None)
            to.add_argument(first.flag, dest=name, type=_parser_of(valued), metavar=shape, help=_help(first))
        for flag in switches:
            to.add_argument(flag.flag, dest=name, action="store_const", const=flag.constant, help=_help(flag))


def _help(flag: Flag) -> str:
    said = flag.switch or flag.default in (None, "") or "default" in flag.help
    return (flag.help if said else f"{flag.help} (default {flag.default})").replace("%", "%%")


def _parser_of(some: Sequence[Flag]) -> Callable[[str], Any]:
    """Reads a word for one flag, or for the file's field where the word ends as its files do."""
    plain = next(flag for flag in some if not flag.suffix)
    files = [flag for flag in some if flag.suffix]

    def parse(text: str) -> Any:
        try:
            return next((flag for flag in files if text.endswith(flag.suffix)), plain).parse(text)
        except argparse.ArgumentTypeError as error:
            named = "".join(f", or a FILE{flag.suffix}" for flag in files)
            raise argparse.ArgumentTypeError(f"{error}{named}") from None

    return parse


def values(options: argparse.Namespace, config_class: Any, only: Sequence[str] | None = None) -> dict[str, Any]:
    """The fields that a command gave, all or of these alone, with their values."""
    given_values = {}
    for name, some in _by_flag(config_class, only).items():
        value = getattr(options, name, None)
        if value is not None:
            of_files = [flag for flag in some if flag.suffix and isinstance(value, flag.type)]
            given_values[(of_files or some)[0].field] = value
    return given_values


def words(config: Any, also: Collection[str] = ()) -> list[str]:
    """The words of a command line that give this instance: every field that is not at its default.

    also: fields that are said even then.
    """
    changed = []
    for flag in flags(type(config)):
        value = getattr(config, flag.field)
        wanted = value == flag.constant if flag.switch else value is not None
        if wanted and (value != flag.default or flag.field in also):
            changed.append(flag)
    return [word for flag in _shortest(changed) for word in flag.words(getattr(config, flag.field))]


def _shortest(changed: Sequence[Flag]) -> list[Flag]:
    """One flag a field, a switch where there is one."""
    return list({flag.field: flag for flag in changed}.values())
