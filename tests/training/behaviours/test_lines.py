"""A behaviour's own files: every fault told by file and line, nothing read beyond its bounds, no leak from lessons."""

import json
import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from main import ROOT, main
from training.behaviours import lines
from training.behaviours.lines import BehaviourError, Line, alike, counts, read_lines, read_pair

DOCS = ROOT / "docs" / "behaviours"
WANTED = {"context": "It rains.", "decision": " Go?", "candidates": ["yes", "no"], "answer": "yes", "kind": "wanted"}
OTHER = {"context": "It snows.", "decision": " Go?", "candidates": ["yes", "no"], "answer": "no", "kind": "other"}


@pytest.fixture
def written(tmp_path):
    """Writes lines (dictionaries, text or bytes) into a file and gives its path."""

    def write(*rows, name="lessons.jsonl"):
        path = tmp_path / name
        raw = [
            row if isinstance(row, bytes) else (row if isinstance(row, str) else json.dumps(row)).encode()
            for row in rows
        ]
        path.write_bytes(b"\n".join(raw) + b"\n")
        return path

    return write


def test_sound_lines_are_read_with_their_numbers_and_blank_ones_skipped(written):
    found, faults = read_lines(written(WANTED, "", "  \r", OTHER | {"cue": ["snows"]}))
    assert faults == []
    assert [placed.number for placed in found] == [1, 4]
    assert found[0].line == Line("It rains.", " Go?", ("yes", "no"), "yes", "wanted")
    assert found[1].line.cue == ("snows",)
    assert counts(found) == {"wanted": 1, "other": 1}


@pytest.mark.parametrize(
    ("row", "says"),
    [
        (b"{", "truncated"),
        (b"\xff\xfe", "docs/behaviours.md says what a line holds"),
        (b"[" * 100_000, "docs/behaviours.md"),
        ("[]", "Expected `object`"),
        ({k: v for k, v in WANTED.items() if k != "answer"}, "missing required field `answer`"),
        (WANTED | {"answr": "yes"}, "unknown field `answr`"),
        (WANTED | {"kind": "maybe"}, "Invalid enum value 'maybe'"),
        (WANTED | {"context": ""}, r"length >= 1 - at `\$.context`"),
        (WANTED | {"context": " \n"}, "a context is blank; write something"),
        (WANTED | {"decision": "x" * 4_097}, r"length <= 4096 - at `\$.decision`"),
        (WANTED | {"candidates": ["yes"]}, "length >= 2"),
        (WANTED | {"candidates": ["yes", "yes"]}, "two candidates are the same; name each once"),
        (WANTED | {"candidates": ["yes", " "]}, "a candidate is blank"),
        (WANTED | {"candidates": ["no", "never"]}, "its answer 'yes' is not among its candidates; add it there"),
        (WANTED | {"cue": ["snow"]}, "its cue 'snow' does not stand in its context; copy it from there"),
        (WANTED | {"candidates": [str(n) for n in range(257)]}, "length <= 256"),
        (json.dumps(WANTED).replace("rains", "\\ud800"), "surrogate"),
        (json.dumps(WANTED | {"context": "x" * 2**20}), "longer than 1048576 bytes; shorten it"),
        (WANTED | {"context": "it  RAINS."}, "context and decision stand in line 1 already"),
    ],
)
def test_each_fault_is_told_by_file_and_line(written, row, says):
    path = written(WANTED, row, OTHER)
    found, faults = read_lines(path)
    assert [placed.number for placed in found] == [1, 3]
    (fault,) = faults
    assert fault.startswith(f"{path}:2: ")
    assert "\n" not in fault
    assert re.search(says, fault)


def test_a_line_that_is_far_too_long_does_not_become_two(written):
    path = written(WANTED, "x" * (3 * 2**20), OTHER)
    found, faults = read_lines(path)
    assert [placed.number for placed in found] == [1, 3]
    assert [fault.partition(": ")[0] for fault in faults] == [f"{path}:2"]


def test_a_file_needs_both_kinds_and_has_its_bounds(written, monkeypatch, tmp_path):
    assert read_lines(written(OTHER))[1][0].endswith("no line of kind wanted; say which decision is wanted")
    assert read_lines(written(WANTED))[1][0].endswith("no line of kind other; say what has to stay as it was")
    assert "no such file" in read_lines(tmp_path / "nowhere.jsonl")[1][0]
    assert "no such file" in read_lines(tmp_path)[1][0]
    many = written(WANTED, OTHER, WANTED | {"context": "It hails."})
    monkeypatch.setattr(lines, "MOST", 2)
    assert read_lines(many)[1] == [f"{many}:3: more than 2 lines; split the file"]
    monkeypatch.setattr(lines, "MOST_FAULTS", 3)
    assert len(read_lines(written(*["?"] * 9))[1]) == 3
    monkeypatch.setattr(lines, "LARGEST", 10)
    assert "larger than 10 bytes; split it" in read_lines(many)[1][0]


