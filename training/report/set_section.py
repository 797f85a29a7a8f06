"""The section of the curve of sets: what the best 1, 2, 4 ... heads bring together, beside random sets."""

from functools import partial

from training.headlog.curves import SetCurve, curve_of, overlaps
from training.report import derive, figures, plainly
from training.report.gather import Material
from training.report.parts import Picture, Section, Table, Words, absent
from training.report.words import MISSING, number, percent

NAMED = 16  # heads of a set that are named in its row


def sets(material: Material) -> Section | None:
    """The curve of a comparison of two models; None for whatever else."""
    if not material.compared:
        return None
    log, wide = material.runs[0].log, derive.shape(material.main)[1]
    curve = curve_of(log)
    if curve is None:
        text = "No set was inserted: the second model is not better on these probes, so there is no gain to share out."
        return absent("sets", "The curve of sets", text, "sets")
    words = (
        "The units (heads, and MLPs where they changed) that brought most, inserted together into the first model "
        "(outputs of the second): what share of "
        f"the gain do they bring, on {curve.decisions} decisions? Bars: 95 % over probes. Orange: random sets of that "
        "size with as many heads in every layer. Diamonds: sets found by greedy insertion. Order and shares come from "
        "the same probes, which flatters the best sets. One pair of models: no interval over trainings."
    )
    areas = (
        f"CPR, the area under the curve: {_spread(curve.cpr)}; higher is better. CMD, the area of |1 − share|: "
        f"{_spread(curve.cmd)}; lower is better. Both by the trapezoid rule over the fraction of units, from none "
        "to all, as in MIB (arXiv 2504.13151), but between two finished models."
    )
    note = "% of the gain; sizes double from left to right"
    picture = Picture("Share of the gain by size of the set", partial(figures.set_curve, curve), note)
    return Section("sets", "The curve of sets", [Words(words), [picture], Words(areas), _table(curve, wide)])


def _spread(value: tuple[float, float, float]) -> str:
    estimate, low, high = value
    return number(estimate) if low != low else f"{number(estimate)} ({number(low)} … {number(high)})"


def _table(curve: SetCurve, wide: int) -> Table:
    greedy = {len(point.heads): point.share[0] for point in curve.greedy}
    rows = []
    for point in curve.points:
        size = len(point.heads)
        _, low, high = point.share
        beside = [percent(value) for value in derive.spread(point.random)] if point.random else [MISSING] * 3
        mixed = " *" if point.random and overlaps(size, curve.heads) else ""
        more = f" and {size - NAMED} more" * (size > NAMED)
        rows.append([f"{size}{mixed}", percent(point.share[0]), f"{percent(low)} … {percent(high)}",
                     percent(greedy.get(size)), *beside, plainly.places(point.heads[:NAMED], wide) + more])  # fmt: skip
    head = ["units", "best", "95 % over probes", "greedy", "random, median", "least", "most", "the best units"]
    caption = "Every set. * too few heads lie outside: these random sets are drawn from all heads"
    return Table(caption, head, rows)
