"""Parquet -> rows of text; nested values as JSON."""

import duckdb

from pipelines.rows import Layout, literal, quote
from pipelines.specs import FileRef


def rows(con: duckdb.DuckDBPyConnection, file: FileRef, found: Layout) -> str:
    """SQL of the file's rows, each with its position."""
    types = types_of(con, file)
    texts = "".join(f"{_as_text(name, types[name])} as {quote(raw)}, " for name, raw in found.names.items())
    counted = not any(name.lower() == "file_row_number" for name in types)
    position = "file_row_number + 1" if counted else "row_number() over ()"
    option = ", file_row_number = true" if counted else ""
    return f"""select {texts}{position} as _cdp_position, null::varchar as _cdp_error,
        null::varchar as _cdp_raw from read_parquet({literal(str(file.path))}{option})"""


def types_of(con: duckdb.DuckDBPyConnection, file: FileRef) -> dict[str, str]:
    """Column -> its type."""
    described = con.execute(f"describe select * from read_parquet({literal(str(file.path))})").fetchall()
    return {str(row[0]): str(row[1]) for row in described}


def _as_text(name: str, sql_type: str) -> str:
    nested = sql_type.endswith("[]") or sql_type.startswith(("STRUCT", "MAP"))
    return f"to_json({quote(name)})::varchar" if nested else f"{quote(name)}::varchar"
