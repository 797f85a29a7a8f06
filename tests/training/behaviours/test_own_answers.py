"""Behaviours whose lines each have answers of their own: controls, scores, cues."""

import re

import msgspec
import pytest
import torch

from main import main
from perception.language import event_tokens, token_spans
from perception.model import save
from tests.kits.minds import tiny
from tests.kits.sources import ROOT
from training.behaviours.deal import dealt
from training.behaviours.file import probe_of, scene_of
from training.behaviours.lines import BehaviourError, Line, Placed
from training.heads.head_probes import chosen_places
from training.heads.score import tally

torch.set_num_threads(1)
LESSONS = ROOT / "docs" / "behaviours" / "lending.jsonl"
MODEL = tiny("gpt2", tongue="plain")


def test_a_control_that_hardly_changes_a_wanted_line_is_refused():
    def placed(own, shared):
        """So many wanted lines with candidates of their own, and so many pairs with the same two."""
        alone = [Line(f"x{n}", "?", (f"a{n}", f"b{n}"), f"a{n}", "wanted") for n in range(own)]
        pairs = [Line(f"{k}{n}", "?", ("yes", "no"), k, "wanted") for n in range(shared) for k in ("yes", "no")]
        return [Placed(n, line) for n, line in enumerate([*alone, *pairs])]

    with pytest.raises(BehaviourError, match="of the wanted lines 10% can expect another answer"):
        dealt(LESSONS, placed(8, 1), 0)
    mixed = dealt(LESSONS, placed(10, 5), 0)  # half of a half: just enough
    assert sum(one.line.answer != other.answer for one, other in zip(placed(10, 5), mixed, strict=True)) > 2


def test_a_wanted_probe_with_an_answer_that_no_lesson_has_is_hit_by_it_alone():
    line = Line("x", "?", ("Rome", "Paris"), "Rome", "wanted")
    probe = probe_of(Placed(1, line), "plain", ("Paris",))
    right, wrong = tally([probe], [["Rome"]]), tally([probe], [["Paris"]])
    assert (right.hits, wrong.hits) == (1, 0)
    assert [score.false_alarms for score in (right, wrong)] == [score.d_prime for score in (right, wrong)] == [None] * 2
    (chosen,) = chosen_places([probe], 2)
    assert chosen == (probe, 0)


def test_where_no_line_tempts_false_alarms_are_told_as_not_measured(tmp_path, capsys):
    save(MODEL, tmp_path / "model")
    files = []
    for name in ("lessons", "probes"):
        lines = [Line(f"{name} {n}. Who?", "\nWho:", (f"Ada {n}", f"Bob {n}"), f"Ada {n}", "wanted") for n in range(4)]
        lines.append(Line(f"{name}.", "\nIs it?", ("yes", "no"), "no", "other"))
        files.append(tmp_path / f"{name}.jsonl")
        files[-1].write_bytes(b"\n".join(map(msgspec.json.encode, lines)))
    words = ["learn", "--behaviour", str(files[0]), "--probes", str(files[1]), "--model", str(tmp_path / "model")]
    out = tmp_path / "run"
    assert main([*words, "--steps", "2", "--rank", "2", "--device", "cpu", "--out", str(out)]) == 0
    after = next(line for line in capsys.readouterr().out.splitlines() if line.startswith("after"))
    assert after.split()[2:5] == ["-", "-", "-"]
    assert main(["report", str(out), "--png", str(tmp_path / "png")]) == 0
    runs = re.search(
        r"Every training, on probes that no lesson held.*?</table>", (out / "report.html").read_text(), re.DOTALL
    )[0]
    cells = re.findall(r"<td[^>]*>(.*?)</td>", runs, re.DOTALL)
    assert (cells[2][-1], cells[3:5]) == ("%", ["–", "–"])  # hits, then new ones and false alarms
    assert main([*words, "--shuffled", "--device", "cpu"]) == 2  # candidates of their own: nothing to deal


def test_a_cue_is_any_part_of_the_context_wherever_it_stands():
    context = "Her card (no) is invalidated. It costs $5, she says: valid."
    cues = ("valid.", "(no)", "$5", "valid", "is invalidated")
    line = Line(context, "?", ("a", "b"), "a", "wanted", cues)
    scene = scene_of(line, "plain")
    _, spans = token_spans(MODEL.tokenizer, context)
    for event, tokens in zip(scene.events, event_tokens(MODEL.tokenizer, scene), strict=True):
        begin = context.index(event.thing)
        assert tokens and spans[tokens[0]][0] <= begin < spans[tokens[0]][1]
        assert spans[tokens[-1]][1] >= begin + len(event.thing)
