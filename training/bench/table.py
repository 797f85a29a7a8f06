"""`main.py bench all`: every area, each in a process of its own, as one table: Markdown for people, JSON for scripts.

With a folder, what is measured so far stands in bench.json and bench.md there after each area, and the same command
goes on with the areas that are missing.
"""

import json
import os
import platform
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from common.files import make_folder, read_json, write_whole
from training.bench.areas import AREAS, ON_DEVICES
from training.progress import Report

COMMAND = Path(__file__).resolve().parents[2] / "main.py"  # as a checkout and an installed package have it
JSON, MARKDOWN = "bench.json", "bench.md"
AREA_S = 1_800.0  # s that one area may take
Result = dict[str, Any]


def bench_all(model: str, seed: int, device: str, out: Path | None, commit: str, report: Report) -> Result:
    """{"machine", "commit", "model", "seed", "areas": [{"area", "about", "device", "rows"} or {"area", "fault"}]}.

    Raises ValueError if `out` holds a table of something else, or is no folder, and OutputError where it can't write.
    """
    from training.heads.run_log import from_root  # brings torch

    head = {"commit": commit, "model": from_root(model), "seed": seed, "device": device, "machine": machine()}
    areas = {} if out is None else _begun(out, head)
    for number, area in enumerate(AREAS):
        report(f"bench {area}", number, len(AREAS))
        if "rows" not in areas.get(area, {}):
            areas[area] = _measured(area, model, seed, device)
        result = head | {"areas": [areas[name] for name in AREAS if name in areas]}
        if out is not None:
            write_whole(out / JSON, (json.dumps(result, indent=1) + "\n").encode())
            write_whole(out / MARKDOWN, ("\n".join(markdown(result)) + "\n").encode())
    report("bench", len(AREAS), len(AREAS))
    return result


def machine() -> str:
    """Processor, its cores, and the system, in a few words."""
    return f"{platform.machine()}, {os.cpu_count()} cores, {platform.system()}, Python {platform.python_version()}"


def check_folder(out: Path) -> None:
    """Raises ValueError if it is there and no folder, OutputError if it can't be made."""
    if out.exists() and not out.is_dir():
        raise ValueError(f"--out {out}: is no folder; give a folder")
    make_folder(out)


def _begun(out: Path, head: Mapping[str, Any]) -> dict[str, Result]:
    """The areas that stand in the folder already."""
    check_folder(out)
    if not (out / JSON).exists():
        return {}
    stored = read_json(out / JSON)
    noted = stored if isinstance(stored, dict) else {}
    changes = [f"{key}: {noted.get(key)} then, {value} now" for key, value in head.items() if noted.get(key) != value]
    if changes:
        raise ValueError(f"--out {out}: holds a table of something else; give a new folder ({', '.join(changes)})")
    return {str(entry.get("area")): entry for entry in noted.get("areas", []) if isinstance(entry, dict)}


def _measured(area: str, model: str, seed: int, device: str) -> Result:
    """One area. A fault of it is noted, and the others go on."""
    command = [sys.executable, str(COMMAND), "bench", area, "--model", model, "--seed", str(seed), "--json"]
    command += ["--device", device] if area in ON_DEVICES else []
    try:
        done = subprocess.run(command, capture_output=True, timeout=AREA_S, check=False)
    except subprocess.TimeoutExpired:
        return {"area": area, "fault": f"took more than {AREA_S:.0f} s"}
    if done.returncode:
        last = done.stderr.decode(errors="replace").strip().splitlines() or [f"ended with {done.returncode}"]
        return {"area": area, "fault": last[-1][:300]}
    return {"area": area, "about": AREAS[area]} | json.loads(done.stdout)


def markdown(result: Mapping[str, Any]) -> Iterator[str]:
    """The table: a row a figure, with how many times its area's baseline it is."""
    yield "# Speeds"
    yield ""
    yield f"Commit {result['commit']}, seed {result['seed']}; {result['machine']}. Each area is one run: its rows took"
    yield "turns, so its ratios hold on a busy machine too; rates alone don't."
    for entry in result["areas"]:
        yield from ["", f"## {entry['area']}", ""]
        if "fault" in entry:
            yield f"Not measured: {entry['fault']}"
            continue
        yield from [f"{entry['about'].capitalize()}; on {entry.get('device', 'cpu')}.", ""]
        yield from _rows(entry["rows"])


def _rows(rows: Sequence[Mapping[str, Any]]) -> Iterator[str]:
    bounded = any("at_most" in row for row in rows)
    yield "| what | value | unit | times | baseline |" + (" at most |" if bounded else "")
    yield "|---|---:|---|---:|---|" + ("---:|" if bounded else "")
    for row in rows:
        if row.get("value") is None:
            cells = [row["name"], row.get("note", "not measured"), "", "", row["baseline"]]
        else:
            cells = [row["name"], f"{row['value']:,.4g}", row["unit"], f"{row['ratio']:.3g}", row["baseline"]]
        cells += [f"{row.get('at_most', '')}"] if bounded else []
        yield f"| {' | '.join(cells)} |"