VALUE = st.recursive(
    st.none()
    | st.booleans()
    | st.floats()
    | st.integers()
    | st.text(max_size=8)
    | st.sampled_from(list(WANTED.values())),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from([*WANTED, "cue", "x"]), inner, max_size=7)
    ),
    max_leaves=8,
)


@given(rows=st.lists(st.binary(max_size=40) | VALUE.map(lambda value: json.dumps(value).encode()), max_size=5))
def test_whatever_a_file_holds_every_line_is_sound_or_a_fault_of_one_line(rows, tmp_path_factory):
    path = tmp_path_factory.getbasetemp() / "any.jsonl"
    path.write_bytes(b"\n".join(rows))
    found, faults = read_lines(path)
    assert all(fault.startswith(str(path)) and "\n" not in fault and len(fault) < 2_000 for fault in faults)
    for placed in found:
        assert placed.line.answer in placed.line.candidates
        assert placed.line.context.encode() and placed.line.decision.strip()
    if not faults:
        assert {placed.line.kind for placed in found} == {"wanted", "other"}


@given(st.fixed_dictionaries({"context": st.text(min_size=1), "answer": st.text(min_size=1, max_size=256)}))
def test_what_is_written_is_read_back(tmp_path_factory, changes):
    path = tmp_path_factory.getbasetemp() / "same.jsonl"
    row = WANTED | changes | {"candidates": [changes["answer"], changes["answer"][:-1] + "☼!"]}
    path.write_text(json.dumps(row) + "\n" + json.dumps(OTHER), encoding="utf-8")
    found, faults = read_lines(path)
    assert found[-1].line.context == "It snows."
    if changes["context"].strip() and changes["answer"].strip() and len(row["candidates"][1]) <= 256:
        assert (len(found), faults) == (2, [])
        assert found[0].line.context == changes["context"]
        assert found[0].line.answer == changes["answer"]


def test_a_probe_that_shares_its_context_with_a_lesson_is_refused(written):
    lessons = written(WANTED, OTHER)
    fresh = {"context": "The sun shines."}
    probes = written(WANTED | fresh, OTHER | {"context": " it\tsnows. ", "decision": " Stay?"}, name="probes.jsonl")
    with pytest.raises(BehaviourError, match=r"probes.jsonl:2: shares its context with line 2 of the lessons"):
        read_pair(lessons, probes)
    read_pair(lessons, written(WANTED | fresh, OTHER | {"context": "Hail."}, name="probes.jsonl"))
    with pytest.raises(BehaviourError, match=r"jsonl:1: shares .* \(and 1 more: --check lists them\)"):
        read_pair(lessons, lessons)


def test_case_and_white_space_do_not_tell_contexts_apart():
    assert alike(" A  b\nC ") == alike("a B c") != alike("ab c")


def test_the_example_is_sound():
    taught, asked = read_pair(DOCS / "lending.jsonl", DOCS / "lending-probes.jsonl")
    assert counts(taught) == {"wanted": 12, "other": 18}
    assert counts(asked) == {"wanted": 10, "other": 14}
    told = [placed.line for placed in (*taught, *asked)]
    for line in told:
        if line.kind == "wanted":
            assert "card is valid" in line.context and "Nobody else" in line.context and line.answer == "lend it"
        elif "lend it" in line.candidates:
            assert "ran out" in line.context or "reserved" in line.context


def test_the_command_checks_both_files_and_lists_every_fault(written, capsys):
    good = ["learn", "--behaviour", str(DOCS / "lending.jsonl"), "--probes", str(DOCS / "lending-probes.jsonl")]
    assert main([*good, "--check", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["lessons"] == {"wanted": 12, "other": 18}
    bad = written(WANTED, "?", "??", OTHER)
    assert main(["learn", "--behaviour", str(bad), "--probes", str(DOCS / "lending-probes.jsonl"), "--check"]) == 2
    told = capsys.readouterr()
    assert [line.split(": ")[0] for line in told.err.splitlines()] == [f"{bad}:2", f"{bad}:3"]
    assert told.out == ""
    assert main(["learn", "--behaviour", "listen", "--check"]) == 2
    assert capsys.readouterr().err == ("main.py learn: --check: give --behaviour FILE.jsonl and --probes FILE.jsonl\n")
