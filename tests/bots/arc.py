"""A journey from its beginning to its end, with a real mind and without a window: lessons, dreams, every errand.

    python -m tests.bots.arc --out DIR [--seed 3] [--minutes 90] [--mind novice] [--lessons 7]

The shipped novice perceives and learns in the same process, on the clock of the game: the same seed gives the same
journey. The bot knows what a player may know: where and when the codex says that each species is met, where an errand
leads, and what the mind believes. It looks for lessons of a species until it trusts its eyes, and then does the errands
that need them. --mind blind: one that never learns; knowing: one that sees everybody from the first day. An hour with
the novice takes about ten minutes of one core. Writes journey.jsonl and result.json. The latter is rewritten as the
journey goes on, so that it tells how far it has come.
"""

import argparse
import json
import sys
import time
from itertools import islice
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import torch

from common.assets import NOVICE
from common.files import write_whole
from game.journey.journey import Journey
from game.realm.actors import NEVER
from game.realm.errand import Errand
from game.realm.play_rules import load as load_play
from game.realm.realms import LocalRealm
from game.realm.rules import NOTHING
from game.realm.rules import load as load_rules
from game.realm.sampler import samples
from game.realm.world import new_world
from perception.messages import Lesson
from perception.model import choose_device, load
from tests.bots.diary import Diary
from tests.bots.legs import Legs
from tests.bots.species import measured
from tests.kits.direct_mind import DirectMind
from tests.kits.stub_mind import StubMind, by_traces
from tests.kits.stub_mind import blind as believes_nothing
from training.mind.mind import PROBE_SEED, Mind, MindConfig

NOVICE_MIND, BLIND, KNOWING = "novice", "blind", "knowing"
EVERY, LATE = 6, 30  # ticks between two pieces of the mind's work, and until an answer: as on a slow machine
PROBES = 40  # unseen scenes on which hits by species are measured
TRUSTS = 7  # lessons of a species after which the bot trusts its eyes
MORE = 2  # lessons more, whenever it was wrong
BATCH = 5  # new lessons after which it rests
TRIES = 90.0  # s that it tries an errand before it looks for lessons again
PLACES = 14  # that it goes to for lessons, before it thinks again


