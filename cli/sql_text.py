"""Texts inside generated SQL, and SQL inside the Jinja of generated models."""

import re
from collections.abc import Sequence


def quote(name: str) -> str:
    """A column name as SQL."""
    return '"' + name.replace('"', '""') + '"'


def literal(value: str) -> str:
    """A text as SQL."""
    return "'" + value.replace("'", "''") + "'"


def text_or_null(value: str | None) -> str:
    """A text as SQL, or null."""
    return plain(literal(value)) if value else "null"


def plain(sql: str) -> str:
    """SQL that dbt must take as it is: what opens a Jinja tag in somebody's column name is only text."""
    return re.sub(r"\{(?=[{%#])", "{{ '{' }}", sql)


def jinja(value: str | None) -> str:
    """Inside a single-quoted Jinja string."""
    return (value or "").replace("\\", "\\\\").replace("'", "\\'")


def typed_null(sql_type: str) -> str:
    """Null of a type."""
    return f"cast(null as {{{{ sql_type('{sql_type}') }}}})"


def empty(columns: Sequence[tuple[str, str]]) -> str:
    """A query with these columns and no rows."""
    listed = ",\n    ".join(f"{typed_null(sql_type)} as {name}" for name, sql_type in columns)
    return f"select\n    {listed}\nwhere false"
