"""The page of an experiment that compares methods: edits beside trainings (`surgical`), how sharp their ends are."""

from collections.abc import Mapping, Sequence
from functools import partial
from typing import Any

import numpy as np

from training.report.drawing import COLOURS, WIDE, canvas, drawable, label
from training.report.figures import DISC, DOTTED, RING
from training.report.gather import Material
from training.report.parts import Block, Picture, Section, Table, Words
from training.report.scored import whole_score
from training.report.words import MISSING, as_float, number, percent

SURGICAL = "surgical"
COLUMNS = {  # of surgical: title, whether it is a share of 1
    "gain": ("taught", False), "held": ("held out", False), "hits": ("hits", True), "new": ("new", True),
    "alarms": ("false alarms", True), "mundane": ("mundane", True), "lore": ("lore", True),
    "judgement": ("judgement", True), "width_change": ("units of the change", False),
    "width_gain": ("units of the gain", False), "norm": ("‖ΔW‖", False), "worst": ("sharpness", False),
    "steps": ("steps", False),
}  # fmt: skip
SHARP_COLUMNS = {
    "gain": "taught", "loss": "loss", "norm": "‖ΔW‖", "trace": "trace", "highest": "top eigenvalue",
    "worst": "worst case", "average": "average case", "along_change": "along ΔW", "random_change": "beside it, random",
    "along_update": "along the last step", "random_update": "beside that, random",
    "matched_norm_gain": "taught at matched ‖ΔW‖", "matched_norm_worst": "worst case there",
}  # fmt: skip
WHAT = {
    "sight": "Sight: new are spirits with pairs that no lesson held; false alarms, empty places called haunted.",
    "listen": "Listen: new are forms of words that no lesson held; false alarms, dangerous directions taken.",
    "fact": "Facts: held out are other wordings, new the one that no training showed; false alarms, facts about others "
    "that take the new answer.",
}


def heading(material: Material) -> Section:
    """What was compared, in a line."""
    score = material.score
    words = f"Methods compared on {score.get('model')}; seeds {', '.join(map(str, _list(score.get('seeds'))))}."
    return Section("top", material.name, [Words(words + " Without controls there is no verdict.")])


def section(material: Material) -> Section:
    """One figure, a table for each kind of what was taught, and score.json."""
    kinds = {k: part for k, part in _map(material.score.get("score")).items() if isinstance(part, Mapping)}
    surgical = material.name == SURGICAL
    blocks: list[Block] = [_words(material, surgical)]
    if kinds:
        blocks.append([_picture(kinds, surgical)])
    for kind, part in kinds.items():
        blocks += [Words(kind, "title"), _surgical_table(kind, part) if surgical else _sharp_table(kind, part)]
        if not surgical:
            blocks.append(Words(f"Rank correlation with the held-out gain over methods: {_predicts(part)}.", "small"))
    about = _map(material.score.get("about"))
    if about:
        blocks.append(Words("; ".join(f"{name}: {what}" for name, what in about.items()), "small"))
    return Section("methods", "Methods side by side", [*blocks, whole_score(material)])


def _words(material: Material, surgical: bool) -> Words:
    if surgical:
        return Words(
            f"Every method stops at a gain of {number(material.score.get('target'))} on what it taught, or as near as "
            "it comes. Means over seeds with 95 % intervals. Units of the change and gain: how many hold 80 % of it."
        )
    return Words(
        "Sharpness of the taught loss where each method ended, at matched gain; means over seeds with 95 % intervals. "
        f"Worst case: no weight moves by more than {number(material.score.get('radius'))} of it. Average case: by "
        f"{number(material.score.get('spread'))} of it, times a normal number."
    )


def _picture(kinds: Mapping[str, Any], surgical: bool) -> Picture:
    if surgical:
        note = "disc: right on what is new; ring: false alarms; tick: the least of mundane, lore, judgement"
        return Picture("Which method suits which knowledge", partial(surgical_figure, kinds), note)
    note = "over APOLLO r64’s, on the same seed; disc: worst case, ring: top eigenvalue; lines: 95 %"
    return Picture("How sharp the ends are", partial(sharp_figure, kinds), note)


def _list(value: object) -> list[Any]:
    return value if isinstance(value, list) else []


def _map(value: object) -> Mapping[str, Any]:
    return value if isinstance(value, Mapping) else {}


def _triple(value: object) -> tuple[float, float, float] | None:
    """(mean, lower, upper), or a plain number as one; None for what isn't there."""
    numbers = [as_float(v) for v in value] if isinstance(value, list | tuple) and len(value) == 3 else [as_float(value)]
    if not all(np.isfinite(v) for v in numbers):
        return None
    return (numbers[0], numbers[-2] if len(numbers) == 3 else numbers[0], numbers[-1])


def _words_of(value: object, share: bool) -> str:
    triple = _triple(value)
    if triple is None:
        return MISSING
    form = percent if share else number
    middle, low, high = (form(v) for v in triple)
    return middle if low == high else f"{middle} ({low} … {high})"


