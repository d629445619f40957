"""Fixtures of the export tests; a module that needs another warehouse has a `con` of its own."""

from collections.abc import Iterator

import duckdb
import pytest

from tests.exports_fake import Recorder, add_people, create_tables, recorder


@pytest.fixture
def con() -> Iterator[duckdb.DuckDBPyConnection]:
    """A warehouse with twelve people who all agreed."""
    with duckdb.connect() as connection:
        create_tables(connection)
        add_people(connection, 0, 12)
        yield connection


@pytest.fixture
def receiver() -> Iterator[Recorder]:
    """A receiver on loopback that accepts everything until told otherwise."""
    with recorder() as record:
        yield record
