"""What can be refused before seconds are spent on importing torch: devices, slots."""

import ctypes
import sys
from contextlib import suppress
from pathlib import Path

DEVICES = ("auto", "cpu", "cuda", "mps")
SLOT_NAME_MAX = 64


def check_device(name: str) -> None:
    """Refuse a device that can't be there, because its driver isn't. Raises ValueError."""
    if name not in DEVICES:
        raise ValueError(f"--device {name}: unknown; choose auto, cpu, cuda or mps")
    available = name in ("auto", "cpu") or (name == "mps" and sys.platform == "darwin")
    if name == "cuda":
        available = Path("/dev/kfd").exists()  # a ROCm build of torch calls its device cuda too
        for driver in ("libcuda.so.1", "nvcuda.dll", "amdhip64.dll"):
            with suppress(OSError):
                available = available or bool(ctypes.CDLL(driver))
    if not available:
        raise ValueError(f"--device {name}: not available on this machine; choose --device auto or cpu")


def check_slot_name(name: str) -> None:
    """Refuse what is no name for a folder on every platform. Raises ValueError."""
    bad = not name.strip(". ") or len(name) > SLOT_NAME_MAX or any(mark in name for mark in '/\\:"*?<>|')
    if bad or not name.isprintable():
        printable = "".join(mark if mark.isprintable() else "?" for mark in name[:SLOT_NAME_MAX])
        raise ValueError(f"--save {printable}: not a name for a slot; letters, digits, dashes and dots will do")
