#!/usr/bin/env python3
"""Second Sight: the command line, and the only place where the wings meet.

Each verb imports what it needs when it runs; importing this module loads neither torch nor pygame.
"""
# long because: the whole command line stands here, options beside what they set in motion

import argparse
import difflib
import json
import os
import shlex
import sys
from collections.abc import Callable
from contextlib import nullcontext
from pathlib import Path
from typing import Any, NoReturn

from common import console, folders
from common.assets import NOVICE
from common.early import check_address, check_device, check_slot_name
from common.files import check_output
from common.numbers import SEED_MAX, finite, real_number, whole_number
from common.processes import WORKERS_MAX, Terminated, terminate_as_interrupt
from training.bench.areas import ALL, AREAS, check_area

ROOT = Path(__file__).resolve().parent
INTERRUPTED, TERMINATED, PIPE_CLOSED = 130, 143, 141  # 128 + the signal's number, as shells count
TICKS_MAX, REALMS_MAX, SEEDS_MAX, SIZE_MAX, NICE_MAX = 10**8 - 1, 10**6, 1_000, 65_536, 19
VERBS = {
    "play": "the game (the default)",
    "simulate": "runs the realm without a window: ticks/s, scenes/s, state hash",
    "perceive": "reads a scene as JSON on stdin, answers what the model believes",
    "learn": "one measured training: measure, train, measure again, head diff",
    "experiment": "trains the arms and seeds of one experiment; the same command goes on after a kill",
    "diff": "compares two finished models head by head, or reads a head-diff log: a table, exports",
    "report": "makes one self-contained HTML page of a run or an experiment, and PNG figures",
    "pretrain": "makes the novice from nothing; --score DIR scores one",
    "mind": "perception and training as a server, for play --mind",
    "edit": "traces where a model keeps a fact, rewrites it by a rank-one edit (ROME), undoes it; --bench scores many",
    "circuit": "finds the heads that carry a task by path patching (IOI), and says how good that circuit is",
    "bench": "speeds, side by side in one run, by area or all: realm, perceive, mind, optimizers, frozen ...",
}
SEEDED = {  # what --seed means, verb by verb; the others draw nothing
    "play": "a realm of this seed, without the title (default: the title asks)",
    "simulate": "of the realm and of who plays",
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
    "sufficiency: a core alone; calibration: how often the rule errs"
)


class Parser(argparse.ArgumentParser):
    """Complains in one line and exits with 2."""

    def error(self, message: str) -> NoReturn:
        print(f"{self.prog}: {' '.join(message.split())}; see {self.prog} --help", file=sys.stderr)
        raise SystemExit(2)


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
    parser.add_argument("--model", default=str(NOVICE), help="a Hugging Face folder, or hub:org/name")
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
            default = None if name == "play" else 0
            added.add_argument("--seed", type=whole(0, SEED_MAX), default=default, metavar="S", help=SEEDED[name])
        added.add_argument("--json", action="store_true", help="one JSON object on stdout, everything else on stderr")
        if name in ("play", "perceive", "mind", "bench"):
            _model_options(added)
        if name == "learn" and only in (None, name):
            _learn_options(added)
        if name == "experiment" and only in (None, name):
            _ray_options(added)
        return added.add_argument

    workers = whole(1, WORKERS_MAX)
    add = verb("play", "play --seed 7")
    add("--save", metavar="SLOT", help="play this slot, without the title (with --seed: begin there)")
    add("--replay", type=Path, metavar="FILE", help="go on from this replay, in the empty slot of --save")
    add("--mind", metavar="HOST:PORT", help="a mind on another machine (main.py mind --listen)")
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
    add("--behaviour", metavar="FILE", help="own: lessons as a FILE.jsonl (docs/behaviours.md)")
    add("--probes", type=Path, metavar="FILE", help="own: probes as a FILE.jsonl")
    add("--seer", metavar="DIR", help="born: the born seer's folder (default: the shipped one)")
    if only in (None, "experiment"):
        _experiment_options(verbs.choices["experiment"])
    add("--of", type=Path, metavar="DIR", help="sufficiency: the judged experiment whose core is trained alone")
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
    add = verb("mind", "mind --listen 127.0.0.1:7777 --device cuda")
    add("--listen", metavar="HOST:PORT", help="wait for a game on this address (default: speak on stdin and stdout)")
    add("--folder", type=Path, help="where it keeps itself")
    add("--nice", type=whole(0, NICE_MAX), default=10, help="without --listen: how far it steps back for the game")
    add("--seer", type=Path, metavar="DIR", help="a born seer's folder (default: the shipped one)")
    add("--replay", type=Path, metavar="SLOT", help="train once more as the journey in SLOT did, into a new --folder")
    add = verb("edit", 'edit --fact "amber spire was made by" --to orin --out runs/edited')
    _edit_options(add, workers)
    add = verb("circuit", "circuit --task ioi --out runs/circuit --json")
    if only in (None, "circuit"):
        _circuit_options(verbs.choices["circuit"])
    add = verb("bench", "bench perceive --json")
    add("area", metavar="AREA", help=", ".join((*AREAS, ALL)))
    add("--out", type=Path, metavar="DIR", help="all: bench.md and bench.json go here, area by area")
    return parser