class Arc:
    """A bot, its mind, and what it has learned so far. needs: lessons of each species that it wants."""

    def __init__(self, out: Path, seed: int, minutes: float, mind: str = "novice", lessons: int = TRUSTS) -> None:
        self.out, self.seed, self.minutes = out, seed, minutes
        self.rules, self.began = load_play(), time.process_time()
        self.mind: Mind | None = None
        line: Any = StubMind(by_traces(self.rules) if mind == KNOWING else believes_nothing)
        if mind == NOVICE_MIND:
            model = load(str(NOVICE), choose_device("cpu"))
            self.mind = Mind(model, MindConfig(None, seed=PROBE_SEED + seed), load_rules())
            line = DirectMind(self.mind, EVERY, LATE)
        self.journey = Journey(LocalRealm(new_world(seed, self.rules)), line)
        self.diary = Diary(out / "journey.jsonl")
        self._seen: Any = SimpleNamespace(journey=self.journey, screens=None)
        self.legs = Legs(self.journey, lambda: self.diary.watch(self._seen), seed)
        self.probes = list(islice(samples(seed, "species", "terse", load_rules()), PROBES))
        self.needs = dict.fromkeys(self.rules.species, lessons)
        self.by_dream: list[dict[str, Any]] = []
        self.done: dict[str, float] = {}
        self.failed: dict[str, int] = {}
        self._dreamt_of: dict[str, int] = {}
        self._proven: set[str] = set()  # of an errand under way: species that it named right

    @property
    def over(self) -> bool:
        return self.journey.world.quests.ended != NEVER or self.journey.seconds > 60 * self.minutes

    def lessons(self, species: str) -> int:
        """How often it was told that this species was somewhere."""
        return sum(species in lesson.answers for lesson in self._journal)

    @property
    def _journal(self) -> list[Lesson]:
        return self.journey.mind_client.journal

    def trusts(self, species: str) -> bool:
        """Whether enough lessons of a species were dreamt of."""
        return species == NOTHING or self._dreamt_of.get(species, 0) >= self.needs[species]

    def play(self) -> dict[str, Any]:
        """All of it; returns what it came to."""
        self.legs.hear_out()
        while not self.over:
            errand = self._errand()
            if errand is not None:
                self._do(errand)
            else:
                self._learn()
            self.note()
        result = self.note()
        self.diary.close()
        return result

    def _open(self) -> list[Errand]:
        quests = self.journey.world.quests
        return [e for e in quests.errands.values() if e.stage != "done" and quests.offered(e)]

    def _errand(self) -> Errand | None:
        """An errand to go on with now: one that only has to be told, or one that it trusts its eyes with."""
        phase, able = self.journey.world.phase, self._open()
        for errand in able:
            if errand.stage == "ready":
                return errand
        for errand in able:
            early = errand.plan.hours and phase not in errand.plan.hours
            if all(map(self.trusts, errand.plan.guests)) and not (early and not errand.asks):
                return errand
        return None

    def _do(self, errand: Errand) -> None:
        """Goes on with an errand for a while; if it comes to nothing, more lessons are wanted."""
        legs, key, began = self.legs, errand.key, self.journey.seconds
        errands = self.journey.world.quests.errands
        waiting = errand.stage in ("open", "ready") or (errand.plan.task == "all" and not errand.asks)
        if waiting:
            legs.talk(errand.plan.giver)
        step, self._proven = errands[key].count, set()
        while errands[key].stage == "taken" and self.journey.seconds - began < TRIES and not self.over:
            self._once(errands[key])
            if errands[key].plan.task == "all" and not errands[key].asks:
                break
        if errands[key].stage in ("ready", "done"):
            self.done.setdefault(key, round(self.journey.seconds / 60, 2))
        elif errands[key].stage == "taken" and errands[key].count <= step:
            self.failed[key] = self.failed.get(key, 0) + 1
            for species in dict.fromkeys(errand.plan.guests):
                if species != NOTHING and species not in self._proven:
                    self.needs[species] = self.lessons(species) + MORE

    def _once(self, errand: Errand) -> None:
        """Goes round an errand's places until it sees a guest, and does what is asked."""
        legs, plan = self.legs, errand.plan
        if not errand.asks and plan.task != "all":
            legs.wait(1.0)
            return
        before = errand.count, errand.stage
        for place in errand.area:
            legs.go(place)
            legs.look()
            seen = {p: s for p, s in legs.believed().items() if p in errand.area and s in plan.guests}
            if place not in seen and NOTHING in plan.guests and legs.unseen(place):
                seen[place] = NOTHING
            for spot, species in seen.items():
                if plan.task in ("name", "all"):
                    (self._proven.add if legs.name(spot, species) else self._proven.discard)(species)
                elif plan.task == "track":
                    legs.touch(spot)
                else:
                    legs.beside(spot)
                    legs.wait(plan.seconds + 1.5)
                    legs.hear_out()
                if not errand.asks or ((errand.count, errand.stage) != before and plan.task != "all"):
                    return
            if errand.stage != "taken" or self.over:
                return

    def _wanted(self) -> list[str]:
        """The species that open errands need and it doesn't trust itself with, then all others."""
        needed = [species for errand in self._open() for species in errand.plan.guests]
        order = dict.fromkeys([*needed, *self.rules.species])
        return [species for species in order if not self.trusts(species)]

    def _learn(self) -> None:
        """Goes where a wanted species is met, is shown it, and dreams. Sleeps if none of them is met at this hour."""
        phase = self.journey.world.phase
        kinds = {kind.name: kind for kind in self.rules.spirits}
        wanted = self._wanted()
        for species in wanted:
            if phase in kinds[species].hours:
                self._look_for(species, kinds[species].haunts)
                return
        hours = [hour for species in wanted for hour in kinds[species].hours] or ["dusk"]
        self.legs.sleep(next((phase for phase in hours if phase in ("dusk", "dawn")), "dusk"))

    def _look_for(self, species: str, haunts: tuple[str, ...]) -> None:
        legs, view, new = self.legs, self.journey.world, len(self._journal)
        places = [p for region in haunts if region != "room" for p in view.haunts_of(region)]
        player = view.player
        land = view.map.places
        legs.rng.shuffle(places)
        places.sort(key=lambda p: ((land[p].x - player.x) ** 2 + (land[p].y - player.y) ** 2) ** 0.5 // 160)
        for place in places[:PLACES]:
            enough = self.lessons(species) >= self.needs[species]
            if enough or len(self._journal) - new >= BATCH + 3 or self.over:
                break
            if legs.go(place):
                legs.look()
                if not legs.names_somebody():
                    legs.ask()
        if len(self._journal) - self._slept_at >= BATCH or self.lessons(species) >= self.needs[species]:
            self._dream()

    _slept_at = 0

    def _dream(self) -> None:
        self.diary.dreams(self._seen)
        self.legs.dream()
        self._slept_at = len(self._journal)
        self._dreamt_of = {species: self.lessons(species) for species in self.rules.species}
        if self.mind is not None:
            hits = measured(self.mind.model, self.probes, load_rules())
            steps, minute = self.mind.teacher.steps, round(self.journey.seconds / 60, 2)
            shown = {species: count for species, count in self._dreamt_of.items() if count}
            self.by_dream.append({"minute": minute, "steps": steps, "shown": shown, "hits": hits})

    def note(self) -> dict[str, Any]:
        """Writes down how far it is."""
        journey, quests = self.journey, self.journey.world.quests
        first = self.diary.sights()
        result = {
            "seed": self.seed,
            "minutes": round(journey.seconds / 60, 2),
            "ended": quests.ended != NEVER,
            "first_sight_minute": round(float(str(first["first"])) / 60, 2) if first["first"] is not None else None,
            "first_true_sight_minute": round(float(str(first["first_true"])) / 60, 2) if first["first_true"] else None,
            "shapes_at_first_sight": self.diary.shapes,
            "found": journey.narrator.firsts.found,
            "names": {"right": self.legs.right, "wrong": self.legs.wrong},
            "lessons": len(self._journal),
            "errands": self.done,
            "failed": self.failed,
            "grounded": journey.mind_client.grounded,
            "dreams": self.by_dream,
            "cpu_s": round(time.process_time() - self.began, 1),
        }
        write_whole(self.out / "result.json", (json.dumps(result, indent=1) + "\n").encode())
        return result


def main(argv: list[str] | None = None) -> int:
    """The command line."""
    parser = argparse.ArgumentParser(description="A journey to its end with the shipped novice, without a window.")
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--seed", type=int, default=3)
    parser.add_argument("--minutes", type=float, default=90.0, help="of play, at most (default 90)")
    parser.add_argument("--mind", default=NOVICE_MIND, choices=(NOVICE_MIND, BLIND, KNOWING))
    parser.add_argument("--lessons", type=int, default=TRUSTS, help=f"of each species, before it trusts ({TRUSTS})")
    options = parser.parse_args(argv)
    torch.set_num_threads(1)
    result = Arc(options.out, options.seed, options.minutes, options.mind, options.lessons).play()
    print(json.dumps({key: value for key, value in result.items() if key != "dreams"}))
    return 0


if __name__ == "__main__":
    sys.exit(main())
