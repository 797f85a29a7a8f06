"""A behaviour's own files: every fault told by file and line, nothing read beyond its bounds, no leak from lessons."""

import json
import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from main import main
from tests.kits.sources import ROOT
from training.behaviours import lines
from training.behaviours.leaks import alike
from training.behaviours.lines import BehaviourError, Line, counts, read_lines, read_pair

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
    placed_lines, faults = read_lines(written(WANTED, "", "  \r", OTHER | {"cue": ["snows"]}))
    assert faults == []
    assert [placed.number for placed in placed_lines] == [1, 4]
    assert placed_lines[0].line == Line("It rains.", " Go?", ("yes", "no"), "yes", "wanted")
    assert placed_lines[1].line.cue == ("snows",)
    assert counts(placed_lines) == {"wanted": 1, "other": 1}


@pytest.mark.parametrize(
    ("row", "says"),
    [
        (b"{", r"no JSON \(Expecting property name .*, column 2\); docs/behaviours.md says"),
        (b"\xff\xfe", "byte 1 is not UTF-8; save the file as UTF-8"),
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
        (WANTED | {"candidates": ["yes", "no", "not today, thank you all"]}, "candidates of 2 and 24 characters"),
        (WANTED | {"cue": ["snow"]}, "its cue 'snow' does not stand in its context; copy it from there"),
        (WANTED | {"candidates": [str(n) for n in range(257)]}, "length <= 256"),
        (json.dumps(WANTED).replace("rains", "\\ud800"), "surrogate"),
        (json.dumps(WANTED | {"context": "x" * 2**20}), "longer than 1048576 bytes; shorten it"),
        (WANTED | {"context": "it  RAINS."}, "context and decision stand in line 1 already"),
    ],
)
def test_each_fault_is_told_by_file_and_line(written, row, says):
    path = written(WANTED, row, OTHER)
    placed_lines, faults = read_lines(path)
    assert [placed.number for placed in placed_lines] == [1, 3]
    (fault,) = faults
    assert fault.startswith(f"{path}:2: ")
    assert "\n" not in fault
    assert re.search(says, fault)


def test_a_line_that_is_far_too_long_does_not_become_two(written):
    path = written(WANTED, "x" * (3 * 2**20), OTHER)
    placed_lines, faults = read_lines(path)
    assert [placed.number for placed in placed_lines] == [1, 3]
    assert [fault.partition(": ")[0] for fault in faults] == [f"{path}:2"]


def test_a_file_needs_both_kinds_and_has_its_bounds(written, monkeypatch, tmp_path):
    assert read_lines(written(OTHER))[1][0].endswith("no line of kind wanted; say which decision is wanted")
    assert read_lines(written(WANTED))[1][0].endswith("no line of kind other; say what has to stay as it was")
    assert "no such file" in read_lines(tmp_path / "nowhere.jsonl")[1][0]
    assert "is a folder" in read_lines(tmp_path)[1][0]
    many = written(WANTED, OTHER, WANTED | {"context": "It hails."})
    monkeypatch.setattr(lines, "MOST", 2)
    assert read_lines(many)[1] == [f"{many}:3: more than 2 lines; split the file"]
    monkeypatch.setattr(lines, "MOST_FAULTS", 3)
    assert len(read_lines(written(*["?"] * 9))[1]) == 3
    monkeypatch.setattr(lines, "LARGEST", 10)
    assert "larger than 10 bytes; give a smaller file" in read_lines(many)[1][0]


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
    placed_lines, faults = read_lines(path)
    assert all(fault.startswith(str(path)) and "\n" not in fault and len(fault) < 2_000 for fault in faults)
    for placed in placed_lines:
        assert placed.line.answer in placed.line.candidates
        assert placed.line.context.encode() and placed.line.decision.strip()
    if not faults:
        assert {placed.line.kind for placed in placed_lines} == {"wanted", "other"}


@given(st.fixed_dictionaries({"context": st.text(min_size=1), "answer": st.text(min_size=1, max_size=256)}))
def test_what_is_written_is_read_back(tmp_path_factory, changes):
    path = tmp_path_factory.getbasetemp() / "same.jsonl"
    row = WANTED | changes | {"candidates": [changes["answer"], changes["answer"][:-1] + "☼!"]}
    path.write_text(json.dumps(row) + "\n" + json.dumps(OTHER), encoding="utf-8")
    placed_lines, faults = read_lines(path)
    assert placed_lines[-1].line.context == "It snows."
    if changes["context"].strip() and changes["answer"].strip() and len(row["candidates"][1]) <= 256:
        assert (len(placed_lines), faults) == (2, [])
        assert placed_lines[0].line.context == changes["context"]
        assert placed_lines[0].line.answer == changes["answer"]


