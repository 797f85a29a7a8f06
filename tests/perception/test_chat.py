"""The frame of a chat model is the same on every day, and its hash says which frame it was."""

import copy
import signal
from datetime import datetime

import pytest
from transformers.utils import chat_template_utils

from perception import template_bounds
from perception.chat import frame, frame_hash
from perception.chat_template import FIXED_DATE, Frame
from perception.errors import LanguageError
from tests.kits.minds import plain_tokenizer

TURNS = (
    "{% for m in messages %}{{ m['role'] }}: {{ m['content'] }}\n{% endfor %}"
    "{% if add_generation_prompt %}A:{% endif %}"
)
TODAY = "Today is {{ strftime_now('%A, %-d %B %Y, %H:%M:%S %p %j') }}.\n"
LLAMA = (
    "{% if not date_string is defined %}{% if strftime_now is defined %}"
    "{% set date_string = strftime_now('%d %b %Y') %}"
    "{% else %}{% set date_string = '26 Jul 2024' %}{% endif %}{% endif %}Today Date: {{ date_string }}\n"
)


def chatting(template: str):
    tokenizer = copy.deepcopy(plain_tokenizer())
    tokenizer.chat_template = template
    return tokenizer


class OtherDay(datetime):
    @classmethod
    def now(cls, tz=None):
        return cls(1999, 12, 31, 23, 59, 58)


@pytest.mark.parametrize("begins", [TODAY, LLAMA, "{% macro day() %}{{ strftime_now('%F') }}{% endmacro %}{{ day() }}"])
def test_the_frame_is_the_same_on_another_day(begins, monkeypatch):
    today = frame(chatting(begins + TURNS))
    hashed = frame_hash(chatting(begins + TURNS))
    monkeypatch.setattr(chat_template_utils, "datetime", OtherDay)
    monkeypatch.setenv("TZ", "Etc/GMT-14")
    tokenizer = chatting(begins + TURNS)
    other = tokenizer.apply_chat_template([{"role": "user", "content": "x"}], tokenize=False)
    assert "1999" in other  # a template left to itself tells the day
    assert frame(tokenizer) == today and "2025" in today.before
    assert frame_hash(tokenizer) == hashed


def test_the_day_is_told_in_full():
    before = frame(chatting(TODAY + TURNS)).before
    assert before == FIXED_DATE.strftime("Today is %A, 1 %B %Y, %H:%M:%S %p %j.\nuser: ")


def test_a_template_is_told_nothing_but_the_users_turn():
    options = "{% if tools %}tools {% endif %}{% if documents %}documents {% endif %}"
    system = "{% if messages[0]['role'] == 'system' %}given {% else %}You are helpful. {% endif %}"
    assert frame(chatting(options + system + TURNS)) == Frame("You are helpful. user: ", "\nA:", " ")


def test_hashes_tell_frames_apart():
    one, other = chatting(TURNS), chatting("Be brief.\n" + TURNS)
    assert frame_hash(one) == frame_hash(chatting(TURNS)) != frame_hash(other)
    assert len(frame_hash(one)) == 16
    assert frame_hash(plain_tokenizer()) not in (frame_hash(one), frame_hash(other))


def test_a_template_that_never_ends_or_says_too_much_is_refused(monkeypatch):
    monkeypatch.setattr(template_bounds, "SECONDS", 0.2)
    loop = "{% for a in range(99999) %}{% for b in range(99999) %}{% endfor %}{% endfor %}"
    with pytest.raises(LanguageError, match=r"chat template fails \(it runs for more than 0.2 s\); mend it"):
        frame(chatting(loop + TURNS))
    assert signal.getitimer(signal.ITIMER_REAL)[0] == 0
    monkeypatch.undo()
    with pytest.raises(LanguageError, match=r"chat template says 70,.* characters, at most 65,536 are taken; mend it"):
        frame(chatting("a" * 70_000 + TURNS))


def test_a_template_that_draws_lots_is_refused():
    with pytest.raises(LanguageError, match="says something else each time"):
        frame(chatting("{{ range(1000) | random }} " + TURNS))
