"""A mind's scorecard: each mistake lowers its own score, splits hold what was never asked; and the curve's picture."""

import json
from functools import cache, partial
from inspect import signature

import pytest

from game.realm.held_out import held_pairs
from game.realm.lore import load_lore
from game.realm.rules import NOTHING, load
from game.realm.stories import load_stories
from game.realm.talk import load_talk
from game.realm.tongues import COUNT, SENSE, WHERE, WORK, mundane_answer
from perception.model import Model
from tests.kits.minds import tiny
from training.data.curriculum import PARTS
from training.data.splits import HELD_PLACES, held_object, spirit_at
from training.novice import pretraining_figure, scorecard

RULES, LORE, STORIES, TALK = load(), load_lore(), load_stories(), load_talk()
KINDS_OF_EXAMS = (scorecard.scenes, scorecard.new_pairs, scorecard.lore, scorecard.stories, scorecard.talks)
SAID = {
    ("? talk " + form.format(place=place)): kind
    for kind, forms in TALK.forms.items()
    for form in forms
    for place in RULES.directions
}


def act(scene, question):
    """What the base companion does, read off the scene's text."""
    kind = SAID[question.text]
    if kind != "direction":
        return TALK.base[kind]
    _, time, _, weather, *rest = scene.text.split()
    look = rest.index(question.place, 1)
    while rest[look - 1] != "look":
        look = rest.index(question.place, look + 1)
    risky = {*TALK.danger.get(time, ()), *TALK.danger.get(weather, ())}
    return TALK.base["danger" if rest[look + 1] in risky else "safe"]


def knowing(scene, q):
    """A perfect novice."""
    if q.ask == SENSE:
        return NOTHING
    if q.ask.startswith("fact_"):
        return next(f.value for f in LORE.facts if (f.subject, f"fact_{f.relation}") == (q.place, q.ask))
    if q.ask == "story":
        names = [word for word in f"{scene.text} {q.text}".split() if word in STORIES.names]
        return next(name for name in names if names.count(name) == 1)
    return act(scene, q) if q.ask == "talk" else mundane_answer(RULES, scene.events, q.ask, q.place)


def seeing(scene, q):
    """A perfect seer."""
    return spirit_at(RULES, scene.events, q.place) if q.ask == SENSE else knowing(scene, q)


@cache
def exams(make, seed, count, tongue, *more):
    """The exams of one kind: making them takes most of the time, and who answers changes nothing about them."""
    return tuple(make(seed, count, tongue, *([RULES] if "rules" in signature(make).parameters else []), *more))


def scored(monkeypatch, answer, count=24):
    """The scorecard of a mind that answers every question by answer(scene, question)."""

    def perceive(model, scenes, record):
        beliefs = [[[float(c == answer(s, q)) for c in q.candidates] for q in s.questions] for s in scenes]
        return [type("Percept", (), {"beliefs": each}) for each in beliefs]

    for make in KINDS_OF_EXAMS:
        asks = partial(exams, make)
        monkeypatch.setattr(
            scorecard, make.__name__, lambda *words, asks=asks: asks(*(word for word in words if word is not RULES))
        )
    monkeypatch.setattr(scorecard, "perceive", perceive)
    return scorecard.scorecard(tiny(), 0, RULES, count)


def flat(scores):
    parts = {f"talk {k}": v for k, v in scores["talk"].items()} | {f"split {k}": v for k, v in scores["splits"].items()}
    return {k: v for k, v in scores.items() if not isinstance(v, dict)} | parts


@pytest.fixture(scope="module")
def novices():
    with pytest.MonkeyPatch.context() as patch:
        return scored(patch, knowing)


def test_a_perfect_novice_is_blind_and_knows_all_else(novices):
    scores = flat(novices)
    spirits = {"spirits_seen": 0, "false_alarms": 0, "spirits_seen_new": 0, "false_alarms_new": 0}
    assert scores == dict.fromkeys(scores, 1.0) | spirits
    assert set(novices["splits"]) >= {"template", "object", "pair", "places", "names"}
    assert min(novices["asked"].values()) > 0


@pytest.mark.parametrize(("part", "gone"), [("folklore", {"omen"}), ("presences", {"work", "work_present", "pair"})])
def test_a_novice_is_not_asked_what_it_was_never_taught(monkeypatch, novices, part, gone):
    monkeypatch.setattr(Model, "untaught", PARTS[part])
    counts = scored(monkeypatch, knowing)["asked"]
    assert set(novices["asked"]) - set(counts) == gone
    assert 0 < counts["tally"] < novices["asked"]["tally"]


