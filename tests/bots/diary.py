"""What a bot writes down: one JSON object a line, as things happen, and tallies of what was seen where what was.

The bot may know what the game may not: beliefs on the screen are scored against the world's truth, leaving out spirits
that were pointed out lately.
"""

import json
import time
from dataclasses import dataclass, field
from pathlib import Path
from statistics import NormalDist

import msgspec

from game.app.game_loop import Game
from game.realm.rules import NOTHING
from game.realm.senses import who_is_at

AGAIN = 5.0  # s of the game's clock after which a place counts anew
STALE = 30  # ticks: an older answer is about who was there then


@dataclass
class Tally:
    """Counts of places looked at, unaided: spirits and those named on the screen, empties and those called haunted."""

    spirits: int = 0
    hits: int = 0
    empties: int = 0
    alarms: int = 0
    known: int = 0  # of the spirits, such as the mind was shown and has dreamt of
    known_hits: int = 0

    def add(self, truth: str, seen: str, known: bool) -> None:
        """One place: who is there, who is seen there, and whether the mind has dreamt of whoever is there."""
        self.known += truth != NOTHING and known
        self.known_hits += truth != NOTHING and known and seen == truth
        self.spirits += truth != NOTHING
        self.hits += truth != NOTHING and seen == truth
        self.empties += truth == NOTHING
        self.alarms += truth == NOTHING and seen != NOTHING

    def rates(self) -> dict[str, float | int | None]:
        """With rates (None where nothing was to be seen) and d', log-linear corrected (Hautus 1995)."""
        z = NormalDist().inv_cdf
        hits, alarms = (self.hits + 0.5) / (self.spirits + 1), (self.alarms + 0.5) / (self.empties + 1)
        return {
            "spirits": self.spirits,
            "empties": self.empties,
            "hits": round(self.hits / self.spirits, 4) if self.spirits else None,
            "false_alarms": round(self.alarms / self.empties, 4) if self.empties else None,
            "d_prime": round(z(hits) - z(alarms), 3) if self.spirits and self.empties else None,
            "known": self.known,
            "known_hits": round(self.known_hits / self.known, 4) if self.known else None,
        }


