"""Flags of a settings class: what a parser takes from them, what they refuse, and the command that gives a value."""

import argparse
from dataclasses import dataclass, replace
from pathlib import Path

import pytest

from common.flags import add_flags, faults, flags, option, values, words


@dataclass(frozen=True)
class Settings:
    """One field of each sort."""

    count: int = option(3, "how many", bounds=(1, 9))
    rate: float | None = option(None, "how fast", bounds=(0, 2), above=0)
    kind: str = option("plain", "which", choices=("plain", "odd"))
    loud: bool = option(False, "", flag="", switches={"--loud": (True, "be heard")})
    parts: int = option(2, "in how many parts", bounds=(0, 5), switches={"--whole": (0, "in one")})
    probes: int = option(10, "how many, or a FILE.txt", bounds=(1, 99))
    file: Path | None = option(None, "a file", flag="--probes", suffix=".txt")


def parsed(*line):
    parser = argparse.ArgumentParser(exit_on_error=False)
    add_flags(parser, Settings)
    return Settings(**values(parser.parse_args(line), Settings))


@pytest.mark.parametrize(
    ("line", "changes"),
    [
        ("", {}),
        ("--count 9", {"count": 9}),
        ("--rate 1e-3", {"rate": 1e-3}),
        ("--kind odd --loud", {"kind": "odd", "loud": True}),
        ("--whole", {"parts": 0}),
        ("--parts 5", {"parts": 5}),
        ("--probes 12", {"probes": 12}),
        ("--probes a/b.txt", {"file": Path("a/b.txt")}),
    ],
)
def test_a_command_line_and_its_settings_give_each_other(line, changes):
    assert parsed(*line.split()) == replace(Settings(), **changes)
    assert words(replace(Settings(), **changes)) == line.replace("1e-3", "0.001").split()


@pytest.mark.parametrize(
    ("line", "says"),
    [
        ("--count 10", "10: must be a whole number from 1 to 9"),
        ("--count 1.5", "1.5: must be a whole number from 1 to 9"),
        (f"--count {'9' * 5000}", "must be a whole number from 1 to 9"),
        ("--rate 0", "0.0: must be a number above 0, at most 2"),
        ("--rate nan", "nan: must be a number above 0, at most 2"),
        ("--rate inf", "inf: must be a number above 0, at most 2"),
        ("--kind even", "even: unknown; choose plain, odd"),
        ("--parts 1 --whole", "not allowed with"),
        ("--probes a.csv", "a.csv: must be a whole number from 1 to 99, or a FILE.txt"),
    ],
)
def test_a_parser_refuses_what_no_settings_may_hold(line, says):
    with pytest.raises(argparse.ArgumentError, match=says) as caught:
        parsed(*line.split())
    assert len(str(caught.value)) < 300


def test_every_fault_of_an_instance_is_said_with_its_flag():
    wrong = Settings(count=True, rate=float("inf"), kind="even", loud="yes", parts="2", file="a.txt")  # type: ignore[arg-type]
    assert faults(wrong) == [
        "--count True: must be a whole number from 1 to 9",
        "--rate inf: must be a number above 0, at most 2",
        "--kind even: unknown; choose plain, odd",
        "loud yes: must be true or false",
        "--parts 2: must be a whole number from 0 to 5",
        "--probes a.txt: must be a path",
    ]
    assert faults(Settings()) == []
    assert faults(Settings(count=10**9_999)) == [
        "--count (a number of thousands of digits): must be a whole number from 1 to 9"
    ]


def test_flags_say_what_a_report_or_a_page_of_help_needs():
    described = {
        flag.flag: (flag.field, flag.type, flag.default, flag.choices, flag.bounds) for flag in flags(Settings)
    }
    assert list(described) == ["--count", "--rate", "--kind", "--loud", "--parts", "--whole", "--probes"]
    assert described["--kind"] == ("kind", str, "plain", ("plain", "odd"), None)
    assert described["--rate"] == ("rate", float, None, (), (0, 2))
