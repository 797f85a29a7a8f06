"""`main.py bench recorder`: what it costs to overhear the heads; `bench log`: what a large head-diff log costs.

recorder: a forward of 16 contexts of 256 random tokens, 4,096 in all (of 128 on a model of LARGE weights or more, whose
forward takes several seconds even so), on a CPU with one thread. plain: sdpa as it is.
recorder: overheard at one decision row a context, as head probes have; recorder-8 at eight. eager-attentions: the other
way to learn patterns, `output_attentions` under eager attention. Contestants take turns in rounds, so that a busy
machine hits all alike; what counts is the processor's time, the least of the rounds: neighbours only add to it, and by
more than what is measured here. Memory: bytes of what is kept.
log: 64 heads, 50 snapshots, 256 probes, every probe's number for every head in every snapshot.
"""

import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from perception.heads import Record, Recorder
from perception.model import load
from training.bench.timing import Row, least_in_turns, row
from training.headlog.log import read_log, write_log
from training.headlog.records import Header, Snapshot

CONTEXTS, TOKENS, ROUNDS = 16, 256, 15
LARGE, FEWER = 5 * 10**7, 128
SNAPSHOTS, PROBES, SIDE = 50, 256, 8


def recorder(model: str, seed: int) -> list[Row]:
    """Milliseconds a forward, and bytes kept of it. Puts the thread count back as it was."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        return _recorder(model, seed)
    finally:
        torch.set_num_threads(threads)


@torch.no_grad()
def _recorder(model: str, seed: int) -> list[Row]:
    net, eager = load(model).net.eval(), load(model).net.eval()
    eager.set_attn_implementation("eager")
    generator = torch.Generator().manual_seed(seed)
    tokens = TOKENS if sum(p.numel() for p in net.parameters()) < LARGE else FEWER
    ids = torch.randint(3, int(net.config.vocab_size), (CONTEXTS, tokens), generator=generator)
    last = torch.full((CONTEXTS, 1), tokens - 1)
    eighths = torch.arange(tokens // 8 - 1, tokens, tokens // 8).expand(CONTEXTS, -1).contiguous()
    works: dict[str, Callable[[], Any]] = {
        "plain": lambda: net(input_ids=ids, use_cache=False),
        "recorder": lambda: _overheard(net, ids, last),
        "recorder-8": lambda: _overheard(net, ids, eighths),
        "eager-attentions": lambda: eager(input_ids=ids, use_cache=False, output_attentions=True).attentions,
    }
    ms = least_in_turns(works, ROUNDS)
    memory = {
        "recorder": _bytes(_overheard(net, ids, last)),
        "recorder-8": _bytes(_overheard(net, ids, eighths)),
        "eager-attentions": sum(pattern.nbytes for pattern in works["eager-attentions"]()),
    }
    rows = [row(name, value, "ms", "plain", ms["plain"]) for name, value in ms.items()]
    shared = memory["recorder"]
    return rows + [row(f"{name}-memory", size, "bytes", "recorder-memory", shared) for name, size in memory.items()]


def _overheard(net: Any, ids: Tensor, rows: Tensor) -> Record:
    with Recorder(net, rows) as heard:
        net(input_ids=ids, use_cache=False)
    return heard.record()


def _bytes(record: Record) -> int:
    return sum(part.nbytes for parts in (record.patterns, record.visible, record.z, record.residual) for part in parts)


def log(model: str, seed: int) -> list[Row]:
    """Bytes of the log, and milliseconds of the processor's time to write and to read it. model: not used."""
    generator = torch.Generator().manual_seed(seed)
    each = tuple(map(tuple, torch.randn(PROBES, SIDE * SIDE, generator=generator).tolist()))
    grid = tuple(map(tuple, torch.randn(SIDE, SIDE, generator=generator).tolist()))
    header = Header(
        model="bench", model_hash="", data_hash="", commit="", seeds={"bench": seed}, config={}, created="",
        layers=SIDE, heads=SIDE,
    )  # fmt: skip
    snapshots = [Snapshot(step=step, phase="during", own=grid, pattern=grid, each=each) for step in range(SNAPSHOTS)]
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "log.msgpack"
        began = time.process_time()
        write_log(path, header, snapshots)
        wrote = time.process_time()
        read_log(path)
        ended = time.process_time()
        size = path.stat().st_size
    return [
        row("size", size, "bytes", "size", size),
        row("write", 1000 * (wrote - began), "ms", "write", 1000 * (wrote - began)),
        row("read", 1000 * (ended - wrote), "ms", "write", 1000 * (wrote - began)),
    ]
