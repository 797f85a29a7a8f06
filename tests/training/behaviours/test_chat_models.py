"""A model whose chat template can't be used is named by the path that the user typed, wherever that shows."""

import re
from pathlib import Path

import pytest

from perception.errors import ModelError
from perception.model import load
from tests.kits.chatkit import saved_chat
from training.behaviours.file import ModelReader
from training.learn import _as_it_is
from training.mind.mind import copy_of


def test_a_fault_of_a_chat_template_names_the_path_that_the_user_typed(tmp_path: Path) -> None:
    folder = saved_chat(tmp_path / "deep" / "chat")
    (folder / "chat_template.jinja").write_text("{% if x")
    loaded = load(folder)
    fault = f"^--model {re.escape(str(folder))}: the tokenizer's chat template fails"
    for model in (loaded, copy_of(loaded), _as_it_is(loaded, base_cache=False)):
        with pytest.raises(ModelError, match=fault):
            ModelReader(model)
