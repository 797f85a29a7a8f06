"""The first minutes of a journey, played through real pygame events, from the title on.

    python -m tests.bots.bot --out DIR [--minutes 10] [--dream-seconds 60] [--seed 1] [--real] [-- MIND COMMAND ...]
    python -m tests.bots.bot --out DIR --fps 60 [-- MIND COMMAND ...]

Runs under SDL's dummy driver. Title, new journey, walking, asking the seer, attending, naming, the first errand,
dreams, every screen, leaving and going on. The walk runs as fast as it can be drawn (--real: by the clock); dreams take
real seconds where a mind runs in a process of its own. Without a mind command a stand-in learns by a formula.
Writes journey.jsonl (all that happened), curve.jsonl (the mind's measurements), curve.png, pictures and result.json.
--fps measures frames by the clock instead (tests/bots/pace.py).
"""

import argparse
import json
import sys
import time
from collections.abc import Callable
from pathlib import Path
from random import Random

import msgspec
import pygame as pg

from game.app.app import Life, MakeMind
from game.app.app_context import AppContext
from game.app.game_loop import Game
from game.app.window import Window
from game.journey.save_slots import Slots
from game.realm.replay import state_hash
from game.realm.rules import NOTHING
from game.start import with_title
from tests.bots.diary import Diary, curve
from tests.bots.hands import Bot, Stand
from tests.bots.options import windowless
from tests.bots.script import Plan, Script


def first_minutes(
    make: MakeMind, out: Path, plan: Plan, real: bool = False, waits: bool = True, every: int = 1
) -> dict:
    """The journey; returns what was measured. make: a mind for a slot's folder and a seed; every: see Bot."""
    out.mkdir(parents=True, exist_ok=True)
    began, passed = time.process_time(), [0.0]
    context = AppContext(Window(scale=plan.scale), home=out / "home")
    app = with_title(context, Slots(out / "saves"), make, _clock(passed, waits or real))
    bot, diary = Bot(app, out, Random(plan.seed), real, waits, every=every), Diary(out / "journey.jsonl")

    def watch(dt: float) -> None:
        if app.game is not None:
            passed[0] += dt
            diary.watch(app.game)

    bot.watch = watch
    script = Script(bot, diary, plan)
    try:
        script.play()
        result = _result(script, bot.game)
        result["the_same_after_leaving"] = script.leave_and_go_on()
        bot.frames(10)
        bot.picture("gone-on.png")
        result["cpu_s"] = round(time.process_time() - began, 1)
        _write(diary, out, result)
        return result
    finally:
        pg.display.quit()
        app.close()
        diary.close()


def _clock(passed: list[float], real: bool) -> Callable[[], float]:
    """The clock by which minds are asked: the real one, or that of the frames."""
    return time.monotonic if real else lambda: passed[0]


def _result(script: Script, game: Game) -> dict:
    """What the journey came to."""
    journey, diary = game.journey, script.diary
    stages = {key: errand.stage for key, errand in journey.realm.world.quests.errands.items() if errand.stage != "open"}
    frames = sorted(game.frame_ms)
    return {
        "seed": script.plan.seed,
        "minutes": round(journey.seconds / 60, 2),
        "first_shown_s": diary.first("revealed", source="seer"),
        "shown": journey.narrator.shown,
        "empties": sum(a == NOTHING for lesson in journey.mind_client.journal for a in lesson.answers),
        "lessons": len(journey.mind_client.journal),
        "sights": diary.sights(),
        "shapes_at_first_sight": diary.shapes,
        "found": journey.narrator.firsts.found,
        "named": {"right": script.right, "wrong": script.wrong},
        "errands": stages,
        "screen": {name: tally.rates() for name, tally in diary.parts.items()},
        "progress": _progress(game),
        "state": state_hash(journey.realm.world),
        "draw_ms": {"p50": round(frames[len(frames) // 2], 2), "p99": round(frames[int(len(frames) * 0.99)], 2)},
    }


def _progress(game: Game) -> dict | None:
    progress = game.journey.mind_client.progress
    if progress is None:
        return None
    fields: dict = msgspec.to_builtins(progress)
    fields.pop("change")
    return fields


def _write(diary: Diary, out: Path, result: dict) -> None:
    with open(out / "curve.jsonl", "w", encoding="utf-8") as file:
        for line in diary.lines:
            if line["what"] == "progress":
                file.write(json.dumps({"seconds": line["wall"], **line}) + "\n")
    curve(diary, out / "curve.png")
    (out / "result.json").write_text(json.dumps(result, indent=1), encoding="utf-8")


def mind_maker(command: list[str]) -> tuple[MakeMind, bool]:
    """(what makes a mind, whether it needs real seconds): by a command, or a stand-in."""
    if command:
        from perception.link import Link

        return (lambda folder, seed: Link(command)), True
    from game.realm.rules import load
    from tests.kits.stub_mind import by_traces

    minds: list[Life] = []

    def stand(folder: Path, seed: int) -> Life:
        """The same one again, as a mind in a folder would be."""
        if not minds:
            minds.append(Stand(by_traces(load()), learning=True, delay=2, seer=by_traces(load())))
        return minds[0]

    return stand, False


def main(argv: list[str] | None = None) -> int:
    """The command line."""
    parser = argparse.ArgumentParser(description="The first minutes of a journey, through real pygame events.")
    parser.add_argument("--minutes", type=float, default=10.0, help="of play")
    parser.add_argument("--dream-seconds", type=float, default=60.0)
    parser.add_argument("--real", action="store_true", help="by the clock, at 60 frames a second")
    parser.add_argument("--fps", type=float, metavar="SECONDS", help="measure frames by the clock for so long")
    parser.add_argument("mind", nargs=argparse.REMAINDER, help="the command that starts a mind (default: a stand-in)")
    options = windowless(parser, argv, 1)
    make, waits = mind_maker([word for word in options.mind if word != "--"])
    if options.fps:
        from tests.bots.pace import measure

        print(json.dumps(measure(make, options.out, options.fps, options.seed)))
        return 0
    plan = Plan(options.minutes, options.dream_seconds, options.seed)
    result = first_minutes(make, options.out, plan, options.real, waits)
    print(json.dumps(result))
    return 0


if __name__ == "__main__":
    sys.exit(main())