def _experiment_options(parser: argparse.ArgumentParser) -> None:
    from common.flags import add_flags
    from training.config import CHANGEABLE, LearnConfig, TeachConfig

    add_flags(parser, LearnConfig, CHANGEABLE)
    add_flags(parser, TeachConfig, CHANGEABLE)


def _learn_options(parser: argparse.ArgumentParser) -> None:
    from common.flags import add_flags
    from training.config import LearnConfig, TeachConfig

    add_flags(parser, LearnConfig)
    add_flags(parser, TeachConfig)


def _ray_options(parser: argparse.ArgumentParser) -> None:
    from common.flags import add_flags
    from training.experiments.ray_config import RayConfig

    add_flags(parser, RayConfig)


def _edit_options(add: Callable[..., Any], workers: Callable[[str], int]) -> None:
    add("--fact", metavar="TEXT", help="a sentence that its answer follows; of the lore also SUBJECT RELATION")
    add("--to", metavar="OBJECT", help="the new answer")
    add(
        "--trace", metavar="TEXT", help="where a fact is carried: a sentence as for --fact; --out FILE.png is a picture"
    )
    add("--undo", type=Path, metavar="LOG", help="take an edit back, bit for bit: edit.msgpack of the edited --model")
    add("--bench", action="store_true", help="edit many facts, one by one and in a row, beside other methods")
    add("--subject", metavar="WORDS", help="the fact's subject, as it stands there (default: a landmark of the lore)")
    add("--model", default=str(NOVICE), help="a Hugging Face folder, or hub:org/name")
    add("--device", default="cpu", help="auto, cpu or cuda")
    add("--layer", type=whole(0, 1_023), metavar="N", help="whose MLP is edited (default: docs/edit.md)")
    add("--out", type=Path, metavar="PATH", help="a folder for the edited model or the bench; a file for a picture")
    add("--text", type=Path, metavar="FILE", help="a text that the model reads well, unless it speaks the terse tongue")
    add("--facts", type=Path, metavar="FILE", help="the bench's facts as a FILE.jsonl (docs/edit.md), not the lore")
    add("--edits", type=whole(1, 10_000), default=100, metavar="N", help="the bench's facts (default 100)")
    add("--workers", type=workers, default=1, metavar="N", help="the bench's processes, one thread each")


def _circuit_options(parser: argparse.ArgumentParser) -> None:
    from common.flags import add_flags
    from training.precedents.circuit_config import CircuitConfig

    add = parser.add_argument
    add("--task", required=True, metavar="TASK", help="ioi, sight, listen, or prompts as a FILE.jsonl")
    add("--model", default=str(NOVICE), help="a Hugging Face folder, or hub:org/name")
    add("--tuned", metavar="DIR", help="sight, listen: the model after its training; --model is the one before")
    add("--heads", metavar="HEADS", help="score this circuit instead of finding one: 5.1,6.3")
    add("--out", type=Path, metavar="DIR", help="a new folder for circuit.json and circuit.png")
    add("--device", default="cpu", help="auto, cpu or cuda")
    add_flags(parser, CircuitConfig)


