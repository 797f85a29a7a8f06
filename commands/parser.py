"""The verbs and their options. Neither torch nor pygame is needed to read them."""

import argparse
from collections.abc import Callable
from pathlib import Path
from typing import Any

from commands.options import circuit_options, experiment_options, learn_options, ray_options
from common.assets import NOVICE
from common.line.hello import REGIONS_MAX
from common.numbers import SEED_MAX, real_number, whole_number
from common.parser import Parser
from common.processes import WORKERS_MAX
from training.bench.areas import ALL, AREAS
from training.precedents.bench_parts import PARTS

PLAYERS_MAX = 1024
TICKS_MAX, REALMS_MAX, SEEDS_MAX, SIZE_MAX, NICE_MAX = 10**8 - 1, 10**6, 1_000, 65_536, 19
VERBS = {
    "play": "the game (the default)",
    "simulate": "runs the realm without a window: ticks/s, scenes/s, state hash",
    "realm": "serves one realm to many players, for play --join",
    "perceive": "reads a scene as JSON on stdin, answers what the model believes",
    "learn": "one measured training: measure, train, measure again, head diff",
    "experiment": "trains the arms and seeds of one experiment; the same command goes on after a kill",
    "diff": "compares two finished models head by head, or reads a head-diff log: a table, exports",
    "report": "makes one self-contained HTML page of a run or an experiment, and PNG figures",
    "pretrain": "makes the novice from nothing; --score DIR scores one",
    "mind": "perception and training as a server of several players, for play --mind",
    "edit": "traces where a model keeps a fact, rewrites it by a rank-one edit (ROME), undoes it; --bench scores many",
    "circuit": "finds the heads that carry a task by path patching (IOI), and says how good that circuit is",
    "bench": "speeds, side by side in one run, by area or all: realm, perceive, mind, optimizers, frozen ...",
}
SEEDED = {  # what --seed means, verb by verb; the others draw nothing
    "play": "a realm of this seed, without the title (default: the title asks)",
    "simulate": "of the realm and of who plays",
    "realm": "of the map of a new realm (default 0); who haunts it is drawn, and kept in --folder",
    "diff": "of the random sets beside those of BASE and TUNED (default 0)",
    "experiment": "the first of the seeds that are scored (default 0; --seeds N: how many)",
    "pretrain": "of first weights and batches; of the probes with --score",
    "mind": "of the journey that it learns from",
    "edit": "of noise, contexts, and new answers of the bench",
    "circuit": "of the prompts and of random circuits",
    "bench": "of the scenes",
}
EXPERIMENTS = (
    "learning, few, choice, sight, listen, own, rank, frozen, optimizer, born; "
    "sufficiency: a core alone; calibration: how often the rule errs; surgical: edits beside trainings; "
    "sharpness: of what surgical left"
)


def whole(least: int, most: int) -> Callable[[str], int]:
    """A reader of whole numbers from `least` to `most` for a flag."""

    def read(text: str) -> int:
        try:
            return whole_number(text, least, most)
        except ValueError as error:
            raise argparse.ArgumentTypeError(str(error)) from None

    return read


def rate(text: str) -> float:
    """A learning rate."""
    try:
        return real_number(text, 0.0, 1_000.0)
    except ValueError as error:
        raise argparse.ArgumentTypeError(str(error)) from None


def ticks(text: str) -> list[int]:
    """A reader of ticks with commas between them for a flag."""
    read = whole(0, TICKS_MAX)
    return sorted({read(word) for word in text.split(",")})


def _model_options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--model", default=str(NOVICE), help="a model folder, FILE.gguf, smollm2, or hub:ORG/NAME")
    parser.add_argument("--device", default="auto", help="auto, cpu, cuda or mps")


