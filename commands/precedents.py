"""Verbs of the precedents: edit, circuit."""

import argparse

from commands.output import show


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
