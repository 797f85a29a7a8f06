"""One self-contained HTML page from a run or an experiment: no script, nothing from elsewhere, light and dark.

`main.py report RUN` writes it; as a library: report("runs/sight").
"""

from collections.abc import Callable
from pathlib import Path
from typing import Any

from common.files import write_whole
from training.headlog.records import LogError
from training.report import closing, figures, opening, scored, style
from training.report.gather import Material, gather
from training.report.markup import Markup, join, tag
from training.report.parts import Section

SECTIONS: tuple[Callable[[Material], Section | None], ...] = (
    opening.verdict, scored.score, figures.learning, figures.heads, figures.lorenz, figures.depth, closing.causal,
    figures.history, closing.shares, closing.wholes, closing.residuals,
    opening.settings, closing.runs,
)  # fmt: skip
POLICY = "default-src 'none'; style-src 'unsafe-inline'"  # a page that could fetch nothing even if it asked


def page(material: Material) -> tuple[str, list[str]]:
    """(the page, ids of what is missing in it)."""
    made = [section for make in SECTIONS if (section := make(material)) is not None]
    links = [tag("a", section.title, href=f"#{section.id}") for section in made]
    body = [opening.heading(material), tag("nav", *links, aria_label="sections")]
    body += [
        tag("section", tag("h2", section.title), section.body, id=section.id, aria_label=section.title)
        for section in made
    ]
    head = tag(
        "head",
        tag("meta", charset="utf-8"),
        tag("meta", name="viewport", content="width=device-width, initial-scale=1"),
        tag("meta", http_equiv="Content-Security-Policy", content=POLICY),
        tag("title", f"{material.name}: head-diff report"),
        tag("style", style.css()),
    )
    whole = join(
        [Markup("<!doctype html>\n"), tag("html", head, tag("body", tag("main", *body)), lang="en"), Markup("\n")]
    )
    return str(whole), [f"{section.id}: {what}" for section in made for what in section.missing]


def report(path: str | Path, out: str | Path | None = None, pictures: str | Path | None = None) -> dict[str, Any]:
    """Write the page, and PNG figures into the folder `pictures` if one is given.

    path: a log, a run's folder or an experiment's; out: default report.html in the folder, or beside the log. Returns
    {name, out, bytes, verdict, runs, missing, pictures}. Raises LogError if nothing can be read or written.
    """
    place = Path(path)
    material = gather(place)
    target = Path(out) if out is not None else place / "report.html" if place.is_dir() else place.with_suffix(".html")
    text, missing = page(material)
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        write_whole(target, text.encode())
        drawn: list[str] = []
        if pictures is not None:
            from training.report.pictures import draw

            drawn = [str(file) for file in draw(material, Path(pictures))]
    except OSError as error:
        raise LogError(
            f"{error.filename or target}: cannot write: {error.strerror or error}; choose another --out"
        ) from None
    found = material.verdict.verdict if material.verdict is not None else None
    return {
        "name": material.name, "out": str(target), "bytes": len(text.encode()), "runs": len(material.runs),
        "verdict": None if found is None else found.word, "missing": missing, "pictures": drawn,
    }  # fmt: skip
