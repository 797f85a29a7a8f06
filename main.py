#!/usr/bin/env python3
"""Second Sight: the command line, and the only place where the wings meet.

Each verb imports what it needs when it runs; importing this module loads neither torch nor pygame.
"""
# long because: the whole command line stands here, options beside what they set in motion

import argparse
import ctypes
import difflib
import json
import os
import sys
from collections.abc import Callable
from contextlib import suppress
from functools import partial
from pathlib import Path
from typing import Any, NoReturn

ROOT = Path(__file__).resolve().parent
NOVICE = str(ROOT / "assets" / "novice")
VERBS = {
    "play": "the game (the default)",
    "simulate": "the realm without window or torch: ticks/s, scenes/s, state hash",
    "perceive": "a scene on stdin (JSON) -> what the model believes",
    "learn": "one measured training: baseline, train, after, head diff",
    "experiment": "arms x seeds of one registered experiment; the same command goes on after a kill",
    "diff": "reads a head-diff log: table, or export",
    "report": "a run or an experiment -> one self-contained HTML page, and PNG figures",
    "pretrain": "makes the novice from nothing; --score DIR scores one",
    "mind": "perception and training as a server, for play --mind",
    "bench": "speeds, side by side in one run: realm, perceive, mind, optimizers, frozen, recorder, log, game",
}


SEEDED = {  # what --seed means, verb by verb
    "play": "a realm of this seed, without the title (default: the title asks)",
    "simulate": "of the realm and of who plays",
    "learn": "of lessons, probes and practice",
    "experiment": "the first of the seeds that are scored (default 0; --seeds N: how many)",
    "pretrain": "of first weights and batches; of the probes with --score",
    "mind": "of the journey that it learns from",
    "bench": "of the scenes",
}


class Parser(argparse.ArgumentParser):
    """Complains in one line and exits with 2."""

    def error(self, message: str) -> NoReturn:
        print(f"{self.prog}: {message}; see {self.prog} --help", file=sys.stderr)
        raise SystemExit(2)


def _teach_options(parser: argparse.ArgumentParser) -> None:
    add = parser.add_argument
    add("--optimizer", default="apollo", choices=("apollo", "adamw", "sgd"))
    add("--rank", type=int, default=64, help="rank of APOLLO's gradient statistics (default 64)")
    add("--lr", type=float, default=None, help="learning rate (default: apollo 6e-3, adamw 1e-3, sgd 0.3)")
    add("--train", default="attention", choices=("q", "attention", "all"), help="which weights learn")
    add("--full", action="store_true", help="gradient through the context too (no freezing)")
    add("--projection", default="gaussian", choices=("gaussian", "sketch"), help="APOLLO's (default gaussian)")
    add("--scaling", default="channel", choices=("channel", "tensor"), help="APOLLO's (default channel)")
    add("--reuse", type=int, default=0, metavar="N", help="steps that one cache of contexts serves (0: fresh)")
    add("--parts", type=int, default=1, metavar="N", help="gradient accumulation: a step in so many parts")
    add("--precision", default="float32", choices=("float32", "bfloat16"), help="of the forward pass")


def _model_options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--model", default=NOVICE, help="a Hugging Face folder, or hub:org/name")
    parser.add_argument("--device", default="auto", help="auto, cpu, cuda or mps")


def _scenes_or_file(text: str) -> int | Path:
    """What --probes may be: a number of scenes, or a file of a behaviour's own."""
    if text.endswith(".jsonl"):
        return Path(text)
    try:
        return int(text)
    except ValueError:
        raise argparse.ArgumentTypeError(f"{text!r} is neither a number of scenes nor a FILE.jsonl") from None


