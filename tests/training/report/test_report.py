"""The report: every section from a made-up experiment, nothing from elsewhere, nothing unescaped, nothing made up."""

import json
import math
import re
from html.parser import HTMLParser
from pathlib import Path

import msgspec
import numpy as np
import pytest

from tests.kits import reportkit as kit
from training.headlog.log import write_log
from training.headlog.records import Allocation, HeadRow, Summary
from training.report.gather import gather
from training.report.page import page, report

ROOT = Path(__file__).parents[3]
SECTIONS = ["verdict", "score", "learning", "heads", "lorenz", "depth", "causal", "history", "shares", "whole",
            "residuals", "settings", "runs"]  # fmt: skip
VOID = {"meta", "br", "hr", "col"}


class Page(HTMLParser):
    """Reads a page strictly: every element closed, in order; keeps its text by section, its tables and attributes."""

    def __init__(self, source: str) -> None:
        super().__init__(convert_charrefs=True)
        self.open: list[str] = []
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.sections: dict[str, str] = {"": ""}
        self.at, self.styles = "", ""
        self.feed(source)
        self.close()
        assert not self.open, f"never closed: {self.open}"

    def handle_starttag(self, tag, attrs):
        self.tags.append((tag, dict(attrs)))
        if tag not in VOID:
            self.open.append(tag)
        if tag == "section":
            self.at = dict(attrs)["id"]
            self.sections[self.at] = ""

    def handle_startendtag(self, tag, attrs):
        self.tags.append((tag, dict(attrs)))

    def handle_endtag(self, tag):
        assert self.open and self.open.pop() == tag, f"</{tag}> closes nothing"
        if tag == "section":
            self.at = ""

    def handle_data(self, data):
        if self.open and self.open[-1] == "style":
            self.styles += data
        else:
            self.sections[self.at] += f"{data} "

    def text(self, section: str) -> str:
        return " ".join(self.sections[section].split())

    def found(self, tag: str) -> list[dict[str, str | None]]:
        return [attributes for name, attributes in self.tags if name == tag]


@pytest.fixture(scope="module")
def folder(tmp_path_factory) -> Path:
    return kit.make_experiment(tmp_path_factory.mktemp("runs") / "sight")


@pytest.fixture(scope="module")
def whole(folder) -> Page:
    return Page(page(gather(folder))[0])


def alone(path: Path) -> tuple[Page, list[str]]:
    text, missing = page(gather(path))
    return Page(text), missing


def test_an_experiment_has_every_section_once_and_misses_nothing(folder, whole):
    assert [name for name in whole.sections if name] == SECTIONS
    links = [attributes["href"] for attributes in whole.found("a")]
    assert links == [f"#{name}" for name in SECTIONS]
    assert page(gather(folder))[1] == []


def test_the_page_needs_nothing_from_elsewhere_and_runs_nothing(whole):
    assert not {"script", "link", "img", "iframe", "object", "embed", "base", "form", "image", "use"} & {
        t for t, _ in whole.tags
    }
    for tag, attributes in whole.tags:
        assert not [name for name in attributes if name.startswith("on") or name == "style"], (tag, attributes)
        for name in ("src", "href", "action", "xlink:href"):
            assert (attributes.get(name) or "#").startswith("#"), (tag, attributes)
    assert "url(" not in whole.styles and "@import" not in whole.styles and "@font-face" not in whole.styles
    policies = [a["content"] for a in whole.found("meta") if a.get("http-equiv") == "Content-Security-Policy"]
    assert policies == ["default-src 'none'; style-src 'unsafe-inline'"]


def test_light_dark_narrow_and_paper_are_provided_for(whole):
    for wanted in ("screen and (prefers-color-scheme:dark)", "@media print", "max-width:700px", "overflow-x:auto"):
        assert wanted in whole.styles
    assert whole.styles.count("{") == whole.styles.count("}")
    assert any(a.get("name") == "viewport" for a in whole.found("meta"))


def test_every_picture_is_told_and_every_table_has_headers(whole):
    drawings = whole.found("svg")
    assert len(drawings) > 30
    assert all(a["role"] == "img" and len(a["aria-label"] or "") > 10 for a in drawings)
    tables = len(whole.found("table"))
    assert tables == len(whole.found("caption")) == len(whole.found("thead")) > 8
    assert {a.get("scope") for a in whole.found("th")} == {"col", "row"}
    assert whole.found("html")[0]["lang"] == "en"


