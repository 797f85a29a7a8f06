"""The page: every section from a made-up experiment, nothing from elsewhere, nothing unescaped, nothing made up."""

import itertools
import json
import random
import re
from dataclasses import replace

import msgspec
import numpy as np
import pytest
from msgspec import structs

from main import main
from tests.kits import reportkit as kit
from tests.kits.pagekit import Page, read
from training.headlog.log import write_log
from training.headlog.records import Allocation, Curve, HeadRow, LogError, Summary
from training.report import grids, page
from training.report.gather import gather

SECTIONS = ["verdict", "score", "learning", "heads", "lorenz", "depth", "causal", "history", "shares", "whole",
            "residuals", "settings", "runs"]  # fmt: skip


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    folder = kit.make_experiment(tmp_path_factory.mktemp("runs") / "sight")
    return Page(page.page(gather(folder))[0])


@pytest.fixture
def no_figures(monkeypatch):
    """Figures take most of a page's time: here they are left out."""
    monkeypatch.setattr(page, "_named", lambda sections: [])


def test_an_experiment_has_every_section_once(whole):
    assert [name for name in whole.sections if name] == SECTIONS
    assert [attributes["href"] for attributes in whole.of("a")] == [f"#{name}" for name in SECTIONS]


def test_the_page_needs_nothing_from_elsewhere_and_runs_nothing(whole):
    outside = {"script", "link", "img", "iframe", "object", "embed", "base", "form", "image"}
    assert not outside & {tag for tag, _ in whole.tags}
    for tag, attributes in whole.tags:
        assert not [name for name in attributes if name.startswith("on")], (tag, attributes)
        for name in ("src", "href", "action", "xlink:href"):
            assert (attributes.get(name) or "#").startswith("#"), (tag, attributes)
        assert not re.search(r"url\((?!#)", " ".join(filter(None, attributes.values()))), (tag, attributes)
    assert not re.search(r"url\(|@import|@font-face", whole.styles)
    policies = [a["content"] for a in whole.of("meta") if a.get("http-equiv") == "Content-Security-Policy"]
    assert policies == ["default-src 'none'; style-src 'unsafe-inline'"]


def test_ids_are_unique_and_what_a_figure_refers_to_is_there(whole):
    ids = [attributes["id"] for _, attributes in whole.tags if attributes.get("id")]
    used = [attributes["xlink:href"] for attributes in whole.of("use")]
    used += re.findall(r"url\((#[^)]*)\)", " ".join(a.get("clip-path") or "" for _, a in whole.tags))
    assert len(ids) == len(set(ids)) and used and {name[1:] for name in used} <= set(ids)


def test_light_dark_narrow_and_paper_are_provided_for(whole):
    for wanted in ("screen and (prefers-color-scheme:dark)", "@media print", "max-width:700px", "overflow-x:auto"):
        assert wanted in whole.styles
    assert whole.styles.count("{") == whole.styles.count("}")
    styles = " ".join(attributes.get("style") or "" for _, attributes in whole.tags)
    assert "var(--a10)" in styles and "#" not in styles  # every colour of a figure has one for light and one for dark


def test_every_picture_is_told_and_every_table_has_headers(whole):
    drawings, tables = whole.of("svg"), len(whole.of("table"))
    assert len(drawings) > 25
    assert all(a["role"] == "figure" and len(a["aria-label"] or "") > 10 for a in drawings)
    assert tables == len(whole.of("caption")) == len(whole.of("thead")) > 8
    assert {a.get("scope") for a in whole.of("th")} == {"col", "row"}


