"""Relative importance of drivers, fitted anew at each build: the same answers give the same figures.

Grain: one row per outcome, survey and driver.
"""

from typing import Any


def model(dbt: Any, session: Any) -> Any:
    """`int_cx__driver_values`, `config_drivers` -> importance and effect of each driver, or why there is none."""
    from scoring.driver_tables import fit_drivers

    dbt.config(materialized="table", schema="customer")
    values = dbt.ref("int_cx__driver_values")
    declared = dbt.ref("config_drivers")
    return fit_drivers(values.to_arrow_table(), declared.to_arrow_table())