def show(options: argparse.Namespace, result: dict[str, Any], lines: list[str]) -> None:
    """One JSON object on stdout, or lines for people."""
    print(json.dumps(finite(result)) if options.json else "\n".join(lines))


def simulate(options: argparse.Namespace) -> int:
    from game.realm.simulate import SimulateConfig, relive, simulate
    from training.progress import progress_bar

    if options.pictures is not None or options.at is not None:
        return pictures(options)
    if options.replay:
        if options.scenes or options.save_replay or options.workers > 1 or options.realms:
            raise ValueError(
                "--replay only lives through the log again; leave out --scenes, --save-replay, --realms and --workers"
            )
        result = relive(options.replay)
    else:
        played = options.ticks, options.seed, options.policy, "terse"
        files = options.scenes, options.save_replay, options.split
        with progress_bar() as report:
            result = simulate(SimulateConfig(*played, *files, options.realms, options.workers), report)
    show(
        options,
        result,
        [
            f"{result['ticks']} ticks at {result['ticks_per_s']:,.0f}/s",
            f"{result['scenes']} scenes at {result['scenes_per_s']:,.0f}/s",
            f"state hash {result['state_hash']}",
        ],
    )
    return 0


def pictures(options: argparse.Namespace) -> int:
    """What was to be seen at some ticks of a replay."""
    if options.replay is None or options.pictures is None or options.at is None:
        raise ValueError("--pictures DIR, --at TICKS and --replay FILE go together; give all three")
    os.environ["SDL_VIDEODRIVER"] = "dummy"
    os.environ.setdefault("PYGAME_HIDE_SUPPORT_PROMPT", "1")
    from game.journey.moments import write_moments
    from training.progress import progress_bar

    with progress_bar() as report:
        paths = write_moments(options.replay, options.pictures, options.at, report)
    show(options, {"pictures": [str(path) for path in paths]}, [str(path) for path in paths])
    return 0


def perceive(options: argparse.Namespace) -> int:
    import msgspec

    from perception.messages import Scene

    try:
        scene = msgspec.json.decode(sys.stdin.buffer.read(4 * 2**20), type=Scene)
    except (msgspec.MsgspecError, RecursionError) as error:
        raise ValueError(f"stdin: not a scene ({error}); main.py simulate --scenes FILE writes some") from error
    from perception.model import choose_device, load
    from perception.perceive import perceive

    percept = perceive(load(options.model, choose_device(options.device)), [scene], record=False)[0]
    places: list[dict[str, Any]] = []
    lines = []
    for question, belief in zip(scene.questions, percept.beliefs, strict=True):
        beliefs = dict(zip(question.candidates, belief, strict=True))
        places.append({"ask": question.ask, "place": question.place, "beliefs": beliefs})
        answer = question.candidates[belief.index(max(belief))]
        lines.append(f"{question.ask} {question.place}: {answer} ({max(belief):.0%})")
    show(options, {"scene": scene.id, "places": places}, lines)
    return 0


def check_learn(options: argparse.Namespace) -> int:
    """All faults of a training from files on stderr, and 2; or how many lines of each kind there are."""
    from training.behaviours.check import check_files
    from training.config import FILES, learn_config

    if not str(options.behaviour).endswith(FILES) or not isinstance(options.probes, Path):
        raise ValueError("--check: give --behaviour FILE.jsonl and --probes FILE.jsonl")
    config = learn_config(options)
    if options.model is None:
        check = check_files(config)
    else:
        from training.behaviours.fit import check_training

        check = check_training(config)
    if check.faults:
        print("\n".join(check.faults), file=sys.stderr)
        return 2
    if options.model is None:
        print("the files alone were checked; with --model DIR, also whether the model can learn them", file=sys.stderr)
    counts = check.counts.items()
    show(options, check.counts, [f"{name}: {kind['wanted']} wanted, {kind['other']} other" for name, kind in counts])
    return 0


