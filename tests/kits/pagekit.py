"""Reads a page strictly: every element closed, in order; keeps its text by section, its tags and its styles."""

from html.parser import HTMLParser
from pathlib import Path

from training.report.gather import Material, gather
from training.report.page import page

VOID = {"meta", "br", "hr"}


class Page(HTMLParser):
    def __init__(self, source: str) -> None:
        super().__init__(convert_charrefs=True)
        self.open: list[str] = []
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.sections: dict[str, str] = {"": ""}
        self.at, self.styles = "", ""
        self.feed(source)
        self.close()
        assert not self.open, f"never closed: {self.open}"

    def handle_starttag(self, tag, attrs):
        self.tags.append((tag, dict(attrs)))
        if tag not in VOID:
            self.open.append(tag)
        if tag == "section":
            self.at = dict(attrs)["id"]
            self.sections[self.at] = ""

    def handle_startendtag(self, tag, attrs):
        self.tags.append((tag, dict(attrs)))

    def handle_endtag(self, tag):
        assert self.open and self.open.pop() == tag, f"</{tag}> closes nothing"
        if tag == "section":
            self.at = ""

    def handle_data(self, data):
        if self.open[-1:] == ["style"]:
            self.styles += data
        else:
            self.sections[self.at] += f"{data} "

    def text(self, section: str) -> str:
        return " ".join(self.sections[section].split())

    def of(self, tag: str) -> list[dict[str, str | None]]:
        return [attributes for name, attributes in self.tags if name == tag]


def read(source: Material | Path) -> tuple[Page, list[str]]:
    """The page of a material or a path, and what it lacks."""
    text, sections = page(source if isinstance(source, Material) else gather(source))
    return Page(text), [f"{section.id}: {what}" for section in sections for what in section.missing]
