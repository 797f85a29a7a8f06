"""What one types to do it again: the command of a training or of an experiment, from what its logs hold."""

import shlex

from common.assets import NOVICE
from training.config import command_of, from_flat
from training.report.gather import Material, Run
from training.report.words import plain_text, several, typed_path

QUICK = {"lessons": 6, "steps": 4, "probes": 6, "measure_every": 2}  # of an experiment run with --quick
SHIPPED = f"assets/{NOVICE.name}"  # as logs call it: the model where none is named
PATHS = ("behaviour", "model", "probe_file")
ARMS_MAX, WORDS_MAX = 24, 64


def again(material: Material) -> list[str]:
    """The commands, one a line."""
    if material.registered:
        return [f"python main.py {_experiment(material)}", f"python main.py report runs/{shlex.quote(material.name)}"]
    if material.kind == "run":
        trainings = [_training(material.runs[0], "runs/again")]
    else:
        trainings = [
            f"{_training(some[0], f'runs/again/arm-{at}/seed-{some[0].seed}')}  # {plain_text(arm)}; seeds "
            + several([run.seed for run in some], 32)
            for at, (arm, some) in enumerate(list(material.arms.items())[:ARMS_MAX])
        ]
    return [*trainings, "python main.py report runs/again"] if trainings[0].startswith("python") else trainings


def _experiment(material: Material) -> str:
    """The words of an experiment."""
    config = material.main[0].log.header.config
    bases, some = (material.score.get(key) for key in ("bases", "some"))
    first = {run.base: run.log.header.config.get("model") for run in reversed(material.runs)}
    models = bases if isinstance(bases, list) and bases else [first[base] for base in material.bases if first[base]]
    words = ["experiment", shlex.quote(material.name)]
    if [typed_path(model) for model in models] != [SHIPPED]:
        words += [f"--model {typed(model)}" for model in models]
    words += [f"--arm {typed(arm)}" for arm in (some if isinstance(some, list) else ())]
    seeds = sorted({run.seed for run in material.main})
    words += [f"--seed {seeds[0]}"] * (seeds[0] > 0) + [f"--seeds {len(seeds)}"]
    noted = material.score.get("asked")
    changed = [typed(word) for word in noted[:WORDS_MAX]] if isinstance(noted, list) else []
    quick = all(config.get(key) == value for key, value in QUICK.items())
    words += ["--quick"] * (quick and "--quick" not in changed)
    if config.get("probe_file"):
        words += [f"--behaviour {typed(config.get('behaviour'))}", f"--probes {typed(config['probe_file'])}"]
    return " ".join([*words, *changed, "--workers 2", f"--out runs/{shlex.quote(material.name)}"])


def _training(run: Run, out: str) -> str:
    """The command of one training, or why there is none."""
    settings = run.log.header.config
    if run.log.compared:
        words = ["diff", typed(settings.get("model")), typed(settings["tuned"]), "--probes"]
        words += [typed(settings.get("probe_file")), "--seed", str(run.seed), "--out", out]
        return " ".join(["python main.py", *words])
    if "lessons" not in settings or "probes" not in settings:
        return "# a journey in play (F2): its lessons were a player's, so no command repeats it"
    paths = {key: typed_path(settings[key]) for key in PATHS if settings.get(key)}
    paths |= {"model": str(NOVICE)} if paths.get("model") == SHIPPED else {}
    try:
        words = command_of(from_flat({**settings, **paths, "control": run.role}))
    except (ValueError, TypeError) as error:
        return f"# no command repeats it: {plain_text(error)}"
    return " ".join(["python main.py", *(typed(word) for word in words), "--out", out])


def typed(value: object) -> str:
    """A word or a path, quoted for a shell; ~ stays outside of the quotes, so that the shell knows it."""
    plain = typed_path(plain_text(value))
    return f"~/{shlex.quote(plain[2:])}" if plain.startswith("~/") else shlex.quote(plain)
