"""The sections of figures: learning, the heads' grid, concentration, depth, history."""

import numpy as np

from training.report import curves, derive, grids
from training.report.derive import Array
from training.report.gather import Material, Run
from training.report.grids import Head, Marks
from training.report.markup import MISSING, Markup, join, number, percent, table, tag
from training.report.parts import Section, absent, paragraph
from training.verdict.verdict import core_size

ARMS_MAX = 24  # side by side
TOP = 16  # heads in the table
CHANGES = {  # of a head's row: words, what it says
    "own": ("own change", "‖Δ output‖ from its own weights, inputs held; mean residual norms"),
    "inherited": ("inherited change", "what its changed inputs brought"),
    "pattern": ("pattern shift", "Jensen-Shannon divergence of attention, bits"),
}
STATES = {
    "cue_mass": ("cue mass", "attention on the traces of the asked place"),
    "direct": ("direct effect", "logits: the answer against its rival"),
    "entropy": ("entropy", "of its attention, a share of the most there can be"),
}


def marks(material: Material) -> Marks:
    """Core and significant heads, if a verdict names them."""
    found = material.verdict.verdict if material.verdict is not None else None
    return Marks() if found is None else Marks(found.core, found.significant)


def learning(material: Material) -> Section:
    """Every arm's curves on common axes, each base model's by themselves."""
    arms = {name: runs for name, runs in material.parts.items() if any(run.log.curve for run in runs)}
    if not arms:
        return Section(
            "learning", "Learning", absent("No learning curve: the run ended before it was measured."), ("curve",)
        )
    points = [point for runs in arms.values() for run in runs for point in run.log.curve]
    last = max(1, max(point.step for point in points))
    values = [p.d_prime for p in points if p.d_prime is not None and np.isfinite(p.d_prime)]
    top = float(max(1, np.ceil(max(values, default=1.0))))
    panels = [curves.learning(name, runs, last, top) for name, runs in list(arms.items())[:ARMS_MAX]]
    words = paragraph(
        f"On scenes that no lesson held. Thick: the median over runs; thin: each run. {_scored(material)} Mundane: the "
        "rest answered as it should be; d′: how far hits and false alarms are apart, in standard deviations."
    )
    return Section("learning", "Learning", join([words, tag("div", *panels, class_="panels")]))


def _scored(material: Material) -> str:
    """What hits and false alarms are, for the behaviours that have words of their own."""
    told = {"sight": ("spirits named", "empty places called haunted"),
            "listen": ("safe directions taken", "dangerous ones taken")}  # fmt: skip
    names = {str(run.log.header.config.get("behaviour")) for run in material.runs}
    usual = ("wanted decisions taken rightly", "wanted answers given where they are wrong")
    hits, alarms = told.get(min(names), usual) if len(names) == 1 else usual
    return f"Hits: {hits}; false alarms: {alarms}."


def _share_grid(runs: tuple[Run, ...], total: float) -> Array | None:
    found = derive.middle(runs, derive.gain_grid)
    return None if found is None or not total > 0 else found / total


def total_gain(runs: tuple[Run, ...]) -> float:
    """What the arm's heads brought together, nats, mean over seeds; NaN if not measured."""
    found = derive.seeds_gain(runs)
    return float("nan") if found is None else float(found.sum(1).mean())


def heads(material: Material) -> Section:
    """Gain by arm, then what each head was before, after, and by how much it changed."""
    main, marked = material.main, marks(material)
    if not any(run.log.rows for run in main) and derive.seeds_gain(main) is None:
        words = "No head was compared: the run ended before. Let it run to its end."
        return Section("heads", "The heads", absent(words), ("heads",))
    made: list[Markup] = [_gain_panels(material, marked)]
    panels = []
    for name, (words, note) in CHANGES.items():
        grid = derive.rows_middle(main, lambda row, name=name: getattr(row, name))
        if grid is not None:
            panels.append(grids.heads_grid(words, grid, grids.largest(grid), note, marked))
    made += [tag("h3", "What moved, before against after"), tag("div", *panels, class_="panels")]
    for name, (words, note) in STATES.items():
        before, after = (
            derive.rows_middle(main, lambda row, key=f"{name}_{when}": getattr(row, key))
            for when in ("before", "after")
        )
        if before is None or after is None:
            continue
        limit, change = grids.largest(before, after), after - before
        unit = grids.unit_of(limit)
        trio = [
            grids.heads_grid(f"{words} before", before, limit, note, marked, unit),
            grids.heads_grid(f"{words} after", after, limit, note, marked, unit),
            grids.heads_grid(f"{words}: change", change, grids.largest(change), "after − before", marked),
        ]
        made += [tag("h3", words[:1].upper() + words[1:]), tag("div", *trio, class_="panels")]
    made.append(_leaders(main, marked))
    words = (
        f"Layers down, heads across, from 0; median over {len(main)} run{'s' * (len(main) > 1)} of “{main[0].arm}”. "
        "Blue is above zero, orange below, and each number stands in its cell, in the unit that its title names. "
    )
    named = "Boxed: core; dotted: significant. " if marked.core or marked.significant else ""
    bases = "Of several base models the first is shown: heads of different models are not the same heads. "
    about = paragraph(words, named, bases if len(material.bases) > 1 else "")
    return Section("heads", "The heads", join([about, *made]))


