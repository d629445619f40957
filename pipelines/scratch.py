"""A DuckDB in memory for reading and comparing, bounded like the warehouse."""

from collections.abc import Iterator
from contextlib import contextmanager

import duckdb

from pipelines.specs import LoadSpec


@contextmanager
def scratch(spec: LoadSpec) -> Iterator[duckdb.DuckDBPyConnection]:
    """An in-memory DuckDB for reading, bounded like the warehouse."""
    spec.temp.mkdir(parents=True, exist_ok=True)
    con = duckdb.connect(
        config={
            "memory_limit": spec.memory_limit,
            "temp_directory": str(spec.temp),
            "max_temp_directory_size": spec.temp_limit,
        }
    )
    try:
        # The zone decides how a parquet timestamp is printed, and with it the row's hash: never the machine's.
        con.execute("set enable_progress_bar = false; set TimeZone = 'UTC'")
        yield con
    finally:
        con.close()
