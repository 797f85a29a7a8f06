"""The tokens of a context, a question and an answer are those of the running text, for every kind of tokenizer."""

from functools import cache, partial

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tokenizers import Regex, Tokenizer, decoders, models, normalizers, pre_tokenizers, trainers
from tokenizers.processors import TemplateProcessing
from transformers import PreTrainedTokenizerFast

from perception import language
from perception.errors import LanguageError
from perception.language import event_tokens, read
from perception.messages import Event, Scene

TEXTS = (
    "Nobody else waits for the book.\nWhat does the assistant do?\nAnswer: lend it",
    "The lamp is out. The river runs north, and the bridge stands.\n\nQuestion: who waits? Answer: nobody",
    'He says: "Keep it back." She reads page 12 of 345; the café is shut...\n',
)
LLAMA3 = r"[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+"
SPECIAL = ["<unk>", "<s>", "</s>"]


def bpe(vocabulary: int, alphabet: list[str], **options) -> trainers.BpeTrainer:
    return trainers.BpeTrainer(
        vocab_size=vocabulary, special_tokens=SPECIAL, initial_alphabet=alphabet, show_progress=False, **options
    )


def byte_level(prefix: bool = False, pattern: str | None = None) -> Tokenizer:
    """GPT-2's kind; with a pattern, Llama 3's, which makes one piece of a full stop and the line break behind it."""
    pieces = Tokenizer(models.BPE())
    split = [] if pattern is None else [pre_tokenizers.Split(Regex(pattern), "isolated")]
    bytes_of = pre_tokenizers.ByteLevel(add_prefix_space=prefix, use_regex=pattern is None)
    pieces.pre_tokenizer = pre_tokenizers.Sequence([*split, bytes_of])
    pieces.decoder = decoders.ByteLevel()
    pieces.train_from_iterator(TEXTS * 5, bpe(400, pre_tokenizers.ByteLevel.alphabet()))
    return pieces


def sentencepiece() -> Tokenizer:
    """Llama 2's and Mistral's kind: a space before every text, no splitting before the merges, bytes for the rest."""
    pieces = Tokenizer(models.BPE(byte_fallback=True, unk_token="<unk>", fuse_unk=True))
    pieces.normalizer = normalizers.Sequence([normalizers.Prepend("▁"), normalizers.Replace(" ", "▁")])
    spellings = bpe(500, [f"<0x{number:02X}>" for number in range(256)])
    pieces.train_from_iterator([word for text in TEXTS * 5 for word in text.split()], spellings)
    return pieces


def metaspace(scheme: str) -> Tokenizer:
    pieces = Tokenizer(models.Unigram())
    pieces.pre_tokenizer = pre_tokenizers.Metaspace(prepend_scheme=scheme)
    trainer = trainers.UnigramTrainer(vocab_size=150, special_tokens=SPECIAL, unk_token="<unk>", show_progress=False)
    pieces.train_from_iterator([*TEXTS * 5, "é 日本 ! ? \n ab"], trainer)
    return pieces


def unsplit() -> Tokenizer:
    """One that joins words over spaces, so that nothing short of the whole text tells its tokens."""
    pieces = Tokenizer(models.BPE())
    pieces.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False)
    pieces.train_from_iterator(TEXTS * 5, bpe(500, pre_tokenizers.ByteLevel.alphabet(), max_token_length=9))
    return pieces


MAKERS = {
    "byte-level": byte_level,
    "byte-level, space in front": partial(byte_level, prefix=True),
    "byte-level, Llama 3": partial(byte_level, pattern=LLAMA3),
    "SentencePiece": sentencepiece,
    "Metaspace always": partial(metaspace, "always"),
    "Metaspace first": partial(metaspace, "first"),
    "over spaces": unsplit,
}


@cache
def tokenizer_of(kind: str, specials: str = "<s> $A") -> PreTrainedTokenizerFast:
    pieces = MAKERS[kind]()
    if specials:
        pieces.post_processor = TemplateProcessing(single=specials, special_tokens=[("<s>", 1), ("</s>", 2)])
    return PreTrainedTokenizerFast(tokenizer_object=pieces, bos_token="<s>", eos_token="</s>")


def running(tokenizer: PreTrainedTokenizerFast, text: str) -> list[int]:
    """The slow twin: the whole text in one go, without what stands behind a text."""
    ids = tokenizer(text)["input_ids"]
    return ids[:-1] if ids[-1] == 2 else ids


PIECES = st.sampled_from(
    [" ", "\n", "\n\n", "  ", ".", ":", "?", " the", "The", "book", " lend", "it", "é", "日本", "12", "s"]
)
PROSE = st.lists(PIECES, min_size=1, max_size=6).map("".join)