@pytest.mark.parametrize(
    "line",
    [
        "hierarchical Learned (trained, median of 3 runs): spirits named 0.0 % before, 93.0 % after;",
        "ordinary questions still right 99.8 %.",
        "Core heads (layer.head): 2.1, 1.3. They hold 72 % of the heads’ gain over control. Inserted alone they bring",
        "Why hierarchical: core holds 0.66 to 0.78",
        "localized needs share of the core, T_K: lower ≥ 0.75 (now 0.72, 0.66 … 0.78)",
        "hierarchical named; it stands while share of the core, T_K: lower ≥ 0.5 (now 0.72, 0.66 … 0.78)",
        "These are rates of rule 4, not of this page’s.",
        "seeds in the smallest arm 8 – ≥ 8 ✓ met",
        "p: heads' total above rehearsal 0.0001 – ≤ 0.01 ✓ met",
        "T_K 0.72 0.66 … 0.78 lower ≥ 0.75 ✗ not met lower ≥ 0.5 ✓ met upper ≤ 0.6",
        "core inserted 0.61 – ≥ 0.8 ✗ not met",
        "core and halo inserted 0.95 – ≥ 0.9 ✓ met",
        "all that is asked, the gate too ✗ not met ✓ met ✗ not met",
        "the verdict concerns it only",
        "Further numbers: gain over control 1.95;",
    ],
)
def test_the_verdict_stands_with_every_number_and_what_the_rule_asks_of_it(whole, line):
    assert line in whole.text("verdict")


def test_commands_and_settings_stand_there_without_the_way_to_anybodys_home(whole):
    assert "python main.py experiment sight --seeds 3 --workers 2 --out runs/sight" in whole.text("settings")
    assert "model assets/novice" in whole.text("settings")
    assert "somebody" not in str(whole.tags) + str(whole.sections)


def test_learning_is_drawn_for_each_arm_on_one_scale(whole):
    assert all(f"{arm} 3 runs" in whole.text("learning") for arm in ("trained", "shuffled", "rehearsal"))
    text = whole.text("learning")
    assert "hits 89 %" in text and "false alarms 3 %" in text and "mundane 100 %" in text and "d′ 3.24" in text


def test_the_gain_is_the_paths_and_the_lines_stands_beside_it(whole):
    text = whole.text("heads")
    table = text[text.index("that stand out") :]
    runs = [kit.records(seed, "") for seed in range(3)]
    path = np.array([[r.heads for r in run if isinstance(r, Allocation) and r.along == "path"] for run in runs]).mean(1)
    line = np.array([[r.gain for r in run if isinstance(r, HeadRow)] for run in runs])
    share = np.median(path[:, 2, 1]) / path.sum((1, 2)).mean()
    assert share > 0.4 and f"direct effect 2.1 core {100 * share:.1f} %" in table
    assert f"{100 * np.median(line[:, 9]) / line.sum(1).mean():.1f} %" in table.split(" 1.3 core ")[0]
    assert "along the training's path" in text and "straight line" in table


def test_numbers_of_swaps_wholes_and_residuals_are_those_of_the_records(whole):
    causal, residuals = whole.text("causal"), whole.text("residuals")
    assert "random insert 200 sets" in causal and "95th pct." in causal and "layer 2 output 3" in causal
    assert "context share 0.41 (0.4 … 0.42)" in whole.text("whole")
    assert re.search(r"trained 3 \S+ \S+ \S+ \S+ 0\.36 % 0\.3\d+ % yes", residuals)
    assert "Fewer than three base models" in residuals and whole.text("runs").count("0123456789") == 9


def few_figures(folder):
    """A run without a table of heads: most figures of a page show that."""
    records = [record for record in kit.records(0, "") if not isinstance(record, HeadRow)]
    write_log(folder / "log.msgpack", kit.header(0, ""), records)
    return folder


def test_the_same_logs_give_the_same_page_to_the_byte(tmp_path):
    folder = few_figures(tmp_path / "run")
    before = random.getstate(), np.random.get_state()[1].tolist()
    first, _ = (page.report(folder, tmp_path / f"{name}.html") for name in "ab")
    assert (tmp_path / "a.html").read_bytes() == (tmp_path / "b.html").read_bytes()
    assert first["bytes"] == (tmp_path / "a.html").stat().st_size < 3_000_000
    assert (random.getstate(), np.random.get_state()[1].tolist()) == before  # no random number is drawn


