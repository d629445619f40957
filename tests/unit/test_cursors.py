"""Cursor values: written back as they came, compared in their own kind."""

from datetime import UTC, date, datetime, timedelta, timezone
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipelines import cursors


@pytest.mark.parametrize(
    ("value", "lag", "wanted"),
    [
        ("2026-03-01T10:00:05Z", 60, "2026-03-01T09:59:05Z"),
        ("2026-03-01 00:00:00", 1, "2026-02-28 23:59:59"),
        ("2026-03-01T00:00:00.250000+00:00", 1, "2026-02-28T23:59:59.250000+00:00"),
        ("2026-03-01", 2, "2026-02-27"),
        ("1700000000", 3600, "1699996400"),
        ("-5", 1, "-6"),
        ("abc", 5, "abc"),
        ("2026-03-01T10:00:05Z", 0, "2026-03-01T10:00:05Z"),
    ],
)
def test_moved_back_as_it_was_written(value: str, lag: int, wanted: str) -> None:
    """An API that got `Z` is asked with `Z`."""
    assert cursors.moved_back(value, lag) == wanted


@pytest.mark.parametrize(
    ("values", "wanted"),
    [
        ([9, 10, None], 10),
        ([Decimal("1.5"), 2], 2),
        (["9", "10"], "9"),
        ([None], None),
        ([], None),
        ([1, "a"], "a"),
    ],
)
def test_the_greatest_of_its_kind(values: list[Any], wanted: Any) -> None:
    """Numbers as numbers: 10 comes after 9."""
    assert cursors.greatest(values) == wanted


@given(st.datetimes(timezones=st.sampled_from([UTC, timezone(timedelta(hours=7))])))
def test_a_moment_survives_being_kept(moment: datetime) -> None:
    """What goes out as text comes back as the same instant."""
    if moment.year in (1, 9999):
        return
    assert cursors.typed(cursors.text_of(moment), datetime) == moment


@given(st.one_of(st.integers(), st.dates(), st.decimals(allow_nan=False, allow_infinity=False)))
def test_other_values_survive_too(value: int | date | Decimal) -> None:
    """Integers, days and decimals."""
    assert cursors.typed(cursors.text_of(value), type(value)) == value