@dataclass
class Diary:
    """The log of one journey. parts: tallies by name; a look counts for `part`, and for the minute it falls in."""

    path: Path
    part: str = "before"
    lines: list[dict] = field(default_factory=list)
    parts: dict[str, Tally] = field(default_factory=dict)
    minutes: list[Tally] = field(default_factory=list)
    shapes: int = 0  # most that were drawn at once while the first sight of all gathered
    dreamt: frozenset[str] = frozenset()  # species that were shown before the last rest or practice

    def __post_init__(self) -> None:
        self.began = time.monotonic()
        self.path.parent.mkdir(parents=True, exist_ok=True)
        self._file = open(self.path, "w", encoding="utf-8")  # noqa: SIM115 (closed by close)
        self._last: dict[str, object] = {}
        self._looked: dict[int, float] = {}

    def close(self) -> None:
        self._file.close()

    def write(self, what: str, game: Game | None = None, **more: object) -> None:
        """One line: when (s of play, s by the clock), what, and whatever belongs to it."""
        line = {"t": round(game.journey.seconds, 2) if game else 0.0, "wall": round(time.monotonic() - self.began, 2)}
        self.lines.append({**line, "what": what, **more})
        self._file.write(json.dumps(self.lines[-1]) + "\n")
        self._file.flush()

    def _new(self, key: str, value: object) -> bool:
        """True if this is another value than the last time."""
        changed = self._last.get(key) != value
        self._last[key] = value
        return changed and value is not None

    def watch(self, game: Game) -> None:
        """After every frame."""
        journey, sight = game.journey, game.journey.mind_client
        if journey.sight.debut.going_on:
            self.shapes = max(self.shapes, len(journey.frame_state().ghosts))
        if sight.progress is not None and sight.progress is not self._last.get("progress"):
            self._last["progress"] = sight.progress
            fields = msgspec.to_builtins(sight.progress)
            fields.pop("change")
            self.write("progress", game, **fields)
        self._said(game)
        self._moved(game)
        if sight.view is not None and sight.view is not self._last.get("view"):
            self._last["view"] = sight.view
            if not journey.resting:
                self._look(game)
        if journey.seconds >= 60 * (len(self.minutes) + 1) - 60 and self._new("minute", int(journey.seconds // 60)):
            if self.minutes:
                self.write("minute", game, **self.minutes[-1].rates())
            self.minutes.append(Tally())

    def _said(self, game: Game) -> None:
        """What was shown, said and seen."""
        journey, places = game.journey, game.journey.world.map.places
        speech = journey.narrator.speech
        if speech is not None and speech is not self._last.get("speech"):  # kept: a dead one's address may come again
            self._last["speech"] = speech
            self.write("said", game, who=speech.who, text=speech.text)
        for spot in journey.narrator.pointed:
            if self._new(f"spot {spot.x} {spot.y} {spot.until}", True):
                self.write("revealed", game, answer=spot.answer, source=spot.source)
        seen = journey.narrator.firsts.now
        if seen is not None and self._new("sighting", (seen.place, seen.species, seen.until)):
            truth = who_is_at(journey.realm.world, seen.place)
            where = {"place": places[seen.place].kind, "region": places[seen.place].region}
            self.write("sighting", game, species=seen.species, truth=truth, first=seen.first, **where)
        if self._new("found", journey.narrator.firsts.found) and journey.narrator.firsts.found:
            self.write("found", game, spirits=journey.narrator.firsts.found)

    def _moved(self, game: Game) -> None:
        """Errands, screens, the sky, the mind's state."""
        world = game.journey.realm.world
        for key, errand in world.quests.errands.items():
            if self._new(f"errand {key}", (errand.stage, errand.count, errand.wrongs)) and errand.stage != "open":
                self.write("errand", game, key=key, stage=errand.stage, count=errand.count, wrongs=errand.wrongs)
        top = type(game.screens.top).__name__ if game.screens else ""
        if self._new("screen", top) and top:
            self.write("screen", game, name=top)
        if self._new("sky", (world.phase, world.weather)):
            self.write("sky", game, phase=world.phase, weather=world.weather)
        if self._new("mind", game.journey.mind.state):
            self.write("mind", game, state=game.journey.mind.state)

    def _look(self, game: Game) -> None:
        """What is believed of the scene that was answered just now, against the truth."""
        journey, now = game.journey, game.journey.seconds
        if journey.realm.world.tick - journey.mind_client.view.scene.id > STALE:  # type: ignore[union-attr]
            return
        for place, aim in journey.mind_client.aim.items():
            truth = who_is_at(journey.realm.world, place)
            if now - self._looked.get(place, -1e9) < AGAIN or (place, truth) in journey.narrator.firsts._revealed:
                continue
            self._looked[place] = now
            best = max(aim, key=lambda word: aim[word], default=NOTHING)
            seen = best if aim and aim[best] > 1 - sum(aim.values()) else NOTHING
            for tally in (self.parts.setdefault(self.part, Tally()), *self.minutes[-1:]):
                tally.add(truth, seen, truth in self.dreamt)

    def dreams(self, game: Game) -> None:
        """The mind practises what it was shown so far."""
        answers = [answer for lesson in game.journey.mind_client.journal for answer in lesson.answers]
        self.dreamt = frozenset(answer for answer in answers if answer not in (None, NOTHING))

    def first(self, what: str, **more: object) -> float | None:
        """When something was first written down (s of play)."""
        lines = [line for line in self.lines if line["what"] == what and all(line[k] == v for k, v in more.items())]
        return lines[0]["t"] if lines else None

    def sights(self) -> dict[str, object]:
        """When the first sight that nobody pointed out came, and the first that was true."""
        seen = [line for line in self.lines if line["what"] == "sighting"]
        true = [line for line in seen if line["species"] == line["truth"]]
        return {
            "first": seen[0]["t"] if seen else None,
            "first_true": true[0]["t"] if true else None,
            "all": len(seen),
            "true": len(true),
        }


def curve(diary: Diary, path: Path) -> None:
    """Draws d', hits and false alarms over the time of play: on the mind's probes, and on the screen by minutes."""
    import matplotlib

    matplotlib.use("Agg")
    from matplotlib import pyplot

    probes = [line for line in diary.lines if line["what"] == "progress" and line["d_prime"] is not None]
    screen = [line for line in diary.lines if line["what"] == "minute"]
    figure, (upper, lower) = pyplot.subplots(2, 1, figsize=(8, 6), sharex=True, layout="constrained")
    minutes = [line["t"] / 60 for line in probes]
    upper.plot(minutes, [line["d_prime"] for line in probes], color="#2a6fb0", label="d', on scenes never taught")
    points = [(line["t"] / 60 - 0.5, line["d_prime"]) for line in screen if line["d_prime"] is not None]
    upper.plot(
        [x for x, _ in points], [y for _, y in points], "o", color="#b06a2a", label="d', on the screen, by minute"
    )
    for key, colour in (("hits", "#2a8f5a"), ("false_alarms", "#b03a4a")):
        lower.plot(minutes, [line[key] for line in probes], color=colour, label=key.replace("_", " "))
        points = [(line["t"] / 60 - 0.5, line[key]) for line in screen if line[key] is not None]
        lower.plot([x for x, _ in points], [y for _, y in points], "o", color=colour, alpha=0.5)
    for line in diary.lines:
        if line["what"] == "rest":
            for axis in (upper, lower):
                axis.axvspan(line["began"] / 60, line["t"] / 60, color="#8080c0", alpha=0.15, lw=0)
    if (first := diary.sights()["first_true"]) is not None:
        upper.axvline(float(str(first)) / 60, color="#606060", ls=":", label="first true sight that nobody pointed out")
    upper.set_ylabel("d'")
    lower.set(xlabel="minutes of play (shaded: dreams; dots: on the screen)", ylabel="share", ylim=(-0.03, 1.03))
    upper.legend(loc="lower right", fontsize=8)
    lower.legend(loc="upper right", fontsize=8)
    figure.savefig(path, dpi=110)
    pyplot.close(figure)