TEXT = [json.dumps(row, ensure_ascii=False) for row in (WANTED, OTHER | {"context": "Es schneit, größer als je."})]


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-16-le", "utf-16-be", "utf-32", "utf-32-be"])
@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
@pytest.mark.parametrize("last", ["", "{end}", "{end}{end} {end}"])
def test_files_of_any_editor_are_read_alike(tmp_path, encoding, end, last):
    path = tmp_path / "lessons.jsonl"
    marks = {"utf-16-le": "\ufeff", "utf-16-be": "\ufeff", "utf-32-be": "\ufeff"}
    path.write_bytes((marks.get(encoding, "") + end.join(TEXT) + last.format(end=end)).encode(encoding))
    lines, faults = read_lines(path)
    assert faults == []
    assert [(placed.number, placed.line.context) for placed in lines] == [
        (1, "It rains."), (2, "Es schneit, größer als je."),
    ]  # fmt: skip


def test_files_that_were_put_together_have_marks_within(written):
    lines, faults = read_lines(written(b"\xef\xbb\xbf" + TEXT[0].encode(), b"\xef\xbb\xbf" + TEXT[1].encode()))
    assert ([placed.number for placed in lines], faults) == ([1, 2], [])


def test_line_separators_within_a_text_end_no_line(written):
    odd = json.dumps(WANTED | {"context": "a\u2028b\x85c\x0bd"}, ensure_ascii=False)
    lines, faults = read_lines(written(odd, OTHER))
    assert ([placed.line.context for placed in lines], faults) == (["a\u2028b\x85c\x0bd", "It snows."], [])


def test_utf_16_without_a_mark_and_other_encodings_are_named(tmp_path, written):
    path = tmp_path / "bare.jsonl"
    path.write_bytes("\n".join(TEXT).encode("utf-16-le"))
    assert read_lines(path) == (
        [],
        [f"{path}: holds zero bytes, as UTF-16 without a mark does; save the file as UTF-8"],
    )
    latin = written(WANTED, TEXT[1].encode("latin-1"), OTHER)
    lines, faults = read_lines(latin)
    assert [placed.number for placed in lines] == [1, 3]
    assert faults == [f"{latin}:2: byte 28 is not UTF-8; save the file as UTF-8"]
    path.write_bytes("\n".join(TEXT).encode("utf-16") + b"\x00")
    assert "is not UTF-16; save the file as UTF-8" in read_lines(path)[1][0]


@pytest.mark.parametrize(
    ("row", "says"),
    [
        ('{"context": "a", "context": "b"}', "the key 'context' stands twice in one object; keep one"),
        (json.dumps(WANTED)[:-1] + ', "kind": "other"}', "the key 'kind' stands twice in one object; keep one"),
        ('{"context": NaN}', "NaN is no JSON number"),
    ],
)
def test_a_key_stands_once_in_an_object(written, row, says):
    path = written(WANTED, row, OTHER)
    assert read_lines(path)[1] == [f"{path}:2: {says}; docs/behaviours.md says what a line holds"]


def test_a_probe_that_shares_its_context_with_a_lesson_is_refused(written):
    lessons = written(WANTED, OTHER)
    fresh = {"context": "The sun shines."}
    probes = written(WANTED | fresh, OTHER | {"context": " it\tsnows. ", "decision": " Stay?"}, name="probes.jsonl")
    with pytest.raises(BehaviourError, match=r"probes.jsonl:2: shares its context with line 2 of the lessons"):
        read_pair(lessons, probes)
    read_pair(lessons, written(WANTED | fresh, OTHER | {"context": "Hail."}, name="probes.jsonl"))
    with pytest.raises(BehaviourError, match=r"jsonl:1: shares .* \(and 1 more: --check lists them\)"):
        read_pair(lessons, lessons)


LESSON = "The Café lies in the fog. Nobody waits."