def build_parser() -> Parser:
    """All verbs with their options; each --help ends with an example."""
    # long because: options are a table, one line each
    parser = Parser(
        prog="main.py", description="Second Sight: a game and an instrument. What the model believes is what you see."
    )
    verbs = parser.add_subparsers(dest="verb", metavar="VERB", parser_class=Parser)

    def verb(name: str, example: str) -> Callable[..., Any]:
        made = verbs.add_parser(
            name,
            help=VERBS[name],
            description=VERBS[name],
            epilog=f"example: main.py {example}",
            formatter_class=argparse.RawDescriptionHelpFormatter,
        )
        seeded = SEEDED.get(name, "has no say here: nothing is drawn")
        made.add_argument("--seed", type=int, default=None if name == "play" else 0, help=seeded)
        made.add_argument("--json", action="store_true", help="one JSON object on stdout, everything else on stderr")
        if name in ("play", "perceive", "learn", "mind", "bench"):
            _model_options(made)
        if name in ("learn",):
            _teach_options(made)
        return made.add_argument

    add = verb("play", "play --seed 7")
    add("--save", metavar="SLOT", help="play this slot, without the title (saves/SLOT; with --seed: first)")
    add("--mind", metavar="HOST:PORT", help="a mind on another machine (main.py mind --listen)")
    add("--windowed-scale", type=int, choices=(1, 2, 3, 4), help="window in multiples of 640x360 (default: settings)")
    add = verb("simulate", "simulate --ticks 30000 --seed 1 --json")
    add("--ticks", type=int, default=30_000)
    add("--policy", default="random", help="who acts: random")
    add("--workers", type=int, default=1, help="processes, one realm each")
    add("--scenes", type=Path, metavar="FILE", help="write every described scene here, one JSON object a line")
    add("--save-replay", type=Path, metavar="FILE", help="write the action log here")
    add("--replay", type=Path, metavar="FILE", help="live through a saved action log instead")
    verb("perceive", "simulate --ticks 50 --scenes scenes.jsonl && tail -1 scenes.jsonl | main.py perceive")
    add = verb("learn", "learn --lessons 64 --steps 200 --seed 1 --out runs/first --json")
    add("--behaviour", default="sight", metavar="WHAT", help="sight, listen, or a FILE.jsonl (docs/behaviours.md)")
    add("--lessons", type=int, default=None, help="lesson scenes (default 64; a file's lessons are all its lines)")
    add("--spirits", type=int, default=0, help="sight: no more lessons once so many spirits were shown")
    add("--steps", type=int, default=None, help="default 300")
    add(
        "--probes",
        type=_scenes_or_file,
        default=None,
        help="unseen scenes to measure on (default 160), or a FILE.jsonl",
    )
    add("--probe-seed", type=int, default=None, metavar="S", help="of the unseen scenes (default: the seed's own)")
    add("--check", action="store_true", help="only check the files of a behaviour: every fault, nothing is trained")
    add("--shuffled", action="store_true", help="a control: answers dealt out anew")
    add("--rehearsal-only", action="store_true", help="a control: what the lessons label is left out")
    add("--no-dreams", action="store_true", help="teach lesson scenes as they were")
    add("--no-rehearsal", action="store_true", help="rehearse no mundane questions")
    add("--out", type=Path, metavar="RUN", help="folder for log.msgpack and the trained model")
    add = verb("experiment", "experiment learning --workers 2 --out runs/learning --json")
    add("name", metavar="NAME", help="learning, few, choice, sight, listen, own, rank, frozen, optimizer or born")
    add("--out", type=Path, metavar="DIR", help="where its runs go, and where it goes on (default: runs/NAME)")
    add("--workers", type=int, default=1, help="processes, one thread each")
    add("--model", action="append", help="base model instead of the novice: a Hugging Face folder; again for several")
    add("--arm", action="append", metavar="ARM", help="this arm alone; again for several (default: all)")
    add("--seeds", type=int, default=None, metavar="N", help="so many seeds (default: the experiment's own)")
    add("--behaviour", metavar="FILE", help="own: lessons as a FILE.jsonl (docs/behaviours.md)")
    add("--probes", type=Path, metavar="FILE", help="own: probes as a FILE.jsonl")
    add("--seer", metavar="DIR", help="born: the born seer's folder (default: assets/seer)")
    add("--quick", action="store_true", help="one seed (two where they are compared), a handful of steps: does it run?")
    add = verb("diff", "diff runs/first/log.msgpack --export csv > heads.csv")
    add("log", type=Path, help="log.msgpack of a run")
    add("--export", choices=("csv", "parquet", "json"))
    add("--table", default="heads", metavar="TABLE", help="of csv and parquet: heads, curve, gains, swaps ...")
    add("--to", type=Path, metavar="FILE", help="where to export (default: stdout; parquet needs a file)")
    add("--partial", action="store_true", help="read a killed run's log up to its last whole record")
    add = verb("report", "report runs/first --out first.html --png figures")
    add("path", type=Path, metavar="RUN", help="a run's folder or log, an experiment's, or a folder of ARM-S.msgpack")
    add("--out", type=Path, metavar="FILE", help="the page (default: report.html in the folder, or beside the log)")
    add("--png", type=Path, metavar="DIR", help="PNG figures, here")
    add = verb("pretrain", "pretrain --out assets/novice --seed 0")
    add("--out", type=Path, metavar="DIR", help="where the novice goes; work/ beside it holds checkpoints")
    add("--seer", action="store_true", help="born seeing: the same but for the answers about spirits")
    add("--without", choices=("folklore", "presences"), help="an ablation: a novice never asked about these")
    add("--score", type=Path, metavar="DIR", help="score a novice instead of making one")
    add("--device", default="auto")
    for name in ("hidden", "head-dim", "layers", "heads", "steps"):
        add(f"--{name}", type=int, default=None)
    add("--lr", type=float, default=None, help="the highest learning rate (default 2e-3)")
    add = verb("mind", "mind --listen 127.0.0.1:7777 --device cuda")
    add("--listen", metavar="HOST:PORT", help="wait for a game on this address (default: speak on stdin and stdout)")
    add("--folder", type=Path, help="where it keeps itself")
    add("--nice", type=int, default=10, help="without --listen: how far it steps back for the game")
    add("--seer", type=Path, metavar="DIR", help="a born seer's folder (default: assets/seer, if it is there)")
    add = verb("bench", "bench perceive --json")
    add("area", metavar="AREA", help="realm, perceive, mind, optimizers, frozen, recorder, log or game")
    return parser


