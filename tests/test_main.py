"""The command line as a user meets it: one line for each fault, exit status 2, and never a traceback."""

import json
import os
import shlex
import shutil
import signal
import subprocess
import sys
from pathlib import Path

import pytest

import main
from commands import realm
from commands.early import check_early
from commands.parser import VERBS, build_parser
from commands.training import next_of
from tests.kits.commandkit import NOVICE, ROOT, needs_novice, refused, run
from tests.kits.sources import WINGS
from tests.training.headlog.test_log import HEADER, RECORDS
from training.config import LearnConfig
from training.headlog.log import write_log

SIMULATE_KEYS = {"ticks", "ticks_per_s", "scenes", "scenes_per_s", "state_hash"}  # DESIGN.md


def help_of(verb: str, capsys: pytest.CaptureFixture[str]) -> str:
    with pytest.raises(SystemExit) as left:
        main.main([verb, "--help"])
    assert left.value.code == 0
    return capsys.readouterr().out


@pytest.mark.parametrize("words", [["learn", "--scenes", "4"], ["edit", "--to", "no/such/folder"]])
def test_a_flag_that_is_another_verbs_file_by_name_is_no_file_here(words: list[str]) -> None:
    check_early(build_parser().parse_args(words))


@pytest.mark.parametrize("verb", VERBS)
def test_every_verb_has_help_whose_example_is_understood(verb: str, capsys: pytest.CaptureFixture[str]) -> None:
    text = help_of(verb, capsys)
    assert "--json" in text
    assert ("--seed" in text) == (verb not in ("perceive", "report")), "a seed where something is drawn"
    example = text.split("example: ")[1].strip()
    assert f"main.py {verb}" in example
    for command in example.replace("&&", "|").split("|"):
        words = shlex.split(command.split(">")[0])
        if words[0] in ("main.py", *VERBS):
            build_parser().parse_args(words[1:] if words[0] == "main.py" else words)