def test_whatever_a_log_holds_stays_text(tmp_path):
    evil = kit.HOSTILE
    out = kit.make_experiment(tmp_path / "evil", 1)
    named = dict.fromkeys(("commit", "created", "model_hash", "data_hash"), evil)
    header = structs.replace(kit.header(0, "", evil), config={evil: evil}, **named)
    (out / "trained" / "seed-0" / "log.msgpack").unlink()
    records = [structs.replace(r, name=evil, about=evil) if hasattr(r, "about") else r for r in kit.records(0, "")]
    write_log(out / evil.replace("/", "_").replace("\x00", "") / "seed-0" / "log.msgpack", header, records)
    numbers = {evil: 1.0, "gain": [None, 2, float("nan")]}
    judged = kit.judgement(word=evil, reason=evil, caveats=(evil,), numbers=numbers)
    write_log(out / "verdict.msgpack", header, [judged, *(structs.replace(s, name=evil) for s in kit.swaps(count=4))])
    (out / "score.json").write_text(json.dumps({"experiment": evil, "score": {evil: {evil: evil}, "x": [evil]}}))
    text = page.page(gather(out))[0]
    assert "script" not in {tag for tag, _ in Page(text).tags}  # strict: theirs would not be closed in order
    assert "<script" not in text and text.count("&lt;script&gt;alert") > 10
    assert "\u202e" not in text and "\x00" not in text


def test_a_log_of_the_first_version_makes_a_page_that_says_what_it_lacks(tmp_path, no_figures):
    old = {"model": "/home/somebody/x/assets/novice", "lessons": 64, "steps": 60, "probes": 16, "shuffled": False}
    records = [r for r in kit.records(0, "") if isinstance(r, HeadRow | Summary | Curve)]
    write_log(tmp_path / "log.msgpack", structs.replace(kit.header(0, ""), version=1, config=old), records)
    sheet, missing = read(tmp_path)
    assert [name for name in sheet.sections if name] == [name for name in SECTIONS if name != "score"]
    assert {"verdict: verdict", "causal: swaps", "whole: whole"} <= set(missing)
    assert "undecided Why: one run has no controls" in sheet.text("verdict")
    assert "Logs of version 1" in sheet.text("residuals") and "No swaps in this log" in sheet.text("causal")
    assert "(loss change allocation), along the straight line" in sheet.text("heads")


def test_a_folder_of_named_logs_is_arms_and_the_control_is_known_by_its_header(tmp_path):
    for name, control in (("sight", ""), ("shuffled", "shuffled")):
        for seed in range(2):
            write_log(tmp_path / f"{name}-{seed}.msgpack", kit.header(seed, control), [])
    material = gather(tmp_path)
    assert {name: len(runs) for name, runs in material.arms.items()} == {"sight": 2, "shuffled": 2}
    assert len(material.control("shuffled")) == 2