@pytest.mark.parametrize(
    ("context", "decision"),
    [
        (LESSON, " Stay?"),
        (LESSON.upper(), " Stay?"),
        ("The Cafe\u0301 lies in the fog. Nobody waits.", " Stay?"),  # composed and decomposed
        ("\ufeffThe Café lies\u00a0in the fog.\r\nNobody\u2003waits.\n", " Stay?"),
        ("The Ca\u00adfé lies in the\u200b fog. Nobody waits.", " Stay?"),  # marks that nobody sees
        ("The Café lies in the ｆｏｇ. Nobody waits.", " Stay?"),
        ("The Café lies in the fog.", " Nobody waits. Stay?"),  # cut at another place
        ("The Café lies in the f", "og. Nobody waits. Stay?"),
        (LESSON + " Go?", " Stay?"),  # the lesson's decision, too
    ],
)
def test_a_probe_repeats_a_lesson_in_other_clothes(written, context, decision):
    lessons = written(WANTED | {"context": LESSON}, OTHER)
    probe = WANTED | {"context": context, "decision": decision}
    probes = written(OTHER | {"context": "The sun."}, probe, name="probes.jsonl")
    with pytest.raises(BehaviourError) as caught:
        read_pair(lessons, probes)
    says = "shares its context with line 1 of the lessons; probes need contexts that no lesson holds"
    assert caught.value.faults == [f"{probes}:2: {says}"]


@pytest.mark.parametrize(
    ("context", "decision"),
    [
        ("The Café lies in the fog. Nobody waits here.", " Go?"),
        ("The Café lies in the fog.", " Go?"),  # only a part of a lesson's
        ("The Café lies in the fog. Somebody waits.", " Nobody waits. Go?"),
        ("Nobody waits.", " Go?"),
        (LESSON + " The bell rings.", " Go?"),  # a lesson's, and more: another scene
    ],
)
def test_other_scenes_are_no_leak(written, context, decision):
    lessons = written(WANTED | {"context": LESSON}, OTHER)
    probe = WANTED | {"context": context, "decision": decision}
    read_pair(lessons, written(OTHER | {"context": "The sun."}, probe, name="probes.jsonl"))


def test_what_a_model_cannot_tell_apart_is_a_leak_to_it(written):
    class NoAccents:
        """Reads letters without their accents, as many a tokenizer does."""

        def fault(self, line):
            return ""

        def tokens(self, line):
            plain = [text.replace("é", "e") for text in (line.context, line.context + line.decision)]
            return tuple([ord(mark) for mark in text] for text in plain)

    lessons = written(WANTED | {"context": "The café."}, OTHER)
    probes = written(WANTED | {"context": "The cafe."}, OTHER | {"context": "Sun."}, name="probes.jsonl")
    read_pair(lessons, probes)
    with pytest.raises(BehaviourError, match=r"probes.jsonl:1: shares its context with line 1"):
        read_pair(lessons, probes, NoAccents())


def test_what_is_told_apart_and_what_is_not():
    assert alike(" A  b\nC ") == alike("a B c") != alike("ab c")
    assert alike("Straße") == alike("STRASSE")
    assert alike("\u200b\ufeff") == ""


def test_the_example_is_sound():
    taught, probes = read_pair(DOCS / "lending.jsonl", DOCS / "lending-probes.jsonl")
    assert counts(taught) == {"wanted": 12, "other": 18}
    assert counts(probes) == {"wanted": 10, "other": 14}
    lines = [placed.line for placed in (*taught, *probes)]
    for line in lines:
        if line.kind == "wanted":
            assert "card is valid" in line.context and "Nobody else" in line.context and line.answer == "lend it"
        elif "lend it" in line.candidates:
            assert "ran out" in line.context or "reserved" in line.context


def test_the_command_checks_both_files_and_lists_every_fault(written, capsys):
    good = ["learn", "--behaviour", str(DOCS / "lending.jsonl"), "--probes", str(DOCS / "lending-probes.jsonl")]
    assert main([*good, "--check", "--json"]) == 0
    printed = capsys.readouterr()
    assert json.loads(printed.out)["lessons"] == {"wanted": 12, "other": 18}
    assert printed.err == "the files alone were checked; with --model DIR, also whether the model can learn them\n"
    bad = written(WANTED, "?", "??", OTHER)
    assert main(["learn", "--behaviour", str(bad), "--probes", str(DOCS / "lending-probes.jsonl"), "--check"]) == 2
    printed = capsys.readouterr()
    assert [line.split(": ")[0] for line in printed.err.splitlines()] == [f"{bad}:2", f"{bad}:3"]
    assert printed.out == ""
    assert main(["learn", "--behaviour", "listen", "--check"]) == 2
    assert capsys.readouterr().err == ("main.py learn: --check: give --behaviour FILE.jsonl and --probes FILE.jsonl\n")
