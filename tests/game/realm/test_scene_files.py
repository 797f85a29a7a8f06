"""Scenes as data: the truth beside them, the same file for any number of processes, what is held out, what is kept."""

import errno
import io
import json
from pathlib import Path

import msgpack
import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import main
from common.files import OutputError
from game.realm import simulate as runs
from game.realm.held_out import HELD, KINDS, TRAIN, held_pairs, shows_held_pair, split_named
from game.realm.play_rules import load as load_play
from game.realm.replay import ReplayError, realm_mark
from game.realm.rules import NOTHING, load
from game.realm.scene import describe, truth
from game.realm.scene_files import read_rows
from game.realm.simulate import SimulateConfig, relive, simulate
from game.realm.world import new_world
from perception.messages import Event, Scene

RULES = load()


def rows(path: Path) -> list[dict]:
    if path.suffix == ".msgpack":
        return list(read_rows(io.BytesIO(path.read_bytes())))
    return [json.loads(line) for line in path.read_text().splitlines()]


def test_the_truth_stands_beside_the_scene_and_never_in_its_text(tmp_path):
    simulate(SimulateConfig(400, 3, scenes=tmp_path / "a.jsonl"))
    written = rows(tmp_path / "a.jsonl")
    assert len(written) == 80 and any(answer != NOTHING for row in written for answer in row["truth"])
    for row in written:
        assert len(row["truth"]) == len(row["questions"]) and row["seed"] == 3
        assert not any(name in row["text"].split() for name in (*RULES.species, NOTHING))
    world, policy = new_world(3), runs.POLICIES["random"](3)
    for _ in range(5):
        runs.step(world, policy(world))
    view = describe(world)
    assert msgspec.json.decode((tmp_path / "a.jsonl").read_bytes().splitlines()[0], type=Scene) == view.scene
    assert tuple(written[0]["truth"]) == truth(world, view)


def test_json_and_msgpack_hold_the_same(tmp_path):
    for name in ("a.jsonl", "a.msgpack"):
        simulate(SimulateConfig(100, 5, scenes=tmp_path / name, split="hour=day"))
    assert rows(tmp_path / "a.jsonl") == rows(tmp_path / "a.msgpack")


def test_parquet_holds_the_same(tmp_path):
    parquet = pytest.importorskip("pyarrow.parquet")
    for name in ("a.jsonl", "a.parquet", "b.parquet"):
        simulate(SimulateConfig(100, 5, scenes=tmp_path / name, split="pair", realms=2))
    assert (tmp_path / "a.parquet").read_bytes() == (tmp_path / "b.parquet").read_bytes()
    table = parquet.read_table(tmp_path / "a.parquet").to_pylist()
    wanted = rows(tmp_path / "a.jsonl")
    assert len(table) == len(wanted) == 40
    for one, other in zip(table, wanted, strict=True):
        assert one["candidates"] == other["questions"][0]["candidates"]
        for key in ("seed", "id", "text", "events", "truth", "hour", "region", "split"):
            assert one[key] == other[key]


def test_without_pyarrow_one_line_says_what_to_install(tmp_path, monkeypatch):
    monkeypatch.setitem(__import__("sys").modules, "pyarrow", None)
    with pytest.raises(ValueError, match=r"install second-sight\[data\], or write .jsonl or .msgpack"):
        simulate(SimulateConfig(9, scenes=tmp_path / "a.parquet"))
    assert not list(tmp_path.iterdir())


def test_the_bytes_and_the_hash_are_the_same_for_any_number_of_processes(tmp_path):
    results = [
        simulate(SimulateConfig(60, 4, scenes=tmp_path / f"{n}.jsonl", realms=3, workers=n, split="region"))
        for n in (1, 2)
    ]
    assert (tmp_path / "1.jsonl").read_bytes() == (tmp_path / "2.jsonl").read_bytes()
    assert results[0]["state_hash"] == results[1]["state_hash"]
    single = b""
    for seed in (4, 5, 6):
        simulate(SimulateConfig(60, seed, scenes=tmp_path / "one.jsonl", split="region"))
        single += (tmp_path / "one.jsonl").read_bytes()
    assert (tmp_path / "1.jsonl").read_bytes() == single
    assert sorted(path.name for path in tmp_path.iterdir()) == ["1.jsonl", "2.jsonl", "one.jsonl"]


def stop_at(seed: int, fault: BaseException):
    """A `run_jobs` of this process, in which something happens before the realm of this seed."""

    def run_jobs(jobs, workers, finished):
        results = {}
        for key, (function, arguments) in jobs.items():
            if key == seed:
                raise fault
            results[key] = function(*arguments)
            finished(len(results))
        return results

    return run_jobs


@pytest.mark.parametrize("fault", [KeyboardInterrupt(), ValueError("a process was killed")])
def test_what_is_whole_stays_after_ctrl_c_and_after_a_fault(fault, tmp_path, monkeypatch):
    monkeypatch.setattr(runs, "run_jobs", stop_at(12, fault))
    with pytest.raises(type(fault)):
        simulate(SimulateConfig(50, 10, scenes=tmp_path / "a.msgpack", realms=4))
    assert [row["seed"] for row in rows(tmp_path / "a.msgpack")] == [10] * 10 + [11] * 10
    assert [path.name for path in tmp_path.iterdir()] == ["a.msgpack"]