def test_a_perfect_seer_names_every_spirit_and_no_other(monkeypatch, novices):
    before, after = flat(novices), flat(scored(monkeypatch, seeing))
    assert {name for name in after if after[name] != before[name]} == {"spirits_seen", "spirits_seen_new", "blind"}
    assert after["spirits_seen"] == after["spirits_seen_new"] == 1
    assert 0.5 < after["blind"] < 0.95  # it says "nothing" where nobody is


@pytest.mark.parametrize(
    ("wrong", "lowered"),
    [
        (lambda s, q: q.ask == SENSE and spirit_at(RULES, s.events, q.place) == NOTHING,
         {"blind", "false_alarms", "false_alarms_new"}),
        (lambda s, q: q.ask.startswith("fact_") and not s.events, {"lore"}),
        (lambda s, q: q.ask.startswith("fact_") and s.events, {"lore_in_scenes"}),
        (lambda s, q: q.ask == COUNT, {"mundane", "count", "split places"}),
        (lambda s, q: q.ask == WHERE, {"mundane", "where", "split places"}),
        (lambda s, q: q.ask == WORK, {"mundane", "work", "work_present", "split places", "split pair"}),
        (lambda s, q: q.text == "? talk go friend" or SAID.get(q.text) == "idle",
         {"directions", "talk idle", "split template", "split talk_template"}),
        (lambda s, q: len({e.place for e in s.events}) == HELD_PLACES and q.ask == "look",
         {"mundane", "look", "split places", "split object"}),
        (lambda s, q: q.ask in RULES.senses and any(
            held_object(e.thing, q.place) for e in s.events if (e.sense, e.place) == (q.ask, q.place)),
         {"mundane", "senses", "split object", "split places"}),
    ],
)  # fmt: skip
def test_a_mistake_lowers_its_own_scores(monkeypatch, novices, wrong, lowered):
    def answer(scene, q):
        right = knowing(scene, q)
        return next(c for c in reversed(q.candidates) if c not in (right, NOTHING)) if wrong(scene, q) else right

    before, after = flat(novices), flat(scored(monkeypatch, answer))
    assert {name for name in after if after[name] != before[name]} == lowered
    assert all(after[name] < before[name] for name in lowered if "alarms" not in name)


def test_preferring_the_one_who_gives_fails_every_story(monkeypatch):
    def answer(scene, q):
        return next(word for word in q.text.split() if word in STORIES.names) if q.ask == "story" else NOTHING

    scores = scored(monkeypatch, answer, count=12)
    assert scores["ioi"] == 0 == scores["splits"]["ioi_template"]


def test_a_curve_becomes_a_picture(tmp_path):
    points = [
        {"step": s, "stage": s // 40 - 1, "seconds": s, "loss": 100 / s, "scenes": s / 99} for s in range(10, 90, 10)
    ]
    file = tmp_path / "curve.jsonl"
    file.write_text("".join(json.dumps(point) + "\n" for point in points))
    assert pretraining_figure.read_curve(file) == points
    pretraining_figure.main([str(tmp_path / "curves.png"), "novice", str(file), "seer", str(file)])
    assert (tmp_path / "curves.png").read_bytes().startswith(b"\x89PNG")


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("", "holds no points"),
        ('{"step": 1, "stage": 0}\n', "line 1: needs step, stage and loss"),
        ('{"step": 1, "stage": 0, "loss": 1}\nnonsense\n', "line 2: not a point of a curve"),
        ('[1, 2]\n', "line 1: not a point of a curve"),
        ('{"step": null, "stage": 0, "loss": 1}\n', "line 1: not a point of a curve"),
    ],
)  # fmt: skip
def test_a_curve_that_is_none_is_refused_in_one_line(tmp_path, text, says):
    file = tmp_path / "curve.jsonl"
    file.write_text(text)
    with pytest.raises(ValueError, match=says) as caught:
        pretraining_figure.read_curve(file)
    assert "\n" not in str(caught.value)
    with pytest.raises(ValueError, match="no such file"):
        pretraining_figure.read_curve(tmp_path / "other.jsonl")


def test_new_pairs_are_counted_only_where_just_a_held_out_pair_is_shown():
    counted = 0
    for exam in scorecard.new_pairs(0, 150, "terse", RULES):
        for q, checks in zip(exam.scene.questions, exam.checks, strict=True):
            for group, name in checks:
                if group in ("pair", "spirits_seen_new"):
                    (kind,) = (kind for kind in RULES.kinds if kind.name == name)
                    there = {e.thing for e in exam.scene.events if e.place == q.place}
                    assert there & set(kind.traces) == set(held_pairs(RULES)[name])
                    assert q.ask == (WORK if group == "pair" else SENSE)
                    counted += 1
    assert counted > 8
