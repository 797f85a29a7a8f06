"""Makes tracr.json: two networks compiled by tracr, so that their circuits are known. Run it where that is installed:

    python -m tests.training.precedents.make_tracr tests/training/precedents/tracr.json

frac_prevs: at each token, the share of "x" so far. reverse: the tokens in reverse order (`tracr.compiler.lib`).
The heads that tracr needs are those whose output matrix isn't zero: it fills unused ones with zeros.
"""

import json
import sys
import warnings
from pathlib import Path
from typing import Any

LENGTH = 5  # tokens, without the first


def compiled(name: str) -> dict[str, Any]:
    """One network: {heads, key_size, layers: [{matrix: rows}], token, position, tokens, outputs}."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        from tracr.compiler import compiling, lib
        from tracr.rasp import rasp

        program = lib.make_frac_prevs(rasp.tokens == "x") if name == "frac_prevs" else lib.make_reverse(rasp.tokens)
        vocabulary = set("wxyz") if name == "frac_prevs" else set("abcd")
        model = compiling.compile_rasp_to_model(program, vocabulary, LENGTH, compiler_bos="BOS")
    layers = []
    for number in range(model.model_config.num_layers):
        place = f"transformer/layer_{number}"
        parts = {
            **{
                key: f"{place}/attn/{part}"
                for key, part in zip("qkvo", ("query", "key", "value", "linear"), strict=True)
            },
            **{key: f"{place}/mlp/linear_{part}" for key, part in (("up", 1), ("down", 2))},
        }
        layers.append({key: sparse(model.params[part]["w"]) for key, part in parts.items()})
        layers[-1] |= {f"{key}_bias": sparse(model.params[part]["b"][None]) for key, part in parts.items()}
    labels = list(model.residual_labels)
    written = "frac_prevs_1" if name == "frac_prevs" else "reverse_4:"
    return {
        "heads": model.model_config.num_heads,
        "layers": layers,
        "token": sparse(model.params["token_embed"]["embeddings"]),
        "position": sparse(model.params["pos_embed"]["embeddings"]),
        "tokens": dict(sorted(model.input_encoder.encoding_map.items())),
        "outputs": {label: at for at, label in enumerate(labels) if label.startswith(written)},
    }


def sparse(matrix: Any) -> list[Any]:
    """[rows, columns, [[row, column, number], ...]]: almost all of a compiled matrix is 0."""
    rows, columns = matrix.shape
    cells = [[r, c, round(float(matrix[r, c]), 9)] for r in range(rows) for c in range(columns) if matrix[r, c]]
    return [rows, columns, cells]


def text() -> str:
    """The file's content."""
    return json.dumps({name: compiled(name) for name in ("frac_prevs", "reverse")}) + "\n"


if __name__ == "__main__":
    Path(sys.argv[1]).write_text(text(), encoding="utf-8")