@pytest.mark.parametrize("specials", ["", "<s> $A", "<s> $A </s>"])
@pytest.mark.parametrize("kind", MAKERS)
@settings(max_examples=30, deadline=None)
@given(
    st.lists(st.sampled_from(("The lamp is out.", " Nobody", " waits for", " the book", ".", "\n", "é")), max_size=5),
    PROSE,
    st.lists(st.tuples(PROSE, st.lists(PROSE, max_size=3)), min_size=1, max_size=3),
)
def test_tokens_are_those_of_the_running_text(kind, specials, first, last, questions):
    tokenizer, context = tokenizer_of(kind, specials), "".join(first) + last
    try:
        reading = read(tokenizer, context, questions)
    except LanguageError as error:
        assert "one token with the question" in str(error) or "is empty" in str(error) or "no token" in str(error)
        return
    for (question, answers), question_ids, answer_ids in zip(
        questions, reading.questions, reading.answers, strict=True
    ):
        together = [*reading.context, *question_ids]
        assert reading.context and question_ids and all(answer_ids)
        if not answers:
            assert together == running(tokenizer, context + question)
        for answer, ids in zip(answers, answer_ids, strict=True):
            join = "" if question[-1].isspace() else " "
            assert [*together, *ids] == running(tokenizer, f"{context}{question}{join}{answer}")


@pytest.mark.parametrize("kind", MAKERS)
@pytest.mark.parametrize("decision", ["\nWhat does the assistant do?\nAnswer:", " What does the assistant do? Answer:"])
def test_a_decision_gets_no_space_that_its_text_has_not(kind, decision):
    tokenizer = tokenizer_of(kind)
    reading = read(tokenizer, "Nobody else waits for the book.", [(decision, ("lend it", "keep it back"))])
    for answer, ids in zip(("lend it", "keep it back"), reading.answers[0], strict=True):
        whole = running(tokenizer, f"Nobody else waits for the book.{decision} {answer}")
        assert [*reading.context, *reading.questions[0], *ids] == whole


def test_a_token_of_both_belongs_to_the_question_and_all_questions_share_the_context():
    tokenizer = tokenizer_of("byte-level, Llama 3")
    both = tokenizer.convert_ids_to_tokens(running(tokenizer, "the book.\nWhat"))
    assert ".Ċ" in both
    reading = read(tokenizer, "the book.", [("\nWhat", ()), (" What", ())])
    assert tokenizer.decode(reading.context) == "<s>the book"
    assert [tokenizer.decode(ids) for ids in reading.questions] == [".\nWhat", ". What"]


def test_only_the_last_word_of_a_long_context_is_tokenised_with_each_question(monkeypatch):
    lengths = []
    whole = language._after_all
    monkeypatch.setattr(language, "_after_all", lambda *args: lengths.append(1) or whole(*args))
    context = " ".join(TEXTS[1].split() * 20)
    for kind in MAKERS:
        read(tokenizer_of(kind), context, [("\nWho waits?", ("nobody", "the river"))])
        assert bool(lengths) == (kind == "over spaces")


def test_words_that_are_marked_are_found_before_a_moved_boundary():
    tokenizer = tokenizer_of("byte-level, Llama 3")
    scene = Scene(1, "plain", "the river runs north.", (Event("cue", "", "north"), Event("cue", "", "river")), ())
    ids = running(tokenizer, scene.text)
    assert [tokenizer.decode([ids[i] for i in at]).strip() for at in event_tokens(tokenizer, scene)] == [
        "north",
        "river",
    ]


@pytest.mark.parametrize(
    ("context", "question", "answer", "says"),
    [
        ("", " Who?", "nobody", "the context: its text is empty"),
        ("The book.", "", "nobody", "its text is empty"),
        ("The book.", " Who?", "", "answer '': it has no token of its own"),
    ],
)
def test_what_cannot_be_read_is_refused_in_one_line(context, question, answer, says):
    with pytest.raises(LanguageError, match=says) as caught:
        read(tokenizer_of("byte-level"), context, [(question, (answer,))])
    assert "\n" not in str(caught.value)


def test_a_context_that_melts_into_its_question_is_refused():
    tokenizer = tokenizer_of("byte-level", "")
    word = next(word for word in sorted(tokenizer.get_vocab()) if len(word) > 3 and word.isascii() and word.isalpha())
    assert len(running(tokenizer, word)) == 1
    with pytest.raises(LanguageError, match="makes one token with the question behind it"):
        read(tokenizer, word[:1], [(word[1:], ("it",))])
