"""The folders that GGUF files were turned into: made of the file alone, by one process at a time, made anew if hurt."""

import errno
import os
import shutil
import threading
import time
import warnings
from collections import namedtuple
from pathlib import Path

import pytest
import torch
from safetensors import SafetensorError
from transformers import LlamaForCausalLM, PreTrainedTokenizerFast

from common.files import OutputError
from common.locks import hold
from perception import gguf_files, model
from perception.errors import ModelError
from perception.gguf_files import converted, folder_of
from perception.model import load
from tests.kits.minds import tiny
from training.provenance import of_model

pytest.importorskip("gguf", reason="reads and writes the files; in extra real")
pytest.importorskip("accelerate", reason="transformers needs it for them; in extra real")
from tests.kits.ggufkit import WORDS, tiny_llama, write_gguf

torch.set_num_threads(1)
IDS = torch.tensor([[5, 70, 80, 90, 100, 110, 120, 130, 140, 150]])


@pytest.fixture
def conversions(monkeypatch: pytest.MonkeyPatch) -> list[Path]:
    """The folders that were made, one entry each time."""
    folders: list[Path] = []
    convert = gguf_files._convert

    def counted(source: str, path: Path, folder: Path) -> None:
        folders.append(folder)
        convert(source, path, folder)

    monkeypatch.setattr(gguf_files, "_convert", counted)
    return folders


def hurt_folder(folder: Path, hurt: str) -> None:
    name, _, how = hurt.partition(" ")
    data = (folder / name).read_bytes() if (folder / name).is_file() else b""
    if how == "gone":
        (folder / name).unlink()
    elif how == "folder":
        (folder / name).mkdir()
    elif how == "there":
        (folder / name).write_text("{}")
    elif how == "flipped":
        (folder / name).write_bytes(data[:-1] + bytes([data[-1] ^ 1]))
    else:
        (folder / name).write_bytes(data[: -int(how)])


HURTS = (
    "model.safetensors 2000", "model.safetensors gone", "model.safetensors flipped", "config.json there",
    "config.json gone", "tokenizer.json 1", "tokenizer_config.json flipped", "tokenizer_config.json gone",
    "files.json gone", "files.json there", "files.json 30", "context folder", "chat_template.jinja there",
)  # fmt: skip


@pytest.mark.parametrize("hurt", HURTS)
def test_a_damaged_folder_is_made_anew_whoever_asks_for_it(file, home, conversions, hurt) -> None:
    hashes, right = of_model(str(file)), load(str(file)).net(IDS).logits
    (folder,) = (home / "cache" / "models").iterdir()
    hurt_folder(folder, hurt)
    assert converted(str(file)) is None
    assert of_model(str(file)) == hashes and len(conversions) == 2, "hashes are taken before a model is loaded"
    hurt_folder(folder, hurt)
    assert torch.equal(load(str(file)).net(IDS).logits, right) and len(conversions) == 3
    assert torch.equal(load(str(file)).net(IDS).logits, right) and len(conversions) == 3
    assert [path.name for path in folder.parent.iterdir()] == [folder.name]


def test_a_folder_that_is_damaged_while_it_is_loaded_is_made_anew(file, home, conversions) -> None:
    folder = Path(folder_of(str(file)))

    def load_late(place: str) -> model.Model:
        if len(conversions) == 1:
            (folder / "model.safetensors").write_bytes(b"")
        return load(place)

    assert torch.equal(gguf_files.with_folder(str(file), load_late).net(IDS).logits, load(str(file)).net(IDS).logits)
    assert len(conversions) == 2


def refuse(net: object, tokens: object, source: str) -> None:
    raise ModelError(f"--model {source}: looks ahead; give another")


def test_what_can_not_be_loaded_does_not_stay_and_is_told_of_the_file(file, home, monkeypatch, conversions) -> None:
    monkeypatch.setattr(model, "check_packing", refuse)
    with pytest.raises(ModelError) as error:
        load(str(file))
    assert str(error.value) == f"--model {file}: looks ahead; fetch it again, or give a Hugging Face folder"
    assert not list((home / "cache" / "models").iterdir()) and len(conversions) == 1