def test_a_killed_run_is_shown_as_far_as_it_goes(tmp_path, no_figures):
    folder = kit.make_run(tmp_path / "run")
    data = (folder / "log.msgpack").read_bytes()
    (folder / "log.msgpack").write_bytes(data[: len(data) // 3])
    sheet, missing = read(folder)
    assert "Read in part:" in sheet.text("residuals") and missing
    assert "trained" not in sheet.text("runs") and "in part" in sheet.text("runs")


@pytest.mark.parametrize("keep", [0, 1, 2])
def test_a_run_with_next_to_nothing_in_it_says_so_in_each_section(tmp_path, keep):
    records = kit.records(0, "")
    some = [next(r for r in records if isinstance(r, kind)) for kind in (HeadRow, Summary)]
    write_log(tmp_path / "log.msgpack", kit.header(0, ""), some[:keep])
    sheet, missing = read(tmp_path)
    assert {"verdict: verdict", "learning: curve", "history: history", "causal: swaps"} <= set(missing)
    assert all(sheet.text(name) for name in sheet.sections if name)


@pytest.mark.parametrize("extremes", [(1e100, -1e100), (5e-324, -1e100, float("nan"))])
def test_a_log_with_the_most_extreme_numbers_there_may_be_makes_a_page(tmp_path, extremes):
    turn = itertools.cycle(extremes)

    def extreme(value):
        if isinstance(value, dict):
            return {key: extreme(item) for key, item in value.items()}
        if isinstance(value, list | tuple):
            return [extreme(item) for item in value]
        return next(turn) if isinstance(value, float) else 2**53 if value == 60 else value

    records = [msgspec.convert(extreme(msgspec.to_builtins(record)), type(record)) for record in kit.records(0, "")]
    numbers = extreme(kit.judgement().numbers)
    write_log(tmp_path / "log.msgpack", kit.header(0, ""), [*records, kit.judgement(numbers=numbers), *kit.swaps(1, 8)])
    text = page.page(gather(tmp_path))[0]
    assert not re.search(r'[ ",](nan|inf)[ ",]', text) and "9,007,199,254,740,992" in Page(text).text("runs")


def test_a_large_model_stays_below_three_megabytes(tmp_path):
    with page.drawing.style():
        grid = np.random.default_rng(0).normal(size=(32, 32))
        assert 12 * len(page.drawing.svg(grids.heads(grid, 2.0, 0.1, grids.Marks()), "x")) < 3_000_000
    row = next(record for record in kit.records(0, "") if isinstance(record, HeadRow))
    write_log(tmp_path / "log.msgpack", structs.replace(kit.header(0, ""), layers=64, heads=32), [row])
    assert "too many to draw" in page.page(gather(tmp_path))[0]


def test_several_base_models_are_kept_apart(tmp_path, no_figures):
    for base in (0, 1):
        kit.make_experiment(tmp_path / f"base-{base}", 1)
    material = gather(tmp_path)
    assert material.bases == (0, 1) and len(material.runs) == 6 and len(material.main) == 1
    joint = {"score": {"verdict": {"word": "undecided", "reason": "the base models disagree"}}}
    sheet = read(replace(material, score=joint | {"bases": ["assets/novice", "runs/b"]}))[0]
    text = sheet.text("verdict")
    assert text.index("disagree") < text.index("The first of 2 base models") < text.index("core holds 0.66 to 0.78")
    assert re.search(r"assets/novice hierarchical 0\.72 .* runs/b hierarchical 0\.72 \(0\.66 … 0\.78\)", text)
    assert "gain: trained, base 1" in sheet.text("heads") and "trained, base 1" in sheet.text("learning")
    assert "heads of different models are not the same heads" in sheet.text("heads")
    assert "disagree" not in read(replace(gather(tmp_path / "base-0"), score=joint))[0].text("verdict")


@pytest.mark.parametrize(("name", "data"), [("score.json", b"{"), ("score.json", b"[1]"), ("verdict.msgpack", b"\xc1")])
def test_a_broken_file_beside_the_logs_is_a_caveat(tmp_path, name, data):
    out = kit.make_experiment(tmp_path / "sight", 1)
    (out / name).write_bytes(data)
    assert any(fault.startswith(name) for fault in gather(out).faults)


def test_arms_without_controls_miss_no_verdict(tmp_path, no_figures):
    for arm in ("narrow", "wide"):
        kit.make_run(tmp_path / arm / "seed-0")
    sheet, missing = read(tmp_path)
    assert "gives no verdict" in sheet.text("verdict") and "verdict: verdict" not in missing
    kit.make_run(tmp_path / "shuffled" / "seed-0", 0, "shuffled")
    assert "verdict: verdict" in read(tmp_path)[1]


def test_the_verb_writes_page_and_pictures_and_refuses_in_one_line(tmp_path, capsys):
    folder, link = few_figures(tmp_path / "run"), tmp_path / "link.html"
    (tmp_path / "real.html").write_text("old")
    link.symlink_to("real.html")
    assert main(["report", str(folder), "--out", str(link), "--png", str(tmp_path / "png"), "--json"]) == 0
    result = json.loads(capsys.readouterr().out)
    assert result["runs"] == 1 and link.is_symlink() and (tmp_path / "real.html").stat().st_size == result["bytes"]
    drawn = {path.stem: path.read_bytes() for path in (tmp_path / "png").iterdir()}
    assert {
        "learning-sight",
        "heads-gain-sight",
        "lorenz-share-of-the-gain",
        "history-own-over-the-steps",
    } < drawn.keys()
    assert len(drawn) == len(result["pictures"]) > 5 and all(data.startswith(b"\x89PNG") for data in drawn.values())
    for refused in (["--out", str(tmp_path / "png")], ["--out", str(tmp_path / "real.html" / "it.html")]):
        assert main(["report", str(folder), *refused]) == 2
    assert main(["report", str(tmp_path / "nowhere")]) == 2
    lines = capsys.readouterr().err.splitlines()
    assert len(lines) == 3 and "nowhere: no such run; give a run's folder" in lines[2]
    with pytest.raises(LogError, match="no log of a run in it"):
        gather(tmp_path / "png")