def show(options: argparse.Namespace, result: dict[str, Any], lines: list[str]) -> None:
    """One JSON object on stdout, or lines for people."""
    print(json.dumps(_finite(result)) if options.json else "\n".join(lines))


def _finite(value: Any) -> Any:
    """NaN is no JSON: null instead."""
    if isinstance(value, dict):
        return {key: _finite(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_finite(item) for item in value]
    return None if isinstance(value, float) and value != value else value


def simulate(options: argparse.Namespace) -> int:
    from game.realm.simulate import SimulateConfig, relive, simulate, simulate_many

    config = SimulateConfig(options.ticks, options.seed, options.policy, "terse", options.scenes, options.save_replay)
    if options.replay:
        result = relive(options.replay)
    else:
        result = simulate(config) if options.workers == 1 else simulate_many(config, options.workers)
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
    for asked, belief in zip(scene.questions, percept.beliefs, strict=True):
        beliefs = dict(zip(asked.candidates, belief, strict=True))
        places.append({"ask": asked.ask, "place": asked.place, "beliefs": beliefs})
        lines.append(f"{asked.ask} {asked.place}: {asked.candidates[belief.index(max(belief))]} ({max(belief):.0%})")
    show(options, {"scene": scene.id, "places": places}, lines)
    return 0


def check_files(options: argparse.Namespace) -> int:
    """All faults of a behaviour's two files on stderr, and 2; or how many lines of each kind there are."""
    from training.behaviours.lines import BehaviourError, counts, read_pair

    lessons, probes = Path(options.behaviour), options.probes
    if lessons.suffix != ".jsonl" or not isinstance(probes, Path):
        raise ValueError("--check: give --behaviour FILE.jsonl and --probes FILE.jsonl")
    try:
        pair = read_pair(lessons, probes, *([_fitting(options.model)] if options.model != NOVICE else []))
        found = dict(zip(("lessons", "probes"), map(counts, pair), strict=True))
    except BehaviourError as error:
        print("\n".join(error.faults), file=sys.stderr)
        return 2
    show(options, found, [f"{name}: {kinds['wanted']} wanted, {kinds['other']} other" for name, kinds in found.items()])
    return 0


def _fitting(model: str) -> Callable[[Any], str]:
    """What a model of one's own finds wrong with a line; the novice knows no words but the realm's."""
    from perception.model import load
    from training.behaviours.file import fits

    return partial(fits, load(model, "cpu"))


def learn(options: argparse.Namespace) -> int:
    if options.check:
        return check_files(options)
    from training.config import LearnConfig
    from training.learn import learn
    from training.progress import progress_bar

    if options.shuffled and options.rehearsal_only:
        raise ValueError("--shuffled and --rehearsal-only are two controls; give one of them")
    if options.lessons is not None and options.behaviour.endswith(".jsonl"):
        raise ValueError(f"--lessons {options.lessons}: all lines of {options.behaviour} are lessons; leave it out")
    probes = options.probes
    if options.probe_seed is not None and isinstance(probes, Path):
        raise ValueError(f"--probe-seed {options.probe_seed}: all lines of {probes} are probes; leave it out")
    config = LearnConfig(
        behaviour=options.behaviour,
        model=options.model,
        teach=_teach(options),
        lessons=LearnConfig.lessons if options.lessons is None else options.lessons,
        spirits=options.spirits,
        steps=LearnConfig.steps if options.steps is None else options.steps,
        probes=probes if isinstance(probes, int) else LearnConfig.probes,
        control="shuffled" if options.shuffled else "rehearsal" if options.rehearsal_only else "",
        probe_file=probes if isinstance(probes, Path) else None,
        probe_seed=options.probe_seed,
        device=options.device,
        seed=options.seed,
        out=options.out,
    )
    config.check()  # before a bar is drawn
    with progress_bar() as report:
        result = dict(learn(config, report))
    show(options, result, _learned(result, options.behaviour))
    return 0


def _teach(options: argparse.Namespace) -> Any:
    """How the lessons change the weights: a TeachConfig."""
    from training.config import TeachConfig

    return TeachConfig(
        optimizer=options.optimizer,
        rank=options.rank,
        lr=options.lr,
        train=options.train,
        full=options.full,
        projection=options.projection,
        scaling=options.scaling,
        reuse=options.reuse,
        parts=options.parts,
        precision=options.precision,
        dreams=not options.no_dreams,
        rehearse=0 if options.no_rehearsal else TeachConfig.rehearse,
        seed=options.seed,
    )


def _learned(result: dict[str, Any], behaviour: str) -> list[str]:
    """A training's scores before and after, for people."""
    new, shown = ("new forms", "safe directions, {} other sayings") if behaviour == "listen" else ("new pairs", "")
    shown = shown or ("spirits, {} empty places" if behaviour == "sight" else "wanted lines, {} other lines")
    lines = [f"{'':8}{'hits':>8}{new:>11}{'false alarms':>14}{'d-prime':>9}{'mundane':>9}"]
    for when in ("before", "after"):
        s = result[when]
        found = (s.get("hits_new_forms", s["hits_new_pairs"]), s["false_alarms"])
        of_new, alarms = ("-" if share is None else f"{share:.1%}" for share in found)
        distance = "-" if s["d_prime"] is None else f"{s['d_prime']:.2f}"
        lines.append(f"{when:8}{s['hits']:8.1%}{of_new:>11}{alarms:>14}{distance:>9}{s['mundane']:9.1%}")
    lines.append(
        f"{result['steps']} steps in {result['seconds']:.0f} s;"
        f" {result['spirits_shown']} {shown.format(result['empties_shown'])} shown"
    )
    return lines + ([f"log: {result['log']}"] if result["log"] else [])


def experiment(options: argparse.Namespace) -> int:
    from training.experiments.registry import experiment_named
    from training.experiments.run import run_experiment
    from training.experiments.show import lines
    from training.progress import progress_bar

    planned = experiment_named(options.name, options.seer, options.behaviour, options.probes)
    planned = planned.on(*options.model) if options.model else planned
    planned = planned.taking(options.seeds) if options.seeds is not None else planned
    planned = planned.only(*options.arm) if options.arm else planned
    planned = planned.from_seed(options.seed)
    planned = planned.quick() if options.quick else planned
    out = options.out or Path("runs") / planned.name
    with progress_bar() as report:
        result = run_experiment(planned, out, options.workers, report)
    show(options, result, [*lines(result), f"all of it: {out / 'score.json'}; to look at: main.py report {out}"])
    return 0


def diff(options: argparse.Namespace) -> int:
    from training.headlog.exports import export
    from training.headlog.log import read_log
    from training.headlog.table import diff_table, print_table

    log = read_log(options.log, partial=options.partial)
    if options.export:
        export(log, options.export, options.to, options.table)
    elif options.json:
        print(json.dumps(_finite(diff_table(log))))
    else:
        from rich.console import Console

        print_table(log, Console())
    return 0


def report(options: argparse.Namespace) -> int:
    from training.report.page import report

    made = report(options.path, options.out, options.png)
    lines = [f"{made['name']}: {made['out']}, {made['bytes'] / 1000:,.0f} kB", *made["pictures"]]
    show(options, made, [*lines, *(f"not measured: {what}" for what in made["missing"])])
    return 0


def pretrain(options: argparse.Namespace) -> int:
    from training.novice import novice
    from training.progress import progress_bar

    if options.score:
        result = novice.score_folder(options.score, options.device, options.seed)
    elif options.out:
        names = ("hidden", "head_dim", "layers", "heads", "steps", "lr", "without")
        shape = {name: value for name in names if (value := getattr(options, name)) is not None}
        with progress_bar() as report:
            result = novice.make(options.out, options.device, options.seed, shape, report, options.seer)
    else:
        raise ValueError("give --out DIR to make a novice, or --score DIR to score one")
    show(options, result, [f"{key}: {value}" for key, value in result.items()])
    return 0


def mind(options: argparse.Namespace) -> int:
    from perception.model import choose_device, load
    from perception.wire import standard_stream

    line = None if options.listen else standard_stream()
    from training.mind.serve import serve_address, serve_stream

    model = load(options.model, choose_device(options.device))
    if line is None:
        serve_address(options.listen, model, options.folder, options.seed, seer=options.seer)
    else:
        serve_stream(line, model, options.folder, options.nice, options.seed, seer=options.seer)
    return 0


def bench(options: argparse.Namespace) -> int:
    from training.bench.areas import check_area

    check_area(options.area, options.device)
    if options.area == "game":
        return bench_game(options)
    import torch

    from training.bench.run import bench

    torch.set_num_threads(1)
    result = bench(options.area, options.model, options.seed, options.device)
    lines = [
        f"{r['name']:14}{r['value']:12.1f} {r['unit']:5}{r['ratio']:9.3f} x {r['baseline']}" for r in result["rows"]
    ]
    show(options, result, lines)
    return 0


def bench_game(options: argparse.Namespace) -> int:
    """What a frame costs, unseen. Beside each figure stands the most it may be, to be judged on an idle machine."""
    os.environ["SDL_VIDEODRIVER"] = "dummy"
    os.environ.setdefault("PYGAME_HIDE_SUPPORT_PROMPT", "1")
    from game.app.bench_game import rows

    made = rows(options.seed)
    lines = [f"{row['name']:14}{row['value']:10.2f} {row['unit']:4} at most {row['at_most']}" for row in made]
    show(options, {"area": "game", "rows": made}, lines)
    return 0


def play(options: argparse.Namespace) -> int:
    name = options.save
    if name is not None and (not name or any(mark in name for mark in '/\\:"*?<>|') or name.strip(".") == ""):
        raise ValueError(f"--save {name}: not a name for a slot; letters, digits, dashes and dots will do")
    os.environ.setdefault("PYGAME_HIDE_SUPPORT_PROMPT", "1")
    from game import start
    from game.app.settings import folder as home

    def command(folder: Path, seed: int) -> list[str]:
        """What starts a mind for a slot and a journey's seed."""
        mind = [sys.executable, str(ROOT / "main.py"), "mind", "--model", options.model, "--device", options.device]
        return [*mind, "--folder", str(folder), "--seed", str(seed)]

    saves, scale = ROOT / "saves", options.windowed_scale
    if name is None and options.seed is None:
        start.title(saves, command, options.mind, scale, home())
    else:
        start.play(options.seed, saves / (name or "first"), command, options.mind, scale, home())
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
    "bench": bench,
}


