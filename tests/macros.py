"""Macros and models of the project as SQL text, without dbt: what property tests and speed checks run through DuckDB."""

from cli.macros import PROJECT, macros, project, sql

__all__ = ["PROJECT", "macros", "model_sql", "sql"]


def model_sql(path: str) -> str:
    """The SQL of a model below `models/` as a full build runs it, its inputs named as they are."""
    text = (PROJECT / "models" / path).read_text(encoding="utf-8")
    return project("duckdb")[0].from_string(text).render()
