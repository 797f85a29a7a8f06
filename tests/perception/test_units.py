"""Units: heads and MLPs, in their order, and their names."""

from perception.units import every_unit, is_mlp, unit_name


def test_units_stand_layer_by_layer_with_the_mlp_behind_its_heads() -> None:
    assert every_unit(2, 2) == [(0, 0), (0, 1), (1, 0), (1, 1)]
    assert [unit_name(unit, 2) for unit in every_unit(2, 2, True)] == ["0.0", "0.1", "mlp 0", "1.0", "1.1", "mlp 1"]
    assert [is_mlp(unit, 2) for unit in every_unit(1, 2, True)] == [False, False, True]
