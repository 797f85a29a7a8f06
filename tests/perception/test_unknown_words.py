"""Words without a token: declared, declared by the tokenizer's own file alone, and dropped."""

import pytest
from tokenizers import Tokenizer, models, pre_tokenizers
from transformers import PreTrainedTokenizerFast

from perception.errors import LanguageError
from perception.language import read
from perception.unknown_words import unknown_token, unknown_words
from tests.kits.minds import plain_tokenizer
from training.precedents.prompts import encode

WORDS = {"<unk>": 0, "</s>": 1, "a": 2, "cat": 3, "sat": 4, "yes": 5, "no": 6, "?": 7}


def by_words(unk: str = "<unk>", **declared: str) -> PreTrainedTokenizerFast:
    inner = Tokenizer(models.WordLevel(WORDS, unk_token=unk))
    inner.pre_tokenizer = pre_tokenizers.Whitespace()
    return PreTrainedTokenizerFast(tokenizer_object=inner, **declared)


def by_letters() -> PreTrainedTokenizerFast:
    """It has no token for what it doesn't know, and leaves that out."""
    return PreTrainedTokenizerFast(
        tokenizer_object=Tokenizer(models.BPE({letter: n for n, letter in enumerate("catsy eno?")}, []))
    )


@pytest.mark.parametrize(
    "tokenizer",
    [by_words(unk_token="<unk>"), by_words(), by_words("</s>", eos_token="</s>", unk_token="</s>"), by_letters()],
    ids=["declared", "undeclared", "also the end", "dropped"],
)
def test_a_word_without_a_token_is_named(tokenizer):
    assert unknown_words(tokenizer, tokenizer("a cat sat")["input_ids"], "a cat sat") == []
    assert unknown_words(tokenizer, tokenizer("a zzz sat")["input_ids"], "a zzz sat") == ["zzz"]
    with pytest.raises(LanguageError, match="no token for zzz"):
        read(tokenizer, "a zzz sat", [(" cat ?", ("yes", "no"))])
    with pytest.raises(LanguageError, match="no token for zzz"):
        read(tokenizer, "a cat sat", [(" cat zzz ?", ("yes", "no"))])


def test_facts_name_such_a_word_too():
    assert unknown_token(by_words()) == 0
    with pytest.raises(ValueError, match="no token for 'zzz'"):
        encode(by_words(), "a zzz sat")


def test_what_a_byte_level_tokenizer_declares_never_comes():
    tokenizer = plain_tokenizer()
    text = "Zoë über 猫 \u200b sat"
    assert unknown_words(tokenizer, tokenizer(text)["input_ids"], text) == []
