"""The search for a circuit of heads, from the output backwards (Wang 2022, arXiv 2211.00593).

First every head's direct effect on the output. Where movers are knocked out, other heads may take their place: those
whose direct effect appears only then are backups. Then, round by round, the heads whose effect runs through the
queries, keys or values of the heads of the round before. An effect is a share of |F(M) - F(0)|; a head belongs to the
circuit from LEAST on. At last heads without a use are dropped (`pruned`), and heads are added where the circuit does
not do the task (`grown`).
"""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field

from training.precedents.ablation import Ablation
from training.precedents.circuits import mean
from training.precedents.path_patching import Head
from training.precedents.sites import INPUTS

LEAST = 0.01  # of |F(M) - F(0)|: a smaller effect is none
OUTPUT, BACKUP = "output", "output, movers knocked out"
Report = Callable[[str, int, int], None]


@dataclass(frozen=True)
class Effect:
    """A path from a head and what ablating it does to F, as a share of |F(M) - F(0)|.

    to: OUTPUT, BACKUP, or a matrix (q, k, v) of the receivers. Below 0: the head works for the task.
    """

    to: str
    share: float
    receivers: tuple[Head, ...] = ()


@dataclass
class Paths:
    """The heads of a search, with every effect of at least LEAST, and the direct effect of all heads."""

    effects: dict[Head, list[Effect]] = field(default_factory=dict)
    direct: dict[Head, float] = field(default_factory=dict)

    def add(self, head: Head, effect: Effect) -> None:
        self.effects.setdefault(head, []).append(effect)

    def of(self, *to: str) -> list[Head]:
        """The heads with an effect on one of these."""
        return sorted(head for head, some in self.effects.items() if any(effect.to in to for effect in some))

    def strongest(self, head: Head) -> float:
        """The largest effect of a head, without its sign; 0 for one that was not paths."""
        return max((abs(effect.share) for effect in self.effects.get(head, ())), default=0.0)


def search(ablation: Ablation, least: float = LEAST, report: Report = lambda what, done, of: None) -> Paths:
    """Every head with a path of this effect, from the output backwards."""
    paths, every = Paths(), ablation.every
    for number, head in enumerate(every):
        report("direct effects", number, len(every))
        paths.direct[head] = ablation.direct(head) / ablation.span
    movers = [head for head in every if paths.direct[head] <= -least]
    for head in every:
        if abs(paths.direct[head]) >= least:
            paths.add(head, Effect(OUTPUT, paths.direct[head]))
    for head, effect in _backups(ablation, paths, movers, least, report):
        paths.add(head, effect)
    _rounds(ablation, paths, movers, least, report)
    return paths


def _backups(
    ablation: Ablation, paths: Paths, movers: Sequence[Head], least: float, report: Report
) -> list[tuple[Head, Effect]]:
    """Heads that were no movers, and become some when the movers are knocked out."""
    others = [head for head in ablation.every if head not in movers] if movers else []
    backups = []
    for number, head in enumerate(others):
        report("backups", number, len(others))
        share = ablation.direct(head, movers) / ablation.span
        if share <= -least and share < paths.direct[head] - least:
            backups.append((head, Effect(BACKUP, share)))
    return backups


def _rounds(ablation: Ablation, paths: Paths, movers: Sequence[Head], least: float, report: Report) -> None:
    """Senders to the queries, keys and values of what was paths, until a round finds nobody new.

    Movers (with backups) and negative heads are receivers apart from each other: their effects would cancel out.
    """
    positive = sorted({*movers, *paths.of(BACKUP)})
    groups = [group for group in (positive, [head for head in paths.of(OUTPUT) if head not in positive]) if group]
    received: set[Head] = set()
    number = 0
    while groups:
        number += 1
        new: set[Head] = set()
        for receivers in groups:
            received |= set(receivers)
            senders = [head for head in ablation.every if head[0] < max(layer for layer, _ in receivers)]
            for done, sender in enumerate(senders):
                report(f"round {number}", done, len(senders))
                for matrix, change in ablation.through(sender, receivers, INPUTS).items():
                    if abs(change) >= least * ablation.span:
                        paths.add(sender, Effect(matrix, change / ablation.span, tuple(receivers)))
                        new.add(sender)
        groups = [sorted(new - received)] if new - received else []


def pruned(
    ablation: Ablation, heads: Iterable[Head], least: float = LEAST, report: Report = lambda what, done, of: None
) -> list[Head]:
    """The heads without those of no use: each that stays changes F(C) by `least` of |F(M)| or more when it goes.

    A quarter of the useless ones goes at a time, the least useful first: what is left may then be needed more.
    """
    circuit, first = sorted(set(heads)), len(set(heads))
    while circuit:
        report("pruning", first - len(circuit), first)
        ablation.near(circuit)
        whole = mean(ablation, circuit)
        uses = {head: abs(mean(ablation, set(circuit) - {head}) - whole) / abs(ablation.whole) for head in circuit}
        useless = sorted((head for head in circuit if uses[head] < least), key=lambda head: (uses[head], head))
        if not useless:
            break
        gone = set(useless[: max(1, len(useless) // 4)])
        circuit = [head for head in circuit if head not in gone]
    return circuit


def grown(
    ablation: Ablation,
    heads: Iterable[Head],
    most: int,
    least: float = LEAST,
    report: Report = lambda what, done, of: None,
) -> list[Head]:
    """The heads and, one by one, the other head that brings F(C) closest to F(M), while it gains `least` of |F(M)|."""
    circuit = sorted(set(heads))
    while len(circuit) < most:
        report("growing", len(circuit), most)
        ablation.near(circuit)
        others = [head for head in ablation.every if head not in circuit]
        missed = {head: abs(ablation.whole - mean(ablation, [*circuit, head])) for head in others}
        best = min(others, key=lambda head: (missed[head], head))
        if abs(ablation.whole - mean(ablation, circuit)) - missed[best] < least * abs(ablation.whole):
            break
        circuit = sorted([*circuit, best])
    return circuit