def learn(options: argparse.Namespace) -> int:
    from training.config import learn_config

    if options.check:
        return check_learn(options)
    config = learn_config(options)
    config.check()  # before torch is imported and a bar is drawn
    from training.learn import follow, learn
    from training.progress import progress_bar
    from training.sharded import joined

    with joined(config.device) as ranks:
        if ranks is not None and not ranks.first:
            follow(config, ranks)
            return 0
        with progress_bar() as report:
            result = dict(learn(config, report, ranks))
    show(options, result, [*_learned(result, config.behaviour), *_next_of(config)])
    return 0


def _next_of(config: Any) -> list[str]:
    """What to run next with a training's folder, a command a line; of one without a folder nothing."""
    if config.out is None:
        return []
    own = ["own", "--behaviour", config.behaviour, "--probes", str(config.probe_file)]
    named = own if config.from_files else [config.behaviour]
    model = [] if config.model == str(NOVICE) else ["--model", config.model]
    out = ["--out", str(config.out.with_name(f"{config.out.name}-verdict"))]
    commands = {
        "which heads changed": ["diff", str(config.out / "log.msgpack")],
        "the same as a page": ["report", str(config.out)],
        "with controls and seeds, a verdict": ["experiment", *named, *model, *out],
    }
    return ["next:", *(f"  main.py {shlex.join(words)}    # {what}" for what, words in commands.items())]


def _learned(result: dict[str, Any], behaviour: str) -> list[str]:
    """A training's scores before and after, for people."""
    new = "new forms" if behaviour == "listen" else "new pairs"
    lesson_words = {"listen": "safe directions, {} other sayings", "sight": "spirits, {} empty places"}
    lesson_count = lesson_words.get(behaviour, "wanted lines, {} other lines")
    lines = [f"{'':8}{'hits':>8}{new:>11}{'false alarms':>14}{'d-prime':>9}{'mundane':>9}"]
    for when in ("before", "after"):
        scores = result[when]
        shares = (scores.get("hits_new_forms", scores["hits_new_pairs"]), scores["false_alarms"])
        of_new, alarms = ("-" if share is None else f"{share:.1%}" for share in shares)
        distance = "-" if scores["d_prime"] is None else f"{scores['d_prime']:.2f}"
        lines.append(f"{when:8}{scores['hits']:8.1%}{of_new:>11}{alarms:>14}{distance:>9}{scores['mundane']:9.1%}")
    lines.append(
        f"{result['steps']} steps in {result['seconds']:.0f} s;"
        f" {result['spirits_shown']} {lesson_count.format(result['empties_shown'])} shown"
    )
    return lines + ([f"log: {result['log']}"] if result["log"] else [])


def experiment(options: argparse.Namespace) -> int:
    from common.flags import values
    from training.config import CHANGEABLE, LearnConfig, TeachConfig
    from training.experiments.ray_config import RayConfig

    ray = RayConfig(**values(options, RayConfig))
    ray.check()  # before torch is imported
    from training.experiments.registry import experiment_named
    from training.experiments.run import run_experiment
    from training.experiments.show import lines
    from training.progress import progress_bar

    if options.name == "calibration":
        return calibration(options)
    planned = experiment_named(options.name, options.seer, options.behaviour, options.probes, options.of, options.base)
    planned = planned.on(*options.model) if options.model else planned
    planned = planned.taking(options.seeds) if options.seeds is not None else planned
    planned = planned.only(*options.arm) if options.arm else planned
    planned = planned.from_seed(options.seed)
    planned = planned.changed(values(options, LearnConfig, CHANGEABLE) | values(options, TeachConfig, CHANGEABLE))
    planned = planned.quick() if options.quick else planned
    out = options.out or Path("runs") / planned.name
    if ray.ray is None:
        with progress_bar() as report:
            result = run_experiment(planned, out, options.workers, report)
    else:
        from training.experiments.ray_pool import RayPool
        from training.experiments.sweep_table import live_sweep

        with live_sweep() as (report, watch):
            result = run_experiment(planned, out, options.workers, report, RayPool(ray, options.workers, watch))
    show(options, result, [*lines(result), f"all of it: {out / 'score.json'}; to look at: main.py report {out}"])
    return 0


