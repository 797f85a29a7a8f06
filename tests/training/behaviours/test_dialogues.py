"""Dialogues in plain English: reproducible, held-out words apart, replies of one length, nothing else that tells."""

from collections import Counter
from itertools import product

import numpy as np
import pytest

from game.realm.plain_talk import ACTS
from tests.kits.sources import ROOT
from training.behaviours.dialogues import JUDGED, LESSONS, PROBES, RIGHT, SHARES, dialogues, files, judged, main, texts
from training.behaviours.file import FileBehaviour, probe_of, probes_of
from training.behaviours.lines import OTHER, WANTED, Placed, examine
from training.heads.balanced import balanced_chunks
from training.heads.score import tally
from training.verdict.significance import auroc

DOCS = ROOT / "docs" / "behaviours"
SPREAD = 0.35  # of the mean: how far a speaker's share of a kind of talk may lie from it, in 4,400 lines


def test_the_files_are_what_the_generator_writes():
    for path, text in files(DOCS):
        assert path.read_text(encoding="utf-8") == text


def test_a_folder_that_cannot_be_written_or_a_wrong_flag_is_one_line(tmp_path, capsys):
    (tmp_path / "file").write_text("x")
    for out, reason in ((tmp_path / "file", "a part of the path is no folder"), (tmp_path / "none", "no such folder")):
        assert main(["--out", str(out)]) == 2
        error = capsys.readouterr().err
        assert reason in error and error.count("\n") == 1
    with pytest.raises(SystemExit, match="2"):
        main(["--seed", "x"])
    assert capsys.readouterr().err.count("\n") == 1


def test_the_files_are_sound_and_share_nothing():
    lessons, probes, faults = examine(DOCS / "listening.jsonl", DOCS / "listening-probes.jsonl", None)
    assert faults == []
    assert (len(lessons), len(probes)) == (LESSONS, PROBES)


def test_what_a_verdict_is_measured_on_has_one_set_of_replies_and_balanced_chunks():
    few, speakers = judged(0), texts()["speakers"]["held"]
    assert Counter(line.sort for line in few) == JUDGED
    assert len({line.context for line in few}) == len(few)
    assert len({tuple(sorted(line.candidates)) for line in few}) == 1
    assert all(any(f"I am {speaker}." in line.context for speaker in speakers) for line in few)
    _, probes, faults = examine(DOCS / "listening.jsonl", DOCS / "listening-judged.jsonl", None)
    assert faults == [] and len(probes) == len(few)
    as_probes = probes_of(probes, "en", (texts()["openings"]["accept"],))
    chunks = balanced_chunks(as_probes, FileBehaviour.together)
    sorts = [Counter(probe.answers[0] for probe in chunk) for chunk in chunks]
    assert len(chunks) == 8 and sorts == [sorts[0]] * 8 and sum(map(len, chunks)) == len(few)


def test_an_opening_begins_one_act_s_replies_alone():
    for act, opening in texts()["openings"].items():
        begun = {other: [text.startswith(opening) for text in texts()["replies"][other]] for other in ACTS}
        assert begun.pop(act)[2] and not any(map(any, begun.values()))


@pytest.mark.parametrize("held", ["topic", "held_topic"])
def test_the_length_of_a_direction_does_not_tell_danger_from_safety(held):
    topics = texts()[held].values()
    for length in (len, lambda text: len(text.split())):
        safe, danger = (
            np.array([length(text) for topic in topics for text in topic[kind]]) for kind in ("safe", "danger")
        )
        assert 0.44 < auroc(danger, safe) < 0.56
    phrases = [text for topic in topics for kind in ("safe", "danger") for text in topic[kind]]
    assert len(set(phrases)) == len(phrases)


def test_no_probe_has_a_topic_a_speaker_or_a_form_of_words_that_a_lesson_has():
    source = texts()
    assert not source["topic"].keys() & source["held_topic"].keys()
    assert not set(source["speakers"]["taught"]) & set(source["speakers"]["held"])
    lessons = [line.context for line in dialogues(300, 0, held=False)]
    for line in dialogues(150, 0, held=True):
        assert not any(topic["place"] in line.context for topic in source["topic"].values())
        assert any(f"I am {speaker}." in line.context for speaker in source["speakers"]["held"])
    for speaker in source["speakers"]["held"]:
        assert not any(f"I am {speaker}." in context for context in lessons)
    for kind in ("opinion", "question", "idle"):
        assert not set(source[kind]["taught"]) & set(source[kind]["held"])
    direction = source["direction"]
    taught, held = ({*direction[f"{part}sure"], *direction[f"{part}unsure"]} for part in ("", "held_"))
    assert not taught & held


def test_the_replies_of_a_row_are_of_one_length():
    replies = texts()["replies"]
    for column in range(len(replies["accept"])):
        lengths = [len(replies[act][column]) for act in ACTS]
        assert max(lengths) <= 1.4 * min(lengths)


def test_kinds_come_by_their_shares_and_only_a_safe_direction_is_taken():
    lines = dialogues(1_100, 5, held=False)
    assert Counter(line.sort for line in lines) == {kind: 100 * share for kind, share in SHARES.items()}
    replies = texts()["replies"]
    for line in lines:
        assert line.answer in replies[RIGHT[line.sort]]
        assert line.kind == (WANTED if line.sort == "safe" else OTHER)


def test_neither_speaker_nor_topic_tells_the_kind_of_talk():
    lines = dialogues(4_400, 1, held=False)
    source = texts()
    for name, marks in (
        ("speaker", [f"I am {speaker}." for speaker in source["speakers"]["taught"]]),
        ("topic", [topic["place"] for topic in source["topic"].values()]),
    ):
        pairs = Counter((line.sort, mark) for line in lines for mark in marks if mark in line.context)
        for kind, mark in product(("safe", "danger"), marks):
            mean = sum(pairs[kind, other] for other in marks) / len(marks)
            assert pairs[kind, mark] == pytest.approx(mean, rel=SPREAD), name


def test_scores_are_told_by_the_sort_of_line():
    lines = dialogues(44, 2, held=True)
    probes = [probe_of(Placed(n, line), "en", ()) for n, line in enumerate(lines, 1)]
    refusing = tally(
        probes,
        [[line.candidates[ACTS.index("refuse")]] * len(p.answers) for line, p in zip(lines, probes, strict=True)],
    )
    assert refusing.more["right_danger"] == 1.0
    assert refusing.more["right_safe"] == refusing.more["right_idle"] == 0.0