def _surgical_table(kind: str, part: Mapping[str, Any]) -> Table:
    rows = []
    for name, row in (("untouched", _map(part.get("untouched"))), *_map(part.get("methods")).items()):
        cells = [_words_of(row.get(key), share) for key, (_, share) in COLUMNS.items()]
        matched = f"{row.get('matched')} of {row['tasks']}" if "tasks" in row else ""
        rows.append([name, *cells, matched, str(row.get("verdict", ""))])
    head = ["method", *(title for title, _ in COLUMNS.values()), "matched", "verdict"]
    return Table(f"{WHAT.get(kind, kind)} {part.get('units')} units.", head, rows)


def _sharp_table(kind: str, part: Mapping[str, Any]) -> Table:
    rows = [[name, *(_words_of(row.get(key), False) for key in SHARP_COLUMNS)] for name, row in
            _map(part.get("rows")).items()]  # fmt: skip
    return Table(f"Sharpness where {kind} was taught", ["method", *SHARP_COLUMNS.values()], rows)


def _predicts(part: Mapping[str, Any]) -> str:
    return "; ".join(f"{key} {_words_of(value, False)}" for key, value in _map(part.get("predicts")).items())


def _panels(names: Sequence[str], kinds: Sequence[str], xlabel: str) -> tuple[Any, list[Any]]:
    """A figure with a panel a kind, methods down the side."""
    wide, left, row = 2 * WIDE, 104.0, 19.0
    high = row * max(1, len(names)) + 54
    figure, whole = canvas(high, wide, left, 8, 22, 32)
    figure.delaxes(whole)
    each = (wide - left - 8) / max(1, len(kinds))
    panels = []
    for at, kind in enumerate(kinds):
        axes = figure.add_axes(((left + at * each) / wide, 32 / high, (each - 16) / wide, (high - 54) / high))
        axes.set(ylim=(max(1, len(names)) - 0.4, -0.6), yticks=[])
        axes.set_title(kind, fontsize=9.5, color=COLOURS["ink"])
        axes.set_xlabel(xlabel)
        if at == 0:
            axes.set_yticks(range(len(names)), labels=list(names))
        panels.append(axes)
    return figure, panels


def surgical_figure(kinds: Mapping[str, Any]) -> Any:
    """What is right on new things, false alarms, and the least that stayed; a panel a kind, a row a method."""
    names = list(dict.fromkeys(name for part in kinds.values() for name in _map(part.get("methods"))))
    figure, panels = _panels(names, list(kinds), "share")
    for axes, part in zip(panels, kinds.values(), strict=True):
        axes.set(xlim=(-0.03, 1.03))
        axes.set_xticks([0, 0.5, 1], labels=["0", "50", "100 %"])
        for y, name in enumerate(names):
            row = _map(_map(part.get("methods")).get(name))
            axes.plot([0, 1], [y, y], **DOTTED)
            if not row:
                label(axes, 0.5, y, "not tried", ha="center")
            stays = [v[0] for key in ("mundane", "lore", "judgement") if (v := _triple(row.get(key))) is not None]
            if stays:
                axes.plot([min(stays)], [y], linestyle="", marker="|", markersize=13, color=COLOURS["third"])
            for key, mark, colour in (("alarms", RING, "below"), ("new", DISC, "above")):
                if (value := _triple(row.get(key))) is not None:
                    middle, low, high = np.clip(value, 0, 1)
                    axes.plot([low, high], [y, y], color=COLOURS[colour], linewidth=2)
                    axes.plot([middle], [y], **mark)
    return figure


def sharp_figure(kinds: Mapping[str, Any]) -> Any:
    """Worst case and top eigenvalue over those of APOLLO r64, on a scale of powers of ten."""
    ratios = {kind: _map(part.get("ratio")) for kind, part in kinds.items()}
    names = list(dict.fromkeys(name for part in ratios.values() for name in part))
    figure, panels = _panels(names, list(ratios), "ratio")
    logs = [drawable(np.log10(np.maximum(v, 1e-12))) for part in ratios.values() for row in part.values()
            for key in ("worst", "highest") if (v := _triple(_map(row).get(key))) is not None]  # fmt: skip
    most = max([1.0, *(float(np.ceil(np.abs(some).max())) for some in logs)])
    for axes, part in zip(panels, ratios.values(), strict=True):
        axes.set(xlim=(-most, most))
        axes.set_xticks([-most, 0, most], labels=[f"{10**-most:g}", "1", f"{10**most:g}"])
        axes.axvline(0, **DOTTED)
        for y, name in enumerate(names):
            row = _map(part.get(name))
            for key, mark, shift in (("highest", RING, 0.16), ("worst", DISC, -0.16)):
                if (value := _triple(row.get(key))) is not None:
                    middle, low, high = np.log10(np.maximum(value, 1e-12))
                    axes.plot([low, high], [y + shift, y + shift], color=COLOURS["ink"], linewidth=1.6)
                    axes.plot([middle], [y + shift], **mark)
    return figure