def check_diff(options: argparse.Namespace) -> None:
    """Raises ValueError for two things of which one is no model, and flags that belong to the other use."""
    path = Path(options.log)
    if options.tuned is None:
        if (path / "config.json").is_file():
            raise ValueError(f"{path}: a model's folder; give the folder after it, too, and --probes FILE.jsonl")
        if path.is_dir():
            raise ValueError(f"{path}: a folder; give the log in it: {path / 'log.msgpack'}")
        for flag in ("probes", "out"):
            if getattr(options, flag) is not None:
                raise ValueError(f"--{flag}: for two models, main.py diff BASE TUNED; {path} stands alone")
        return
    for role, source in (("BASE", options.log), ("TUNED", options.tuned)):
        if Path(source).is_file():
            raise ValueError(
                f"{role} {source}: a file; give a model's folder (main.py diff {source} reads it if it is a log)"
            )
        _check_model(role, source)
    if options.at is not None:
        raise ValueError("--at: of one log, not of two models; give the log of a journey")
    if options.probes is None:
        raise ValueError("--probes FILE.jsonl: what both models are asked; docs/behaviours.md says what a line holds")
    if options.export or options.partial or options.to is not None:
        raise ValueError("--export, --to, --partial: of a log; give --out DIR, then main.py diff DIR/log.msgpack")


def calibration(options: argparse.Namespace) -> int:
    from training.experiments.calibration import calibration as calibrate
    from training.experiments.calibration import lines
    from training.progress import progress_bar

    taken = {"name", "out", "workers", "model", "seeds", "quick", "json", "verb"}
    defaults = vars(build_parser("experiment").parse_args(["experiment", options.name]))
    for name, value in vars(options).items():
        if name not in taken and value != defaults[name]:
            raise ValueError(f"--{name.replace('_', '-')}: experiment calibration sets it itself; leave it out")
    out = options.out or Path("runs") / "calibration"
    with progress_bar() as report:
        result = calibrate(options.model or [str(NOVICE)], out, options.workers, report, options.seeds, options.quick)
    show(options, result, [*lines(result), f"all of it: {out / 'score.json'}"])
    return 0


def diff(options: argparse.Namespace) -> int:
    if options.tuned is not None:
        return diff_models(options)
    from training.headlog.exports import export
    from training.headlog.log import read_log
    from training.headlog.table import diff_table

    log = read_log(options.log, partial=options.partial)
    if options.at is not None:
        return diff_at(log, options)
    if options.export:
        export(log, options.export, options.to, options.table)
    elif options.json:
        print(json.dumps(finite(diff_table(log))))
    else:
        print_log(log)
    return 0


def diff_at(log: Any, options: argparse.Namespace) -> int:
    """The heads as of a tick of a journey."""
    from training.headlog.moments import moment_table, print_moment

    if options.export:
        raise ValueError("--at: a table on its own; leave out --export, or give --export csv --table snapshots alone")
    if options.json:
        print(json.dumps(moment_table(log, options.at)))
    else:
        print_moment(log, options.at, terminal())
    return 0


def diff_models(options: argparse.Namespace) -> int:
    """Compare two finished models."""
    from training.compare import CompareConfig, compare
    from training.progress import progress_bar

    config = CompareConfig(options.log, options.tuned, options.probes, options.seed, options.device, options.out)
    with progress_bar() as progress:
        log, result = compare(config, progress)
    for note in result["notes"]:
        print(note, file=sys.stderr)
    if options.json:
        print(json.dumps(finite(result)))
        return 0
    print_log(log)
    if result["same_weights"]:
        print("the two folders hold the same weights: the difference is zero")
    elif "curve" not in result:
        print("TUNED is not better on these probes: there is no gain to share out, and no set was inserted")
    if options.out is not None:
        print(f"log: {result['log']}; to look at: main.py report {options.out}")
    return 0