def check_models(options: argparse.Namespace) -> None:
    """Refuses a folder that is no model, before seconds are spent on importing torch. Raises ValueError."""
    models = getattr(options, "model", None)
    given = [("--model", model) for model in (models if isinstance(models, list) else [models])]
    for flag, source in (*given, ("--score", getattr(options, "score", None))):
        if source is None or str(source).startswith("hub:"):
            continue
        config = Path(source) / "config.json"
        if not Path(source).is_dir():
            raise ValueError(f"{flag} {source}: no such folder; give a Hugging Face folder, or hub:org/name")
        if not config.is_file():
            raise ValueError(f"{flag} {source}: no config.json in it; give a Hugging Face model folder")
        try:
            whole = isinstance(json.loads(config.read_text(encoding="utf-8")), dict)
        except ValueError:
            whole = False
        if not whole:
            raise ValueError(f"{flag} {source}: its config.json is no JSON object; restore the folder")


def check_device(options: argparse.Namespace) -> None:
    """Refuses a device that can't be there (no driver), before torch is imported. Raises ValueError."""
    name = getattr(options, "device", "cpu")
    if name not in ("auto", "cpu", "cuda", "mps"):
        raise ValueError(f"--device {name}: unknown; choose auto, cpu, cuda or mps")
    there = name in ("auto", "cpu") or (name == "mps" and sys.platform == "darwin")
    if name == "cuda":
        there = Path("/dev/kfd").exists()  # a ROCm build of torch calls its device cuda too
        for driver in ("libcuda.so.1", "nvcuda.dll", "amdhip64.dll"):
            with suppress(OSError):
                there = there or bool(ctypes.CDLL(driver))
    if not there:
        raise ValueError(f"--device {name}: not available on this machine; choose --device auto or cpu")


def main(argv: list[str] | None = None) -> int:
    """Run one verb; returns the exit status. Faults of the input are one line on stderr and 2."""
    arguments = list(sys.argv[1:] if argv is None else argv)
    if not arguments or (arguments[0].startswith("-") and arguments[0] not in ("-h", "--help")):
        arguments.insert(0, "play")
    if arguments[0] not in VERBS and not arguments[0].startswith("-"):
        near = difflib.get_close_matches(arguments[0], VERBS, 1)
        hint = f"did you mean {near[0]}?" if near else f"known: {', '.join(VERBS)}"
        print(f"main.py: unknown verb {arguments[0]!r}; {hint}", file=sys.stderr)
        return 2
    options = build_parser().parse_args(arguments)
    try:
        check_models(options)
        check_device(options)
        return int(RUN[options.verb](options))
    except (ValueError, OSError) as error:
        if os.environ.get("SECOND_SIGHT_TRACEBACK"):
            raise
        print(f"main.py {options.verb}: {' '.join(str(error).split())}", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        print(f"main.py {options.verb}: stopped", file=sys.stderr)
        return 130


if __name__ == "__main__":
    raise SystemExit(main())