def test_the_verdict_stands_with_every_number_and_what_the_rule_asks_of_it(whole):
    told = whole.text("verdict")
    assert told.startswith("Verdict hierarchical core holds 0.66 to 0.78")
    for line in (
        "seeds in the smallest arm 8 – ≥ 8 ✓ met",
        "p: heads' total above rehearsal 0.0001 – ≤ 0.01 ✓ met",
        "share of the core, T_K 0.72 0.66 … 0.78 lower ≥ 0.75 ✗ not met lower ≥ 0.35, upper ≤ 0.85 ✓ met upper ≤ 0.35",
        "core inserted 0.61 – ≥ 0.8 ✗ not met",
        "core and halo inserted 0.95 – ≥ 0.9 ✓ met",
        "all that is asked, the gate too ✗ not met ✓ met ✗ not met",
        "Core (layer.head): 2.1, 1.3.",
        "the verdict concerns it only",
        "gain_over_control 1.95",
    ):
        assert line in told, line


def test_the_command_to_redo_it_and_the_settings_are_told_without_the_way_to_anybodys_home(whole):
    assert "python main.py experiment sight --seeds 3 --workers 2 --out runs/sight" in whole.text("")
    assert "model assets/novice" in whole.text("settings")
    assert "somebody" not in str(whole.tags) + str(whole.sections)


def test_learning_is_shown_for_each_arm_on_one_scale(whole):
    told = whole.text("learning")
    assert all(f"{arm} 3 runs" in told for arm in ("trained", "shuffled", "rehearsal"))
    spoken = [a["aria-label"] or "" for a in whole.found("svg") if (a["aria-label"] or "").startswith("Learning")]
    assert len(spoken) == 3 and re.search(
        r"after 60 steps: hits 89 %; false alarms 3 %; mundane 100 %; d′ 3\.24", spoken[0]
    )


def test_the_core_heads_lead_the_table_and_hold_what_they_hold(folder, whole):
    told = whole.text("heads")
    table = told[told.index("that stand out") :]
    chunks = [
        [r.heads for r in kit.records(seed, "") if isinstance(r, Allocation) and r.along == "path"] for seed in range(3)
    ]
    gain = np.array(chunks).mean(1)  # seed, layer, head
    share = np.median(gain[:, 2, 1]) / gain.sum((1, 2)).mean()
    assert f"direct effect 2.1 core {100 * share:.1f} %" in table and share > 0.4
    assert "gain: shuffled % of the heads’ total" in told
    boxes = [a for a in whole.found("rect") if a.get("class") == "box"]
    assert len(boxes) >= 2


def test_numbers_of_swaps_wholes_and_residuals_are_those_of_the_records(whole):
    causal = whole.text("causal")
    assert "random insert 200 sets" in causal and "95th pct." in causal and "layer 2 output 3" in causal
    assert "context share 0.41 (0.4 … 0.42)" in whole.text("whole")
    residuals = whole.text("residuals")
    assert re.search(r"trained 3 \S+ \S+ \S+ \S+ 0\.4 % 0\.4 % yes", residuals)
    assert "Fewer than three base models" in residuals
    assert "Shown, not judged." in whole.text("shares")
    assert whole.text("runs").count("0123456789") == 9


def test_the_same_logs_give_the_same_page_to_the_byte(folder, tmp_path):
    first, second = (report(folder, tmp_path / f"{name}.html") for name in "ab")
    assert (tmp_path / "a.html").read_bytes() == (tmp_path / "b.html").read_bytes()
    assert first["bytes"] == second["bytes"] < 3_000_000
    assert first["verdict"] == "hierarchical"


def test_whatever_a_log_holds_stays_text(tmp_path):
    evil = kit.HOSTILE
    out = kit.make_experiment(tmp_path / "evil", 1)
    header = msgspec.structs.replace(
        kit.header(0, "", evil), commit=evil, created=evil, model_hash=evil, data_hash=evil, config={evil: evil}
    )
    (out / "trained" / "seed-0" / "log.msgpack").unlink()
    records = [
        msgspec.structs.replace(r, name=evil, about=evil) if hasattr(r, "about") else r for r in kit.records(0, "")
    ]
    write_log(out / evil.replace("/", "_").replace("\x00", "") / "seed-0" / "log.msgpack", header, records)
    judged = kit.judgement(
        word=evil, reason=evil, caveats=(evil,), numbers={evil: 1.0, "gain": [None, 2, float("nan")]}
    )
    swaps = [msgspec.structs.replace(swap, name=evil) for swap in kit.swaps(count=4)]
    write_log(out / "verdict.msgpack", header, [judged, *swaps])
    (out / "score.json").write_text(json.dumps({"experiment": evil, "score": {evil: {evil: evil}, "x": [evil]}}))
    text = page(gather(out))[0]
    found = Page(text)  # strict: an element of theirs would not be closed in order
    assert "script" not in {tag for tag, _ in found.tags} and "<script" not in text
    assert text.count("&lt;script&gt;alert(&quot;x&quot;)") > 10
    assert "\u202e" not in text and "\x00" not in text