def print_log(log: Any) -> None:
    """A log's table on the terminal."""
    from training.headlog.table import print_table

    print_table(log, terminal())


def terminal() -> Any:
    """Where tables are printed."""
    from rich.console import Console

    class Terminal(Console):
        """Rich's own answer to a closed pipe is a status of 1."""

        def on_broken_pipe(self) -> None:
            raise BrokenPipeError

    return Terminal()


def seen(path: Path, progress: Callable[[str, int, int], None]) -> dict[int, bytes]:
    """Pictures of what was seen at the jumps of a journey's log, painted by the game; none of anything else."""
    from training.report.journey import jumps_of

    wanted = jumps_of(path)
    if wanted is None:
        return {}
    os.environ["SDL_VIDEODRIVER"] = "dummy"
    os.environ.setdefault("PYGAME_HIDE_SUPPORT_PROMPT", "1")
    from game.journey.moments import paint_moments

    try:
        return paint_moments(*wanted, progress)
    except ValueError as error:  # of another realm, say: the page is whole without them
        print(f"no pictures: {error}", file=sys.stderr)
        return {}


def report(options: argparse.Namespace) -> int:
    from training.progress import progress_bar
    from training.report.page import report

    with progress_bar() as progress:
        page = report(options.path, options.out, options.png, progress, seen(options.path, progress))
    lines = [f"{page['name']}: {page['out']}, {page['bytes'] / 1000:,.0f} kB", *page["pictures"]]
    show(options, page, [*lines, *(f"not measured: {what}" for what in page["missing"])])
    return 0


def pretrain(options: argparse.Namespace) -> int:
    if not (options.score or options.out):
        raise ValueError("give --out DIR to make a novice, or --score DIR to score one")
    from training.novice import novice
    from training.progress import progress_bar

    if options.score:
        result = novice.score_folder(options.score, options.device, options.seed)
    else:
        names = ("hidden", "head_dim", "layers", "heads", "steps", "lr", "without")
        shape = {name: value for name in names if (value := getattr(options, name)) is not None}
        with progress_bar() as report:
            result = novice.make(options.out, options.device, options.seed, shape, report, options.seer)
    show(options, result, [f"{key}: {value}" for key, value in result.items()])
    return 0


def mind(options: argparse.Namespace) -> int:
    if options.replay is not None:
        return replay_mind(options)
    from common.processes import ending_with_peer

    with nullcontext() if options.listen else ending_with_peer(sys.stdin.fileno()):  # the game may go while this loads
        from perception.model import choose_device, load
        from perception.wire import standard_stream

        line = None if options.listen else standard_stream()
        from training.mind.listen import serve_address
        from training.mind.serve import serve_stream

        model = load(options.model, choose_device(options.device))
    if line is None:
        serve_address(options.listen, model, options.folder, options.seed, seer=options.seer)
    else:
        serve_stream(line, model, options.folder, options.nice, options.seed, seer=options.seer)
    return 0


def edit(options: argparse.Namespace) -> int:
    from dataclasses import fields

    from training.precedents.verb import EditOptions, run
    from training.progress import progress_bar

    chosen = EditOptions(**{field.name: getattr(options, field.name) for field in fields(EditOptions)})
    chosen.check()
    with progress_bar() as report:
        result, lines = run(chosen, report)
    show(options, result, lines)
    return 0


