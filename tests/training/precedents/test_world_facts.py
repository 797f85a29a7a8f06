"""Facts of the world: reproducible, sound for the reader of facts, and neighbours that the edit must spare."""

import json

from tests.kits.sources import ROOT
from training.precedents.facts import read_facts
from training.precedents.world_facts import world_facts

FILE = ROOT / "docs" / "facts" / "world.jsonl"


def test_the_file_is_what_the_generator_writes():
    assert [json.loads(line) for line in FILE.read_text(encoding="utf-8").splitlines()] == world_facts()


def test_every_line_is_read_as_a_fact():
    assert len(read_facts(FILE)) == len(world_facts())


def test_neighbours_ask_about_others_and_the_new_answer_is_another_of_the_relation():
    lines = world_facts()
    answers = {(line["relation"], line["target_true"]) for line in lines}
    for line in lines:
        assert line["target_new"] != line["target_true"]
        assert (line["relation"], line["target_new"]) in answers
        assert line["neighborhood_prompts"], line["subject"]
        assert line["prompt"].format(line["subject"]) not in line["neighborhood_prompts"]
        for near in line["neighborhood_prompts"]:
            same = [other for other in lines if other["prompt"].format(other["subject"]) == near]
            assert all(other["target_true"] == line["target_true"] for other in same)


def test_another_seed_gives_other_new_answers():
    assert world_facts(1) != world_facts(0)
    key = lambda line: (line["relation"], line["subject"], line["target_true"])  # noqa: E731
    assert sorted(map(key, world_facts(1))) == sorted(map(key, world_facts(0)))