def test_a_log_of_the_first_version_makes_a_page_that_says_what_it_lacks():
    found, missing = alone(ROOT / "tests" / "golden" / "log-version-1.msgpack")
    assert [name for name in found.sections if name] == [name for name in SECTIONS if name != "score"]
    assert {"verdict: verdict", "causal: swaps", "whole: whole"} <= set(missing)
    assert "undecided one run has no controls" in found.text("verdict")
    assert "No swaps in this log" in found.text("causal")
    assert "Logs of version 1" in found.text("residuals")
    assert "python main.py learn --behaviour sight --model assets/novice --lessons 64" in found.text("")
    assert re.search(r"sight 0 0\.0 % 93\.1 % 90\.0 % 3\.7 % 99\.9 % 3\.24 2\.43 300", found.text("runs"))


def test_a_folder_of_named_logs_is_arms_and_the_control_is_known_by_its_header():
    material = gather(ROOT / "docs" / "logs")
    assert {name: len(runs) for name, runs in material.arms.items()} == {"sight": 5, "shuffled": 5}
    assert [run.role for run in material.arms["shuffled"]] == ["shuffled"] * 5
    assert len(material.control("shuffled")) == 5


def test_a_killed_run_is_shown_as_far_as_it_goes(tmp_path):
    folder = kit.make_run(tmp_path / "run")
    data = (folder / "log.msgpack").read_bytes()
    (folder / "log.msgpack").write_bytes(data[: len(data) // 3])
    found, missing = alone(folder)
    assert "Read in part:" in found.text("residuals") and missing
    assert "trained" not in found.text("runs") and "in part" in found.text("runs")


@pytest.mark.parametrize("keep", [0, 1, 2])
def test_a_run_with_next_to_nothing_in_it_says_so_in_each_section(tmp_path, keep):
    some = [r for r in kit.records(0, "") if isinstance(r, HeadRow)][:1] + [
        r for r in kit.records(0, "") if isinstance(r, Summary)
    ]
    write_log(tmp_path / "log.msgpack", kit.header(0, ""), some[:keep])
    found, missing = alone(tmp_path)
    assert {"verdict: verdict", "learning: curve", "history: history", "causal: swaps"} <= set(missing)
    assert all(found.text(name) for name in found.sections if name)


def test_numbers_that_are_none_stay_out_of_the_drawings(tmp_path):
    nan = float("nan")
    worse = [
        msgspec.structs.replace(r, gain=nan, own=math.inf, inherited=-math.inf, pattern=nan) if isinstance(r, HeadRow)
        else r for r in kit.records(0, "") if not hasattr(r, "along")
    ]  # fmt: skip
    write_log(tmp_path / "log.msgpack", kit.header(0, ""), worse)
    text = page(gather(tmp_path))[0]
    Page(text)
    assert not re.search(r'="-?(nan|inf)|[ ,"](nan|inf)[ ,"]', text)


def test_a_large_model_stays_below_three_megabytes(tmp_path):
    rows = [
        msgspec.structs.replace(row, layer=layer, head=head)
        for row in kit.records(0, "")[-3:] if isinstance(row, HeadRow)
        for layer in range(32) for head in range(32)
    ]  # fmt: skip
    header = msgspec.structs.replace(kit.header(0, ""), layers=32, heads=32)
    write_log(tmp_path / "log.msgpack", header, rows)
    assert 500_000 < len(page(gather(tmp_path))[0]) < 3_000_000
    write_log(tmp_path / "log.msgpack", msgspec.structs.replace(header, layers=64), rows)
    assert "too many to draw" in page(gather(tmp_path))[0]


def test_several_base_models_are_kept_apart(tmp_path):
    for base in (0, 1):
        kit.make_experiment(tmp_path / f"base-{base}", 1)
    material = gather(tmp_path)
    assert material.bases == (0, 1) and len(material.runs) == 6 and len(material.main) == 1
    found = Page(page(material)[0])
    assert re.search(r"0 hierarchical 0\.72 .* 1 hierarchical 0\.72 \(0\.66 … 0\.78\)", found.text("verdict"))
    assert "gain: trained, base 1" in found.text("heads") and "trained, base 1" in found.text("learning")
    assert "heads of different models are not the same heads" in found.text("heads")


@pytest.mark.parametrize(("name", "data"), [("score.json", b"{"), ("score.json", b"[1]"), ("verdict.msgpack", b"\xc1")])
def test_a_broken_file_beside_the_logs_is_a_caveat(tmp_path, name, data):
    out = kit.make_experiment(tmp_path / "sight", 1)
    (out / name).write_bytes(data)
    found, _ = alone(out)
    assert f"Read in part: {name}" in found.text("residuals")


def test_a_score_of_strange_shape_is_shown_as_far_as_it_goes(tmp_path):
    out = kit.make_experiment(tmp_path / "sight", 1)
    huge = "9" * 400
    (out / "score.json").write_text(f'{{"bases": 3, "score": {{"hits": {huge}, "few": [{huge}, 1], "n": 7531}}}}')
    found, _ = alone(out)
    assert "7,531" in found.text("score") and huge not in found.text("score")
