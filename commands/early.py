"""What can be known to fail before seconds are spent on importing torch."""

import argparse
from pathlib import Path

from common.early import check_device
from common.files import check_output
from common.line.address import read_address


def check_model(flag: str, source: str, inside: bool = True) -> None:
    """Refuses a folder that is no model, or one whose own code would have to run; and a GGUF file that can't be turned
    into a folder, if it is looked inside of. Raises ValueError.
    """
    from perception.errors import ModelError
    from perception.gguf_files import converted, file_of, is_gguf
    from perception.gguf_header import check_file
    from perception.model_folder import HUB, check_source

    if source.startswith(HUB):
        return  # what lies there is looked at when it is loaded
    try:
        check_source(source)
        if inside and is_gguf(source) and converted(source) is None:
            check_file(source, file_of(source))
    except ModelError as error:
        raise ValueError(str(error).replace("--model", flag, 1)) from error


def check_familiar(source: str) -> None:
    """Refuses what can't speak for the familiar, before a window opens. Raises ValueError."""
    from perception.chat_files import check_chat_source
    from perception.errors import ModelError

    check_model("--familiar", source, inside=False)  # check_chat_source looks inside
    try:
        check_chat_source(source)
    except ModelError as error:
        raise ValueError(str(error).replace("--model", "--familiar", 1)) from error


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
        if options.seed:
            raise ValueError(
                f"--seed {options.seed}: of random sets beside two models; a log has its own, leave it out"
            )
        return
    for role, source in (("BASE", options.log), ("TUNED", options.tuned)):
        if Path(source).is_file() and not source.lower().endswith(".gguf"):
            raise ValueError(
                f"{role} {source}: a file; give a model's folder (main.py diff {source} reads it if it is a log)"
            )
        check_model(role, source)
    if options.at is not None:
        raise ValueError("--at: of one log, not of two models; give the log of a journey")
    if options.probes is None:
        raise ValueError("--probes FILE.jsonl: what both models are asked; docs/behaviours.md says what a line holds")
    if options.export or options.partial or options.to is not None or options.table != "heads":
        raise ValueError(
            "--export, --table, --to, --partial: of a log; give --out DIR, then main.py diff DIR/log.msgpack"
        )


def check_early(options: argparse.Namespace) -> None:
    """Refuses what can be known to fail before seconds are spent on importing torch. Raises ValueError or OSError."""
    models = getattr(options, "model", None)
    for model in models if isinstance(models, list) else [models]:
        if model is not None:
            check_model("--model", str(model))
    if getattr(options, "score", None) is not None:
        check_model("--score", str(options.score))
    if getattr(options, "familiar", None) is not None:
        check_familiar(options.familiar)
    if options.verb == "diff":
        check_diff(options)
    check_device(getattr(options, "device", None) or "auto")
    if getattr(options, "listen", None) is not None:
        read_address("--listen", options.listen, least_port=0)
    for name in ("scenes", "save_replay", "to"):
        if isinstance(path := getattr(options, name, None), Path):  # some verbs' --scenes is a number
            check_output(path)
