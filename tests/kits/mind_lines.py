"""What a test hears on a line to a mind."""

import time
from collections.abc import Callable
from typing import Any

from perception.link import Line
from perception.messages import FromMind, Trouble

PATIENCE = 30.0  # s until a test gives up; nothing takes more than one or two


def until_heard(line: Line, enough: Callable[[list[FromMind]], Any]) -> list[FromMind]:
    """Polls until what has come is enough; fails the test, saying what came, when it never is."""
    messages: list[FromMind] = []
    end = time.monotonic() + PATIENCE
    while not enough(messages):
        assert time.monotonic() < end, f"{line.state}, heard only {messages[-5:]}"
        messages += line.poll()
        time.sleep(0.002)
    return messages


def troubles(messages: list[FromMind]) -> list[str]:
    return [message.text for message in messages if isinstance(message, Trouble)]