def build_parser(only: str | None = None) -> Parser:
    """All verbs with their options; each --help ends with an example. only: the one verb whose flags are needed."""
    # long because: options are a table, one line each
    parser = Parser(
        prog="main.py", description="Second Sight: a game and an instrument. What the model believes is what you see."
    )
    verbs = parser.add_subparsers(dest="verb", metavar="VERB", parser_class=Parser)

    def verb(name: str, example: str) -> Callable[..., Any]:
        added = verbs.add_parser(
            name,
            help=VERBS[name],
            description=VERBS[name],
            epilog=f"example: main.py {example}",
            formatter_class=argparse.RawDescriptionHelpFormatter,
        )
        if name in SEEDED:
            default = None if name in ("play", "realm") else 0
            added.add_argument("--seed", type=whole(0, SEED_MAX), default=default, metavar="S", help=SEEDED[name])
        added.add_argument("--json", action="store_true", help="one JSON object on stdout, everything else on stderr")
        if name in ("play", "perceive", "mind", "bench"):
            _model_options(added)
        if name == "learn" and only in (None, name):
            learn_options(added)
        if name == "experiment" and only in (None, name):
            ray_options(added)
        return added.add_argument

    workers = whole(1, WORKERS_MAX)
    add = verb("play", "play --seed 7")
    add("--save", metavar="SLOT", help="play this slot, without the title (with --seed: begin there)")
    add("--replay", type=Path, metavar="FILE", help="go on from this replay, in the empty slot of --save")
    add(
        "--familiar",
        metavar="MODEL",
        help="who speaks for the familiar: smollm2, a folder or FILE.gguf of a chat model",
    )
    add("--mind", metavar="HOST:PORT", help="a mind elsewhere (main.py mind --listen); tls://HOST:PORT with TLS")
    add("--mind-name", metavar="NAME", help="with --mind: who you are there (default: your login's name)")
    add("--mind-token", type=Path, metavar="FILE", help="with --mind: the token of whoever runs it")
    add("--mind-ca", type=Path, metavar="FILE", help="with --mind tls://...: certificates to trust (PEM)")
    add("--join", metavar="HOST:PORT", help="play in a shared realm (main.py realm --listen); tls://HOST:PORT with TLS")
    add("--name", metavar="NAME", help="with --join: who you are there (default: your name on this machine)")
    add("--token", type=Path, metavar="FILE", help="with --join: the token of whoever runs the realm")
    add("--ca", type=Path, metavar="FILE", help="with --join tls://...: who vouches for its certificate (PEM)")
    add(
        "--region",
        type=whole(0, REGIONS_MAX - 1),
        metavar="K",
        help="with --join: where a new name lives (default: any)",
    )
    add("--windowed-scale", type=int, choices=(1, 2, 3, 4), help="window in multiples of 640x360 (default: settings)")
    add = verb("simulate", "simulate --ticks 30000 --seed 1 --json")
    add("--ticks", type=whole(1, TICKS_MAX), default=30_000, metavar="N")
    add("--policy", default="random", help="who acts: random, wanderer, shown-around, or the file of a replay")
    realms = "realms of successive seeds (default: one a process; with --scenes one)"
    add("--realms", type=whole(1, REALMS_MAX), default=None, metavar="N", help=realms)
    add("--workers", type=workers, default=1, metavar="N", help="processes; what is written is the same for any N")
    add("--scenes", type=Path, metavar="FILE", help="write every scene with its truth: .jsonl, .msgpack or .parquet")
    add("--split", metavar="KIND", help="mark scenes as train or held: pair, place, region, hour (or region=river)")
    add("--save-replay", type=Path, metavar="FILE", help="write the action log here")
    add("--replay", type=Path, metavar="FILE", help="live through a saved action log instead")
    add("--pictures", type=Path, metavar="DIR", help="with --replay: what was to be seen at the ticks of --at, as PNG")
    add("--at", type=ticks, metavar="TICKS", help="with --pictures: ticks, with commas (90,1200)")
    add = verb("realm", "realm --listen 127.0.0.1:7788 --folder runs/realm --seed 7")
    add("--listen", metavar="HOST:PORT", help="wait for players on this address")
    add("--folder", type=Path, metavar="DIR", help="where the realm is kept, and goes on")
    add("--token", type=Path, metavar="FILE", help="players need it, too; wanted beyond this machine")
    add("--certificate", type=Path, metavar="FILE", help="speak TLS: a certificate in PEM; with --key")
    add("--key", type=Path, metavar="FILE", help="of the certificate, in PEM, without a password")
    add("--players", type=whole(1, PLAYERS_MAX), default=256, metavar="N", help="at once (default 256)")
    add("--regions", type=whole(1, REGIONS_MAX), metavar="N", help="N realms, each a process on one of the next ports")
    add(
        "--region",
        type=whole(0, REGIONS_MAX - 1),
        metavar="K",
        help="with --regions: serve this one alone (what --regions starts)",
    )
    add("--seer", metavar="HOST:PORT", help="instead: one who was born seeing walks that realm and points")
    add("--name", metavar="NAME", help="with --seer: who they are there (default Yuki)")
    add("--ca", type=Path, metavar="FILE", help="with --seer tls://...: who vouches for its certificate (PEM)")
    add("--relive", action="store_true", help="live through all that happened in --folder again: ticks, state hash")
    verb("perceive", "simulate --ticks 50 --scenes scenes.jsonl && tail -1 scenes.jsonl | main.py perceive")
    add = verb("learn", "learn --lessons 64 --steps 200 --seed 1 --out runs/first --json")
    add("--check", action="store_true", help="only check the settings and files: every fault, nothing is trained")
    add = verb("experiment", "experiment learning --workers 2 --out runs/learning --json")
    add("name", metavar="NAME", help=EXPERIMENTS)
    add("--out", type=Path, metavar="DIR", help="where its runs go, and where it goes on (default: runs/NAME)")
    add("--workers", type=workers, default=1, metavar="N", help="processes, one thread each")
    add("--model", action="append", help="base model instead of the novice: a Hugging Face folder; again for several")
    add("--arm", action="append", metavar="ARM", help="this arm alone; again for several (default: all)")
    add("--seeds", type=whole(1, SEEDS_MAX), default=None, metavar="N", help="so many seeds (default: its own)")
    files = "own, rank, frozen, optimizer, learning"
    add("--behaviour", metavar="FILE", help=f"{files}: lessons as a FILE.jsonl (docs/behaviours.md)")
    add("--probes", type=Path, metavar="FILE", help=f"{files}: probes as a FILE.jsonl")
    add(
        "--sweep-steps",
        type=whole(0, TICKS_MAX),
        default=None,
        metavar="N",
        help="choose rates by so many steps; 0: the arms' own rates",
    )
    add("--scores-only", action="store_true", help="measure no heads, write no logs: what each arm learns, quickly")
    add("--seer", metavar="DIR", help="born: the born seer's folder (default: the shipped one)")
    if only in (None, "experiment"):
        experiment_options(verbs.choices["experiment"])
    add(
        "--of",
        type=Path,
        metavar="DIR",
        help="sufficiency: whose core is trained alone; sharpness: a finished surgical",
    )
    add("--base", type=whole(0, SEEDS_MAX), default=0, metavar="K", help="sufficiency: which of its base models")
    add("--quick", action="store_true", help="one seed (two where they are compared), a handful of steps: does it run?")
    add = verb("diff", "diff DIR runs/lending/model --probes docs/behaviours/lending-probes.jsonl --out runs/compared")
    add("log", metavar="LOG|BASE", help="log.msgpack of a run; or the folder of a model before its training ...")
    add("tuned", nargs="?", metavar="TUNED", help="... and of the same model after it (or hub:org/name)")
    add("--probes", type=Path, metavar="FILE", help="what both models are asked: a FILE.jsonl (docs/behaviours.md)")
    add("--out", type=Path, metavar="DIR", help="a new folder for the log of the comparison; report makes a page of it")
    add("--device", default="auto", help="auto, cpu, cuda or mps")
    add("--export", choices=("csv", "parquet", "json"))
    add("--table", default="heads", metavar="TABLE", help="of csv and parquet: heads, curve, gains, swaps ...")
    add("--to", type=Path, metavar="FILE", help="where to export (default: stdout; parquet needs a file)")
    add("--partial", action="store_true", help="read a killed run's log up to its last whole record")
    add(
        "--at",
        type=whole(0, TICKS_MAX),
        metavar="TICK",
        help="of a journey's log: the heads as of this tick, the scene",
    )
    add = verb("report", "report runs/first --out first.html --png figures")
    add("path", type=Path, metavar="RUN", help="a run's folder or log, an experiment's, or a folder of ARM-S.msgpack")
    add("--out", type=Path, metavar="FILE", help="the page (default: report.html in the folder, or beside the log)")
    add("--png", type=Path, metavar="DIR", help="every figure as a PNG file, here")
    add = verb("pretrain", "pretrain --out runs/novice --seed 0")
    add("--out", type=Path, metavar="DIR", help="where the novice goes; work/ beside it holds checkpoints")
    add("--seer", action="store_true", help="born seeing: the same but for the answers about spirits")
    add("--without", choices=("folklore", "presences"), help="an ablation: a novice never asked about these")
    add("--score", type=Path, metavar="DIR", help="score a novice instead of making one")
    add("--device", default="auto", help="auto, cpu, cuda or mps")
    for name in ("hidden", "head-dim", "layers", "heads"):
        add(f"--{name}", type=whole(1, SIZE_MAX), default=None, metavar="N")
    add("--steps", type=whole(1, TICKS_MAX), default=None, metavar="N")
    add("--lr", type=rate, default=None, metavar="RATE", help="the highest learning rate (default 2e-3)")
    add = verb("mind", "mind --listen 0.0.0.0:7777 --token FILE --certificate FILE --key FILE")
    add("--listen", metavar="HOST:PORT", help="wait for players on this address (default: speak on stdin and stdout)")
    add("--token", type=Path, metavar="FILE", help="with --listen: who comes must have it, 16 bytes or more")
    add("--certificate", type=Path, metavar="FILE", help="with --listen: speak TLS with this certificate, in PEM ...")
    add("--key", type=Path, metavar="FILE", help="... and its key, in PEM, without a password")
    add("--folder", type=Path, help="where it keeps itself; with --listen a folder of each player lies there")
    add("--nice", type=whole(0, NICE_MAX), default=10, help="without --listen: how far it steps back for the game")
    add("--seer", type=Path, metavar="DIR", help="a born seer's folder (default: the shipped one)")
    add("--talk", action="store_true", help="a chat model that is only talked to: what play --familiar starts")
    add("--replay", type=Path, metavar="SLOT", help="train once more as the journey in SLOT did, into a new --folder")
    add = verb("edit", 'edit --fact "amber spire was made by" --to orin --out runs/edited')
    _edit_options(add, workers)
    add = verb("circuit", "circuit --task ioi --out runs/circuit --json")
    if only in (None, "circuit"):
        circuit_options(verbs.choices["circuit"])
    add = verb("bench", "bench perceive --json")
    add("area", metavar="AREA", help=", ".join((*AREAS, ALL)))
    add("--out", type=Path, metavar="DIR", help="all: bench.md and bench.json go here, area by area")
    return parser


