"""What a training begins with, and all that `learn` would refuse, found without training."""

from collections.abc import Callable
from dataclasses import replace

from game.realm.rules import Rules
from game.realm.rules import load as load_rules
from perception.model import Model, choose_device, load
from training.behaviours.behaviour import Behaviour
from training.behaviours.check import Check, check_files
from training.behaviours.file import ModelReader
from training.behaviours.registry import behaviour_of
from training.config import LearnConfig
from training.heads.head_probes import head_probes
from training.teach import Teacher


def begin(
    config: LearnConfig, before: Model, model: Model, rules: Rules, kind: Callable[..., Teacher] = Teacher
) -> tuple[Behaviour, Teacher]:
    """The behaviour, for the model as it was before, and the teacher of the one that learns. kind: of teacher.

    `learn` and its check both begin here. Raises ValueError for whatever the model can't do.
    """
    behaviour = behaviour_of(config, before, rules)
    if config.out is not None:
        behaviour.gain_losses()  # what could not be measured in the end is refused before hours of training
    settled, labelled = replace(config.teach, settle=config.steps), config.control != "rehearsal"
    teacher = kind(model, settled, rules, behaviour.journal, behaviour.source, labelled)
    if behaviour.finite and settled.base_cache:
        teacher.keep_contexts()
    return behaviour, teacher


def check_begin(config: LearnConfig, model: Model, measured: bool = True) -> None:
    """Raises ValueError for what files or model make impossible, a moment before hours of training. Nothing is trained,
    and no context is read. measured: whether heads are.
    """
    unread = replace(config, out=None, teach=replace(config.teach, base_cache=False))
    behaviour, _ = begin(unread, model, model, load_rules())
    if measured:
        head_probes(model, behaviour.probes, load_rules())
        behaviour.gain_losses()


def check_training(config: LearnConfig) -> Check:
    """Every fault of settings, files and model, and whether a training would begin; nothing is trained."""
    try:
        model = load(config.model, choose_device(config.device))
        reader = ModelReader(model)
    except (ValueError, OSError) as error:
        check, fault = check_files(config), _one_line(error)
        check.faults += [] if fault in check.faults else [fault]
        return check
    check = check_files(config, reader)
    if not check.faults:
        try:
            behaviour, _ = begin(config, model, model, load_rules())
            head_probes(model, behaviour.probes, load_rules())
            behaviour.gain_losses()
        except ValueError as error:
            check.faults.append(_one_line(error))
    return check


def _one_line(error: Exception) -> str:
    return " ".join(str(error).split())