def test_before_anything_is_whole_what_was_there_stays(tmp_path, monkeypatch):
    (tmp_path / "a.jsonl").write_bytes(b"old")
    monkeypatch.setattr(runs, "run_jobs", stop_at(10, KeyboardInterrupt()))
    with pytest.raises(KeyboardInterrupt):
        simulate(SimulateConfig(50, 10, scenes=tmp_path / "a.jsonl", realms=2))
    assert (tmp_path / "a.jsonl").read_bytes() == b"old" and len(list(tmp_path.iterdir())) == 1


def test_a_full_disk_in_a_part_is_one_line_about_the_file_and_keeps_what_is_whole(tmp_path, monkeypatch):
    lived = runs._realm

    def full(config, out, report):
        if config.seed == 2:
            raise OSError(errno.ENOSPC, "No space left on device")
        return lived(config, out, report)

    monkeypatch.setattr(runs, "_realm", full)
    monkeypatch.setattr(runs, "run_jobs", stop_at(-1, KeyboardInterrupt()))
    with pytest.raises(OutputError, match=r"a.jsonl: the disk is full; free some space"):
        simulate(SimulateConfig(20, 1, scenes=tmp_path / "a.jsonl", realms=3))
    assert [row["seed"] for row in rows(tmp_path / "a.jsonl")] == [1] * 4


def test_a_players_replay_is_a_policy(tmp_path, capsys):
    replay, scenes = tmp_path / "walk.replay", tmp_path / "a.jsonl"
    first = simulate(SimulateConfig(700, 6, "shown-around", scenes=scenes, save_replay=replay))
    again = simulate(SimulateConfig(30_000, 0, str(replay), scenes=tmp_path / "b.jsonl"))
    assert again["state_hash"] == first["state_hash"] == relive(replay)["state_hash"] and again["ticks"] == 700
    assert (tmp_path / "b.jsonl").read_bytes() == scenes.read_bytes()
    assert main.main(["simulate", "--policy", str(replay), "--ticks", "70", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["ticks"] == 70
    with pytest.raises(ValueError, match=r"--seed 5: the replay .* is of seed 6"):
        simulate(SimulateConfig(9, 5, str(replay)))
    with pytest.raises(ValueError, match="a replay is of one realm"):
        simulate(SimulateConfig(9, 6, str(replay), workers=2))
    replay.write_bytes(replay.read_bytes()[:-9])
    with pytest.raises(ReplayError, match="not a whole msgpack file"):
        simulate(SimulateConfig(9, 0, str(replay)))
    data = {"format": "second-sight-replay", "version": 2, "realm": "other", "seed": 6, "ticks": 9, "actions": []}
    replay.write_bytes(msgpack.packb(data))
    with pytest.raises(ReplayError, match=f"another realm .*{realm_mark(load_play())}"):
        simulate(SimulateConfig(9, 0, str(replay)))


@pytest.mark.parametrize(
    ("flags", "complaint"),
    [
        (["--policy", "saint"], "--policy saint: unknown; choose random, wanderer, shown-around, or give the file"),
        (["--scenes", "a.csv"], "a.csv: unknown kind of file .csv; choose .jsonl, .msgpack or .parquet"),
        (["--scenes", "/dev/full"], "/dev/full: a device; give the name of a file"),
        (["--save-replay", "/dev/null"], "/dev/null: a device"),
        (["--scenes", "."], ".: a folder"),
        (["--split", "pair"], "--split: says which of the written scenes are held out; give --scenes FILE, too"),
        (["--scenes", "a.jsonl", "--split", "moon"], "--split moon: unknown; choose pair, place, region or hour"),
        (["--scenes", "a.jsonl", "--split", "region=moon"], "unknown region 'moon'; known: village, forest"),
        (["--realms", "0"], "--realms"),
        (["--seed", str(2**63 - 1), "--realms", "2"], "must lie between 0 and"),
        (["--save-replay", "a", "--realms", "2"], "--save-replay: holds one realm"),
    ],
)
def test_what_cannot_be_done_is_one_line_and_exit_2(flags, complaint, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    try:
        status = main.main(["simulate", "--ticks", "9", *flags])
    except SystemExit as error:
        status = error.code
    out, err = capsys.readouterr()
    assert (status, out, err.count("\n")) == (2, "", 1) and complaint in err
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("kind", [*KINDS, "place=well,gate", "region=river", "hour=dusk,night"])
def test_no_training_scene_shows_what_is_held_out(kind, tmp_path):
    simulate(SimulateConfig(6000, 2, "wanderer", scenes=tmp_path / "a.jsonl", split=kind))
    split, held = split_named(kind, RULES), 0
    for row in rows(tmp_path / "a.jsonl"):
        events = [Event(**event) for event in row["events"]]
        if split.kind == "pair":
            shows = any(
                {one, other} <= {event.thing for event in events if event.place == place}
                for one, other in held_pairs(RULES).values()
                for place in {event.place for event in events}
            )
        elif split.kind == "place":
            shows = bool({event.thing for event in events if event.sense == "look"} & set(split.words))
        elif split.kind == "hour":
            shows = row["time"] in split.words
        else:
            shows = row["split"] == HELD  # the regions of all places in sight are not in a row
            assert shows or row["region"] not in split.words
        assert row["split"] == (HELD if shows else TRAIN)
        held += shows
    assert kind.startswith(("hour", "region")) or 0 < held < 1200


@settings(max_examples=40)
@given(places=st.lists(st.sampled_from(["north", "south"]), min_size=2, max_size=2))
def test_a_pair_is_held_out_only_where_both_traces_are_at_one_place(places):
    one, other = held_pairs(RULES)["kitsune"]
    events = [Event("hear", places[0], one), Event("track", places[1], other)]
    assert shows_held_pair(RULES, events) == (places[0] == places[1])
