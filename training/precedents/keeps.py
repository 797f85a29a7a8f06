"""Does a model that was trained still know facts, and do stories of two names? Shares, model by model.

`python -m training.precedents.keeps MODEL [MODEL ...] --facts FILE.jsonl --out FILE.json`: the first model is the one
before. A fact is known if its true answer is the likeliest behind its prompt; a story is done if the right name is
likelier than the one who gives (`circuit --task ioi`, whose prompts these are).
"""

import json
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from common.files import check_output, write_whole
from common.parser import Parser
from perception.model import load
from training.heads.run_log import from_root
from training.precedents.early_checks import check_input
from training.precedents.facts import PAGE, Case, read_facts
from training.precedents.path_patching import mixes_of
from training.precedents.scores import known
from training.precedents.sites import sites_of
from training.precedents.tasks import ioi_lines, task_of

STORIES, MOST = 200, 10_000  # usual, at most


def kept(models: Sequence[str], cases: Sequence[Case], stories: int, seed: int) -> list[dict[str, Any]]:
    """A row a model: {"model", "facts", "stories", "kept"}, shares from 0 to 1.

    kept: of the facts that the first model knows, the share that this one knows; None where it knows none. Of a model
    whose contexts another net reads (--base-cache), the net that decides is scored alone: it reads the whole prompts
    itself, since none of them has a context that the other net could have read. Raises ValueError for a model that
    can't be read, or whose tokenizer has too few names of one token.
    """
    rows: list[dict[str, Any]] = []
    knew: list[bool] = []
    for source in models:
        model = load(source)
        task = task_of("ioi", ioi_lines(model, stories, seed), model)
        right = task.right(mixes_of(sites_of(model.net), task.prompts)[0])
        says = known(model, cases, "")
        knew = knew or says
        still = [now for now, before in zip(says, knew, strict=True) if before]
        share = sum(still) / len(still) if still else None
        rows.append({"model": from_root(source), "facts": sum(says) / len(says), "stories": right, "kept": share})
    return rows


def main(arguments: Sequence[str] | None = None) -> int:
    """The command line."""
    parser = Parser(prog="training.precedents.keeps", description="facts and names, model by model")
    parser.add_argument("models", nargs="+", metavar="MODEL", help="as main.py's --model takes them")
    parser.add_argument("--facts", type=Path, required=True, metavar="FILE.jsonl", help="as of edit --facts")
    parser.add_argument("--stories", type=int, default=STORIES, help=f"of two names, 1 to {MOST} (default {STORIES})")
    parser.add_argument("--seed", type=int, default=0, help="of the stories")
    parser.add_argument("--out", type=Path, metavar="FILE.json", help="the rows, as a file")
    options = parser.parse_args(arguments)
    try:
        if not 1 <= options.stories <= MOST:
            raise ValueError(f"--stories {options.stories}: give 1 to {MOST}")
        if options.out is not None:
            check_output(options.out)
        check_input("--facts", options.facts, f"give a FILE.jsonl of facts ({PAGE})")
        rows = kept(options.models, read_facts(options.facts), options.stories, options.seed)
        if options.out is not None:
            write_whole(options.out, (json.dumps({"models": rows}, indent=1) + "\n").encode())
    except (ValueError, OSError) as error:
        print(error, file=sys.stderr)
        return 2
    for row in rows:
        still = "-" if row["kept"] is None else f"{row['kept']:.1%}"
        print(f"{row['model']}: facts {row['facts']:.1%}, of those known before {still}, names {row['stories']:.1%}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
