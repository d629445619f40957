"""Literals of statements: whatever the value, the statement reads it back."""

from datetime import datetime

import duckdb
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipelines.exports.values import Value, inlined

NAIVE = st.datetimes(min_value=datetime(1900, 1, 1), max_value=datetime(2200, 1, 1))
TEXTS = st.text(st.characters(exclude_categories=["Cs"]))
VALUES = st.one_of(TEXTS, st.integers(-(2**62), 2**62), st.booleans(), NAIVE, st.none())


@given(first=VALUES, second=VALUES)
def test_a_statement_reads_its_values_back(first: Value, second: Value) -> None:
    """Quotes, dollars and NULs too; a value is never read as a parameter or as SQL."""
    with duckdb.connect() as con:
        found = con.execute(inlined("select $first, $second", {"first": first, "second": second})).fetchall()
    assert found == [(first, second)]


def test_texts_and_quoted_names_of_the_statement_stay() -> None:
    """A dollar in them is no parameter."""
    statement = """select '$a', 'it''s $a', "$a", $a"""
    assert inlined(statement, {"a": 1}) == """select '$a', 'it''s $a', "$a", 1"""
    assert inlined("select 1 -- it's $a\n, $a, 'a -- $a'", {"a": 1}) == "select 1 -- it's $a\n, 1, 'a -- $a'"


def test_a_parameter_without_a_value_is_an_error() -> None:
    """Nothing is sent half filled."""
    with pytest.raises(KeyError, match="missing"):
        inlined("select $missing", {})
