"""Verbs of minds: perceive, pretrain, mind."""

import argparse
import sys
from typing import Any

from commands.output import show


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
    if options.listen is not None:
        return listening_mind(options)
    for flag in ("token", "certificate", "key"):
        if getattr(options, flag) is not None:
            raise ValueError(f"--{flag}: for a mind that listens; give --listen HOST:PORT, too")
    from common.processes import ending_with_peer

    with ending_with_peer(sys.stdin.fileno()):  # the game may go while this loads
        from perception.wire import standard_stream

        line = standard_stream()
        from training.mind.earlier import load_for
        from training.mind.serve import serve_stream

        model, seer = load_for(options.folder, options.model, options.device, options.seer)
    serve_stream(line, model, options.folder, options.nice, options.seed, seer=seer, talks=options.talk)
    return 0


def listening_mind(options: argparse.Namespace) -> int:
    """Serves players until it is ended."""
    from common.folders import minds
    from common.line.address import read_address
    from common.line.server import check_listening
    from common.line.tls import server_tls
    from common.line.token import read_token

    if options.talk:
        raise ValueError("--talk: for the mind of one game, on this machine; leave out --listen or --talk")
    address = read_address("--listen", options.listen, least_port=0)
    token = None if options.token is None else read_token(options.token)
    tls = server_tls(options.certificate, options.key)
    check_listening(address, token)  # before seconds are spent on torch
    from perception.model import choose_device, load
    from training.mind.listen import serve_address

    model = load(options.model, choose_device(options.device))
    folder = minds() if options.folder is None else options.folder
    serve_address(address, model, folder, options.seed, options.seer, token, tls)
    return 0


def replay_mind(options: argparse.Namespace) -> int:
    """A journey's learning once more, without the game."""
    if options.listen is not None or options.folder is None:
        raise ValueError("--replay SLOT: give --folder DIR, a new folder for what comes of it, and no --listen")
    if not options.replay.is_dir():
        raise ValueError(f"--replay {options.replay}: no folder; give the slot of a journey, with its practice.msgpack")
    from training.mind.earlier import load_for
    from training.mind.replay import replay_journey
    from training.progress import progress_bar

    model, _seer = load_for(options.replay, options.model, options.device)
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
