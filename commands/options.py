"""Options that stand for the fields of a configuration, which is imported only when they are asked for."""

import argparse
from pathlib import Path

from common.assets import NOVICE


def experiment_options(parser: argparse.ArgumentParser) -> None:
    """What an experiment may change of all its arms."""
    from common.flags import add_flags
    from training.config import CHANGEABLE, LearnConfig, TeachConfig

    add_flags(parser, LearnConfig, CHANGEABLE)
    add_flags(parser, TeachConfig, CHANGEABLE)


def learn_options(parser: argparse.ArgumentParser) -> None:
    """All settings of a training."""
    from common.flags import add_flags
    from training.config import LearnConfig, TeachConfig

    add_flags(parser, LearnConfig)
    add_flags(parser, TeachConfig)


def ray_options(parser: argparse.ArgumentParser) -> None:
    """Where runs go, if not in local processes."""
    from common.flags import add_flags
    from training.experiments.ray_config import RayConfig

    add_flags(parser, RayConfig)


def circuit_options(parser: argparse.ArgumentParser) -> None:
    """All settings of a circuit."""
    from common.flags import add_flags
    from training.precedents.circuit_config import CircuitConfig

    add = parser.add_argument
    add("--task", required=True, metavar="TASK", help="ioi, sight, listen, or prompts as a FILE.jsonl")
    add("--model", default=str(NOVICE), help="a model folder, FILE.gguf, smollm2, or hub:ORG/NAME")
    add("--tuned", metavar="DIR", help="sight, listen: the model after its training; --model is the one before")
    add("--heads", metavar="HEADS", help="score this circuit instead of finding one: 5.1,6.3")
    add("--out", type=Path, metavar="DIR", help="a new folder for circuit.json and circuit.png")
    add("--device", default="cpu", help="auto, cpu or cuda")
    add_flags(parser, CircuitConfig)
