"""What is printed arrives on every console: in any encoding, and quietly when nobody reads on."""

import codecs
import os
import sys

PLAIN = {
    "…": "...", "–": "-", "—": "-", "‑": "-", "−": "-", "×": "x", "·": ".", "•": "*", "→": "->", "←": "<-", "≥": ">=",
    "≤": "<=", "±": "+-", "‘": "'", "’": "'", "“": '"', "”": '"', "«": "<<", "»": ">>", "Δ": "d", "σ": "s", "γ": "g",
    "θ": "th", "ρ": "rho", "‖": "||", "∘": "o", "°": " deg", "█": "#", "▓": "#", "▒": "+", "░": ".", "■": "#", "□": ".",
    "●": "*", "○": "o", "▪": "#", "✓": "yes", "✗": "no", "─": "-", "│": "|", "━": "-", "┃": "|", "é": "e", "ö": "o",
}  # fmt: skip


def _plain(error: UnicodeError) -> tuple[str, int]:
    if not isinstance(error, UnicodeEncodeError):
        raise error
    bad = error.object[error.start : error.end]
    return "".join(PLAIN.get(mark, "?") for mark in bad), error.end


def fit_streams() -> None:
    """Let stdout and stderr write ASCII for what their encoding lacks, instead of failing half way."""
    codecs.register_error("second-sight-plain", _plain)
    for stream in (sys.stdout, sys.stderr):
        if hasattr(stream, "reconfigure"):
            stream.reconfigure(errors="second-sight-plain")


def nobody_reads() -> None:
    """Point stdout nowhere after a broken pipe, so that the interpreter's last flush says nothing."""
    nowhere = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, sys.stdout.fileno())
    os.close(nowhere)
