"""What a page's sections are made of: the section itself, words, what is missing."""

from dataclasses import dataclass

from training.report.markup import Markup, tag


@dataclass(frozen=True)
class Section:
    """One section of the page; missing: what it would show if it had been measured, in words."""

    id: str
    title: str
    body: Markup
    missing: tuple[str, ...] = ()


def absent(words: str) -> Markup:
    """A line that says what is missing and how to get it."""
    return tag("p", words, class_="missing")


def paragraph(*parts: object, class_: str | None = None) -> Markup:
    """Words."""
    return tag("p", *parts, class_=class_)
