"""Born: does a mind that learned to see use the same heads as a mind that was born seeing?

The first base model is the novice that shares its initialisation with the born seer. Its controls start there too and
don't learn to see; they are one null. Further base models (--model again) are novices of other pretraining seeds; their
learners are another null. Four seeds of each.
"""

import json
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import msgspec

from common.files import read_text, write_whole
from game.realm.rules import load as load_rules
from perception.model import NOVICE, load, weights_hash
from training.behaviours.registry import behaviour_of
from training.config import LearnConfig
from training.experiments.judge import REHEARSAL, SHUFFLED, TRAINED
from training.experiments.plan import Experiment, Outcome, Runs
from training.experiments.pool import in_processes
from training.experiments.sight import ARMS
from training.experiments.tables import both, by_arm
from training.headlog.log import read_log
from training.heads.head_probes import head_probes
from training.heads.likeness import likeness, profile_of_log, profile_of_models
from training.heads.run_log import from_root
from training.progress import Report
from training.provenance import RestsOn, difference, of_model, rests_on

SEER = str(NOVICE.parent / "seer")


@dataclass(frozen=True)
class Compare:
    """The stage: measures the seer's profile (seer.json in the novice's folder), and compares the learners' with it."""

    seer: str = SEER
    every: int = 2  # of the chunks of probes, one in so many serves for swaps

    def quick(self) -> "Compare":
        """On fewer probes."""
        return replace(self, every=8)

    def check(self) -> None:
        """Raises ValueError if there is no born seer."""
        if not (Path(self.seer) / "config.json").is_file():
            raise ValueError(f"--seer {self.seer}: no born seer there; pretrain --seer makes one, or give its folder")

    def _rests_on(self, config: LearnConfig) -> RestsOn:
        """The hashes of all that decides the seer's profile."""
        seer = {f"seer's {part}": content for part, content in of_model(self.seer).items()}
        return rests_on(config) | seer | {"probes for swaps": f"one chunk in {self.every}"}

    def run(self, runs: Runs, workers: int, report: Report) -> dict[str, Any]:
        """{"likeness": by kind of profile, "seer", "others": how many learners of other novices}."""
        logs = by_arm(runs.of(0))
        first, *_ = learners = [read_log(outcome.log) for outcome in logs[TRAINED]]
        config = runs.experiment.based(0).arms[0].seeded(runs.outcomes[0].seed)
        place = runs.folders[0] / "seer.json"
        present = self._rests_on(config)
        if not place.exists():
            report("comparing with the seer", 0, 1)
            in_processes({0: (profile_seer, (config, self.seer, place, self.every, present))}, 1, lambda done: None)
        report("comparing with the seer", 1, 1)
        seer = _read(place)
        if seer["rests_on"] and (changes := difference(seer["rests_on"], present)):
            again = "give a new --out, or remove the file, and it will be measured again"
            raise ValueError(f"{place}: rests on something else than what is there now: {changes}; {again}")
        if seer["novice"] != first.header.model_hash:
            raise ValueError(f"{place}: was made with another novice; remove it, and it will be measured again")
        others = [_profile(o) for base in range(1, len(runs.folders)) for o in by_arm(runs.of(base))[TRAINED]]
        controls = {name: [_profile(outcome) for outcome in logs[name]] for name in (SHUFFLED, REHEARSAL)}
        profiles = [profile_of_log(log) for log in learners]
        similarity = likeness(profiles, seer["profile"], others, first.header.layers, controls)
        return {
            "likeness": similarity,
            "seer": {"model": from_root(self.seer), "hash": seer["seer"]},
            "others": len(others),
        }


def _profile(outcome: Outcome) -> dict[str, list[float]]:
    return profile_of_log(read_log(outcome.log))


def _read(path: Path) -> dict[str, Any]:
    try:
        content: dict[str, Any] = json.loads(read_text(path))
        msgspec.convert(content["profile"], dict[str, list[float]])
        return {key: content[key] for key in ("novice", "seer", "profile")} | {
            "rests_on": dict(content.get("rests_on", {}))  # older versions noted none
        }
    except (OSError, ValueError, TypeError, KeyError, AttributeError) as error:
        raise ValueError(f"{path}: can't be read ({error}); remove it, and it will be measured again") from error


def profile_seer(config: LearnConfig, seer: str, to: Path, every: int, present: RestsOn) -> None:
    """The born seer against its novice, in a process of its own. present: what the profile rests on."""
    rules, before, after = load_rules(), load(config.model), load(seer)
    behaviour = behaviour_of(config, before, rules)
    losses = behaviour.gain_losses()
    rows = head_probes(before, behaviour.probes, rules)
    profile = profile_of_models(before, after, rows, losses.whole, losses.part(every))
    content = {"novice": weights_hash(before.net), "seer": weights_hash(after.net), "profile": profile}
    write_whole(to, json.dumps(content | {"rests_on": present}).encode())


EXPERIMENT = Experiment(
    "born", "does the one who learned use the heads of the one born seeing? Nulls: its controls, other novices",
    tuple(arm.changed(gain_only=False) for arm in ARMS),  # the control is looked at head by head, too
    (0, 1, 2, 3), both, stage=Compare(), elsewhere=(TRAINED,),
)  # fmt: skip