def test_a_folder_that_somebody_may_read_is_not_taken_away(file, home, monkeypatch, conversions) -> None:
    """One that is whole stays, although it can't be loaded here: without the memory for it, say."""
    folder = Path(folder_of(str(file)))
    number = (folder / "model.safetensors").stat().st_ino
    monkeypatch.setattr(model, "check_packing", refuse)
    with pytest.raises(ModelError, match="looks ahead; fetch it again"):
        load(str(file))
    assert (folder / "model.safetensors").stat().st_ino == number and len(conversions) == 1


def test_two_at_once_make_one_folder(file, home, conversions) -> None:
    both, folders = threading.Barrier(2), []

    def ask() -> None:
        both.wait()
        folders.append(folder_of(str(file)))

    threads = [threading.Thread(target=ask) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(folders) == 2 and len(set(folders)) == 1 and len(conversions) == 1


def test_who_waits_for_another_program_says_so_and_takes_its_folder(file, home, conversions, monkeypatch, capsys):
    folder = gguf_files._folder(file)
    monkeypatch.setattr(gguf_files, "PATIENCE", 0.05)
    lock = hold(folder.parent, folder.name)
    waiter = threading.Thread(target=folder_of, args=(str(file),))
    waiter.start()
    line, until = "", time.monotonic() + 30
    while not line and time.monotonic() < until:
        waiter.join(0.05)
        line = capsys.readouterr().err
    assert line == "waiting for another program that turns Tiny.F32.gguf into a model folder ...\n"
    assert waiter.is_alive() and not folder.exists()
    gguf_files._made(str(file), file, folder, 1, str)  # as that program does
    lock.release()
    waiter.join()
    assert len(conversions) == 1


def lay_beside(folder: Path, what: str) -> None:
    if what == "tokenizer":
        save_words(folder)
    elif what == "class":
        (folder / "tokenizer_config.json").write_text('{"tokenizer_class": "BertTokenizer"}')
    elif what == "template":
        (folder / "chat_template.jinja").write_text("{{ messages[0]['content'] }}")
    else:
        for name in ("tokenizer_config.json", "config.json", "generation_config.json", "adapter_config.json"):
            (folder / name).write_text("{broken")


def save_words(folder: Path) -> None:
    """The tokenizer of another model."""
    other = tiny().tokenizer
    assert isinstance(other, PreTrainedTokenizerFast) and len(other) != WORDS
    other.save_pretrained(folder)


@pytest.mark.parametrize("what", ["tokenizer", "class", "template", "broken"])
def test_what_lies_beside_a_file_has_no_say(file, home, tmp_path, what) -> None:
    right = of_model(str(file))
    shutil.rmtree(home)
    beside = tmp_path / "beside"
    beside.mkdir()
    shutil.copy(file, beside / "a.gguf")
    lay_beside(beside, what)
    assert of_model(str(beside / "a.gguf")) == right
    assert load(str(beside / "a.gguf")).tokenizer.chat_template is None


def test_a_file_of_the_same_name_where_the_program_runs_has_no_say(file, home, tmp_path, monkeypatch) -> None:
    other, net = tmp_path / file.name, tiny_llama()
    with torch.no_grad():
        net.model.layers[0].mlp.up_proj.weight.mul_(2)
    write_gguf(other, net)
    right = of_model(str(file))
    shutil.rmtree(home)
    monkeypatch.chdir(tmp_path)
    assert of_model(str(file)) == right
    assert of_model(file.name)["weights"] != right["weights"], "a path of one part works"


def test_a_conversion_draws_no_bars_and_says_its_line_only_if_it_takes_long(file, home, monkeypatch, capfd) -> None:
    monkeypatch.setattr(gguf_files, "PATIENCE", 60.0)
    load(str(file))
    assert capfd.readouterr() == ("", "")
    shutil.rmtree(home)
    monkeypatch.setattr(gguf_files, "PATIENCE", 0.0)
    load(str(file))
    lines = {line for line in capfd.readouterr().err.splitlines() if not line.startswith("waiting for another ")}
    assert lines == {"turning Tiny.F32.gguf into a model folder, once: a minute or two ..."}


def test_a_conversion_that_fails_says_nothing_beside_its_error(home, tmp_path, monkeypatch, capfd) -> None:
    monkeypatch.setattr(gguf_files, "PATIENCE", 60.0)
    path, net = tmp_path / "odd.gguf", tiny_llama()
    with torch.no_grad():
        net.model.norm.weight.fill_(float("nan"))
    write_gguf(path, net)
    from gguf import dequantize

    monkeypatch.setattr("gguf.dequantize", lambda *of: warnings.warn("overflow", stacklevel=1) or dequantize(*of))
    with pytest.raises(ModelError, match="holds NaN or infinity"):
        load(str(path))
    assert capfd.readouterr() == ("", "") and not list((home / "cache" / "models").iterdir())


@pytest.mark.parametrize("number", [errno.ENOSPC, errno.EFBIG])
def test_a_disk_that_fills_meanwhile_is_one_line_and_leaves_nothing(file, home, monkeypatch, number) -> None:
    def full(self, folder, **_):
        (Path(folder) / "model.safetensors").write_bytes(b"half")
        raise SafetensorError(f"Error while serializing: I/O error: {os.strerror(number)} (os error {number})")

    monkeypatch.setattr(LlamaForCausalLM, "save_pretrained", full)
    with pytest.raises(OutputError) as error:
        load(str(file))
    assert "\n" not in str(error.value) and str(home) in str(error.value)
    assert str(error.value).endswith("set SECOND_SIGHT_HOME to another folder")
    assert ("the disk is full; free some space, or set " in str(error.value)) == (number == errno.ENOSPC)
    assert not list((home / "cache" / "models").iterdir())


def test_a_disk_that_fills_at_the_seal_is_one_line_and_leaves_nothing(file, home, monkeypatch) -> None:
    def full(folder: Path) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(gguf_files, "seal", full)
    with pytest.raises(OutputError, match="the disk is full; free some space, or set SECOND_SIGHT_HOME"):
        load(str(file))
    assert not list((home / "cache" / "models").iterdir())


@pytest.mark.parametrize("where", ["file", "link", "long", "in the way", "no folders there"])
def test_a_cache_that_can_not_be_made_is_one_line_with_its_remedy(file, tmp_path, monkeypatch, where) -> None:
    home = tmp_path / ("n" * 300 if where == "long" else "home")
    if where == "file":
        home.write_text("")
    elif where == "link":
        home.symlink_to(tmp_path / "nowhere" / "else")
        (tmp_path / "nowhere").write_text("")
    elif where == "no folders there":
        if not Path("/proc/self").exists():
            pytest.skip("this system has no /proc")
        home = Path("/proc/x")
    monkeypatch.setenv("SECOND_SIGHT_HOME", str(home))
    remedy = "; set SECOND_SIGHT_HOME to another folder"
    if where == "in the way":
        folder = gguf_files._folder(file)
        folder.parent.mkdir(parents=True)
        folder.write_text("")
        remedy = "a model's folder belongs there; remove it"
    with pytest.raises(OutputError) as error:
        load(str(file))
    assert "\n" not in str(error.value) and "Errno" not in str(error.value)
    assert str(error.value).endswith(remedy) and "choose another" not in str(error.value)


def test_who_has_not_chosen_the_place_reads_what_choosing_it_means(file, tmp_path, monkeypatch) -> None:
    (tmp_path / "cache").write_text("")
    monkeypatch.delenv("SECOND_SIGHT_HOME", raising=False)
    monkeypatch.setattr("common.folders.platformdirs.user_cache_dir", lambda *_, **__: str(tmp_path / "cache"))
    with pytest.raises(
        OutputError, match="set SECOND_SIGHT_HOME to another folder; settings and journeys go there, too"
    ):
        load(str(file))


def test_a_full_disk_is_one_line_with_all_that_is_needed(file, home, monkeypatch) -> None:
    usage = namedtuple("usage", "free")
    monkeypatch.setattr(shutil, "disk_usage", lambda path: usage(1000))
    with pytest.raises(OutputError, match=r": 68 MB are needed there, 0 MB are free; free some, or set SECOND_SIGHT_H"):
        load(str(file))