def replay_mind(options: argparse.Namespace) -> int:
    """A journey's learning once more, without the game."""
    if options.listen is not None or options.folder is None:
        raise ValueError("--replay SLOT: give --folder DIR, a new folder for what comes of it, and no --listen")
    if not options.replay.is_dir():
        raise ValueError(f"--replay {options.replay}: no folder; give the slot of a journey, with its practice.msgpack")
    from perception.model import choose_device, load
    from training.mind.replay import replay_journey
    from training.progress import progress_bar

    model = load(options.model, choose_device(options.device))
    with progress_bar() as report:
        result = replay_journey(options.replay, model, options.folder, report)
    same = "the same weights as then" if result["same_weights"] else "OTHER weights than then"
    lines = [f"{result['steps']} steps from {result['lessons']} lessons: {result['weights']}, {same}"]
    if result["state_hash"] is not None:
        scenes = "the same" if result["same_scenes"] else "not all the same"
        lines += [f"{result['scenes']} scenes at which it practised: {scenes}"]
        lines += [f"lessons that the realm gave: {result['same_lessons']} of {result['realm_lessons']} given again"]
    if not result["same_weights"]:
        print(f"it learned under torch {result['torch']}; on a CPU like that one they are the same", file=sys.stderr)
    show(options, result, [*lines, f"log: {result['log']}; to look at: main.py report {options.folder}"])
    return 0


def circuit(options: argparse.Namespace) -> int:
    from common.flags import values
    from training.precedents.circuit_config import CircuitConfig, CircuitOptions
    from training.progress import progress_bar

    config = CircuitConfig(**values(options, CircuitConfig))
    chosen = CircuitOptions(
        options.task, options.model, config, options.tuned, options.heads, options.out, options.device, options.seed
    )
    chosen.check()
    from training.precedents.circuit import run

    with progress_bar() as report:
        result, lines = run(chosen, report)
    show(options, result, lines)
    return 0


def bench(options: argparse.Namespace) -> int:
    check_area(options.area, options.device)
    if options.area == ALL:
        return bench_all(options)
    if options.out is not None:
        raise ValueError(f"--out {options.out}: is for bench all; leave it out")
    if options.area == "game":
        return bench_game(options)
    if options.area == "env":
        return bench_env(options)
    import torch

    from training.bench.run import bench

    torch.set_num_threads(1)
    result = bench(options.area, options.model, options.seed, options.device)
    lines = [
        f"{r['name']:14}{r['note']}"
        if r["value"] is None
        else f"{r['name']:14}{r['value']:12.1f} {r['unit']:5}{r['ratio']:9.3f} x {r['baseline']}"
        for r in result["rows"]
    ]
    show(options, result, lines)
    return 0


def bench_all(options: argparse.Namespace) -> int:
    """Every area, each in a process of its own, as one table."""
    from training.bench.table import bench_all, check_folder, markdown
    from training.heads.run_log import commit
    from training.progress import progress_bar

    if options.out is not None:
        check_folder(options.out)
    with progress_bar() as report:
        result = bench_all(options.model, options.seed, options.device, options.out, commit(), report)
    show(options, result, list(markdown(result)))
    return 0


def bench_game(options: argparse.Namespace) -> int:
    """What a frame costs, unseen. Beside each figure stands the most it may be, to be judged on an idle machine."""
    os.environ["SDL_VIDEODRIVER"] = "dummy"
    os.environ.setdefault("PYGAME_HIDE_SUPPORT_PROMPT", "1")
    from game.app.bench_game import rows

    figures = rows(options.seed)
    lines = [f"{row['name']:14}{row['value']:10.2f} {row['unit']:4} at most {row['at_most']}" for row in figures]
    show(options, {"area": "game", "rows": figures}, lines)
    return 0


def bench_env(options: argparse.Namespace) -> int:
    """What a step of an environment costs, unseen. Beside some figures stands the least they should be."""
    os.environ["SDL_VIDEODRIVER"] = "dummy"
    os.environ.setdefault("PYGAME_HIDE_SUPPORT_PROMPT", "1")
    try:
        from game.env.bench import rows
    except ImportError as error:
        raise ValueError(str(error)) from error
    figures = rows(options.seed)
    lines = [f"{row['name']:16}{row['value']:12.1f} {row['unit']:5}{row['ratio']:9.3f} x ticks" for row in figures]
    show(options, {"area": "env", "device": "cpu", "rows": figures}, lines)
    return 0


