"""What a chat template may not do: run for hours, take all memory, end the program; in a child, and with an alarm."""

import os
import signal
import time
from collections.abc import Callable

import pytest
from jinja2.sandbox import ImmutableSandboxedEnvironment

from perception import template_bounds
from perception.template_bounds import TemplateError, texts_of

ONE_OPERATION = "{{ (10**(10**9)) % 7 }}"  # an hour
FOLDED = "{% set x = '%0100000000d'|format(1) %}hello"  # computed when Jinja compiles, which swallows what it raises
child_alone = pytest.mark.skipif(not template_bounds.FORKS, reason="is bounded in a child alone")


def rendering(template: str) -> Callable[[], str]:
    """Compiles and renders, as transformers does."""
    return lambda: ImmutableSandboxedEnvironment().from_string(template).render()


def deaf() -> str:
    """Takes long, and hears no alarm, as one long operation in C does."""
    signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGALRM})
    time.sleep(60)
    return "hello"


@child_alone
def test_what_hears_no_alarm_is_ended(monkeypatch: pytest.MonkeyPatch) -> None:
    fork, children = os.fork, list[int]()

    def noted() -> int:
        children.append(child := fork())
        return child

    monkeypatch.setattr(os, "fork", noted)
    monkeypatch.setattr(template_bounds, "SECONDS", 0.5)
    with pytest.raises(TemplateError, match=r"^fails \(it runs for more than 0.5 s\)$"):
        texts_of(deaf)
    with pytest.raises(ProcessLookupError):  # not that of another test beside it: nothing is left of this one
        os.kill(children[0], 0)


@pytest.mark.parametrize("forks", [pytest.param(True, marks=child_alone), False])
def test_one_operation_that_takes_an_hour_is_ended(monkeypatch: pytest.MonkeyPatch, forks: bool) -> None:
    monkeypatch.setattr(template_bounds, "SECONDS", 0.5)
    monkeypatch.setattr(template_bounds, "FORKS", forks)
    with pytest.raises(TemplateError, match=r"^fails \(it runs for more than 0.5 s\)$"):
        texts_of(rendering(ONE_OPERATION))


@child_alone
@pytest.mark.parametrize(
    ("render", "fault"),
    [
        (rendering("{% set x = 'a' * 2**32 %}hello"), r"fails \(it takes too much memory\)"),
        (lambda: os._exit(0), r"fails \(it ends the program that runs it\)"),
    ],
)
def test_a_template_that_takes_the_machine_or_the_program_is_refused(render: Callable[[], str], fault: str) -> None:
    with pytest.raises(TemplateError, match=fault):
        texts_of(render)


@pytest.mark.parametrize("forks", [pytest.param(True, marks=child_alone), False])
def test_time_that_is_over_while_jinja_compiles_is_over(monkeypatch: pytest.MonkeyPatch, forks: bool) -> None:
    monkeypatch.setattr(template_bounds, "SECONDS", 0.01)
    monkeypatch.setattr(template_bounds, "FORKS", forks)
    with pytest.raises(TemplateError, match=r"^fails \(it runs for more than 0.01 s\)$"):
        texts_of(rendering(FOLDED))


@pytest.mark.parametrize("forks", [pytest.param(True, marks=child_alone), False])
def test_what_it_says_comes_whole(monkeypatch: pytest.MonkeyPatch, forks: bool) -> None:
    monkeypatch.setattr(template_bounds, "FORKS", forks)
    long = "{{ 'é\U0001f989' * 30000 }}"
    assert texts_of(rendering(long), 4) == ["é\U0001f989" * 30_000] * 4
    with pytest.raises(TemplateError, match=r"^says half a character"):
        texts_of(lambda: "\ud800")
    with pytest.raises(TemplateError, match=r"^fails \('nobody' is undefined\)$"):
        texts_of(rendering("{{ nobody.name }}"))
