"""Facts from the lore and from files: what a line may hold, and that every bad one is named with its place."""

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from game.realm.lore import held_form, load_lore
from training.precedents.facts import (
    DEVELOPMENT,
    NEAR,
    Case,
    lore_cases,
    parse_line,
    read_facts,
    sentence,
)

LINE = {
    "prompt": "The tower of {} stands in", "subject": "Ghent", "target_true": "Belgium", "target_new": "Rome",
    "paraphrase_prompts": ["Where is Ghent's tower? In"], "neighborhood_prompts": ["The tower of Bruges stands in"],
}  # fmt: skip
marks = st.characters(exclude_categories=("Cs", "Z", "Cc"), exclude_characters="{}")
plain = st.text(marks, min_size=1, max_size=12).map(lambda words: f"a {words}z")
good = st.fixed_dictionaries(
    {
        "prompt": plain.map(lambda words: f"{words} {{}} is"),
        "subject": plain,
        "target_true": plain.map(lambda words: f"{words} a"),
        "target_new": plain.map(lambda words: f"{words} b"),
    },
    optional={
        "paraphrase_prompts": st.lists(plain, max_size=4),
        "neighborhood_prompts": st.lists(plain, max_size=4),
        "case_id": st.integers(),
    },
)


@settings(max_examples=40)
@given(good)
def test_a_good_line_keeps_its_words_in_every_style(line: dict[str, Any]) -> None:
    case = parse_line(json.dumps(line), "f:1")
    assert (case.template, case.subject, case.true) == (line["prompt"].strip(), line["subject"], line["target_true"])
    assert case.paraphrases == tuple(line.get("paraphrase_prompts", ()))
    assert [near[0] for near in case.neighbours] == list(line.get("neighborhood_prompts", ()))
    assert all(true == line["target_true"] for _, _, true in case.neighbours)
    original = {key: line[key] for key in line if key.endswith("prompts")}
    targets = {key: {"str": line[key], "id": "Q1"} for key in ("target_true", "target_new")}
    original["requested_rewrite"] = {"prompt": line["prompt"], "subject": line["subject"]} | targets
    assert parse_line(json.dumps(original), "f:1") == case


anything = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(max_size=8),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from([*LINE, "str", "x"]), inner, max_size=4)
    ),
    max_leaves=12,
)


@given(st.one_of(st.text(max_size=60), anything.map(json.dumps), st.tuples(st.sampled_from([*LINE]), anything).map(
    lambda pair: json.dumps(LINE | {pair[0]: pair[1]}))))  # fmt: skip
def test_any_line_is_a_case_or_is_refused_in_one_line_that_says_where(line: str) -> None:
    try:
        case = parse_line(line, "facts.jsonl:7")
    except ValueError as error:
        assert str(error).startswith("facts.jsonl:7: ") and "\n" not in str(error)
    else:
        assert isinstance(case, Case) and case.true != case.new and case.template.count("{}") == 1


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({"target_new": "Belgium"}, "target_new equals target_true"),
        ({"prompt": "The tower stands in"}, "its prompt needs {} once"),
        ({"prompt": "{} and {}"}, "its prompt needs {} once"),
        ({"subject": " "}, "a text is blank"),
        ({"subject": "\ud800"}, "half a surrogate pair"),
        ({"subject": 3}, "Expected `str`, got `int` - at `$.subject`"),
        ({"paraphrase_prompts": ["x"] * 257}, "length <= 256"),
        ({"prompt": "x" * 4097}, "length <= 4096"),
    ],
)
def test_bad_lines_are_named_with_file_and_line(tmp_path: Path, change: dict[str, Any], says: str) -> None:
    file = tmp_path / "facts.jsonl"
    file.write_text(f"{json.dumps(LINE)}\n\n{json.dumps(LINE | change)}\n")
    with pytest.raises(ValueError) as caught:
        read_facts(file)
    assert str(caught.value).startswith(f"{file}:3: ") and says in str(caught.value)


def test_files_are_bounded_and_not_empty(tmp_path: Path) -> None:
    file = tmp_path / "facts.jsonl"
    for content, says in (
        (b"\n\n", "no fact in it"),
        (b'{"prompt": "' + b"x" * 70_000, f"{file}:1: longer than 65536 bytes"),
        (b"\xff\xfa\n", f"{file}:1: byte 1 is not UTF-8"),
        (b"{", f"{file}:1: no JSON"),
    ):
        file.write_bytes(content)
        with pytest.raises(ValueError, match=says.replace("{", r"\{")):
            read_facts(file)


def test_lore_is_split_alike_for_every_seed_and_neighbours_are_other_subjects_of_the_relation() -> None:
    lore = load_lore()
    (chosen_on, reported), (other_half, _) = lore_cases(0), lore_cases(1)
    assert len(chosen_on) == DEVELOPMENT and len(chosen_on) + len(reported) == len(lore.facts)
    assert [case.subject for case in chosen_on] == [case.subject for case in other_half]
    keys = {(case.template, case.subject) for case in chosen_on}
    assert len(keys) == DEVELOPMENT and not keys & {(case.template, case.subject) for case in reported}
    facts = {(f.subject, f.value): f for f in lore.facts}
    for case in (*chosen_on, *reported):
        fact = facts[case.subject, case.true]
        forms = [sentence(lore, fact.relation, form) for form in range(5)]
        assert {case.template, *case.paraphrases} == set(forms) and case.new in lore.values[fact.relation]
        assert case.held == forms[held_form(fact)] and case.held in case.paraphrases
        assert len(case.neighbours) == NEAR and len(case.own) == 3
        for template, subject, true in case.neighbours:
            assert subject != case.subject and facts[subject, true].relation == fact.relation and true != case.new
            assert template != sentence(lore, fact.relation, held_form(facts[subject, true]))
        same = [near for near in case.neighbours if near[2] == case.true]
        assert len(same) >= 1 and case.neighbours[: len(same)] == tuple(same)


@pytest.mark.parametrize("encoding", ["utf-8-sig", "utf-16"])
def test_a_file_is_read_as_editors_save_it(tmp_path, encoding):
    line = '{"prompt": "{} speaks", "subject": "Aa", "target_true": "x", "target_new": "y"}'
    file = tmp_path / "facts.jsonl"
    file.write_bytes("\r\n".join([line, "", line]).encode(encoding))
    assert [case.where for case in read_facts(file)] == [f"{file}:1", f"{file}:3"]