def play(options: argparse.Namespace) -> int:
    if options.save is not None:
        check_slot_name(options.save)
    if options.mind is not None:
        check_address("--mind", options.mind)
    os.environ.setdefault("PYGAME_HIDE_SUPPORT_PROMPT", "1")
    from game import start

    def command(folder: Path, seed: int) -> list[str]:
        """What starts a mind for a slot and a journey's seed."""
        mind = [sys.executable, str(ROOT / "main.py"), "mind", "--model", options.model, "--device", options.device]
        return [*mind, "--folder", str(folder), "--seed", str(seed)]

    saves, home, scale = folders.saves(), folders.settings(), options.windowed_scale
    if options.replay is not None:
        if options.save is None or options.seed is not None:
            raise ValueError("--replay FILE: give the slot it goes on in, --save SLOT, and no --seed")
        from game.journey.save_slots import adopt

        adopt(saves / options.save, options.replay)
    if options.save is None and options.seed is None:
        start.title(saves, command, options.mind, scale, home, old=ROOT / "saves")
    else:
        start.play(options.seed, saves / (options.save or "first"), command, options.mind, scale, home)
    return 0


RUN = {
    "play": play,
    "simulate": simulate,
    "perceive": perceive,
    "learn": learn,
    "experiment": experiment,
    "diff": diff,
    "report": report,
    "pretrain": pretrain,
    "mind": mind,
    "edit": edit,
    "circuit": circuit,
    "bench": bench,
}


def _check_model(flag: str, source: str) -> None:
    """Refuses a folder that is no model, or one whose own code would have to run. Raises ValueError."""
    from perception.errors import ModelError
    from perception.model_folder import HUB, check_source

    if source.startswith(HUB):
        return  # what lies there is looked at when it is loaded
    try:
        check_source(source)
    except ModelError as error:
        raise ValueError(str(error).replace("--model", flag, 1)) from error


def check_early(options: argparse.Namespace) -> None:
    """Refuses what can be known to fail before seconds are spent on importing torch. Raises ValueError or OSError."""
    models = getattr(options, "model", None)
    for model in models if isinstance(models, list) else [models]:
        if model is not None:
            _check_model("--model", str(model))
    if getattr(options, "score", None) is not None:
        _check_model("--score", str(options.score))
    if options.verb == "diff":
        check_diff(options)
    check_device(getattr(options, "device", None) or "auto")
    if getattr(options, "listen", None) is not None:
        check_address("--listen", options.listen)
    for name in ("scenes", "save_replay", "to"):
        if getattr(options, name, None) is not None:
            check_output(getattr(options, name))


def main(argv: list[str] | None = None) -> int:
    """Run one verb; returns the exit status. Faults of the input are one line on stderr and 2."""
    console.fit_streams()
    arguments = list(sys.argv[1:] if argv is None else argv)
    if not arguments or (arguments[0].startswith("-") and arguments[0] not in ("-h", "--help")):
        arguments.insert(0, "play")
    name = arguments[0]
    if name not in VERBS and not name.startswith("-"):
        near = difflib.get_close_matches(name, VERBS, 1)
        hint = f"did you mean {near[0]}?" if near else f"known: {', '.join(VERBS)}"
        print(f"main.py: unknown verb {name[:60]!r}; {hint}", file=sys.stderr)
        return 2
    try:
        options = build_parser(name).parse_args(arguments)
        terminate_as_interrupt()
        check_early(options)
        status = int(RUN[options.verb](options))
        sys.stdout.flush()
        return status
    except BrokenPipeError:
        console.nobody_reads()
        return PIPE_CLOSED
    except (ValueError, OSError) as error:
        if os.environ.get("SECOND_SIGHT_TRACEBACK"):
            raise
        print(f"main.py {name}: {' '.join(str(error).split())}", file=sys.stderr)
        return 2
    except Terminated:
        return TERMINATED
    except KeyboardInterrupt:
        print(f"main.py {name}: stopped", file=sys.stderr)
        return INTERRUPTED


if __name__ == "__main__":
    raise SystemExit(main())
