"""What one types to do it again: the command of a training or of an experiment, from what its logs hold."""

import shlex
from collections.abc import Sequence

from training.report.gather import Material, Run
from training.report.words import plain_text, several, typed_path

FLAGS = {
    "behaviour": "--behaviour", "model": "--model", "lessons": "--lessons", "spirits": "--spirits", "steps": "--steps",
    "probes": "--probes", "teach_optimizer": "--optimizer", "teach_rank": "--rank", "teach_lr": "--lr",
    "teach_train": "--train", "teach_projection": "--projection", "teach_scaling": "--scaling",
    "teach_reuse": "--reuse", "teach_parts": "--parts", "teach_precision": "--precision",
    "probe_seed": "--probe-seed", "seed": "--seed",
}  # fmt: skip
USUAL = {"spirits": 0, "teach_reuse": 0, "teach_parts": 1, "teach_precision": "float32", "teach_projection": "gaussian",
         "teach_scaling": "channel"}  # fmt: skip
CONTROLS = {"shuffled": "--shuffled", "rehearsal": "--rehearsal-only"}
QUICK = {"lessons": 6, "steps": 4, "probes": 6, "measure_every": 2}  # of an experiment run with --quick
ARMS_MAX = 24
NOVICE = "assets/novice"  # where no model is named


def again(material: Material) -> list[str]:
    """The commands, one a line."""
    if material.registered:
        return [f"python main.py {_experiment(material)}", f"python main.py report {_folder(material)}"]
    if material.kind == "run":
        training = _training(material.runs[0])
        return [training] if training.startswith("#") else [f"{training} --out runs/again", "python main.py report runs/again"]
    lines = []
    for at, (arm, runs) in enumerate(list(material.arms.items())[:ARMS_MAX]):
        for run in runs[:1]:
            seeds = several([run.seed for run in runs], 32)
            lines.append(f"{_training(run)} --out runs/again/arm-{at}/seed-{run.seed}  # {plain_text(arm)}; seeds {seeds}")
    return [*lines, "python main.py report runs/again"]


def _folder(material: Material) -> str:
    return f"runs/{shlex.quote(material.name)}"


def _experiment(material: Material) -> str:
    config = material.main[0].log.header.config
    named = material.score.get("bases")
    models = named if isinstance(named, list) else []
    first = {run.base: run.log.header.config.get("model") for run in reversed(material.runs)}
    models = models or [typed_path(first[base]) for base in material.bases if first[base]]
    some = material.score.get("some")
    words = ["experiment", shlex.quote(material.name)]
    words += [f"--model {_path(model)}" for model in models if models != [NOVICE]]
    words += [f"--arm {_path(arm)}" for arm in (some if isinstance(some, list) else ())]
    seeds = sorted({run.seed for run in material.main})
    words += [f"--seed {seeds[0]}"] * (seeds[0] > 0) + [f"--seeds {len(seeds)}"]
    words += ["--quick"] * all(config.get(key) == value for key, value in QUICK.items())
    if config.get("probe_file"):
        words += [f"--behaviour {_path(config.get('behaviour'))}", f"--probes {_path(config['probe_file'])}"]
    return " ".join([*words, "--workers 2", f"--out {_folder(material)}"])


def _training(run: Run) -> str:
    """The command of one training."""
    config = run.log.header.config
    if "lessons" not in config or "probes" not in config:
        return "# a journey in play (F2): its lessons were a player's, so no command repeats it"
    words = ["python main.py learn"]
    for key, flag in FLAGS.items():
        value = config.get(key)
        counted = key in ("lessons", "probes") and config.get("probe_file")  # of a file all lines count
        if value is not None and value != USUAL.get(key) and not counted:
            words.append(f"{flag} {repr(value) if isinstance(value, float) else _path(value)}")
    if config.get("probe_file"):
        words.append(f"--probes {_path(config['probe_file'])}")
    words += ["--full"] * (config.get("teach_full") is True) + ["--no-dreams"] * (config.get("teach_dreams") is False)
    words += ["--no-rehearsal"] * (config.get("teach_rehearse") == 0 and run.role != "rehearsal")
    words += [flag for role, flag in CONTROLS.items() if role == run.role]
    return " ".join(words)


def _path(value: object) -> str:
    """A path or a word, quoted for a shell; ~ stays outside of the quotes, so that the shell knows it."""
    plain = typed_path(plain_text(value))
    return f"~/{shlex.quote(plain[2:])}" if plain.startswith("~/") else shlex.quote(plain)


def notes(commands: Sequence[str]) -> list[str]:
    """What a reader has to know to type them."""
    return ["~ is the home of who ran it: put your own path there."] if any(" ~/" in line for line in commands) else []
