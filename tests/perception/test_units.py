"""Names of units: heads and MLPs, there and back."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from perception.units import every_unit, is_mlp, parse_unit, unit_name


@given(st.integers(0, 99), st.integers(1, 40), st.data())
def test_a_name_is_its_unit(layer: int, heads: int, data: st.DataObject) -> None:
    unit = (layer, data.draw(st.integers(0, heads)))
    assert parse_unit(unit_name(unit, heads), heads) == unit
    assert unit_name(unit, heads).startswith("mlp ") == is_mlp(unit, heads)


@pytest.mark.parametrize("name", ["", "3", "3.4", "mlp", "mlp x", "mlp -1", "3.1.1", "٣.١", "mlp 1 "])
def test_what_is_no_unit_is_refused(name: str) -> None:
    with pytest.raises(ValueError, match=r"is no unit; give a head as 3\.5 or an MLP"):
        parse_unit(name, 4)


def test_units_stand_layer_by_layer_with_the_mlp_behind_its_heads() -> None:
    assert every_unit(2, 2) == [(0, 0), (0, 1), (1, 0), (1, 1)]
    assert [unit_name(unit, 2) for unit in every_unit(2, 2, True)] == ["0.0", "0.1", "mlp 0", "1.0", "1.1", "mlp 1"]
