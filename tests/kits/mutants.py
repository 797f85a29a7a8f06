"""Tables as a careless or hostile hand leaves them: one value somewhere is another, missing, or too many."""

import copy
import datetime
from typing import Any

from hypothesis import strategies as st

WORDS = (
    "hum",
    "two words",
    "UPPER",
    "{x}",
    "{place.x}",
    "{species:>999999999}",
    "{",
    "a\nb",
    "",
    "x" * 5000,
    "nothing",
)
VALUES = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-3, 12)
    | st.sampled_from([10**6, 10**12, -(10**30), 10**400, 0.5, -1.0, 1e300, float("inf"), float("-inf"), float("nan")])
    | st.sampled_from(WORDS)
    | st.text(max_size=6)
    | st.just(datetime.date(2000, 1, 1)),
    lambda inner: (
        st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=4) | st.just("a\nb"), inner, max_size=3)
    ),
    max_leaves=6,
)


def spots(data: Any, path: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    """The paths of all that a table holds, tables and lists included."""
    paths = [path] if path else []
    inside = data.items() if isinstance(data, dict) else enumerate(data) if isinstance(data, list) else ()
    for key, value in inside:
        paths += spots(value, (*path, key))
    return paths


@st.composite
def mutants(draw: st.DrawFn, data: dict[str, Any]) -> dict[str, Any]:
    """A copy of parsed TOML in which one thing is replaced, gone, or added."""
    path = draw(st.sampled_from(spots(data)))
    whole = copy.deepcopy(data)
    table: Any = whole
    for key in path[:-1]:
        table = table[key]
    how = draw(st.sampled_from(("replace", "remove", "add", "double")))
    if how == "remove":
        del table[path[-1]]
    elif how == "replace":
        table[path[-1]] = draw(VALUES)
    elif isinstance(table, list):
        table.append(table[path[-1]] if how == "double" else draw(VALUES))
    else:
        table[draw(st.text(max_size=6) | st.sampled_from(WORDS))] = table[path[-1]] if how == "double" else draw(VALUES)
    return whole