def _gain_panels(material: Material, marked: Marks) -> Markup:
    """Each arm's gain per head, in percent of what the main arm's heads brought, on one scale."""
    total = total_gain(material.main)
    if not total > 0:
        return absent("The gain was not shared out over the heads, or they brought none.")
    found = []
    for name, runs in list(material.parts.items())[:ARMS_MAX]:
        base = runs[0].base
        same = base == material.main[0].base
        own = total if same else total_gain(tuple(r for r in material.arms[material.main[0].arm] if r.base == base))
        grid = _share_grid(runs, own)
        if grid is not None:
            found.append((name, grid, same))
    limit = grids.largest(*(grid for _, grid, _ in found))
    panels = [
        grids.heads_grid(f"gain: {name}", grid, limit, "% of the heads’ total", marked if same else grids.NONE, 0.01)
        for name, grid, same in found
    ]
    words = (
        "Gain allocation: the part of the fall in held-out loss that each head’s weights brought (loss change "
        f"allocation), {number(total)} nats in all. Controls in percent of the same total."
    )
    return join([paragraph(words), tag("div", *panels, class_="panels")])


def _leaders(main: tuple[Run, ...], marked: Marks) -> Markup:
    """The heads that stand out, by gain or else by own change, with every number and its spread over seeds."""
    gain = derive.seeds_gain(main)
    layers, wide = derive.shape(main)
    own = derive.rows_middle(main, lambda row: row.own)
    worth = np.median(gain, axis=0) if gain is not None else own.ravel() if own is not None else np.zeros(0)
    order = np.argsort(-np.nan_to_num(worth), kind="stable")[:TOP]
    by_head: dict[Head, list] = {}
    for run in derive.alike(main):
        for row in run.log.rows:
            by_head.setdefault((row.layer, row.head), []).append(row)
    rows = []
    total = total_gain(main)
    for at in order:
        place = (int(at) // wide, int(at) % wide)
        there = by_head.get(place, [])
        low_high = derive.spread(gain[:, at] / total) if gain is not None and total > 0 else (np.nan,) * 3
        cells = [derive.median(getattr(row, name) for row in there) for name in ("own", "inherited", "pattern")]
        cue = [derive.median(getattr(row, f"cue_mass_{when}") for row in there) for when in ("before", "after")]
        direct = [derive.median(getattr(row, f"direct_{when}") for row in there) for when in ("before", "after")]
        kind = "core" if place in marked.core else "significant" if place in marked.significant else ""
        between = f"{percent(low_high[1])} … {percent(low_high[2])}" if len(main) > 1 else MISSING
        rows.append([f"{place[0]}.{place[1]}", kind, percent(low_high[0]), between, *(number(v) for v in cells),
                     f"{number(cue[0])} → {number(cue[1])}", f"{number(direct[0])} → {number(direct[1])}"])  # fmt: skip
    head = ["head", "", "gain", "over runs", "own", "inherited", "pattern", "cue mass", "direct effect"]
    return table(head, rows, f"The {len(rows)} heads of {layers * wide} that stand out, largest first")


def _concentrations(material: Material, gain_SH: Array) -> tuple[list[tuple[str, Array, str]], Array | None]:
    """(curves to draw, the cross-fitted one if the probes came in chunks), in shares of the main arm's total."""
    main, total, heads_count = material.main, float(gain_SH.sum(1).mean()), gain_SH.shape[1]
    lines = [("", derive.concentration_curve(row, row, total), "thin hits") for row in gain_SH[: curves.LINES_MAX]]
    lines = lines if len(gain_SH) > 1 else []
    lines.append(("in sample", derive.concentration_curve(gain_SH.mean(0), gain_SH.mean(0), total), "bold hits"))
    split = derive.seeds_chunks(main)
    crossed = None if split is None else derive.cross_curve(split, derive.seeds_chunks(material.control("shuffled")))
    if crossed is not None:
        lines.append(("cross-fitted", crossed, "bold d_prime"))
    for role in ("shuffled", "rehearsal"):
        other = derive.seeds_gain(material.control(role)) if main[0].role == "" else None
        if other is not None and other.shape[1] == heads_count:
            mean = other.mean(0)
            lines.append((role, derive.concentration_curve(mean, mean, total), "ctl"))
    return lines, crossed


def lorenz(material: Material) -> Section:
    """How the gain is spread over heads, largest first, with the controls in the same unit."""
    title = "Concentration of the gain"
    main = material.main
    gain = derive.seeds_gain(main)
    if gain is None or not gain.sum() > 0:
        return Section(
            "lorenz", title, absent("The gain was not shared out over the heads, or they brought none."), ("gain",)
        )
    total, heads_count = float(gain.sum(1).mean()), gain.shape[1]
    lines, crossed = _concentrations(material, gain)
    mean = gain.mean(0)
    words = paragraph(
        f"Lorenz curves from the largest head down: how much of the heads’ {number(total)} nats the first heads hold. "
        "The dotted diagonal is an even spread. In sample, the order and the weights come from the same probes, which "
        "flatters the first heads; cross-fitted, the order comes from one half of the probes and the weights from the "
        "other, less the shuffled control. Controls are drawn in the trained arm’s unit."
    )
    size = core_size(heads_count)
    cells = [
        ["in sample, trained", percent(derive.core_share(mean)), number(derive.effective(mean))],
        *(
            [["cross-fitted, over control", percent(float(crossed[size])), "see the verdict"]]
            if crossed is not None
            else []
        ),
    ]
    shown = table(
        ["", f"the first K = {size} hold", "N_eff/H"], cells, "At a glance; only the verdict’s numbers are judged"
    )
    figure = curves.lorenz(lines, size, "Share of the gain", "heads from the largest down, % of the total")
    return Section("lorenz", title, join([words, tag("div", figure, shown, class_="panels")]))


def depth(material: Material) -> Section:
    """Where in the layers the gain lies."""
    arms = [(name, found) for name, runs in material.arms.items()
            if (found := derive.by_layer(tuple(r for r in runs if r.base == material.main[0].base))) is not None
            and found.shape[1] == derive.shape(material.main)[0]]  # fmt: skip
    if not arms or not arms[0][1].sum() > 0:
        return Section(
            "depth", "Depth", absent("The gain was not shared out over the layers, or they brought none."), ("depth",)
        )
    rings = [arm for arm in arms[1:] if material.arms[arm[0]][0].role]
    note = "nats per layer; bar: mean, ticks: runs" + (
        f"; rings: {', '.join(name for name, _ in rings)}" if rings else ""
    )
    figure = curves.layers([arms[0], *rings], f"Gain by layer: {arms[0][0]}", note)
    rows = []
    for name, found in arms[:ARMS_MAX]:
        middle, low, high = derive.spread(derive.depth(row) for row in found)
        between = f"{number(low)} … {number(high)}" if len(found) > 1 else MISSING
        rows.append([name, len(found), number(float(found.sum(1).mean())), number(middle), between])
    head = ["arm", "runs", "heads’ gain, nats", "depth, median", "over runs"]
    told = table(head, rows, "Depth: the gain’s centre of mass over the layers, 0 the first, 1 the last")
    return Section("depth", "Depth", tag("div", figure, told, class_="panels"))


def history(material: Material) -> Section:
    """Each head over the steps: the run whose seed comes first."""
    run, marked = material.main[0], marks(material)
    wanted = {"own": "own change so far", "gradient": "share of the gradient’s energy since the point before",
              "cue_mass": "attention on the asked place’s traces", "activity": "activity"}  # fmt: skip
    panels = []
    for name, words in wanted.items():
        found = derive.history(run.log, name)
        if len(found) > 2:
            panels.append(grids.history_grid(f"{name.replace('_', ' ')} over the steps", found, words, marked))
    if not panels:
        words = "Fewer than three snapshots: nothing to follow over the steps (measured too seldom, or stopped)."
        return Section("history", "History", absent(words), ("history",))
    about = paragraph(f"Seed {run.seed} of “{run.arm}”: one line per head, layers down, heads across.")
    return Section("history", "History of the heads", join([about, tag("div", *panels, class_="panels")]))
