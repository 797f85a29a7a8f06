"""The page of a journey: a figure whose jumps link to what was seen then, with pictures where they can be painted."""

import re
from base64 import b64encode
from dataclasses import replace
from pathlib import Path

import main
from game.realm.relive import relive
from game.realm.replay import ActionLog
from game.realm.simulate import SimulateConfig, simulate
from tests.kits import reportkit as kit
from tests.kits.pagekit import Page
from training.headlog.log import write_log
from training.headlog.records import Snapshot
from training.report.gather import gather
from training.report.journey import jumps_of
from training.report.page import page

PNG = b"\x89PNG a picture"
RISE = (0.05, 0.2, 0.9, 1.0, 1.0, 1.6, 1.6)  # of head 2.1: it jumps at the third and at the sixth snapshot
TICKS = (40, 60, 80, 100, 200, 220, 240)


def journey_log(folder: Path, scene: str = "dusk : look north torii .") -> Path:
    """A log of seven snapshots of which one head jumps twice."""
    snapshots = []
    for at, (tick, own) in enumerate(zip(TICKS, RISE, strict=True), 1):
        grid = [[0.01 * at] * kit.HEADS for _ in range(kit.LAYERS)]
        grid[2][1] = own
        beliefs = (("north", "kitsune", 0.75),) if tick > 80 else ()
        rows = tuple(map(tuple, grid))
        snapshots.append(
            Snapshot(step=4 * at, phase="during", own=rows, tick=tick, scene=scene, lesson=scene, beliefs=beliefs)
        )
    write_log(folder / "log.msgpack", kit.header(0, ""), [*snapshots, *kit.records(0, "")[-1:]])
    return folder / "log.msgpack"


def test_each_jump_is_a_link_to_what_was_seen_then(tmp_path):
    text, _ = page(replace(gather(journey_log(tmp_path)), seen={80: PNG, 220: PNG}))
    shown = Page(text.replace('alt="', 'x="').replace("<img", "<br").replace("article", "section"))
    links = [a.get("xlink:href") for a in shown.of("a") if "xlink:href" in a]
    ids = [a["id"] for a in shown.of("section") if (a["id"] or "").startswith("moment-")]
    assert links == ["#moment-1", "#moment-2"] == [f"#{name}" for name in ids]
    assert re.search(
        r"1\. Tick 80: head 2\.1 moved 0\.7 in 4 steps .*steps 8 to 12 .*dusk : look north torii \.",
        shown.text("moment-1"),
    )
    assert "believed nobody anywhere" in shown.text("moment-1")
    assert "2. Tick 220: head 2.1 moved 0.6 in 4 steps" in shown.text("moment-2")
    assert "believed north kitsune 75 %" in shown.text("moment-2")
    assert [a["src"] for a in shown.of("br") if "src" in a] == [f"data:image/png;base64,{b64encode(PNG).decode()}"] * 2
    policies = [a["content"] for a in shown.of("meta") if a.get("http-equiv") == "Content-Security-Policy"]
    assert policies == ["default-src 'none'; style-src 'unsafe-inline'; img-src data:"]


def test_without_pictures_the_page_says_so_and_loads_none(tmp_path):
    text, sections = page(gather(journey_log(tmp_path)))
    assert "<img" not in text and "img-src" not in text and "No pictures" in text
    assert [s.missing for s in sections if s.id == "journey"] == [("pictures of the jumps",)]
    assert jumps_of(tmp_path) is None, "no walk lies beside it"


def test_a_hostile_scene_stays_text(tmp_path):
    text, _ = page(gather(journey_log(tmp_path, kit.HOSTILE)))
    assert "<script" not in text and "&lt;script&gt;" in text


def test_runs_without_ticks_have_no_such_section(tmp_path):
    write_log(tmp_path / "log.msgpack", kit.header(0, ""), kit.records(0, ""))
    assert 'id="journey"' not in page(gather(tmp_path / "log.msgpack"))[0]
    assert jumps_of(kit.make_experiment(tmp_path / "sight")) is None


def test_the_command_paints_the_jumps_from_the_walk_beside_the_log(tmp_path, capsys, monkeypatch):
    log, walk = journey_log(tmp_path), tmp_path / "journey.replay"
    simulate(SimulateConfig(240, 3, "shown-around", save_replay=walk))
    views = relive(ActionLog.load(walk), TICKS).views
    assert jumps_of(tmp_path) == (walk, {80: (), 220: (("north", "kitsune", 0.75),)}) == jumps_of(log)
    monkeypatch.setattr("training.report.page._named", lambda sections: [])  # figures take most of the time
    assert main.main(["report", str(tmp_path)]) == 0
    assert "pictures of the jumps" not in capsys.readouterr().out
    pictures = re.findall(r'src="data:image/png;base64,([^"]+)"', (tmp_path / "report.html").read_text())
    assert len(pictures) == len(set(pictures)) == 2 and len(views) == len(TICKS)
    other = ActionLog(3, realm="another")
    other.save(walk)
    assert main.main(["report", str(tmp_path)]) == 0
    said = capsys.readouterr()
    assert len([line for line in said.err.splitlines() if line.startswith("no pictures: ")]) == 1
    assert "not measured: journey: pictures of the jumps" in said.out