def _edit_options(add: Callable[..., Any], workers: Callable[[str], int]) -> None:
    add("--fact", metavar="TEXT", help="a sentence that its answer follows; of the lore also SUBJECT RELATION")
    add("--to", metavar="OBJECT", help="the new answer")
    add(
        "--trace", metavar="TEXT", help="where a fact is carried: a sentence as for --fact; --out FILE.png is a picture"
    )
    add("--undo", type=Path, metavar="LOG", help="take an edit back, bit for bit: edit.msgpack of the edited --model")
    add("--bench", action="store_true", help="edit many facts, one by one and in a row, beside other methods")
    add("--subject", metavar="WORDS", help="the fact's subject, as it stands there (default: a landmark of the lore)")
    add("--model", default=str(NOVICE), help="a model folder, FILE.gguf, smollm2, or hub:ORG/NAME")
    add("--device", default="cpu", help="auto, cpu or cuda")
    add("--layer", type=whole(0, 1_023), metavar="N", help="whose MLP is edited (default: docs/edit.md)")
    add("--out", type=Path, metavar="PATH", help="a folder for the edited model or the bench; a file for a picture")
    add("--text", type=Path, metavar="FILE", help="a text that the model reads well, unless it speaks the terse tongue")
    add("--facts", type=Path, metavar="FILE", help="the bench's facts as a FILE.jsonl (docs/edit.md), not the lore")
    add("--edits", type=whole(1, 10_000), default=100, metavar="N", help="the bench's facts (default 100)")
    add("--part", action="append", choices=PARTS, metavar="PART",
        help=f"this part of the bench alone; again for several: {', '.join(PARTS)}")  # fmt: skip
    add("--workers", type=workers, default=1, metavar="N", help="the bench's processes, one thread each")
