"""assets/sound.toml, read and checked: every sound that it describes has bounded length, pitch and loudness."""

from pathlib import Path
from typing import Any

from game.audio.music import pieces, pitch
from game.audio.synth import RATE
from game.realm.tables import RulesError, bounded, check, read_toml

PIECES = ("realm", "dream", "ending")
LOWEST, HIGHEST = 20, RATE / 2  # Hz
PAIR = [float]  # two numbers
SHAPE: dict[str, Any] = {
    "loud": {"voice": float, "step": float, "bed": float, "cue": float, "bell": float, "music": float},
    "step": {
        "*": {
            "noise": PAIR,
            "decay": float,
            "thud?": PAIR,
            "drop?": PAIR,
            "grains?": int,
            "grain?": PAIR,
            "again?": float,
        }
    },
    "music": {
        "*": {
            "root": float,
            "scale": [int],
            "step": float,
            "layer": [
                {
                    "name": str,
                    "instrument": str,
                    "ring": float,
                    "sees": float,
                    "loud": float,
                    "notes": object,
                    "from?": float,
                    "pan?": float,
                }
            ],
        }
    },
}
LAYER = {"ring": (0.1, 64), "sees": (0, 100), "from": (0, 100), "loud": (0, 4), "pan": (-1, 1)}


def load(path: Path) -> dict[str, Any]:
    """The tables of the file. Raises RulesError: where, what, how to mend it."""
    data = read_toml(path)
    check(data, SHAPE, f"{path.name} ")
    for kind, loudness in data["loud"].items():
        bounded(loudness, 0.001, 1, f"{path.name} loud.{kind}")
    for ground, step in data["step"].items():
        _step(step, f"{path.name} step.{ground}")
    for name in PIECES:
        if name not in data["music"]:
            raise RulesError(f"{path.name} music: the piece {name} is missing")
    for name, piece in data["music"].items():
        _piece(piece, f"{path.name} music.{name}")
    try:
        for name, played in pieces(data["music"]).items():
            highest = max((pitch(played, note.degree) for layer in played.layers for note in layer.notes), default=0)
            if highest > HIGHEST:
                raise ValueError(f"music.{name}: a note of {highest:.0f} Hz; at most {HIGHEST:.0f}")
    except ValueError as error:
        raise RulesError(f"{path.name} {error}") from error
    return data


def _step(step: dict[str, Any], where: str) -> None:
    """A footstep: frequencies that can be heard, and no longer than a step lasts."""
    for key in ("noise", "grain"):
        if key in step:
            low, high = _pair(step[key], f"{where}.{key}")
            bounded(low, LOWEST, HIGHEST, f"{where}.{key}")
            bounded(high, low, HIGHEST, f"{where}.{key}")
    for key in ("thud", "drop"):
        if key in step:
            hertz, loudness = _pair(step[key], f"{where}.{key}")
            bounded(hertz, LOWEST, HIGHEST, f"{where}.{key}")
            bounded(loudness, 0, 4, f"{where}.{key}")
    bounded(step["decay"], 0.001, 1, f"{where}.decay")
    bounded(step.get("again", 0), 0, 0.15, f"{where}.again")
    if bounded(step.get("grains", 0), 0, 200, f"{where}.grains") and "grain" not in step:
        raise RulesError(f"{where}.grain: missing; give the lowest and highest frequency of the grains")


def _pair(values: list[float], where: str) -> tuple[float, float]:
    if len(values) != 2:
        raise RulesError(f"{where}: must be two numbers")
    return values[0], values[1]


def _piece(piece: dict[str, Any], where: str) -> None:
    bounded(piece["root"], LOWEST, 2000, f"{where}.root")
    bounded(piece["step"], 0.05, 5, f"{where}.step")
    bounded(len(piece["scale"]), 1, 24, f"{where}.scale: its length")
    for semitone in piece["scale"]:
        bounded(semitone, 0, 36, f"{where}.scale")
    bounded(len(piece["layer"]), 1, 16, f"{where}.layer: their number")
    for layer in piece["layer"]:
        for key in [key for key in LAYER if key in layer]:
            bounded(layer[key], *LAYER[key], f"{where}.{layer['name']}.{key}")
    names = [layer["name"] for layer in piece["layer"]]
    if len(set(names)) < len(names):
        raise RulesError(f"{where}: two layers of one name; give each its own")