@pytest.mark.parametrize("said", [("--help",), ("-h",)])
def test_help_names_every_verb(said: tuple[str, ...], capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        main.main(list(said))
    text = capsys.readouterr().out
    named = [line.split()[0] for line in text.splitlines() if line[:4] == "    " and line[4:5].strip()]
    assert named == list(VERBS)


@pytest.mark.parametrize(("said", "meant"), [("simulat", "simulate"), ("plai", "play"), ("xyzzy", "play, simulate")])
def test_an_unknown_verb_is_one_line_with_the_nearest_known(
    said: str, meant: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert meant in refused(capsys, said)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["simulate", "--ticks", "many"], "--ticks"),
        (["simulate", "--ticks", "0"], "--ticks: 0 is outside 1"),
        (["simulate", "--policy", "clever"], "--policy clever"),
        (["simulate", "--workers", "0"], "--workers: 0 is outside 1"),
        (["simulate", "--replay", "no-such.replay"], "no-such.replay"),
        (["simulate", "--ticks", "9", "--scenes", "no/such/folder/file"], "no/such/folder"),
        (["simulate", "--workers", "100000"], "--workers: 100000 is outside 1 to 256"),
        (["simulate", "--ticks", "9", "--scenes", "."], ".: a folder; give the name of a file"),
        (["simulate", "--colour", "red"], "--colour"),
        (["play", "--save", "a\nb"], "--save a?b: not a name for a slot"),
        (["play", "--save", "x" * 300], "not a name for a slot"),
        (["mind", "--listen", "7777"], "--listen 7777: not an address"),
        (["learn", "--lr", "nan"], "--lr"),
        (["learn", "--rank", "0"], "--rank"),
        (["experiment", "few", "--workers", "100000"], "--workers: 100000 is outside 1 to 256"),
        (["bench", "foo"], "recorder, log, game"),
        (["play", "--windowed-scale", "9"], "--windowed-scale"),
        (["play", "--save", "../elsewhere"], "--save ../elsewhere"),
        (["play", "--save", ".."], "--save .."),
        (["play", "--mind", "nowhere"], "HOST:PORT"),
        (["--mind", "nowhere:x"], "HOST:PORT"),
        (["play", "--mind", "h:1", "--mind-token", "no-such-token"], "no-such-token: no such file"),
        (["play", "--mind", "h:1", "--mind-name", "../x"], "'../x' is no name for a player"),
        (["play", "--mind", "h:1", "--mind-ca", "ca.pem"], "--mind-ca: for TLS; give --mind tls://h:1"),
        (["play", "--mind", "tls://h:1", "--mind-ca", "no-such-ca"], "--mind-ca no-such-ca: cannot be read"),
        (["play", "--mind-name", "anna"], "--mind-name: of a mind elsewhere; give --mind HOST:PORT"),
        (["realm"], "--folder DIR: missing"),
        (["realm", "--folder", "r"], "--listen HOST:PORT: missing"),
        (["realm", "--folder", "r", "--listen", "7788"], "--listen 7788: not an address"),
        (["realm", "--folder", "r", "--listen", "h:1", "--token", "no-such-token"], "no-such-token: no such file"),
        (["realm", "--folder", "r", "--listen", "h:1", "--key", "k.pem"], "--certificate FILE and --key FILE"),
        (["realm", "--folder", "r", "--listen", "127.0.0.1:0", "--region", "0"], "--region 0: goes with --regions N"),
        (["realm", "--folder", "r", "--listen", "h:65535", "--regions", "2"], "2 regions need as many ports above it"),
        (["play", "--region", "1"], "--region: goes with --join HOST:PORT"),
        (["realm", "--folder", "no-such-realm", "--relive"], "no shared realm lies there"),
        (["realm", "--seer", "nowhere"], "--seer nowhere: not an address"),
        (["play", "--join", "nowhere"], "--join nowhere: not an address"),
        (["play", "--join", "h:1", "--seed", "1"], "leave out --seed"),
        (["play", "--join", "h:1", "--name", "../x"], "'../x' is no name for a player"),
        (["play", "--name", "Aki"], "--name: goes with --join"),
        (["mind", "--token", "token"], "--token: for a mind that listens; give --listen"),
        (["mind", "--listen", "0.0.0.0:7777"], "0.0.0.0:7777: reached from other machines, so a token is needed"),
        (["mind", "--listen", "h:1", "--certificate", "c.pem"], "--certificate FILE and --key FILE: give both"),
        (["play", "--device", "tpu"], "--device tpu"),
        (["learn", "--optimizer", "lion"], "--optimizer"),
        (["diff"], "LOG|BASE"),
        (["diff", "no-such.msgpack"], "no-such.msgpack"),
        (["pretrain"], "--out DIR"),
        (["pretrain", "--out", "novice", "--heads", "3"], "--hidden 128: 3 heads don't divide it"),
        (["pretrain", "--out", "novice", "--layers", "-1"], "--layers: -1 is outside 1"),
    ],
)
def test_a_bad_value_is_one_line_that_names_it(
    arguments: list[str], message: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert message in refused(capsys, *arguments)


def test_a_truncated_log_is_one_line(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "log.msgpack"
    write_log(path, HEADER, RECORDS)
    path.write_bytes(path.read_bytes()[:-40])
    assert str(path) in refused(capsys, "diff", str(path))
    assert main.main(["diff", str(path), "--partial", "--json"]) == 0
    assert "heads" in json.loads(capsys.readouterr().out)


def test_a_wrong_key_in_the_rules_is_one_line_that_names_it(tmp_path: Path) -> None:
    for folder in WINGS:
        shutil.copytree(ROOT / folder, tmp_path / folder, ignore=shutil.ignore_patterns("__pycache__"))
    (tmp_path / "assets").mkdir()
    shutil.copy(ROOT / "main.py", tmp_path)
    rules = (ROOT / "assets" / "realm.toml").read_text(encoding="utf-8")
    (tmp_path / "assets" / "realm.toml").write_text(rules.replace('hear = "hum"', 'haer = "hum"'), encoding="utf-8")
    status, out, err = run("simulate", "--ticks", "9", cwd=tmp_path)
    assert (status, out) == (2, b"")
    assert len(err.strip().splitlines()) == 1
    assert "realm.toml" in err and "kitsune.haer" in err and "did you mean hear?" in err


@pytest.mark.parametrize(
    "env",
    [
        {"SDL_VIDEODRIVER": "nonsense"},
        pytest.param(
            {"SDL_VIDEODRIVER": None, "DISPLAY": None, "WAYLAND_DISPLAY": None},
            marks=pytest.mark.skipif(sys.platform != "linux", reason="other systems always have a display"),
        ),
        pytest.param(
            {"SDL_VIDEODRIVER": None, "DISPLAY": ":4321", "WAYLAND_DISPLAY": None, "XDG_RUNTIME_DIR": "/nowhere"},
            marks=pytest.mark.skipif(sys.platform != "linux", reason="other systems always have a display"),
        ),
    ],
)
@needs_novice
def test_without_a_display_play_says_what_to_do_and_begins_nothing(tmp_path: Path, env: dict[str, str | None]) -> None:
    status, out, err = run("play", "--save", "mine", env=env | {"SECOND_SIGHT_HOME": str(tmp_path)})
    assert (status, out) == (2, b"")
    assert len(err.strip().splitlines()) == 1, err
    assert "no display" in err and "SDL_VIDEODRIVER" in err
    assert not (tmp_path / "saves").exists()


@needs_novice
def test_play_leaves_its_journey_in_its_slot(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import pygame as pg

    from game.app.app import App, Loading

    begin = App._play

    def leave_soon(app: App, loading: Loading) -> None:
        begin(app, loading)
        pg.event.post(pg.Event(pg.QUIT))

    monkeypatch.setattr(App, "_play", leave_soon)
    monkeypatch.setenv("SECOND_SIGHT_HOME", str(tmp_path))
    monkeypatch.setattr(realm, "ROOT", tmp_path)  # no main.py there, so no mind either: the game goes on without
    for seed in ("4", None):
        chosen = ["--seed", seed] if seed else []
        assert main.main(["play", *chosen, "--save", "mine", "--model", str(NOVICE)]) == 0
        assert (tmp_path / "saves" / "mine" / "journey.replay").is_file()
    left = sorted(path.name for path in (tmp_path / "saves" / "mine").iterdir())
    assert left == ["card.json", "card.png", "chronicle.json", "journey.replay", "journey.replay.bak"]


@pytest.mark.parametrize("verb", [verb for verb in VERBS if verb not in ("perceive", "report")])
def test_a_seed_beyond_64_bits_is_refused_before_any_work(verb: str, capsys: pytest.CaptureFixture[str]) -> None:
    needed = {"experiment": ["few"], "bench": ["realm"], "diff": ["base"]}.get(verb, [])
    for seed in (2**63, 2**64, 10**400, -1):
        assert "--seed" in refused(capsys, verb, *needed, "--seed", str(seed))


def test_a_pipe_that_is_closed_early_ends_quietly() -> None:
    program = [sys.executable, str(ROOT / "main.py"), "simulate", "--ticks", "9"]
    with subprocess.Popen(program, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as command:
        assert command.stdout is not None and command.stderr is not None
        command.stdout.close()
        assert command.stderr.read() == b""
    assert command.returncode == main.PIPE_CLOSED


def test_sigterm_ends_a_command_with_its_own_status(monkeypatch: pytest.MonkeyPatch) -> None:
    def terminate(_: object) -> int:
        os.kill(os.getpid(), signal.SIGTERM)
        return 0

    before = signal.getsignal(signal.SIGTERM)
    monkeypatch.setitem(main.RUN, "simulate", terminate)
    try:
        assert main.main(["simulate"]) == main.TERMINATED
    finally:
        signal.signal(signal.SIGTERM, before)


def test_interrupted_is_one_line(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    def interrupt(_: object) -> int:
        raise KeyboardInterrupt

    monkeypatch.setitem(main.RUN, "simulate", interrupt)
    assert main.main(["simulate"]) == 130
    assert capsys.readouterr().err == "main.py simulate: stopped\n"


def test_simulate_prints_one_json_object_with_the_keys_of_the_design(capsys: pytest.CaptureFixture[str]) -> None:
    printed = []
    for _ in range(2):
        assert main.main(["simulate", "--ticks", "300", "--seed", "3", "--json"]) == 0
        printed.append(capsys.readouterr().out)
    first, second = map(json.loads, printed)
    assert set(first) >= SIMULATE_KEYS
    assert first["ticks"] == 300
    assert first["state_hash"] == second["state_hash"]


def test_learn_says_what_to_run_next_in_commands_that_are_sound() -> None:
    config = LearnConfig(behaviour="my lessons.jsonl", probe_file="p.jsonl", model="some/model", out="runs/first one")
    head, *lines = next_of(config)
    assert head == "next:"
    commands = [shlex.split(line.partition("#")[0]) for line in lines]
    assert [words[:2] for words in commands] == [["main.py", verb] for verb in ("diff", "report", "experiment")]
    verdict = build_parser().parse_args(commands[2][1:])
    assert (verdict.name, verdict.behaviour, str(verdict.probes)) == ("own", "my lessons.jsonl", "p.jsonl")
    assert (verdict.model, verdict.out) == (["some/model"], Path("runs/first one-verdict"))
    assert build_parser().parse_args(main_words(LearnConfig(out="runs/a"), 2)).name == "sight"
    assert next_of(LearnConfig()) == []
    for odd, name in ((".", Path.cwd().name), ("..", Path.cwd().parent.name), ("/", "run")):
        words = shlex.split(next_of(LearnConfig(out=odd))[3].partition("#")[0])
        assert Path(words[-1]).name == f"{name}-verdict"


def main_words(config: LearnConfig, number: int) -> list[str]:
    """The words behind main.py of one of the commands to run next."""
    return shlex.split(next_of(config)[1 + number].partition("#")[0])[1:]
