"""Facts of the world in plain English, as a file of lines in the style of CounterFact (docs/edit.md).

Cities and their countries, languages, makers, capitals: assets/facts.toml holds them. Every fact gets a random other
answer of its relation. `python -m training.precedents.world_facts` writes docs/facts/world.jsonl.
"""

import argparse
import json
import tomllib
from collections.abc import Iterator
from pathlib import Path
from random import Random
from typing import Any

from common.assets import ASSETS
from common.files import make_folder, write_whole

FILE = ASSETS / "facts.toml"
NEAR = 4  # neighbours of a fact


def world_facts(seed: int = 0) -> list[dict[str, Any]]:
    """Every fact as a line (`training.precedents.facts.Line`), in a random order.

    Neighbours have the fact's own true answer: other subjects of that answer, or what stands under `near`.
    """
    source = tomllib.loads(FILE.read_text(encoding="utf-8"))
    lines = [line for relation in source for line in _of(relation, source[relation], seed)]
    Random(f"{seed}/world-facts/order").shuffle(lines)
    return lines


def _of(name: str, relation: dict[str, Any], seed: int) -> Iterator[dict[str, Any]]:
    rng, values = Random(f"{seed}/world-facts/{name}"), relation["values"]
    for answer, subjects in values.items():
        for subject in subjects:
            others = [other for other in subjects if other != subject]
            near = [relation["prompt"].format(other) for other in others] or relation["near"][answer]
            yield {
                "relation": name,
                "prompt": relation["prompt"],
                "subject": subject,
                "target_true": answer,
                "target_new": rng.choice([value for value in values if value != answer]),
                "paraphrase_prompts": [form.format(subject) for form in relation["paraphrases"]],
                "neighborhood_prompts": near[:NEAR],
            }


def main() -> None:
    """Write the file."""
    parser = argparse.ArgumentParser(description="Write facts of the world in plain English as a file of lines.")
    parser.add_argument("--out", type=Path, default=Path("docs/facts/world.jsonl"), metavar="FILE")
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()
    make_folder(options.out.parent)
    write_whole(options.out, "".join(json.dumps(line) + "\n" for line in world_facts(options.seed)).encode())
    print(options.out)


if __name__ == "__main__":
    main()
