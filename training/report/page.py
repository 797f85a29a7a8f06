"""One self-contained HTML page from a run or an experiment: no script, nothing from elsewhere, light and dark.

`main.py report RUN` writes it; as a library: report("runs/sight").
"""

import re
from collections.abc import Callable, Mapping
from dataclasses import replace
from functools import cache
from pathlib import Path
from types import MappingProxyType
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined

from common.files import check_output, output_error, write_whole
from training.headlog.records import LogError
from training.report import (
    closing,
    drawing,
    gain_sections,
    head_sections,
    journey,
    methods,
    opening,
    scored,
    set_section,
)
from training.report.gather import Material, gather
from training.report.palette import DARK, LIGHT, colours
from training.report.parts import Picture, Section
from training.report.words import plain_text

SECTIONS: tuple[Callable[[Material], Section | None], ...] = (
    opening.verdict, set_section.sets, scored.score, journey.section, head_sections.learning, head_sections.heads,
    gain_sections.lorenz, gain_sections.depth, gain_sections.causal, head_sections.history, head_sections.shares,
    closing.wholes, closing.residuals, opening.settings, closing.runs,
)  # fmt: skip
Progress = Callable[[str, int, int], None]  # what is going on, how far, of how many


def _quiet(what: str, done: int, of: int) -> None:
    """No progress."""


@cache
def templates() -> Environment:
    """The room's templates. Whatever they write is on one line and escaped; a name that they lack is an error."""
    return Environment(
        loader=FileSystemLoader(Path(__file__).parent / "templates"), autoescape=True, undefined=StrictUndefined,
        trim_blocks=True, lstrip_blocks=True, finalize=_cleaned,
    )  # fmt: skip


def _cleaned(value: object) -> object:
    """Text on one line; what is markup already, or no text, as it is."""
    return plain_text(value, 4000) if type(value) is str else value


def page(material: Material, progress: Progress = _quiet, png: bool = False) -> tuple[str, list[Section]]:
    """(the page, its sections with their figures). png: whether each figure is drawn as PNG, too."""
    with drawing.style():
        makers = (methods.section,) if material.kind == "methods" else SECTIONS
        sections = [section for make in makers if (section := make(material)) is not None]
        pictures = _named(sections)
        for at, picture in enumerate(pictures):
            progress("figures", at, len(pictures))
            figure = picture.draw()
            picture.svg = drawing.svg(figure, picture.name, f"{picture.title}: {picture.note}")
            picture.png = drawing.png(figure, picture.title) if png else b""
    values = {
        "top": methods.heading(material) if material.kind == "methods" else opening.heading(material),
        "sections": sections,
        "kind": "two models" if material.compared else material.kind,
        "images": bool(material.seen),
    }
    template = templates().get_template("page.html.j2")
    return template.render(**values, light=colours(LIGHT), dark=colours(DARK)), sections


def _named(sections: list[Section]) -> list[Picture]:
    """Every picture, each with a name of its own that makes a file's name."""
    names: set[str] = set()
    pictures = [(section.id, picture) for section in sections for picture in section.pictures]
    for section_id, picture in pictures:
        name = re.sub(r"[^a-z0-9]+", "-", f"{section_id} {picture.title}".lower()).strip("-")[:60]
        while name in names:
            name += "-2"
        names.add(name)
        picture.name = name
    return [picture for _, picture in pictures]


def report(
    path: str | Path,
    out: str | Path | None = None,
    pictures: str | Path | None = None,
    progress: Progress = _quiet,
    seen: Mapping[int, bytes] = MappingProxyType({}),
) -> dict[str, Any]:
    """Write the page, and its figures as PNG into the folder `pictures` if one is given.

    path: a log, a run's folder or an experiment's; out: default report.html in the folder, or beside the log; seen: of
    a journey, pictures of `journey.jumps_of` as PNG, by tick.
    Returns {name, out, bytes, verdict, runs, missing, pictures}. Raises LogError if nothing can be read or written.
    """
    place = Path(path)
    material = replace(gather(place), seen=seen)
    target = Path(out) if out is not None else place / "report.html" if place.is_dir() else place.with_suffix(".html")
    folders = [target.parent, *([] if pictures is None else [Path(pictures)])]
    try:
        for folder in folders:
            folder.mkdir(parents=True, exist_ok=True)
        check_output(target)
        text, sections = page(material, progress, len(folders) > 1)
        drawn = {folders[-1] / f"{p.name}.png": p.png for section in sections for p in section.pictures if p.png}
        for file, data in ({target: text.encode()} | drawn).items():
            write_whole(file, data)
    except BrokenPipeError:
        raise  # whoever read the page from a pipe has enough of it
    except OSError as error:
        raise LogError(str(output_error(error.filename or target, error))) from None
    verdict = material.judgement
    return {
        "name": material.name, "out": str(target), "bytes": len(text.encode()), "runs": len(material.runs),
        "verdict": None if verdict is None else verdict.word,
        "missing": [f"{section.id}: {what}" for section in sections for what in section.missing],
        "pictures": [str(file) for file in drawn],
    }  # fmt: skip
